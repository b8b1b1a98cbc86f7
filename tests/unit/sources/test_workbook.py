"""Workbooks: what a cell's value is, where it stands, and what is refused without harm."""

from __future__ import annotations

import io
import re
import zipfile
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import open_source
from opusmap.sources.workbook_scan import column_letters, column_number, scan_workbook

openpyxl = pytest.importorskip("openpyxl", reason="openpyxl, which makes the workbooks, is not installed")
pytest.importorskip("python_calamine", reason="the extra excel is not installed")


def written(path: Path, rows: list[list[Any]], **sheets: list[list[Any]]) -> Path:
    book = openpyxl.Workbook()
    book.active.title = "Register"
    for name, content in {"Register": rows, **sheets}.items():
        sheet = book[name] if name in book.sheetnames else book.create_sheet(name)
        for row in content:
            sheet.append(row)
    book.save(path)
    return path


def changed(path: Path, part: str, pattern: str, replacement: str) -> Path:
    """Rewrite one part of a package."""
    with zipfile.ZipFile(path) as package:
        parts = {name: package.read(name) for name in package.namelist()}
    parts[part], count = re.subn(pattern.encode(), replacement.encode(), parts[part], count=1)
    assert count == 1, parts[part][:2_000]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return path


def moment(text: str) -> datetime:
    """A time without a zone, as cells have it."""
    return datetime.fromisoformat(text)


SHEET = "xl/worksheets/sheet1.xml"


def read(path: Any, **options: Any) -> list[Row | Reject]:
    with open_source(path, **options) as source:
        return list(source.rows())


def refusal(path: Path, **options: Any) -> SourceError:
    with pytest.raises(SourceError) as caught:
        read(path, **options)
    assert caught.value.help
    return caught.value


def test_values_are_what_the_cells_hold(tmp_path: Path) -> None:
    cells = [
        "007",
        42,
        0.1 + 0.2,
        1e15,
        True,
        moment("2024-07-01 09:30:00"),
        date(2024, 7, 1),
        timedelta(hours=30),
        None,
    ]
    path = written(tmp_path / "x.xlsx", [[f"c{place}" for place in range(9)], cells])
    (row,) = read(path)
    assert isinstance(row, Row)
    found = list(row.values.values())
    assert found[:5] == ["007", 42, Decimal("0.3"), 10**15, True]
    assert [type(value) for value in found[1:4]] == [int, Decimal, int]
    assert found[5:7] == [moment("2024-07-01 09:30:00"), date(2024, 7, 1)]
    assert found[7:] == ["1 day, 6:00:00", None]


@pytest.mark.parametrize("epoch", ["WINDOWS_EPOCH", "MAC_EPOCH"])
def test_dates_are_the_same_in_both_date_systems(tmp_path: Path, epoch: str) -> None:
    book = openpyxl.Workbook()
    book.epoch = getattr(openpyxl.utils.datetime, epoch)
    book.active.append(["when"])
    book.active.append([moment("2024-02-29 23:59:59")])
    book.save(tmp_path / "x.xlsx")
    assert read(tmp_path / "x.xlsx") == [Row(2, {"when": moment("2024-02-29 23:59:59")})]


def test_midnight_in_a_column_of_times_is_a_time_and_a_column_of_days_holds_days(tmp_path: Path) -> None:
    rows = [
        ["when", "day"],
        [moment("2024-07-01 00:00:00"), date(2024, 7, 1)],
        [moment("2024-07-01 09:00:00"), date(2024, 7, 2)],
    ]
    first, second = read(written(tmp_path / "x.xlsx", rows))
    assert (first.values["when"], first.values["day"]) == (moment("2024-07-01 00:00:00"), date(2024, 7, 1))
    assert type(first.values["day"]) is date
    assert type(first.values["when"]) is datetime
    assert second.values["when"] == moment("2024-07-01 09:00:00")


def test_rows_and_cells_are_named_as_excel_names_them(tmp_path: Path) -> None:
    rows: list[list[Any]] = [
        [],
        ["", "a report"],
        [],
        ["", "", "key", "name"],
        ["", "", 1, "x"],
        [],
        ["", "", 2, "y"],
    ]
    path = written(tmp_path / "x.xlsx", rows)
    with open_source(path, header_row=4) as source:
        assert source.columns == ("key", "name")
        assert (
            list(source.rows())
            == list(source.rows())
            == [Row(5, {"key": 1, "name": "x"}), Row(7, {"key": 2, "name": "y"})]
        )
        assert (source.place(7), source.place(7, "name")) == ("row 7", "cell D7")


