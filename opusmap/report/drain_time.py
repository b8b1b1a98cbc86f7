"""How long it takes to send so many records, by what holds a run back; no run is needed to know it.

Without a limit, requests in flight keep one place each for as long as an answer takes, and share one core for
what a request costs there (Little's law; a closed queueing network by mean value analysis). Under a limit,
Opus takes what it allows, less what the adaptive `ConcurrencyLimit` leaves unused while it feels its way back
after a refusal: that limit itself is run on a virtual clock to see how much.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import lru_cache
from typing import Any, Literal, TypeAlias

from opusmap.delivery.rate_limit import ConcurrencyLimit
from opusmap.journal import Run
from opusmap.opus import BATCH_SIZE

Bound: TypeAlias = Literal["requests in flight", "this machine", "mapping", "Opus"]
"""What holds a run back."""

LATENCIES = 0.2, 1.0
"""Seconds that an answer may take, from quick to slow, where no earlier run tells: an assumption."""

ALLOWED = 1.0, 5.0, 20.0, 100.0
"""Requests a second that Opus may take, where no earlier run tells: assumptions. Opus documents no number."""

IN_FLIGHT = 8
"""Requests in flight that `submit` has at most, without `--concurrency`."""

MOST_IN_FLIGHT = 128
"""Requests in flight that one process may have."""

MAPPING_RATE = 20_000.0
"""Rows a second that one process maps, where too few rows tell: 50 µs a row (docs/performance.md)."""

REQUEST_CPU = 0.0015
"""Seconds of one core for each request, over httpx and with the journal on a disk (docs/performance.md)."""

COMMIT = 0.005
"""Seconds until a commit of the journal is on a disk, about: what a request waits for before it is sent."""

HOLD, SAVED = 1.0, 1.0
"""Seconds that a refusal asks to wait, and how many seconds' worth of unused requests Opus still grants."""

_ENOUGH = 20
"""Requests of a run from which on its pace tells something."""


@dataclass(frozen=True, slots=True)
class Conditions:
    """What a run meets.

    Attributes:
        latency: seconds that an answer takes.
        allowed: requests a second that Opus takes of all processes; None where it takes any number.
        in_flight: requests in flight at most, of each process.
        processes: how many processes send, each with a core.
        mapping: rows a second that a process maps; None where that holds nothing back.
        repeats: the share of requests that send again what was sent, for other reasons than the limit.
        commit: seconds until the journal has on its disk what a request is about to send.
    """

    latency: float
    allowed: float | None = None
    in_flight: int = IN_FLIGHT
    processes: int = 1
    mapping: float | None = None
    repeats: float = 0.0
    commit: float = COMMIT


@dataclass(frozen=True, slots=True)
class Pace:
    """Requests a second that an earlier run settled its records with, and that run's number.

    `repeats` is the share of its requests that sent records again.
    """

    requests: float
    run: int
    repeats: float = 0.0


@dataclass(frozen=True, slots=True)
class Estimate:
    """Requests that sending everything takes, and the time, quick and slow; `basis` says why."""

    requests: int
    seconds: tuple[float, float]
    basis: str


@dataclass(frozen=True, slots=True)
class LimitedTime:
    """The time where Opus takes `allowed` requests a second.

    `seconds` are the fewest and the most for `LATENCIES`, with `IN_FLIGHT` requests in flight;
    `seconds_enough` the same with as many in flight as use the limit up: `enough`.
    """

    allowed: float
    seconds: tuple[float, float]
    enough: tuple[int, int]
    seconds_enough: tuple[float, float]


