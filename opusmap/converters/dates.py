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

from opusmap.converters.numbers import parse_number
from opusmap.converters.registry import ArgumentError, Context, converter, wrong_kind
from opusmap.diagnostics import quote_value
from opusmap.errors import ValueProblem

__all__ = [
    "datetime_",
    "excel_date",
    "fiscal_year",
    "format_date",
    "format_datetime",
    "localise",
    "only_date",
    "time_zone",
    "unix_time",
]

_TIME_DIRECTIVE = re.compile(r"%[HIMSpfXcTRz]")
_FORMAT_LIMIT = 100
"""Characters of a format at most."""


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
    raise ArgumentError(f"there is no time zone {quote_value(name)}; use a name such as Europe/Berlin or UTC")


def localise(time: datetime, zone: tzinfo | None, warn: Callable[[str, str], None]) -> datetime:
    """Return an aware time, in the mapping's zone where there is one.

    A local time that daylight saving skips is a problem; one that it repeats means the first of the
    two, with a warning.
    """
    if time.tzinfo is not None:
        return time if zone is None else time.astimezone(zone)
    if zone is None:
        help_text = "set `timezone:` in the mapping to the zone of the source's times"
        raise ValueProblem(
            "no-timezone", f"the time {time.isoformat(sep=' ')} carries no time zone", help_text
        )
    aware = time.replace(tzinfo=zone)
    if zone is not UTC:
        if aware.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != time:
            message = f"the local time {time.isoformat(sep=' ')} does not exist: clocks went forward"
            raise ValueProblem("skipped-time", message, "correct it in the source")
        if aware.utcoffset() != aware.replace(fold=1).utcoffset():
            warn(
                "repeated-time", f"the local time {time.isoformat(sep=' ')} exists twice; the first is taken"
            )
    return aware


@converter(
    name="datetime",
    prepared=True,
    examples={
        "'2024-01-31T10:00:00Z' | datetime": datetime(2024, 1, 31, 10, tzinfo=UTC),
        "'31/01/2024 10:00' | datetime('%d/%m/%Y %H:%M', timezone='UTC')": datetime(
            2024, 1, 31, 10, tzinfo=UTC
        ),
        "'31.01.2024' | datetime('%d.%m.%Y')": date(2024, 1, 31),
    },
)
def datetime_(
    format: str | None = None,
    timezone: str | None = None,
    *,
    context: Context,
) -> Callable[[object], date]:
    """Read a date, or a date and time; ISO without `format`, else as Python's strptime does.

    `timezone` is the zone of times that name none (the mapping's by default).
    """
    zone = context.timezone if timezone is None else time_zone(timezone)
    if format is not None:
        _check_format(format)
    dated = format is not None and not _TIME_DIRECTIVE.search(format)

    def convert(value: object) -> date:
        if isinstance(value, datetime):
            return localise(value, zone, context.warn)
        if isinstance(value, date):
            return value
        if not isinstance(value, str):
            raise wrong_kind("datetime", (str,), value)
        found = _parse_iso(value) if format is None else _parse_format(value, format, dated=dated)
        return localise(found, zone, context.warn) if isinstance(found, datetime) else found

    return convert


def _check_format(format: str) -> None:
    try:
        datetime.strptime("", format)  # noqa: DTZ007 - only the format is tried
    except ValueError as error:
        if "does not match" not in str(error):
            raise ArgumentError(f"the format {quote_value(format)} is not one: {error}") from None
    except re.error as error:
        raise ArgumentError(f"the format {quote_value(format)} is not one: {error}") from None
    if len(format) > _FORMAT_LIMIT or "%" not in format:
        raise ArgumentError(f"the format {quote_value(format)} names no part of a date, such as %d/%m/%Y")
    if "%c" in format or "%x" in format or "%X" in format:
        raise ArgumentError("%c, %x and %X differ from machine to machine; write the parts out")


_DATE_LENGTH = len("2024-01-31")


def _parse_iso(value: str) -> date:
    text = value.strip()
    try:
        if len(text) == _DATE_LENGTH:
            return date.fromisoformat(text)
        return datetime.fromisoformat(text)
    except ValueError:
        message = (
            f"{quote_value(value)} is not an ISO date or time such as 2024-01-31 or 2024-01-31T18:15:00Z"
        )
        raise ValueProblem("bad-date", message, 'say how it is written: `format: "%d/%m/%Y"`') from None


def _parse_format(value: str, format: str, *, dated: bool) -> date:
    text = value.strip()
    if text.isascii() or not any(char.isdigit() and not char.isascii() for char in text):
        try:
            found = datetime.strptime(text, format)  # noqa: DTZ007 - localised by the caller
        except (ValueError, OverflowError):
            pass
        else:
            return found.date() if dated else found
    raise ValueProblem(
        "bad-date",
        f"{quote_value(value)} is not a date and time like {format}",
        "mend the source or the format",
    )


@converter(
    name="date",
    examples={
        "'2024-01-31T18:15:00Z' | datetime | date": date(2024, 1, 31),
        "'2024-01-31' | date": date(2024, 1, 31),
    },
)
def only_date(value: str | date) -> date:
    """Take the date of a time, or read an ISO date."""
    if isinstance(value, datetime):
        return value.date()
    found = value if isinstance(value, date) else _parse_iso(value)
    return found.date() if isinstance(found, datetime) else found


_EPOCHS = {1900: datetime(1899, 12, 30), 1904: datetime(1904, 1, 1)}  # noqa: DTZ001 - Excel's days have no zone
_EXCEL_DAYS = 2_958_466
_EXCEL_FIRST = 61
"""Excel's 1900 system has a 29 February 1900 that never was: days before 1 March 1900 are off by one."""


@converter(
    prepared=True,
    examples={"'45322' | excel_date": date(2024, 1, 31), "45322 | excel_date": date(2024, 1, 31)},
)
def excel_date(system: Literal[1900, 1904] = 1900, *, context: Context) -> Callable[[object], date]:
    """Read Excel's serial number of a day (and time of day), in the 1900 or the 1904 date system."""

    def convert(value: object) -> date:
        serial = parse_number(value)
        if not 0 <= serial < _EXCEL_DAYS:
            raise ValueProblem("bad-date", f"{quote_value(value)} is not a serial number of Excel's days")
        days = int(serial)
        epoch = _EPOCHS[system]
        if system == 1900 and days < _EXCEL_FIRST:  # noqa: PLR2004 - the system's own name
            epoch += timedelta(days=1)
        moment = epoch + timedelta(days=days, seconds=round((serial - days) * 86_400))
        return moment.date() if serial == days else localise(moment, context.timezone, context.warn)

    return convert


@converter(prepared=True, examples={"'1706724000' | unix_time": datetime(2024, 1, 31, 18, tzinfo=UTC)})
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


@converter(examples={"'2024-01-31' | date | format_date('%d.%m.%Y')": "31.01.2024"})
def format_date(value: date, format: str = "%Y-%m-%d") -> str:
    """Write a date or time as text, as Python's strftime does."""
    if len(format) > _FORMAT_LIMIT:
        raise ValueProblem("wrong-value", f"a format has at most {_FORMAT_LIMIT} characters")
    return format_datetime(value, format)


def format_datetime(value: date, format: str) -> str:
    """Write a date or time; years before 1000 have four digits on every system."""
    if value.year < 1000:  # noqa: PLR2004 - glibc's strftime writes the year 850 as "850"
        year = f"{value.year:04}"
        return value.strftime(re.sub("%(.)", lambda part: year if part[1] == "Y" else part[0], format))
    return value.strftime(format)
