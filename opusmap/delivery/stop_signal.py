"""The stop signal: why a run sends nothing new any more, once that is so.

Owns the first reason, and waking whoever waits.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from opusmap.errors import OpusmapError

_log = logging.getLogger("opusmap.delivery")


class StopSignal:
    """Not set until somebody stops the run. The first reason is the run's."""

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
