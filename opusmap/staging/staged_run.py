"""Staged runs, read: opened by their manifest, part by part; and the manifest of files that are there.

Owns the columns of the files, and what is refused of a staged run that is not whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import msgspec

from opusmap.compiler.lock import Lock
from opusmap.connection import Connection, parse_connection
from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.journal import hash_content
from opusmap.mapping import MappingSpec, parse_spec
from opusmap.report import Evidence
from opusmap.report.provenance import keep_reasons
from opusmap.report.summary import Tally
from opusmap.sources.source import load_extra
from opusmap.staging.manifest import (
    CHANGED_HELP,
    MANIFEST,
    MANIFEST_LIMIT,
    RECORDS,
    REJECTS,
    Manifest,
    StagedCounts,
    StagedPart,
    StagedRules,
    check_counts,
    decode_manifest,
    encode_manifest,
    hash_parts,
    now,
)
from opusmap.staging.storage import Storage
from opusmap.wording import counted, quote_value

BATCH_ROWS = 1_000
"""Rows of a part that are in memory at a time."""
_BUFFER = 1 << 20
RECORD_COLUMNS = ("row", "key", "hash", "body")
REMARKS = ("replaced", "notes")
REJECT_COLUMNS = ("row", "key", "problems", "cells")
_TYPES = {"row": ("int64", "int32"), "hash": ("binary", "fixed_size_binary[16]")}
_TEXTS = ("string", "large_string")


class StagedRecord(msgspec.Struct, frozen=True, gc=False):
    """A record as it will be sent: its row in the source (None if rows have none), key, hash, and JSON."""

    row: int | None
    key: str
    hash: bytes
    body: bytes


class StagedReject(msgspec.Struct, frozen=True, gc=False):
    """A row that gave no record: why (as `Issue.as_json` has it), and its cells."""

    row: int | None
    key: str | None
    problems: list[dict[str, str]]
    cells: dict[str, Any]


class StagedRun:
    """A staged run that is whole, as far as its manifest and the list of its files show.

    Attributes:
        name: what messages call it: its address without what may be secret in it.
        manifest: what its manifest holds.
    """

    def __init__(self, storage: Storage, manifest: Manifest) -> None:
        """Keep what `open_staged` has checked; call that instead."""
        self.name = storage.name
        self.manifest = manifest
        self._storage = storage

    @property
    def parts(self) -> tuple[StagedPart, ...]:
        """The files with records, in the order of their names."""
        return self.manifest.parts

    @property
    def counts(self) -> StagedCounts:
        """What became of the rows of the source."""
        return self.manifest.counts

    @property
    def content_hash(self) -> str:
        """The SHA-256 over all that is sent: rules, and each part's name, count and hash."""
        return self.manifest.content_hash

    @property
    def rules(self) -> StagedRules:
        """The texts of mapping and connection, with their hashes, and the lock."""
        return self.manifest.rules

    @property
    def lock(self) -> Lock:
        """What options and columns meant when the records were made."""
        return self.manifest.rules.lock

    @cached_property
    def evidence(self) -> Evidence:
        """What a run that sends the records leaves for its report: what was read, and by which rules."""
        found = Evidence.read(self.rules.evidence)
        return replace(found, reasons=self.manifest.reasons, replaced=self.manifest.replaced)

    @cached_property
    def spec(self) -> MappingSpec:
        """The mapping as it was; its path is the file's name alone. Files that it includes are not there.

        How records are sent (`conflict`, `target.conflict_key`) is written in it.
        """
        return parse_spec(self.rules.mapping.text, self.rules.mapping.name)

    @cached_property
    def connection(self) -> Connection:
        """The connection as it was, without the mapping's corrections."""
        return parse_connection(self.rules.connection.text, self.rules.connection.name)

    @contextmanager
    def open_part(self, part: StagedPart) -> Iterator[Iterator[StagedRecord]]:
        """Fetch a part, verify its hash, and lend its records in their order.

        Raises:
            SourceError: `staged-changed`, `source-unreadable`.
        """
        with self._open(part) as file:
            yield self._records(file, part)

    def read(self, part: StagedPart) -> Iterator[StagedRecord]:
        """Yield the records of a part in their order; nothing before the whole part is verified.

        Raises:
            SourceError: as `open_part`.
        """
        with self.open_part(part) as records:
            yield from records

    def keys(self) -> Iterator[str]:
        """Yield the row keys of all records, part by part.

        Raises:
            SourceError: as `open_part`.
        """
        for part in self.parts:
            with self._open(part) as file:
                yield from (key for (key,) in file.rows(("key",)))

    def rejects(self) -> Iterator[StagedReject]:
        """Yield the rows that gave no record, file by file.

        Raises:
            SourceError: as `open_part`.
        """
        for part in self.manifest.rejects:
            with self._open(part) as file:
                for row, key, problems, cells in file.rows(REJECT_COLUMNS):
                    yield StagedReject(row, key, file.decode(problems, list), file.decode(cells, dict))

    def _records(self, file: _PartFile, part: StagedPart) -> Iterator[StagedRecord]:
        conflict = self.spec.conflict
        for row, key, content, text in file.rows(RECORD_COLUMNS):
            body = text.encode()
            if content != hash_content(body, conflict):
                problem = f"{part.name}: the record {quote_value(key)} does not match its hash"
                raise SourceError(self.name, "staged-changed", problem, help=CHANGED_HELP)
            yield StagedRecord(row, key, content, body)

    @contextmanager
    def _open(self, part: StagedPart) -> Iterator[_PartFile]:
        with self._storage.open_whole(part.name) as (file, sha256):
            if sha256 != part.sha256:
                problem = f"{part.name} was changed after it was staged"
                raise SourceError(self.name, "staged-changed", problem, help=CHANGED_HELP)
            yield _PartFile(file, self.name, part.name)


