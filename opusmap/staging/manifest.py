"""The manifest of a staged run: what it is made of, by which rules, and the hashes that prove it.

Owns its form as JSON and its own hash. It is data: nothing in it names a place outside the staged run, and no
cell of a row and no secret is in it.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from opusmap import __version__
from opusmap.compiler import Mapper
from opusmap.compiler.lock import Lock, make_lock
from opusmap.connection import SIZE_LIMIT
from opusmap.errors import SourceError
from opusmap.report import Evidence, Reason, gather_evidence
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.sources import FileChange, Source, is_remote

VERSION = 1
MANIFEST = "manifest.json"
RECORDS, REJECTS = "records", "rejects"
MANIFEST_LIMIT = 64 << 20
"""Bytes of a manifest that are read at most."""
_UNSEALED = "0" * 64
_SEAL = re.compile(rb'"manifest_sha256": "([0-9a-f]{64})"')


class StagedText(msgspec.Struct, frozen=True):
    """A file by which records were made: its name without its folder, its text, and the text's SHA-256."""

    name: str
    text: str
    sha256: str


class StagedRules(msgspec.Struct, frozen=True):
    """By which rules records were made: the mapping, the connection, and what options and columns meant.

    `evidence` is what a run leaves for its report (`Evidence.as_json`): hashes of what was read, and the
    rules in words. Files are named without their folders, and no person is named.
    """

    mapping: StagedText
    connection: StagedText
    lock: Lock
    evidence: dict[str, Any]

    def with_changes(self, source_changed: Iterable[FileChange]) -> StagedRules:
        """Return the rules with the files of the source that changed while it was read."""
        found = [asdict(replace(one, path=Path(one.path).name)) for one in source_changed]
        return msgspec.structs.replace(self, evidence={**self.evidence, "source_changed": found})


class StagedPart(msgspec.Struct, frozen=True):
    """A file of a staged run: its name relative to it, how many rows and bytes it has, and its SHA-256."""

    name: str
    records: int
    size: int
    sha256: str


class StagedCounts(msgspec.Struct, frozen=True):
    """What became of the rows: `read = filtered + rejected + staged`."""

    read: int
    filtered: int
    rejected: int
    staged: int


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    """What `manifest.json` holds, in this order.

    `reasons` (for rejects), `replaced` and `notes` count without examples, for those quote cells.
    """

    manifest_sha256: str = _UNSEALED
    opusmap_staged: int = VERSION
    opusmap: str = __version__
    created: str
    rules: StagedRules
    counts: StagedCounts
    reasons: tuple[Reason, ...] = ()
    replaced: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    content_hash: str
    parts: tuple[StagedPart, ...]
    rejects: tuple[StagedPart, ...] = ()


def read_rules(mapper: Mapper, source: Source | None = None) -> StagedRules:
    """Return the rules of a mapper for a manifest. Call it before rows are mapped: files may change.

    `source` gives the rows, if opusmap reads them; its files are hashed.

    Raises:
        SourceError: `source-unreadable`, the connection file can't be read any more.
    """
    path = mapper.connection.path
    try:
        connection = read_text(path, SIZE_LIMIT, what="the connection file")
    except UnreadableFile as error:
        raise SourceError(path, "source-unreadable", error.message, help=error.hint) from None
    return StagedRules(
        _text(mapper.spec.path, mapper.spec.text),
        _text(path, connection),
        make_lock(mapper.plan),
        _without_places(gather_evidence(mapper, source)).as_json(),
    )


def _without_places(evidence: Evidence) -> Evidence:
    files = tuple(replace(file, path=Path(file.path).name) for file in evidence.files)
    source = evidence.source if is_remote(evidence.source) else Path(evidence.source).name
    return replace(evidence, person="", source=source, files=files)


def _text(path: str, text: str) -> StagedText:
    return StagedText(Path(path).name, text, hash_text(text))


def hash_text(text: str) -> str:
    """Return the SHA-256 of a text in UTF-8."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def hash_parts(rules: StagedRules, parts: tuple[StagedPart, ...]) -> str:
    """Return the hash of all that is sent: the rules' hashes, then records and hash of each part, in order.

    It has no names in it: the same source staged at two addresses gives the same hash.
    """
    lines = [rules.mapping.sha256, rules.connection.sha256]
    lines += [f"{one.records} {one.sha256}" for one in parts]
    return hash_text("\n".join(lines))


def now() -> str:
    """Return the time for `created`."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def encode_manifest(manifest: Manifest) -> bytes:
    """Return a manifest as JSON for people to read, sealed with the hash of all its bytes.

    The hash is taken with 64 zeros in its own place, so no byte of the file can change unnoticed.
    """
    plain = msgspec.json.format(msgspec.json.encode(manifest), indent=2) + b"\n"
    return plain.replace(_UNSEALED.encode(), hashlib.sha256(plain).hexdigest().encode(), 1)


def decode_manifest(data: bytes, place: str) -> Manifest:
    """Return the manifest in some bytes.

    Raises:
        SourceError: `staged-version`, `staged-changed`, or `staged-counts`.
    """
    version = _find_version(data, place)
    if version != VERSION:
        problem = f"the staged run has format version {version!r}, but this opusmap reads version {VERSION}"
        hint = "send it with the version of opusmap that the manifest names, or stage the source again"
        raise SourceError(place, "staged-version", problem, help=hint)
    seal = _SEAL.search(data)
    unsealed = b"" if seal is None else data[: seal.start(1)] + _UNSEALED.encode() + data[seal.end(1) :]
    if seal is None or hashlib.sha256(unsealed).hexdigest().encode() != seal[1]:
        raise _changed(place, "the manifest was changed after it was written")
    try:
        manifest = msgspec.json.decode(data, type=Manifest)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _changed(place, "the manifest is not one of opusmap's") from None
    check_counts(manifest, place)
    return manifest


def check_counts(manifest: Manifest, place: str) -> None:
    """Refuse a manifest whose counts do not add up.

    Raises:
        SourceError: `staged-counts`.
    """
    counts = manifest.counts
    ends = counts.filtered + counts.rejected + counts.staged
    facts = (
        (
            counts.read == ends,
            f"{counts.read:,} rows were read, but {ends:,} were staged, rejected or filtered",
        ),
        (
            counts.staged == sum(one.records for one in manifest.parts),
            f"{counts.staged:,} records were staged, but the parts contain a different number",
        ),
        (
            counts.rejected == sum(one.records for one in manifest.rejects),
            f"{counts.rejected:,} rows were rejected, but the files of rejects contain a different number",
        ),
        (
            manifest.content_hash == hash_parts(manifest.rules, manifest.parts),
            "the content hash does not match the parts",
        ),
        (min(msgspec.structs.astuple(counts)) >= 0, "a count is below zero"),
    )
    wrong = next((what for holds, what in facts if not holds), None)
    if wrong is not None:
        hint = (
            "rows may be missing, or another job staged to this address too: stage the source again elsewhere"
        )
        raise SourceError(place, "staged-counts", f"the counts do not add up: {wrong}", help=hint)


def _find_version(data: bytes, place: str) -> Any:
    try:
        plain = msgspec.json.decode(data)
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise _changed(place, "the manifest is not JSON: it was changed or cut off") from None
    if not isinstance(plain, dict) or "opusmap_staged" not in plain:
        raise _changed(place, "the manifest is not one of opusmap's")
    return plain["opusmap_staged"]


def _changed(place: str, problem: str) -> SourceError:
    return SourceError(place, "staged-changed", problem, help=CHANGED_HELP)


CHANGED_HELP = "copy the staged run again from a complete copy, or stage the source again, to another address"
