"""Changes of files beside a mapping, which can be undone: what was replaced by what, and in which bytes.

Owns that a file that is not as the change expects it is never written over.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, replace
from pathlib import Path

from opusmap.edits import ChangedOnDisk
from opusmap.edits.mapping_file import replace_unchanged
from opusmap.errors import SettingsError
from opusmap.mapping.tables import SIZE_LIMIT
from opusmap.output_files import write_whole
from opusmap.safe_files import UnreadableFile, read_bytes
from opusmap.studio.typed_text import find_difference

__all__ = ["FileChange", "NotAsBefore"]


class NotAsBefore(SettingsError):
    """A file is not as a change of it expects, so it was not written."""


@dataclass(frozen=True, slots=True)
class FileChange:
    """A change of a file: from byte `start` on, `old` becomes `new`.

    `before` and `after` are the hashes of the whole file; empty where there is none.
    """

    path: Path
    start: int
    old: bytes
    new: bytes
    before: str
    after: str

    @classmethod
    def of(cls, path: Path, before: bytes | None, after: bytes | None) -> FileChange:
        """Return the change between two contents of a file; None where it is not there."""
        start, end, new = find_difference(before or b"", after or b"")
        return cls(path, start, (before or b"")[start:end], new, _hash(before), _hash(after))

    @property
    def undo(self) -> FileChange:
        """The change back."""
        return replace(self, old=self.new, new=self.old, before=self.after, after=self.before)

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
        changed = b"".join((data[: self.start], self.new, data[self.start + len(self.old) :]))
        try:
            replace_unchanged(self.path, changed, self.before, SIZE_LIMIT)
        except ChangedOnDisk:
            raise self._refusal() from None

    def _create(self) -> None:
        if os.path.lexists(self.path):
            raise NotAsBefore(
                self.path.name, "there is a file of this name already; it stays as it is", "name another one"
            )
        with write_whole(self.path, mode=0o644) as file:
            file.write(self.new)

    def _remove(self) -> None:
        try:
            self.path.unlink()
        except OSError as error:
            problem = f"the file can't be removed: {error.strerror or error}"
            raise SettingsError(self.path.name, problem) from None

    def _refusal(self) -> NotAsBefore:
        problem = "this file was changed elsewhere meanwhile, so it stays as it is"
        return NotAsBefore(self.path.name, problem, "look at it again, and change by hand what you want")


def _hash(data: bytes | None) -> str:
    return "" if data is None else hashlib.sha256(data).hexdigest()
