"""What this Opus holds: the records, and when they are due for disposal.

Owns no judgement: what comes here has been found right. Values are copied out, never shared.
"""

from __future__ import annotations

from copy import deepcopy
from datetime import datetime
from typing import Literal

from opusmap.records import JsonValue

HELD_PATH = "/emulator/records"
"""Where all that is held is given, as JSON Lines; no part of the contract."""

Kept = Literal["created", "replaced", "skipped"]


class RecordStore:
    """Records by rowKey."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, JsonValue]] = {}
        self._due: dict[str, datetime] = {}
        self._destroyed: set[str] = set()

    @property
    def destroyed(self) -> frozenset[str]:
        """The rowKeys of the records that were marked as destroyed."""
        return frozenset(self._destroyed)

    def __len__(self) -> int:
        return len(self._records)

    def keep(self, key: str, values: dict[str, JsonValue], *, overwrite: bool) -> Kept:
        """Take a record: a new one always, a known one only with `overwrite`."""
        known = key in self._records
        if known and not overwrite:
            return "skipped"
        self._records[key] = values
        return "replaced" if known else "created"

    def copy(self) -> dict[str, dict[str, JsonValue]]:
        """Return a copy of all records, in the order of their first arrival."""
        return deepcopy(dict(self._records))

    def set_due(self, key: str, due: datetime) -> None:
        """Say when a record is due; it may arrive later, and stays due when it is replaced."""
        self._due[key] = due

    def find_due(self, before: datetime, after: str = "") -> list[dict[str, JsonValue]]:
        """Return the records due earlier than a time, sorted by rowKey, those after a rowKey alone."""
        keys = (
            key
            for key, due in self._due.items()
            if due < before and key > after and key in self._records and key not in self._destroyed
        )
        return [deepcopy(self._records[key]) for key in sorted(keys)]

    def mark_destroyed(self, key: str) -> bool:
        """Mark a record as destroyed, for ever; False, with nothing changed, when there is none."""
        if key not in self._records:
            return False
        self._destroyed.add(key)
        return True
