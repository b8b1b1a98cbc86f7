"""Answers and addresses that naive clients mishandle, over real sockets: each row has a test of its name.

What is pure in them is tried in full beside it: `Retry-After` in `test_retry`, answers in `test_answers`,
addresses in `test_settings`, the client's table of errors in `test_client`.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import os
import subprocess
import threading
import tracemalloc
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from opusmap_program import environment_of, run_opusmap
from scripted_server import ScriptedServer, answer_bytes, scripted

from opusmap.compiler import Mapper, load_mapping
from opusmap.emulator import TOKEN_PATH, Client, Delivery, Emulator, FailureShape, Fault, in_turn, served
from opusmap.errors import SignInError
from opusmap.opus.client import ANSWER_LIMIT, OpusClient
from opusmap.opus.exchange import Answer, NoAnswer, TransportError
from opusmap.opus.responses import read_exchange
from opusmap.report import Report
from opusmap.run.rehearsal import make_emulator
from opusmap.run.submit import submit
from opusmap.settings import Secret, Settings

pytestmark = pytest.mark.usefixtures("transport")
SECRET, TOKEN = "Canary-secret", "Canary-token"
GRANT = answer_bytes(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": TOKEN})
MAPPING = """
opusmap: 1
connection: c.json
source: {path: rows.csv}
fields: {rowKey: Id, leafName: Title}
"""
CONNECTION = """{"id": "d9da492f-cc67-4920-99f9-6fbaae1f1410",
"data": [{"rowKey": "SingleText", "leafName": "SingleText"}]}"""
ROWS = [{"Id": f"k{number}", "Title": "Lease"} for number in range(15)]
KEYS = [row["Id"] for row in ROWS]


def settings(url: str, token_url: str | None = None, **more: Any) -> Settings:
    journal = more.pop("journal", Path(":memory:"))
    more = {"transport": os.environ["OPUSMAP_TRANSPORT"], **more}
    return Settings(url, (token_url or url) + TOKEN_PATH, "rehearsal", Secret(SECRET), journal, **more)


def ask(settings: Settings) -> Answer | NoAnswer:
    """Send one request with a real client; return what came of it."""

    async def main() -> Answer | NoAnswer:
        async with OpusClient(settings) as client:
            return await client.send(b'{"data": []}')

    return asyncio.run(main())


@contextmanager
def opus_that_answers(answer: bytes | Iterable[bytes]) -> Iterator[ScriptedServer]:
    """Serve an Opus that lets everybody sign in and answers each request with these bytes."""
    with scripted(lambda _method, path: GRANT if path == TOKEN_PATH else answer) as server:
        yield server


@pytest.fixture
def mapper(tmp_path: Path) -> Mapper:
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    (tmp_path / "c.json").write_text(CONNECTION, "utf-8")
    (tmp_path / "rows.csv").write_text("Id,Title\n" + "".join(f"{key},Lease\n" for key in KEYS), "utf-8")
    return load_mapping(tmp_path / "mapping.yaml")


def run(folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run `opusmap submit` as a process."""
    who = {"OPUSMAP_CLIENT_ID": "rehearsal", "OPUSMAP_CLIENT_SECRET": SECRET}
    env = environment_of(**who | {"OPUSMAP_TRANSPORT": os.environ["OPUSMAP_TRANSPORT"]} | environ)
    return run_opusmap("submit", "mapping.yaml", "--json", cwd=folder, env=env)


# 984 bytes of doubly gzipped body


def test_a_doubly_gzipped_body_is_not_asked_for_and_never_unpacked():
    bomb = gzip.compress(gzip.compress(b" " * (64 << 20), 9), 9)
    assert len(bomb) < 2000
    answer = answer_bytes(201, bomb, Content_Encoding="gzip, gzip", Content_Type="application/json")
    with opus_that_answers(answer) as server:
        tracemalloc.start()
        came = ask(settings(server.url))
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert isinstance(came, Answer)
    assert came.body == bomb
    assert read_exchange(came, KEYS).unreadable
    assert b"accept-encoding: identity" in server.got[1].lower()
    assert peak < 20 << 20


