"""What this Opus holds: the records. When they are due, and what was destroyed, is in `disposal`.

Owns no judgement: what comes here has been found right. Values are copied out, never shared.
"""

from __future__ import annotations

from collections.abc import ItemsView
from copy import deepcopy
from typing import Literal

from opusmap.records import JsonValue

HELD_PATH = "/emulator/records"
"""Where all that is held is given, as JSON Lines; no part of the contract."""

Kept = Literal["created", "replaced", "skipped"]


class RecordStore:
    """Records by rowKey."""

    def __init__(self) -> None:
        self._records: dict[str, dict[str, JsonValue]] = {}

    def __len__(self) -> int:
        return len(self._records)

    def keep(self, key: str, values: dict[str, JsonValue], *, overwrite: bool) -> Kept:
        """Take a record: a new one always, a known one only with `overwrite`."""
        known = key in self._records
        if known and not overwrite:
            return "skipped"
        self._records[key] = values
        return "replaced" if known else "created"

    def items(self) -> ItemsView[str, dict[str, JsonValue]]:
        """Return all records by rowKey, to be looked at only."""
        return self._records.items()

    def find(self, key: str) -> dict[str, JsonValue] | None:
        """Return a record, to be looked at only; None where there is none."""
        return self._records.get(key)

    def copy(self) -> dict[str, dict[str, JsonValue]]:
        """Return a copy of all records, in the order of their first arrival."""
        return deepcopy(dict(self._records))