def open_staged(address: str | Path) -> StagedRun:
    """Open a staged run: read its manifest, and compare the list of its files with it.

    The manifest's own hash is verified here, a part's when it is read.

    Args:
        address: a folder, or an address that fsspec knows (the extra `remote`).

    Raises:
        SourceError: `staged-unfinished` (no manifest), `staged-version`, `staged-changed`, `staged-counts`,
            `staged-part-missing`, `staged-part-extra`, `source-unreadable`, `missing-extra`.
    """
    storage = Storage(address)
    data = storage.read(MANIFEST, MANIFEST_LIMIT)
    if data is None:
        problem = "there is no staged run here: it has no manifest.json, which is written last"
        hint = (
            "wait until it is staged, or check the address; if staging was stopped, stage it again elsewhere"
        )
        raise SourceError(storage.name, "staged-unfinished", problem, help=hint)
    manifest = decode_manifest(data, storage.name)
    for folder, parts in ((RECORDS, manifest.parts), (REJECTS, manifest.rejects)):
        _compare(storage.name, parts, _list_parts(storage, folder))
    return StagedRun(storage, manifest)


def write_manifest(
    address: str | Path, rules: StagedRules, *, filtered: int, read: int | None = None
) -> StagedRun:
    """Count and hash the files of a staged run that are all there, and write its manifest.

    Args:
        address: where `records/` (and `rejects/`, if rows were rejected) are.
        rules: from `read_rules`, before the rows were mapped.
        filtered: how many rows the mapping's `where` excludes.
        read: how many rows were read, where that was counted apart, so that a row that got lost shows.

    Raises:
        SourceError: `staged-columns`, `staged-counts`, `staged-exists`, `source-unreadable`.
        SettingsError: the manifest can't be written.
    """
    storage = Storage(address)
    if storage.read(MANIFEST, 0) is not None:
        refuse_existing(storage.name)
    tally = Tally()
    parts = tuple(_examine(storage, _list_parts(storage, RECORDS), RECORD_COLUMNS, tally))
    rejects = tuple(_examine(storage, _list_parts(storage, REJECTS), REJECT_COLUMNS, tally))
    staged, rejected = (sum(one.records for one in found) for found in (parts, rejects))
    whole = filtered + rejected + staged
    manifest = Manifest(
        created=now(),
        rules=rules,
        counts=StagedCounts(whole if read is None else read, filtered, rejected, staged),
        reasons=keep_reasons(tally.reasons())[0],
        replaced=keep_reasons(tally.replaced())[0],
        notes=keep_reasons(tally.notes())[0],
        content_hash=hash_parts(rules, parts),
        parts=parts,
        rejects=rejects,
    )
    check_counts(manifest, storage.name)
    sealed = encode_manifest(manifest)
    storage.write(MANIFEST, sealed)
    return StagedRun(storage, decode_manifest(sealed, storage.name))


def refuse_existing(place: str) -> NoReturn:
    """Refuse to write where a staged run is.

    Raises:
        SourceError: `staged-exists`.
    """
    problem = "there is already a staged run here, and opusmap never overwrites one"
    hint = "name another address, or remove this one if you no longer need it"
    raise SourceError(place, "staged-exists", problem, help=hint)


def _list_parts(storage: Storage, folder: str) -> dict[str, int]:
    """Return the files of a folder that count, with their sizes, by name."""
    found = storage.list_folder(folder) or {}
    return {name: found[name] for name in sorted(found) if name.rpartition("/")[2][0] not in "_."}


