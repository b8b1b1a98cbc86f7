"""What the hand-written programs share: the loop over JSON Lines, values as Opus takes them, memory."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson

ADDRESS = re.compile(r"[^@\s]+@[^@\s]+\.[^@\s]+")
UTC_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
remember = lru_cache(maxsize=16_384)
"""A decorator: the function's last results are kept; bounded, as a source may have any number of rows."""


def map_lines(
    source: str,
    target: str,
    map_row: Callable[[Any], dict[str, object] | None],
    decode: Callable[[bytes], Any] = orjson.loads,
) -> tuple[int, int]:
    """Write the records of a JSON Lines file; return how many rows were mapped and how many refused.

    Args:
        source: the file to read.
        target: the file to write.
        map_row: returns a row's record, None for one that is to be left out.
        decode: returns the row of a line.
    """
    mapped = rejected = 0
    encode = orjson.dumps
    with Path(source).open("rb") as lines, Path(target).open("wb") as out:
        for line in lines:
            try:
                record = map_row(decode(line))
            except (ValueError, KeyError, TypeError):
                rejected += 1
                continue
            if record is not None:
                out.write(encode(record) + b"\n")
                mapped += 1
    return mapped, rejected


def split(text: str) -> list[str]:
    """Return the parts between semicolons, without the empty ones."""
    return [part.strip() for part in text.split(";") if part.strip()]


def bracketed(values: Iterable[str]) -> str | None:
    """Return a list as Opus takes it, each value once."""
    unique = dict.fromkeys(values)
    return "[" + ",".join(unique) + "]" if unique else None


def read_address(text: str) -> str:
    """Return an e-mail address, its domain in lower case."""
    if not ADDRESS.fullmatch(text):
        raise ValueError("no address")
    mailbox, _, domain = text.rpartition("@")
    return f"{mailbox}@{domain.lower()}"


def read_amount(text: str) -> int | float:
    """Return the number that a text such as 1,234.50 stands for."""
    number = float(text.replace(",", ""))
    return int(number) if number.is_integer() else number


def write_time(time: datetime) -> str:
    """Return a time as Opus takes it: in UTC."""
    return time.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")


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
