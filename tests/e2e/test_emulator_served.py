"""The emulator on a real port: in a thread of this process, and in a process of its own."""

from __future__ import annotations

import inspect
import json
import os
import signal
import socket
import subprocess
import sys
import time

import httpx
import pytest

from opusmap.connection import parse_connection
from opusmap.emulator import TOKEN_PATH, Client, Delivery, Emulator, Fault, Readings, in_turn, served
from opusmap.errors import SettingsError

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
COLUMNS = json.dumps({"id": GUID, "data": [{"rowKey": "SingleText", "leafName": "SingleText"}]})
FORM = {
    "grant_type": "client_credentials",
    "client_id": "app",
    "client_secret": "s",
    "scope": "records.readwrite.all",
}
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
PROGRAM = f"""
from opusmap.connection import parse_connection
from opusmap.emulator import Client, Emulator, serve

emulator = Emulator(parse_connection('''{COLUMNS}'''), Client("app", "s"))
serve(emulator, on_ready=lambda url: print(url, flush=True))
print("ended with", emulator.counts.created, flush=True)
"""


def make_emulator() -> Emulator:
    return Emulator(parse_connection(COLUMNS), Client("app", "s"))


def submit(url: str) -> httpx.Response:
    with httpx.Client(base_url=url, trust_env=False) as client:
        token = client.post(TOKEN_PATH, data=FORM).json()["access_token"]
        body = {"id": GUID, "conflictOption": "Overwrite", "data": [{"rowKey": "a", "leafName": "A"}]}
        return client.post("/connector/records", json=body, headers={"Authorization": f"Bearer {token}"})


def test_a_real_client_submits_over_a_real_port():
    emulator = make_emulator()
    with served(emulator) as url:
        assert url.startswith("http://127.0.0.1:")
        answer = submit(url)
    assert (answer.status_code, answer.headers.get("server")) == (201, None)
    assert emulator.records == {"a": {"rowKey": "a", "leafName": "A"}}


@pytest.mark.parametrize("no_content", [False, True])
@pytest.mark.usefixtures("transport")
def test_a_healthy_service_where_nothing_is_due_is_proved_in_both_readings(no_content, tmp_path):
    (tmp_path / "c.json").write_text(COLUMNS, "utf-8")
    (tmp_path / "rows.csv").write_text("Id,Title\n1,Lease\n", "utf-8")
    fields = "fields: {rowKey: Id, leafName: Title}"
    mapping = f"opusmap: 1\nconnection: c.json\nsource: {{path: rows.csv}}\n{fields}\n"
    (tmp_path / "mapping.yaml").write_text(mapping, "utf-8")
    connection, readings = parse_connection(COLUMNS), Readings(no_content=no_content)
    emulator = Emulator(connection, Client("app", "s"), readings=readings)
    with served(emulator) as url:
        variables = {"BASE_URL": url, "TOKEN_URL": url + TOKEN_PATH, "CLIENT_ID": "app", "CLIENT_SECRET": "s"}
        ended = subprocess.run(
            (*OPUSMAP, "check", "mapping.yaml", "--online", "--json"),
            cwd=tmp_path,
            env=os.environ | {f"OPUSMAP_{name}": value for name, value in variables.items()},
            capture_output=True,
            text=True,
            check=False,
        )
    assert (ended.returncode, ended.stderr.count("Opus answers")) == (0, 0), ended.stderr
    assert len(json.loads(ended.stdout)["online"]["proved"]) == 4
    assert emulator.requests[-1].status == (204 if no_content else 200)


def test_nothing_answers_any_more_when_the_block_has_ended():
    with served(make_emulator()) as url:
        pass
    with pytest.raises(httpx.ConnectError):
        httpx.get(url, trust_env=False)


def test_the_block_ends_although_it_raised():
    with pytest.raises(ZeroDivisionError), served(make_emulator()):
        raise ZeroDivisionError


