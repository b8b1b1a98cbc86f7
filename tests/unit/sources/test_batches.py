"""Parts of a source: any of their rows can be had again, also after a journey."""

from __future__ import annotations

import pickle

from hypothesis import given
from hypothesis import strategies as st

from opusmap.records import Reject, Row
from opusmap.sources.batches import RowPart, cell_parts, rows_at

COLUMNS = ("Id", "Name")
CELLS = st.lists(st.text(st.characters(exclude_characters="\0"), max_size=3), min_size=2, max_size=2)


@given(st.lists(CELLS | st.none(), max_size=30), st.data())
def test_rows_at_some_places_are_those_among_all(cells: list[list[str] | None], data: st.DataObject) -> None:
    """None stands for a row that is odd."""
    numbered = list(enumerate(cells, 2))
    odd = {number: Reject(number, None, (), {}) for number, each in numbered if each is None}
    rows = [
        odd[number] if each is None else Row(number, dict(zip(COLUMNS, each, strict=True)))
        for number, each in numbered
    ]
    made = [odd[number] if each is None else (number, each) for number, each in numbered]
    (whole,) = cell_parts(COLUMNS, made)
    places = data.draw(st.sets(st.integers(0, len(rows) - 1)) if rows else st.just(set[int]()))
    for part in (whole, pickle.loads(pickle.dumps(whole)), RowPart(list(rows))):
        assert list(part.rows()) == rows
        assert rows_at(part, places) == {place: rows[place] for place in places}