@dataclass(frozen=True, slots=True)
class DrainTime:
    """How long it takes to send so many records.

    By the `pace` of an earlier run, that is `seconds`; without one, they are None and `limited` has the time
    under each of several limits. `mapping` is how many rows a second one process maps; `mapping_measured`:
    that is known of this mapping.
    """

    records: int
    requests: int
    mapping: float
    mapping_measured: bool
    pace: Pace | None = None
    seconds: float | None = None
    limited: tuple[LimitedTime, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data, with what is assumed where no run tells."""
        assumed = {"latency": LATENCIES, "in_flight": IN_FLIGHT, "hold": HOLD, "request_cpu": REQUEST_CPU}
        return {**asdict(self), "assumed": None if self.pace else assumed}


def find_rate(conditions: Conditions) -> tuple[float, Bound]:
    """Return how many requests a second settle their records, and what holds them back.

    >>> find_rate(Conditions(latency=0.2, allowed=5.0))
    (5.0, 'Opus')
    """
    sending, bound = _find_sending_rate(conditions)
    rate = sending * conditions.processes
    if conditions.allowed is not None and conditions.allowed < rate:
        each = conditions.allowed / conditions.processes
        share = find_share_used(each, conditions.latency + conditions.commit, conditions.in_flight)
        rate, bound = conditions.allowed * share, "Opus"
    return rate * (1 - conditions.repeats), bound


def _find_sending_rate(conditions: Conditions) -> tuple[float, Bound]:
    """Return the requests a second of one process that no limit holds back."""
    rate, waiting = 0.0, 0.0
    for count in range(1, conditions.in_flight + 1):
        at_core = REQUEST_CPU * (1 + waiting)
        rate = count / (conditions.latency + conditions.commit + at_core)
        waiting = rate * at_core
    bound: Bound = "this machine" if rate * REQUEST_CPU > _BUSY else "requests in flight"
    if conditions.mapping is not None and conditions.mapping / BATCH_SIZE < rate:
        return conditions.mapping / BATCH_SIZE, "mapping"
    return rate, bound


_BUSY = 0.8
"""The share of a core from which on it is what holds requests back."""


@lru_cache(maxsize=256)
def find_share_used(
    allowed: float, latency: float, in_flight: int, hold: float = HOLD, saved: float = SAVED
) -> float:
    """Return the share of the requests that Opus allows that a process uses in the long run, 0 to 1.

    The real `ConcurrencyLimit`, on a virtual clock, against a service that takes `allowed` requests a second
    and refuses the rest. After a refusal nothing is sent for `hold` seconds. Of what is not used, the service
    grants as much later as `saved` seconds allow.
    """
    now, tokens, held_until, flying = 0.0, allowed * saved, 0.0, 0
    limit = ConcurrencyLimit(in_flight, lambda: now)
    answers: list[tuple[float, float, bool]] = []
    taken, watched_from = 0, min(_WARM_UP, _FEW / allowed)
    end = watched_from + min(_WATCHED, _MANY / allowed)
    while now < end:
        while flying < limit.allowed and now >= held_until:
            if fits := tokens >= 1.0 - 1e-9:
                tokens -= 1.0
                taken += now >= watched_from
            heapq.heappush(answers, (now + latency, now, fits))
            flying += 1
        following = answers[0][0] if answers else held_until
        if flying < limit.allowed and held_until > now:
            following = min(following, held_until)
        tokens = min(max(1.0, allowed * saved), tokens + (following - now) * allowed)
        now = following
        while answers and answers[0][0] <= now:
            _, began, fits = heapq.heappop(answers)
            full = flying >= limit.allowed
            flying -= 1
            if fits:
                limit.note_answer(began, full=full)
            else:
                limit.note_refusal(began)
                held_until = now + hold
    return min(1.0, taken / (now - watched_from) / allowed)


_WARM_UP, _WATCHED = 60.0, 300.0
"""Virtual seconds until the limit has found its level, and of several of its cycles after that."""

_FEW, _MANY = 20_000, 60_000
"""The most requests in these times: many a second tell soon."""


def find_pace(runs: Iterable[Run], connection: str) -> Pace | None:
    """Return the pace of the latest run that sent enough to this connection of a real Opus, if one did."""
    for run in runs:
        requests, retries = run.counts.get("requests", 0), run.counts.get("retries", 0)
        seconds = 0.0 if run.finished is None else run.finished - run.started
        here = "//127." in run.origin or "//localhost" in run.origin  # an emulator's pace tells nothing
        if run.connection == connection and requests - retries >= _ENOUGH and seconds > 0 and not here:
            return Pace((requests - retries) / seconds, run.id, retries / requests)
    return None


def count_requests(records: int) -> int:
    """Return how many requests so many records take.

    >>> count_requests(31)
    3
    """
    return -(-records // BATCH_SIZE)


def estimate(records: int, pace: Pace | None = None) -> Estimate:
    """Return how many requests so many records take, and about how long."""
    requests = count_requests(records)
    if pace is not None:
        seconds = requests / pace.requests
        basis = f"as run {pace.run}: {pace.requests:,.1f} requests a second"
        return Estimate(requests, (seconds, seconds), basis)
    quick, slow = (requests / find_rate(Conditions(latency))[0] for latency in LATENCIES)
    basis = f"if a request takes {LATENCIES[0]} to {LATENCIES[1]:.0f} s, {IN_FLIGHT} at a time"
    return Estimate(requests, (round(quick, 1), round(slow, 1)), basis)


def forecast_drain_time(records: int, pace: Pace | None, mapping: float | None) -> DrainTime:
    """Return how long it takes to send so many records.

    Args:
        records: how many.
        pace: of an earlier run over this connection, if there was one.
        mapping: rows a second that one process mapped just now; None where too few tell.
    """
    requests = count_requests(records)
    rate = MAPPING_RATE if mapping is None else mapping
    if pace is not None:
        seconds = max(requests / pace.requests, records / rate)
        return DrainTime(records, requests, rate, mapping is not None, pace, round(seconds, 1))
    limited = tuple(_limit(requests, allowed, rate) for allowed in ALLOWED)
    return DrainTime(records, requests, rate, mapping is not None, limited=limited)


def _limit(requests: int, allowed: float, mapping: float) -> LimitedTime:
    def count_seconds(latency: float, in_flight: int) -> float:
        return round(requests / find_rate(Conditions(latency, allowed, in_flight, mapping=mapping))[0], 1)

    quick, slow = LATENCIES
    enough = count_enough(allowed, quick), count_enough(allowed, slow)
    usual = sorted((count_seconds(quick, IN_FLIGHT), count_seconds(slow, IN_FLIGHT)))
    wide = sorted((count_seconds(quick, enough[0]), count_seconds(slow, enough[1])))
    return LimitedTime(allowed, (usual[0], usual[1]), enough, (wide[0], wide[1]))


def count_enough(allowed: float, latency: float) -> int:
    """Return how many requests in flight use a limit up, by Little's law: the smallest number that does."""
    return min(MOST_IN_FLIGHT, max(1, math.ceil(allowed * (latency + COMMIT + REQUEST_CPU))))
