"""The rejects of a check, to be looked at: so many of each reason, however many there are.

Owns what is kept, in bounded memory, and the values that each reason is about most.
"""

from __future__ import annotations

import pickle
from array import array
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from opusmap.records import Reject
from opusmap.studio.cell_text import cell_text

ReasonKey: TypeAlias = tuple[str, str]
"""A reason: the column's display name (the source's where no target is concerned, or empty), and the code."""

KEPT = 20_000
"""Rejects that are kept, about, at most."""
BYTES_KEPT = 32 << 20
"""Bytes of the rejects that are kept, about, at most."""
OF_EACH_REASON = 100
"""Rejects of each reason that are kept in any case."""
VALUES_COUNTED = 500
"""Different values of a reason that are counted, at most."""
_VALUE_LENGTH = 80


@dataclass(slots=True)
class _Facet:
    rows: int = 0
    kept: array[int] = field(default_factory=lambda: array("L"))
    values: Counter[str] = field(default_factory=Counter)


class KeptRejects:
    """Takes rejects one by one, and gives them by reason, a page at a time.

    It may be read by other threads while one thread adds.
    """

    def __init__(self, sources_of: Callable[[str], tuple[str, ...]], limit: int = KEPT) -> None:
        """Begin without any.

        Args:
            sources_of: tells which columns of the source a reason's column is made of.
            limit: rejects that are kept, about, at most.
        """
        self.count = 0
        self._sources_of, self._limit = sources_of, limit
        # Packed, a reject takes a quarter of the memory. These bytes never leave the process.
        self._packed: list[bytes] = []
        self._size = 0
        self._facets: dict[ReasonKey, _Facet] = {}
        self._places: dict[int, int] = {}
        self._columns: dict[str, None] = {}

    @property
    def columns(self) -> tuple[str, ...]:
        """The names that the kept rows have, in order of first use."""
        return tuple(self._columns)

    def add(self, reject: Reject, *, pin: bool = False) -> None:
        """Take a reject; with `pin` it is kept in any case."""
        self.count += 1
        keys = dict.fromkeys((one.place, one.code) for one in reject.problems)
        facets = [self._facets.setdefault(key, _Facet()) for key in keys]
        for (place, _), facet in zip(keys, facets, strict=True):
            facet.rows += 1
            self._count_value(place, facet, reject.values)
        is_full = len(self._packed) >= self._limit or self._size >= BYTES_KEPT
        rare = any(len(facet.kept) < OF_EACH_REASON for facet in facets)
        if is_full and not rare and not pin:
            return
        parts = (reject.row, reject.key, reject.problems, dict(reject.values))
        packed = pickle.dumps(parts, pickle.HIGHEST_PROTOCOL)
        at = len(self._packed)
        self._packed.append(packed)
        self._size += len(packed)
        self._places[reject.row] = at
        self._columns |= dict.fromkeys(reject.values)
        for facet in facets:
            facet.kept.append(at)

    def rows_of(self, reason: ReasonKey) -> int:
        """Return how many rows have been rejected for a reason, kept or not."""
        return self._facets[reason].rows if reason in self._facets else 0

    def kept_of(self, reason: ReasonKey | None) -> int:
        """Return how many rows of a reason are kept; of all for None."""
        if reason is None:
            return len(self._packed)
        return len(self._facets[reason].kept) if reason in self._facets else 0

    def page(self, reason: ReasonKey | None, start: int, count: int) -> list[Reject]:
        """Return some of the rejects that are kept of a reason, in the order of their rows."""
        start, end = max(0, start), max(0, start) + max(0, count)
        if reason is None:
            return [self._unpack(at) for at in range(start, min(end, len(self._packed)))]
        facet = self._facets.get(reason)
        return [] if facet is None else [self._unpack(at) for at in facet.kept[start:end]]

    def find(self, row: int) -> Reject | None:
        """Return the reject of a row, if it is kept."""
        at = self._places.get(row)
        return None if at is None else self._unpack(at)

    def top_values(self, reason: ReasonKey, count: int = 5) -> tuple[list[tuple[str, int]], int]:
        """Return the most frequent values that a reason is about, and how many rows have others."""
        facet = self._facets.get(reason)
        if facet is None:
            return [], 0
        top = Counter(dict(facet.values)).most_common(count)
        return top, facet.rows - sum(rows for _, rows in top)

    def _count_value(self, place: str, facet: _Facet, values: Mapping[str, Any]) -> None:
        cells = [values.get(name) for name in self._sources_of(place)]
        text = " · ".join(filter(None, map(cell_text, cells)))[:_VALUE_LENGTH]
        if text in facet.values or len(facet.values) < VALUES_COUNTED:
            facet.values[text] += 1

    def _unpack(self, at: int) -> Reject:
        row, key, problems, values = pickle.loads(self._packed[at])  # noqa: S301 - packed above
        return Reject(row, key, problems, values)
