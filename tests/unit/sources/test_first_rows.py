"""The beginning of a file as it is: a person sees which row, encoding, delimiter, sheet or list is right."""

import gzip
import json

import openpyxl
import pytest

from opusmap.errors import SourceError
from opusmap.source_options import SourceOptions
from opusmap.sources import open_with
from opusmap.sources.first_rows import read_first_rows


def first(path, **options):
    return read_first_rows(path, SourceOptions(**options))


@pytest.fixture
def book(tmp_path):
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    sheet.title = "Permits"
    for row in (["Building permits"], [], ["No", "Lodged"], [7, "01/02/2025"]):
        sheet.append(row)
    workbook.create_sheet("Notes").append(["nothing"])
    workbook.save(tmp_path / "permits.xlsx")
    return tmp_path / "permits.xlsx"


def test_the_rows_above_a_header_are_there_with_their_numbers(tmp_path):
    path = tmp_path / "titled.csv"
    path.write_text("Permits\n\nNo,Lodged,By\n" + "".join(f"{n},x,y\n" for n in range(40)), "utf-8")
    found = first(path)
    assert found.shape == "cells"
    assert found.rows[:4] == ((1, ("Permits",)), (2, ()), (3, ("No", "Lodged", "By")), (4, ("0", "x", "y")))
    assert len(found.rows) == 20
    assert found.header_row == 3
    with open_with(path, SourceOptions(header_row=found.header_row)) as source:
        assert source.columns == ("No", "Lodged", "By")


def test_a_sheet_is_shown_as_it_is_and_the_sheets_are_named(book):
    found = first(book)
    cells = [("Building permits", ""), ("", ""), ("No", "Lodged"), ("7", "01/02/2025")]
    assert found.rows == tuple(enumerate(cells, 1))
    assert found.header_row == 3
    assert [one.value for one in found.sheets] == ["Permits", "Notes"]
    assert dict(found.now) == {"sheet": "Permits"}
    assert first(book, sheet="Notes").rows == ((1, ("nothing",)),)


def test_a_sheet_that_is_not_there_is_said_beside_those_that_are(book):
    found = first(book, sheet="Permit")
    assert found.problem.code == "unknown-sheet"
    assert [one.value for one in found.sheets] == ["Permits", "Notes"]


def test_each_encoding_shows_how_it_reads_what_is_not_ascii(tmp_path):
    path = tmp_path / "old.csv"
    path.write_bytes("Name;Ort\nMüller;Köln\n".encode("cp1252"))
    found = first(path)
    assert found.problem.code == "encoding"
    assert len(found.rows) == 2
    effects = {one.value: one.effect for one in found.encodings}
    assert effects["cp1252"] == "reads “Müller;Köln”"
    assert "\ufffd" in effects["utf-8"]
    right = first(path, encoding="cp1252")
    assert right.problem is None
    assert right.rows[1] == (2, ("Müller", "Köln"))


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_utf_8_leaves_no_encoding_to_choose(tmp_path, mark):
    path = tmp_path / "new.csv"
    path.write_bytes(mark + "Name,Ort\nMüller,Köln\n".encode())
    assert first(path).encodings == ()
    assert first(path).encoding_note


def test_each_delimiter_says_how_many_columns_it_makes(tmp_path):
    path = tmp_path / "semicolons.csv"
    path.write_text("a;b;c\n1,5;2;3\n", "utf-8")
    found = first(path)
    effects = {one.value: one.effect for one in found.delimiters}
    assert effects[";"] == "semicolon: splits most rows into 3 columns"
    assert dict(found.now) == {"delimiter": ";"}
    assert first(path, delimiter=",").rows[1] == (2, ("1", "5;2;3"))


def test_the_lists_of_a_json_document_are_named_so_that_the_reader_finds_them(tmp_path):
    path = tmp_path / "nested.json"
    data = {"meta": {"tags": ["x"]}, "result": {"my list": [{"a": 1}], "n": 3, "records": [{"b": [1]}]}}
    path.write_text(json.dumps(data, indent=1), "utf-8")
    lists = [one.value for one in first(path).lists]
    assert lists == ["$.meta.tags", "$.result.my list", "$.result.records"]
    for one in lists[1:]:
        with open_with(path, SourceOptions(items=one)) as source:
            assert len(list(source.rows())) == 1


def test_only_the_beginning_of_a_large_file_is_read(tmp_path):
    path = tmp_path / "large.csv"
    with path.open("wb") as file:
        file.write(b"a,b\n" + b"1,2\n" * 1_000_000)
        file.write(b"\xff\xff\xff\n")
    assert first(path).problem is None
    assert len(first(path).rows) == 20


def test_a_packed_file_is_shown_unpacked(tmp_path):
    path = tmp_path / "packed.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n"))
    assert first(path).rows == ((1, ("a", "b")), (2, ("1", "2")))


def test_a_file_without_a_known_format_is_refused(tmp_path):
    path = tmp_path / "x.unknown"
    path.write_text("a", "utf-8")
    with pytest.raises(SourceError, match="unknown-format"):
        first(path)
