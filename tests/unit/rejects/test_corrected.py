"""Reading a corrected file of rejects: rows as they were, and those held back that no one has looked at."""

from __future__ import annotations

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.rejects import RejectsSource
from opusmap.sources import open_source

HEADER = "Id,Text,_row,_key,_error_column,_error_code,_error\r\n"


def rows(path, text, encoding="utf-8-sig"):
    path.write_text(HEADER + text, encoding=encoding, newline="")
    with RejectsSource(open_source(path)) as source:
        assert source.columns == ("Id", "Text")
        return list(source.rows())


def test_rows_keep_their_numbers_and_lose_what_was_added(tmp_path):
    text = "1,'=A1,7,k,Text,bad-number,Text: no\r\n2,''=A1,9.0,k,,,\r\n3,new,,,,,\r\n"
    assert rows(tmp_path / "m.csv", text) == [
        Row(7, {"Id": "1", "Text": "=A1"}),
        Row(9, {"Id": "2", "Text": "'=A1"}),
        Row(4, {"Id": "3", "Text": "new"}),
    ]


def test_a_row_of_another_width_is_held_back_until_a_person_has_looked_at_it(tmp_path):
    held, passed = rows(tmp_path / "m.csv", "1,a,7,,,ragged-row,no\r\n1,a,7,,,,no\r\n")
    assert isinstance(held, Reject)
    (problem,) = held.problems
    assert (held.row, problem.code) == (7, "ragged-row")
    assert "_error_code" in problem.help
    assert passed == Row(7, {"Id": "1", "Text": "a"})


@pytest.mark.parametrize("delimiter", [";", "\t", "|"])
def test_a_spreadsheet_may_have_chosen_another_delimiter(delimiter, tmp_path):
    path = tmp_path / "m.csv"
    path.write_text((HEADER + "1,x,7,,,,\r\n").replace(",", delimiter), "utf-8")
    with RejectsSource(open_source(path)) as source:
        assert list(source.rows()) == [Row(7, {"Id": "1", "Text": "x"})]


def test_a_file_that_excel_saved_in_an_old_encoding_says_how_to_save_it(tmp_path):
    with pytest.raises(SourceError, match="CSV UTF-8"):
        rows(tmp_path / "m.csv", "1,é,7,,,,\r\n", "cp1252")
