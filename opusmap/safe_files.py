"""Reads the small files that mappings, settings and folders name: whole, within a limit, and never a trap.

Only regular files are opened: a FIFO waits for ever for a writer; a device may never end, or does something
when it is opened.
"""

from __future__ import annotations

import errno
import os
import re
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)


@dataclass
class UnreadableFile(Exception):
    """A file can't be used: a code, what is wrong with it, at which line, and what to do.

    The caller knows where the file is named, and makes an `Issue` or a `SettingsError` of it. Nothing of the
    file's content is quoted. Where the system refused, its `OSError` is the cause.
    """

    code: str
    message: str
    hint: str = ""
    line: int = 1

    def __str__(self) -> str:
        return self.message


_NOT_TEXT = {
    b"\x89PNG": "a picture",
    b"\xff\xd8\xff": "a picture",
    b"GIF87a": "a picture",
    b"GIF89a": "a picture",
    b"%PDF-": "a PDF document",
    b"PK\x03\x04": "a workbook, an Office document or a ZIP file",
    b"\xd0\xcf\x11\xe0": "an old Office document",
    b"SQLite format 3\0": "an SQLite database",
    b"\x1f\x8b": "a file compressed by gzip",
}
"""How files begin that are taken for text by mistake, and what they are."""


def name_binary(start: bytes) -> str:
    """Return what a file is that begins with these bytes, such as `a PDF document`; "" if it may be text."""
    return next((kind for known, kind in _NOT_TEXT.items() if start.startswith(known)), "")


def read_text(
    path: str | Path, limit: int, *, what: str = "the file", devices: bool = False, errors: str = "strict"
) -> str:
    """Return the text of a file in UTF-8, or in UTF-16 where a byte-order mark says so; see `read_bytes`.

    `errors` is `str.decode`'s.

    Raises:
        UnreadableFile: as `read_bytes`, or `not-utf8`.
    """
    data = read_bytes(path, limit, what=what, devices=devices)
    try:
        return data.decode("utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig", errors)
    except UnicodeDecodeError as error:  # which quotes the bytes, and they may be a secret's
        if kind := name_binary(data):
            raise UnreadableFile("not-utf8", f"{what} is {kind}, not text", "name another file") from None
        line = data.count(b"\n", 0, error.start) + 1
        message = f"{what} is not UTF-8 text: byte {error.start}, in line {line}"
    raise UnreadableFile("not-utf8", message, "save the file as UTF-8", line)


def read_bytes(
    path: str | Path, limit: int, *, what: str = "the file", devices: bool = False, links: bool = True
) -> bytes:
    """Return the content of a file of at most `limit` bytes.

    Args:
        path: the file's name.
        limit: bytes that are read at most.
        what: what messages call the file.
        devices: allow a FIFO or a device, for a file that a person names and not a mapping.
        links: follow symbolic links.

    Raises:
        UnreadableFile: `file-unreadable` (`from` the `OSError`), or `file-too-large`.
    """
    try:
        if not devices:
            refuse_irregular(path, links=links)
        flags = _FLAGS if links else _FLAGS | getattr(os, "O_NOFOLLOW", 0)
        opener = None if devices else (lambda name, _: os.open(name, flags))
        with open(path, "rb", opener=opener) as file:
            if not devices:
                _check_mode(os.fstat(file.fileno()).st_mode, path)  # it may be another file by now
            data = file.read(limit + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL byte in the name
        why = (error.strerror or str(error)) if isinstance(error, OSError) else _NO_NAME
        raise UnreadableFile("file-unreadable", f"{what} can't be read: {why}") from error
    if len(data) > limit:
        size = f"{limit >> 20} MB" if limit >> 20 else f"{limit >> 10} KB"
        raise UnreadableFile("file-too-large", f"{what} is too large: more than {size}")
    return data


def refuse_irregular(path: str | Path, *, links: bool = True) -> None:
    """Refuse what is not a regular file, without opening it: opening a device may do something.

    With `links` off, a symbolic link is refused, too.

    Raises:
        OSError: it is not there, or is not a regular file; `strerror` says which.
    """
    try:
        mode = Path(path).stat(follow_symlinks=links).st_mode
    except ValueError:
        raise OSError(errno.EINVAL, _NO_NAME) from None
    _check_mode(mode, path)


_NO_NAME = "this is not a file name"


def _check_mode(mode: int, path: str | Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        kind = "a symbolic link" if stat.S_ISLNK(mode) else "a FIFO, a device or a socket"
        raise OSError(errno.EINVAL, f"it is not a regular file ({kind})", str(path))


def names_device(name: str) -> bool:
    """Return whether a part of a path is a device of Windows (`CON`, `nul.txt`, `COM1`), or has a `:`.

    https://learn.microsoft.com/en-us/windows/win32/fileio/naming-a-file has the list. They are
    devices in every folder. A colon names a stream within a file.
    """
    return ":" in name or any(_DEVICE.fullmatch(part) for part in re.split(r"[\\/]", name))


_DEVICE = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³])[ ]*(\..*)?", re.IGNORECASE)


def resolve_inside(folder: Path, name: str) -> Path | None:
    """Return the path of a file that a text in a folder names, or None if it leads out of the folder.

    Links are followed to their ends.
    """
    # Before anything is asked: Windows signs in at a server that a path names, and opens a device.
    if Path(name).anchor or (sys.platform == "win32" and names_device(name)):
        return None
    try:
        candidate = (folder / name).resolve()
        return candidate if candidate.is_relative_to(folder.resolve()) else None
    except (OSError, ValueError, RuntimeError):  # a NUL byte, a loop of symlinks
        return None
