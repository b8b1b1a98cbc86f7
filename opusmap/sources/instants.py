"""Dates and times counted from 1970, of any year: Python's own end with the years 1 and 9999.

Owns how a date beyond those is written: as a text, with the year in as many digits as it takes, and a minus
for years before 1 BC (which is the year 0), as ISO 8601 counts them.
"""

from __future__ import annotations

from datetime import date, datetime, timedelta, tzinfo

__all__ = ["read_date", "read_time"]

_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - a zone is the caller's
_CYCLE_YEARS, _CYCLE_DAYS = 400, 146_097
"""After so many years, of so many days, the calendar begins again."""
_DAY_MICROSECONDS = 86_400_000_000


def read_date(days: int) -> date | str:
    """Return the day so many days after 1970-01-01; the text of one that no `date` can be.

    >>> read_date(19_905)
    datetime.date(2024, 7, 1)
    >>> read_date(10_000_000)
    '29349-01-26'
    >>> read_date(-735_000)
    '-0043-08-22'
    """
    try:
        return _EPOCH.date() + timedelta(days=days)
    except OverflowError:
        cycles, rest = divmod(days, _CYCLE_DAYS)
        day = _EPOCH.date() + timedelta(days=rest)
        year = day.year + cycles * _CYCLE_YEARS
        return f"{year:0{5 if year < 0 else 4}}-{day.month:02}-{day.day:02}"


def read_time(microseconds: int, zone: tzinfo | None = None) -> datetime | str:
    """Return the time so many microseconds after 1970, of a zone if given; the text of one that can't be.

    >>> read_time(2**62)
    '148108-07-06 14:00:27.387904'
    """
    try:
        return (_EPOCH + timedelta(microseconds=microseconds)).replace(tzinfo=zone)
    except OverflowError:
        days, rest = divmod(microseconds, _DAY_MICROSECONDS)
        time = (_EPOCH + timedelta(microseconds=rest)).time()
        return f"{read_date(days)} {time.isoformat()}" + ("" if zone is None else "+00:00")
