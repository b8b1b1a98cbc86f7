"""What is gone: records that Opus accepted earlier, of which the source has no row now. Nothing is deleted.

Owns that rule: a destroyed record is not gone, and nor is one whose row is rejected, as far as its key is
known. Rows are compared by 64-bit hashes of their keys, as duplicates are.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from itertools import islice

from opusmap.journal import Journal, Run
from opusmap.records import Chunk
from opusmap.rejects import RejectsSource
from opusmap.report import Evidence
from opusmap.sources import Source

_BLOCK = 500
"""RowKeys that are asked about at a time."""


def find_absent(
    journal: Journal, origin: str, connection: str, find_met: Callable[[set[int]], set[int]]
) -> Iterator[str]:
    """Yield the rowKeys of accepted records that are not among the source's, in their order.

    Args:
        journal: which knows the records.
        origin: of Opus.
        connection: its id.
        find_met: returns which hashes of row keys are those of rows; see `MapStream.find_met`.

    Raises:
        JournalError: it can't be read.
        StoppedEarly: the temporary file for the keys of very many rows can't be used.
    """
    keys = iter(journal.accepted_keys(origin, connection))
    any_destroyed = any(row.is_tombstone for row in journal.destructions(origin, connection))
    while block := list(islice(keys, _BLOCK)):
        met = find_met({hash(key) for key in block})
        absent = [key for key in block if hash(key) not in met]
        if absent and any_destroyed:
            rows = journal.destructions(origin, connection, absent)
            destroyed = {row.key for row in rows if row.is_tombstone}
            absent = [key for key in absent if key not in destroyed]
        yield from absent


def has_all_rows(source: Source) -> bool:
    """Return whether a source has a row for each record that is there, not for some or for changes alone."""
    return source.checkpoints is None and not isinstance(source, RejectsSource)


def count_unreadable(chunk: Chunk) -> int:
    """Return how many rows of a chunk are rejected without a key, so that they may be any record's."""
    return sum(reject.key is None for reject in chunk.rejects())


def find_from_rejects(journal: Journal, run: Run, keys: Collection[str]) -> set[str]:
    """Return which of some records Opus accepted last from a file of rejects: their keys may be corrected.

    Raises:
        JournalError: the journal can't be read.
    """
    known = journal.find_accepted(run.origin, run.connection, set(keys)) if keys else {}
    runs = {one.id: one for one in journal.runs()} if known else {}
    retries = {
        number
        for number in {record.run for record in known.values()}
        if number in runs and Evidence.read(journal.evidence(runs[number])).rows_of is not None
    }
    return {key for key, record in known.items() if record.run in retries}
