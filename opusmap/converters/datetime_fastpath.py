"""Times rewritten from text to text by their parts: the day and the clock, each remembered.

A source has few days and few clock times, but hardly ever the same moment twice. So the parts are read
once, carefully, and put together after that. Owns only this short way: what it can't cut, what is wrong
and what lies on a day on which the clocks change goes the long way, which decides and says why.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta, tzinfo
from functools import partial
from operator import itemgetter
from time import strptime as struct_time
from typing import TypeAlias

from opusmap.converters.cache import Memo

__all__ = ["fixed_reader", "format_reader", "time_reader", "time_rewriter"]

Rewriter: TypeAlias = Callable[[str], str | None] | Memo[str | None]
Clock: TypeAlias = tuple[int, str]
"""Which day a time falls on: the same (0), the next (1) or the one before (-1); and its clock, written."""
Near: TypeAlias = tuple[str, ...]
"""A day, the next and the one before, as they are written: a clock's day (0, 1, -1) is the place in it.

Of the neighbours, one is enough where times move into it alone: 1 and -1 are then the same place."""
Day: TypeAlias = tuple[Near, Memo[Clock | None]]
"""A local day and its neighbours, and the clock times of its offset."""

_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2}
_CLOCK_PART = re.compile(r"%[HIMSpf]")
_LAST_YEAR = 9999
"""In the years between the first and this one every day has neighbours."""
_ONE_DAY, _NO_TIME = timedelta(days=1), timedelta()


def time_rewriter(
    format: str | None,
    zone: tzinfo | None,
    pattern: str,
    write: Callable[[date, str], str],
    century: int | None = None,
) -> Rewriter | None:
    """Return the function from a source's text of a time to the same time in UTC, None where it can't tell.

    Args:
        format: how texts are written, as for strptime; ISO without.
        zone: the zone of times that name none.
        pattern: how times are to be written, as for strftime.
        write: strftime.
        century: the first of the hundred years that years of two digits lie in.

    Returns None where the format or the pattern does not come in two parts, the day first.
    """
    written = _parts(pattern)
    if written is None:
        return None
    parts = _Parts(zone, written[0], written[1] + written[2], write)
    if format is None:
        return parts.iso_rewriter()
    if _CLOCK_PART.search(format) is None:
        zoned = "%z" in format or "%Z" in format
        return None if zoned else parts.date_rewriter(format, century)
    read = _parts(format)
    return None if read is None else parts.format_rewriter(*read, century)


def _parts(format: str) -> tuple[str, str, str] | None:
    """Cut a format into its day, what stands between, and its clock: `%Y-%m-%d`, ` `, `%H:%M`."""
    found = re.fullmatch(r"((?:%[YymdjbB]|[-/. ])+?)([ T])((?:%[HIMSpf]|[:. Z])+)", format)
    if found is None or (found[2] == "T" and re.search("%[bBp]", format)):
        return None
    return found[1], found[2], found[3]


class _Parts:
    """The memories of one column, and how each is filled."""

    def __init__(
        self, zone: tzinfo | None, day_pattern: str, clock_pattern: str, write: Callable[[date, str], str]
    ) -> None:
        self._zone = zone
        self._day_pattern = day_pattern
        self._clock_pattern = clock_pattern
        self._write = write
        self._read_day: Callable[[str], date | None] = _read_iso_day
        self._read_clock: Callable[[str], time | None] = _read_iso_clock
        self._days = Memo(self._written_near)
        self._local = Memo(self._local_day)
        self._clocks: dict[timedelta, Memo[Clock | None]] = {}

    def iso_rewriter(self) -> Rewriter:
        """Return the rewriter of ISO dates and times, with or without an offset."""
        local, days, fixed = self._local, self._days, Memo(self._fixed_clock)
        read_iso, read_day = datetime.fromisoformat, date.fromisoformat
        as_it_is = self._day_pattern == "%Y-%m-%d" and self._clock_pattern == " %H:%M:%S"

        def rewrite(text: str) -> str | None:
            # 2024-01-31T18:15:00Z is to be cut, no more: every third character tells that it has this shape.
            if as_it_is and len(text) == _UTC_LENGTH and text[4::3] == "--T::Z":
                try:
                    year = read_iso(text).year
                except ValueError:
                    return None
                # Newer Pythons read 24:00 as the next day.
                kept = 1 < year < _LAST_YEAR and text[11:13] != "24"
                return text[:-1].replace("T", " ") if kept else None
            if as_it_is and len(text) == _DATE_LENGTH and text[4::3] == "--":
                try:
                    year = read_day(text).year
                except ValueError:
                    return None
                return f"{text} 00:00:00" if 1 < year < _LAST_YEAR else None
            day_text, clock_text = text[:_DATE_LENGTH], text[_DATE_LENGTH:]
            clock = fixed[clock_text]
            if clock is not None:
                near = days[day_text]
                return None if near is None else near[clock[0]] + clock[1]
            found = local[day_text]
            if found is None or (clock := found[1][clock_text]) is None:
                return None
            return found[0][clock[0]] + clock[1]

        return rewrite

    def date_rewriter(self, format: str, century: int | None) -> Rewriter:
        """Return the rewriter of dates without a time: midnight, which never shifts."""
        read, midnight = day_reader(format, century), self._written_clock(time())

        def rewrite(text: str) -> str | None:
            day = read(text)
            return None if day is None else self._written_day(day) + midnight

        return Memo(rewrite)

    def format_rewriter(self, day_format: str, gap: str, clock_format: str, century: int | None) -> Rewriter:
        """Return the rewriter of times in a format of two parts."""
        read_clock = time_reader(clock_format)
        self._read_day = day_reader(day_format, century)
        self._read_clock = lambda text: None if (found := read_clock(text)) is None else found.time()
        local, inside = self._local, day_format.count(gap)

        def rewrite(text: str) -> str | None:
            if inside:
                *day_parts, clock_text = text.split(gap, inside + 1)
                day_text = gap.join(day_parts)
            else:
                day_text, _, clock_text = text.partition(gap)
            found = local[day_text]
            if found is None or (clock := found[1][clock_text]) is None:
                return None
            return found[0][clock[0]] + clock[1]

        return rewrite

    def _written_near(self, text: str) -> Near | None:
        day, written = self._read_day(text), self._written_day
        if day is None or not 1 < day.year < _LAST_YEAR:
            return None
        return written(day), written(day + _ONE_DAY), written(day - _ONE_DAY)

    def _local_day(self, text: str) -> Day | None:
        """Return a day whose offset from UTC is the same all day long."""
        day = self._read_day(text)
        if day is None or self._zone is None or not 1 < day.year < _LAST_YEAR:
            return None
        offset = steady_offset(day, self._zone)
        if offset is None:
            return None
        if offset not in self._clocks:  # a zone has a few in all its history
            self._clocks[offset] = Memo(partial(self._local_clock, offset))
        neighbour = day - _ONE_DAY if offset > _NO_TIME else day + _ONE_DAY
        return (self._written_day(day), self._written_day(neighbour)), self._clocks[offset]

    def _local_clock(self, offset: timedelta, text: str) -> Clock | None:
        clock = self._read_clock(text)
        return None if clock is None or clock.tzinfo is not None else self._moved(clock, offset)

    def _fixed_clock(self, text: str) -> Clock | None:
        """Return a clock time that names its own offset; an absent one is midnight, which never shifts."""
        clock = self._read_clock(text) if text else time(tzinfo=UTC)
        offset = None if clock is None else clock.utcoffset()
        return None if clock is None or offset is None else self._moved(clock, offset)

    def _moved(self, clock: time, offset: timedelta) -> Clock:
        if not offset:
            return 0, self._written_clock(clock.replace(tzinfo=None))
        moved = datetime.combine(_ANY_DAY, clock, None) - offset
        return moved.day - _ANY_DAY.day, self._written_clock(moved.time())

    def _written_day(self, day: date) -> str:
        return day.isoformat() if self._day_pattern == "%Y-%m-%d" else self._write(day, self._day_pattern)

    def _written_clock(self, clock: time) -> str:
        if self._clock_pattern == " %H:%M:%S":
            return f" {clock.isoformat('seconds')}"
        return self._write(datetime.combine(_ANY_DAY, clock), self._clock_pattern)


_ANY_DAY = date(2000, 1, 2)
_LAST_MOMENT = time.max.replace(fold=1)
"""The end of a day; of two that are the same by the clock, the second."""


def steady_offset(day: date, zone: tzinfo) -> timedelta | None:
    """Return a local day's offset from UTC; None if the clocks change on it.

    No zone has changed its clocks twice within one day and come back to where it was.
    """
    begin = zone.utcoffset(datetime.combine(day, time.min))
    end = zone.utcoffset(datetime.combine(day, _LAST_MOMENT))
    return begin if begin == end else None


_DATE_LENGTH = len("2024-01-31")


def _read_iso_day(text: str) -> date | None:
    # Python reads week dates (2024-W05-3) as well; those go the long way.
    if len(text) != _DATE_LENGTH or text[4] != "-" or not text[5].isdigit():
        return None
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


_UTC_LENGTH = len("2024-01-31T18:15:00Z")
_ISO_CLOCK = re.compile(r"[Tt ][0-9][0-9:]*(?:\.[0-9]+)?(?:[Zz]|[+-][0-9:]+)?", re.ASCII)


def _read_iso_clock(text: str) -> time | None:
    if _ISO_CLOCK.fullmatch(text) is None:
        return None
    try:
        found = datetime.fromisoformat(f"{_ANY_DAY}{text}")
    except ValueError:
        return None
    return found.timetz() if found.date() == _ANY_DAY else None  # newer Pythons read 24:00 as the next day


def day_reader(format: str, century: int | None = None) -> Callable[[str], date | None]:
    """Return a reader of dates in a format: as `format_reader` reads them, most of them quicker."""
    read_time = time_reader(format, century)

    def read(text: str) -> date | None:
        moment = read_time(text)
        return None if moment is None else moment.date()

    return read


def time_reader(format: str, century: int | None = None) -> Callable[[str], datetime | None]:
    """Return a reader of times in a format: as `format_reader` reads them, most of them quicker."""
    quick, careful = fixed_reader(format, century), format_reader(format, century)

    def read(text: str) -> datetime | None:
        found = None if quick is None else quick(text)
        if found is None and text.isascii():
            try:
                found = careful(text)
            except (ValueError, OverflowError):
                return None
        return found

    return read


def format_reader(format: str, century: int | None = None) -> Callable[[str], datetime]:
    """Return the reader of texts in a format: strptime, but for years of two digits and days of the year.

    A year of two digits is the one among the hundred years from `century` on; POSIX has 1969 to 2068. The
    366th day of a year that has none is refused: strptime takes it for the first of the next year.
    The reader raises ValueError or OverflowError.
    """
    directives = set(re.findall("%(.)", format))
    short, by_day = "y" in directives and century is not None, "j" in directives

    def read(text: str) -> datetime:
        found = datetime.strptime(text, format)  # noqa: DTZ007 - the caller knows the zone
        if by_day and struct_time(text, format).tm_yday != found.timetuple().tm_yday:
            raise ValueError(text)
        return _in_century(found, century, by_day=by_day) if short and century is not None else found

    return read if short or by_day else lambda text: datetime.strptime(text, format)  # noqa: DTZ007 - as above


def _in_century(moment: datetime, century: int, *, by_day: bool) -> datetime:
    """Return a time in the year of its two digits that lies in the hundred years from `century` on.

    It is the same day of that year, or else the same day and month, which may not be there (29 February).
    """
    year = _year_of(moment.year, century)
    if not by_day:
        return moment.replace(year=year)
    day = date(year, 1, 1) + timedelta(days=moment.timetuple().tm_yday - 1)
    if day.year != year:
        raise ValueError(day)
    return datetime.combine(day, moment.timetz())


def _year_of(digits: int, century: int) -> int:
    return century + (digits - century) % 100


def fixed_reader(format: str, century: int | None = None) -> Callable[[str], datetime | None] | None:
    """Return a quick reader for texts written as people write them: `31/01/2024 09:05`, `5 Mar 2024`.

    It reads a part of what `format_reader` reads, and to the same result: anything else (other blanks, other
    letters) gives None. None for formats with weeks, days of the year, fractions or offsets, and where months
    have no English names.
    """
    order = re.findall("%(.)", format)
    names = set(order)
    twice = len(names) < len(order) or {"Y", "y"} <= names or {"H", "I"} <= names
    if twice or len(names & {"m", "b", "B"}) > 1 or names - {*_WIDTHS, "p", "b", "B"}:
        return None
    if ("p" in names) != ("I" in names) or (names & {"b", "B"} and not _has_english_months()):
        return None
    match = re.compile(_shape(format), re.ASCII).fullmatch
    places = [order.index(found) if found else len(order) + at for at, found in enumerate(_sought(names))]
    pick, defaults = itemgetter(*places), ("1900", "1", "1", "0", "0", "0", "AM")
    first = (_POSIX_CENTURY if century is None else century) if "y" in names else None
    is_named, is_half_day = bool(names & {"b", "B"}), "p" in names
    months = _MONTHS if "b" in names else _LONG_MONTHS

    def read(text: str) -> datetime | None:
        found = match(text)
        if found is None:
            return None
        year_text, month_text, day, hour_text, minute, second, half = pick(found.groups() + defaults)
        year, hour = int(year_text), int(hour_text)
        if first is not None:
            year = _year_of(year, first)
        if is_half_day:
            if not 1 <= hour <= _NOON:
                return None
            hour = hour % _NOON + (_NOON if half == "PM" else 0)
        try:
            month = months[month_text.lower()] if is_named else int(month_text)
            return datetime(year, month, int(day), hour, int(minute), int(second))  # noqa: DTZ001 - the caller knows
        except (ValueError, KeyError):
            return None

    return read


def _sought(names: set[str]) -> list[str | None]:
    """Return a format's directives of year, month, day, hour, minute, second and half day."""
    alternatives = ("Yy", "mbB", "d", "HI", "M", "S", "p")
    return [next((name for name in group if name in names), None) for group in alternatives]


