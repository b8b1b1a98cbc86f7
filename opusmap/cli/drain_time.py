"""How long sending takes, as `check` prints it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from opusmap.cli.terminal import write_result
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.report.drain_time import DrainTime, Estimate


LINES = 9
"""Lines that `print_drain_time` prints, at most."""


def print_estimate(estimate: Estimate) -> None:
    """Print how many requests it takes to send everything, and how long."""
    needed = counted(estimate.requests, "request")
    write_result(f"\nTo send all: {needed}, about {show_range(estimate.seconds)} ({estimate.basis})")


def print_drain_time(time: DrainTime) -> None:
    """Print how long it takes to send everything, under several limits where no run tells; and by what."""
    needed = f"{counted(time.records, 'record')}, {counted(time.requests, 'request')}"
    if time.pace is not None and time.seconds is not None:
        write_result(f"\nTo send all: {needed}, about {show_duration(time.seconds)}")
        write_result(
            f"  as run {time.pace.run}: {time.pace.requests:,.1f} requests a second, and of 100 requests "
            f"{time.pace.repeats:.0%}".replace("%", "")
            + " sent records again"
        )
    else:
        _print_limits(time, needed)
    known = "measured just now" if time.mapping_measured else "an assumption: too few rows to measure it"
    write_result(f"  mapping: {time.mapping:,.0f} rows a second in one process ({known})")


def _print_limits(time: DrainTime, needed: str) -> None:
    from opusmap.report.drain_time import IN_FLIGHT, LATENCIES

    write_result(f"\nTo send all: {needed}; how long depends on how many requests a second Opus takes")
    rows = [
        (
            f"{one.allowed:,.0f} a second",
            show_range(one.seconds),
            "the same" if one.seconds_enough == one.seconds else show_range(one.seconds_enough),
            " to ".join(dict.fromkeys(map(str, one.enough))),
        )
        for one in time.limited
    ]
    titles = ("if Opus takes", f"{IN_FLIGHT} in flight", "enough in flight", "--concurrency")
    widths = [max(map(len, cells)) for cells in zip(titles, *rows, strict=True)]
    for cells in (titles, *rows):
        line = "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True))
        write_result(f"  {line.rstrip()}")
    quick, slow = LATENCIES
    write_result(
        f"  assumed, because no run over this connection tells: an answer takes {quick:g} to {slow:g} s, one "
        "process sends, and after a 429 it waits 1 s"
    )


def show_range(seconds: tuple[float, float]) -> str:
    """Return a range of durations, with their unit once if it is the same."""
    quick, slow = map(show_duration, seconds)
    if quick == slow:
        return slow
    same_unit = quick.partition(" ")[2].rstrip("s") == slow.partition(" ")[2].rstrip("s")
    return f"{quick.partition(' ')[0] if same_unit else quick} to {slow}"


_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def show_duration(seconds: float) -> str:
    """Return a duration in the unit that suits it."""
    if seconds < 2 * _MINUTE:
        return counted(max(1, round(seconds)), "second")
    if seconds < 2 * _HOUR:
        return counted(round(seconds / _MINUTE), "minute")
    return f"{seconds / _HOUR:,.1f} hours" if seconds < 2 * _DAY else f"{seconds / _DAY:,.1f} days"
