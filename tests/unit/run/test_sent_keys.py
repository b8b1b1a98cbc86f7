"""What a run sent through one row is not replaced by another row that it rejected, whatever was corrected."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

from opusmap.compiler import load_mapping
from opusmap.emulator import Emulator, Fault
from opusmap.rejects import RejectWriter
from opusmap.report import Report
from opusmap.run.open import Work, open_corrected_rejects, open_work
from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus
from opusmap.run.submit import SubmitOptions, submit_source
from opusmap.settings import Settings

Rows = list[dict[str, str]]


class World:
    """A folder with a mapping, a journal, and an Opus that keeps what it got."""

    def __init__(self, folder: Path, setting: str) -> None:
        self.mapping = folder / "m.yaml"
        columns = {"rowKey": "SingleText", "_N": "Number"}
        connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}
        (folder / "c.json").write_text(json.dumps(connection), "utf-8")
        self.mapping.write_text(
            f"opusmap: 1\nconnection: c.json\nduplicates: {setting}\nfields: {{rowKey: Id, N: N}}\n", "utf-8"
        )
        opus, settings = embedded_opus(load_mapping(self.mapping))
        self.opus: Emulator = opus
        self.settings: Settings = replace(settings, journal=folder / "journal.db")

    def submit(self, text: str) -> Rows:
        """Submit a source as the first run; return its rejects."""
        source = self.mapping.with_name("rows.csv")
        source.write_text(f"Id,N\n{text}", "utf-8")
        self._send(open_work(self.mapping, source))
        return self.rejects()

    def rejects(self, name: str = "m.run-1.rejects.csv") -> Rows:
        """Return the lines of a file of rejects."""
        return list(csv.DictReader(self.mapping.with_name(name).read_text("utf-8-sig").splitlines()))

    def retry(self, lines: Rows, name: str = "m.run-1.rejects.csv") -> Report:
        """Write a file of rejects, and send it."""
        path = self.mapping.with_name(name)
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(lines[0]))
            writer.writeheader()
            writer.writerows(lines)
        return self._send(open_corrected_rejects(self.mapping, path))

    def _send(self, work: Work) -> Report:
        with work.source, RejectWriter.beside(self.mapping, work.source, sending="run") as writer:
            return submit_source(
                work, self.settings, SubmitOptions(EmbeddedTransport(self.opus)), rejects=writer
            )

    def numbers(self) -> dict[str, object]:
        return {key: record["_N"] for key, record in self.opus.records.items()}


def corrected(line: dict[str, str], key: str = "a") -> dict[str, str]:
    """Return a line as a person leaves it that takes it for right: another key and number, and no code."""
    return {**line, "Id": key, "N": "9", "_error_code": ""}


def test_no_correction_takes_the_key_of_a_row_that_the_same_run_sent(tmp_path: Path) -> None:
    world = World(tmp_path, "first")
    lines = world.submit("a,1\na,2\nb,x\n,3\nc,1\nd,x\n")
    assert [line["_row"] for line in lines] == ["3", "4", "5", "7"]
    before = world.numbers()
    report = world.retry([*map(corrected, lines[:3]), corrected(lines[3], "d")])
    assert (report.submitted, report.rejected) == (1, 3)
    (reason,) = report.reasons
    assert (reason.code, reason.example) == ("duplicate-key", 'row 2 has the same row key, "a"')
    assert world.numbers() == {**before, "d": 9}


def test_a_retry_names_the_row_with_the_key_and_says_that_this_one_may_be_deleted(tmp_path: Path) -> None:
    world = World(tmp_path, "first")
    lines = world.submit("a,1\na,2\nb,x\nb,3\n")
    assert [line["_row"] for line in lines] == ["3", "4", "5"]
    (reason,) = world.retry(lines[:1]).reasons
    assert reason.example == 'row 2 has the same row key, "a"'
    assert "a row that is not to be sent may be deleted from the rejects file" in reason.help
    (reason,) = world.retry(lines[2:]).reasons  # row 4 was deleted, but the code is still there
    assert reason.example == 'row 4 has the same row key, "b", and is itself rejected'
    assert "empty _error_code here" in reason.help
    (reason,) = world.retry([{**lines[0], "_error": "edited"}]).reasons
    assert reason.example == 'another row has the same row key, "a"'


def test_where_the_last_row_counts_a_later_row_replaces_what_was_sent_and_an_earlier_one_does_not(
    tmp_path: Path,
) -> None:
    world = World(tmp_path, "last")
    lines = world.submit("a,x\na,1\na,x\n")
    assert [line["_error_code"] for line in lines] == ["bad-number; duplicate-key", "bad-number"]
    assert world.retry([corrected(lines[0])]).reasons[0].code == "duplicate-key"
    assert world.numbers() == {"a": 1}
    assert world.retry([corrected(lines[1])]).submitted == 1
    assert world.numbers() == {"a": 9}
    assert world.retry([{**corrected(lines[1]), "N": "7"}]).submitted == 1  # the same row, corrected again
    assert world.numbers() == {"a": 7}


def test_a_key_that_an_earlier_run_sent_or_that_opus_refused_is_free(tmp_path: Path) -> None:
    world = World(tmp_path, "first")
    refusal = json.dumps({"statusCode": 418, "failedItems": [{"rowKey": "a", "message": "no"}]}).encode()
    world.opus.faults = lambda request: Fault(418, body=refusal) if "a" in request.keys else None
    lines = world.submit("a,1\na,2\n")
    world.opus.faults = None
    assert [line["_error_code"] for line in lines] == ["duplicate-key", "refused-by-opus"]
    assert world.retry([corrected(lines[0])]).submitted == 1
    # A file of another run, whose rows may have other numbers.
    assert world.retry([{**lines[1], "N": "5"}], "m.run-7.rejects.csv").submitted == 1


def test_a_retry_of_a_retry_knows_what_the_first_run_sent(tmp_path: Path) -> None:
    world = World(tmp_path, "first")
    lines = world.submit("a,1\nb,x\nc,x\n")
    assert world.retry([lines[0], corrected(lines[1], "c")]).submitted == 1
    before = world.numbers()
    for number in (2, 3):  # each retry rejects the row again, into a file of its own
        name = f"m.run-{number}.rejects.csv"
        (line,) = world.rejects(name)
        report = world.retry([corrected(line)], name)
        assert [reason.example for reason in report.reasons] == ['row 2 has the same row key, "a"']
    assert world.numbers() == before


def test_two_retries_of_one_file_know_of_each_other_and_a_row_may_be_corrected_again(tmp_path: Path) -> None:
    world = World(tmp_path, "first")
    lines = world.submit("a,1\nb,x\nc,x\n")
    assert world.retry([corrected(lines[0], "b")]).submitted == 1
    assert world.retry([corrected(lines[1], "b")]).reasons[0].code == "duplicate-key"
    assert world.retry([{**lines[0], "N": "7"}]).submitted == 1
    assert world.numbers() == {"a": 1, "b": 7}


def test_what_another_source_sent_between_two_retries_is_free(tmp_path: Path) -> None:
    world = World(tmp_path, "first")
    lines = world.submit("a,x\nb,x\n")
    world.submit("c,3\nd,4\n")
    assert world.retry([corrected(lines[1], "c")]).submitted == 1
    assert world.numbers() == {"c": 9, "d": 4}
