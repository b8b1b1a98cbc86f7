"""Writes a staged run from the chunks of a source, in bounded memory, each key into one part."""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

import msgspec

from opusmap.compiler import Mapper
from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.journal import hash_content
from opusmap.records import Chunk, Reject
from opusmap.rejects import encode_cells
from opusmap.sources import FileChange, Source
from opusmap.sources.source import load_extra
from opusmap.staging.manifest import MANIFEST, RECORDS, REJECTS, read_rules
from opusmap.staging.staged_run import (
    RECORD_COLUMNS,
    REJECT_COLUMNS,
    REMARKS,
    StagedRun,
    refuse_existing,
    write_manifest,
)
from opusmap.staging.storage import Storage, refuse_unfinished

WAITING = 64 << 20
"""Bytes of records that wait for their row group, at most, in all parts together."""
_ROW = 400
"""Bytes that Python's own objects for a row take, about."""
_LEAST_GROUP = 128 << 10
"""Bytes of a row group, at least: smaller ones take longer to write and to read."""


class StagedWriter:
    """Writes the chunks of a source as a staged run. Use it as a context, and `finish` it at the end.

    A run that is not finished leaves nothing, unless the process is killed.

    Attributes:
        name: what messages call the place.
    """

    def __init__(
        self, address: str | Path, mapper: Mapper, source: Source | None = None, *, parts: int = 8
    ) -> None:
        """Begin a staged run.

        Args:
            address: a folder that does not exist yet or is empty, or an address that fsspec knows.
            mapper: what makes the records.
            source: what gives the rows, if it is known: the hashes of its files go into the manifest.
            parts: how many files the records go into.

        Raises:
            SourceError: `staged-exists`, `staged-unfinished`, `missing-extra`, `source-unreadable`.
            SettingsError: it can't be written there.
        """
        self._storage = Storage(address)
        self.name = self._storage.name
        self._address = address
        refuse_occupied(self._storage)
        self._rules = read_rules(mapper, source)
        self._read = self._filtered = 0
        self._finished = False
        self._files: list[_PartWriter] = []
        self._rejects: _PartWriter | None = None
        self._conflict = mapper.spec.conflict
        self._storage.create()
        # At an address, two jobs may begin at once. Separate names keep each one's files as they are;
        # what comes second is then too much, by the counts or for the manifest.
        self._suffix = f"-{secrets.token_hex(4)}" if self._storage.is_remote else ""
        most = max(WAITING // parts, _LEAST_GROUP)
        try:
            for number in range(parts):
                name = f"{RECORDS}/part-{number:05}{self._suffix}.parquet"
                self._files.append(_PartWriter(self._storage, name, (*RECORD_COLUMNS, *REMARKS), most))
        except BaseException:
            self._remove()
            raise

    def write(self, chunk: Chunk) -> None:
        """Write the records and rejects of a chunk.

        Raises:
            SettingsError: a file can't be written, such as on a full disk.
        """
        self._read += len(chunk)
        for place, (number, key, body) in enumerate(
            zip(chunk.numbers, chunk.keys, chunk.records(), strict=True)
        ):
            file = self._files[zlib.crc32(key.encode()) % len(self._files)]
            remarks = (encode_issues(found.get(place, ())) for found in (chunk.replaced, chunk.notes))
            content = hash_content(body, self._conflict)
            file.write((number, key, content, body.decode(), *remarks), len(key) + len(body))
        for _, one in chunk.others:
            if isinstance(one, Reject):
                self._reject(one)
            else:
                self._filtered += 1

    def _reject(self, one: Reject) -> None:
        if self._rejects is None:
            name = f"{REJECTS}/part-00000{self._suffix}.parquet"
            self._rejects = _PartWriter(self._storage, name, REJECT_COLUMNS, WAITING)
        cells = encode_cells(one.values).decode()
        problems = encode_issues(one.problems)
        self._rejects.write((one.row, one.key, problems, cells), len(cells) + len(problems or ""))

    def finish(self, source_changed: Iterable[FileChange] = ()) -> StagedRun:
        """Close the files and write the manifest; return the staged run.

        `source_changed` are files of the source that changed while it was read.

        Raises:
            SettingsError, SourceError: as `write_manifest`.
        """
        for file in self._all():
            file.close()
        rules = self._rules.with_changes(source_changed)
        staged = write_manifest(self._address, rules, filtered=self._filtered, read=self._read)
        self._finished = True
        return staged

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Remove what was written, if an error ends the block before the staged run is finished."""
        if kind is not None and not self._finished:
            self._remove()

    def _all(self) -> list[_PartWriter]:
        return [*self._files, *([] if self._rejects is None else [self._rejects])]

    def _remove(self) -> None:
        for file in self._all():
            file.abandon()
        self._storage.remove(file.name for file in self._all())


class _PartWriter:
    """One Parquet file: rows wait until they fill a row group."""

    def __init__(self, storage: Storage, name: str, columns: tuple[str, ...], most: int) -> None:
        arrow = self._arrow = storage.arrow
        parquet = load_extra("pyarrow.parquet", "parquet", "a staged run", storage.name)
        kinds = {"row": arrow.int64(), "hash": arrow.binary()}
        self._schema = arrow.schema([(column, kinds.get(column, arrow.string())) for column in columns])
        self._storage, self.name, self._most = storage, name, most
        self._rows: list[tuple[Any, ...]] = []
        self._waiting = 0
        self._stream = storage.open_output(name)
        with storage.writing():
            self._writer = parquet.ParquetWriter(
                self._stream, self._schema, compression="zstd", use_dictionary=False
            )

    def write(self, row: tuple[Any, ...], size: int) -> None:
        """Take a row of about so many bytes."""
        self._rows.append(row)
        self._waiting += size + _ROW
        if self._waiting >= self._most:
            self._write_group()

    def _write_group(self) -> None:
        columns = [
            self._arrow.array(values, kind)
            for values, kind in zip(zip(*self._rows, strict=True), self._schema.types, strict=True)
        ]
        with self._storage.writing():
            self._writer.write_table(self._arrow.Table.from_arrays(columns, schema=self._schema))
        self._rows, self._waiting = [], 0

    def close(self) -> None:
        """Write what waits, and close the file."""
        if self._rows:
            self._write_group()
        with self._storage.writing():
            self._writer.close()
            self._stream.close()
        self._storage.make_durable(self.name)

    def abandon(self) -> None:
        """Close the file, whatever becomes of it."""
        with suppress(Exception):  # the file goes, and another error is shown
            self._writer.close()
        self._writer.is_open = False  # else it is closed again when it is collected
        with suppress(Exception):
            self._stream.close()


def encode_issues(issues: Iterable[Issue[str]]) -> str | None:
    """Return issues for a column: None where there are none."""
    plain = [one.as_json() for one in issues]
    return msgspec.json.encode(plain).decode() if plain else None


def refuse_occupied(storage: Storage) -> None:
    """Refuse a place where something is.

    Raises:
        SourceError: `staged-exists`, `staged-unfinished`.
    """
    found = storage.list_folder()
    if not found:
        return
    if MANIFEST in found:
        refuse_existing(storage.name)
    if {RECORDS, REJECTS} & set(found):
        refuse_unfinished(storage.name)
    problem = "the folder is not empty"
    raise SourceError(storage.name, "staged-exists", problem, help="name a folder that does not exist yet")
