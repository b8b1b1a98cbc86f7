"""The small frozen types that travel the road: row -> record or reject -> batch.

Owns the shapes only. Sources make rows, the mapper makes records and rejects, the submit engine
makes batches of records. Rows and records are made by the million, so they are msgspec's structs: frozen,
compared and printed as dataclasses are, and made in a tenth of the time. They can't be part
of a cycle, so the garbage collector need not look at them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, overload

import msgspec

from opusmap.issues import Issue

__all__ = ["Filtered", "JsonValue", "Mapped", "Record", "RecordLines", "Reject", "Row"]

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

    `source` is the row that it was made of, as long as a person may have to correct it. `replaced` are the
    wrong values that `on_error` or a `default` replaced, one for each column and code.
    """

    row: int
    key: str
    values: dict[str, JsonValue]
    notes: tuple[Issue[str], ...] = ()
    source: Mapping[str, Any] | None = None
    replaced: tuple[Issue[str], ...] = ()


class RecordLines(Sequence[Record]):
    """Records that are JSON already, a line each. They become objects, with raw JSON for values, where asked.

    `notes` and `replaced` are those of the few records that have some, by place.
    """

    def __init__(
        self,
        numbers: Sequence[int],
        keys: Sequence[str],
        lines: bytes,
        notes: Mapping[int, tuple[Issue[str], ...]],
        replaced: Mapping[int, tuple[Issue[str], ...]],
    ) -> None:
        self.lines = lines
        self._numbers, self._keys, self._notes, self._replaced = numbers, keys, notes, replaced

    def __len__(self) -> int:
        return len(self._keys)

    @overload
    def __getitem__(self, index: int) -> Record: ...
    @overload
    def __getitem__(self, index: slice) -> list[Record]: ...
    def __getitem__(self, index: int | slice) -> Record | list[Record]:
        return list(self)[index]

    def __iter__(self) -> Iterator[Record]:
        values: list[Any] = self.raw()
        for place, made in enumerate(zip(self._numbers, self._keys, values, strict=True)):
            yield Record(*made, self._notes.get(place, ()), None, self._replaced.get(place, ()))

    def raw(self) -> list[msgspec.Raw]:
        """Return the values of each record, as JSON."""
        return [msgspec.Raw(line) for line in self.lines.split(b"\n")[:-1]]


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