def test_hidden_rows_columns_and_sheets_count_as_any_other(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["a", "b"], [1, 2], [3, 4]], Old=[["a"], [9]])
    book = openpyxl.load_workbook(path)
    book["Register"].row_dimensions[2].hidden = True
    book["Register"].column_dimensions["B"].hidden = True
    book["Register"].auto_filter.ref = "A1:B3"
    book["Old"].sheet_state = "hidden"
    book.save(path)
    assert [row.values for row in read(path)] == [{"a": 1, "b": 2}, {"a": 3, "b": 4}]
    assert [row.values for row in read(path, sheet="2")] == [{"a": 9}]


def test_a_formula_is_its_saved_result_and_an_error_its_text(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["a", "b", "c"], ["=1+1", "=NA()", 1], [1, 2, "#REF!"]])
    changed(path, SHEET, r'<c r="A2"[^>]*>.*?</c>', '<c r="A2"><f>1+1</f><v>2</v></c>')
    changed(path, SHEET, r'<c r="B2"[^>]*>.*?</c>', '<c r="B2" t="e"><f>NA()</f><v>#N/A</v></c>')
    first, second = read(path)
    assert first.values == {"a": 2, "b": "#N/A", "c": 1}
    assert second.values["c"] == "#REF!"


def test_an_error_is_taken_from_the_sheet_that_is_read(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["a"], ["#REF!"]], **{"R & D": [["a"], [None], ["#N/A"]]})
    assert [row.values for row in read(path)] == [{"a": "#REF!"}]
    assert [(row.number, row.values) for row in read(path, sheet="R & D") if isinstance(row, Row)] == [
        (3, {"a": "#N/A"})
    ]


@pytest.mark.parametrize(
    ("sheet", "value"), [(None, 1), ("1", 1), ("2", 2), ("Second", 2), ("3", 3), ("2024", 3)]
)
def test_a_sheet_goes_by_its_name_or_its_number(tmp_path: Path, sheet: str | None, value: int) -> None:
    path = written(tmp_path / "x.xlsx", [["a"], [1]], Second=[["a"], [2]], **{"2024": [["a"], [3]]})
    with open_source(path, sheet=sheet) as source:
        assert len(source.notes) == 1
        assert [row.values["a"] for row in source.rows()] == [value]


def test_without_a_sheet_the_first_is_read_even_if_another_is_called_1(tmp_path: Path) -> None:
    assert read(written(tmp_path / "x.xlsx", [["a"], [1]], **{"1": [["a"], [2]]})) == [Row(2, {"a": 1})]


def test_a_sheet_that_is_not_there_is_refused_with_the_nearest_or_all(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["a"]])
    assert '"Register"' in refusal(path, sheet="Regsiter").help
    assert '"Register"' in refusal(path, sheet="9").help


def test_a_sheet_without_a_header_has_the_columns_that_are_given(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["", 1, "x"], ["", 2, "y", "stray"]])
    first, second = read(path, columns=("none", "key", "name", "more"))
    assert first == Row(1, {"none": None, "key": 1, "name": "x", "more": None})
    assert second.values["more"] == "stray"
    first, second = read(path, columns=("none", "key", "name"))
    assert first == Row(1, {"none": None, "key": 1, "name": "x"})
    assert isinstance(second, Reject)
    assert "D2" in second.problems[0].message


def test_a_value_in_a_column_without_a_name_is_a_reject(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["a", None, "b"], [1, None, 2], [3, "stray", 4]])
    good, bad = read(path)
    assert good == Row(2, {"a": 1, "b": 2})
    assert isinstance(bad, Reject)
    assert (bad.row, bad.problems[0].code) == (3, "unnamed-column")
    assert "cell B3" in bad.problems[0].message


@pytest.mark.parametrize(
    ("rows", "options", "code"),
    [
        ([["a", "a"]], {}, "duplicate-header"),
        ([[], ["a"]], {}, "no-header"),
        ([["a"]], {"header_row": 5}, "no-header"),
        ([["a"]], {"header_row": 0}, "wrong-option"),
        ([["a"]], {"delimiter": ";"}, "wrong-option"),
        ([], {}, "no-header"),
    ],
)
def test_an_unusable_header_or_option_is_refused(tmp_path: Path, rows: Any, options: Any, code: str) -> None:
    assert refusal(written(tmp_path / "x.xlsx", rows), **options).code == code


