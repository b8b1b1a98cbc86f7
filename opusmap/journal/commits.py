"""Commits: what several workers want on disk at one moment goes there in one commit.

Owns the grouping, and the thread that waits for the disk in place of the event loop. While one group
is being written, the next one gathers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self, TypeAlias

from opusmap.journal.changes import Change
from opusmap.journal.store import Journal

__all__ = ["Commits", "Offload", "run_inline"]

Offload: TypeAlias = Callable[[Callable[[], None], Callable[[BaseException | None], None]], None]
"""Runs a commit somewhere; calls back, in the event loop, with the error if there was one."""


_MOMENT = 0.005
"""Seconds that a change waits at most for one that is urgent."""


def run_inline(commit: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
    """Run a commit at once, in the event loop: for a journal in memory, and for simulations."""
    then(_try(commit))


class Commits:
    """Makes changes durable, in the order in which they are given. Use it as an async context manager.

    A change waits for no more than two steps of the event loop besides the disk: each of them may be long
    when many answers come at once. So there are callbacks here, and no task.
    """

    def __init__(self, journal: Journal, offload: Offload | None = None) -> None:
        """Make it; `offload` is a thread of its own unless the journal is in memory."""
        self._journal = journal
        self._thread: ThreadPoolExecutor | None = None
        self._offload = offload or (run_inline if journal.in_memory else self._run_in_thread)
        self._waiting: list[tuple[Change, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._broken: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._begin()
        await self._idle.wait()
        if self._thread is not None:
            self._thread.shutdown()

    def make(self, change: Change, *, urgent: bool = True) -> asyncio.Future[None]:
        """Queue a change, at once; what is returned is done when the change is durable.

        It ends with a JournalError if the change can't be written, or one before it could not. A change that
        is not urgent waits a moment for one that is, to go to the disk with it.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((change, done))
        if self._idle.is_set():
            if urgent or self._offload is run_inline:  # no disk to spare
                self._begin()
            elif self._timer is None:
                self._timer = loop.call_later(_MOMENT, self._begin)
        return done

    def _begin(self) -> None:
        """Write what waits, with what else comes in this step of the event loop."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._idle.is_set():
            self._idle.clear()
            asyncio.get_running_loop().call_soon(self._commit)

    def _commit(self) -> None:
        """Begin to write what waits, if anything does."""
        if not self._waiting:
            return self._idle.set()
        group, self._waiting = self._waiting, []
        if self._broken is not None:
            return self._end(group, self._broken)
        commit = partial(self._journal.commit, [change for change, _ in group])
        try:
            self._offload(commit, partial(self._end, group))
        except Exception as error:  # noqa: BLE001 - no thread can be had: whoever waits must hear of it
            self._end(group, error)
        return None

    def _end(self, group: list[tuple[Change, asyncio.Future[None]]], error: BaseException | None) -> None:
        """Tell those who waited, and go on with the next group."""
        self._broken = error
        for _, done in group:
            if done.done():  # who waited was cancelled
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
        self._commit()

    def _run_in_thread(
        self, commit: Callable[[], None], then: Callable[[BaseException | None], None]
    ) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="opusmap-journal")
        loop = asyncio.get_running_loop()
        self._thread.submit(lambda: loop.call_soon_threadsafe(then, _try(commit)))


def _try(commit: Callable[[], None]) -> BaseException | None:
    try:
        commit()
    except BaseException as error:  # noqa: BLE001 - whoever waits for the commit gets it
        return error
    return None
