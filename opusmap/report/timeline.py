"""A run's timeline: requests, retries, records and answer times, in a bounded number of equal spans.

Owns the spans. It sees each request once; however long a run, it keeps the same few numbers.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import astuple, dataclass
from typing import Any

SPANS = 120
"""Spans at most; when a run outgrows them, two become one."""
FEWEST_SPANS = 5
"""Spans from which a page shows charts: one bar or two show nothing that the totals don't."""


@dataclass(slots=True)
class Span:
    """What happened in one span of time.

    `records` are those that Opus dealt with, `seconds` all answer times together, `slowest` the longest.
    """

    requests: int = 0
    retries: int = 0
    records: int = 0
    seconds: float = 0.0
    slowest: float = 0.0

    def add(self, other: Span) -> None:
        """Take in another span."""
        self.requests += other.requests
        self.retries += other.retries
        self.records += other.records
        self.seconds += other.seconds
        self.slowest = max(self.slowest, other.slowest)


class Timeline:
    """Gathers a run's spans, each `step` seconds long, from the moment it is made."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.step = 1.0
        self.spans: list[Span] = []
        self._clock = clock
        self._began = clock()
        self._records = 0

    def note_request(self, seconds: float, *, again: bool) -> None:
        """Note that a request has ended after so many seconds; `again`: its records were sent before."""
        self._now().add(Span(requests=1, retries=int(again), seconds=seconds, slowest=seconds))

    def note_records(self, total: int) -> None:
        """Note how many records Opus has dealt with so far in all."""
        if total > self._records:
            self._now().add(Span(records=total - self._records))
            self._records = total

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; `read_timeline` reads it."""
        rounded = [
            [round(part, 3) if isinstance(part, float) else part for part in astuple(span)]
            for span in self.spans
        ]
        return {"step": self.step, "spans": rounded}

    def _now(self) -> Span:
        place = int(max(0.0, self._clock() - self._began) / self.step)
        while place >= SPANS:
            self._halve()
            place //= 2
        self.spans += [Span() for _ in range(place + 1 - len(self.spans))]
        return self.spans[place]

    def _halve(self) -> None:
        for place, span in enumerate(self.spans):
            if place % 2:
                self.spans[place // 2].add(span)
            else:
                self.spans[place // 2] = span
        del self.spans[(len(self.spans) + 1) // 2 :]
        self.step *= 2


def read_timeline(plain: Mapping[str, Any]) -> tuple[float, tuple[Span, ...]]:
    """Return a timeline's step in seconds and its spans, as `Timeline.as_json` wrote them."""
    return float(plain.get("step", 1.0)), tuple(Span(*parts) for parts in plain.get("spans", ()))
