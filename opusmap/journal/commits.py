"""Commits: what several workers want on disk at one moment goes there in one commit.

Owns the grouping, and the thread that waits for the disk in place of the event loop. While one group
is being written, the next one gathers.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Self, TypeAlias

from opusmap.journal.store import Change, Journal

__all__ = ["Commits", "Offload", "run_inline"]

Offload: TypeAlias = Callable[[Callable[[], None]], Awaitable[None]]
"""Runs a commit somewhere and waits for its end."""


async def run_inline(commit: Callable[[], None]) -> None:
    """Run a commit in the event loop: for a journal in memory, and for simulations."""
    commit()


class Commits:
    """Makes changes durable, in the order in which they are given. Use it as an async context manager."""

    def __init__(self, journal: Journal, offload: Offload | None = None) -> None:
        """Make it; `offload` is a thread of its own unless the journal is in memory."""
        self._journal = journal
        self._thread: ThreadPoolExecutor | None = None
        self._offload = offload or (run_inline if journal.in_memory else self._run_in_thread)
        self._waiting: list[tuple[Change, asyncio.Future[None]]] = []
        self._drain: asyncio.Task[None] | None = None
        self._broken: Exception | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drain is not None:
            await self._drain
        if self._thread is not None:
            self._thread.shutdown()

    async def make(self, change: Change) -> None:
        """Return when the change is durable.

        Raises:
            JournalError: it can't be written, or one before it could not.
        """
        if self._broken is not None:
            raise self._broken
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((change, done))
        if self._drain is None:
            self._drain = asyncio.create_task(self._commit_all())
        await done

    async def _commit_all(self) -> None:
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                await self._commit(group)
        finally:
            self._drain = None

    async def _commit(self, group: list[tuple[Change, asyncio.Future[None]]]) -> None:
        try:
            if self._broken is None:
                await self._offload(partial(self._journal.commit, [change for change, _ in group]))
        except Exception as error:  # noqa: BLE001 - whoever waits for the commit gets it
            self._broken = error
        for _, done in group:
            if done.done():  # who waited was cancelled
                continue
            if self._broken is None:
                done.set_result(None)
            else:
                done.set_exception(self._broken)

    async def _run_in_thread(self, commit: Callable[[], None]) -> None:
        if self._thread is None:
            self._thread = ThreadPoolExecutor(1, thread_name_prefix="opusmap-journal")
        await asyncio.get_running_loop().run_in_executor(self._thread, commit)