@pytest.mark.parametrize("framing", ["Content-Length: 4000000000", "Transfer-Encoding: chunked", "X: y"])
def test_a_body_without_end_is_read_up_to_its_limit(framing):
    def endless() -> Iterator[bytes]:
        yield f"HTTP/1.1 201 Created\r\n{framing}\r\n\r\n".encode()
        part = b" " * 65_536
        while True:
            yield b"10000\r\n" + part + b"\r\n" if "chunked" in framing else part

    with opus_that_answers(endless()) as server:
        came = ask(settings(server.url))
    assert isinstance(came, Answer)
    assert (came.status, came.body) == (201, b"")
    assert server.sent < 16 * ANSWER_LIMIT  # what the system's buffers take besides


# one byte each 0.4 s with a 1 s read timeout


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 201 Created\r\nContent-Length: 500\r\n\r\n"])
def test_a_dripping_answer_ends_at_the_deadline_of_the_whole_request(head):
    gone = threading.Event()

    def drip() -> Iterator[bytes]:
        yield head
        for byte in b"HTTP/1.1 201 Created\r\nX-Slow: " + b"x" * 470:
            yield bytes([byte])
            gone.wait(0.04)  # each byte comes well within a read timeout of a second

    with opus_that_answers(drip()) as server:
        came = ask(settings(server.url, timeout=1.0))
        gone.set()
    assert isinstance(came, NoAnswer)
    assert came.error is TransportError.TIMEOUT


# token endpoint answers 307 to another host


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_token_endpoint_that_answers_307_to_another_host_gets_the_secret_alone(status):
    with scripted(lambda *_: GRANT) as other:
        redirect = answer_bytes(status, Location=f"{other.url}/connect/token")
        with scripted(lambda *_: redirect) as identity, pytest.raises(SignInError, match=str(status)):
            ask(settings("http://127.0.0.1:1", identity.url))
    assert len(identity.got) == 1
    assert other.got == []


def test_a_records_endpoint_that_answers_307_to_another_host_gets_the_token_alone():
    with scripted(lambda *_: answer_bytes(201, {"statusCode": 201})) as other:
        redirect = answer_bytes(307, Location=f"{other.url}/connector/records")
        with opus_that_answers(redirect) as server:
            came = ask(settings(server.url))
    assert isinstance(came, Answer)
    assert (came.status, other.got) == (307, [])


# HTTP_PROXY in the environment


def test_http_proxy_in_the_environment_gets_nothing(mapper, tmp_path):
    emulator = make_emulator(mapper, Client("rehearsal", SECRET))
    with served(emulator) as url, scripted(lambda *_: answer_bytes(502)) as proxy:
        names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")
        environ = dict.fromkeys((*names, *map(str.lower, names)), proxy.url)
        ended = run(
            tmp_path, **environ, NO_PROXY="", OPUSMAP_BASE_URL=url, OPUSMAP_TOKEN_URL=url + TOKEN_PATH
        )
    assert ended.returncode == 0, ended.stderr
    assert list(emulator.records) == KEYS
    assert proxy.got == []


def test_a_proxy_that_was_asked_for_sees_a_tunnel_and_neither_secret_nor_token():
    def tunnel(_method: str, _path: str) -> Iterator[bytes]:
        yield b"HTTP/1.1 200 Connection established\r\n\r\n"

    with scripted(tunnel) as proxy:
        came = ask(settings("https://opus.example.com", proxy=Secret(proxy.url)))
    assert isinstance(came, NoAnswer)
    assert [got.split(b"\r\n")[0] for got in proxy.got] == [b"CONNECT opus.example.com:443 HTTP/1.1"]
    assert SECRET.encode() not in b"".join(proxy.got)


# Retry-After: inf, 1e9, abc, a date in the past


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("inf", None),
        ("1e9", None),
        ("abc", None),
        ("Mon, 01 Jan 2001 00:00:00 GMT", None),
        ("1000000000", 300.0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 300.0),
        ("2", 2.0),
        ("", None),
    ],
)
def test_retry_after_inf_1e9_abc_or_in_the_past_is_clamped_or_ignored(text, seconds):
    with opus_that_answers(answer_bytes(429, Retry_After=text)) as server:
        came = ask(settings(server.url))
    assert isinstance(came, Answer)
    assert (came.status, came.retry_after) == (429, seconds)


# 201 with a truncated body, or not JSON; 201 whose body says otherwise; odd failedItems


def submit_with(mapper: Mapper, fault: Fault) -> tuple[Report, Emulator, list[int]]:
    """Submit 15 records over a socket, the first request meeting a fault; also return the requests' sizes."""
    emulator = make_emulator(mapper, Client("rehearsal", SECRET))
    emulator.faults = in_turn(fault)
    with served(emulator) as url:
        report = submit(mapper, ROWS, settings(url))
    assert report.adds_up
    return report, emulator, [each.request.records for each in emulator.requests if each.request.records]


