"""Files whose content can't change unseen: JSON with one line that a hash of the first line is of.

    {"format": "opusmap destruction plan 1", "sha256": "…", "plan":
    {…}
    , "approvals": […]}

It is plain JSON for every program, and `sed -n 2p FILE | sha256sum` confirms the hash.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opusmap.errors import DestructionRefused
from opusmap.output_files import write_whole
from opusmap.safe_files import UnreadableFile, read_bytes

FILE_LIMIT = 1 << 29
"""Bytes of a file at most: some two million records."""

_CHANGED = "it was changed after it was made, by hand or by a program that writes JSON again"
_WHICH = "name the file that `opusmap destroy` wrote, as it wrote it"


@dataclass(frozen=True, slots=True)
class Sealed:
    """A part of a file that is sealed: its name, its line with the line break, and its SHA-256."""

    name: str
    line: bytes

    @property
    def sha256(self) -> str:
        """The hash in hexadecimal digits."""
        return hashlib.sha256(self.line).hexdigest()

    def read(self) -> dict[str, Any]:
        """Return the part as plain data."""
        return dict(json.loads(self.line))


def seal(name: str, value: Mapping[str, Any]) -> Sealed:
    """Return plain data as a part of a file; the same data always give the same line."""
    line = json.dumps(value, ensure_ascii=True, separators=(", ", ": "), allow_nan=False)
    return Sealed(name, line.encode("ascii") + b"\n")


def join_sealed(kind: str, parts: Iterable[Sealed], open_parts: Mapping[str, Any]) -> bytes:
    """Return a file: `parts` are sealed, each by a hash in the first line; `open_parts` may grow."""
    sealed = tuple(parts)
    head: dict[str, Any] = {"format": kind}
    for part in sealed:
        head["sha256" if len(sealed) == 1 else f"{part.name}_sha256"] = part.sha256
    content = [_dump(head)[:-1].encode()]
    for part in sealed:
        content += [f", {json.dumps(part.name)}:\n".encode(), part.line]
    for name, value in open_parts.items():
        content += [f", {json.dumps(name)}: ".encode(), _dump(value, indent=1).encode(), b"\n"]
    return b"".join([*content, b"}\n"])


def write_sealed(path: str | Path, content: bytes) -> None:
    """Write a file in one step: it is as before, or whole.

    Raises:
        SettingsError: it can't be written.
    """
    with write_whole(path) as file:
        file.write(content)


def read_sealed(
    path: str | Path, kind: str, names: tuple[str, ...]
) -> tuple[dict[str, Sealed], dict[str, Any]]:
    """Read a file with these sealed parts; return them, and all else in it by name.

    Raises:
        DestructionRefused: it can't be read, is of another kind, or was changed.
    """
    content = read_content(path)
    whole = _load(str(path), content)
    if whole.get("format") != kind:
        help_text = "was it made by a newer opusmap?" if "format" in whole else _WHICH
        raise DestructionRefused(str(path), f"this is not a file of the kind {kind!r}", help_text)
    lines = content.splitlines(keepends=True)
    parts = {
        name: Sealed(name, lines[2 * at + 1]) for at, name in enumerate(names) if 2 * at + 1 < len(lines)
    }
    for name in names:
        said = whole.get("sha256" if len(names) == 1 else f"{name}_sha256")
        part = parts.get(name)
        if part is None or part.sha256 != said or _load(str(path), part.line) != whole.get(name):
            raise DestructionRefused(str(path), _CHANGED, "make it again, or take it from a backup")
    return parts, {name: value for name, value in whole.items() if name not in (*names, "format")}


def read_content(path: str | Path) -> bytes:
    """Return a file's bytes.

    Raises:
        DestructionRefused: it can't be read.
    """
    try:
        return read_bytes(path, FILE_LIMIT)
    except UnreadableFile as error:
        raise DestructionRefused(str(path), error.message, _WHICH) from None


def _load(path: str, content: bytes) -> dict[str, Any]:
    try:
        whole = json.loads(content, object_pairs_hook=_once)
    except (ValueError, RecursionError):
        raise DestructionRefused(path, "this is not JSON, or a name is twice in it", _WHICH) from None
    if not isinstance(whole, dict):
        raise DestructionRefused(path, "this is not an object of JSON", _WHICH)
    return whole


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object; of a name that is twice in it, readers would take either value."""
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name is twice in an object")
    return found


def _dump(value: object, indent: int | None = None) -> str:
    return json.dumps(value, ensure_ascii=True, indent=indent, allow_nan=False)
