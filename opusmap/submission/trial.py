"""The trial: does Opus take anything at all of what this mapping makes?

Pure. Owns telling a wrong mapping from wrong rows by the first records of a run.
"""

from __future__ import annotations

import re

from opusmap.submission.batching import BATCH_SIZE

__all__ = ["Trial"]

FIRST_RECORDS = 3 * BATCH_SIZE
"""Records that are refused for one reason, and none taken, until the mapping is what is wrong."""


class Trial:
    """Watches the first records. It is `over` when one was taken, or two were refused for two reasons."""

    def __init__(self) -> None:
        self.over = False
        self.reason = ""
        self._same = ""
        self._refused = 0

    @property
    def lost(self) -> bool:
        """Whether all of the first records were refused for one reason."""
        return not self.over and self._refused >= FIRST_RECORDS

    @property
    def refused(self) -> int:
        """Records refused so far."""
        return self._refused

    def note_taken(self) -> None:
        """Note that Opus took a record, in this run or before."""
        self.over = True

    def note_refused(self, key: str, reason: str) -> None:
        """Note a refusal that is news. Reasons are the same when they differ in rowKey or numbers alone."""
        same = re.sub(r"\d+", "0", reason.replace(key, ""))
        if self._refused and same != self._same:
            self.over = True
        self._refused += 1
        self._same, self.reason = same, self.reason or reason
