"""Tombstones: a record that was marked as destroyed, or may have been, is not submitted again.

A person can lift one, by the record's key and with a reason, which the journal keeps.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

import msgspec

from opusmap.errors import JournalError, SourceError
from opusmap.issues import Issue
from opusmap.journal import Destruction, DestructionState, Journal, open_journal
from opusmap.records import Chunk, Reject
from opusmap.run.duplicates import RowAt
from opusmap.wording import counted, quote_names, quote_value

if TYPE_CHECKING:
    from opusmap.settings import Settings
    from opusmap.staging import StagedRun

_SHOWN = 5
"""Row keys that a message names, at most."""


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
        rejects = dict[int, Reject]()
        for place, number, key in zip(chunk.places(), chunk.numbers, chunk.keys, strict=True):
            if key in found:
                problem = _describe(found[key])
                rejects[place] = Reject(number, key, (problem,), row_at(place).values)
        return chunk.reject(rejects)


def refuse_destroyed(staged: StagedRun, tombstones: Iterable[Destruction]) -> None:
    """Refuse a staged run that has a record which was destroyed, before anything of it is sent.

    Its records were made before the journal was asked, and can't be left out one by one: its counts and
    hashes are those of all. Where there are no tombstones, nothing is read.

    Raises:
        SourceError: `destroyed-record`; or a part can't be read.
    """
    destroyed = {row.key for row in tombstones if row.is_tombstone}
    if not destroyed:
        return
    found = sorted({key for key in staged.keys() if key in destroyed})  # noqa: SIM118 - of records, not of a dict
    if found:
        some = quote_names(found, _SHOWN, 60)
        problem = (
            f"{counted(len(found), 'record')} of it was marked as destroyed in Opus, or may have been: {some}"
        )
        help_text = (
            "remove the rows from the source, and stage it again; if they are right, "
            "`opusmap destroy lift` lets a record be submitted"
        )
        raise SourceError(staged.name, "destroyed-record", problem, help=help_text)


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