def _compare(place: str, parts: Iterable[StagedPart], found: Mapping[str, int]) -> None:
    names = {part.name for part in parts}
    for part in parts:
        if part.name not in found:
            problem = f"{part.name}, with {counted(part.records, 'row')}, is missing"
            raise SourceError(place, "staged-part-missing", problem, help=CHANGED_HELP)
        if found[part.name] != part.size:
            problem = f"{part.name} was changed after it was staged: its size is different"
            raise SourceError(place, "staged-changed", problem, help=CHANGED_HELP)
    for name in found:
        if name not in names:
            problem = f"{name} is not part of this staged run: the manifest does not list it"
            hint = "move the file away; if its records belong to the run, stage the source again"
            raise SourceError(place, "staged-part-extra", problem, help=hint)


def _examine(
    storage: Storage, found: Mapping[str, int], columns: tuple[str, ...], tally: Tally
) -> Iterator[StagedPart]:
    """Yield files with their count and hash; count why rows were rejected, and what was replaced."""
    for name, size in found.items():
        with storage.open_whole(name) as (opened, sha256):
            file = _PartFile(opened, storage.name, name)
            file.check_columns(columns)
            kinds = ("problems",) if "problems" in columns else REMARKS
            present = tuple(one for one in kinds if one in file.columns)
            for row, *texts in file.rows(("row", *present)) if present else ():
                for kind, text in zip(present, texts, strict=True):
                    if text is not None:
                        tally.add_issues(kind, row, map(_read_issue, file.decode(text, list[dict[str, str]])))
            yield StagedPart(name, file.count, size, sha256)


def _read_issue(plain: dict[str, str]) -> Issue[str]:
    """Return the issue that `Issue.as_json` gave."""
    named = {"place": plain.get("column", ""), "hint": plain.get("help", "")}
    return msgspec.convert({"code": "", "message": "", **plain, **named}, Issue[str])


class _PartFile:
    """A Parquet file of a staged run, open. What is wrong with it is a SourceError."""

    def __init__(self, file: Any, place: str, name: str) -> None:
        self._place, self._name = place, name
        self._arrow_error = load_extra("pyarrow", "parquet", "a staged run", place).ArrowException
        parquet = load_extra("pyarrow.parquet", "parquet", "a staged run", place)
        with self._translated():
            self._file = parquet.ParquetFile(file, pre_buffer=False, buffer_size=_BUFFER)
        self._schema = self._file.schema_arrow
        self.columns = frozenset(self._schema.names)
        self.count: int = self._file.metadata.num_rows

    def check_columns(self, columns: tuple[str, ...]) -> None:
        """Refuse a file without these columns, or with other types.

        Raises:
            SourceError: `staged-columns`.
        """
        for column in columns:
            at = self._schema.get_field_index(column)
            kind = "missing" if at < 0 else str(self._schema.field(at).type)
            allowed = _TYPES.get(column, _TEXTS)
            if kind not in allowed:
                raise self._refuse(f"the column `{column}` must be {allowed[0]}, and is {kind}")

    def rows(self, columns: tuple[str, ...]) -> Iterator[tuple[Any, ...]]:
        """Yield the rows of some columns.

        Raises:
            SourceError: `staged-changed`, the file can't be read any further; `staged-columns`, a value that
                each row must have is null.
        """
        needed = [one for one in columns if one in ("hash", "body", "problems", "cells")]
        for group in range(self._file.num_row_groups):
            with self._translated():
                batches = self._file.iter_batches(BATCH_ROWS, [group], list(columns), use_threads=False)
            while True:
                with self._translated():
                    batch = next(batches, None)
                    if batch is None:
                        break
                    values = [batch.column(one).to_pylist() for one in columns]
                for column in needed:
                    if batch.column(column).null_count:
                        raise self._refuse(f"the column `{column}` is null in a row")
                yield from zip(*values, strict=True)

    def decode(self, text: str, kind: Any) -> Any:
        """Return what a column with JSON holds in a row.

        Raises:
            SourceError: `staged-columns`.
        """
        try:
            return msgspec.json.decode(text, type=kind)
        except (msgspec.MsgspecError, UnicodeError, RecursionError):
            raise self._refuse(f"this should be JSON, but is not: {quote_value(text)}") from None

    def _refuse(self, problem: str) -> SourceError:
        hint = "write the file with the columns of a staged run"
        return SourceError(self._place, "staged-columns", f"{self._name}: {problem}", help=hint)

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError, self._arrow_error) as error:
            reason = str(error).strip().partition("\n")[0]
            problem = f"{self._name} is not a readable Parquet file: {reason}"
            raise SourceError(self._place, "staged-changed", problem, help=CHANGED_HELP) from None
