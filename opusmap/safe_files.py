"""Opening what a mapping or a folder names: regular files only, and nothing that could wait or act.

A FIFO waits for ever for somebody to write, a device may never end or does something when it is opened.
"""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

__all__ = ["open_regular", "refuse_irregular", "resolve_inside"]

_FLAGS = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_IRREGULAR = "it is no regular file (a FIFO, a device or a socket)"


def open_regular(path: str | Path) -> BinaryIO:
    """Open a regular file for reading bytes; links are followed.

    Raises:
        OSError: it can't be opened, or is no regular file; `strerror` says which.
    """
    refuse_irregular(path)
    try:
        descriptor = os.open(path, _FLAGS)
    except ValueError:  # a NUL byte in the name
        raise OSError(errno.EINVAL, "this is no name of a file") from None
    try:
        _check_mode(os.fstat(descriptor).st_mode, path)  # it may be another file by now
        return os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise


def refuse_irregular(path: str | Path) -> None:
    """Refuse what is no regular file, without opening it: opening a device may do something.

    Raises:
        OSError: it is not there, or is no regular file; `strerror` says which.
    """
    try:
        mode = Path(path).stat().st_mode
    except ValueError:
        raise OSError(errno.EINVAL, "this is no name of a file") from None
    _check_mode(mode, path)


def resolve_inside(folder: Path, name: str) -> Path | None:
    """Return the path of a file that a text in a folder names, or None if it leads out of the folder.

    Links are followed to their ends.
    """
    if Path(name).anchor:  # before anything is asked: Windows signs in at a server that a path names
        return None
    try:
        candidate = (folder / name).resolve()
        return candidate if candidate.is_relative_to(folder.resolve()) else None
    except (OSError, ValueError, RuntimeError):  # a NUL byte, a loop of symlinks
        return None


def _check_mode(mode: int, path: str | Path) -> None:
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, _IRREGULAR, str(path))
