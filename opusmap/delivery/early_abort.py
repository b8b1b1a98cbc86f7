"""When a run stops: on a signal, or because Opus refuses all records or sends nothing that can be read.

Owns the first reason to stop. It tells a wrong mapping from wrong rows by the first records of a run, and
something that answers in Opus's place from single answers that went wrong. Nothing here sends.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from opusmap.errors import OpusmapError
from opusmap.opus.exchange import BATCH_SIZE

_log = logging.getLogger("opusmap.delivery")


class StopSignal:
    """Not set until the run is stopped. The first reason is the run's."""

    def __init__(self) -> None:
        self.reason: OpusmapError | None = None
        self._event = asyncio.Event()
        self._sleepers: list[Callable[[], object]] = []

    @property
    def is_set(self) -> bool:
        """Whether the run sends nothing new."""
        return self.reason is not None

    def stop(self, reason: OpusmapError) -> None:
        """Let nothing new be sent."""
        if self.reason is None:
            _log.info("the run stops: %s", reason)
            self.reason = reason
            self._event.set()
            for wake in self._sleepers:
                wake()

    def tell(self, wake: Callable[[], object]) -> None:
        """Call `wake` when the run is stopped."""
        self._sleepers.append(wake)

    async def wait(self) -> None:
        """Return when the run is stopped."""
        await self._event.wait()


FIRST_RECORDS = 3 * BATCH_SIZE
"""Records that are refused for one reason, and none taken, until the mapping is what is wrong."""


class EarlyAbort:
    """Watches the first records. It is `over` when one was taken, or two were refused for two reasons.

    `refused` counts the records refused so far.
    """

    def __init__(self) -> None:
        self.over = False
        self.reason = ""
        self._same = ""
        self.refused = 0

    @property
    def lost(self) -> bool:
        """Whether all of the first records were refused for one reason."""
        return not self.over and self.refused >= FIRST_RECORDS

    def note_accepted(self) -> None:
        """Note that Opus took a record, in this run or before."""
        self.over = True

    def note_refused(self, key: str, reason: str) -> None:
        """Note a refusal that is news. Reasons are the same when they differ in rowKey or numbers alone."""
        same = re.sub(r"\d+", "0", reason.replace(key, ""))
        if self.refused and same != self._same:
            self.over = True
        self.refused += 1
        self._same, self.reason = same, self.reason or reason


UNREADABLE_BATCHES = 3
"""Batches in a row of which no answer could be read, none of those about single records either."""

UNREADABLE_RECORDS = 3
"""Records of a batch that are tried again and again, each alone, while no answer can be read at all."""


class UnknownOutcomes:
    """Watches for unreadable answers, however many requests are in flight.

    `clear` counts the readable answers. `words` describes the last unreadable one.
    """

    def __init__(self, stop_signal: StopSignal) -> None:
        self.clear = 0
        self.words = ""
        self._batches = 0
        self._busy = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._stop_signal = stop_signal
        stop_signal.tell(self._wake_all)

    @property
    def lost(self) -> bool:
        """Whether nothing but unknown outcomes came of the last few batches, at any time of a run."""
        return self._batches >= UNREADABLE_BATCHES

    def note_clear(self) -> None:
        """Note an answer that tells what became of its records."""
        self.clear += 1
        self._batches = 0
        self._wake_one()

    def note_unreadable(self, words: str) -> None:
        """Note an answer that does not."""
        self.words = words

    def note_batch(self) -> None:
        """Note a batch that has ended, and nothing clear came meanwhile of it or of any other."""
        self._batches += 1

    @asynccontextmanager
    async def one_at_a_time(self) -> AsyncIterator[None]:
        """Let one batch send its records singly while nothing clear comes; each clear answer admits one more.

        Otherwise as many as are in flight would do so, and spend on it what retries there are.
        """
        if self._busy and not self._stop_signal.is_set:
            turn = asyncio.get_running_loop().create_future()
            self._waiting.append(turn)
            await turn
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            if not self._busy:
                self._wake_one()

    def _wake_one(self) -> None:
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return

    def _wake_all(self) -> None:
        while self._waiting:
            self._wake_one()
