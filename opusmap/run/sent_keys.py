"""Row keys that a run sent through some rows: rows that it rejected don't get them by a correction.

Owns that rule. It holds for a file of rejects whose name is that of a run's, and for what that run sent
itself: of a record that was unchanged then, the journal does not know which row had its key.
"""

from __future__ import annotations

from pathlib import Path

from opusmap.journal import Journal, State
from opusmap.records import Chunk, Reject
from opusmap.rejects import RejectsSource
from opusmap.report import find_run_of_rejects
from opusmap.run.duplicates import RowAt, reject_duplicate
from opusmap.run.open import Work


class SentKeys:
    """What the run of a file of rejects sent; false where the rows come from no such file."""

    def __init__(self, work: Work, journal: Journal, origin: str) -> None:
        """Look which run wrote the file that the rows come from.

        Raises:
            JournalError: the journal can't be read.
        """
        self._work, self._journal = work, journal
        self._target = origin, work.mapper.connection.id
        self._run: int | None = None
        if isinstance(work.source, RejectsSource):
            target = (*self._target, Path(work.mapper.spec.path).name)
            found = find_run_of_rejects(journal, target, work.source.name)
            self._run = None if found is None else found[0].id
        self._is_last = work.mapper.spec.duplicates == "last"

    def __bool__(self) -> bool:
        return self._run is not None

    def filter(self, chunk: Chunk, row_at: RowAt) -> Chunk:
        """Return a chunk with a reject for each record whose key that run sent, or may have, of another row.

        With `duplicates: last`, a later row may replace an earlier one.

        Raises:
            JournalError: the journal can't be read.
        """
        known = self._journal.find_records(*self._target, chunk.keys)
        rejects = dict[int, Reject]()
        for place, number, key in zip(chunk.places(), chunk.numbers, chunk.keys, strict=True):
            before = known.get(key)
            if before is None or before.run != self._run or before.state is State.FAILED:
                continue
            if number < before.row if self._is_last else number != before.row:
                other = self._work.source.place(before.row)
                rejects[place] = reject_duplicate(number, key, row_at(place).values, other)
        return chunk.reject(rejects) if rejects else chunk
