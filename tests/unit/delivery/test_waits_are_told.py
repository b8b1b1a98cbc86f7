"""Why a run waits: told to whoever shows its progress, logged seldom, gone once something succeeds."""

from __future__ import annotations

import logging

import httpx
import pytest
from scripted_opus import Keys, Opus, Reply, make_records, respond, submit

from opusmap.delivery import Event, Outlook, SubmitTotals
from opusmap.journal import open_journal
from opusmap.records import Record


def told_by(opus: Opus, records: list[Record] | None = None, **options: object) -> list[str]:
    """Submit; return what was told of waits, each once as it came."""
    told: list[str] = []

    def note(event: Event, _totals: SubmitTotals) -> None:
        if isinstance(event, Outlook) and (not told or told[-1] != event.waiting):
            told.append(event.waiting)

    submit(opus, records or make_records(30), on_event=note, **options)
    return told


def warnings(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]


def test_a_wait_says_how_long_why_and_which_attempt_failed() -> None:
    opus = Opus(lambda opus, _keys: httpx.ConnectError("refused") if len(opus.requests) <= 3 else None)
    told = told_by(opus, concurrency=1)
    assert [each for each in told if each] == [
        "waiting 1 s: refused (attempt 1)",
        "waiting 1 s: refused (attempt 2)",
        "waiting 2 s: refused (attempt 3)",
    ]
    assert told[-1] == ""


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (
            lambda: respond(429, Retry_After="30"),
            "waiting 30 s: Opus, or a gateway before it, answers 429 (attempt 1)",
        ),
        (lambda: respond(500, {"message": "busy"}), "Opus answers 500: busy (attempt 1)"),
        (
            lambda: respond(503, {"message": "busy"}),
            "Opus, or a gateway before it, answers 503: busy (attempt 1)",
        ),
        (lambda: httpx.ReadTimeout("no answer in time"), "no answer in time (attempt 1)"),
    ],
)
def test_every_kind_of_wait_has_its_words(reply: object, words: str) -> None:
    opus = Opus(lambda opus, _keys: reply() if len(opus.requests) == 1 else None)  # type: ignore[operator]
    assert any(words in each for each in told_by(opus, concurrency=1))


def test_a_sign_in_in_trouble_says_so() -> None:
    class Away(Opus):
        async def __call__(self, request: httpx.Request) -> httpx.Response:
            if request.url.path == "/connect/token" and (self.sign_ins == 0):
                self.sign_ins += 1
                return respond(200, b"<html>")
            return await super().__call__(request)

    assert any("the identity service answers 200" in each for each in told_by(Away(), concurrency=1))


def test_a_fence_says_what_it_waits_for() -> None:
    with open_journal(":memory:") as journal:
        submit(Opus(lambda _opus, _keys: httpx.ReadError("reset")), make_records(1), journal=journal)
        changed = [Record(2, "k2", {"rowKey": "k2", "leafName": "new"})]
        told = told_by(Opus(), records=changed, journal=journal)
    assert any("an earlier request for these records may still take effect" in each for each in told)
    assert told[-1] == ""


def test_long_waits_are_logged_once_and_not_at_each_retry(caplog: pytest.LogCaptureFixture) -> None:
    opus = Opus(lambda opus, _keys: respond(503) if opus.clock.now < 50.0 else None)
    submit(opus, make_records(300), concurrency=8)
    (line,) = warnings(caplog)
    assert line.startswith("waiting")
    assert "Opus, or a gateway before it, answers 503" in line


def test_short_waits_are_not_logged(caplog: pytest.LogCaptureFixture) -> None:
    def script(opus: Opus, _keys: Keys) -> Reply:
        return respond(503) if len(opus.requests) % 4 == 2 else None

    submit(Opus(script), make_records(900), concurrency=4)
    assert warnings(caplog) == []


def test_many_short_waits_without_a_success_are_one_long_one(caplog: pytest.LogCaptureFixture) -> None:
    opus = Opus(lambda _opus, _keys: httpx.ConnectError("refused"))
    submit(opus, make_records(30), concurrency=1)
    assert len(warnings(caplog)) == 1
