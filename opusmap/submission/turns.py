"""Turns: one version of a rowKey is in flight at a time, and versions go in the order of their rows.

Owns nothing but the waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection

__all__ = ["Turn", "Turns"]


class Turns:
    """Who holds which rowKey. The order of turns is the order of the calls of `take`."""

    def __init__(self) -> None:
        self._latest: dict[str, Turn] = {}  # rowKey -> the latest turn that was asked for

    def is_taken(self, key: str) -> bool:
        """Tell whether somebody holds this rowKey, or waits for it."""
        return key in self._latest

    def take(self, keys: Collection[str]) -> Turn:
        """Ask for these rowKeys; `async with` the turn holds them, once all who asked before are done.

        Each waits only for those before it, so nobody waits for ever.
        """
        earlier = [self._latest[key] for key in keys if key in self._latest]
        turn = Turn(self._latest, keys, earlier)
        self._latest.update(dict.fromkeys(keys, turn))
        return turn


class Turn:
    """Some rowKeys, held by one who sends their records."""

    def __init__(self, latest: dict[str, Turn], keys: Collection[str], earlier: list[Turn]) -> None:
        self._latest = latest
        self._keys = keys
        self._earlier = earlier
        self._over = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Return when all who asked before for one of these rowKeys are done."""
        for turn in self._earlier:
            await asyncio.shield(turn._over)  # noqa: SLF001 - of one class
        self._earlier.clear()

    def end(self) -> None:
        """Let the next have the rowKeys."""
        self._over.set_result(None)
        for key in self._keys:
            if self._latest.get(key) is self:
                del self._latest[key]
