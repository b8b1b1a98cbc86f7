"""The small types of the pipeline: row -> record or reject -> chunk of many -> batch.

Owns the shapes only. Sources make rows, the mapper makes records and rejects, one by one or a chunk at a
time, the submit engine makes batches of records. Rows and records are made by the million, so they are
msgspec's structs: frozen, compared and printed as dataclasses are, and made in a tenth of the time. They
can't be part of a cycle, so the garbage collector need not look at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import msgspec

from opusmap.issues import Issue

JsonValue: TypeAlias = "str | int | float | bool | list[JsonValue] | dict[str, JsonValue] | None"


class Row(msgspec.Struct, frozen=True, gc=False):
    """One row of a source: its number as a spreadsheet shows it, and its values by column name.

    In a file with a header the first row of data is row 2; in JSON Lines the number is the line's.
    Values are what the source knows: texts for CSV; texts, numbers, booleans, lists, None for JSON.
    """

    number: int
    values: Mapping[str, Any]


class Record(msgspec.Struct, frozen=True, gc=False):
    """What Opus gets for one row: `values` by internal name, ready to be written as JSON.

    `replaced` are the wrong values that `on_error` or a `default` replaced, one for each column and code.
    """

    row: int
    key: str
    values: dict[str, JsonValue]
    notes: tuple[Issue[str], ...] = ()
    replaced: tuple[Issue[str], ...] = ()


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that gave no record, with every reason; `values` is the row as it was read."""

    row: int
    key: str | None
    problems: tuple[Issue[str], ...]
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filtered:
    """A row that the mapping's `where` excludes."""

    row: int


Mapped: TypeAlias = Record | Reject | Filtered


_Notes: TypeAlias = dict[int, tuple[Issue[str], ...]]
_decode_lines = msgspec.json.Decoder(dict[str, Any]).decode_lines


class Chunk(msgspec.Struct):
    """The results of consecutive rows: the records as JSON, the rest as objects.

    It can be sent to another process, and costs a fraction of the time that as many records would.

    Attributes:
        numbers: the row number of each record, in order.
        keys: the row key of each.
        lines: the values of each as JSON, a line each.
        others: the rejects and filtered rows, each with its place among all rows of the chunk.
        notes: `Record.notes` of the few records that have some, by their place among the records.
        replaced: `Record.replaced`, in the same form.
        patterns: the mapper's `matched_patterns` after these rows.
        formats: how many of the mapped rows each of several formats of dates has read, by its place (a
            column's display name, `let NAME` or `where`) and the format.
    """

    numbers: list[int]
    keys: list[str]
    lines: bytes
    others: list[tuple[int, Reject | Filtered]] = []
    notes: _Notes = {}
    replaced: _Notes = {}
    patterns: list[int] = []
    formats: dict[tuple[str, str], int] = {}

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.keys) + len(self.others)

    def values(self) -> list[dict[str, JsonValue]]:
        """Return the values of each record, by internal name."""
        return _decode_lines(self.lines)

    def records(self) -> list[bytes]:
        """Return the JSON of each record."""
        return self.lines.splitlines()

    def rejects(self) -> Iterator[Reject]:
        """Yield the rejects, in order."""
        return (reject for _, reject in self.placed_rejects())

    def placed_rejects(self) -> Iterator[tuple[int, Reject]]:
        """Yield the rejects, in order, each with its place among all rows of the chunk."""
        return ((place, one) for place, one in self.others if isinstance(one, Reject))

    def places(self) -> list[int]:
        """Return the place of each record among all rows of the chunk."""
        others = {place for place, _ in self.others}
        return [place for place in range(len(self)) if place not in others]

    def reject(self, rejects: Mapping[int, Reject]) -> Chunk:
        """Return the chunk with rejects instead of some records and rejects, by place among all its rows."""
        kept = [nth for nth, place in enumerate(self.places()) if place not in rejects]
        return self._with(kept, sorted({**dict(self.others), **rejects}.items()))

    def only(self, keys: frozenset[str]) -> Chunk:
        """Return the chunk with nothing but its records with some row keys."""
        return self._with([place for place, key in enumerate(self.keys) if key in keys], [])

    def first(self, count: int) -> Chunk:
        """Return the chunk up to the first so many of its records, at least one."""
        return self.before(self.places()[count - 1] + 1)

    def before(self, end: int) -> Chunk:
        """Return the chunk without its rows from a place on."""
        records = sum(place < end for place in self.places())
        return self._with(range(records), [one for one in self.others if one[0] < end])

    def _with(self, kept: Sequence[int], others: list[tuple[int, Reject | Filtered]]) -> Chunk:
        """Return the chunk with some of its records, and other rejects and filtered rows."""
        records = self.records()
        return Chunk(
            [self.numbers[place] for place in kept],
            [self.keys[place] for place in kept],
            b"".join([records[place] + b"\n" for place in kept]),
            others,
            {new: self.notes[place] for new, place in enumerate(kept) if place in self.notes},
            {new: self.replaced[place] for new, place in enumerate(kept) if place in self.replaced},
            self.patterns,
            self.formats,
        )
