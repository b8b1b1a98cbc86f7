"""A run's report says which records were absent from its whole source, and only where that is known."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from opusmap.cli import main
from opusmap.compiler import load_mapping
from opusmap.journal import Item, Result, Run, State, Timestamp, open_journal
from opusmap.report import GONE_KEYS, Evidence, Gone, Report
from opusmap.report.pages import write_run
from opusmap.run.gone import find_from_rejects
from opusmap.run.open import Work
from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus
from opusmap.run.submit import MaxErrors, SubmitOptions, submit_source
from opusmap.sources import from_rows

COLUMNS = {"rowKey": "SingleText", "leafName": "SingleText", "_N": "Number"}


class Register:
    """A mapping and its journal in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.journal = folder, folder / "opusmap-journal.db"
        connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [COLUMNS]}
        (folder / "c.json").write_text(json.dumps(connection))
        (folder / "m.yaml").write_text(
            "opusmap: 1\nconnection: c.json\nfields:\n  rowKey: Key\n  leafName: Key\n  N: N\n"
        )

    def submit(self, *keys: str, wrong: tuple[str, ...] = (), **options: Any) -> Report:
        mapper = load_mapping(self.folder / "m.yaml")
        emulator, settings = embedded_opus(mapper)
        rows = [{"Key": key, "N": "1"} for key in keys] + [{"Key": key, "N": "?"} for key in wrong]
        work = Work(mapper, from_rows(rows))
        settings = replace(settings, journal=self.journal)
        return submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator), **options))


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Register:
    monkeypatch.chdir(tmp_path)
    return Register(tmp_path)


def test_a_whole_run_tells_what_earlier_runs_sent_and_its_source_has_no_more(register: Register) -> None:
    assert register.submit("a", "b", "c").gone is None  # it is the first
    report = register.submit("b", "new", wrong=("c", ""))
    assert report.gone == Gone(1, ("a",), 1)
    told = report.as_json()["gone"]
    assert told == {
        "records": 1,
        "keys": ("a",),
        "unreadable": 1,
        "corrected": 0,
        "rekeyed": 0,
        "corrected_keys": (),
        "rekeyed_keys": (),
    }
    assert register.submit("a", "b", "c", "new").gone == Gone(0)


def test_a_part_of_a_source_and_a_run_that_ends_early_tell_nothing(register: Register) -> None:
    register.submit("a", "b", "c")
    assert register.submit("b", limit=1).gone is None
    assert register.submit("b", only=frozenset("b")).gone is None
    assert register.submit("b", wrong=("x", "y"), max_errors=MaxErrors(1)).gone is None


def test_a_rehearsal_tells_nothing(register: Register) -> None:
    register.submit("a", "b")
    mapper = load_mapping(register.folder / "m.yaml")
    emulator, settings = embedded_opus(mapper)
    work = Work(mapper, from_rows([{"Key": "b", "N": "1"}]))
    assert submit_source(work, settings, SubmitOptions(EmbeddedTransport(emulator))).gone is None


def test_the_page_the_text_and_the_json_of_a_run_name_the_first_until_they_are_pruned(
    register: Register, capsys: pytest.CaptureFixture[str]
) -> None:
    keys = [f"<k{number:03}>" for number in range(GONE_KEYS + 2)]
    register.submit(*keys, "stays")
    register.submit("stays")
    with open_journal(register.journal, write=False) as journal:
        page = write_run(journal, journal.runs()[0])
    assert "52 records accepted earlier were absent from the source." in page
    assert "The first 50, by row key:" in page
    has = "the emulator has a record under each of its keys, as Opus would: keep the right key in the source."
    to_do = f"If the row key of a row changed, {has}"
    assert f'<span class="soft">What to do now:</span> {to_do} <a href="#gone">' in page
    assert "&lt;k049&gt;" in page
    assert "&lt;k050&gt;" not in page

    assert main(["report", "m.yaml", "--run", "2"]) == 0
    shown = capsys.readouterr().out
    assert "52 records accepted earlier were absent from the source: <k000>, <k001>" in shown
    for told in (page, shown):
        assert "If the row key of a row changed, the emulator has a record under each of its keys" in told
    assert main(["report", "m.yaml", "--run", "2", "--json"]) == 0
    gone = json.loads(capsys.readouterr().out)["gone"]
    assert (gone["records"], gone["keys"][0], len(gone["keys"])) == (52, "<k000>", GONE_KEYS)

    with open_journal(register.journal) as journal:
        latest, first = journal.runs()
        journal.prune(9e10, {first.id})
        assert Evidence.of_run(journal, latest).gone == Gone(52)
        assert "Their row keys were pruned." in write_run(journal, latest)
    assert not any(b"<k000>" in each.read_bytes() for each in register.folder.glob("opusmap-journal.db*"))


@pytest.mark.parametrize(("state", "found"), [(State.ACCEPTED, {"a"}), (State.FAILED, set())])
def test_a_record_comes_from_a_rejects_file_if_opus_accepted_that_version(
    state: State, found: set[str], tmp_path: Path
) -> None:
    with open_journal(tmp_path / "j.db") as journal:

        def send(rows_of: int | None, content: bytes, state: State) -> Run:
            async def write() -> None:
                async with journal.session(run) as session:
                    await session.begin([Item(2, "a", content)], Timestamp(0.0, 0.0))
                    await session.finish([Result("a", state)])

            run = journal.start_run(origin="https://opus.example.com", connection="c", mapping="m.yaml")
            journal.keep_evidence(run, Evidence(rows_of=rows_of).as_json())
            asyncio.run(write())
            return journal.finish_run(run, ending="done", counts={})

        first = send(None, b"as in the source", State.ACCEPTED)
        assert find_from_rejects(journal, send(first.id, b"as corrected", state), {"a"}) == found
