"""The formats of dates in a column, and dates that are probably wrong.

Whether day or month comes first shows only where a number is over 12; until then both formats are counted
and given.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, TypeAlias

from opusmap.converters.cache import Cache
from opusmap.converters.datetime_fastpath import time_reader

Zone = Literal["none", "named", "utc", "date"]
"""The zone of a date: a time has `none`, a `named` one (an offset or Z), or the word UTC or GMT (`utc`),
which no format reads; a `date` without a time needs none."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?P<month>[A-Za-z]{3,9})\.?"
_WEEKDAY = r"(?:(?P<weekday>Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?P<longday>[a-z]*)(?P<comma>,?) )?"
_TIME = (
    r"(?:(?P<gap>[T ]|, | at )(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:(?P<point>[.,])(?P<fraction>\d{1,9}))?)?"
    r"(?P<half>(?P<halfgap> ?)[AaPp][Mm])?"
    r"(?P<zone>(?P<zonegap> ?)(?P<zonename>Z|UTC|GMT|[+-]\d\d(?::?\d\d)?)(?P<zonenote> \([A-Z]{2,5}\))?)?)?"
)
_ISO_LIKE = re.compile(r"(?P<year>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)" + _TIME, re.ASCII)
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)" + _TIME, re.ASCII)
_DIGITS = re.compile(
    r"(?:19|20)\d\d(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])(?:[01]\d|2[0-3])[0-5]\d[0-5]\d", re.ASCII
)
_DIGITS_LENGTH = len("20240131101500")
_YEAR_FIRST = re.compile(
    r"(?P<year>\d{4})(?P<sep>[-/.])(?P<m>\d{1,2})(?P=sep)(?P<d>\d{1,2})" + _TIME, re.ASCII
)
_YEAR_LAST = re.compile(
    r"(?P<a>\d{1,2})(?P<sep>[-/. ])(?P<b>\d{1,2})(?P=sep)(?P<year>\d{4}|\d\d)" + _TIME, re.ASCII
)
_DAY_NAMED = re.compile(
    _WEEKDAY + r"(?P<d>\d{1,2})(?P<sep>[-/ .])" + _MONTH + r"(?P<sep2>[-/ .]|, )(?P<year>\d{4}|\d\d)" + _TIME,
    re.ASCII,
)
_NAMED_DAY = re.compile(
    _WEEKDAY + _MONTH + r"(?P<sep> )(?P<d>\d{1,2})(?P<sep2>,? )(?P<year>\d{4})" + _TIME, re.ASCII
)
_SHORTEST, _LONGEST = 6, 45
_MONTHS_A_YEAR, _DAYS_A_MONTH, _HOURS_A_DAY = 12, 31, 23
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
        self._swapped: dict[str, str] = {}

    def note(self, text: str, weight: int = 1) -> bool:
        """Count a text in each format that reads it; return whether there is one."""
        if not _SHORTEST <= len(text) <= _LONGEST or not any(char.isdigit() for char in text):
            return False
        found = list(self._read(text))
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
            other = None if pattern is None else self._swapped.get(pattern)
            rival = counts.get((other, zone), 0) if other is not None else 0
            given |= {pattern, other}
            found.append(DateFormat(pattern, count, zone, other if rival == count else None))
        return tuple(found)

    def _read(self, text: str) -> Iterator[tuple[str | None, Zone]]:
        if len(text) == _DIGITS_LENGTH and _DIGITS.fullmatch(text):
            yield "%Y%m%d%H%M%S", "none"
            return
        for shape in (_ISO_LIKE, _COMPACT, _YEAR_FIRST, _DAY_NAMED, _NAMED_DAY):
            found = shape.fullmatch(text)
            if found is None:
                continue
            clock = _clock(found)
            day = None if clock is None else _date_pattern(shape, found)
            if clock is not None and day is not None:
                pattern, zone = clock
                # ISO also in its time, as Python reads it
                is_iso = found["gap"] is None or (
                    found["gap"] in ("T", " ")
                    and len(found["hour"]) == 2  # noqa: PLR2004 - digits
                    and found["half"] is None
                    and not found["zonegap"]
                    and not found["zonenote"]
                    and zone != "utc"
                )
                iso = day in ("%Y-%m-%d", "%Y%m%d") and is_iso
                if iso or not _has_short_offset(found):
                    yield (None if iso else day + pattern), zone
            return
        found = _YEAR_LAST.fullmatch(text)
        if found and not _has_short_offset(found) and (clock := _clock(found)) is not None:
            yield from self._day_or_month_first(found, *clock)

    def _day_or_month_first(self, found: re.Match[str], clock: str, zone: Zone) -> Iterator[tuple[str, Zone]]:
        first, second, sep = int(found["a"]), int(found["b"]), found["sep"]
        year = "%Y" if len(found["year"]) == 4 else "%y"  # noqa: PLR2004 - digits of a year
        day_first, month_first = f"%d{sep}%m{sep}{year}{clock}", f"%m{sep}%d{sep}{year}{clock}"
        self._swapped |= {day_first: month_first, month_first: day_first}
        if 0 < first <= _DAYS_A_MONTH and 0 < second <= _MONTHS_A_YEAR:
            yield day_first, zone
        if 0 < first <= _MONTHS_A_YEAR and 0 < second <= _DAYS_A_MONTH:
            yield month_first, zone


def _date_pattern(shape: re.Pattern[str], found: re.Match[str]) -> str | None:
    """Return the pattern of a match's date part, or None if its numbers are not a date."""
    if not 0 < int(found["d"]) <= _DAYS_A_MONTH:
        return None
    if shape in (_ISO_LIKE, _COMPACT, _YEAR_FIRST):
        if not 0 < int(found["m"]) <= _MONTHS_A_YEAR:
            return None
        sep = "" if shape is _COMPACT else "-" if shape is _ISO_LIKE else found["sep"]
        return f"%Y{sep}%m{sep}%d"
    month = found["month"].lower()
    if month[:3] not in _MONTHS:
        return None
    name = "%b" if len(month) == 3 else "%B"  # noqa: PLR2004 - letters of a short name
    weekday = f"{'%A' if found['longday'] else '%a'}{found['comma']} " if found["weekday"] else ""
    year = "%Y" if len(found["year"]) == 4 else "%y"  # noqa: PLR2004 - digits of a year
    if shape is _NAMED_DAY:
        return f"{weekday}{name}{found['sep']}%d{found['sep2']}{year}"
    return f"{weekday}%d{found['sep']}{name}{found['sep2']}{year}"


def _has_short_offset(found: re.Match[str]) -> bool:
    """Tell whether an offset has no minutes: `+00` is ISO, and no format's `%z` reads it."""
    return (found["zonename"] or "")[1:].isdigit() and len(found["zonename"]) == len("+00")


def _clock(found: re.Match[str]) -> tuple[str, Zone] | None:
    """Return the pattern and the zone of a match's time part; None if it is not a time."""
    if found["gap"] is None:
        return "", "date"
    if int(found["hour"]) > _HOURS_A_DAY or int(found["minute"]) >= 60:  # noqa: PLR2004 - minutes
        return None
    pattern = found["gap"] + ("%I" if found["half"] else "%H") + ":%M"
    if found["second"]:
        pattern += ":%S" + (f"{found['point']}%f" if found["fraction"] else "")
    if found["half"]:
        pattern += found["halfgap"] + "%p"
    name = found["zonename"]
    if name is None:
        return pattern, "none"
    if name in ("UTC", "GMT"):
        return pattern + found["zonegap"] + name, "utc"
    return pattern + found["zonegap"] + "%z" + (found["zonenote"] or ""), "named"


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