SINGLY = [15] + [1] * 15


@pytest.mark.parametrize("cut", [0, 1, 20, 34])
def test_201_with_a_truncated_body_is_uncertain_and_sent_again_one_by_one(mapper, cut):
    report, emulator, sizes = submit_with(mapper, Fault(delivery=Delivery(cut=cut)))
    assert sizes == SINGLY
    assert (report.submitted, list(emulator.records)) == (15, KEYS)


@pytest.mark.parametrize(
    "body", [b"", b"OK", b"<html>", b'{"statusCode": 201', b"[]", b"null", b"\xff", b"1"]
)
def test_201_that_is_not_json_is_uncertain_and_sent_again_one_by_one(mapper, body):
    report, emulator, sizes = submit_with(mapper, Fault(201, body=body))  # nothing was processed
    assert sizes == SINGLY
    assert (report.submitted, list(emulator.records)) == (15, KEYS)


def test_201_whose_body_says_status_code_500_is_not_done_and_sent_again(mapper):
    body = json.dumps({"statusCode": 500, "message": None}).encode()
    report, emulator, sizes = submit_with(mapper, Fault(201, body=body))
    assert sizes == [15, 15]
    assert (report.submitted, report.retries, list(emulator.records)) == (15, 1, KEYS)


def test_201_that_holds_failed_items_counts_as_418(mapper):
    fault = Fault(refuses=frozenset(KEYS[:3]), shape=FailureShape(status=201, said=201))
    report, emulator, sizes = submit_with(mapper, fault)
    assert sizes == [15]
    assert (report.submitted, report.failed, list(emulator.records)) == (12, 3, KEYS[3:])


@pytest.mark.parametrize("status", [201, 418])
@pytest.mark.parametrize(
    "items",
    [
        ["a stranger"],
        [{"rowKey": "a stranger"}],
        [KEYS[0], "a stranger"],
        [None],
        [{}],
        [[KEYS[0]]],
        "k0",
        {"k0": "failed"},
        [f"entry {number}" for number in range(10_000)],
        KEYS * 2,
    ],
    ids=lambda items: str(items)[:20],
)
def test_failed_items_that_name_what_is_not_in_the_batch_or_10_000_entries_are_uncertain(
    mapper, status, items
):
    body = json.dumps({"statusCode": status, "message": None, "failedItems": items}).encode()
    report, emulator, sizes = submit_with(mapper, Fault(status, body=body))  # nothing was processed
    assert sizes == SINGLY
    assert (report.submitted, list(emulator.records)) == (15, KEYS)


@pytest.mark.parametrize("more", [{}, {"failedItems": None}, {"failedItems": []}], ids=["none", "null", "[]"])
def test_418_whose_failed_items_are_none_or_null_is_uncertain(mapper, more):
    body = json.dumps({"statusCode": 418, "message": None} | more).encode()
    report, _emulator, sizes = submit_with(mapper, Fault(418, body=body))
    assert (sizes, report.submitted) == (SINGLY, 15)


@pytest.mark.parametrize(
    "shape", [FailureShape(), FailureShape(key="", status=200), FailureShape(key="ID", reason="")]
)
def test_failed_items_that_name_all_keys_fail_exactly_those_records(mapper, shape):
    report, emulator, sizes = submit_with(mapper, Fault(refuses=frozenset(KEYS), shape=shape))
    assert sizes == [15]
    assert (report.failed, report.submitted, emulator.records) == (15, 0, {})


# a base URL such as https://good@evil/, http://2852039166/


@pytest.mark.parametrize("name", ["OPUSMAP_BASE_URL", "OPUSMAP_TOKEN_URL"])
@pytest.mark.parametrize("url", ["https://good@evil/", "http://2852039166/", "http://opus.example.com"])
def test_a_base_url_whose_host_is_not_what_it_seems_is_refused(mapper, tmp_path, name, url):
    right = {
        "OPUSMAP_BASE_URL": "http://127.0.0.1:1",
        "OPUSMAP_TOKEN_URL": "http://127.0.0.1:1/connect/token",
    }
    ended = run(tmp_path, **(right | {name: url}))
    assert ended.returncode == 2
    assert name in ended.stderr
    assert json.loads(ended.stdout)["error"] == "SettingsError"
    assert not (tmp_path / "opusmap-journal.db").exists()
