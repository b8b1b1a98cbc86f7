"""The profile of a whole source, made of any rows: a bounded number of them, or all.

Owns walking through rows, nested values included: `author.email` is a column of its own, by the dotted
name that a mapping reads it by.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from opusmap.profile.column_profile import ColumnProfile, ColumnProfiler, HashBudget
from opusmap.records import Reject
from opusmap.sources import Source

__all__ = ["Profiler", "SourceProfile", "profile_source"]

COLUMNS_KEPT = 1_000
"""Columns that are looked at; a JSON source may have a new name in each row."""

DEPTH = 4
"""Names of a dotted one at most."""


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """What a source holds. `whole` is false where there were more rows than were looked at.

    `rejected` rows could not be read. `left_out` columns were one too many to look at. `notes` is what the
    reader decided for itself.
    """

    name: str
    columns: tuple[ColumnProfile, ...]
    rows: int
    rejected: int = 0
    whole: bool = True
    left_out: int = 0
    notes: tuple[str, ...] = ()

    def find(self, name: str) -> ColumnProfile | None:
        """Return the column of this name, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def row_columns(self) -> frozenset[str]:
        """The names that a row itself has: of nested values that of the outermost."""
        return frozenset(one.name.partition(".")[0] if one.nested else one.name for one in self.columns)

    def candidate_keys(self) -> tuple[ColumnProfile, ...]:
        """Return the columns that could be a key: never empty, never the same twice."""
        return tuple(column for column in self.columns if column.is_key)

    def as_json(self) -> dict[str, Any]:
        """Return the profile as plain data."""
        return {
            "source": self.name,
            "rows": self.rows,
            "rejected": self.rejected,
            "whole": self.whole,
            "columns": [column.as_json() for column in self.columns],
        }


class Profiler:
    """Looks at rows one by one. Memory is bounded, whatever their number."""

    def __init__(self, name: str, columns: tuple[str, ...] = ()) -> None:
        self._name = name
        self._budget = HashBudget()
        self._columns = {column: ColumnProfiler(column, self._budget) for column in columns[:COLUMNS_KEPT]}
        self._left_out: set[str] = set(columns[COLUMNS_KEPT:])
        self._rows = self._rejected = 0

    def add(self, values: Mapping[str, Any]) -> None:
        """Look at one row's values."""
        self._rows += 1
        columns = self._columns
        for name, value in values.items():
            if isinstance(value, dict):
                for inner, found in _flattened(name, value):
                    self._column(inner, found, nested=True)
            elif (column := columns.get(name)) is not None:
                column.add(value)
            else:
                self._column(name, value)

    def add_reject(self) -> None:
        """Count a row that could not be read."""
        self._rejected += 1

    def profile(self, *, whole: bool = True) -> SourceProfile:
        """Return what was seen."""
        columns = tuple(column.profile(self._rows) for column in self._columns.values())
        return SourceProfile(self._name, columns, self._rows, self._rejected, whole, len(self._left_out))

    def _column(self, name: str, value: object, *, nested: bool = False) -> None:
        column = self._columns.get(name)
        if column is None:
            if len(self._columns) >= COLUMNS_KEPT:
                if len(self._left_out) < COLUMNS_KEPT:
                    self._left_out.add(name)
                return
            column = self._columns[name] = ColumnProfiler(name, self._budget, nested=nested)
        column.add(value)


def profile_source(source: Source, limit: int | None = None) -> SourceProfile:
    """Look at a source's rows: the first `limit`, or all of them.

    Raises:
        SourceError: the source can't be read any further.
    """
    profiler = Profiler(source.name, source.columns or ())
    rows = source.rows()
    for row in rows if limit is None else islice(rows, limit):
        if isinstance(row, Reject):
            profiler.add_reject()
        else:
            profiler.add(row.values)
    whole = limit is None or next(rows, None) is None
    return replace(profiler.profile(whole=whole), notes=source.notes)


def _flattened(name: str, value: dict[str, Any], depth: int = 1) -> Iterator[tuple[str, object]]:
    for inner, found in value.items():
        dotted = f"{name}.{inner}"
        if isinstance(found, dict) and depth < DEPTH - 1:
            yield from _flattened(dotted, found, depth + 1)
        elif not isinstance(found, dict):
            yield dotted, found
