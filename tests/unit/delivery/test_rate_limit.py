"""Pacing against simulated services: it finds what Opus bears, retries stay few, waits hold for all."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulation.loop import Timeline, VirtualLoop

from opusmap.delivery.early_abort import StopSignal
from opusmap.delivery.rate_limit import Clock, ConcurrencyLimit, RateLimiter, RetryBudget
from opusmap.delivery.retry_policy import RetryPolicy
from opusmap.errors import StoppedEarly
from opusmap.opus.responses import LoadSignal

BURST = 10
"""Retries that are saved at most."""


def make_rate_limiter(
    concurrency: int, loop: asyncio.AbstractEventLoop, stop_signal: StopSignal | None = None
) -> RateLimiter:
    clock = Clock(loop.time, loop.time, random.Random(2).random, asyncio.sleep)
    return RateLimiter(concurrency, clock, stop_signal or StopSignal(), RetryPolicy())


@dataclass
class Service:
    """A service that answers after some `seconds`, and refuses (429) what is over `rate` requests a second.

    `burst` is how many it takes at once. With `queues` it lets the rest wait instead of refusing it.
    """

    timeline: Timeline
    seconds: float
    rate: float = float("inf")
    burst: float = 20.0
    queues: bool = False
    spread: Callable[[random.Random], float] = lambda draw: draw.uniform(0.8, 1.2)
    answers: list[tuple[float, bool]] = field(default_factory=list)  # when, and whether it was refused
    flights: list[tuple[float, int]] = field(default_factory=list)  # when, and how many are in flight
    flying: int = 0
    most_flying: int = 0
    _allowance: float = 0.0
    _counted: float = 0.0
    _free: float = 0.0
    _draw: random.Random = field(default_factory=lambda: random.Random(3))

    async def __call__(self) -> LoadSignal:
        refused = not self.queues and self._refuses()
        self.flying += 1
        self.most_flying = max(self.most_flying, self.flying)
        self.flights.append((self.timeline.now, self.flying))
        await asyncio.sleep(self.seconds * self.spread(self._draw) + self._queue())
        self.flying -= 1
        self.answers.append((self.timeline.now, refused))
        return LoadSignal.TOO_MUCH if refused else LoadSignal.KEPT

    def _refuses(self) -> bool:
        since, self._counted = self.timeline.now - self._counted, self.timeline.now
        self._allowance = min(self.burst, self._allowance + since * self.rate)
        if self._allowance < 1.0:
            return True
        self._allowance -= 1.0
        return False

    def _queue(self) -> float:
        if not self.queues:
            return 0.0
        self._free = max(self._free, self.timeline.now) + 1.0 / self.rate
        return self._free - self.timeline.now


def load(service_for: Callable[[Timeline], Service], concurrency: int, seconds: float) -> Service:
    """Let so many workers send without pause, for so long, through a rate_limiter."""
    timeline = Timeline()
    loop = VirtualLoop(timeline, random.Random(1))
    service = service_for(timeline)
    until = timeline.now + seconds

    async def main() -> None:
        stop_signal = StopSignal()
        rate_limiter = make_rate_limiter(concurrency, loop, stop_signal)

        async def work() -> None:
            while timeline.now < until:
                assert await rate_limiter.admit()
                began = timeline.now
                rate_limiter.leave(began, await service())

        await asyncio.gather(*(work() for _ in range(concurrency)))

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    return service


def used(service: Service, start: float, end: float) -> tuple[float, float]:
    """Return the share of the service's rate that was used in this time, and the share of refusals."""
    refusals = [refused for when, refused in service.answers if start <= when < end]
    return refusals.count(False) / (service.rate * (end - start)), sum(refusals) / len(refusals)


@pytest.mark.parametrize("burst", [20.0, 100.0, 200.0])
def test_a_service_of_100_requests_a_second_is_used_and_hardly_ever_overrun(burst: float) -> None:
    service = load(lambda timeline: Service(timeline, 0.2, 100.0, burst), concurrency=64, seconds=120)
    share, refused = used(service, 1020.0, 1120.0)  # after a warm-up of 20 seconds
    assert share >= 0.9
    assert refused <= 0.05


