"""Files of rejects: in the source's shape, harmless in a spreadsheet, and read back as they were."""

import csv
import gc
import json
import sys
from decimal import Decimal
from functools import partial
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from opusmap.errors import SettingsError
from opusmap.issues import Issue
from opusmap.output_files import create_output
from opusmap.records import Reject
from opusmap.rejects import RejectWriter
from opusmap.rejects.file_formats import CellShape, WorkbookShape, neutralise, restore_cell
from opusmap.rejects.writer import ERROR_COLUMNS
from opusmap.sources import from_rows, open_source


def cells(path, columns, delimiter=","):
    begin = partial(CellShape, columns=columns, reasons=ERROR_COLUMNS, delimiter=delimiter)
    return RejectWriter(path, begin)


def reject(values, *problems):
    return Reject(7, "k", problems or (Issue("unknown-choice", "not an option", "Doc Type"),), values)


@given(st.text())
def test_a_neutralised_cell_is_given_back_exactly(cell):
    assert restore_cell(neutralise(cell)) == cell


@given(st.sampled_from("=+-@\t\r"), st.text())
def test_no_cell_begins_a_formula(first, rest):
    assert neutralise(first + rest)[0] == "'"


def test_a_csv_source_s_rejects_have_its_columns_and_delimiter_and_the_reasons(tmp_path):
    problems = (Issue("unknown-choice", "no", "Doc Type"), Issue("bad-number", "none", "Amount"))
    with cells(tmp_path / "r.csv", ("Id", "Name"), ";") as writer:
        writer.write(reject({"Id": "1", "Name": "=1+1; é"}, *problems))
    data = (tmp_path / "r.csv").read_bytes()
    assert data.startswith(b"\xef\xbb\xbf")
    rows = list(csv.reader(data.decode("utf-8-sig").splitlines(), delimiter=";"))
    assert rows == [
        ["Id", "Name", "_row", "_key", "_error_column", "_error_code", "_error"],
        [
            "1",
            "'=1+1; é",
            "7",
            "k",
            "Doc Type; Amount",
            "unknown-choice; bad-number",
            "Doc Type: no; Amount: none",
        ],
    ]


def test_other_sources_rejects_are_json_lines_with_exact_values(tmp_path):
    with RejectWriter(tmp_path / "r.jsonl") as writer:
        writer.write(reject({"id": 7, "amount": Decimal("1.10"), "text": "=1+1", "none": None}))
    line = json.loads((tmp_path / "r.jsonl").read_text("utf-8"), parse_float=Decimal)
    assert line["amount"] == Decimal("1.10")
    assert line["text"] == "=1+1"
    assert (line["_row"], line["_error_code"]) == ("7", "unknown-choice")


@example({"half a character \ud800": "\udfff"})
@given(st.dictionaries(st.text(), st.text(), max_size=4))
def test_no_cell_can_break_the_file(tmp_path_factory, values):
    folder = tmp_path_factory.mktemp("rejects")
    with cells(folder / "r.csv", tuple(values)) as writer:
        writer.write(reject(values))
    with RejectWriter(folder / "r.jsonl") as writer:
        writer.write(reject(values))
    assert all(path.read_bytes().decode("utf-8") for path in folder.iterdir())


def test_without_rejects_there_is_no_file(tmp_path):
    with cells(tmp_path / "r.csv", ("Id",)):
        pass
    assert not (tmp_path / "r.csv").exists()


def test_an_older_file_is_replaced_and_a_link_is_not_followed(tmp_path):
    (tmp_path / "old").write_text("old")
    with create_output(tmp_path / "old") as file:
        file.write(b"new")
    assert (tmp_path / "old").read_bytes() == b"new"
    (tmp_path / "link").symlink_to(tmp_path / "old")
    with pytest.raises(SettingsError, match="symbolic link"):
        create_output(tmp_path / "link")
    assert (tmp_path / "old").read_bytes() == b"new"


def test_a_device_is_written_as_it_is():
    with create_output("/dev/null") as file:
        file.write(b"gone")


def test_a_run_without_rejects_removes_the_file_of_an_earlier_one(tmp_path):
    path = tmp_path / "mapping.rejects.jsonl"
    with RejectWriter.beside(tmp_path / "mapping.yaml", from_rows([])) as writer:
        writer.write(reject({"Id": "1"}))
    assert path.exists()
    with RejectWriter.beside(tmp_path / "mapping.yaml", from_rows([])):
        pass
    assert not path.exists()


