"""The profile of a source, from some of its rows or all.

A nested value has a separate column, with the dotted name by which a mapping reads it: `author.email`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

from opusmap.profile.column_profile import ColumnProfile, ColumnProfiler, HashBudget
from opusmap.records import Reject
from opusmap.sources import Source

COLUMNS_KEPT = 1_000
"""Columns that are profiled, at most; a JSON source may have a new name in each row."""

DEPTH = 4
"""Parts of a dotted name, at most."""


@dataclass(frozen=True, slots=True)
class SourceProfile:
    """What a source holds.

    Attributes:
        name: the source's name.
        columns: the profiles of its columns.
        rows: rows that were examined.
        rejected: rows that could not be read.
        whole: False if there are further rows.
        left_out: columns beyond those that are profiled.
        notes: what the reader detected.
    """

    name: str
    columns: tuple[ColumnProfile, ...]
    rows: int
    rejected: int = 0
    whole: bool = True
    left_out: int = 0
    notes: tuple[str, ...] = ()

    def find(self, name: str) -> ColumnProfile | None:
        """Return the profile of a column, or None."""
        return next((column for column in self.columns if column.name == name), None)

    @property
    def row_columns(self) -> frozenset[str]:
        """The names of a row's own columns: of nested values that of the outermost."""
        return frozenset(one.name.partition(".")[0] if one.nested else one.name for one in self.columns)

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
    """Profiles rows one by one, in bounded memory."""

    def __init__(self, name: str, columns: tuple[str, ...] = ()) -> None:
        self._name = name
        self._budget = HashBudget()
        self._columns = {column: ColumnProfiler(column, self._budget) for column in columns[:COLUMNS_KEPT]}
        self._left_out: set[str] = set(columns[COLUMNS_KEPT:])
        self._rows = self._rejected = 0

    def add(self, values: Mapping[str, Any]) -> None:
        """Count the values of one row."""
        self._rows += 1
        columns = self._columns
        for name, value in values.items():
            if isinstance(value, dict):
                self._add_object(name, value, 1)
            elif (column := columns.get(name)) is not None:
                column.add(value)
            else:
                self._add_value(name, value)

    def add_reject(self) -> None:
        """Count a row that could not be read."""
        self._rejected += 1

    def profile(self, *, whole: bool = True) -> SourceProfile:
        """Return the profile so far; `whole` if there are no further rows."""
        columns = tuple(column.profile(self._rows) for column in self._columns.values())
        return SourceProfile(self._name, columns, self._rows, self._rejected, whole, len(self._left_out))

    def _add_object(self, name: str, value: dict[str, Any], depth: int) -> None:
        for inner, found in value.items():
            if not isinstance(found, dict):
                self._add_value(f"{name}.{inner}", found, nested=True)
            elif depth < DEPTH - 1:
                self._add_object(f"{name}.{inner}", found, depth + 1)

    def _add_value(self, name: str, value: object, *, nested: bool = False) -> None:
        column = self._columns.get(name)
        if column is None:
            if len(self._columns) >= COLUMNS_KEPT:
                if len(self._left_out) < COLUMNS_KEPT:
                    self._left_out.add(name)
                return
            column = self._columns[name] = ColumnProfiler(name, self._budget, nested=nested)
        column.add(value)


def profile_source(source: Source, limit: int | None = None) -> SourceProfile:
    """Profile a source by its first `limit` rows, or all of them.

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
