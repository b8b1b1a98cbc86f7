"""Lists for people: each value in its cell, harmless in a spreadsheet, and whole or not there."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest
from openpyxl import load_workbook

from opusmap.errors import SettingsError
from opusmap.report.list_files import check_list_file, is_page, write_page, write_rows

ROWS = ({"key": "a", "run": 1, "name": "=cmd()"}, {"key": "é\ud800", "run": None, "name": ""})


def read(path: Path) -> list[list[object]]:
    if path.suffix == ".csv":
        return [list(row) for row in csv.reader(io.StringIO(path.read_bytes().decode("utf-8-sig")))]
    sheet = load_workbook(path).active
    return [["" if cell.value is None else cell.value for cell in row] for row in sheet.iter_rows()]


@pytest.mark.parametrize("name", ["list.csv", "list.XLSX"])
def test_a_list_has_its_columns_and_empty_ones_and_no_cell_is_run(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    check_list_file(str(path))
    with write_rows(str(path), ("key", "run", "name"), ("note",)) as write:
        for values in ROWS:
            write({**values, "more": "not listed"})
        assert not path.exists()
    path = path.rename(path.with_suffix(path.suffix.lower()))
    one = "1" if name == "list.csv" else 1
    assert read(path) == [
        ["key", "run", "name", "note"],
        ["a", one, "'=cmd()", ""],
        ["é\\ud800", "", "", ""],
    ]


@pytest.mark.parametrize("name", ["list.csv", "list.xlsx"])
def test_a_list_that_is_not_whole_is_not_there(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("before")

    def stop_midway() -> None:
        with write_rows(str(path), ("key",)) as write:
            write({"key": "a"})
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop_midway()
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert path.read_text() == "before"


@pytest.mark.parametrize("name", ["list", "list.txt", "list.csv.gz", "-"])
def test_an_ending_that_says_nothing_is_refused(name: str) -> None:
    with pytest.raises(SettingsError, match="does not end in"):
        check_list_file(name)


def test_a_page_is_known_by_its_ending_and_written_with_what_utf8_cannot_hold(tmp_path: Path) -> None:
    path = tmp_path / "list.HTM"
    check_list_file(str(path))
    assert (is_page(str(path)), is_page("list.csv")) == (True, False)
    write_page(str(path), "<p>\ud800</p>")
    assert path.read_text("utf-8") == "<p>\\ud800</p>"
