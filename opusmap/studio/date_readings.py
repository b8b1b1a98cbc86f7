"""How the dates of a source column may be read: each format beside real cells, and whether data decide.

Where day and month may be swapped and no number is over 12, only a person can know which is meant.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice
from typing import Any

from opusmap.compiler.mapping_checks import is_placeholder
from opusmap.converters.date_shapes import swap_day_and_month
from opusmap.converters.datetime_fastpath import read_iso, time_reader
from opusmap.profile import ColumnProfile

_CELLS, _READINGS = 4, 6


@dataclass(frozen=True, slots=True)
class DateReading:
    """One way to read a column's dates.

    Attributes:
        format: as the mapping's `format` takes it; empty for ISO, which needs none.
        words: what comes first, in words.
        fits: the cells that it reads.
        dates: for each of the cells shown what it reads there; empty where it reads none.
    """

    format: str
    words: str
    fits: int
    dates: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DateReadings:
    """All ways to read a column's dates, the one that fits most first.

    Attributes:
        cells: some of the column's texts, first those that the ways read differently.
        count: the cells that were tried.
        ways: the readings.
        ambiguous: whether two ways, which swap day and month, read all cells alike well.
        undecided: what the mapping's `format` is until the owner of the data has said which.
    """

    cells: tuple[str, ...]
    count: int
    ways: tuple[DateReading, ...]
    ambiguous: bool
    undecided: str = ""


def read_dates(profile: ColumnProfile, values: Iterable[Any], stated: Sequence[str] = ()) -> DateReadings:
    """Return how a column's dates may be read.

    Args:
        profile: the column's profile, which knows the formats.
        values: its cells; a cell that is not a text is a date already.
        stated: the formats that the mapping has.
    """
    texts = [text for value in values if isinstance(value, str) and (text := value.strip())]
    found: dict[str, None] = dict.fromkeys(one for one in stated if not is_placeholder(one))
    for one in profile.dates:
        found |= dict.fromkeys(filter(None, (one.pattern, swap_day_and_month(one.pattern or ""))))
    if any(one.pattern is None for one in profile.dates):
        found[""] = None
    readers = {one: time_reader(one) if one else read_iso for one in islice(found, _READINGS)}
    fits = {pattern: sum(read(text) is not None for text in texts) for pattern, read in readers.items()}
    best = profile.dates[0] if profile.dates else None
    swapped = None if best is None else best.swapped
    cells = _cells(texts, list(readers.values()))
    ways = tuple(
        DateReading(pattern, _say(pattern), fits[pattern], tuple(map(_shown, map(readers[pattern], cells))))
        for pattern in sorted(readers, key=lambda one: -fits[one])
    )
    undecided = "" if best is None or swapped is None else f"TODO: {best.pattern} or {swapped}"
    return DateReadings(cells, len(texts), ways, swapped is not None, undecided)


def _cells(texts: Sequence[str], readers: Sequence[Callable[[str], date | None]]) -> tuple[str, ...]:
    """Return some texts, those first that are read in most ways."""
    distinct = list(dict.fromkeys(texts))
    different = {text: len({read(text) for read in readers}) for text in distinct[:_TRIED]}
    return tuple(sorted(different, key=lambda text: -different[text])[:_CELLS])


_TRIED = 200


def _say(pattern: str) -> str:
    """Return what comes first in a format."""
    parts = re.findall("%([dmbBYy])", pattern)
    first = parts[0] if parts else ""
    if not pattern:
        return "ISO: year, month, day"
    if first == "d":
        return "day first"
    return "year first" if first in "Yy" else "month first"


def _shown(day: date | None) -> str:
    if day is None:
        return ""
    time = f"{day:%H:%M}" if isinstance(day, datetime) else "00:00"
    return f"{day.day} {day:%b} {day.year}" + (f", {time}" if time != "00:00" else "")