def test_a_service_that_lets_requests_queue_is_used_and_asked_for_no_more_once_it_is_slow() -> None:
    service = load(lambda timeline: Service(timeline, 0.2, 100.0, queues=True), concurrency=500, seconds=120)
    share, _ = used(service, 1020.0, 1120.0)
    assert share >= 0.9
    # Twenty are enough to use it; more wait in its queue. What was asked for before that showed stays.
    assert max(flying for when, flying in service.flights if when < 1120.0) <= 150


def test_a_fast_service_gets_all_the_requests_that_are_allowed() -> None:
    service = load(lambda timeline: Service(timeline, 0.05), concurrency=32, seconds=10)
    assert service.most_flying == 32
    late = [when for when, _ in service.answers if 1005.0 <= when < 1010.0]
    assert len(late) >= 0.95 * 5.0 * 32 / 0.05


def test_a_service_that_is_quick_now_and_then_is_no_slow_one() -> None:
    service = load(
        lambda timeline: Service(timeline, 0.2, spread=lambda draw: draw.expovariate(1.0)), 32, seconds=60
    )
    late = [when for when, _ in service.answers if 1030.0 <= when < 1060.0]
    assert len(late) >= 0.8 * 30.0 * 32 / 0.2


def test_the_limit_comes_back_after_an_hour_of_trouble() -> None:
    clock = Timeline()
    limit = ConcurrencyLimit(16, lambda: clock.now)
    for _ in range(1000):
        limit.note_trouble()
    assert limit.allowed == 1
    for _ in range(2000):
        clock.now += 0.1
        limit.note_answer(clock.now - 0.05, full=True)
    assert limit.allowed == 16


@given(st.lists(st.tuples(st.sampled_from(LoadSignal), st.floats(0, 5)), max_size=200), st.integers(1, 128))
def test_the_limit_stays_between_one_and_what_is_allowed(
    acts: list[tuple[LoadSignal, float]], most: int
) -> None:
    clock = Timeline()
    limit = ConcurrencyLimit(most, lambda: clock.now)
    for signal, seconds in acts:
        began = clock.now
        clock.now += seconds
        if signal is LoadSignal.KEPT:
            limit.note_answer(began, full=True)
        elif signal is LoadSignal.TOO_MUCH:
            limit.note_refusal(began)
        elif signal is LoadSignal.TROUBLE:
            limit.note_trouble()
        assert 1 <= limit.allowed <= most


def retrying(
    failing: float, workers: int, every: float, seconds: float, seed: int
) -> list[tuple[float, str]]:
    """Let workers send requests of which so many fail; return when each retry and each success was."""
    timeline = Timeline()
    loop, draw = VirtualLoop(timeline, random.Random(seed)), random.Random(seed)
    acts: list[tuple[float, str]] = []
    until = timeline.now + seconds

    async def main() -> None:
        rate_limiter = make_rate_limiter(workers, loop)

        async def work() -> None:
            while timeline.now < until:
                await asyncio.sleep(every)
                if draw.random() < failing:
                    await rate_limiter.afford_retry()
                    acts.append((timeline.now, "retry"))
                else:
                    rate_limiter.note_success()
                    acts.append((timeline.now, "success"))

        await asyncio.gather(*(work() for _ in range(workers)))

    try:
        loop.run_until_complete(main())
    finally:
        loop.close()
    return acts


@settings(deadline=None, max_examples=40)
@given(st.floats(0, 1), st.integers(1, 64), st.sampled_from([0.01, 0.05, 1.0]), st.integers(0, 1 << 32))
def test_retries_are_one_for_each_success_and_one_a_second_however_much_fails(
    failing: float, workers: int, every: float, seed: int
) -> None:
    retries = successes = 0
    for when, act in retrying(failing, workers, every, 20 * every + 5.0, seed):
        successes += act == "success"
        retries += act == "retry"
        assert retries <= successes + (when - 1000.0) + BURST + 1e-6


def test_without_successes_retries_are_one_a_second() -> None:
    retries = retrying(1.0, 16, 0.01, 60.0, 1)
    assert 60 <= len([when for when, _ in retries if when <= 1060.0]) <= 71


def test_half_of_all_requests_may_fail_without_holding_up_the_others() -> None:
    acts = retrying(0.45, 16, 0.1, 30.0, 1)
    assert len(acts) >= 0.9 * 30.0 * 16 / 0.1


