"""The journal: what each run meant to send and what became of it, on disk before it counts.

Owns the state of a record under service origin, connection and rowKey. It knows nothing of HTTP,
batches or mappings.
"""

from opusmap.journal.changes import Change, merge_changes
from opusmap.journal.commits import Commits, Offload, run_inline
from opusmap.journal.entries import Entry, JournalRecord, Moment, Run, Settlement, State, hash_content
from opusmap.journal.flights import Flight
from opusmap.journal.log import Log
from opusmap.journal.places import Storage
from opusmap.journal.pruning import Pruned
from opusmap.journal.store import Journal

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
