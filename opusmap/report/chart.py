"""Small bar charts of a timeline, as plain numbers that a template draws.

Owns the geometry: where bars, gridlines and labels are in a box of `WIDTH` by `HEIGHT`.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from opusmap.report.timeline import Span

WIDTH, HEIGHT = 720, 132
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 8, 10, 24
_BASE = HEIGHT - _BOTTOM


@dataclass(frozen=True, slots=True)
class Bar:
    """One bar, with what it says in words."""

    x: float
    y: float
    width: float
    height: float
    words: str


@dataclass(frozen=True, slots=True)
class Label:
    """A number beside an axis, and its position along it."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart: its title, the bars (`behind` are paler ones), the labels of both axes, and a summary."""

    title: str
    summary: str
    bars: tuple[Bar, ...]
    behind: tuple[Bar, ...]
    values: tuple[Label, ...]
    times: tuple[Label, ...]


def draw_charts(step: float, spans: Sequence[Span]) -> tuple[Chart, ...]:
    """Return the charts of a run: records a second, answer times, and requests sent again if any were."""
    if not spans:
        return ()
    rates = [span.records / step for span in spans]
    means = [span.seconds / span.requests if span.requests else 0.0 for span in spans]
    slowest = [span.slowest for span in spans]
    retries = [float(span.retries) for span in spans]
    busiest, answers = max(rates), sum(span.requests for span in spans)
    mean = sum(span.seconds for span in spans) / answers if answers else 0.0
    charts = (
        _draw("Records a second", f"at most {busiest:,.0f} a second", step, rates, _say_rate),
        _draw(
            "Answer times: mean, and the slowest behind it",
            f"{_say_seconds(mean)} on average, {_say_seconds(max(slowest))} at most",
            step,
            means,
            _say_seconds,
            slowest,
        ),
    )
    if not any(retries):
        return charts
    return *charts, _draw("Requests sent again", f"{sum(retries):,.0f} in all", step, retries, _say_rate)


def _draw(
    title: str,
    summary: str,
    step: float,
    heights: Sequence[float],
    say: Callable[[float], str],
    behind: Sequence[float] = (),
) -> Chart:
    top = _round_up(max(*heights, *behind, 0.0))
    values = tuple(
        Label(_BASE - (_BASE - _TOP) * part, say(top * part) if part else "0")
        for part in (0.0, 0.5, 1.0)
        if part in (0.0, 1.0) or say is _say_seconds or float(top * part).is_integer()
    )
    return Chart(
        title,
        summary,
        _bars(heights, top, step, say),
        _bars(behind, top, step, say),
        values,
        tuple(_times(step * len(heights))),
    )


def _times(length: float) -> Iterator[Label]:
    """Yield labels of the time axis at round times, some four to eight of them."""
    apart = next((each for each in _APART if length / each <= 8), length / 4)  # noqa: PLR2004 - labels
    for place in range(int(length / apart) + 1):
        at = _LEFT + (WIDTH - _LEFT - _RIGHT) * place * apart / length
        yield Label(round(at, 2), say_duration(place * apart))


_APART = (0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 28800, 86400)
"""Seconds between labels of the time axis."""


def _bars(heights: Sequence[float], top: float, step: float, say: Callable[[float], str]) -> tuple[Bar, ...]:
    if not heights:
        return ()
    width = (WIDTH - _LEFT - _RIGHT) / len(heights)
    gap = min(1.0, width / 5)
    return tuple(
        Bar(
            x=round(_LEFT + place * width, 2),
            y=round(_BASE - (_BASE - _TOP) * height / top, 2),
            width=round(width - gap, 2),
            height=round((_BASE - _TOP) * height / top, 2),
            words=f"after {say_duration(step * place)}: {say(height)}",
        )
        for place, height in enumerate(heights)
        if height > 0
    )


def _round_up(value: float) -> float:
    """Return the next of 1, 2, 5, 10, 20 … (or parts of 1), so that the axis has plain numbers."""
    if value < sys.float_info.min:  # a power of ten so small is 0
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(step * power for step in (1, 2, 5, 10) if step * power >= value * (1 - 1e-9))


def _say_rate(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"  # noqa: PLR2004 - digits


def _say_seconds(value: float) -> str:
    return f"{value:,.1f} s" if value >= 1 else f"{value * 1000:,.0f} ms"


def say_duration(seconds: float) -> str:
    """Return a length of time in words: `40 s`, `12 min`, `3 h 20 min`."""
    if seconds < 10:  # noqa: PLR2004 - digits
        return f"{seconds:.1f} s" if seconds != int(seconds) else f"{seconds:.0f} s"
    whole = round(seconds)
    hours, minutes = divmod(whole // 60, 60)
    if hours:
        return f"{hours} h {minutes} min" if minutes else f"{hours} h"
    if minutes:
        return f"{minutes} min {whole % 60} s" if whole % 60 else f"{minutes} min"
    return f"{whole} s"