def test_a_success_lets_the_one_who_has_waited_longest_go() -> None:
    timeline = Timeline()
    loop = VirtualLoop(timeline, random.Random(1))
    gone = list[tuple[str, float]]()

    async def main() -> None:
        rate_limiter = make_rate_limiter(4, loop)
        for _ in range(BURST):
            await rate_limiter.afford_retry()

        async def retry(name: str) -> None:
            await rate_limiter.afford_retry()
            gone.append((name, timeline.now - 1000.0))

        waiting = [asyncio.create_task(retry(name)) for name in "abc"]
        await asyncio.sleep(0.25)
        rate_limiter.note_success()
        rate_limiter.note_success()
        await asyncio.gather(*waiting)

    loop.run_until_complete(main())
    loop.close()
    assert [name for name, _ in gone] == ["a", "b", "c"]
    assert [when for _, when in gone] == [pytest.approx(0.25), pytest.approx(0.25), pytest.approx(1.0)]


def test_what_is_saved_is_bounded() -> None:
    clock = Timeline()
    budget = RetryBudget(RetryPolicy(), lambda: clock.now)
    for _ in range(1000):
        budget.earn()
    clock.now += 3600.0
    for _ in range(BURST):
        assert budget.count_wait() == 0.0
        budget.spend()
    assert budget.count_wait() == 1.0


def test_a_halt_lets_those_go_who_wait_for_the_budget() -> None:
    loop = VirtualLoop(Timeline(), random.Random(1))

    async def main() -> None:
        stop_signal = StopSignal()
        rate_limiter = make_rate_limiter(4, loop, stop_signal)
        waiting = [asyncio.create_task(rate_limiter.afford_retry()) for _ in range(50)]
        await asyncio.sleep(1.0)
        stop_signal.stop(StoppedEarly("enough"))
        await asyncio.wait_for(asyncio.gather(*waiting), 0.1)

    loop.run_until_complete(main())
    loop.close()


def test_a_wait_that_opus_asks_for_holds_everybody_and_a_halt_ends_it() -> None:
    timeline = Timeline()
    loop = VirtualLoop(timeline, random.Random(1))

    async def main() -> list[float | None]:
        stop_signal = StopSignal()
        rate_limiter = make_rate_limiter(4, loop, stop_signal)
        rate_limiter.hold(30.0)

        async def send() -> float | None:
            return timeline.now if await rate_limiter.admit() else None

        sent = [asyncio.create_task(send()) for _ in range(4)]
        await asyncio.sleep(40.0)
        rate_limiter.hold(300.0)
        held = [asyncio.create_task(send()) for _ in range(4)]
        await asyncio.sleep(1.0)
        stop_signal.stop(StoppedEarly("enough"))
        return [*await asyncio.gather(*sent), *await asyncio.gather(*held), timeline.now]

    try:
        *sent, ended = loop.run_until_complete(main())
    finally:
        loop.close()
    assert all(when is not None and when >= 1030.0 for when in sent[:4])
    assert sent[4:] == [None] * 4
    assert ended is not None
    assert ended < 1042.0


def test_answers_that_come_at_once_double_the_limit_while_somebody_waits() -> None:
    loop = VirtualLoop(Timeline(), random.Random(3))
    rate_limiter = make_rate_limiter(64, loop)

    async def main() -> list[int]:
        admitted = [asyncio.ensure_future(rate_limiter.admit()) for _ in range(200)]
        seen = []
        for _ in range(3):
            for _ in range(9):  # steps of the loop, for all who may be admitted
                await asyncio.sleep(0)
            seen.append(rate_limiter.allowed)
            for _ in range(rate_limiter.allowed):
                rate_limiter.leave(loop.time(), LoadSignal.KEPT)
        for task in admitted:
            task.cancel()
        await asyncio.gather(*admitted, return_exceptions=True)
        return seen

    assert loop.run_until_complete(main()) == [4, 8, 16]
    loop.close()


def test_who_waits_for_the_limit_is_not_overtaken_by_who_comes_when_there_is_room() -> None:
    loop = VirtualLoop(Timeline(), random.Random(4))
    rate_limiter = make_rate_limiter(1, loop)
    sent = list[str]()

    async def work(name: str) -> None:
        for _ in range(3):
            await rate_limiter.admit()
            sent.append(name)
            await asyncio.sleep(1.0)
            rate_limiter.leave(loop.time() - 1.0, LoadSignal.KEPT)  # and asks again at once

    async def main() -> None:
        await asyncio.gather(work("a"), work("b"), work("c"))

    loop.run_until_complete(main())
    loop.close()
    assert sent == list("abcabcabc")
