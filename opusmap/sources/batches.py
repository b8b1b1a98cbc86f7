"""Parts of a source that can be sent to another process, which makes the rows of them.

A part holds what is cheap to cut off (lines, the cells of rows); formats without such a form send their rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import chain, islice
from typing import Any, Protocol

import msgspec

from opusmap.records import Reject, Row

PART_ROWS = 250
"""Rows of a part, at most: with all their cells they should fit into the cache of a processor."""
PART_SIZE = 1 << 20
"""Characters or bytes of a part, about: it ends with the row that exceeds them."""


class Part(Protocol):
    """Some rows of a source, in order; it can be pickled."""

    def rows(self) -> Iterable[Row | Reject]:
        """Return the rows; the same each time."""


class RowPart(msgspec.Struct, frozen=True):
    """Rows as they are."""

    content: list[Row | Reject]

    def rows(self) -> Iterable[Row | Reject]:
        """Return them."""
        return self.content


class CellPart(msgspec.Struct, frozen=True):
    """The numbers and cells of rows with the same columns; other rows and rejects are `odd`, by their index.

    No cell contains a NUL; a row with one is odd.
    """

    columns: tuple[str, ...]
    numbers: list[int]
    cells: list[Any]
    odd: list[tuple[int, Row | Reject]]

    def __reduce__(self) -> tuple[Any, ...]:
        # One long text is pickled in a fraction of the time that many short ones take.
        text = "\0".join(chain.from_iterable(self.cells))
        return _unpack, (self.columns, self.numbers, text, self.odd)

    def rows(self) -> Iterable[Row | Reject]:
        """Return the rows, made of names and cells."""
        columns = self.columns
        rows: list[Row | Reject] = [
            Row(number, dict(zip(columns, cells)))  # noqa: B905 - all rows have a cell for each column
            for number, cells in zip(self.numbers, self.cells, strict=True)
        ]
        for index, row in self.odd:
            rows.insert(index, row)
        return rows

    def row(self, place: int) -> Row | Reject:
        """Return the row at a place, 0 for the first, without making the others."""
        at = place
        for index, row in self.odd:
            if index == place:
                return row
            at -= index < place
        return Row(self.numbers[at], dict(zip(self.columns, self.cells[at], strict=True)))


def _unpack(
    columns: tuple[str, ...], numbers: list[int], text: str, odd: list[tuple[int, Row | Reject]]
) -> CellPart:
    cells = [iter(text.split("\0"))] * len(columns)
    return CellPart(columns, numbers, list(zip(*cells, strict=True)) if numbers else [], odd)


def row_parts(rows: Iterable[Row | Reject], most: int = PART_ROWS) -> Iterator[RowPart]:
    """Yield rows in parts; if the source fails, the rows before are yielded first."""
    left = iter(rows)
    while True:
        content = list[Row | Reject]()
        try:
            content.extend(islice(left, most))
        except Exception:
            if content:
                yield RowPart(content)
            raise
        if not content:
            return
        yield RowPart(content)


def cell_parts(
    columns: tuple[str, ...], cells: Iterable[tuple[int, list[str]] | Row | Reject]
) -> Iterator[CellPart]:
    """Yield numbered cells, and odd rows among them, in parts; if the source fails, those before first."""
    part, size = CellPart(columns, [], [], []), 0
    numbers, kept, odd = part.numbers, part.cells, part.odd
    try:
        for one in cells:
            if isinstance(one, tuple):
                number, row = one
                numbers.append(number)
                kept.append(row)
                size += len("".join(row))
            else:
                odd.append((len(numbers) + len(odd), one))
            if size > PART_SIZE or len(numbers) + len(odd) == PART_ROWS:
                yield part
                part, size = CellPart(columns, [], [], []), 0
                numbers, kept, odd = part.numbers, part.cells, part.odd
    except Exception:
        yield part
        raise
    yield part