def test_a_number_as_a_heading_is_a_name(tmp_path: Path) -> None:
    assert read(written(tmp_path / "x.xlsx", [[2024, "b"], [1, 2]])) == [Row(2, {"2024": 1, "b": 2})]


def test_names_are_numbered_and_changed_as_in_csv(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["a", None, "a"], [1, 2, 3]])
    assert read(path, headers="number") == [Row(2, {"a": 1, "Column 2": 2, "a (2)": 3})]
    assert read(path, columns=("k", "l", "m"), header_row=1) == [Row(2, {"k": 1, "l": 2, "m": 3})]
    with open_source(written(path, [["a", None, "b"], [1, None, 2]])) as source:
        assert "column 2 has no name in row 1 and is left out" in source.notes


def test_a_title_above_the_header_is_told_with_the_row_to_write(tmp_path: Path) -> None:
    rows = [["Register of contracts"], [None], ["No", "Title", "Sum"], [7, "Lease", 1.5], [8, "Barn", 2]]
    error = refusal(written(tmp_path / "x.xlsx", rows))
    assert (error.code, "`header_row: 3`" in error.help) == ("no-header", True)


def test_a_stream_is_read_as_a_file_is(tmp_path: Path) -> None:
    data = written(tmp_path / "x.xlsx", [["a"], [1]]).read_bytes()
    assert read(io.BytesIO(data), format="excel") == [Row(2, {"a": 1})]


def test_many_rows_come_in_their_order(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["n"], *([number] for number in range(1_700))])
    assert [(row.number, row.values["n"]) for row in read(path) if isinstance(row, Row)] == [
        (number + 2, number) for number in range(1_700)
    ]


def test_closing_before_the_end_ends_the_process(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["n"], *([number] for number in range(5_000))])
    with open_source(path) as source:
        next(source.rows())  # what is left running would warn, and warnings are errors


@pytest.mark.parametrize(
    "content", [b"", b"text", b"PK\x03\x04 no package", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600]
)
@pytest.mark.parametrize("suffix", [".xlsx", ".xls", ".ods"])
def test_what_is_no_workbook_is_refused(tmp_path: Path, suffix: str, content: bytes) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    assert refusal(path).code == "source-damaged"


def test_a_workbook_cut_off_anywhere_is_refused(tmp_path: Path) -> None:
    data = written(tmp_path / "x.xlsx", [["a"], [1]]).read_bytes()
    for cut in range(0, len(data) - 1, 500):
        (tmp_path / "y.xlsx").write_bytes(data[:cut])
        assert refusal(tmp_path / "y.xlsx").code == "source-damaged"


def test_sizes_that_a_package_declares_are_not_believed(tmp_path: Path) -> None:
    path = tmp_path / "x.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", b"\0" * (80 << 20))
    data = path.read_bytes().replace((80 << 20).to_bytes(4, "little"), (99).to_bytes(4, "little"))
    path.write_bytes(data)
    with pytest.raises(SourceError, match="unpacked-too-large"):
        scan_workbook(path, "x")


@pytest.mark.parametrize("letters", ["A", "Z", "AA", "AZ", "BA", "ZZ", "AAA", "XFD"])
def test_letters_and_numbers_of_columns_are_one_to_one(letters: str) -> None:
    assert column_letters(column_number(letters)) == letters


def test_the_last_column_of_excel_is_16384() -> None:
    assert column_number("XFD") == 16_384


def test_a_header_row_beyond_the_end_is_told_with_the_last_row(tmp_path: Path) -> None:
    error = refusal(written(tmp_path / "x.xlsx", [["a"], ["b"]]), header_row=50)
    assert (error.code, error.problem) == ("no-header", "the sheet ends at row 2, before row 50")


def test_columns_that_the_first_row_has_already_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path / "x.xlsx", [["No", "Title"], [1, "a"]])
    assert "`header_row: 1`" in refusal(path, columns=("No", "Title")).help


def test_a_value_without_a_name_is_not_blamed_on_a_delimiter(tmp_path: Path) -> None:
    _, row = read(written(tmp_path / "x.xlsx", [["a", None, "b"], [1, None, 2], [1, 5, 2]]))
    assert isinstance(row, Reject)
    assert row.problems[0].code == "unnamed-column"
    assert "delimiter" not in row.problems[0].hint