def _shape(format: str) -> str:
    """Return the regular expression of such texts; a number between other signs may have one digit."""
    parts = re.findall("%.|[^%]", format)
    pattern = ""
    for at, part in enumerate(parts):
        is_apart = not any(map(_is_number, parts[at - 1 : at] + parts[at + 1 : at + 2]))
        if part[1:] in _WIDTHS:
            pattern += f"([0-9]{{{'1,2' if is_apart and part[1] not in 'Yy' else _WIDTHS[part[1:]]}}})"
        else:
            pattern += {"%p": "(AM|PM)", "%b": "([A-Za-z]+)", "%B": "([A-Za-z]+)"}.get(part, re.escape(part))
    return pattern


def _is_number(part: str) -> bool:
    return part.isdigit() or part[1:] in _WIDTHS


_LONG_MONTHS = {
    "january": 1, "february": 2, "march": 3, "april": 4, "may": 5, "june": 6, "july": 7, "august": 8,
    "september": 9, "october": 10, "november": 11, "december": 12,
}  # fmt: skip
_MONTHS = {name[:3]: number for name, number in _LONG_MONTHS.items()}


def _has_english_months() -> bool:
    """Tell whether strptime reads English names of months: it knows those of the process's locale."""
    short, long = [*calendar.month_abbr][1:], [*calendar.month_name][1:]
    return [*map(str.lower, short)] == [*_MONTHS] and [*map(str.lower, long)] == [*_LONG_MONTHS]


_NOON = 12
_POSIX_CENTURY = 1969
"""Two digits of a year up to 68 mean 20xx, as POSIX has it."""
