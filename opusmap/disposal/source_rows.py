"""What a source has now of records that were submitted earlier: their rows, by rowKey.

The mapping's `where` does not count here: a row that it excludes is a row that is there.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from itertools import islice

from opusmap.journal import hash_content
from opusmap.records import Chunk, JsonValue, Reject
from opusmap.run.open import Work
from opusmap.run.parallel import CHUNK_ROWS

_KEY = "Row key"
_NO_KEY = "empty-required"


@dataclass(frozen=True, slots=True)
class SourceRow:
    """A row that has the rowKey of a record: its number, and what would be sent of it.

    `content` is the hash of that, None where the row is rejected now; `values` are by internal name.
    """

    number: int
    content: bytes | None = None
    values: dict[str, JsonValue] | None = None


@dataclass(frozen=True, slots=True)
class SourceRows:
    """The rows found by rowKey, how many were read, and the numbers of those whose key can't be read."""

    found: dict[str, SourceRow]
    read: int
    unreadable: tuple[int, ...]


def find_rows(
    work: Work, keys: Collection[str], note: Callable[[int], None] = lambda _read: None
) -> SourceRows:
    """Read a source to its end and return the rows that have one of these rowKeys.

    Of several rows with one key the one counts that owns it for `submit`: the first one, or, with
    `duplicates: last`, the last one that is a record.

    Args:
        work: the mapping and the source.
        keys: the rowKeys.
        note: is called with how many rows were read so far; what it raises ends the reading.

    Raises:
        SourceError: it can't be read.
    """
    mapper, wanted = work.mapper.without_where(), frozenset(keys)
    latest = mapper.spec.duplicates == "last"
    found: dict[str, SourceRow] = {}
    unreadable: list[int] = []
    read, rows = 0, iter(work.source.rows())
    while part := list(islice(rows, CHUNK_ROWS)):
        read += len(part)
        note(read)
        chunk = mapper.map_chunk(part)
        for key, row in _rows_of(chunk, wanted, mapper.spec.conflict):
            if key not in found or (latest and row.content is not None):
                found[key] = row
        unreadable += (one.row for one in chunk.rejects() if one.key is None and not _has_no_key(one))
    return SourceRows(found, read, tuple(unreadable))


def _rows_of(chunk: Chunk, wanted: frozenset[str], conflict: str) -> list[tuple[str, SourceRow]]:
    """Return the rows of a chunk that have one of these rowKeys, in their order."""
    rejects = [(place, one) for place, one in chunk.placed_rejects() if one.key in wanted]
    if wanted.isdisjoint(chunk.keys) and not rejects:
        return []
    facts = zip(chunk.places(), chunk.numbers, chunk.keys, chunk.records(), chunk.values(), strict=True)
    rows = {
        place: (key, SourceRow(number, hash_content(record, conflict), values))
        for place, number, key, record, values in facts
        if key in wanted
    }
    rows |= {place: (str(one.key), SourceRow(one.row)) for place, one in rejects}
    return [rows[place] for place in sorted(rows)]


def _has_no_key(reject: Reject) -> bool:
    """Return whether a row surely has no rowKey, such as a line with a sum; else its key can't be read."""
    codes = {problem.code for problem in reject.problems if problem.place == _KEY}
    return codes == {_NO_KEY}
