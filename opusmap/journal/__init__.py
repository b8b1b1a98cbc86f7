"""The journal: what each run meant to send and what became of it, on disk before it counts.

Owns the state of a record under service origin, connection and rowKey. It knows nothing of HTTP,
batches or mappings. `interface` is what others use; `sqlite_journal` keeps it in a file,
`postgres_journal` in a database.
"""

from opusmap.errors import JournalError
from opusmap.journal.destruction import Destruction, DestructionState
from opusmap.journal.interface import Journal, Session, Share
from opusmap.journal.models import (
    OPEN_STATES,
    Item,
    JournalRecord,
    Progress,
    Result,
    Run,
    StagedParts,
    State,
    Timestamp,
    hash_content,
)
from opusmap.journal.sqlite_journal import SqliteJournal
from opusmap.settings import JournalPlace, PostgresAddress

__all__ = [
    "OPEN_STATES",
    "Destruction",
    "DestructionState",
    "Item",
    "Journal",
    "JournalRecord",
    "Progress",
    "Result",
    "Run",
    "Session",
    "Share",
    "SqliteJournal",
    "StagedParts",
    "State",
    "Timestamp",
    "hash_content",
    "open_journal",
]


def open_journal(place: JournalPlace | str, *, write: bool = True) -> Journal:
    """Open the journal at a place: a file's path (or `:memory:` for one that is thrown away), or a database.

    One that isn't there is made, and one of the version before is upgraded, if it is opened to `write`. Only
    one run writes at a time: of all, in a file; of each connection, in a database. What a killed run had in
    flight becomes pending then. Reports open it with False.

    Raises:
        JournalError: it can't be opened, is of another kind or version, has another writer, or lies on a
            network share. `NoJournal` if it is to be read and is not there.
    """
    if not isinstance(place, PostgresAddress):
        return SqliteJournal(place, write=write)
    try:
        from opusmap.journal.postgres_journal import PostgresJournal  # noqa: PLC0415 - an extra
    except ImportError:
        problem = "a journal in PostgreSQL needs the package psycopg, which is not installed"
        raise JournalError(
            str(place), problem, "install the extra `postgres`; `opusmap help extras` shows how"
        ) from None
    return PostgresJournal(place, write=write)
