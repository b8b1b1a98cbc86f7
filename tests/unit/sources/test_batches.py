"""Parts of a source: their rows are the same again and again, also after a journey."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import nullcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.records import Reject, Row
from opusmap.sources.batches import RowPart, cell_parts, row_parts

COLUMNS = ("Id", "Name")
CELLS = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=3), min_size=2, max_size=2)


@given(st.lists(CELLS | st.none(), max_size=30))
def test_a_part_gives_the_rows_that_it_was_made_of(cells: list[list[str] | None]) -> None:
    """None stands for a row that is odd."""
    numbered = list(enumerate(cells, 2))
    odd = {number: Reject(number, None, (), {}) for number, each in numbered if each is None}
    rows = [
        odd[number] if each is None else Row(number, dict(zip(COLUMNS, each, strict=True)))
        for number, each in numbered
    ]
    made = [odd[number] if each is None else (number, each) for number, each in numbered]
    (whole,) = cell_parts(COLUMNS, made)
    for part in (whole, pickle.loads(pickle.dumps(whole)), RowPart(list(rows))):
        for _ in range(2):
            assert list(part.rows()) == rows
        if not isinstance(part, RowPart):
            assert [part.row(place) for place in range(len(rows))] == rows


@given(st.integers(0, 30), st.integers(1, 9), st.booleans())
def test_rows_before_a_failure_come_first(count: int, most: int, fails: bool) -> None:  # noqa: FBT001 - drawn
    def rows() -> Iterator[Row | Reject]:
        yield from (Row(number, {}) for number in range(count))
        if fails:
            raise LookupError

    found = list[int]()
    with pytest.raises(LookupError) if fails else nullcontext():
        for part in row_parts(rows(), most):
            assert 0 < len(part.content) <= most
            found += [row.number for row in part.content if isinstance(row, Row)]
    assert found == [*range(count)]
