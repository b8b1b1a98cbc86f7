"""One row for each element of a list that a row holds, beside the row's other columns.

Owns the unfolding and its numbering. The list's column holds one element in each row that comes out:
with `each: lines`, `from: lines.amount` is the element's and `from: order_no` the whole row's.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import quote_value, suggest
from opusmap.records import Problem, Reject, Row
from opusmap.sources.source import Source

__all__ = ["EachSource"]

PLACES_KEPT = 1_000_000
"""Rows whose place in the original source is remembered (16 bytes each)."""


class EachSource(Source):
    """The rows of another source, unfolded: numbered from 1, an element each.

    A row whose list is empty, null or missing gives none; one that has something else there is a reject.
    """

    def __init__(self, whole: Source, path: str) -> None:
        self.name = whole.name
        self.columns = whole.columns
        self.notes = whole.notes
        self.rereadable = whole.rereadable
        self.watch = whole.watch
        self._whole = whole
        self._path = path
        self._firsts, self._origins = array("Q"), array("Q")
        if whole.columns and not {path, path.partition(".")[0]} & set(whole.columns):
            whole.close()
            problem = f"there is no column {quote_value(path)} whose elements could be rows"
            known = ", ".join(quote_value(column, 30) for column in whole.columns[:12])
            hint = suggest(path, whole.columns) or f"columns: {known}"
            raise SourceError(self.name, "no-items", problem, help=hint)

    def rows(self) -> Iterator[Row | Reject]:
        """Yield a row for each element; see `Source.rows`."""
        self._firsts, self._origins = array("Q"), array("Q")
        number = 0
        for row in self._whole.rows():
            if len(self._firsts) < PLACES_KEPT:
                self._firsts.append(number + 1)
                self._origins.append(row.row if isinstance(row, Reject) else row.number)
            for number, made in enumerate(self._unfold(row), number + 1):  # noqa: B020 - it counts on
                yield (replace(made, row=number) if isinstance(made, Reject) else Row(number, made))

    def place(self, number: int, column: str | None = None) -> str:
        """Return the whole row's place and the element's: `item 3, lines 2`."""
        known = bisect_right(self._firsts, number) - 1
        if known < 0 or (known == len(self._firsts) - 1 == PLACES_KEPT - 1):
            return f"element {number}"
        origin = self._whole.place(self._origins[known], column)
        return f"{origin}, {self._path} {number - self._firsts[known] + 1}"

    def close(self) -> None:
        """Close the whole source."""
        self._whole.close()

    def _unfold(self, row: Row | Reject) -> Iterator[Mapping[str, Any] | Reject]:
        if isinstance(row, Reject):
            yield row
            return
        steps = [self._path] if self._path in row.values else self._path.split(".")
        elements = _follow(row.values, steps)
        if isinstance(elements, list):
            for element in elements:
                yield _with(row.values, steps, element)
        elif elements is not None:
            message = f"{quote_value(self._path)} is {quote_value(elements)}, no list whose elements are rows"
            problem = Problem(self._path, "not-a-list", message, "mend the source, or take `each` out")
            yield Reject(row.number, None, (problem,), row.values)


def _follow(values: Any, steps: Sequence[str]) -> Any:
    for step in steps:
        if not isinstance(values, Mapping):
            return None
        values = values.get(step)
    return values


def _with(values: Mapping[str, Any], steps: Sequence[str], element: Any) -> Mapping[str, Any]:
    """Return the values with one element in the list's place; nothing that was there is changed."""
    step, *more = steps
    return {**values, step: _with(values[step], more, element) if more else element}
