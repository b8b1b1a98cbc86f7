"""Rejects of a workbook: an XLSX file that a spreadsheet shows as it was, and never runs."""

from __future__ import annotations

import sys
from datetime import date
from datetime import datetime as at
from decimal import Decimal
from functools import partial

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SettingsError
from opusmap.issues import Issue
from opusmap.records import Reject
from opusmap.rejects import RejectWriter
from opusmap.rejects.file_formats import WorkbookShape
from opusmap.rejects.writer import ERROR_COLUMNS
from opusmap.sources import from_rows

PROBLEMS = (Issue("bad-number", "no number", "Amount"),)


def written(path, *rows):
    begin = partial(WorkbookShape, columns=tuple(rows[0]), reasons=ERROR_COLUMNS)
    with RejectWriter(path, begin) as writer:
        for number, values in enumerate(rows, 2):
            writer.write(Reject(number, "k", PROBLEMS, values))
    (sheet,) = openpyxl.load_workbook(path).worksheets
    return list(sheet.iter_rows())


def test_values_keep_their_kind_and_reasons_follow(tmp_path):
    values = {
        "Id": "007",
        "Count": 42,
        "Amount": Decimal("12.5"),
        "Day": date(2024, 7, 1),
        "At": at(2024, 7, 1, 12, 30),  # noqa: DTZ001 - a workbook's times have no zone
        "Open": True,
        "None": None,
        "Long": 12345678901234567890,
        "Old": date(1850, 1, 1),
    }
    header, row = written(tmp_path / "r.xlsx", values)
    assert [cell.value for cell in header] == [*values, *ERROR_COLUMNS]
    assert [cell.value for cell in row] == [
        "007",
        42,
        12.5,
        at(2024, 7, 1),  # noqa: DTZ001
        at(2024, 7, 1, 12, 30),  # noqa: DTZ001 - a workbook's times have no zone
        True,
        None,
        "12345678901234567890",
        "1850-01-01",
        "2",
        "k",
        "Amount",
        "bad-number",
        "Amount: no number",
    ]
    assert row[0].data_type == "s"
    assert row[3].number_format == "yyyy-mm-dd"


@given(st.sampled_from("=+-@\t"), st.text(st.characters(categories=["L", "N", "P", "Z"]), max_size=20))
def test_no_cell_is_a_formula_a_link_or_a_number_by_accident(tmp_path_factory, first, rest):
    path = tmp_path_factory.mktemp("book") / "r.xlsx"
    _, row = written(path, {"A": first + rest, "B": "https://example.com", "C": "{=1+1}", "D": "1e5"})
    assert [cell.data_type for cell in row[:4]] == ["s"] * 4
    assert row[0].value == "'" + first + rest
    assert [cell.value for cell in row[1:4]] == ["https://example.com", "{=1+1}", "1e5"]
    assert all(cell.hyperlink is None for cell in row)


def test_the_file_is_its_owners_alone_and_no_temporary_file_is_left(tmp_path, monkeypatch):
    (tmp_path / "temp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temp"))
    written(tmp_path / "r.xlsx", {"A": "x"})
    assert (tmp_path / "r.xlsx").stat().st_mode & 0o777 == (0o600 if sys.platform != "win32" else 0o666)
    assert list((tmp_path / "temp").iterdir()) == []


def test_a_sheet_that_is_full_is_followed_by_another(tmp_path, monkeypatch):
    monkeypatch.setattr("opusmap.rejects.file_formats._LAST_ROW", 2)
    begin = partial(WorkbookShape, columns=("A",), reasons=ERROR_COLUMNS)
    with RejectWriter(tmp_path / "r.xlsx", begin) as writer:
        for number in range(5):
            writer.write(Reject(number, "k", PROBLEMS, {"A": str(number)}))
    sheets = openpyxl.load_workbook(tmp_path / "r.xlsx").worksheets
    assert [[row[0].value for row in sheet.iter_rows()] for sheet in sheets] == [
        ["A", "0", "1"],
        ["A", "2", "3"],
        ["A", "4"],
    ]


def test_without_the_extra_it_is_named_before_the_first_row(tmp_path, monkeypatch):
    monkeypatch.setattr("opusmap.rejects.writer.find_spec", lambda _: None)
    source = from_rows([])
    source.typed_cells = True
    with pytest.raises(SettingsError, match="install the extra `excel`"):
        RejectWriter.beside(tmp_path / "mapping.yaml", source)
