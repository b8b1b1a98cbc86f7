"""Converters of dates and times.

A time is always aware: one that names no zone takes the mapping's `timezone`, and is a problem where
there is none. A date without a time is a `date` and never shifts between zones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from typing import Literal
from zoneinfo import ZoneInfo

from opusmap.converters.cache import Cache
from opusmap.converters.coerce import text_of
from opusmap.converters.datetime_fastpath import (
    compile_writer,
    fixed_reader,
    format_reader,
    read_iso,
    steady_offset,
)
from opusmap.converters.format_parts import CENTURY_UNUSED, check_format, check_reading_format
from opusmap.converters.numbers import parse_number
from opusmap.converters.registry import ArgumentError, Context, converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value


def time_zone(name: str) -> tzinfo:
    """Return the time zone of an IANA name.

    Raises:
        ArgumentError: there is no such zone.
    """
    if name.upper() == "UTC":
        return UTC
    if re.fullmatch(r"[A-Za-z0-9+_-]+(?:/[A-Za-z0-9+_-]+)*", name):
        try:
            return ZoneInfo(name)
        except (OSError, ValueError, LookupError):  # LookupError covers ZoneInfoNotFoundError
            pass
    raise ArgumentError(
        f"there is no time zone {quote_value(name)}", "use a name such as Europe/Berlin or UTC"
    )


def localise(time: datetime, zone: tzinfo | None, warn: Callable[[str, str], None]) -> datetime:
    """Return an aware time, in the mapping's zone where there is one.

    A local time that daylight saving skips is a problem; one that it repeats means the first of the
    two, with a warning.
    """
    try:
        if time.tzinfo is not None:
            return time if zone is None else time.astimezone(zone)
        if zone is None:
            help_text = "set `timezone:` in the mapping to the zone of the source's times"
            raise ValueProblem(
                "no-timezone", f"the time {time.isoformat(sep=' ')} carries no time zone", help_text
            )
        aware = time.replace(tzinfo=zone, fold=0)
        if zone is not UTC and steady_offset(time, zone) is None:
            _check_local(aware, zone, warn)
    except OverflowError:
        message = f"the time {time.isoformat(sep=' ')} is outside the years 1 to 9999 in its time zone"
        raise ValueProblem("bad-date", message, "correct the source, or leave the value out") from None
    return aware


def _check_local(aware: datetime, zone: tzinfo, warn: Callable[[str, str], None]) -> None:
    """Check a local time near a change of the clocks."""
    moment = aware.astimezone(UTC)
    # Of a time that is skipped or repeated, the two offsets differ.
    if aware.utcoffset() != aware.replace(fold=1).utcoffset():
        time = aware.replace(tzinfo=None)
        if moment.astimezone(zone).replace(tzinfo=None) != time:
            message = f"the local time {time.isoformat(sep=' ')} does not exist: clocks went forward"
            raise ValueProblem("skipped-time", message, "correct it in the source")
        warn("repeated-time", f"the local time {time.isoformat(sep=' ')} exists twice; the first is taken")


@converter(
    name="datetime",
    factory=True,
    examples={
        "'2024-01-31T10:00:00Z' | datetime": datetime(2024, 1, 31, 10, tzinfo=UTC),
        "'31/01/2024 10:00' | datetime('%d/%m/%Y %H:%M', timezone='UTC')": datetime(
            2024, 1, 31, 10, tzinfo=UTC
        ),
        "'31.01.2024' | datetime('%d.%m.%Y')": date(2024, 1, 31),
        "'26-Apr-68' | datetime('%d-%b-%y', century=1930)": date(1968, 4, 26),
    },
)
def datetime_(
    format: str | None = None,
    timezone: str | None = None,
    century: int | None = None,
    *,
    context: Context,
) -> Callable[[object], date]:
    """Read a date, or a date and time; ISO without `format`, else as Python's strptime does.

    `timezone` is the zone of times that name none (the mapping's by default). `century` is the first of the
    hundred years that years of two digits (`%y`) lie in: 1930 reads 30 to 99 as 19xx and 00 to 29 as 20xx.
    A whole number is read by a format of digits alone, such as `%Y%m%d`.
    """
    zone = context.timezone if timezone is None else time_zone(timezone)
    if format is None and century is not None:
        raise ArgumentError("`century` needs a `format` with %y", CENTURY_UNUSED)
    dated = format is not None and not check_reading_format(format, century)
    read = _parse_iso if format is None else _make_reader(format, century, dated=dated)
    write = None if format is None else _number_writer(format)

    def convert(value: object) -> date:
        if isinstance(value, str):
            found = read(value)
        elif isinstance(value, date):
            found = value
        else:
            text = None
            if write is not None and isinstance(value, int | Decimal) and not isinstance(value, bool):
                text = write(value)
            if text is None:
                raise wrong_kind("datetime", (str,), value)
            found = read(text)
        return localise(found, zone, context.warn) if isinstance(found, datetime) else found

    return convert


_DIGITS = {"Y": 4, "G": 4, "j": 3, "u": 1, "w": 1} | dict.fromkeys("ymdHIMSUVW", 2)
"""Directive -> how many digits it has, of those that are digits alone, and always as many."""


def _number_writer(format: str) -> Callable[[int | Decimal], str | None]:
    """Return the function from a number to its text in a format of digits alone; None for what has none.

    A number has lost the zeros in front. They are put back, unless the year comes first: it has none.
    """
    parts = re.findall("%.|.", format, re.DOTALL)
    widths = [_DIGITS.get(part[1:], 0) if part[0] == "%" else int(part in "0123456789") for part in parts]
    width = sum(widths) if all(widths) else 0
    zeros = parts[0] not in ("%Y", "%G")

    def write(value: int | Decimal) -> str | None:
        text = text_of(value)
        if not (width and text.isdigit()):
            return None
        text = text.zfill(width) if zeros else text
        if len(text) != width:
            raise _unlike(text, format)
        return text

    return write


def _unlike(value: str, format: str) -> ValueProblem:
    message = f"{quote_value(value)} is not a date and time like {format}"
    return ValueProblem("bad-date", message, "correct the source or the format")


def _parse_iso(value: str) -> date:
    found = read_iso(value)
    if found is not None:
        return found
    _refuse_other_years(value)
    message = f"{quote_value(value)} is not an ISO date or time such as 2024-01-31 or 2024-01-31T18:15:00Z"
    raise ValueProblem("bad-date", message, 'say how it is written: `format: "%d/%m/%Y"`')


_OTHER_YEARS = re.compile(
    r"[+-]?infinity|(?:[+-]?[0-9]{5,}|-[0-9]{4})-[0-9]{2}-[0-9]{2}.*|[0-9]{4,}-.* BC",
    re.ASCII | re.IGNORECASE,
)
"""How sources write dates that Python and Opus don't have: PostgreSQL's own, and those of Parquet."""


def _refuse_other_years(value: str) -> None:
    if _OTHER_YEARS.fullmatch(value.strip()):
        message = f"{quote_value(value)} is outside the years 1 to 9999"
        raise ValueProblem(
            "bad-date", message, "correct it in the source; if it means none, put it under `empty`"
        )


def _make_reader(format: str, century: int | None, *, dated: bool) -> Callable[[str], date]:
    """Return the reader of a format; it remembers odd texts: strptime is slow, most of all where it fails."""
    quick, parse = fixed_reader(format, century), format_reader(format, century)

    def find(text: str) -> datetime | None:
        if not text.isascii() and any(char.isdigit() and not char.isascii() for char in text):
            return None
        try:
            return parse(text)
        except (ValueError, OverflowError):
            return None

    known = Cache(find)

    def read(text: str) -> date:
        stripped = text.strip()
        found = quick(stripped) or known[stripped]
        if found is None:
            _refuse_other_years(text)
            raise _unlike(text, format)
        return found.date() if dated else found

    return read


@converter(
    name="date",
    factory=True,
    examples={
        "'2024-01-31T18:15:00' | datetime | date": date(2024, 1, 31),
        "'2024-01-31' | date": date(2024, 1, 31),
    },
)
def only_date(*, context: Context) -> Callable[[object], date]:
    """Take the date of a time (in the mapping's `timezone`), or read an ISO date."""

    def convert(value: object) -> date:
        if not isinstance(value, str | date):
            raise wrong_kind("date", (str, date), value)
        found = _parse_iso(value) if isinstance(value, str) else value
        if not isinstance(found, datetime):
            return found
        # A time that names no zone has its date all the same: no zone is needed to cut it off.
        return (found if found.tzinfo is None else localise(found, context.timezone, context.warn)).date()

    return convert


_EPOCHS = {1900: datetime(1899, 12, 30), 1904: datetime(1904, 1, 1)}  # noqa: DTZ001 - Excel's days have no zone
_EXCEL_FIRST = 61
"""Excel's 1900 system has a 29 February 1900 that never was: days before 1 March 1900 are off by one."""


@converter(
    factory=True,
    examples={"'45322' | excel_date": date(2024, 1, 31), "45322 | excel_date": date(2024, 1, 31)},
)
def excel_date(system: Literal[1900, 1904] = 1900, *, context: Context) -> Callable[[object], date]:
    """Read Excel's serial number of a day (and time of day), in the 1900 or the 1904 date system."""

    def convert(value: object) -> date:
        serial = parse_number(value)
        days = int(serial)
        epoch = _EPOCHS[system]
        if system == 1900 and days < _EXCEL_FIRST:  # noqa: PLR2004 - the system's own name
            epoch += timedelta(days=1)
        never = system == 1900 and days == _EXCEL_FIRST - 1  # noqa: PLR2004
        try:
            moment = epoch + timedelta(days=days, seconds=round((serial - days) * 86_400))
        except OverflowError:
            moment = None
        if moment is None or serial < 0 or never:
            raise ValueProblem("bad-date", f"{quote_value(value)} is not a serial number of Excel's days")
        return moment.date() if serial == days else localise(moment, context.timezone, context.warn)

    return convert


@converter(factory=True, examples={"'1706724000' | unix_time": datetime(2024, 1, 31, 18, tzinfo=UTC)})
def unix_time(unit: Literal["s", "ms"] = "s", *, context: Context) -> Callable[[object], datetime]:
    """Read seconds (or milliseconds) since 1 January 1970 UTC."""

    def convert(value: object) -> datetime:
        seconds = Decimal(parse_number(value)) / (1000 if unit == "ms" else 1)
        try:
            moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=int(seconds * 1_000_000))
        except OverflowError:
            raise ValueProblem("bad-date", f"{quote_value(value)} is not a time since 1970") from None
        return localise(moment, context.timezone, context.warn)

    return convert


@converter(examples={"'2024-07-01' | date | fiscal_year": 2025, "'2024-06-30' | date | fiscal_year(7)": 2024})
def fiscal_year(value: date, start_month: int = 7) -> int:
    """Return the year in which the fiscal year that begins in `start_month` ends."""
    if not 1 <= start_month <= 12:  # noqa: PLR2004 - months
        raise ValueProblem("wrong-value", f"fiscal_year's start_month is 1 to 12, not {start_month}")
    return value.year + (1 if 1 < start_month <= value.month else 0)


@converter(factory=True, examples={"'2024-01-31' | date | format_date('%d.%m.%Y')": "31.01.2024"})
def format_date(format: str = "%Y-%m-%d") -> Callable[[object], str]:
    """Write a date or time as text, as Python's strftime does."""
    check_format(format)
    write = date_writer(format)

    def convert(value: object) -> str:
        if not isinstance(value, date):
            raise wrong_kind("format_date", (date,), value)
        return write(value)

    return convert


def date_writer(format: str) -> Callable[[date], str]:
    """Return what writes dates and times; years before 1000 have four digits on every system."""
    quick = compile_writer(format)

    def write(value: date) -> str:
        if quick is not None and value.__class__ is datetime:
            return quick(value)
        if value.year < 1000:  # noqa: PLR2004 - glibc's strftime writes the year 850 as "850"
            year = f"{value.year:04}"
            return value.strftime(re.sub("%(.)", lambda part: year if part[1] == "Y" else part[0], format))
        return value.strftime(format)

    return write


PLAIN_TIME = "%Y-%m-%d %H:%M:%S"
"""How Opus takes times by default."""
