"""Files that an editor's answers depend on, read again only when they have changed: by time and size.

A stranger's folder decides what is read, so files are regular ones in the mapping's folder, within the limits
of the readers; a database is never asked: opening a file in an editor must not run a query.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from opusmap.connection import Connection, load_connection
from opusmap.errors import OpusmapError
from opusmap.mapping.load import Reader
from opusmap.mapping.yaml_reader import YamlFile, parse_yaml, read_yaml
from opusmap.mapping.yaml_sections import SectionEvents
from opusmap.safe_files import UnreadableFile
from opusmap.source_options import SourceOptions

Value = TypeVar("Value")
Stamp = tuple[int, int]

_KEPT = 32
"""Files that are kept of each kind, at most: a mapping has few."""


def stamp(path: Path) -> Stamp | None:
    """Return what changes when a file does: its time and size. None if there is no such file."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return None
    return found.st_mtime_ns, found.st_size


@dataclass(slots=True)
class _Kept(Generic[Value]):
    stamp: Stamp | None
    value: Value | None
    error: Exception | None


class FileCache(Generic[Value]):
    """What was read from files, or the error, by a key of each, for as long as the file is as it was."""

    def __init__(self) -> None:
        self._kept: dict[object, _Kept[Value]] = {}

    def get(self, path: Path, key: object, read: Callable[[], Value]) -> Value:
        """Return what is known of a file, or read it; an error of either is raised."""
        now, kept = stamp(path), self._kept.get(key)
        if kept is None or kept.stamp != now or now is None:
            kept = _Kept(now, *_try(read))
            while len(self._kept) >= _KEPT:
                self._kept.pop(next(iter(self._kept)))
            self._kept[key] = kept
        if kept.error is not None:
            raise kept.error.with_traceback(None)
        assert kept.value is not None
        return kept.value


def _try(read: Callable[[], Value]) -> tuple[Value | None, Exception | None]:
    try:
        return read(), None
    except (OpusmapError, UnreadableFile) as error:
        return None, error


class CachingReader(Reader):
    """Reads what a mapping consists of, and only what has changed since it was read last."""

    def __init__(self) -> None:
        self._events = SectionEvents()
        self._fragments = FileCache[YamlFile]()
        self._tables = FileCache[dict[str, Any]]()
        self._connections = FileCache[Connection]()
        self.left_out = False
        """Whether a table was left out because it is in a database."""

    def parse(self, text: str, name: str) -> YamlFile:
        """Read a YAML text, of which only the sections that have changed are parsed."""
        return parse_yaml(text, name, self._events)

    def read(self, path: Path, name: str) -> YamlFile:
        """Read a YAML file, unless it is as it was."""
        return self._fragments.get(path, (path, name), lambda: read_yaml(path, name))

    def connection(self, path: str | Path) -> Connection:
        """Read a connection, unless its file is as it was."""
        return self._connections.get(Path(path), path, lambda: load_connection(path))

    def table(
        self,
        path: Path | None,
        options: SourceOptions,
        key: str | None,
        value: str | None,
        inside: Path | None,
    ) -> dict[str, Any]:
        """Read the entries of a table, unless its file is as it was. One in a database is left out."""
        if path is None and options.database is not None:
            self.left_out = True
            return {}
        if path is None:
            return super().table(path, options, key, value, inside)
        read = super().table
        return self._tables.get(
            path,
            (path, key, value, repr(options), inside),
            lambda: read(path, options, key, value, inside),
        )
