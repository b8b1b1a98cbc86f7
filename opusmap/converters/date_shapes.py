"""How a date may be written: the formats that read a text, found by its shape.

Owns the shapes. Whether day or month comes first shows only where a number is over 12; until then both
formats are given.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator
from typing import Literal

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
_MONTHS_A_YEAR, _HOURS_A_DAY, _LEAP_YEAR = 12, 23, 2000


_INCOMPLETE = re.compile(
    r"(?:1\d|20|21)\d\d(?P<month>-(?:(?P<none>00)|0[1-9]|1[0-2])(?P<day>-00)?)?", re.ASCII
)


def find_incomplete_formats(text: str) -> Iterator[str]:
    """Yield the format that reads a text as a date without a day or a month, if there is one.

    It is `%Y`, `%Y-%m`, or `%Y-%m-%d` where zeros are in their place. Any number of four digits from 1000 to
    2199 has the first.
    """
    found = _INCOMPLETE.fullmatch(text)
    if found is not None and (found["day"] or not found["none"]):
        yield "%Y-%m-%d" if found["day"] else "%Y-%m" if found["month"] else "%Y"


def find_formats(text: str) -> Iterator[tuple[str | None, Zone]]:
    """Yield each format that reads the whole of a text, and what the text says of its zone.

    None is ISO, which needs no format. Two formats are yielded where day and month may be swapped: the one
    with the day first comes first, and each is the other's `swap_day_and_month`.
    """
    if not _SHORTEST <= len(text) <= _LONGEST or not any(char.isdigit() for char in text):
        return
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
        yield from _day_or_month_first(found, *clock)


def _day_or_month_first(found: re.Match[str], clock: str, zone: Zone) -> Iterator[tuple[str, Zone]]:
    first, second, sep = int(found["a"]), int(found["b"]), found["sep"]
    year = "%Y" if len(found["year"]) == 4 else "%y"  # noqa: PLR2004 - digits of a year
    day_first, month_first = f"%d{sep}%m{sep}{year}{clock}", f"%m{sep}%d{sep}{year}{clock}"
    if _is_day(found["year"], second, first):
        yield day_first, zone
    if _is_day(found["year"], first, second):
        yield month_first, zone


def _is_day(year: str, month: int, day: int) -> bool:
    """Return whether the calendar has a day; in a year of two digits February may have 29 days."""
    if not 0 < month <= _MONTHS_A_YEAR or (len(year) == 4 and not int(year)):  # noqa: PLR2004 - digits
        return False
    full = int(year) if len(year) == 4 else _LEAP_YEAR  # noqa: PLR2004 - digits of a year
    return 0 < day <= monthrange(full, month)[1]


def swap_day_and_month(pattern: str) -> str | None:
    """Return a format of numbers with day and month swapped; None where the text shows which is which."""
    found = _SWAPPABLE.match(pattern)
    return None if found is None else f"{found[3]}{found[2]}{found[1]}{pattern[found.end() :]}"


_SWAPPABLE = re.compile(r"(%d|%m)([-/. ])(%d|%m)(?=[-/. ]%[Yy])")


def _date_pattern(shape: re.Pattern[str], found: re.Match[str]) -> str | None:
    """Return the pattern of a match's date part, or None if its numbers are not a date."""
    if shape in (_ISO_LIKE, _COMPACT, _YEAR_FIRST):
        if not _is_day(found["year"], int(found["m"]), int(found["d"])):
            return None
        sep = "" if shape is _COMPACT else "-" if shape is _ISO_LIKE else found["sep"]
        return f"%Y{sep}%m{sep}%d"
    month = found["month"].lower()
    if month[:3] not in _MONTHS:
        return None
    if not _is_day(found["year"], _MONTHS.index(month[:3]) + 1, int(found["d"])):
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
