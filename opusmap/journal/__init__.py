"""The journal: what each run meant to send and what became of it, on disk before it counts.

Owns the state of a record under service origin, connection and rowKey. It knows nothing of HTTP,
batches or mappings.
"""

from opusmap.journal.group_commit import Commits, Offload, run_inline
from opusmap.journal.in_flight import Flight
from opusmap.journal.journal_file import Storage
from opusmap.journal.models import Entry, JournalRecord, Moment, Run, Settlement, State, hash_content
from opusmap.journal.pruning import Pruned
from opusmap.journal.store import Journal
from opusmap.journal.wal import Log
from opusmap.journal.writes import Change, merge_changes

__all__ = [
    "Change",
    "Commits",
    "Entry",
    "Flight",
    "Journal",
    "JournalRecord",
    "Log",
    "Moment",
    "Offload",
    "Pruned",
    "Run",
    "Settlement",
    "State",
    "Storage",
    "hash_content",
    "merge_changes",
    "run_inline",
]
