"""What the tuned programs share: functions that remember what they were given, and times that are cut."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

__all__ = ["cut_utc_time", "local_times", "remember"]

UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
remember = lru_cache(maxsize=16_384)
"""A decorator: the function's last results are kept; bounded, as a source may have any number of rows."""


def cut_utc_time(text: str) -> str | None:
    """Return a time such as 2024-06-30T23:58:39Z as Opus takes it, None for other forms.

    Raises:
        ValueError: the day or the clock does not exist.
    """
    if UTC_TIME.fullmatch(text) is None:
        return None
    datetime.fromisoformat(text)
    return f"{text[:10]} {text[11:19]}"


def local_times(
    parse: Callable[[str], str], zone: ZoneInfo, day_format: str, clock_format: str
) -> Callable[[str], str]:
    """Return a function that gives what `parse` gives, with days and clocks remembered.

    Args:
        parse: turns a time of the zone into UTC, as Opus takes it; anything unusual is left to it.
        zone: the time zone.
        day_format: of what is before the first space.
        clock_format: of what is behind it.
    """

    @remember
    def read_day(text: str) -> tuple[timedelta | None, list[str]] | None:
        """Return the offset, and in UTC the day before, the day and the next; None if the clocks change."""
        midnight = datetime.strptime(text, day_format).replace(tzinfo=zone)
        offset = midnight.utcoffset()
        if midnight.replace(hour=23, minute=59).utcoffset() != offset:
            return None
        return offset, [f"{midnight + timedelta(days=step):%Y-%m-%d }" for step in (-1, 0, 1)]

    @remember
    def read_clock(text: str, offset: timedelta) -> tuple[int, str]:
        """Return which of the three days it is in UTC, and the clock there."""
        moved = datetime.strptime("2000-01-02 " + text, "%Y-%m-%d " + clock_format) - offset  # noqa: DTZ007 - a clock
        return moved.day - 1, f"{moved:%H:%M:%S}"

    def read(text: str) -> str:
        day, _, clock = text.partition(" ")
        try:
            found = read_day(day)
            if found is None:
                return parse(text)
            offset, days = found
            step, utc = read_clock(clock, offset)
        except ValueError:
            return parse(text)
        return days[step] + utc

    return read
