"""A mapping's file, read and written without a change of its encoding, byte-order mark and line breaks."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from opusmap.edits.patches import Patch
from opusmap.edits.refusals import ChangedOnDisk
from opusmap.errors import InvalidMapping
from opusmap.issues import Issue, Span
from opusmap.mapping.yaml_reader import SIZE_LIMIT
from opusmap.output_files import write_whole
from opusmap.safe_files import UnreadableFile, read_bytes

_UTF_16 = {b"\xff\xfe": "utf-16-le", b"\xfe\xff": "utf-16-be"}


@dataclass(frozen=True, slots=True)
class MappingFile:
    """A mapping's file as it was read.

    Attributes:
        path: its name.
        text: its text, with a byte-order mark and the line breaks as they are.
        encoding: UTF-8, or UTF-16 where a byte-order mark says so.
        sha256: the hash of its bytes.
    """

    path: Path
    text: str
    encoding: str
    sha256: str

    def write(self, patch: Patch) -> MappingFile:
        """Write the text after a patch of this file's text, in one step; return the file as it is then.

        Raises:
            ChangedOnDisk: the file is not as it was read; nothing is written.
            SettingsError: it can't be written; it stays as it is.
        """
        if patch.before != self.text:
            raise ValueError("the patch is of another text")
        data = patch.text.encode(self.encoding)
        replace_unchanged(self.path, data, self.sha256, SIZE_LIMIT)
        return MappingFile(self.path, patch.text, self.encoding, hashlib.sha256(data).hexdigest())


def replace_unchanged(path: Path, data: bytes, sha256: str, limit: int) -> None:
    """Write a file that is there, in one step, if its content still has this hash; its permissions stay.

    Raises:
        ChangedOnDisk: the file has another content, or more than `limit` bytes; nothing is written.
        SettingsError: it can't be written; it stays as it is.
    """
    mode = _check(path, sha256, limit).st_mode
    with write_whole(path) as file:
        file.write(data)
        if hasattr(os, "fchmod"):  # Windows has none
            os.fchmod(file.fileno(), stat.S_IMODE(mode))
        _check(path, sha256, limit)  # as late as can be: the file is replaced when the block ends


def _check(path: Path, sha256: str, limit: int) -> os.stat_result:
    """Return the file's status if its content is still the one that was read."""
    try:
        found = read_bytes(path, limit)
        status = path.stat()
    except (UnreadableFile, OSError):
        raise ChangedOnDisk(str(path), "mapping-changed", "the file can't be read any more") from None
    if hashlib.sha256(found).hexdigest() != sha256:
        raise ChangedOnDisk(str(path), "mapping-changed", "the file has changed since it was read")
    return status


def read_mapping_file(path: str | Path) -> MappingFile:
    """Read a mapping's file.

    Raises:
        InvalidMapping: it can't be read, is too large, or is not text in UTF-8 or UTF-16.
    """
    try:
        data = read_bytes(path, SIZE_LIMIT)
    except UnreadableFile as error:
        raise InvalidMapping(
            (Issue(error.code, error.message, Span(str(path), 1, 1, 1, 2), error.hint),)
        ) from None
    encoding = _UTF_16.get(data[:2], "utf-8")
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        span = Span(str(path), line, 1, line, 2)
        message = f"the file is not text: byte {error.start}, in line {line}"
        raise InvalidMapping((Issue("not-utf8", message, span, "save the file as UTF-8"),)) from None
    return MappingFile(Path(path), text, encoding, hashlib.sha256(data).hexdigest())
