"""Chance: which fault a request meets, drawn from a plan's seed.

Owns what each kind of fault is made of, the latency and the rate limit. The draw depends on the seed and the
request's number alone, so that a rehearsal can be repeated as far as its requests come in the same order.
"""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from email.utils import formatdate
from random import Random

from opusmap.emulator.fault_profile import FaultPlan
from opusmap.emulator.faults import Fault, RequestInfo, draw_garbled, draw_shape, draw_unmatched
from opusmap.emulator.http import Delivery
from opusmap.emulator.tokens import TOKEN_PATH
from opusmap.emulator.validation import RECORD_PATHS

TROUBLES = (500, 502, 503, 504)
EXPIRY_PAUSE = 100
"""Requests between two expiries of all tokens: no service takes back a token before it was ever used."""

LOST = Delivery(lost=True)
TOO_MANY = 429


class SeededFaults:
    """A hook for the emulator's faults, after a plan. `met` counts the requests that met each kind."""

    def __init__(
        self,
        plan: FaultPlan,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        """Make it; `clock` is for the rate limit, `wall_clock` (seconds since 1970) for dates in answers."""
        self.plan = plan
        self._met: Counter[str] = Counter()
        self._bucket = _Bucket(plan.rate, clock)
        self._wall_clock = wall_clock
        self._expired = -EXPIRY_PAUSE
        self._lock = threading.Lock()

    @property
    def met(self) -> Mapping[str, int]:
        """How many requests met each kind of fault so far; `rate` are those over the limit."""
        with self._lock:
            return dict(self._met)

    def __call__(self, request: RequestInfo) -> Fault | None:
        """Return what happens to a request; None if all is right and nothing waits."""
        if request.path == TOKEN_PATH:
            return self._draw_for_sign_in(request)
        is_question = request.method == "GET" and request.path in RECORD_PATHS
        if not request.records and not is_question:
            return None
        fault = self._draw(request)
        if not self.plan.latency:
            return fault
        right = fault or Fault()
        wait = right.delivery.wait + self.plan.latency / 1000
        return replace(right, delivery=replace(right.delivery, wait=wait))

    def _draw(self, request: RequestInfo) -> Fault | None:
        draw = self._make_draw(request)
        if not self._bucket.take():
            self._count("rate")
            return Fault(TOO_MANY, (("Retry-After", "1"),))
        kind = self._draw_kind(draw)
        if kind is None or (kind == "expire" and request.number - self._expired < EXPIRY_PAUSE):
            return None
        if kind == "expire":
            self._expired = request.number
        if kind in _OF_RECORDS and not request.records:
            return None
        self._count(kind)
        lot = _Lot(
            draw,
            seconds=draw.uniform(0, self.plan.seconds),
            first=draw.randrange(request.records or 1),
            request=request,
            throttle=lambda: self._throttle(draw),
        )
        return _MAKERS[kind](lot)

    def _draw_kind(self, draw: Random) -> str | None:
        point = draw.random()
        for kind, share in self.plan.shares.items():
            if kind != "sign-in":
                point -= share
                if point < 0:
                    return kind
        return None

    def _draw_for_sign_in(self, request: RequestInfo) -> Fault | None:
        draw = self._make_draw(request)
        if draw.random() >= self.plan.shares.get("sign-in", 0.0):
            return None
        self._count("sign-in")
        return draw.choice((self._throttle(draw), Fault(503), Fault(503, delivery=LOST)))

    def _make_draw(self, request: RequestInfo) -> Random:
        return Random(self.plan.seed * 2**32 + request.number)  # noqa: S311 - chance, no secret

    def _count(self, kind: str) -> None:
        with self._lock:
            self._met[kind] += 1

    def _throttle(self, draw: Random) -> Fault:
        seconds = draw.randint(0, self.plan.retry_after)
        date = formatdate(self._wall_clock() + seconds, usegmt=True)
        wait = draw.choice((str(seconds), date, None))
        return Fault(TOO_MANY, () if wait is None else (("Retry-After", wait),))


_OF_RECORDS = frozenset({"error-halfway", "late", "lying-status", "unmatched", "refuse"})
"""Faults that a question for due records can't meet: it changes nothing."""


@dataclass(frozen=True, slots=True)
class _Lot:
    """What a fault is made of: chance, how long it takes, how many records are processed, and the request."""

    draw: Random
    seconds: float
    first: int
    request: RequestInfo
    throttle: Callable[[], Fault]


def _lie(lot: _Lot) -> Fault:
    body = json.dumps({"statusCode": 500, "message": "the database is not available"}).encode("ascii")
    return Fault(201, after=True, first=lot.first, body=body)


def _leave_unmatched(lot: _Lot) -> Fault:
    status, body = draw_unmatched(lot.draw)
    return Fault(status, after=True, body=body)


def _refuse(lot: _Lot) -> Fault:
    keys = lot.request.keys
    count = min(len(keys), lot.draw.choice((1, 1, 1, 2, 3, len(keys))))
    return Fault(refuses=frozenset(lot.draw.sample(keys, count)), shape=draw_shape(lot.draw))


_MAKERS: Mapping[str, Callable[[_Lot], Fault]] = {
    "throttle": lambda lot: lot.throttle(),
    "error-before": lambda lot: Fault(lot.draw.choice(TROUBLES)),
    "error-after": lambda lot: Fault(lot.draw.choice(TROUBLES), after=True),
    "error-halfway": lambda lot: Fault(500, after=True, first=lot.first),
    "lost-before": lambda _: Fault(500, delivery=LOST),
    "lost-after": lambda _: Fault(delivery=LOST),
    "late": lambda lot: Fault(
        504, after=True, late=lot.seconds, delivery=lot.draw.choice((LOST, Delivery()))
    ),
    "slow": lambda lot: Fault(delivery=Delivery(wait=lot.seconds)),
    "drip": lambda lot: Fault(delivery=Delivery(spread=lot.seconds)),
    "cut": lambda lot: Fault(delivery=Delivery(cut=lot.draw.randrange(20))),
    "garbled": lambda lot: Fault(201, after=True, body=draw_garbled(lot.draw)),
    "lying-status": _lie,
    "unmatched": _leave_unmatched,
    "refuse": _refuse,
    "expire": lambda _: Fault(401, forget_tokens=True),
}
"""Kind of fault -> what it is made of."""


class _Bucket:
    """A rate limit: so many requests a second, a second's worth of them at once."""

    def __init__(self, rate: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._left = max(1.0, rate)
        self._counted = clock()

    def take(self) -> bool:
        """Take a request in; False when there were too many."""
        if not self._rate:
            return True
        now = self._clock()
        self._left = min(max(1.0, self._rate), self._left + (now - self._counted) * self._rate)
        self._counted = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
