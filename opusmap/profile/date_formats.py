"""The formats of dates in a column, and dates that are probably wrong.

Whether day or month comes first shows only where a number is over 12; until then both formats are counted
and given.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

from opusmap.converters.cache import Cache
from opusmap.converters.date_shapes import Zone, find_formats, swap_day_and_month
from opusmap.converters.datetime_fastpath import time_reader

_FORMATS_KEPT = 50


@dataclass(frozen=True, slots=True)
class DateFormat:
    """A format of dates in a column.

    Attributes:
        pattern: as a mapping's `format` takes it; None for ISO, which needs none.
        count: the number of values that the pattern reads.
        zone: what the values say of their zone.
        swapped: the pattern with day and month swapped, if that reads every value as well, so that the data
            do not show which is meant.
    """

    pattern: str | None
    count: int
    zone: Zone
    swapped: str | None = None


class DateFormats:
    """Counts the values that each format reads."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str | None, Zone]] = Counter()
        self._may: Counter[tuple[str, Zone]] = Counter()

    def note(self, text: str, weight: int = 1) -> bool:
        """Count a text in each format that reads it; return whether there is one."""
        found = list(find_formats(text))
        for key in found:
            if key in self._counts or len(self._counts) < _FORMATS_KEPT:
                self._counts[key] += weight
                if key[0] is not None and "%b" in key[0] and "may" in text.lower():
                    self._may[key[0], key[1]] += weight
        return bool(found)

    def formats(self) -> tuple[DateFormat, ...]:
        """Return the formats, the one that reads most values first, each day-month pair once."""
        found: list[DateFormat] = []
        given: set[str | None] = set()
        counts = self._counts.copy()
        # "May" is both a short and a long name of a month: it counts as what most other dates have.
        for (short, zone), may in self._may.items():
            long = short.replace("%b", "%B")
            if counts[long, zone] > counts[short, zone] - may:
                counts[long, zone] += may
                counts[short, zone] -= may
        for (pattern, zone), count in sorted((+counts).items(), key=lambda one: (-one[1], one[0][0] or "")):
            if pattern in given and pattern is not None:
                continue
            other = None if pattern is None else swap_day_and_month(pattern)
            rival = counts.get((other, zone), 0) if other is not None else 0
            given |= {pattern, other}
            found.append(DateFormat(pattern, count, zone, other if rival == count else None))
        return tuple(found)


FarKind: TypeAlias = Literal["after-today", "before-1600"]

FIRST_YEAR = 1600
"""Records are rarely older; an earlier date is mostly a mistake."""

_ISO, _ISO_LENGTH = "%Y-%m-%d", len("2024-01-31")


class FarDates:
    """Finds dates after today or before 1600 in records: often a wrong century, a slip or a placeholder.

    What to do about them is not decided here: an expiry date is rightly in the future.

    Args:
        columns: internal names of the columns whose values are dates.
        pattern: the format in which they are written for Opus.
        today: the last day that is not far.
    """

    def __init__(self, columns: tuple[str, ...], pattern: str, today: date) -> None:
        self._columns, self._pattern, self._today = columns, pattern, today
        self._read = time_reader(pattern)
        self._known = Cache(self._judge)
        self._length = _ISO_LENGTH if pattern.startswith(_ISO) else None  # the day is enough to judge

    def find(self, values: Mapping[str, Any]) -> Iterator[tuple[str, str, FarKind, date]]:
        """Yield the far dates of a record: column, value, why it is far, and its day."""
        known, length = self._known, self._length
        for name in self._columns:
            if (value := values.get(name)) and (judged := known[value[:length]]) is not None:
                yield name, value, *judged

    def _judge(self, value: str) -> tuple[FarKind, date] | None:
        try:
            if self._length is not None:
                day = date.fromisoformat(value)
            elif (moment := self._read(value)) is not None:
                day = moment.date()
            else:
                return None
        except ValueError:
            return None
        if day > self._today:
            return "after-today", day
        return ("before-1600", day) if day.year < FIRST_YEAR else None
