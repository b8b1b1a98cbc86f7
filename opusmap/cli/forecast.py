"""What `check` prints beyond the rejects: what sending the source would meet."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from opusmap.errors import OpusmapError

if TYPE_CHECKING:
    from opusmap.report import Forecast, Pace
    from opusmap.run.open import Work

__all__ = ["earlier_pace", "print_forecast"]

VALUES_SHOWN, COLUMNS_SHOWN = 20, 40


def earlier_pace(work: Work) -> Pace | None:
    """Return the pace of the mapping's latest run against a real Opus, as its journal tells, or None."""
    from opusmap.journal import Journal
    from opusmap.report import find_pace
    from opusmap.settings import locate_journal

    try:
        path = locate_journal({}, os.environ, Path(work.mapper.spec.path).parent)
        if not path.is_file():
            return None
        with Journal.open(path, write=False) as journal:
            return find_pace(journal.runs(), work.mapper.connection.id)
    except OpusmapError:  # a journal in use, or settings with a mistake, are no business of `check`
        return None


def print_forecast(forecast: Forecast) -> None:
    """Print what is foreseen; nothing where there is nothing to tell."""
    from opusmap.cli.output import print_table

    shown = forecast.unmatched[:VALUES_SHOWN]
    print_table(
        "Values that are no option",
        ("rows", "column", "value", "nearest option", "first rows"),
        [(f"{one.count:,}", one.column, one.value, one.nearest, _rows(one.rows, one.count)) for one in shown],
        _rest(len(forecast.unmatched) - len(shown), forecast.more_unmatched),
    )
    keys = forecast.repeated[:VALUES_SHOWN]
    print_table(
        "Row keys that another row has already",
        ("rows", "key", "first rows"),
        [(f"{one.count:,}", one.key, _rows(one.rows, one.count)) for one in keys],
        _rest(len(forecast.repeated) - len(keys), forecast.more_repeated),
    )
    print_table(
        "Dates after today or before 1600: is the century right?",
        ("rows", "column", "dates", "first", "farthest", "first rows"),
        [
            (
                f"{one.count:,}",
                one.column,
                one.kind.replace("-", " "),
                one.example,
                one.farthest,
                _rows(one.rows, one.count),
            )
            for one in forecast.dates[:COLUMNS_SHOWN]
        ],
        _rest(len(forecast.dates) - COLUMNS_SHOWN, 0),
    )
    for title, cells in (
        ("Empty cells, by source column", forecast.source),
        ("Records without a value, by column of Opus", forecast.target),
    ):
        some = [one for one in cells if one.empty]
        print_table(
            title,
            ("rows", "share", "column"),
            [(f"{one.empty:,}", _share(one.rate), one.column) for one in some[:COLUMNS_SHOWN]],
            _rest(len(some) - COLUMNS_SHOWN, 0),
        )
    _print_estimate(forecast)


def _print_estimate(forecast: Forecast) -> None:
    from opusmap.cli.terminal import write_result

    estimate = forecast.estimate
    if not estimate.requests:
        return
    quick, slow = estimate.seconds
    time = _duration(slow) if quick == slow else f"{_duration(quick)} to {_duration(slow)}"
    needed = f"{estimate.requests:,} request" + ("" if estimate.requests == 1 else "s")
    write_result(f"\nTo send all: {needed}, about {time} ({estimate.basis})")


def _rows(rows: Sequence[int], count: int) -> str:
    return ", ".join(map(str, rows)) + (" …" if count > len(rows) else "")


def _rest(values: int, rows: int) -> str:
    more = [f"{values:,} more"] if values > 0 else []
    more += [f"others in {rows:,} rows, not counted each for itself"] if rows else []
    return "and " + ", and ".join(more) if more else ""


def _share(rate: float) -> str:
    return "< 1 %" if 0 < rate < 0.01 else f"{rate:.0%}".replace("%", " %")  # noqa: PLR2004 - a hundredth


_MINUTE, _HOUR = 60, 3_600


def _duration(seconds: float) -> str:
    """Return a time as a person says it."""
    if seconds < 1:
        return "1 s"
    if seconds < 2 * _MINUTE:
        return f"{seconds:,.0f} s"
    return f"{seconds / _MINUTE:,.0f} min" if seconds < 2 * _HOUR else f"{seconds / _HOUR:,.1f} h"
