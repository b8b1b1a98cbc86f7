"""Sending a staged run: part after part, by one process or by several that share a journal in PostgreSQL."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import httpx
import msgspec
import pytest
from postgres import Server

from opusmap import load_mapping
from opusmap.cli import main
from opusmap.emulator import Emulator, Fault
from opusmap.errors import SourceError, StoppedEarly
from opusmap.journal import Destruction, DestructionState, open_journal
from opusmap.report import Evidence, Report
from opusmap.run.rehearsal import embedded_opus
from opusmap.run.send_staged import send_staged
from opusmap.run.submit import SubmitOptions
from opusmap.settings import JournalPlace, PostgresAddress, Settings
from opusmap.staging import StagedRun, open_staged

MAPPING = "opusmap: 1\nconnection: c.json\nsource:\n  path: rows.csv\nfields:\n  rowKey: Key\n  Name: Name\n"
CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "leafName": "SingleText"}],
}
ROWS = 200


def stage(folder: Path, name: str, title: str = "one") -> StagedRun:
    (folder / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    (folder / "mapping.yaml").write_text(MAPPING, "utf-8")
    rows = "".join(f"k{number},{title} {number}\n" for number in range(ROWS)) + ",no key\n"
    (folder / "rows.csv").write_text("Key,Name\n" + rows, "utf-8")
    command = ["stage", str(folder / "mapping.yaml"), "-o", str(folder / name), "--parts", "5", "-q"]
    assert main(command) == 1  # one row has no key
    return open_staged(folder / name)


@pytest.fixture
def staged(tmp_path: Path) -> StagedRun:
    return stage(tmp_path, "run-1")


@pytest.fixture
def opus(staged: StagedRun, tmp_path: Path) -> tuple[Emulator, Settings]:
    return embedded_opus(load_mapping(tmp_path / "mapping.yaml"))


@pytest.fixture(params=["file", "database"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> JournalPlace:
    if request.param == "file":
        return tmp_path / "j.db"
    server: Server = request.getfixturevalue("postgres")
    return PostgresAddress(server.make_database())


@pytest.fixture
def database(postgres: Server) -> PostgresAddress:
    return PostgresAddress(postgres.make_database())


async def send(
    staged: StagedRun,
    opus: tuple[Emulator, Settings],
    place: JournalPlace,
    stop: asyncio.Event | None = None,
    *,
    resend: bool = False,
) -> AsyncIterator[Report]:
    emulator, settings = opus
    options = SubmitOptions(httpx.ASGITransport(emulator), concurrency=2, resend=resend)
    reports = send_staged(staged, replace(settings, journal=place), options, stop)
    async with aclosing(reports):  # type: ignore[type-var]
        async for report in reports:
            yield report


async def last(reports: AsyncIterator[Report]) -> Report:
    report = Report()
    async for report in reports:  # noqa: B007
        pass
    return report


def send_all(
    staged: StagedRun, opus: tuple[Emulator, Settings], place: JournalPlace, *, resend: bool = False
) -> Report:
    return asyncio.run(last(send(staged, opus, place, resend=resend)))


def test_all_parts_are_sent_and_a_second_run_makes_no_request(staged, opus, place) -> None:
    report = send_all(staged, opus, place)
    assert report.adds_up
    assert (report.read, report.mapped, report.rejected, report.submitted) == (ROWS + 1, ROWS, 1, ROWS)
    assert report.stopped is None
    assert report.shared is not None
    assert (report.shared.done, report.shared.free, report.shared.processes) == (5, 0, 0)
    assert report.shared.own["submitted"] == ROWS
    assert set(opus[0].records) == {f"k{number}" for number in range(ROWS)}
    again = send_all(staged, opus, place)
    assert again.shared is not None
    assert again.shared.own["requests"] == 0
    assert again.submitted + again.unchanged == ROWS


def test_what_opus_refused_is_in_the_journal_with_its_reason_and_is_sent_again(staged, opus, place) -> None:
    body = {"statusCode": 418, "failedItems": [{"rowKey": "k7", "message": "no"}]}
    refusal = Fault(418, after=True, body=json.dumps(body).encode())
    opus[0].faults = lambda request: refusal if "k7" in request.keys else None
    report = send_all(staged, opus, place)
    assert (report.submitted, report.failed) == (ROWS - 1, 1)
    with open_journal(place, write=False) as journal:
        [run] = journal.runs()
        assert (run.ending, run.counts["failed"], run.counts["submitted"]) == ("done", 1, ROWS - 1)
        [refused] = [one for one in journal.records(run) if one.reason]
        assert (refused.key, refused.reason) == ("k7", "no")
    opus[0].faults = None
    again = send_all(staged, opus, place)
    assert (again.submitted, again.unchanged, again.failed) == (1, ROWS - 1, 0)


def test_a_staged_run_with_a_destroyed_record_is_refused_before_anything_is_sent(staged, opus, place) -> None:
    _, settings = opus
    target = settings.base_url, staged.connection.id
    gone = [
        Destruction(key, "ab" * 32, b"", state, 1.0, "Ann Lee <ann@bayview.example>")
        for key, state in (("k7", DestructionState.DESTROYED), ("k9", DestructionState.UNCERTAIN))
    ]
    with open_journal(place) as journal:
        journal.start_run(origin=target[0], connection=target[1], mapping="earlier.yaml")
        journal.write_destructions(*target, gone)
    with pytest.raises(SourceError, match=r"2 records of it .* \"k7\", \"k9\"") as caught:
        send_all(staged, opus, place)
    assert caught.value.code == "destroyed-record"
    assert opus[0].records == {}
    with open_journal(place) as journal:
        journal.write_destructions(*target, [msgspec.structs.replace(one, lifted="Ann") for one in gone])
    assert send_all(staged, opus, place).submitted == ROWS


def test_the_report_of_a_staged_run_has_what_staging_found(staged, opus, place) -> None:
    report = send_all(staged, opus, place)
    with open_journal(place, write=False) as journal:
        evidence = Evidence.read(journal.evidence(journal.runs()[0]))
    assert evidence.reasons == report.reasons
    assert [line.target for line in evidence.crosswalk.lines] == ["Row key", "Name"]
    assert {file.role for file in evidence.files} >= {"mapping", "connection", "source"}


def test_a_run_that_was_stopped_is_gone_on_with(staged, opus, place) -> None:
    async def stopped() -> Report:
        stop, report = asyncio.Event(), Report()
        async for report in send(staged, opus, place, stop):
            if report.submitted > ROWS / 4:
                stop.set()
        return report

    first = asyncio.run(stopped())
    assert isinstance(first.stopped, StoppedEarly)
    assert first.adds_up
    assert 0 < first.submitted < ROWS
    assert first.not_sent == ROWS - first.submitted
    rest = send_all(staged, opus, place)
    assert rest.stopped is None
    assert rest.submitted + rest.unchanged == ROWS
    with open_journal(place, write=False) as journal:
        assert {run.ending for run in journal.runs()} <= {"the run was stopped", "done"}
        assert journal.runs()[0].ending == "done"


def test_a_part_that_changed_ends_the_run_before_a_record_of_it_is_sent(
    staged, opus, place, tmp_path
) -> None:
    file = tmp_path / "run-1" / staged.parts[2].name
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 1
    file.write_bytes(data)
    report = send_all(staged, opus, place)
    assert isinstance(report.stopped, SourceError)
    assert report.stopped.code == "staged-changed"
    assert report.adds_up
    assert 0 < report.submitted <= sum(part.records for part in staged.parts[:2])


def test_another_staged_run_sends_what_changed(staged, opus, place, tmp_path) -> None:
    send_all(staged, opus, place)
    changed = stage(tmp_path, "run-2", "two")
    report = send_all(changed, opus, place)
    assert report.submitted == ROWS
    back = send_all(staged, opus, place)  # not the latest run of the connection: its records count again
    assert back.submitted == ROWS


def test_resend_sends_everything_again_once(staged, opus, place) -> None:
    send_all(staged, opus, place)
    assert send_all(staged, opus, place, resend=True).submitted == ROWS


# -- several processes


def test_several_share_one_run_and_none_sends_what_another_has_sent(staged, opus, database) -> None:
    async def together() -> list[Report]:
        return await asyncio.gather(*[last(send(staged, opus, database)) for _ in range(3)])

    reports = asyncio.run(together())
    assert len({report.run for report in reports}) == 1
    for report in reports:
        assert (report.submitted, report.unchanged, report.not_sent) == (ROWS, 0, 0)
        assert report.adds_up
        assert report.shared is not None
        assert report.shared.done == 5
    assert sum(report.shared.own["submitted"] for report in reports if report.shared) == ROWS
    own = sum(report.shared.own["requests"] for report in reports if report.shared)
    with open_journal(database, write=False) as journal:
        [run] = journal.runs()
        assert run.counts["requests"] == own
        assert run.counts["submitted"] == ROWS
    assert len(opus[0].records) == ROWS
