"""How the dates of a column are written, and what can't be told from them.

Owns the formats that are known and the counting of values that each of them reads. Whether day or month
comes first shows only where a number is over 12: until then both ways are counted, and both are told.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

__all__ = ["DateFormat", "DateFormats", "Zone"]

Zone = Literal["none", "named", "utc", "date"]
"""What a date says of its zone: a time with `none`; an offset or Z is `named`; the word UTC or GMT is `utc`
(a format can't read it as a zone); a `date` without a time needs none."""

_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH = r"(?P<month>[A-Za-z]{3,9})\.?"
_WEEKDAY = r"(?:(?P<weekday>Mon|Tue|Wed|Thu|Fri|Sat|Sun)(?P<longday>[a-z]*)(?P<comma>,?) )?"
_TIME = (
    r"(?:(?P<gap>[T ]|, | at )(?P<hour>\d{1,2}):(?P<minute>\d\d)"
    r"(?::(?P<second>\d\d)(?:(?P<point>[.,])(?P<fraction>\d{1,9}))?)?"
    r"(?P<half>(?P<halfgap> ?)[AaPp][Mm])?"
    r"(?P<zone>(?P<zonegap> ?)(?P<zonename>Z|UTC|GMT|[+-]\d\d:?\d\d))?)?"
)
_ISO_LIKE = re.compile(r"(?P<year>\d{4})-(?P<m>\d\d)-(?P<d>\d\d)" + _TIME, re.ASCII)
_COMPACT = re.compile(r"(?P<year>(?:19|20)\d\d)(?P<m>\d\d)(?P<d>\d\d)" + _TIME, re.ASCII)
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
    """One way in which dates of a column are written.

    `pattern` is for Python's strptime, as a mapping's `format` takes it; None is ISO, which needs none.
    `swapped` is the pattern with day and month the other way round, where it reads every value as well,
    so that the data can't tell which is meant. `count` is the number of values that `pattern` reads.
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
        """Count a text in each format that reads it; tell whether there is one."""
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
        """Return the formats seen, the one that reads most values first, each day-month pair once."""
        found: list[DateFormat] = []
        told: set[str | None] = set()
        counts = self._months_told_apart()
        for (pattern, zone), count in sorted(counts.items(), key=lambda one: (-one[1], one[0][0] or "")):
            if pattern in told and pattern is not None:
                continue
            other = None if pattern is None else self._swapped.get(pattern)
            rival = counts.get((other, zone), 0) if other is not None else 0
            told |= {pattern, other}
            found.append(DateFormat(pattern, count, zone, other if rival == count else None))
        return tuple(found)

    def _months_told_apart(self) -> Counter[tuple[str | None, Zone]]:
        """Return the counts in which "May", a short and a long name, is of the kind that more dates have."""
        counts = self._counts.copy()
        for (short, zone), may in self._may.items():
            long = short.replace("%b", "%B")
            if counts[long, zone] > counts[short, zone] - may:
                counts[long, zone] += may
                counts[short, zone] -= may
        return +counts

    def _read(self, text: str) -> Iterator[tuple[str | None, Zone]]:
        for shape in (_ISO_LIKE, _COMPACT, _YEAR_FIRST, _DAY_NAMED, _NAMED_DAY):
            found = shape.fullmatch(text)
            if found is None:
                continue
            clock = _clock(found)
            date = None if clock is None else _date_pattern(shape, found)
            if clock is not None and date is not None:
                pattern, zone = clock
                iso = date in ("%Y-%m-%d", "%Y%m%d") and _is_iso(found)
                yield (None if iso else date + pattern), zone
            return
        if (found := _YEAR_LAST.fullmatch(text)) is not None and (clock := _clock(found)) is not None:
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
    """Return the pattern of a match's date part, or None if its numbers are no date."""
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


def _clock(found: re.Match[str]) -> tuple[str, Zone] | None:
    """Return the pattern of a match's time part and what it says of the zone; None if it is no time."""
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
    return pattern + found["zonegap"] + "%z", "named"


def _is_iso(found: re.Match[str]) -> bool:
    """Tell whether a match with the date of ISO has its time, too (Python's reader of ISO takes it)."""
    if found["gap"] is None:
        return True
    return (
        found["gap"] in ("T", " ")
        and len(found["hour"]) == 2  # noqa: PLR2004 - digits
        and found["half"] is None
        and not found["zonegap"]
        and found["zonename"] not in ("UTC", "GMT")
    )
