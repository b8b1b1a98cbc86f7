"""The emulator on a real port: in a thread of this process, and in a process of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys

import httpx
import pytest

from opusmap.connection import parse_connection
from opusmap.emulator import TOKEN_PATH, Delivery, Emulator, Fault, in_turn, served
from opusmap.errors import SettingsError

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
COLUMNS = json.dumps({"id": GUID, "data": [{"rowKey": "SingleText", "leafName": "SingleText"}]})
FORM = {
    "grant_type": "client_credentials",
    "client_id": "app",
    "client_secret": "s",
    "scope": "records.readwrite.all",
}
PROGRAM = f"""
from opusmap.connection import parse_connection
from opusmap.emulator import Emulator, serve

emulator = Emulator(parse_connection('''{COLUMNS}'''), client_id="app", client_secret="s")
serve(emulator, on_ready=lambda url: print(url, flush=True))
print("ended with", emulator.counts.created, flush=True)
"""


def make_emulator() -> Emulator:
    return Emulator(parse_connection(COLUMNS), client_id="app", client_secret="s")


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
    with pytest.raises(SettingsError, match=r'pip install "opusmap\[emulator\]"'), served(make_emulator()):
        pass
