"""Readers and writers of times, quick for texts in the usual shape, and the offsets of local times.

A quick reader gives None for any other text, and for an invalid time: the slow path decides, and explains.
"""

from __future__ import annotations

import calendar
import re
from collections.abc import Callable
from datetime import MAXYEAR, date, datetime, timedelta, tzinfo
from functools import lru_cache
from operator import itemgetter
from time import strptime as struct_time
from typing import Any, NamedTuple

from opusmap.converters.cache import Cache

_DATE_LENGTH = len("2024-01-31")
_ISO_TIME = re.compile(r"[0-9]{4}(?:-?[0-9]{2}-?[0-9]{2}|-?W[0-9]{2}(?:-?[1-7])?)[Tt ](?!24)[0-9]", re.ASCII)
"""How an ISO time begins. Python's own reader takes any letter in place of the T: an offset's +, even; and
24:00 from Python 3.14 on."""


def read_iso(text: str) -> date | None:
    """Return the date or time that an ISO text is, with its offset if it names one; None if it is neither."""
    text = text.strip()
    try:
        if len(text) <= _DATE_LENGTH and "T" not in text:
            return date.fromisoformat(text)
        if _ISO_TIME.match(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    return None


_ONE_DAY = timedelta(days=1)


def steady_offset(moment: datetime, zone: tzinfo | None) -> timedelta | None:
    """Return a time's offset from UTC: its own, or that of a local time in a zone.

    None where there is no zone, where the clocks change within a day of a local time, and at the ends of the
    calendar. No zone has changed its clocks twice within two days and come back, so two looks are enough.
    """
    if not 1 < moment.year < MAXYEAR:
        return None
    if moment.tzinfo is not None:
        return moment.utcoffset()
    if zone is None:
        return None
    before = zone.utcoffset(moment - _ONE_DAY)
    return before if before == zone.utcoffset(moment + _ONE_DAY) else None


def time_reader(format: str, century: int | None = None) -> Callable[[str], datetime | None]:
    """Return a reader of times in a format: as `format_reader` reads them, most of them quicker."""
    quick, careful = fixed_reader(format, century), format_reader(format, century)

    def read(text: str) -> datetime | None:
        found = quick(text)
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
        if (outline := _outline(format)) is not None and outline.fullmatch(text) is None:
            raise ValueError(text)
        found = datetime.strptime(text, format)  # noqa: DTZ007 - the caller knows the zone
        if by_day and struct_time(text, format).tm_yday != found.timetuple().tm_yday:
            raise ValueError(text)
        return _in_century(found, century, by_day=by_day) if short and century is not None else found

    return read


@lru_cache(maxsize=64)
def _outline(format: str) -> re.Pattern[str] | None:
    """Return what all texts match that strptime reads in a format; None for formats of unusual parts.

    strptime takes long to refuse a text, and a source may have a wrong one in each row.
    """
    if not _has_english_months():
        return None
    pattern = ""
    for part in re.findall("%.|[^%]", format):
        if part in ("%p", "%b", "%B"):
            pattern += r"[^\d\s]{0,9}"
        elif part[1:] in _WIDTHS:
            width = _WIDTHS[part[1:]]
            pattern += rf"\s?\d{{{width if part[1] in 'Yy' else 1},{width}}}"
        elif part[0] == "%":
            return None
        else:
            pattern += r"\s*" if part.isspace() else re.escape(part)
    return re.compile(pattern, re.IGNORECASE)


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


_WIDTHS = {"Y": 4, "y": 2, "m": 2, "d": 2, "H": 2, "I": 2, "M": 2, "S": 2, "b": 3, "p": 2}
"""Directive -> letters of its text, of those that have always as many."""
_SHAPES = {
    "p": "(AM|PM)",
    "b": "([A-Za-z]+)",
    "B": "([A-Za-z]+)",
    "f": "([0-9]{1,6})",
    "z": "([+-][0-9]{2}:?[0-5][0-9]|Z)",
}
_PLACES = ("Yy", "mbB", "d", "HI", "M", "S", "p", "f", "z")
_ABSENT = ("1900", "01", "01", "00", "00", "00", "AM", "", "")
"""The parts of a time: the directives of each, and what it is where a format lacks it."""


def fixed_reader(format: str, century: int | None = None) -> Callable[[str], datetime | None]:
    """Return a quick reader for texts written as people write them: `31/01/2024 09:05`, `5 Mar 2024`.

    It reads a part of what `format_reader` reads, and to the same result: anything else (other blanks, other
    letters) gives None. So does every text where the format has weeks or days of the year, or months have no
    English names.
    """
    parts = re.findall("%.|[^%]", format)
    order = [part[1] for part in parts if part[0] == "%"]
    if (names := _names(parts, century)) is None:
        return lambda _text: None
    months, years, is_half_day = names["months"], names["years"], "p" in order
    cut = _compile_cutter(parts, names)
    match = re.compile(_shape(parts), re.ASCII).fullmatch
    at = [
        next((order.index(name) for name in order if name in group), len(order) + place)
        for place, group in enumerate(_PLACES)
    ]
    pick = itemgetter(*at)

    def read(text: str) -> datetime | None:
        try:
            if (cut_out := cut(text)) is not None:
                return cut_out
            found = match(text)
            if found is None:
                return None
            year, month, day, hour, minute, second, half, fraction, zone = pick(found.groups() + _ABSENT)
            year = years[year] if "y" in order else year
            month = month.zfill(2) if month.isdigit() else months[month.lower()]
            hour = _HALF_DAY[hour.zfill(2) + half] if is_half_day else _FULL_DAY[hour.zfill(2)]
            clock = f"{hour}:{minute.zfill(2)}:{second.zfill(2)}{fraction and f'.{fraction}'}{zone}"
            return datetime.fromisoformat(f"{year}-{month}-{day.zfill(2)}T{clock}")
        except (KeyError, ValueError):
            return None

    return read


def _names(parts: list[str], century: int | None) -> dict[str, Any] | None:
    """Return what compiled readers of a format speak of; None where a format is not for these.

    Such are weeks and days of the year, a part that occurs twice, and months without English names.
    """
    order = [part[1] for part in parts if part[0] == "%"]
    names = set(order)
    twice = any(sum(name in group for name in order) > 1 for group in _PLACES)
    is_read = not twice and names <= _WIDTHS.keys() | _SHAPES.keys() and ("p" in names) == ("I" in names)
    if not is_read or (names & {"b", "B"} and not _has_english_months()):
        return None
    months = _MONTHS if "b" in names else _LONG_MONTHS
    known = {"half_day": _HALF_DAY, "full_day": _FULL_DAY, "len": len}
    first = _POSIX_CENTURY if century is None else century
    years = {f"{digits:02}": f"{_year_of(digits, first):04}" for digits in range(100)}
    return {"months": months, "years": years, **known}


def _compile_cutter(parts: list[str], names: dict[str, Any]) -> Callable[[str], datetime | None]:
    """Return the reader of texts whose parts have fixed places; it gives None for texts of another shape.

    An invalid time in this shape raises a KeyError or a ValueError.
    """
    if (cut := _cut(parts)) is None:
        return lambda _text: None
    second = "" if cut.second is None else f":{cut.second}"
    python = f"lambda text: read(f'{cut.day}T{cut.hour}:{cut.minute}{second}') if {cut.has_shape} else None"
    return _compile(python, {"read": datetime.fromisoformat, **names})


class _Cut(NamedTuple):
    """How a text is cut into its parts: insides of f-strings with a variable `text`, and a condition."""

    day: str
    hour: str
    minute: str
    second: str | None
    has_shape: str


def _cut(parts: list[str]) -> _Cut | None:
    """Return how texts of a format are cut; None where its parts have no fixed places."""
    if any(part[0] == "%" and part[1] not in _WIDTHS for part in parts):
        return None
    at, cut, signs = 0, dict[str, str](), list[str]()
    for part in parts:
        if part[0] == "%":
            cut[part[1]] = f"text[{at}:{at + _WIDTHS[part[1]]}]"
            at += _WIDTHS[part[1]]
        else:
            signs.append(f"text[{at}] == {part!r}")
            at += 1
    year = f"{{years[{cut['y']}]}}" if "y" in cut else f"{{{cut['Y']}}}" if "Y" in cut else "1900"
    month = f"{{months[{cut['b']}.lower()]}}" if "b" in cut else f"{{{cut['m']}}}" if "m" in cut else "01"
    day = f"{{{cut['d']}}}" if "d" in cut else "01"
    hour = f"{{full_day[{cut['H']}]}}" if "H" in cut else "00"
    if "I" in cut:
        hour = f"{{half_day[{cut['I']} + {cut['p']}]}}"
    minute, second = (f"{{{cut[name]}}}" if name in cut else None for name in "MS")
    return _Cut(
        f"{year}-{month}-{day}", hour, minute or "00", second, " and ".join([f"len(text) == {at}", *signs])
    )


def utc_rewriter(format: str, zone: tzinfo, century: int | None = None) -> Callable[[str], str | None]:
    """Return what writes texts of local times as `2024-01-31 08:15:00` in UTC, without making a time of each.

    It gives None where only the slow path can decide. A day's offset is remembered: most days of a register
    come again, and looking a zone up twice takes as long as all the rest.
    """
    parts = re.findall("%.|[^%]", format)
    if (names := _names(parts, century)) is None or (cut := _cut(parts)) is None:
        return lambda _text: None
    pieces = ", ".join(f"f'{piece}'" for piece in (cut.day, cut.hour + cut.minute, cut.second or "00"))
    take = _compile(f"lambda text: ({pieces}) if {cut.has_shape} else None", names)

    def find(day: str) -> tuple[int, tuple[str, str, str]] | None:
        midnight = datetime.fromisoformat(day)
        offset = steady_offset(midnight, zone)
        if offset is None or offset != steady_offset(midnight + _ONE_DAY, zone) or offset % _MINUTE:
            return None
        near = (midnight - _ONE_DAY, midnight, midnight + _ONE_DAY)
        before, same, after = (moment.date().isoformat() for moment in near)
        return offset // _MINUTE, (same, after, before)  # the next day is at 1, the one before at -1

    days = Cache(find)

    def rewrite(text: str) -> str | None:
        try:
            day, clock, second = take(text)
            offset, near = days[day]  # type: ignore[misc]
            shift, minutes = divmod(_MINUTES[clock] - offset, _DAY_MINUTES)
            return f"{near[shift]} {_CLOCKS[minutes]}:{_SECONDS[second]}"
        except (KeyError, TypeError, ValueError):
            return None

    return rewrite


_MINUTE = timedelta(minutes=1)
_CLOCKS = [f"{hour:02}:{minute:02}" for hour in range(24) for minute in range(60)]
_DAY_MINUTES = len(_CLOCKS)
_MINUTES = {clock.replace(":", ""): minutes for minutes, clock in enumerate(_CLOCKS)}
_SECONDS = {f"{second:02}": f"{second:02}" for second in range(60)}


_WRITTEN = {
    "%Y": "{moment.year:04}",
    "%m": "{two[moment.month]}",
    "%d": "{two[moment.day]}",
    "%H": "{two[moment.hour]}",
    "%M": "{two[moment.minute]}",
    "%S": "{two[moment.second]}",
}


def compile_writer(format: str) -> Callable[[datetime], str] | None:
    """Return what writes times in a format of numbers alone; None for other formats."""
    parts = re.findall("%.|[^%]", format, re.DOTALL)
    if any(part[0] == "%" and part not in _WRITTEN for part in parts):
        return None
    literals = {"{": "{{", "}": "}}"}
    text = "".join(_WRITTEN.get(part, literals.get(part, part)) for part in parts)
    return _compile(f"lambda moment: f{text!r}", {"two": tuple(f"{number:02}" for number in range(60))})


def _compile(python: str, names: dict[str, Any]) -> Callable[[Any], Any]:
    """Return the function that Python text is: places and letters of a format, written out."""
    function: Callable[[Any], Any] = eval(python, {"__builtins__": {}, **names})  # noqa: S307 - our own text
    return function


def _shape(parts: list[str]) -> str:
    """Return the regular expression of such texts; a number between other signs may have one digit."""
    pattern = ""
    for at, part in enumerate(parts):
        is_apart = not any(map(_is_number, parts[max(0, at - 1) : at] + parts[at + 1 : at + 2]))
        if part[0] != "%":
            pattern += re.escape(part)
        elif part[1] in _SHAPES:
            pattern += _SHAPES[part[1]]
        else:
            pattern += f"([0-9]{{{'1,2' if is_apart and part[1] not in 'Yy' else _WIDTHS[part[1]]}}})"
    return pattern


def zero_completer(format: str) -> Callable[[str], str | None]:
    """Return what replaces a day 00 by the first day, and a month 00 by the first month.

    The text is None where there is nothing to put, where a day of an unknown month is given, and for formats
    of unusual parts.
    """
    parts = re.findall("%.|[^%]", format)
    order = [part[1] for part in parts if part[0] == "%"]
    if any(name not in _WIDTHS and name not in _SHAPES for name in order) or len(set(order)) < len(order):
        return lambda _text: None
    match = re.compile(_shape(parts), re.ASCII).fullmatch
    places = [order.index(name) + 1 for name in ("d", "m") if name in order]

    def complete(text: str) -> str | None:
        found = match(text)
        if found is None:
            return None
        zeros = [not int(found[at]) for at in places]
        if not any(zeros) or ("d" in order and not zeros[0]):
            return None
        for at in sorted((at for at, is_zero in zip(places, zeros, strict=True) if is_zero), reverse=True):
            start, end = found.span(at)
            text = f"{text[:start]}{'1'.zfill(end - start)}{text[end:]}"
        return text

    return complete


def _is_number(part: str) -> bool:
    return part.isdigit() or (part[0] == "%" and part[1] not in "pbBz")


_LONG_MONTHS = {
    "january": "01", "february": "02", "march": "03", "april": "04", "may": "05", "june": "06", "july": "07",
    "august": "08", "september": "09", "october": "10", "november": "11", "december": "12",
}  # fmt: skip
_MONTHS = {name[:3]: number for name, number in _LONG_MONTHS.items()}
_FULL_DAY = {f"{hour:02}": f"{hour:02}" for hour in range(24)}
_HALF_DAY = {
    f"{hour:02}{half}": f"{hour % 12 + (12 if half == 'PM' else 0):02}"
    for half in ("AM", "PM")
    for hour in range(1, 13)
}


def _has_english_months() -> bool:
    """Return whether strptime reads English names of months: it knows those of the process's locale."""
    short, long = [*calendar.month_abbr][1:], [*calendar.month_name][1:]
    return [*map(str.lower, short)] == [*_MONTHS] and [*map(str.lower, long)] == [*_LONG_MONTHS]


_POSIX_CENTURY = 1969
"""Two digits of a year up to 68 mean 20xx, as POSIX has it."""
