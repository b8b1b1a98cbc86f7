"""Files that a run writes: created fresh, readable by their owner alone, never through a link.

Owns creating them safely: fresh, readable by their owner alone, never through a symbolic link, and (but for
rejects, which are there as the run goes on) under their name only when they are whole.
"""

from __future__ import annotations

import hashlib
import io
import itertools
import os
import re
import secrets
import stat
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from glob import escape
from pathlib import Path
from typing import IO, Any

from opusmap.errors import SettingsError

_BUFFER = 1 << 16
"""Bytes that are written to a file at a time: a request's body alone would fill Python's own buffer."""

_PATIENCE = 1.0 if sys.platform == "win32" else 0.0
"""Seconds to wait until a file may be replaced: Windows refuses it while another program has it open."""
_PAUSE = 0.02

_KEPT = (".last-run.json", ".lock.json", ".sign-off.json", ".review.json")
"""Endings of the names of files that opusmap keeps beside a mapping."""
JOURNAL_NAME = "opusmap-journal.db"
"""The name of a journal that settings do not name."""

_DATABASE = b"SQLite format 3\0"
_REJECTS = re.compile(r"\.rejects(\.[0-9]+)?\.(csv|xlsx|jsonl)[. ]*$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class File:
    """A file that a run read or wrote: what it is to the run, its path, size and SHA-256."""

    role: str
    path: str
    size: int
    sha256: str


def hash_file(role: str, path: str | Path) -> File | None:
    """Return a file with its hash; None where there is no regular file of this name, such as for a stream."""
    try:
        if not Path(path).is_file():
            return None
        with Path(path).open("rb") as file:
            digest = hashlib.file_digest(file, "sha256")
            return File(role, str(path), file.tell(), digest.hexdigest())
    except (OSError, ValueError):
        return None


def hash_of(path: str | Path) -> str | None:
    """Return the SHA-256 of a file; None where there is none."""
    found = hash_file("", path)
    return None if found is None else found.sha256


def find_file(file: File, *folders: Path) -> Path | None:
    """Return where a file is now: where it was, else in one of the folders (which may have been moved)."""
    places = (Path(file.path), *(folder / Path(file.path).name for folder in folders))
    return next((path for path in places if path.is_file() and not path.is_symlink()), None)


def create_output(path: str | Path) -> IO[bytes]:
    """Open a file for writing; `-` is standard output, a device is written as it is.

    Raises:
        SettingsError: the path can't be written, or is a symbolic link.
    """
    name = str(path)
    if name == "-":
        return os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    try:
        return _create(Path(path))
    except OSError as error:
        raise _refusal(str(path), error) from None


@contextmanager
def write_whole(path: str | Path, *, mode: int = 0o600, kept: bool = False) -> Iterator[IO[bytes]]:
    """Open a file for writing that appears under its name when the block has ended without an error.

    Until then it is `.NAME.….part` in the same folder, and a file that has the name stays as it is. What
    killed runs have left of such files is removed. Standard output (`-`) and devices are written as they are.

    Args:
        path: the file's name.
        mode: its permissions, for a file that others than its owner are to read.
        kept: whether it is a file that opusmap keeps beside a mapping, which nothing else may replace.

    Raises:
        SettingsError: the path can't be written (a full disk, say), is a symbolic link, or holds what
            opusmap keeps of runs.
    """
    target, name = Path(path), str(path)
    if not kept and (name == "-" or _is_device(target)):
        with create_output(path) as opened:
            raw = _Raw(os.dup(opened.fileno()), name)
        yield from _lend(raw, durable=False)
        return
    check_output(target, kept=kept)
    if _REJECTS.search(target.name) and target.exists():
        problem = "this is a file of rejects, which may contain corrections"
        raise SettingsError(name, problem, "name another file, or remove this one first")
    _remove_leftovers(target)
    partial = target.with_name(f"{_partial_name(target)}{os.getpid()}-{secrets.token_hex(4)}.part")
    try:
        raw = _Raw(_create_file(partial, mode), name)
    except OSError as error:
        raise _refusal(name, error) from None
    with suppress(OSError):  # a share may have no locks
        _lock(raw)
    try:
        yield from _lend(raw, durable=True)
        try:
            replace_file(partial, target)
        except OSError as error:
            hint = "close the program that has it open, or name another file"
            raise SettingsError(name, f"the file can't be replaced: {error.strerror}", hint) from None
    except BaseException:
        with suppress(OSError):
            partial.unlink()
        raise


def replace_file(new: Path, target: Path, patience: float = _PATIENCE) -> None:
    """Put a file in place of another in one step.

    Args:
        new: the file.
        target: its name from now on.
        patience: seconds to wait while another program, such as a virus scanner, has the older file open.

    Raises:
        OSError: it can't be done.
    """
    until = time.monotonic() + patience
    while True:
        try:
            new.replace(target)
        except PermissionError:
            if time.monotonic() >= until:
                raise
            time.sleep(_PAUSE)
        else:
            return


class _Raw(io.FileIO):
    """A file whose errors name it; a reader that closes standard output is not an error."""

    def __init__(self, number: int, name: str) -> None:
        super().__init__(number, "wb")
        self._shown = "standard output" if name == "-" else name

    def write(self, data: Any) -> int:
        """Write bytes; see `FileIO.write`."""
        try:
            return super().write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise _refusal(self._shown, error) from None

    def sync(self) -> None:
        """Wait until what was written is on the disk."""
        try:
            os.fsync(self.fileno())
        except OSError as error:
            raise _refusal(self._shown, error) from None


def _lend(raw: _Raw, *, durable: bool) -> Iterator[IO[bytes]]:
    """Lend a file, then close it: if all went well with all that was written, on the disk if `durable`."""
    try:
        file = io.BufferedWriter(raw, _BUFFER)
        yield file
        file.flush()
        if durable:
            raw.sync()
    finally:
        raw.close()


def _refusal(name: str, error: OSError) -> SettingsError:
    return SettingsError(name, f"the file can't be written: {error.strerror or error}")


def _partial_name(target: Path) -> str:
    """Return what the names of a file's partial versions begin with; names have a limit of some 250 bytes."""
    return f".{target.name[:40]}."


def _remove_leftovers(target: Path) -> None:
    """Remove partial versions that no run writes any more."""
    for left in target.parent.glob(escape(_partial_name(target)) + "*.part"):
        with suppress(OSError):  # such as the lock of a run that goes on
            if stat.S_ISREG(left.lstat().st_mode):
                with left.open("rb") as file:
                    _lock(file)
                    if sys.platform != "win32":
                        left.unlink()
                if sys.platform == "win32":  # which removes no file that is open here or elsewhere
                    left.unlink()


def _lock(file: IO[bytes] | _Raw) -> None:
    """Take a file's lock, which goes with the process; raise OSError if another has it.

    Windows needs none.
    """
    if sys.platform != "win32":
        import fcntl  # noqa: PLC0415 - Windows has none

        fcntl.flock(file.fileno(), fcntl.LOCK_EX | fcntl.LOCK_NB)


@contextmanager
def hold_lock(path: str | Path, patience: float = 30.0) -> Iterator[None]:
    """Keep other processes from the same block for the same file, which need not be there, until it ends.

    The lock is that of a file `.NAME.lock` beside it, which goes with the block: the file itself may be
    replaced meanwhile. On a share without locks the block is entered all the same.

    Args:
        path: the file.
        patience: seconds to wait for another process.

    Raises:
        SettingsError: another process keeps the lock for longer, or there can't be a file beside it.
    """
    target = Path(path)
    lock, until = target.with_name(f".{target.name}.lock"), time.monotonic() + patience
    while (file := _take_lock(lock, str(path))) is None:
        if time.monotonic() >= until:
            problem = f"another process has been writing this file for {patience:.0f} s"
            raise SettingsError(str(path), problem, "try again when it has ended")
        time.sleep(_PAUSE)
    try:
        yield
    finally:
        with suppress(OSError):
            if sys.platform == "win32":  # which removes no file that is open
                file.close()
            lock.unlink()
        file.close()


def _take_lock(lock: Path, name: str) -> IO[bytes] | None:
    """Return the file of a lock that is taken now; None if another process has it, or has just removed it."""
    flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        file = os.fdopen(os.open(lock, flags, 0o600), "r+b", buffering=0)
    except OSError as error:
        is_denied = sys.platform == "win32" and isinstance(error, PermissionError)
        if is_denied and _can_create_files(lock.parent):  # Windows says so of a file that is being removed
            return None
        raise _refusal(name, error) from None
    try:
        if sys.platform == "win32":
            import msvcrt  # noqa: PLC0415 - Windows alone has it

            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            _lock(file)
    except (BlockingIOError, PermissionError):
        file.close()
        return None
    except OSError:  # a share without locks
        return file
    with suppress(FileNotFoundError):
        if sys.platform == "win32" or os.path.samestat(os.fstat(file.fileno()), lock.lstat()):
            return file
    file.close()
    return None


def _can_create_files(folder: Path) -> bool:
    """Return whether a file can be made in a folder, by making one: on Windows, `os.access` does not know."""
    probe = folder / f".{secrets.token_hex(8)}.part"
    try:
        os.close(os.open(probe, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError:
        return False
    with suppress(OSError):
        probe.unlink()
    return True


def is_same_file(path: str | Path, name: str) -> bool:
    """Return whether two names are of one file that is there."""
    try:
        return Path(path).samefile(name)
    except (OSError, ValueError):
        return False


def check_output(path: Path, *, kept: bool = False) -> None:
    """Refuse a place where a file could not be created later on; `kept` as in `write_whole`.

    Raises:
        SettingsError: it is a symbolic link, its folder is not there, or the file is one by which opusmap
            remembers runs and options.
    """
    if path.is_symlink():
        hint = "put the file itself beside the mapping" if kept else "name the file itself"
        raise SettingsError(str(path), "this is a symbolic link", hint)
    if kept and _is_device(path):
        raise SettingsError(str(path), "this is not a regular file", "move it away")
    if not path.parent.is_dir():
        raise SettingsError(str(path), "there is no such folder", "make the folder first")
    if path.is_dir():
        raise SettingsError(str(path), "this is a folder", "name a file in it")
    name = path.name.casefold().rstrip(". ")  # Windows and macOS take other spellings for the same file
    if (name.endswith(_KEPT) and not kept) or name.startswith(JOURNAL_NAME) or _is_database(path):
        problem = "opusmap keeps this file (a journal, a lock, a sign-off or a review), or it is a database"
        raise SettingsError(str(path), problem, "name another file")


def _is_database(path: Path) -> bool:
    """Return whether a file is an SQLite database, as each journal is."""
    try:
        with path.open("rb") as file:
            return file.read(len(_DATABASE)) == _DATABASE
    except (OSError, ValueError):
        return False


def create_unless_there(path: Path, may_replace: Callable[[Path], bool]) -> tuple[IO[bytes], Path]:
    """Create a file under this name, or under the first numbered one that is free; return which.

    `records.rejects.csv` becomes `records.rejects.2.csv`, and so on. A file that is there goes only where
    `may_replace` says so, and nothing else has it open (Windows). A device is written as it is.

    Raises:
        SettingsError: no file can be written there.
    """
    if str(path) == "-" or _is_device(path):
        return create_output(path), path
    for count in itertools.count(1):
        name = path if count == 1 else path.with_name(f"{path.stem}.{count}{path.suffix}")
        try:
            if may_replace(name):
                name.unlink(missing_ok=True)
            return _create_fresh(name), name
        except FileExistsError:
            continue
        except PermissionError as error:
            if name.exists():  # a spreadsheet program holds it, or a folder has the name
                continue
            raise _refusal(str(name), error) from None
        except OSError as error:
            raise _refusal(str(name), error) from None
    raise AssertionError  # there is no last number


def _create(path: Path) -> IO[bytes]:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        mode = None
    if mode is not None:
        if stat.S_ISLNK(mode):
            raise SettingsError(str(path), "this is a symbolic link", "name the file itself")
        if not stat.S_ISREG(mode):
            return path.open("wb")
        path.unlink()
    return _create_fresh(path)


def _create_fresh(path: Path) -> IO[bytes]:
    return os.fdopen(_create_file(path), "wb", _BUFFER)


def _create_file(path: Path, mode: int = 0o600) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.open(path, flags, mode)


def _is_device(path: Path) -> bool:
    """Return whether a name is there, and no file, folder or link."""
    try:
        mode = path.lstat().st_mode
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISLNK(mode) or stat.S_ISDIR(mode))
