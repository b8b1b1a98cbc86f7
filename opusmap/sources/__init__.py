"""Sources: where rows come from, one at a time, in bounded memory.

Owns the reading of files, streams, databases and iterables into `Row`s, and the rejects for rows that
can't be read. It converts nothing: a CSV cell is a text, a JSON number an exact one. What a value means
is the mapping's business.
"""

from __future__ import annotations

from opusmap.sources.batches import Part, row_parts, rows_at
from opusmap.sources.changes import FileChange, FileState, Watch, find_changes
from opusmap.sources.formats import (
    FORMATS,
    SUFFIXES,
    find_format,
    is_missing,
    open_database,
    open_source,
    open_with,
)
from opusmap.sources.globs import is_pattern
from opusmap.sources.normalize import plain_value
from opusmap.sources.remote import is_remote
from opusmap.sources.source import IterableSource, Source, from_iterable

__all__ = [
    "FORMATS",
    "SUFFIXES",
    "FileChange",
    "FileState",
    "IterableSource",
    "Part",
    "Source",
    "Watch",
    "find_changes",
    "find_format",
    "from_iterable",
    "is_missing",
    "is_pattern",
    "is_remote",
    "open_database",
    "open_source",
    "open_with",
    "plain_value",
    "row_parts",
    "rows_at",
]
