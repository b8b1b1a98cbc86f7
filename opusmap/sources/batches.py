"""Parts of a source that travel to another process, and are read there into rows.

Owns how rows are packed for the way. What is cheap to cut off here (a line, a row's cells) is made into
rows there; formats without such a middle state send their rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from collections.abc import Set as AbstractSet
from itertools import chain, islice
from typing import Any, Protocol

import msgspec

from opusmap.records import Reject, Row

__all__ = ["PART_ROWS", "PART_SIZE", "CellPart", "Part", "RowPart", "cell_parts", "row_parts", "rows_at"]

PART_ROWS = 250
"""Rows of a part at most: more of them, with all their cells, would not fit into a processor's own memory."""
PART_SIZE = 1 << 20
"""Characters or bytes of a part, about: with a longer row it ends."""


class Part(Protocol):
    """Some rows of a source, in order; it can be pickled."""

    def rows(self) -> Iterable[Row | Reject]:
        """Return the rows; the same each time."""
        ...


class RowPart(msgspec.Struct, frozen=True):
    """Rows as they are."""

    content: list[Row | Reject]

    def rows(self) -> Iterable[Row | Reject]:
        """Return them."""
        return self.content


class CellPart(msgspec.Struct, frozen=True):
    """Rows that have the same columns, without naming those in each; `odd` ones by their place.

    No cell holds a NUL; a row with one is odd.
    """

    columns: tuple[str, ...]
    numbers: list[int]
    cells: list[Any]
    odd: list[tuple[int, Row | Reject]]

    def __reduce__(self) -> tuple[Any, ...]:
        # One long text travels in a fraction of the time that as many short ones take.
        text = "\0".join(chain.from_iterable(self.cells))
        return _unpack, (self.columns, self.numbers, text, self.odd)

    def rows(self) -> Iterable[Row | Reject]:
        """Put names and cells together, row by row."""
        columns, at = self.columns, 0
        made = (
            Row(number, dict(zip(columns, cells, strict=True)))
            for number, cells in zip(self.numbers, self.cells, strict=True)
        )
        for place, one in self.odd:
            yield from islice(made, place - at)
            yield one
            at = place + 1
        yield from made


def _unpack(
    columns: tuple[str, ...], numbers: list[int], text: str, odd: list[tuple[int, Row | Reject]]
) -> CellPart:
    cells = [iter(text.split("\0"))] * len(columns)
    return CellPart(columns, numbers, list(zip(*cells, strict=True)) if numbers else [], odd)


def rows_at(part: Part, places: AbstractSet[int]) -> dict[int, Row | Reject]:
    """Return the rows of a part at these places; cells are put together only there."""
    if not isinstance(part, CellPart):
        return {place: row for place, row in enumerate(part.rows()) if place in places}
    odd = dict(part.odd)
    found = {place: odd[place] for place in places if place in odd}
    for place in places - odd.keys():
        at = place - sum(other < place for other in odd)
        found[place] = Row(part.numbers[at], dict(zip(part.columns, part.cells[at], strict=True)))
    return found


def row_parts(rows: Iterable[Row | Reject], most: int = PART_ROWS) -> Iterator[RowPart]:
    """Yield rows some at a time; when the source fails, those before that as well."""
    content = list[Row | Reject]()
    try:
        for row in rows:
            content.append(row)
            if len(content) == most:
                yield RowPart(content)
                content = []
    except Exception:
        if content:
            yield RowPart(content)
        raise
    if content:
        yield RowPart(content)


def cell_parts(
    columns: tuple[str, ...], cells: Iterable[tuple[int, list[str]] | Row | Reject]
) -> Iterator[CellPart]:
    """Yield numbered cells, and odd rows among them, some at a time; those before the source fails, too."""
    part, size = CellPart(columns, [], [], []), 0
    try:
        for one in cells:
            if isinstance(one, tuple):
                part.numbers.append(one[0])
                part.cells.append(one[1])
                size += sum(map(len, one[1]))
            else:
                part.odd.append((len(part.numbers) + len(part.odd), one))
            if len(part.numbers) + len(part.odd) == PART_ROWS or size > PART_SIZE:
                yield part
                part, size = CellPart(columns, [], [], []), 0
    except Exception:
        yield part
        raise
    yield part
