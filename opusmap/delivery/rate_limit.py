"""The rate limit: how many requests may be in flight, and how many of them may be retries.

`ConcurrencyLimit` and `RetryBudget` are pure, with an injected clock; the `RateLimiter` waits for them.
Nothing here sends.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from opusmap.delivery.early_abort import StopSignal
from opusmap.delivery.retry_policy import RetryPolicy
from opusmap.journal import Timestamp
from opusmap.opus.responses import LoadSignal

_START = 4.0
_AFTER_REFUSAL, _AFTER_TROUBLE = 0.9, 0.5
_PLATEAU = 0.97
"""Where growth pauses, as a share of the limit that was too much."""

_CURVE = 0.002
"""Requests in flight a second cubed: how steeply growth leaves its plateau (RFC 9438 has 0.4 packets)."""

_SLOW, _SLOWER_BY = 2.0, 0.1
"""Answers that take so many times as long as at the best of times, and by so many seconds more, are slow."""

_SMOOTH, _FORGET = 0.02, 1e-4
"""How much one answer counts in the average; how much it makes the best of times worse in memory."""

_FEW = 20
"""Answers whose average says nothing yet."""


@dataclass(frozen=True, slots=True)
class Clock:
    """Time and chance, as an engine meets them.

    `clock`: seconds that never run backwards while the machine is up. `wall_clock`: seconds since 1970.
    `random` gives numbers in [0, 1). `sleep` waits for some seconds.
    """

    clock: Callable[[], float] = time.monotonic
    wall_clock: Callable[[], float] = time.time
    random: Callable[[], float] = random.random
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def now(self) -> Timestamp:
        """Return the time by both clocks."""
        return Timestamp(self.wall_clock(), self.clock())


class ConcurrencyLimit:
    """How many requests may be in flight: up while Opus keeps pace, down when it says that it is too much.

    It doubles each round trip until the first refusal (429 or 503). From then on it follows the curve of
    CUBIC (RFC 9438): quickly back to just below what was too much, a long stay there, then more and more
    boldly up. It stays as it is while answers on average take much longer than they did at the best of
    times, for then requests queue up in the service. A whole window of troubles in a row halves it.
    """

    def __init__(self, maximum: int, clock: Callable[[], float]) -> None:
        self._maximum = float(maximum)
        self._clock = clock
        self._limit = min(_START, self._maximum)
        self._plateau: float | None = None  # None: nothing was too much yet
        self._reduced_at = float("-inf")
        self._climb = 0.0  # seconds from the reduction to the plateau
        self._answers = 0
        self._usual = 0.0  # seconds that answers take, on average
        self._best = float("inf")  # the same at the best of times
        self._troubles = 0

    @property
    def allowed(self) -> int:
        """Requests that may be in flight now, at least one."""
        return max(1, int(self._limit))

    def note_answer(self, began: float, *, full: bool) -> None:
        """Note a request that Opus dealt with; `began` is when it left.

        `full`: as many were in flight as may be; else the limit was not what held us back.
        """
        self._troubles = 0
        if self._is_slow(self._clock() - began):
            self._stay()
        elif full:
            self._grow()

    def note_refusal(self, began: float) -> None:
        """Note that Opus had too much. Those that left before the last reduction tell nothing new."""
        if began >= self._reduced_at:
            self._reduce(_AFTER_REFUSAL)
        self.note_trouble()

    def note_trouble(self) -> None:
        """Note that a request came to nothing, for whatever reason."""
        self._troubles += 1
        if self._troubles >= max(3, self._limit):
            self._troubles = 0
            self._reduce(_AFTER_TROUBLE)

    def _grow(self) -> None:
        if self._plateau is None:
            self._limit += 1.0
        else:
            since = self._clock() - self._reduced_at - self._climb
            self._limit = max(self._limit, self._plateau + _CURVE * since**3)
        self._limit = min(self._limit, self._maximum)

    def _reduce(self, factor: float) -> None:
        self._plateau = max(1.0, self._limit * _PLATEAU)
        self._limit = max(1.0, self._limit * factor)
        self._aim()

    def _stay(self) -> None:
        """Let the curve start over from here."""
        if self._plateau is None or self._limit > self._plateau:
            self._plateau = self._limit
        self._aim()

    def _aim(self) -> None:
        assert self._plateau is not None
        self._reduced_at = self._clock()
        self._climb = (max(0.0, self._plateau - self._limit) / _CURVE) ** (1 / 3)

    def _is_slow(self, seconds: float) -> bool:
        # The average, not the quickest one: many services are quick now and then for no reason.
        self._answers += 1
        self._usual += max(_SMOOTH, 1 / self._answers) * (seconds - self._usual)
        if self._answers >= _FEW:
            self._best = min(self._usual, self._best * (1 + _FORGET))
        return self._usual > max(_SLOW * self._best, self._best + _SLOWER_BY)


class RetryBudget:
    """How many retries the run affords: one for each success, and also the policy's `per_second`.

    As many as its `burst` are saved. Exhausted, it makes retries wait; it never forbids one.
    """

    def __init__(self, policy: RetryPolicy, clock: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._tokens = policy.burst
        self._counted = clock()

    def earn(self) -> None:
        """Note a request that settled its records."""
        self._tokens = min(self._policy.burst, self._tokens + 1.0)

    def count_wait(self) -> float:
        """Return how many seconds the next retry must wait, if nothing succeeds meanwhile."""
        now, a_second = self._clock(), self._policy.per_second
        self._tokens = min(self._policy.burst, self._tokens + (now - self._counted) * a_second)
        self._counted = now
        # What the clock's steps lose of a second must not make a worker wait for nothing.
        return 0.0 if self._tokens >= 1.0 - 1e-9 else (1.0 - self._tokens) / a_second

    def spend(self) -> None:
        """Take a retry that need not wait."""
        self._tokens -= 1.0


class RateLimiter:
    """Holds workers back until one more request may be in flight: for the limit, and while Opus asks it."""

    def __init__(self, concurrency: int, clock: Clock, stop_signal: StopSignal, retries: RetryPolicy) -> None:
        """Make it; once the run halts, no worker is admitted or waits any more."""
        self.waiting = ""  # why a worker waits, and for how long, in words
        self._retries = retries
        self._budget = RetryBudget(retries, clock.clock)
        self._retrying: deque[asyncio.Event] = deque()  # who waits for the budget, in order
        self._limit = ConcurrencyLimit(concurrency, clock.clock)
        self._clock = clock.clock
        self._sleep = clock.sleep
        self._stop_signal = stop_signal
        self._not_before = float("-inf")  # until then no worker sends: Opus asked for it
        self._in_flight = 0
        self._called = 0  # woken, and not there yet: none that comes meanwhile takes their place
        self._waiting: deque[asyncio.Future[None]] = deque()
        stop_signal.tell(self._wake)

    @property
    def allowed(self) -> int:
        """Requests that may be in flight now."""
        return self._limit.allowed

    async def admit(self) -> bool:
        """Wait until one more may be sent, and count it as in flight; False when the run halts."""
        while await self.wait_out_hold():
            if self._in_flight + self._called < self._limit.allowed:
                self._in_flight += 1
                return True
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
            self._called -= 1
        return False

    async def wait_out_hold(self) -> bool:
        """Wait out a pause that Opus asked for; return False when the run stops."""
        while not self._stop_signal.is_set and (wait := self._not_before - self._clock()) > 0:
            await self.wait(wait)
        return not self._stop_signal.is_set

    def leave(self, began: float, signal: LoadSignal) -> None:
        """Note that a request is in flight no more, and what it says of Opus; `began` is when it left."""
        if signal is LoadSignal.KEPT:
            # Of answers that come at once the first makes room, which is not taken yet.
            full = bool(self._waiting) or self._in_flight + self._called >= self._limit.allowed
            self._limit.note_answer(began, full=full)
        elif signal is LoadSignal.TOO_MUCH:
            self._limit.note_refusal(began)
        elif signal is LoadSignal.TROUBLE:
            self._limit.note_trouble()
        self._in_flight -= 1
        self._wake(max(0, self._limit.allowed - self._in_flight - self._called))

    def hold(self, seconds: float) -> None:
        """Admit no worker for so long."""
        self._not_before = max(self._not_before, self._clock() + seconds)

    @property
    def retry_wait(self) -> float:
        """Seconds that one more retry would wait for the budget, if nothing succeeds meanwhile."""
        return self._budget.count_wait() + len(self._retrying) / self._retries.per_second

    def note_success(self) -> None:
        """Note a request that settled its records: one more retry may go."""
        self._budget.earn()
        if self._retrying:
            self._retrying[0].set()

    async def afford_retry(self) -> None:
        """Wait until the budget has a retry left, first come, first served; or until the run halts."""
        turn = asyncio.Event()
        self._retrying.append(turn)
        try:
            while not self._stop_signal.is_set:
                first = self._retrying[0] is turn
                if first and not (wait := self._budget.count_wait()):
                    self._budget.spend()
                    return
                turn.clear()
                await self.wait(wait if first else None, turn)
        finally:
            self._retrying.remove(turn)
            if self._retrying:
                self._retrying[0].set()

    async def wait(self, seconds: float | None, wake: asyncio.Event | None = None) -> None:
        """Wait some seconds (None: for ever), or until the run halts, or until `wake` is set."""
        due = float("inf") if seconds is None else self._clock() + seconds
        over = [self._stop_signal.wait] if wake is None else [self._stop_signal.wait, wake.wait]
        while not self._stop_signal.is_set and not (wake is not None and wake.is_set()):
            if (left := due - self._clock()) <= 0:
                return
            waits: set[asyncio.Future[object]] = {asyncio.ensure_future(event()) for event in over}
            if seconds is not None:
                waits.add(asyncio.ensure_future(self._sleep(left)))
            try:
                await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for each in waits:
                    each.cancel()

    def _wake(self, count: int | None = None) -> None:
        """Wake so many who wait for the limit, the longest first; all of them without a count."""
        for _ in range(len(self._waiting) if count is None else min(count, len(self._waiting))):
            turn = self._waiting.popleft()
            if not turn.done():
                self._called += 1
                turn.set_result(None)
