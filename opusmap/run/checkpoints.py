"""Which of a source's checkpoints may be confirmed: those before which every row has been dealt with.

A row is dealt with when it was filtered, when Opus has its record, or when a whole file of rejects has it. A
record that was not sent, or whose outcome is not known, must come again, so nothing after it is confirmed.
"""

from __future__ import annotations

from collections import OrderedDict

from opusmap.delivery import Fate
from opusmap.sources import Source


class Checkpoints:
    """The checkpoints of one run's source, in order; of None, or a source without any, there are none."""

    def __init__(self, source: Source | None) -> None:
        self._passed = None if source is None else source.checkpoints
        self._open = OrderedDict[int, None]()  # the rows whose records have no result yet
        self._held: int | None = None  # the first row that is in the rejects, which are not whole yet
        self._read = 0
        self._state = ""

    def begin(self, row: int) -> None:
        """Note that a row's record is to be sent."""
        if self._passed is not None:
            self._open[row] = None

    def hold(self, row: int) -> None:
        """Note that a row was rejected: it counts once `release` says that the rejects are written."""
        self._held = row if self._held is None else min(self._held, row)

    def end(self, row: int, fate: Fate) -> None:
        """Note what became of a row's record."""
        if self._passed is None or fate in ("uncertain", "not_sent"):
            return
        if fate == "failed":
            self.hold(row)
        self._open.pop(row, None)

    def note_read(self, rows: int) -> None:
        """Note how many rows have been mapped, their records given to `begin`."""
        self._read = rows

    def release(self) -> None:
        """Note that all rejects are in a whole file."""
        self._held = None

    def state(self) -> str:
        """Return the state of the newest checkpoint that may be confirmed, as JSON; empty if none may."""
        first = next(iter(self._open), None)
        while self._passed and self._passed[0].rows <= self._read:
            number = self._passed[0].number
            if (first is not None and first <= number) or (self._held is not None and self._held <= number):
                break
            self._state = self._passed.popleft().state.decode()
        return self._state
