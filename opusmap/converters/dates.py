"""Converters of dates and times.

A time is always aware: one that names no zone takes the mapping's `timezone`, and is a problem where
there is none. A date without a time is a `date` and never shifts between zones.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta, tzinfo
from decimal import Decimal
from itertools import product
from typing import Literal

from opusmap.converters.cache import Cache
from opusmap.converters.coerce import text_of
from opusmap.converters.date_problems import first_day, no_date, number_given
from opusmap.converters.datetime_fastpath import (
    compile_writer,
    fixed_reader,
    format_reader,
    read_iso,
    steady_offset,
    zero_completer,
)
from opusmap.converters.format_parts import CENTURY_UNUSED, check_format, check_reading_format
from opusmap.converters.numbers import parse_number
from opusmap.converters.registry import ArgumentError, Context, converter, wrong_kind
from opusmap.converters.zones import time_zone
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value


def localise(time: datetime, zone: tzinfo | None, warn: Callable[[str, str], None]) -> datetime:
    """Return an aware time, in the mapping's zone where there is one.

    A local time that daylight saving skips is a problem; one that it repeats means the first of the
    two, with a warning.
    """
    try:
        if time.tzinfo is not None:
            return time if zone is None else time.astimezone(zone)
        if zone is None:
            help_text = "set `timezone:` in the mapping to the time zone of the source"
            raise ValueProblem(
                "no-timezone", f"the time {time.isoformat(sep=' ')} has no time zone", help_text
            )
        aware = time.replace(tzinfo=zone, fold=0)
        if zone is not UTC and steady_offset(time, zone) is None:
            _check_local(aware, zone, warn)
    except OverflowError:
        message = f"the time {time.isoformat(sep=' ')} is outside the years 1 to 9999 in its time zone"
        raise ValueProblem("bad-date", message, "correct the cell, or leave the value out") from None
    return aware


_IF_SKIPPED = (
    "check `timezone` first: the zone may be wrong, or the export in UTC, and then all times are; "
    "otherwise correct the cell"
)


def _check_local(aware: datetime, zone: tzinfo, warn: Callable[[str, str], None]) -> None:
    """Check a local time near a change of the clocks."""
    moment = aware.astimezone(UTC)
    # Of a time that is skipped or repeated, the two offsets differ.
    if aware.utcoffset() != aware.replace(fold=1).utcoffset():
        time = aware.replace(tzinfo=None)
        if moment.astimezone(zone).replace(tzinfo=None) != time:
            message = f"the local time {time.isoformat(sep=' ')} does not exist: clocks went forward"
            raise ValueProblem("skipped-time", message, _IF_SKIPPED)
        warn("repeated-time", f"the local time {time.isoformat(sep=' ')} exists twice; the first is used")


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
        "'31/01/2024' | datetime(['%Y-%m-%d', '%d/%m/%Y'])": date(2024, 1, 31),
        "'1783-02' | datetime(incomplete='first_day')": date(1783, 2, 1),
    },
)
def datetime_(
    format: str | list[str] | None = None,
    timezone: str | None = None,
    century: int | None = None,
    incomplete: Literal["first_day"] | None = None,
    *,
    context: Context,
) -> Callable[[object], date]:
    """Read a date, or a date and time; ISO without `format`, else as Python's strptime does.

    Of several formats the first that fits counts. `timezone` is the zone of times that name none (the
    mapping's by default). `century` is the first of the hundred years that years of two digits (`%y`) lie in:
    1930 reads 30 to 99 as 19xx and 00 to 29 as 20xx. With `incomplete`, a date without a day or a month
    (`1783-02`, `1783`, a day or month 00, a format without them) is its first day. A whole number is read by
    a format of digits alone, such as `%Y%m%d`.
    """
    zone = context.timezone if timezone is None else time_zone(timezone)
    readers = _make_readers(format, century, incomplete=incomplete is not None)
    formats = tuple(reader.format for reader in readers if reader.format is not None)
    is_plain = len(readers) == 1 and incomplete is None  # there is nothing to note
    read = readers[0].read

    def parse(value: object) -> date:
        if not isinstance(value, str) and not (_is_whole(value) and any(one.write for one in readers)):
            is_number = isinstance(value, int | Decimal) and not isinstance(value, bool)
            raise number_given(value) if is_number else wrong_kind("datetime", (str,), value)
        texts = [_text_for(reader, value) for reader in readers]
        for is_whole in (True, False) if incomplete is not None else (True,):
            for index, (reader, text) in enumerate(zip(readers, texts, strict=True)):
                found = None if text is None else (reader.read if is_whole else reader.complete)(text)
                if found is None:
                    continue
                context.used(formats, index)
                if not is_whole or reader.lacks_day:
                    # A day that was made up has no time of day: in UTC it would be another day.
                    found = found.date() if isinstance(found, datetime) else found
                    message = f"{quote_value(value)} is an incomplete date; {found.isoformat()} is used"
                    context.warn("incomplete-date", message)
                return found
        raise no_date(value, formats, incomplete=incomplete is not None)

    def convert(value: object) -> date:
        if is_plain and isinstance(value, str):
            found = read(value)
            if found is None:
                raise no_date(value, formats)
        else:
            found = value if isinstance(value, date) else parse(value)
        return localise(found, zone, context.warn) if isinstance(found, datetime) else found

    return convert


@dataclass(frozen=True, slots=True)
class _Reader:
    """How dates are read in one format (None: ISO): `read` gives None for a text that is none.

    `complete` reads one with a day, or a month and day, that is 00 or missing; `lacks_day` says that its
    format has no day. `write` is as `_number_writer` gives it.
    """

    format: str | None
    read: Callable[[str], date | None]
    complete: Callable[[str], date | None]
    lacks_day: bool = False
    write: Callable[[int | Decimal], str | None] | None = None


def _is_whole(value: object) -> bool:
    """Return whether a value is a number that has digits alone."""
    return isinstance(value, int | Decimal) and not isinstance(value, bool) and text_of(value).isdigit()


def _text_for(reader: _Reader, value: object) -> str | None:
    """Return the text that a format reads of a value, None if it reads none."""
    if isinstance(value, str):
        return value
    return reader.write(value) if reader.write is not None and isinstance(value, int | Decimal) else None


def _make_readers(format: str | list[str] | None, century: int | None, *, incomplete: bool) -> list[_Reader]:
    if format is None:
        if century is not None:
            raise ArgumentError("`century` needs a `format` with %y", CENTURY_UNUSED)
        return [_Reader(None, read_iso, first_day)]
    formats = [format] if isinstance(format, str) else format
    if not formats:
        raise ArgumentError("the list of formats is empty", "write at least one, such as %d/%m/%Y")
    is_used = len(formats) == 1 or any("%y" in one for one in formats)
    if century is not None and not is_used:
        raise ArgumentError("`century` has no effect on these formats", CENTURY_UNUSED)
    single = len(formats) == 1
    return [
        _format_reader(one, century if single or "%y" in one else None, incomplete=incomplete)
        for one in formats
    ]


def _format_reader(format: str, century: int | None, *, incomplete: bool) -> _Reader:
    """Return the reader of a format; it remembers odd texts: strptime is slow, most of all where it fails."""
    dated = not check_reading_format(format, century, incomplete=incomplete)
    quick, parse = fixed_reader(format, century), format_reader(format, century)
    fill = zero_completer(format)

    def find(text: str) -> datetime | None:
        if not text.isascii() and any(char.isdigit() and not char.isascii() for char in text):
            return None
        try:
            return parse(text)
        except (ValueError, OverflowError):
            return None

    known = Cache(find)

    def read(text: str) -> date | None:
        stripped = text.strip()
        found = quick(stripped) or known[stripped]
        return found.date() if dated and found is not None else found

    def complete(text: str) -> date | None:
        filled = fill(text.strip())
        return None if filled is None else read(filled)

    return _Reader(format, read, complete, not re.search("%[djUWV]", format), _number_writer(format))


_DIGITS = {"Y": 4, "G": 4, "j": 3, "u": 1, "w": 1} | dict.fromkeys("ymdHIMSUVW", 2)
"""Directive -> how many digits it has, of those that are digits alone, and always as many."""


def _number_writer(format: str) -> Callable[[int | Decimal], str | None] | None:
    """Return the function from a number to its text in a format of digits alone; None for other formats.

    A number has lost the zeros in front. They are put back, unless the year comes first: it has none. The
    text is None where the number has other digits.
    """
    parts = re.findall("%.|.", format, re.DOTALL)
    widths = [_DIGITS.get(part[1:], 0) if part[0] == "%" else int(part in "0123456789") for part in parts]
    if not all(widths):
        return None
    width, zeros = sum(widths), parts[0] not in ("%Y", "%G")

    def write(value: int | Decimal) -> str | None:
        text = text_of(value)
        text = text.zfill(width) if zeros else text
        return text if len(text) == width else None

    return write


def _parse_iso(value: str) -> date:
    found = read_iso(value)
    if found is not None:
        return found
    raise no_date(value, ())


def find_two_ways(first: str, second: str, century: int | None) -> str | None:
    """Return a text that two formats read as different dates; None if no typical date shows one."""
    readers = [
        _format_reader(one, century if "%y" in one else None, incomplete=True) for one in (first, second)
    ]
    for year, month, day in product((2011, 1910, 1201), (1, 2, 10, 12), (1, 3, 11, 12, 20)):
        for pattern in (first, second):
            text = date_writer(pattern)(datetime(year, month, day, 10, 11, 12, tzinfo=UTC))
            found = [reader.read(text) for reader in readers]
            if None not in found and found[0] != found[1]:
                return text
    return None


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
            raise ValueProblem("bad-date", f"{quote_value(value)} is not a serial number of a day in Excel")
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
