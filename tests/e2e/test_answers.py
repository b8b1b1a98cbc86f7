"""What an answer says, from a real socket to the journal: the table of answers, over both transports."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from answer_table import ANSWERS, KEYS
from opusmap_program import environment_of, run_opusmap
from scripted_server import ScriptedServer, answer_bytes, scripted

from opusmap.emulator import TOKEN_PATH
from opusmap.errors import SignInError
from opusmap.opus.client import OpusClient
from opusmap.opus.responses import Verdict, read_exchange
from opusmap.settings import Secret, Settings

pytestmark = pytest.mark.usefixtures("transport")
GRANT = answer_bytes(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": "Canary-token"})
PAGE = b"<!doctype html><title>Guest network</title>"


def test_each_answer_of_the_table_says_the_same_over_a_socket():
    shape = ANSWERS[0]

    def answer(_method: str, path: str) -> bytes:
        if path == TOKEN_PATH:
            return GRANT
        return answer_bytes(shape.status, shape.body, Content_Type="application/json")

    async def main(url: str) -> list[str]:
        nonlocal shape
        wrong = []
        settings = Settings(
            url, url + TOKEN_PATH, "app", Secret("s"), Path(), transport=os.environ["OPUSMAP_TRANSPORT"]
        )
        client = OpusClient(settings)
        for shape in ANSWERS:
            try:
                result = read_exchange(await client.send(b'{"data": []}'), KEYS)
            except SignInError:
                assert shape.refused == 401, shape.name
                continue
            finally:
                if shape.refused:  # what is refused changes the client: its token, its path
                    await client.aclose()
                    client = OpusClient(settings)
            assert shape.refused != 401, shape.name
            if result.error is not None:  # a 204 must not have a body: one library does not read it
                assert (shape.status, shape.unknown, result.verdict) == (204, True, Verdict.UNKNOWN)
                continue
            taken = set() if shape.unknown or shape.refused else set(KEYS) - shape.failed
            found = (set(result.accepted), set(result.failed), result.unreadable)
            if found != (taken, shape.failed, shape.unknown):
                wrong.append(f"{shape.name}: {found}")
        await client.aclose()
        return wrong

    with scripted(answer) as server:
        assert asyncio.run(main(server.url)) == []


MAPPING = """
opusmap: 1
connection: c.json
source: {path: rows.csv}
fields: {rowKey: Id, leafName: Title}
"""
CONNECTION = """{"id": "d9da492f-cc67-4920-99f9-6fbaae1f1410",
"data": [{"rowKey": "SingleText", "leafName": "SingleText"}]}"""
TAKEN = answer_bytes(201, {"statusCode": 201, "message": None})


def prepare(folder: Path, rows: int) -> None:
    (folder / "mapping.yaml").write_text(MAPPING, "utf-8")
    (folder / "c.json").write_text(CONNECTION, "utf-8")
    lines = "".join(f"k{number},Lease\n" for number in range(rows))
    (folder / "rows.csv").write_text("Id,Title\n" + lines, "utf-8")


def run(folder: Path, url: str, *arguments: str, **environ: str) -> tuple[int, dict[str, Any], str]:
    """Run the program against a service; return its exit code, JSON, and what it said besides."""
    who = {"OPUSMAP_CLIENT_ID": "app", "OPUSMAP_CLIENT_SECRET": "Canary-secret"}
    env = environment_of(url, **who | {"OPUSMAP_TRANSPORT": os.environ["OPUSMAP_TRANSPORT"]} | environ)
    ended = run_opusmap(*arguments, "--json", cwd=folder, env=env, timeout=240)
    return ended.returncode, json.loads(ended.stdout), ended.stderr


@contextmanager
def opus_that_answers(answer: bytes) -> Iterator[tuple[ScriptedServer, list[bytes]]]:
    """Serve an Opus whose answers to records can be changed: the list's only item."""
    answers = [answer]
    with scripted(lambda _method, path: GRANT if path == TOKEN_PATH else answers[0]) as server:
        yield server, answers


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"error": "boom"},
        pytest.param({"success": False}, marks=pytest.mark.slow),
        pytest.param({"errors": ["boom"]}, marks=pytest.mark.slow),
        pytest.param({"failedItems": {}}, marks=pytest.mark.slow),
        pytest.param(b'{"statusCode": 201, "statusCode": 201}', marks=pytest.mark.slow),
    ],
    ids=str,
)
def test_a_success_without_evidence_is_not_submitted_and_is_sent_again_by_the_next_run(tmp_path, body):
    prepare(tmp_path, 2)
    with opus_that_answers(answer_bytes(200, body)) as (server, answers):
        code, result, said = run(tmp_path, server.url, "submit", "mapping.yaml")
        assert (code, result["submitted"], result["uncertain"]) == (1, 0, 2)
        assert "Opus answers 200" in said
        answers[0] = TAKEN
        code, result, _ = run(tmp_path, server.url, "submit", "mapping.yaml")
        assert (code, result["submitted"], result["unchanged"]) == (0, 2, 0)


