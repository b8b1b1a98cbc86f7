"""The journal: what each run meant to send and what became of it, on disk before it counts.

Owns the state of a record under service origin, connection and rowKey. It knows nothing of HTTP,
batches or mappings.
"""

from opusmap.journal.entries import Entry, Run, Settlement, State, hash_content
from opusmap.journal.store import Journal

__all__ = ["Entry", "Journal", "Run", "Settlement", "State", "hash_content"]
