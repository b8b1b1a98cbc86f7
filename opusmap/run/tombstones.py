"""Tombstones: a record that was marked as destroyed, or may have been, is not submitted again.

A person can lift one, by the record's key and with a reason, which the journal keeps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from opusmap.errors import JournalError
from opusmap.issues import Issue
from opusmap.journal import Destruction, DestructionState, Journal, open_journal
from opusmap.records import Chunk, Reject
from opusmap.run.duplicates import RowAt
from opusmap.wording import quote_value

if TYPE_CHECKING:
    from opusmap.settings import Settings


class Tombstones:
    """What a journal knows of a connection's destroyed records; false where there are none."""

    def __init__(self, journal: Journal, origin: str, connection: str) -> None:
        """Look whether there are any.

        Raises:
            JournalError: the journal can't be read.
        """
        self._journal, self._target = journal, (origin, connection)
        self._any = any(row.is_tombstone for row in journal.destructions(*self._target))

    def __bool__(self) -> bool:
        return self._any

    def filter(self, chunk: Chunk, row_at: RowAt) -> Chunk:
        """Return a chunk with a reject for each record that was destroyed.

        Raises:
            JournalError: the journal can't be read.
        """
        rows = self._journal.destructions(*self._target, chunk.keys)
        found = {row.key: row for row in rows if row.is_tombstone}
        if not found:
            return chunk
        places, rejects = chunk.places(), dict[int, Reject]()
        for place, (number, key) in enumerate(zip(chunk.numbers, chunk.keys, strict=True)):
            if key in found:
                problem = _describe(found[key])
                rejects[place] = Reject(number, key, (problem,), row_at(places[place]).values)
        return chunk.reject(rejects)


def _describe(row: Destruction) -> Issue[str]:
    done = "was" if row.state is DestructionState.DESTROYED else "may have been"
    message = f"the record {quote_value(row.key)} {done} marked as destroyed in Opus, by plan {row.plan[:12]}"
    help_text = "remove the row from the source; if it is right, `opusmap destroy lift` lets it be submitted"
    return Issue("destroyed-record", message, "Row key", help_text)


def lift_tombstone(settings: Settings, connection: str, key: str, words: str) -> None:
    """Let a record be submitted again; `words` say who wants it, when and why.

    Raises:
        JournalError: the journal has no tombstone of this record, or can't be written.
    """
    origin = settings.base_url
    with open_journal(settings.journal) as journal:
        rows = [each for each in journal.destructions(origin, connection, [key]) if each.is_tombstone]
        if not rows:
            problem = f"no destruction of {quote_value(key)} keeps it from being submitted"
            raise JournalError(str(settings.journal), problem)
        lifted = [msgspec.structs.replace(row, lifted=words) for row in rows]
        # Opus marked what the journal has as accepted: the next run must send it, though it is unchanged.
        journal.write_destructions(origin, connection, lifted, forget=[key])
