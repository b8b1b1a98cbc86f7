"""Rows cut by a line break that is not quoted: what is told as one row, which whole rows are refused, too."""

from __future__ import annotations

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.records import Reject, Row
from opusmap.sources import open_source
from opusmap.sources.csv_rows import CUT_ROWS

BREAK = "a cell with line breaks in it must be quoted"


def read(content: str) -> tuple[list[int], dict[int, tuple[str, str]]]:
    """Return the numbers of the rows, and message and hint of each reject by its row."""
    with open_source(io.StringIO(content), format="csv", delimiter=",", header_row=1) as source:
        rows = list(source.rows())
    assert all(one.problems[0].code == "ragged-row" for one in rows if isinstance(one, Reject))
    refused = {
        one.row: (one.problems[0].message, one.problems[0].hint) for one in rows if isinstance(one, Reject)
    }
    return [one.number for one in rows if isinstance(one, Row)], refused


def test_rows_that_have_the_cells_of_one_row_are_told_as_such() -> None:
    taken, refused = read("a,b,c\n1,x\ny,3\n4,5,6\n7,first\nsecond\nthird,9\n4,5,6\n")
    assert taken == [4, 8]
    assert refused.keys() == {2, 3, 5, 6, 7}
    assert refused[2][1] == refused[3][1] == "rows 2 to 3 together have the 3 cells of one row: " + BREAK
    assert {refused[row][1] for row in (5, 6, 7)} == {
        "rows 5 to 7 together have the 3 cells of one row: " + BREAK
    }


def test_pieces_before_a_cut_row_are_not_told_as_a_part_of_it() -> None:
    taken, refused = read("a,b,c\n0,x,y\n1,x,line one\nline two\nline three\n2,half\nhalf,y\n3,x,y\n")
    assert taken == [2, 8]
    assert refused.keys() == {3, 4, 5, 6, 7}
    assert refused[4][1] == refused[5][1]
    assert "the last cell of row 3 or of the first cell of row 6" in refused[4][1]
    assert refused[6][1] == refused[7][1] == "rows 6 to 7 together have the 3 cells of one row: " + BREAK


@pytest.mark.parametrize("between", ["two", "two\nthree", "\ntwo", "two\n\nthree\n"])
def test_a_row_whose_last_cell_may_go_on_below_is_not_taken(between: str) -> None:
    taken, refused = read(f"No,Title,Text\n1,a,x\n2,a,one\n{between}\n")
    assert taken == [2]
    message, hint = refused[3]
    assert "below has 1 cell, which may be a piece of the last cell of this row" in message
    assert BREAK in hint
    assert all("the last cell of row 3" in hint for row, (_, hint) in refused.items() if row != 3)


def test_a_row_whose_first_cell_may_begin_above_is_not_taken() -> None:
    taken, refused = read("Text,No,Title\none\ntwo,1,a\nx,2,b\n")
    assert taken == [4]
    assert "the first cell of row 3" in refused[2][1]
    assert refused[2][0] == "the row has 1 cell, but there are 3 columns"
    assert refused[3][0] == "row 2 above has 1 cell, which may be a piece of the first cell of this row"


def test_a_row_with_too_few_cells_alone_spoils_no_other() -> None:
    assert read("a,b,c\n1,2,3\n4,5\n6,7,8\n9,1,2,3\n4,5,6\n")[0] == [2, 4, 6]


@pytest.mark.parametrize("pieces", [CUT_ROWS - 2, CUT_ROWS, 3 * CUT_ROWS + 1])
def test_any_number_of_pieces_spoils_the_rows_on_both_sides(pieces: int) -> None:
    taken, refused = read("a,b\n1,2\n3,4\n" + "piece\n" * pieces + "5,6\n7,8\n")
    assert taken == [2, pieces + 5]
    assert len(refused) == pieces + 2


PIECES = st.lists(st.sampled_from(["x", "y z"]), min_size=1, max_size=3).map("\n".join)


@given(st.lists(st.tuples(PIECES, st.just("m"), PIECES), max_size=8))
def test_no_piece_of_a_first_or_last_cell_that_was_cut_is_taken(rows: list[tuple[str, str, str]]) -> None:
    content, number, whole = "a,b,c\n", 2, set[int]()
    for cells in rows:
        content += ",".join(cells) + "\n"
        lines = 1 + sum(cell.count("\n") for cell in cells)
        whole |= {number} if lines == 1 else set()
        number += lines
    taken, refused = read(content)
    assert whole.issuperset(taken)
    assert sorted([*taken, *refused]) == list(range(2, number))
