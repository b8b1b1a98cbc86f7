"""Sources: where rows come from, one at a time, in bounded memory.

Owns the reading of files, streams, databases and iterables into `Row`s, and the rejects for rows that
can't be read. It converts nothing: a CSV cell is a text, a JSON number an exact one. What a value means
is decided by the mapping.
"""

from __future__ import annotations

from opusmap.sources.arrow import ArrowStream
from opusmap.sources.batches import Part, row_parts
from opusmap.sources.changes import FileChange, FileState, find_changes
from opusmap.sources.folder import is_pattern
from opusmap.sources.formats import (
    all_formats,
    find_format,
    is_missing,
    is_remote,
    name_address,
    open_source,
    open_with,
)
from opusmap.sources.installed import from_rows
from opusmap.sources.source import Checkpoint, Source, unreadable_row

__all__ = [
    "ArrowStream",
    "Checkpoint",
    "FileChange",
    "FileState",
    "Part",
    "Source",
    "all_formats",
    "find_changes",
    "find_format",
    "from_rows",
    "is_missing",
    "is_pattern",
    "is_remote",
    "name_address",
    "open_source",
    "open_with",
    "row_parts",
    "unreadable_row",
]
