"""Rejects that are corrected and sent again make of Opus what a source without mistakes would have made."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime as at
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from opusmap.cli.options import reject_writer
from opusmap.emulator import Client, Emulator, Fault
from opusmap.errors import SettingsError
from opusmap.records import Reject
from opusmap.rejects import RejectList
from opusmap.report import Report
from opusmap.run.open import Work, open_corrected_rejects, open_work
from opusmap.run.rehearsal import make_emulator
from opusmap.run.submit import SubmitOptions, submit_source
from opusmap.settings import Secret, Settings

MAPPING = """\
opusmap: 1
connection: c.json
choices: {Choice: [Red, Green]}
where: "{{ Text != 'skip me' }}"
fields:
  rowKey: Key
  Text: Text
  Choice: Choice
"""
COLUMNS = {"rowKey": "SingleText", "_Text": "MultipleText", "_Choice": "SingleChoice"}
TEXTS = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=8) | st.sampled_from(
    ["=1+1", "'=1+1", "-5", "@x", '"', "a;b,c", "a\nb", "\uff1d1", "skip me", "''+", "007"]
)
ROWS = st.lists(
    st.fixed_dictionaries({"Text": TEXTS, "Choice": st.sampled_from(["Red", "Green", "Blue", "=Blue"])}),
    min_size=1,
    max_size=20,
)


def write_cells(path: Path, rows: list[dict[str, str]], delimiter: str = ",") -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]), delimiter=delimiter)
        writer.writeheader()
        writer.writerows(rows)


def read_cells(path: Path, delimiter: str = ",") -> list[dict[str, str]]:
    data = path.read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.DictReader(io.StringIO(data.decode("utf-8-sig"), newline=""), delimiter=delimiter))


def write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


class Register:
    """A folder with a mapping, and an Opus that it is sent to."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.folder = folder
        self.mapping = folder / "mapping.yaml"
        self.mapping.write_text(MAPPING)
        connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [COLUMNS]}
        (folder / "c.json").write_text(json.dumps(connection))
        self.settings = Settings(
            "http://127.0.0.1", "http://127.0.0.1/connect/token", "c", Secret("s"), folder / "j"
        )
        self.opus: Emulator | None = None

    def send(self, work: Work, output: Path | None = None) -> Report:
        """Submit as the command line does, its rejects beside the mapping or the file."""
        self.opus = self.opus or make_emulator(work.mapper, Client("c", "s"))
        writer = reject_writer(work, None, output and str(output))
        transport = httpx.ASGITransport(self.opus)
        with work.source, writer:
            return submit_source(work, self.settings, SubmitOptions(transport), writer)


def send_right_rows(register: Register, path: Path) -> dict[str, Any]:
    register.send(open_work(register.mapping, path))
    assert register.opus is not None
    return register.opus.records


@pytest.mark.parametrize(
    ("suffix", "write", "read"), [("csv", write_cells, read_cells), ("jsonl", write_lines, read_lines)]
)
@given(rows=ROWS)
@settings(max_examples=12)  # each sends three times, through a journal on disk
def test_corrected_rejects_give_what_a_right_source_would_have_given(
    tmp_path_factory: pytest.TempPathFactory, suffix: str, write: Callable, read: Callable, rows: list
) -> None:
    folder = tmp_path_factory.mktemp("correcting")
    rows = [{"Key": f"K-{number}", **row} for number, row in enumerate(rows)]
    right = [{**row, "Choice": "Green" if "Blue" in row["Choice"] else row["Choice"]} for row in rows]
    register, ideal = Register(folder / "corrected"), Register(folder / "ideal")
    source = register.folder / f"source.{suffix}"
    write(source, rows)
    write(ideal.folder / source.name, right)
    expected = send_right_rows(ideal, ideal.folder / source.name)

    first = register.send(open_work(register.mapping, source))
    rejects = register.folder / f"mapping.rejects.{suffix}"
    assert rejects.exists() is bool(first.rejected)
    if first.rejected:
        lines = read(rejects)
        assert len(lines) == first.rejected
        corrected = register.folder / f"corrected.{suffix}"
        write(corrected, [{**line, "Choice": "Green"} for line in lines])
        second = register.send(open_corrected_rejects(register.mapping, corrected), corrected)
        assert (second.read, second.rejected) == (first.rejected, 0)
        assert not corrected.with_suffix(f".rejects.{suffix}").exists()
    assert register.opus is not None
    assert register.opus.records == expected
    again = register.send(open_work(register.mapping, ideal.folder / source.name))
    assert again.requests == 0, "the journal knows corrected rows by their content, too"


REPEATED = st.lists(
    st.fixed_dictionaries(
        {"Key": st.sampled_from(["a", "b", "c", ""]), "Choice": st.sampled_from(["Red", "Blue"])}
        | {"Text": st.sampled_from(["", "", "", "skip me"]), "corrected": st.booleans()}
    ),
    min_size=1,
    max_size=12,
)


