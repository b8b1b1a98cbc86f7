"""Group commit: what several requests want on disk at one moment goes there in one commit.

The event loop itself waits for a quick disk, a thread for a slow one. While one group goes to the disk, the
next one gathers.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Protocol, Self, TypeAlias

from opusmap.journal.write_set import WriteSet

SyncExecutor: TypeAlias = Callable[[Callable[[], None], Callable[[BaseException | None], None]], None]
"""Syncs somewhere; calls back, in the event loop, with the error if there was one."""


class Writable(Protocol):
    """What takes write sets and makes them durable."""

    def write(self, sets: Iterable[WriteSet]) -> None:
        """Write them, all or none; they need not be durable yet."""

    def sync(self) -> None:
        """Wait until what was written is durable."""

    @property
    def has_long_log(self) -> bool:
        """Whether the next sync takes longer."""


_QUICK = 0.001
"""Seconds of a sync that the event loop itself waits for: a thread costs more, because it has to wait for the
interpreter before and after, much longer than for the disk."""

_MOMENT = 0.005
"""Seconds that a write set waits at most for one that is urgent."""


def run_inline(sync: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
    """Sync at once, in the event loop: for a journal in memory, and for simulations."""
    then(_try(sync))


class GroupCommit:
    """Makes write sets durable, in the order in which they are given. Use it as an async context manager.

    A write set waits for no more than two steps of the event loop beyond the disk: each of them may be long
    when many answers come at once. So there are callbacks here, and no task.
    """

    def __init__(
        self,
        store: Writable,
        sync_executor: SyncExecutor | None = None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        """Make it; `sync_executor` replaces what waits for the disk, `clock` measures how long it took."""
        self._store, self._clock = store, clock
        self._thread: ThreadPoolExecutor | None = None
        self._last = math.inf  # seconds that the disk took the last time
        self._sync_executor = sync_executor or self._wait_for_disk
        self._waiting: list[tuple[WriteSet, asyncio.Future[None]]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._idle = asyncio.Event()
        self._idle.set()
        self._broken: BaseException | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            self._begin()
            await self._idle.wait()
        finally:  # also if cancelled again: the journal may be closed next
            if self._thread is not None:
                self._thread.shutdown()

    def add(self, writes: WriteSet, *, urgent: bool = True) -> asyncio.Future[None]:
        """Queue a write set, at once; what is returned is done when it is durable.

        It ends with an error if it can't be written, or one before it could not. A write set that is not
        urgent waits a moment for one that is, to go to the disk with it.
        """
        loop = asyncio.get_running_loop()
        done: asyncio.Future[None] = loop.create_future()
        self._waiting.append((writes, done))
        if self._idle.is_set():
            if urgent or self._sync_executor is run_inline:  # no disk to spare
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
        try:
            self._store.write([writes for writes, _ in group])
            self._sync_executor(self._store.sync, partial(self._end, group))
        except BaseException as error:
            self._end(group, error)  # no thread can be had, say: all who wait must get the error
            if not isinstance(error, Exception):
                raise  # Ctrl-C comes at any step, and is not for those who wait alone
        return None

    def _end(self, group: list[tuple[WriteSet, asyncio.Future[None]]], error: BaseException | None) -> None:
        """Tell those who waited, and go on with the next group."""
        self._broken = error
        for _, done in group:
            if done.done():  # who waited was cancelled
                continue
            if error is None:
                done.set_result(None)
            else:
                done.set_exception(error)
                done.exception()  # mark as retrieved: one waiter reports the error
        self._commit()

    def _wait_for_disk(self, sync: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
        """Sync: here where that is quick, by the last time, else in a thread, which frees the event loop."""
        if self._last < _QUICK and not self._store.has_long_log:
            return then(self._timed(sync))
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="opusmap-journal")
        loop = asyncio.get_running_loop()
        self._thread.submit(lambda: loop.call_soon_threadsafe(then, self._timed(sync)))
        return None

    def _timed(self, sync: Callable[[], None]) -> BaseException | None:
        began = self._clock()
        error = _try(sync)
        self._last = self._clock() - began
        return error


def _try(sync: Callable[[], None]) -> BaseException | None:
    try:
        sync()
    except Exception as error:  # noqa: BLE001 - all who wait for the disk get it
        return error
    return None
