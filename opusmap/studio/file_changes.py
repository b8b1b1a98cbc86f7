"""Changes of files beside a mapping, which can be undone: what was replaced by what, and in which bytes.

Owns that a file that is not as the change expects it is never written over, and that a change keeps only the
bytes that it replaces: a table may have 64 MB, and 200 changes of it can be undone.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from opusmap.edits import ChangedOnDisk
from opusmap.edits.mapping_file import replace_unchanged
from opusmap.errors import SettingsError
from opusmap.mapping.tables import SIZE_LIMIT
from opusmap.output_files import write_whole
from opusmap.safe_files import UnreadableFile, read_bytes
from opusmap.studio.typed_text import find_difference

_SPAN_BYTES = 200
"""What Python needs for a span beside its bytes: the span, a number, and two objects of bytes."""


class NotAsBefore(SettingsError):
    """A file is not as a change of it expects, so it was not written."""


class Span(NamedTuple):
    """From byte `start` of a file on, `old` becomes `new`."""

    start: int
    old: bytes
    new: bytes


@dataclass(frozen=True, slots=True)
class FileChange:
    """A change of a file: its spans, in order and without overlaps, which count in the file before it.

    `before` and `after` are the hashes of the whole file; empty where there is none.
    """

    path: Path
    spans: tuple[Span, ...]
    before: str
    after: str

    @classmethod
    def of(
        cls, path: Path, before: bytes | None, after: bytes | None, spans: Iterable[Span] = ()
    ) -> FileChange:
        """Return the change between two contents of a file; None where it is not there.

        `spans`, in order, are tried; if they don't make the one content of the other, one span is found.
        """
        old, new = before or b"", after or b""
        kept = tuple(one for one in spans if one.old != one.new)
        if _replace(old, kept) != new:
            start, end, inserted = find_difference(old, new)
            kept = (Span(start, old[start:end], inserted),)
        return cls(path, kept, _hash(before), _hash(after))

    @property
    def undo(self) -> FileChange:
        """The change back."""
        back, shift = [], 0
        for start, old, new in self.spans:
            back.append(Span(start + shift, new, old))
            shift += len(new) - len(old)
        return FileChange(self.path, tuple(back), self.after, self.before)

    @property
    def weight(self) -> int:
        """About how many bytes of memory it takes."""
        return sum(len(one.old) + len(one.new) + _SPAN_BYTES for one in self.spans)

    def write(self) -> None:
        """Make the change, in one step.

        Raises:
            NotAsBefore: the file is not as it was before the change; it stays as it is.
            SettingsError: it can't be written; it stays as it is.
        """
        if not self.before:
            self._create()
            return
        try:
            data = read_bytes(self.path, SIZE_LIMIT)
        except UnreadableFile:
            raise self._refusal() from None
        if _hash(data) != self.before:
            raise self._refusal()
        if not self.after:
            self._remove()
            return
        try:
            replace_unchanged(self.path, _replace(data, self.spans), self.before, SIZE_LIMIT)
        except ChangedOnDisk:
            raise self._refusal() from None

    def _create(self) -> None:
        if os.path.lexists(self.path):
            raise NotAsBefore(
                self.path.name, "there is a file of this name already; it stays as it is", "name another one"
            )
        with write_whole(self.path, mode=0o644) as file:
            file.write(_replace(b"", self.spans))

    def _remove(self) -> None:
        try:
            self.path.unlink()
        except OSError as error:
            problem = f"the file can't be removed: {error.strerror or error}"
            raise SettingsError(self.path.name, problem) from None

    def _refusal(self) -> NotAsBefore:
        problem = "this file was changed elsewhere meanwhile, so it stays as it is"
        return NotAsBefore(self.path.name, problem, "look at it again, and change by hand what you want")


def _replace(data: bytes, spans: Iterable[Span]) -> bytes:
    parts, at = [], 0
    for start, old, new in spans:
        parts += [data[at:start], new]
        at = start + len(old)
    return b"".join([*parts, data[at:]])


def _hash(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()
