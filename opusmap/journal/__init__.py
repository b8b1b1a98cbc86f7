"""The journal: what each run meant to send and what became of it, on disk before it counts.

Owns the state of a record under service origin, connection and rowKey. It knows nothing of HTTP,
batches or mappings.
"""

from opusmap.journal.group_commit import GroupCommit, SyncExecutor, run_inline
from opusmap.journal.in_flight import Request
from opusmap.journal.journal_file import Storage
from opusmap.journal.models import Item, JournalRecord, Result, Run, State, Timestamp, hash_content
from opusmap.journal.pruning import Pruned
from opusmap.journal.store import Journal
from opusmap.journal.wal import Log
from opusmap.journal.writes import WriteSet, merge_writes

__all__ = [
    "GroupCommit",
    "Item",
    "Journal",
    "JournalRecord",
    "Log",
    "Pruned",
    "Request",
    "Result",
    "Run",
    "State",
    "Storage",
    "SyncExecutor",
    "Timestamp",
    "WriteSet",
    "hash_content",
    "merge_writes",
    "run_inline",
]
