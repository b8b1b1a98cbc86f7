"""Key order: one version of a rowKey is in flight at a time, and versions go in the order of their rows.

Owns nothing but the waiting.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection


class KeyLocks:
    """Who holds which rowKey. Locks are granted in the order of the calls of `take`."""

    def __init__(self) -> None:
        self._latest: dict[str, KeyLock] = {}  # rowKey -> the latest lock that was asked for

    def is_taken(self, key: str) -> bool:
        """Tell whether somebody holds this rowKey, or waits for it."""
        return key in self._latest

    def take(self, keys: Collection[str]) -> KeyLock:
        """Ask for these rowKeys; who awaits the lock holds them, once all who asked before are done.

        Each waits only for those before it, so nobody waits for ever.
        """
        earlier = [self._latest[key] for key in keys if key in self._latest]
        lock = KeyLock(self._latest, keys, earlier)
        self._latest.update(dict.fromkeys(keys, lock))
        return lock


class KeyLock:
    """Some rowKeys, held by one who sends their records."""

    def __init__(self, latest: dict[str, KeyLock], keys: Collection[str], earlier: list[KeyLock]) -> None:
        self._latest = latest
        self._keys = keys
        self._earlier = earlier
        self._over = asyncio.get_running_loop().create_future()

    async def wait(self) -> None:
        """Return when all who asked before for one of these rowKeys are done."""
        for lock in self._earlier:
            await asyncio.shield(lock._over)  # noqa: SLF001 - of one class
        self._earlier.clear()

    def end(self) -> None:
        """Let the next have the rowKeys."""
        self._over.set_result(None)
        for key in self._keys:
            if self._latest.get(key) is self:
                del self._latest[key]
