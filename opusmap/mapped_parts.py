"""What became of a part of a source: its records as lines of JSON, the rest by its place.

Owns that shape and how it is made, chunk by chunk, in whichever process. It can be pickled, and costs a
tenth of the time that as many objects would; those are made only where a row has to be looked at.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from opusmap.issues import Issue
from opusmap.records import Filtered, Record, RecordLines, Reject

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.profile import FarDates
    from opusmap.sources import Part

__all__ = ["CHUNK_ROWS", "MappedPart", "map_part"]

CHUNK_ROWS = 50
"""Rows mapped at a time: enough to make a chunk cost little, few enough for rows of a million characters."""

_Shapes: TypeAlias = dict[tuple[str, ...], int]

_encode_lines = msgspec.json.Encoder().encode_lines


class MappedPart(msgspec.Struct):
    """What became of a part's rows.

    `values` are the records as lines of JSON or, where only names are asked for, each set of names once and
    which of them each record has; `far` holds dates of a record beside their names, by its place. `patterns`
    are the mapper's `matched_patterns` after it.
    """

    numbers: Sequence[int]
    keys: list[str]
    values: bytes | tuple[list[tuple[str, ...]], list[int]]
    notes: dict[int, tuple[Issue[str], ...]]
    replaced: dict[int, tuple[Issue[str], ...]]
    rest: list[tuple[int, Reject | Filtered]]
    patterns: list[int]
    far: dict[int, dict[str, str]] = msgspec.field(default_factory=dict)

    def __reduce__(self) -> tuple[Any, ...]:
        # One range and one text travel in a tenth of the time that as many numbers and texts take.
        numbers, keys = self.numbers, "\n".join(self.keys)
        if numbers and numbers[-1] - numbers[0] == len(numbers) - 1:
            numbers = range(numbers[0], numbers[-1] + 1)
        joined = keys if keys.count("\n") == len(self.keys) - 1 else self.keys
        rest = self.replaced, self.rest, self.patterns, self.far
        return _unpack, (numbers, joined, self.values, self.notes, *rest)

    def records(self) -> Sequence[Record]:
        """Return the records: as lines or, where only names were asked for, with None for each but `far`."""
        if isinstance(self.values, bytes):
            return RecordLines(self.numbers, self.keys, self.values, self.notes, self.replaced)
        shapes: list[Any] = [dict.fromkeys(names) for names in self.values[0]]
        values = [shapes[index] for index in self.values[1]]
        for place, far in self.far.items():
            values[place] = {**values[place], **far}
        found = list(map(Record, self.numbers, self.keys, values))
        for place in self.notes.keys() | self.replaced.keys():
            told = self.notes.get(place, ()), None, self.replaced.get(place, ())
            found[place] = Record(self.numbers[place], self.keys[place], values[place], *told)
        return found

    def places(self) -> list[int]:
        """Return the place of each record among all rows of the part."""
        others = {place for place, _ in self.rest}
        return [place for place in range(len(self.keys) + len(self.rest)) if place not in others]

    def without(self, rejects: Mapping[int, Reject]) -> MappedPart:
        """Return the part with rejects instead of some of its records, by their place among these."""
        kept = [place for place in range(len(self.keys)) if place not in rejects]
        if isinstance(self.values, bytes):
            lines = self.values.split(b"\n")
            values: Any = b"".join([lines[place] + b"\n" for place in kept])
        else:
            values = self.values[0], [self.values[1][place] for place in kept]
        places = self.places()
        rest = [*self.rest, *((places[place], reject) for place, reject in rejects.items())]
        return MappedPart(
            [self.numbers[place] for place in kept],
            [self.keys[place] for place in kept],
            values,
            {new: self.notes[place] for new, place in enumerate(kept) if place in self.notes},
            {new: self.replaced[place] for new, place in enumerate(kept) if place in self.replaced},
            sorted(rest, key=lambda placed: placed[0]),
            self.patterns,
            {new: self.far[place] for new, place in enumerate(kept) if place in self.far},
        )


def _unpack(numbers: Sequence[int], keys: str | list[str], *others: Any) -> MappedPart:
    return MappedPart(numbers, keys.split("\n") if isinstance(keys, str) else keys, *others)


def map_part(
    mapper: Mapper, part: Part, *, encoded: bool, far: FarDates | None = None
) -> Iterator[MappedPart | None]:
    """Map a part, a chunk for each step: None until the last, which tells what became of the part.

    The values of records are JSON where `encoded`; otherwise only their names are kept, and `far` dates.
    """
    numbers, keys, lines = list[int](), list[str](), list[bytes]()
    shapes, shape_of_each = _Shapes(), list[int]()
    notes, replaced = dict[int, tuple[Issue[str], ...]](), dict[int, tuple[Issue[str], ...]]()
    rest = list[tuple[int, Reject | Filtered]]()
    dates = dict[int, dict[str, str]]()
    rows = iter(part.rows())
    while chunk := list(islice(rows, CHUNK_ROWS)):
        mapped = mapper.map_chunk(chunk)
        records = [one for one in mapped if isinstance(one, Record)]
        if len(records) < len(mapped):
            start = len(keys) + len(rest)
            rest += [(start + at, one) for at, one in enumerate(mapped) if not isinstance(one, Record)]
        notes |= {at: one.notes for at, one in enumerate(records, len(keys)) if one.notes}
        replaced |= {at: one.replaced for at, one in enumerate(records, len(keys)) if one.replaced}
        if far is not None:
            dates |= {
                at: found for at, one in enumerate(records, len(keys)) if (found := far.find(one.values))
            }
        numbers += [one.row for one in records]
        keys += [one.key for one in records]
        if encoded:
            lines.append(_encode_lines([one.values for one in records]))
        else:
            shape_of_each += [shapes.setdefault(tuple(one.values), len(shapes)) for one in records]
        yield None
    values = b"".join(lines) if encoded else ([*shapes], shape_of_each)
    yield MappedPart(numbers, keys, values, notes, replaced, rest, mapper.matched_patterns(), dates)