@pytest.mark.parametrize(
    "answer",
    [
        answer_bytes(200, PAGE, Content_Type="text/html"),
        *(
            pytest.param(answer, marks=pytest.mark.slow)
            for answer in (
                b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
                answer_bytes(418, {"statusCode": 418, "failedItems": ["nobody"]}),
            )
        ),
    ],
    ids=["a page", "204", "418 that names a stranger"],
)
def test_ten_thousand_rows_and_only_unreadable_answers_end_soon_with_exit_3_in_words(tmp_path, answer):
    prepare(tmp_path, 10_000)
    with opus_that_answers(answer) as (server, _):
        code, result, said = run(tmp_path, server.url, "submit", "mapping.yaml")
    assert code == 3
    assert len(server.got) < 100
    assert (result["submitted"], result["failed"]) == (0, 0)
    assert "the answers to the last requests can't be read. Opus answers" in result["stopped"]
    assert ("it has no body" in result["stopped"]) == answer.startswith(b"HTTP/1.1 204")
    assert "gateway" in said


@pytest.mark.parametrize("status", [200, 201])
def test_a_status_that_comes_without_a_body_is_trusted_on_request_and_the_report_says_so(tmp_path, status):
    prepare(tmp_path, 20)
    trust = {"OPUSMAP_TRUST_STATUS": "1"}
    with opus_that_answers(answer_bytes(status)) as (server, answers):
        code, result, _ = run(tmp_path, server.url, "submit", "mapping.yaml", **trust)
        assert (code, result["submitted"], result["trusted"], result["uncertain"]) == (0, 20, 20, 0)
        answers[0] = answer_bytes(201, {"statusCode": 201})
        code, result, _ = run(tmp_path, server.url, "submit", "mapping.yaml", "--resend", **trust)
        assert (code, result["submitted"], result["trusted"]) == (0, 20, 0)
        code, result, _ = run(tmp_path, server.url, "report", "1", "--html", "page.html")
        assert (code, result["counts"]["trusted"]) == (0, 20)
    assert "OPUSMAP_TRUST_STATUS): 20 of the submitted records" in (tmp_path / "page.html").read_text("utf-8")


@pytest.mark.parametrize(
    "answer",
    [
        answer_bytes(200, PAGE, Content_Type="text/html"),
        answer_bytes(201, {"error": "boom"}),
        answer_bytes(200, b" "),
        b"HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
        answer_bytes(418),
        b"HTTP/1.1 201 Created\r\nContent-Length: 50\r\nConnection: close\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"HTTP/1.1 201 Created\r\nConnection: close\r\n\r\n",
    ],
    ids=["page", "error", "a blank", "204", "418", "broken off", "broken off, chunked", "without an end"],
)
def test_trust_in_the_status_goes_to_nothing_but_a_success_that_surely_has_no_body(tmp_path, answer):
    prepare(tmp_path, 2)
    with opus_that_answers(answer) as (server, _):
        code, result, _ = run(tmp_path, server.url, "submit", "mapping.yaml", OPUSMAP_TRUST_STATUS="1")
    assert (code, result["submitted"], result["trusted"], result["uncertain"]) == (1, 0, 0, 2)