def test_a_file_that_nobody_knows_is_neither_removed_nor_replaced(tmp_path):
    (tmp_path / "r.csv").write_text("old")
    with cells(tmp_path / "r.csv", ("Id",)) as writer:
        pass
    assert "stays as it is" in writer.note
    with cells(tmp_path / "r.csv", ("Id",)) as writer:
        writer.write(reject({"Id": "1"}))
    assert (tmp_path / "r.csv").read_text() == "old"
    assert writer.path == tmp_path / "r.2.csv"
    assert "these rejects are in" in writer.note


def test_two_writers_at_a_time_do_not_take_each_other_s_file(tmp_path):
    source = from_rows([])
    with RejectWriter.beside(tmp_path / "mapping.yaml", source) as writer:
        writer.write(reject({"Id": "old"}))
    one, other = (RejectWriter.beside(tmp_path / "mapping.yaml", source) for _ in range(2))
    with one, other:
        one.write(reject({"Id": "1"}))
        other.write(reject({"Id": "2"}))
        one.write(reject({"Id": "3"}))
    ids = [[json.loads(line)["Id"] for line in each.path.read_text().splitlines()] for each in (one, other)]
    assert ids == [["1", "3"], ["2"]]


def test_a_run_that_fails_before_its_first_reject_leaves_an_earlier_file(tmp_path):
    (tmp_path / "r.csv").write_text("of another run, which may be going on")
    with pytest.raises(ZeroDivisionError), cells(tmp_path / "r.csv", ("Id",)):
        raise ZeroDivisionError
    assert (tmp_path / "r.csv").exists()


def test_each_reject_is_in_the_file_as_soon_as_it_is_written(tmp_path):
    with cells(tmp_path / "r.csv", ("Id",)) as one, RejectWriter(tmp_path / "r.jsonl") as other:
        for count in range(1, 4):
            one.write(reject({"Id": "x"}))
            other.write(reject({"Id": "x"}))
            assert len((tmp_path / "r.csv").read_bytes().splitlines()) == count + 1
            assert len((tmp_path / "r.jsonl").read_bytes().splitlines()) == count


@pytest.mark.parametrize("given", [None, "./mapping.rejects.csv"])
def test_the_source_is_never_replaced_by_its_own_rejects(tmp_path, monkeypatch, given):
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mapping.rejects.csv"
    path.write_text("Id,_error\n1,x\n")
    with open_source(path) as source, pytest.raises(SettingsError, match="would replace the source itself"):
        RejectWriter.beside(tmp_path / "mapping.yaml", source, given)
    with open_source(path) as source:
        writer = RejectWriter.beside(tmp_path / "corrected.csv", source)
        with writer:
            writer.write(reject({"Id": "1", "_error": "old"}))
    with open_source(tmp_path / "corrected.rejects.csv") as source:
        assert source.columns == ("Id", *ERROR_COLUMNS)


def test_files_of_rejects_are_their_owners_alone(tmp_path):
    with cells(tmp_path / "r.csv", ("Id",)) as one, RejectWriter(tmp_path / "r.jsonl") as other:
        one.write(reject({"Id": "x"}))
        other.write(reject({"Id": "x"}))
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()}
    assert modes == {0o600 if sys.platform != "win32" else 0o666}


def test_a_place_where_rejects_can_not_be_written_is_refused_before_the_first_row(tmp_path):
    source = from_rows([])
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for place, words in ((tmp_path / "link", "symbolic link"), (tmp_path / "no" / "r", "no such folder")):
        with pytest.raises(SettingsError, match=words):
            RejectWriter.beside(tmp_path / "mapping.yaml", source, str(place))
    assert RejectWriter.beside(tmp_path / "mapping.yaml", source, "-").path.name == "-"


FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")


@FULL
def test_a_full_disk_is_told_and_no_bug():
    for writer in (cells(Path("/dev/full"), ("Id",)), RejectWriter("/dev/full")):
        with pytest.raises(SettingsError, match="No space left"), writer:
            writer.write(reject({"Id": "x" * 10_000}))


@FULL
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # of the library's own archive
def test_a_disk_that_is_full_at_the_end_of_a_workbook_is_told():
    begin = partial(WorkbookShape, columns=("Id",), reasons=ERROR_COLUMNS)
    with pytest.raises(SettingsError, match="No space left"), RejectWriter("/dev/full", begin) as writer:
        writer.write(reject({"Id": "x"}))
    gc.collect()  # so that the archive complains here
