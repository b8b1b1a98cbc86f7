"""An event loop of virtual time, without real threads, that can be killed between any two steps.

Owns time. A step is one callback: between two steps of a coroutine lies an await, so killing the loop before
step N is killing the process at an await. What runs in threads is run by the loop, after a drawn delay.
"""

from __future__ import annotations

import asyncio
import heapq
import random
from collections.abc import Callable
from typing import Any

STEPS_LIMIT = 400_000
"""Steps that a run may take before it counts as one that never ends."""


TICK = 1e-9
"""Seconds that pass at least when the loop waits."""


class Killed(BaseException):
    """The process is gone. Nothing of it may catch this."""


class Stuck(AssertionError):
    """The run waits for what never comes, or never comes to an end."""


class Timeline:
    """The world's time in seconds, which goes on when a process is killed."""

    def __init__(self) -> None:
        self.now = 1000.0


class VirtualLoop(asyncio.BaseEventLoop):
    """Runs one process on a timeline. It is killed before the step `kill_before`, or after some seconds."""

    def __init__(
        self,
        timeline: Timeline,
        draw: random.Random,
        kill_before: int | None = None,
        kill_after: float | None = None,
        steps_limit: int = STEPS_LIMIT,
    ) -> None:
        super().__init__()
        self.kill_before = kill_before
        self.steps = 0
        self._steps_limit = steps_limit
        self.errors: list[dict[str, Any]] = []
        self._timeline = timeline
        self._draw = draw
        self._thread_free = 0.0
        self._end = None if kill_after is None else self.call_later(kill_after, self.kill)
        self.set_exception_handler(lambda _loop, context: self.errors.append(context))

    def time(self) -> float:
        return self._timeline.now

    def sync_later(self, commit: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
        """Run a commit later, as a thread would: one after the other, each between two drawn delays."""

        def work() -> None:
            error = None
            try:
                commit()
            except Exception as raised:  # noqa: BLE001 - handed on, as a thread does
                error = raised
            self.call_later(self._draw.random() * 0.002, then, error)

        self._thread_free = max(self._thread_free, self.time()) + self._draw.random() * 0.003
        self.call_at(self._thread_free, work)

    def kill(self) -> None:
        """Kill the process before its next step."""
        self.kill_before = 0

    def cancel_all(self) -> None:
        """End what a killed process left, so that nothing of it is collected half done."""
        self.kill_before = None
        if self._end is not None:
            self._end.cancel()
        self.steps = 0
        tasks = asyncio.all_tasks(self)
        for task in tasks:
            task.cancel()
        if tasks:
            self.run_until_complete(asyncio.wait(tasks))
            for task in tasks:
                task.cancelled() or task.exception()

    def _run_once(self) -> None:
        if self.kill_before is not None and self.steps >= self.kill_before:
            raise Killed
        self.steps += 1
        if self.steps > self._steps_limit:
            raise Stuck("the run never ends")
        while not self._ready:
            self._pass_time()
        handle = self._ready.popleft()
        if not handle.cancelled():
            handle._run()  # noqa: SLF001 - asyncio has no public way

    def _pass_time(self) -> None:
        if not self._scheduled:
            raise Stuck("the run waits for what never comes")
        timer = heapq.heappop(self._scheduled)
        timer._scheduled = False  # noqa: SLF001 - the same
        if timer.cancelled():
            self._timer_cancelled_count -= 1
        else:
            # At least a tick passes, as it does in the world: a wait that rounds to nothing must end.
            self._timeline.now = max(self._timeline.now + TICK, timer.when())
            self._ready.append(timer)

    def _process_events(self, event_list: Any) -> None:
        """Nothing outside the loop ever happens."""

    def _write_to_self(self) -> None:
        """Nobody sleeps in a selector."""
