"""Row keys under which rows of a source were sent: its rejected rows don't get them by a correction.

Owns that rule. It holds for a file of rejects whose name is that of a run's, and for what was sent by the run
that read the source and by the retries of its rejects, in any order: their rows have the source's numbers. Of
a record that was unchanged in all of them, the journal does not know which row had its key.
"""

from __future__ import annotations

from pathlib import Path

from opusmap.journal import Journal, Run, State
from opusmap.records import Chunk, Reject
from opusmap.rejects import RejectsSource
from opusmap.report import Evidence, find_run_of_rejects
from opusmap.run.duplicates import RowAt, reject_duplicate
from opusmap.run.open import Work


class SentKeys:
    """What was sent of the source whose rejects a file has; false where the rows come from no such file.

    Attributes:
        rows_of: the run that read the source, as `Evidence.rows_of`.
    """

    def __init__(self, work: Work, journal: Journal, origin: str) -> None:
        """Look which run wrote the file that the rows come from, and which one read the source before.

        Raises:
            JournalError: the journal can't be read.
        """
        self._work, self._journal = work, journal
        self._target = origin, work.mapper.connection.id
        self.rows_of: int | None = None
        self._runs = dict[int, Run]()
        self._is_of_source = dict[int, bool]()
        if isinstance(work.source, RejectsSource):
            target = (*self._target, Path(work.mapper.spec.path).name)
            found = find_run_of_rejects(journal, target, work.source.name)
            if found is not None:
                run, left = found
                self.rows_of = run.id if left.rows_of is None else left.rows_of
                self._runs = {each.id: each for each in journal.runs()}
        self._is_last = work.mapper.spec.duplicates == "last"

    def __bool__(self) -> bool:
        return self.rows_of is not None

    def filter(self, chunk: Chunk, row_at: RowAt) -> Chunk:
        """Return a chunk with a reject for each record whose key was sent, or may have been, of another row.

        With `duplicates: last`, a later row may replace an earlier one.

        Raises:
            JournalError: the journal can't be read.
        """
        known = self._journal.find_records(*self._target, chunk.keys)
        rejects = dict[int, Reject]()
        for place, number, key in zip(chunk.places(), chunk.numbers, chunk.keys, strict=True):
            before = known.get(key)
            if before is None or before.state is State.FAILED or not self._sent_source(before.run):
                continue
            if number < before.row if self._is_last else number != before.row:
                other = self._work.source.place(before.row)
                rejects[place] = reject_duplicate(number, key, row_at(place).values, other, is_retry=True)
        return chunk.reject(rejects) if rejects else chunk

    def _sent_source(self, number: int) -> bool:
        """Return whether an earlier run, by its number, sent rows of the same source.

        Only runs that sent a key which is met here are looked up, each once: a journal may have thousands.
        """
        if number not in self._is_of_source:
            run = self._runs.get(number)
            self._is_of_source[number] = number == self.rows_of or (
                run is not None and Evidence.read(self._journal.evidence(run)).rows_of == self.rows_of
            )
        return self._is_of_source[number]