@example([{"Key": "a", "Text": "", "Choice": choice, "corrected": True} for choice in ("Blue", "Red")], 0)
@example(
    [{"Key": "a", "Text": "", "Choice": choice, "corrected": True} for choice in ("Red", "Blue", "Red")], 1
)
@given(rows=REPEATED, turn=st.integers(0, 5))
@settings(max_examples=25)  # each sends three times, through a journal on disk
@pytest.mark.parametrize("setting", ["first", "last"])
def test_corrected_rejects_replace_no_record_that_their_source_would_have_kept(
    tmp_path_factory: pytest.TempPathFactory, setting: str, rows: list, turn: int
) -> None:
    """Some rows share a key, and some rejects are corrected: Opus has what a corrected source would give."""
    folder = tmp_path_factory.mktemp("correcting")
    corrected = {number for number, row in enumerate(rows, 2) if row["corrected"]}
    rows = [
        {"Key": row["Key"], "Text": row["Text"] or f"row {number}", "Choice": row["Choice"]}
        for number, row in enumerate(rows, 2)
    ]
    register, ideal = Register(folder / "corrected"), Register(folder / "ideal")
    for each in (register, ideal):
        each.mapping.write_text(MAPPING + f"duplicates: {setting}\n")
    source = register.folder / "source.csv"
    write_cells(source, rows)
    right = [{**row, "Choice": "Red"} if number in corrected else row for number, row in enumerate(rows, 2)]
    write_cells(ideal.folder / source.name, right)
    expected = send_right_rows(ideal, ideal.folder / source.name)
    first = register.send(open_work(register.mapping, source))
    assert register.opus is not None
    before = dict(register.opus.records)
    if first.rejected:
        lines = read_cells(register.folder / "mapping.rejects.csv")
        lines = [{**line, "Choice": "Red"} if int(line["_row"]) in corrected else line for line in lines]
        if setting == "first":  # the order of the rows in the file does not matter
            lines = lines[turn % len(lines) :] + lines[: turn % len(lines)]
        write_cells(register.folder / "corrected.csv", lines)
        register.send(open_corrected_rejects(register.mapping, register.folder / "corrected.csv"))
    assert register.opus.records == expected
    if setting == "first":
        assert before.items() <= register.opus.records.items()


BOOK_MAPPING = """\
opusmap: 1
connection: c.json
choices: {Choice: [Red, Green]}
timezone: UTC
fields:
  rowKey: Key
  Text: Text
  Choice: Choice
  Amount: Amount
  When: When
"""
BOOK_COLUMNS = {**COLUMNS, "_Amount": "Number", "_When": "DateTime"}
BOOK_TIMES = (at(1900, 3, 1), at(2100, 1, 1))  # noqa: DTZ001 - a workbook's times have no zone
BOOK_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "Text": TEXTS.filter(lambda text: text.strip() == text),
            "Choice": st.sampled_from(["Red", "Blue", "=Blue"]),
            "Amount": st.integers(-(10**9), 10**9) | st.decimals(-1000, 1000, places=2) | st.none(),
            "When": st.datetimes(*BOOK_TIMES).map(lambda time: time.replace(microsecond=0)),
        }
    ),
    min_size=1,
    max_size=8,
)


def write_book(path: Path, rows: list[dict[str, Any]]) -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    for number, row in enumerate([dict(zip(rows[0], rows[0], strict=True)), *rows], 1):
        for place, value in enumerate((row[name] for name in rows[0]), 1):
            cell = sheet.cell(number, place, value)
            if isinstance(value, str):
                cell.data_type = "s"  # else a text that begins with = would be a formula
    book.save(path)


def read_book(path: Path) -> list[dict[str, Any]]:
    (sheet,) = openpyxl.load_workbook(path).worksheets
    header, *rows = ([cell.value for cell in row] for row in sheet.iter_rows())
    return [dict(zip(header, row, strict=True)) for row in rows]


@given(rows=BOOK_ROWS)
@settings(max_examples=5)  # each reads four workbooks, in a process of its own
def test_the_same_holds_for_workbooks_with_numbers_and_dates(
    tmp_path_factory: pytest.TempPathFactory, rows: list
) -> None:
    folder = tmp_path_factory.mktemp("correcting")
    rows = [{"Key": f"00{number}", **row} for number, row in enumerate(rows)]
    right = [{**row, "Choice": "Green" if "Blue" in row["Choice"] else row["Choice"]} for row in rows]
    register, ideal = Register(folder / "corrected"), Register(folder / "ideal")
    for each in (register, ideal):
        each.mapping.write_text(BOOK_MAPPING)
        text = (each.folder / "c.json").read_text()
        (each.folder / "c.json").write_text(json.dumps({**json.loads(text), "data": [BOOK_COLUMNS]}))
    write_book(register.folder / "source.xlsx", rows)
    write_book(ideal.folder / "source.xlsx", right)
    expected = send_right_rows(ideal, ideal.folder / "source.xlsx")
    assert len(expected) == len(rows)

    first = register.send(open_work(register.mapping, register.folder / "source.xlsx"))
    if first.rejected:
        lines = read_book(register.folder / "mapping.rejects.xlsx")
        assert len(lines) == first.rejected
        assert all(line["_error_code"] == "unknown-choice" for line in lines)
        corrected = register.folder / "corrected.xlsx"
        write_book(corrected, [{**line, "Choice": "Green"} for line in lines])
        second = register.send(open_corrected_rejects(register.mapping, corrected), corrected)
        assert (second.read, second.rejected) == (first.rejected, 0)
    assert register.opus is not None
    assert register.opus.records == expected


