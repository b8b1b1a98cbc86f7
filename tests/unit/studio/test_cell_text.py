"""Cells as texts that a person edits: what is not edited stays what it is, and a type stays where it can."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.studio.cell_text import cell_text, read_cell

values = st.one_of(
    st.none(),
    st.text(),
    st.booleans(),
    st.integers(),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.dates(),
    st.datetimes(),
    st.lists(st.integers() | st.text()),
    st.dictionaries(st.text(), st.integers()),
)


@given(values)
def test_a_cell_that_is_not_edited_keeps_its_value(value):
    assert read_cell(cell_text(value), value) is value


@given(values, values)
def test_the_text_of_a_value_of_the_same_type_gives_that_value(value, other):
    if value is not None and type(value) is type(other):
        assert read_cell(cell_text(value), other) == value


@pytest.mark.parametrize(
    ("text", "original", "read"),
    [
        ("13", 12, 13),
        ("13.50", 12, Decimal("13.50")),
        ("thirteen", 12, "thirteen"),
        ("NaN", 12, "NaN"),
        ("", 12, None),
        ("", "a", ""),
        ("2024-02-30", date(2024, 2, 1), "2024-02-30"),
        ("2024-02-03", datetime(2024, 2, 1), datetime(2024, 2, 3)),  # noqa: DTZ001 - as workbooks have them
        ("false", True, False),
        ("perhaps", True, "perhaps"),
        ("[1, 2]", ["a"], [1, 2]),
        ("[1, 2", ["a"], "[1, 2"),
        ("0012", "0011", "0012"),
    ],
)
def test_an_edit_has_the_type_of_the_original_where_it_can_be_read_so(text, original, read):
    found = read_cell(text, original)
    assert (found, type(found)) == (read, type(read))