def test_an_oversized_body_is_refused_over_a_socket():
    with served(make_emulator()) as url:
        token = httpx.post(url + TOKEN_PATH, data=FORM, trust_env=False).json()["access_token"]
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        answer = httpx.post(
            url + "/connector/records", content=b" " * (8 << 20) + b" ", headers=headers, trust_env=False
        )
    assert answer.status_code == 413


@pytest.mark.parametrize("delivery", [Delivery(lost=True), Delivery(cut=0), Delivery(cut=9)])
def test_a_connection_that_is_to_be_cut_is_closed_and_the_next_one_served(delivery, caplog):
    emulator = make_emulator()
    emulator.faults = in_turn(Fault(delivery=delivery))
    with served(emulator) as url:
        with pytest.raises(httpx.RemoteProtocolError):
            submit(url)
        assert list(emulator.records) == ["a"]
        assert submit(url).status_code == 201
    assert not caplog.records, "the server takes it for a mistake"


def test_an_answer_drips_over_a_socket():
    emulator = make_emulator()
    emulator.faults = in_turn(Fault(delivery=Delivery(spread=0.1)))
    with served(emulator) as url, httpx.Client(base_url=url, trust_env=False) as client:
        token = client.post(TOKEN_PATH, data=FORM).json()["access_token"]
        body = {"id": GUID, "conflictOption": "Overwrite", "data": [{"rowKey": "a", "leafName": "A"}]}
        headers = {"Authorization": f"Bearer {token}"}
        with client.stream("POST", "/connector/records", json=body, headers=headers) as answer:
            parts = list(answer.iter_raw())
    assert len(parts) > 5
    assert json.loads(b"".join(parts)) == {"statusCode": 201, "message": None}


def test_a_port_that_is_taken_is_a_clear_error():
    with served(make_emulator()) as url:
        port = int(url.rpartition(":")[2])
        with (
            pytest.raises(SettingsError, match=f"can't listen on 127.0.0.1 port {port}"),
            served(make_emulator(), port=port),
        ):
            pass


@pytest.mark.parametrize("port", [-1, 70_000])
def test_a_port_that_can_not_be_is_a_clear_error(port):
    with pytest.raises(SettingsError, match="is not a port"), served(make_emulator(), port=port):
        pass


@pytest.mark.parametrize("host", ["ü" * 70, "\ud800", "x..y"])
def test_a_host_that_can_not_be_is_a_clear_error(host):
    with pytest.raises(SettingsError, match="can't listen on"), served(make_emulator(), host=host):
        pass


def test_a_process_serves_until_ctrl_c_and_ends_in_order():
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert submit(url).status_code == 201
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=20)
    finally:
        process.kill()
        process.wait()
    assert (process.returncode, out, err) == (0, "ended with 1\n", "")


def test_without_uvicorn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    with pytest.raises(SettingsError, match="install the extra `emulator`"), served(make_emulator()):
        pass


