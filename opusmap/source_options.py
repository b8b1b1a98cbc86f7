"""The keys of a mapping's `source`, which a lookup table in a file or a database takes as well."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from typing import Any

FORMATS = ("csv", "jsonl", "json", "singer", "dataport", "excel", "parquet", "sqlite", "files")
"""The formats that a source may have without another package."""

FORMATS_ENTRY_POINTS = "opusmap.sources"
"""The entry point group under which a package names the formats that it adds."""


@cache
def installed_formats() -> dict[str, EntryPoint]:
    """Return the formats that installed packages add, by name; nothing of theirs is loaded."""
    found = {entry.name.lower(): entry for entry in entry_points(group=FORMATS_ENTRY_POINTS)}
    return {name: entry for name, entry in found.items() if name not in FORMATS}


@dataclass(frozen=True, slots=True)
class SourceOptions:
    """The mapping's `source`: where rows come from. `path` is as written, relative to the mapping.

    The schema says what each key means, the `FORMAT` of each source module which keys it takes.
    """

    path: str | None = None
    format: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header_row: int | None = None
    headers: str | None = None
    columns: tuple[str, ...] = ()
    sheet: str | None = None
    items: str | None = None
    each: str | None = None
    stream: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    sql: str | None = None
    database: str | None = None
    file_column: str | None = None
    empty: tuple[str, ...] = ("",)
