"""The journal: what each run meant to send and what became of it, on disk before it counts.

Owns the state of a record under service origin, connection and rowKey. It knows nothing of HTTP,
batches or mappings. `interface` is what others use; `sqlite_journal` keeps it in a file.
"""

from pathlib import Path

from opusmap.journal.interface import Journal, Session
from opusmap.journal.models import (
    OPEN_STATES,
    Item,
    JournalRecord,
    Result,
    Run,
    State,
    Timestamp,
    hash_content,
)
from opusmap.journal.sqlite_journal import SqliteJournal

__all__ = [
    "OPEN_STATES",
    "Item",
    "Journal",
    "JournalRecord",
    "Result",
    "Run",
    "Session",
    "SqliteJournal",
    "State",
    "Timestamp",
    "hash_content",
    "open_journal",
]


def open_journal(address: Path | str, *, write: bool = True) -> Journal:
    """Open the journal at an address: a file's path, or `:memory:` for one that is thrown away.

    A file that isn't there is made, and one of the version before is upgraded, if it is opened to `write`, as
    its only writer. What a killed run had in flight becomes pending then. Reports open it with False.

    Raises:
        JournalError: it can't be opened, is of another kind or version, has another writer, or lies on a
            network share.
    """
    return SqliteJournal(address, write=write)
