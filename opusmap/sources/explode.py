"""One row for each element of a list, beside the other columns of the row that holds the list.

With `each: lines`, `from: lines.amount` reads the element and `from: order_no` reads the whole row.
"""

from __future__ import annotations

from array import array
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.records import Reject, Row
from opusmap.sources.source import Source
from opusmap.wording import quote_names, quote_value, suggest

POSITIONS_KEPT = 1_000_000
"""Rows whose number in the original source is kept (16 bytes each)."""


class ExplodedSource(Source):
    """The rows of another source, one for each element of a list, numbered from 1.

    A row whose list is empty, null or missing gives none; a row with another value there is a reject.
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
            problem = f"there is no column {quote_value(path)} with elements to use as rows"
            hint = suggest(path, whole.columns) or f"columns: {quote_names(whole.columns)}"
            raise SourceError(self.name, "no-items", problem, help=hint)

    def rows(self) -> Iterator[Row | Reject]:
        """Yield a row for each element; see `Source.rows`."""
        self._firsts, self._origins = array("Q"), array("Q")
        number = 0
        for row in self._whole.rows():
            if len(self._firsts) < POSITIONS_KEPT:
                self._firsts.append(number + 1)
                self._origins.append(row.row if isinstance(row, Reject) else row.number)
            for number, values in enumerate(explode(row, self._path), number + 1):  # noqa: B020 - it counts on
                yield (replace(values, row=number) if isinstance(values, Reject) else Row(number, values))

    def place(self, number: int, column: str | None = None) -> str:
        """Return the place of the whole row and the element's number in it: `item 3, lines 2`."""
        index = bisect_right(self._firsts, number) - 1
        if index < 0 or (index == len(self._firsts) - 1 == POSITIONS_KEPT - 1):
            return f"element {number}"
        origin = self._whole.place(self._origins[index], column)
        return f"{origin}, {self._path} {number - self._firsts[index] + 1}"

    def close(self) -> None:
        """Close the whole source."""
        self._whole.close()


def explode(row: Row | Reject, path: str) -> Iterator[Mapping[str, Any] | Reject]:
    """Yield the values of a row for each element of the list at a path; see `ExplodedSource`."""
    if isinstance(row, Reject):
        yield row
        return
    names = [path] if path in row.values else path.split(".")
    elements: Any = row.values
    for name in names:
        elements = elements.get(name) if isinstance(elements, Mapping) else None
    if isinstance(elements, list):
        for element in elements:
            yield _with_element(row.values, names, element)
    elif elements is not None:
        message = f"{quote_value(path)} is {quote_value(elements)}, not a list whose elements are rows"
        problem = Issue("not-a-list", message, path, "correct the source, or remove `each`")
        yield Reject(row.number, None, (problem,), row.values)


def _with_element(values: Mapping[str, Any], names: Sequence[str], element: Any) -> Mapping[str, Any]:
    """Return a copy of the values with one element in place of the list."""
    name, *more = names
    return {**values, name: _with_element(values[name], more, element) if more else element}
