"""How a run ends before its input does: a stop, a source or a journal that fails; and no record uncounted."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from scripted_opus import Keys, Opus, Reply, make_records, respond, submit
from sending import send_records

from opusmap.delivery import SubmitTotals
from opusmap.errors import JournalError, SourceError, StoppedEarly
from opusmap.journal import SqliteJournal, open_journal
from opusmap.opus.client import OpusClient
from opusmap.records import Record
from opusmap.settings import Secret, Settings


def test_a_stop_lets_requests_in_flight_end_and_sends_nothing_new() -> None:
    stop = asyncio.Event()

    def script(opus: Opus, _keys: Keys) -> Reply:
        if len(opus.requests) == 4:
            stop.set()
        return None

    records = iter(make_records(1000))
    opus = Opus(script)
    done = submit(opus, records, concurrency=2, stop=stop)
    assert isinstance(done.totals.stopped, StoppedEarly)
    assert done.totals.uncertain == 0
    assert done.totals.submitted == len(opus.held) == 15 * len(opus.requests)
    assert done.totals.submitted + done.totals.not_sent + len(list(records)) == 1000
    assert len(opus.requests) <= 6


def test_a_stop_ends_a_long_wait_at_once() -> None:
    stop = asyncio.Event()

    def script(_opus: Opus, _keys: Keys) -> Reply:
        stop.set()
        return respond(429, Retry_After="300")

    async def never(_seconds: float) -> None:
        await asyncio.Event().wait()

    done = submit(Opus(script), make_records(30), concurrency=1, stop=stop, sleep=never)
    assert isinstance(done.totals.stopped, StoppedEarly)
    assert (done.totals.submitted, done.totals.uncertain, done.totals.requests) == (0, 0, 1)


def test_a_stop_before_the_start_pulls_nothing() -> None:
    stop = asyncio.Event()
    stop.set()
    records = iter(make_records(30))
    done = submit(Opus(), records, stop=stop)
    assert isinstance(done.totals.stopped, StoppedEarly)
    assert len(list(records)) == 30


def test_a_stop_ends_the_passing_over_of_what_is_unchanged() -> None:
    journal = open_journal(":memory:")
    submit(Opus(), make_records(900), journal=journal)
    stop, pulled = asyncio.Event(), 0

    def source() -> Iterator[Record]:
        nonlocal pulled
        for record in make_records(900):
            pulled += 1
            if pulled == 100:
                stop.set()
            yield record

    done = submit(opus := Opus(), source(), journal=journal, stop=stop)
    assert isinstance(done.totals.stopped, StoppedEarly)
    assert not opus.requests
    assert done.totals.unchanged <= pulled <= 150


def test_a_source_that_breaks_off_ends_the_input_and_every_pulled_record_is_counted() -> None:
    broken = SourceError("s.csv", "unclosed-quote", "the quote is never closed", row=22)

    def source() -> Iterator[Record]:
        yield from make_records(20)
        raise broken

    done = submit(Opus(), source(), concurrency=1)
    assert done.totals == SubmitTotals(submitted=15, not_sent=5, requests=1, stopped=broken)


def test_a_bug_in_the_source_is_raised_as_it_is() -> None:
    def source() -> Iterator[Record]:
        yield from make_records(20)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        submit(Opus(), source())


def test_a_journal_that_fails_ends_the_run_with_its_error(monkeypatch: pytest.MonkeyPatch) -> None:
    journal = open_journal(":memory:")
    run = journal.start_run(origin="o", connection="c", mapping="m")
    where = Settings("https://o.example", "https://o.example/connect/token", "a", Secret("s"), Path())
    opus = Opus(lambda _opus, _keys: journal.close())  # type: ignore[func-returns-value]
    client = OpusClient(where, transport=httpx.MockTransport(opus))
    with pytest.raises(JournalError):
        asyncio.run(send_records(make_records(300), client, journal, run, conflict="skip"))


def test_a_disk_that_is_full_ends_the_run_with_one_error_and_no_word_besides(
    caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    class Full(SqliteJournal):
        def sync(self) -> None:
            if opus.held:
                raise JournalError("j.db", "no space left")
            super().sync()

    opus = Opus()
    with Full(tmp_path / "j.db") as journal, pytest.raises(JournalError, match="no space left"):
        submit(opus, make_records(300), journal=journal)
    gc.collect()
    assert [record for record in caplog.records if record.name == "asyncio"] == []