def refuse(*keys: str) -> Callable:
    """Return faults by which Opus refuses records with these row keys, and takes the others."""

    def fault(request: Any) -> Fault | None:
        wrong = [key for key in request.keys if key in keys]
        items = [{"rowKey": key, "message": f"{key} is not wanted"} for key in wrong]
        body = json.dumps({"statusCode": 418, "failedItems": items}).encode()
        return Fault(418, after=True, body=body) if wrong else None

    return fault


@pytest.mark.parametrize(
    ("suffix", "write", "read"), [("csv", write_cells, read_cells), ("jsonl", write_lines, read_lines)]
)
def test_what_opus_refused_lands_beside_the_rejects_with_its_own_cells(
    tmp_path: Path, suffix: str, write: Callable, read: Callable
) -> None:
    register = Register(tmp_path / "register")
    rows = [{"Key": f"K-{n}", "Text": f"=text {n}", "Choice": "Red" if n else "Blue"} for n in range(100)]
    source = register.folder / f"source.{suffix}"
    write(source, rows)
    work = open_work(register.mapping, source)
    register.opus = make_emulator(work.mapper, Client("c", "s"))
    register.opus.faults = refuse("K-17", "K-71")
    report = register.send(work)
    assert (report.rejected, report.failed, report.submitted) == (1, 2, 97)
    lines = {line["Key"]: line for line in read(register.folder / f"mapping.rejects.{suffix}")}
    assert {key: line["_error_code"] for key, line in lines.items()} == {
        "K-0": "unknown-choice",
        "K-17": "refused-by-opus",
        "K-71": "refused-by-opus",
    }
    assert lines["K-17"]["_error"] == "Opus refused the record: K-17 is not wanted"
    assert lines["K-17"]["_row"] == ("19" if suffix == "csv" else "18")
    assert lines["K-17"]["Text"].removeprefix("'") == "=text 17"

    corrected = register.folder / f"corrected.{suffix}"
    write(corrected, [{**line, "Choice": "Green"} for line in lines.values()])
    register.opus.faults = None
    second = register.send(open_corrected_rejects(register.mapping, corrected), corrected)
    assert (second.submitted, second.rejected) == (3, 0)
    assert register.opus.records["K-17"] == {"rowKey": "K-17", "_Text": "=text 17", "_Choice": "2"}
    assert len(register.opus.records) == 100


def test_a_file_that_can_not_be_written_ends_the_run_in_order_and_loses_nothing(tmp_path: Path) -> None:
    register = Register(tmp_path / "register")
    source = register.folder / "source.csv"
    write_cells(source, [{"Key": f"K-{n}", "Text": "t", "Choice": "Red"} for n in range(600)])
    work = open_work(register.mapping, source)
    register.opus = make_emulator(work.mapper, Client("c", "s"))
    register.opus.faults = refuse("K-17")
    full = SettingsError("r.csv", "the rejects can't be written: No space left on device")

    class Full(RejectList):
        def write(self, _reject: Reject) -> None:
            raise full

    transport = httpx.ASGITransport(register.opus)
    with work.source:
        report = submit_source(work, register.settings, SubmitOptions(transport), Full())
    assert report.stopped == full
    assert report.adds_up
    assert (report.failed, report.submitted + 1) == (1, len(register.opus.records))
    register.opus.faults = None
    again = register.send(open_work(register.mapping, source))
    assert (again.unchanged, again.submitted) == (report.submitted, 600 - report.submitted)


def test_a_refused_row_is_held_only_while_its_record_is_under_way(tmp_path: Path) -> None:
    """10,000 rows pass, and no more of them are alive at once than a few requests for each worker."""
    import gc
    import weakref

    class Cells(dict):  # a plain dict can't be watched
        pass

    alive: weakref.WeakSet = weakref.WeakSet()
    most = 0

    class Watched(Cells):
        __hash__ = object.__hash__

    def rows():
        nonlocal most
        for number in range(3000):
            row = Watched(Key=f"K-{number}", Text="t", Choice="Red")
            alive.add(row)
            most = max(most, len(alive))
            yield row

    from opusmap.compiler import load_mapping
    from opusmap.sources import from_rows

    register = Register(tmp_path / "register")
    work = Work(load_mapping(register.mapping), from_rows(rows()))
    report = register.send(work)
    gc.collect()
    assert report.submitted == 3000
    # For each of 8 workers: a batch under way, one ready, one that the journal is being told the end of;
    # and the rest of the part that is read, and of the chunks of 50 that these are of.
    assert most <= 3 * 8 * 15 + 3 * 15 + 250 + 2 * 50