def speak(url: str, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send bytes as they are, a pause behind each, and return what comes back until the other side closes."""
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=30) as connection:
        told = b""
        try:
            for part in parts:
                connection.sendall(part)
                time.sleep(pause)
            while piece := connection.recv(1 << 16):
                told += piece
        except (ConnectionResetError, BrokenPipeError):
            pass
        return told


def asked(url: str, *headers: str, version: str = "1.1") -> int:
    lines = [f"GET / HTTP/{version}", *headers, "Connection: close", "", ""]
    return int(speak(url, "\r\n".join(lines).encode()).split()[1])


OWN_HOSTS = [
    "127.0.0.1",
    "localhost",
    "LOCALHOST",
    "localhost.",
    "[::1]",
    "127.0.0.1:{port}",
    "localhost:{port}",
    "127.0.0.1:9",
]
OTHER_HOSTS = [
    "evil.example",
    "evil.example:{port}",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "evil.example#localhost",
    "user@localhost",
    "localhost@evil.example",
    "localhost:x",
    "localhost:1:2",
    "10.0.0.1",
    "[::2]",
    "[::1",
    "2130706433",
    "0x7f.1",
    "0.0.0.0",
    "xn--localhost-",
    "",
]


@pytest.mark.parametrize("host", OWN_HOSTS)
def test_a_request_under_a_name_of_this_machine_is_served(host):
    with served(make_emulator()) as url:
        assert asked(url, f"Host: {host.format(port=url.rpartition(':')[2])}") == 200


@pytest.mark.parametrize("host", OTHER_HOSTS)
def test_a_request_under_another_name_is_turned_away(host):
    """DNS rebinding: a page's own name leads to this machine, and its script may read what it answers."""
    emulator = make_emulator()
    with served(emulator) as url:
        assert asked(url, f"Host: {host.format(port=url.rpartition(':')[2])}") == 421
    assert emulator.requests == ()


@pytest.mark.parametrize(
    ("headers", "version"),
    [
        ((), "1.1"),
        ((), "1.0"),
        (("Host: localhost", "Host: localhost"), "1.1"),
        (("Host: localhost", "Host: evil.example"), "1.1"),
        (("Host: localhost, evil.example",), "1.1"),
    ],
)
def test_a_request_without_one_host_is_turned_away(headers, version):
    emulator = make_emulator()
    with served(emulator) as url:
        assert asked(url, *headers, version=version) in (400, 421)
    assert emulator.requests == ()


def test_where_the_network_is_let_in_numbers_and_the_name_of_the_machine_are_served():
    with served(make_emulator(), host="0.0.0.0") as url:
        local = f"http://127.0.0.1:{url.rpartition(':')[2]}"
        codes = [asked(local, f"Host: {host}") for host in ("10.0.0.1", socket.gethostname(), "evil.example")]
    assert codes == [200, 200, 421]


def test_a_real_client_is_served_under_localhost():
    with served(make_emulator()) as url:
        assert submit(url.replace("127.0.0.1", "localhost")).status_code == 201


BODY = b"POST " + TOKEN_PATH.encode() + b" HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n"
HALVES = {
    "nothing": [],
    "half a line": [b"GET / HT"],
    "half of the headers": [b"GET / HTTP/1.1\r\nHost: localhost\r\n"],
    "no body": [BODY],
    "half of a body": [BODY, b"1234"],
    "half of a chunk": [BODY.replace(b"Content-Length: 9", b"Transfer-Encoding: chunked"), b"5\r\nab"],
    "headers byte by byte": [b"GET / HTTP/1.1\r\nHost: localhost\r\n", *([b"X: y\r\n"] * 20)],
    "a body byte by byte": [BODY.replace(b"9", b"999"), *([b"x"] * 20)],
}


@pytest.mark.parametrize("parts", HALVES.values(), ids=HALVES)
def test_a_request_that_does_not_come_in_whole_is_dropped(parts, caplog):
    with served(make_emulator(), request_seconds=0.3) as url:
        began = time.monotonic()
        assert speak(url, *parts, pause=0.05 if len(parts) > 2 else 0) == b""
        assert 0.25 < time.monotonic() - began < 10
        assert asked(url, "Host: localhost") == 200
    assert not caplog.records


def test_half_of_a_second_request_on_a_connection_is_dropped_too():
    whole = b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"
    for second in (b"GET / HT", BODY + b"1"):
        with served(make_emulator(), request_seconds=0.3) as url:
            began = time.monotonic()
            told = speak(url, whole + second)
            assert told.count(b"HTTP/1.1 200") == 1
            assert time.monotonic() - began < 4, "uvicorn's own limit for idle connections is 5 s"


def test_a_slow_answer_and_a_connection_between_two_requests_are_left_alone():
    emulator = make_emulator()
    emulator.faults = in_turn(Fault(delivery=Delivery(wait=0.8)))
    with served(emulator, request_seconds=0.3) as url, httpx.Client(base_url=url, trust_env=False) as client:
        assert client.get("/").status_code == 200
        time.sleep(0.5)
        assert client.get("/").status_code == 200
        assert len(emulator.requests) == 2


def test_the_limit_is_ten_seconds():
    assert inspect.signature(served).parameters["request_seconds"].default == 10.0
