"""The line that shows how long work goes on: rows, records, requests, rate, retries, why it waits, time left.

One line, whatever the terminal's width: what fits is shown, the most telling first. Nothing on a pipe.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from opusmap.cli.logs import logs_as_json
from opusmap.cli.terminal import make_console
from opusmap.wording import counted, one_line

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from opusmap.report import Report
    from opusmap.sources import Source

_A_SECOND = 4
"""How often the line is drawn."""

_WHY, _WORTH_READING = 0, 16
"""The rank of why it waits, and how many characters of that are worth showing."""

_MINUTE, _HOUR = 60, 3_600
_SPINNER = "|/-\\"


@contextmanager
def progress_line(title: str, source: Source | None, *, quiet: bool) -> Iterator[Callable[[Report], None]]:
    """Show totals during work; yield the function that takes them. Without a terminal, show nothing."""
    if quiet or logs_as_json() or not sys.stderr.isatty():
        yield lambda _report: None
        return
    from rich.live import Live

    from opusmap.run.time_left import count_rows

    line = _Line(title, source, None if source is None else count_rows(source))
    with Live(line, console=make_console(stderr=True), transient=True, refresh_per_second=_A_SECOND):
        yield line.show


@dataclass
class _Line:
    """What is shown. `total` is the number of rows, where it is known."""

    title: str
    source: Source | None
    total: int | None
    began: float = field(default_factory=time.monotonic)
    report: Report | None = None

    def show(self, report: Report) -> None:
        """Take the latest totals; they are drawn when it is time."""
        self.report = report

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        elapsed = time.monotonic() - self.began
        mark = _SPINNER[int(elapsed * _A_SECOND) % len(_SPINNER)]
        parts = [] if self.report is None else _parts(self.report, elapsed, self._share())
        text = _fitted(f"{mark} {self.title}", parts, options.max_width - 1)
        yield Text(text, no_wrap=True, overflow="ellipsis", end="")

    def _share(self) -> float | None:
        from opusmap.run.time_left import find_share

        report = self.report
        if report is None or self.source is None:
            return None if report is None or not report.mapped else 1 - report.not_sent / report.mapped
        return find_share(self.source, self.total, report.read)


def _parts(report: Report, elapsed: float, share: float | None) -> list[tuple[int, str]]:
    """Return the parts of the line in order, each with its rank: the highest is left out first."""
    done = "" if share is None else f" ({share:.0%})"
    rows, shared = report.read, report.shared
    if shared is None:
        parts = [(1, f"{rows:,} rows{done}")]
    else:
        rows = report.mapped - report.not_sent
        parts = [
            (1, f"{rows:,} of {report.mapped:,} records{done}"),
            (3, f"parts: {shared.done} done, {shared.leased} leased, {shared.free} free"),
            (4, counted(shared.processes, "process", "processes")),
        ]
    if report.rejected:
        parts.append((3, f"{report.rejected:,} rejected"))
    if report.requests or report.concurrency:
        parts += [(5, counted(report.submitted, "record")), (4, counted(report.requests, "request"))]
        parts += [(6, f"{report.retries:,} retries")] if report.retries else []
        parts += [(8, f"{report.concurrency} at a time")] if report.concurrency else []
    if report.waiting:
        parts.append((_WHY, one_line(report.waiting)))
    rate = rows / elapsed if elapsed else 0.0
    parts.append((7, f"{rate:,.0f} rows/s"))
    parts.append((2, _time(elapsed, share)))
    return parts


def _time(elapsed: float, share: float | None) -> str:
    from opusmap.run.time_left import guess_seconds_left

    left = guess_seconds_left(elapsed, share)
    return _clock(elapsed) if left is None else f"{_clock(left)} left"


def _clock(seconds: float) -> str:
    whole = int(seconds)
    hours = f"{whole // _HOUR}:{whole % _HOUR // _MINUTE:02}" if whole >= _HOUR else str(whole // _MINUTE)
    return f"{hours}:{whole % _MINUTE:02}"


def _fitted(head: str, parts: list[tuple[int, str]], width: int) -> str:
    """Return the line with as many parts as fit, the least telling left out."""
    kept = list(parts)
    while kept:
        line = f"{head}: " + ", ".join(text for _, text in kept)
        if len(line) <= width:
            return line
        if len(kept) == 1 and kept[0][0] == _WHY and width > len(head) + _WORTH_READING:
            return line[: width - 1] + "…"
        kept.remove(max(kept))
    return head[: max(0, width)]
