"""Turns: one version of a rowKey is in flight at a time, and versions go in the order of their rows.

Owns nothing but the waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager

__all__ = ["Turns"]


class Turns:
    """Who holds which rowKey. The order of turns is the order of the calls of `take`."""

    def __init__(self) -> None:
        self._holders: dict[str, asyncio.Event] = {}  # rowKey -> set when the latest to ask for it is done

    def is_taken(self, key: str) -> bool:
        """Tell whether somebody holds this rowKey, or waits for it."""
        return key in self._holders

    @asynccontextmanager
    async def take(self, keys: Collection[str]) -> AsyncIterator[None]:
        """Hold these rowKeys, once all who asked for one of them before are done.

        Each waits only for those before it, so nobody waits for ever.
        """
        done = asyncio.Event()
        earlier = [self._holders[key] for key in keys if key in self._holders]
        self._holders.update(dict.fromkeys(keys, done))
        try:
            for event in earlier:
                await event.wait()
            yield
        finally:
            done.set()
            for key in keys:
                if self._holders.get(key) is done:
                    del self._holders[key]
