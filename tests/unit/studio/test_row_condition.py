"""`where` is written by choosing a column, a comparison and a value; it means what was chosen."""

import pytest
from evaluation import evaluate
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SettingsError
from opusmap.records import Row
from opusmap.studio.cell_text import cell_text
from opusmap.studio.row_condition import write_condition

NAMES = st.text("aB ç'\"%.-", min_size=1, max_size=8)
CELLS = st.one_of(st.text("aB '\"%\\é", min_size=1, max_size=8), st.integers(-(10**9), 10**9), st.booleans())


def is_wanted(column, comparison, value, row, rows):
    condition = write_condition(column, comparison, value, [Row(1, one) for one in rows])
    return evaluate(condition.removeprefix("{{").removesuffix("}}").strip(), row)


@given(column=NAMES, cell=CELLS, other=CELLS)
def test_a_row_is_wanted_if_its_cell_is_the_one_that_was_chosen(column, cell, other):
    rows = [{column: cell}, {column: other}]
    value = cell_text(cell)
    assert is_wanted(column, "is", value, {column: cell}, rows[:1])
    assert is_wanted(column, "is not", value, {column: cell}, rows[:1]) is False
    if type(other) is type(cell):
        assert is_wanted(column, "is", value, {column: other}, rows) == (other == cell)


@given(column=NAMES, cell=CELLS)
def test_empty_is_what_the_source_has_no_value_in(column, cell):
    assert is_wanted(column, "is empty", "", {column: ""}, [])
    assert not is_wanted(column, "is empty", "", {column: cell}, [])
    assert is_wanted(column, "is not empty", "", {column: cell}, [])


def test_another_comparison_is_refused_in_words():
    with pytest.raises(SettingsError, match="not a comparison"):
        write_condition("A", "like", "x", [])
