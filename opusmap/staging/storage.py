"""Where a staged run is: a folder, or an address, by the same few operations.

Owns reading and writing through Arrow's file systems, and fsspec's behind them for addresses. Errors name the
place without what may be secret in an address.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from opusmap.errors import OpusmapError, SettingsError, SourceError
from opusmap.output_files import write_whole
from opusmap.sources import is_remote, name_address
from opusmap.sources.source import load_extra

_BLOCK = 1 << 20


class Storage:
    """The files of a staged run, by their names relative to it, such as `records/part-00000.parquet`.

    Attributes:
        name: what messages call it.
        arrow: the module `pyarrow`.
        is_remote: an address, where two jobs can't be kept apart by a folder that only one can make.
    """

    def __init__(self, address: str | Path) -> None:
        """Find the place; nothing is read.

        Raises:
            SourceError: `missing-extra`, or `source-unreadable` for an address of an unknown kind.
        """
        self.is_remote = isinstance(address, str) and is_remote(address)
        self.name = name_address(str(address)) if self.is_remote else str(address)
        self.arrow = load_extra("pyarrow", "parquet", "a staged run", self.name)
        files = load_extra("pyarrow.fs", "parquet", "a staged run", self.name)
        self._address = str(address)
        self._selector, self._types = files.FileSelector, files.FileType
        self._remote: Any = None
        if self.name == str(address):
            self._base = str(Path(address).absolute())
            self._files = files.LocalFileSystem()
        if isinstance(address, str) and is_remote(address):
            fsspec = load_extra("fsspec.core", "remote", "an address", self.name)
            try:
                self._remote, self._base = fsspec.url_to_fs(address)
            except ImportError as error:
                hint = str(error).partition("\n")[0]
                problem = "this kind of address needs a library"
                raise SourceError(self.name, "missing-extra", problem, help=hint) from None
            except Exception as error:  # noqa: BLE001 - each backend has its own errors
                raise self._unreadable(error) from None
            self._base = self._base.rstrip("/")
            self._files = files.PyFileSystem(files.FSSpecHandler(self._remote))

    def list_folder(self, folder: str = "") -> dict[str, int] | None:
        """Return the files and folders directly in a folder with their sizes (a folder's is -1).

        None where there is no such folder. Names are relative to the staged run.

        Raises:
            SourceError: `source-unreadable`.
        """
        place = self._place(folder)
        with self._reading():
            if self._remote is not None:
                self._remote.invalidate_cache()
            if self._files.get_file_info(place).type == self._types.NotFound:
                return None
            found = self._files.get_file_info(self._selector(place, recursive=False))
            prefix = f"{folder}/" if folder else ""
            is_file = self._types.File
            return {prefix + one.base_name: one.size if one.type == is_file else -1 for one in found}

    def create(self) -> None:
        """Create the place, for its owner alone where it is a folder. One that is there stays as it is.

        Raises:
            SettingsError: it can't be created.
            SourceError: `staged-unfinished`, another job writes to the same folder.
        """
        with self._writing():
            if self._remote is not None:
                for folder in ("records", "rejects"):
                    self._remote.makedirs(self._place(folder), exist_ok=True)
                return
            base = Path(self._base)
            if not base.parent.is_dir():
                raise SettingsError(
                    self.name, "the folder that should contain it does not exist", "create that folder first"
                )
            base.mkdir(mode=0o700, exist_ok=True)
            try:
                (base / "records").mkdir()
            except FileExistsError:
                refuse_unfinished(self.name)
            (base / "rejects").mkdir()

    def open_output(self, name: str) -> Any:
        """Return Arrow's output stream for a new file.

        Raises:
            SettingsError: it can't be created.
        """
        with self._writing():
            return self._files.open_output_stream(self._place(name))

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Make errors while output is written SettingsErrors."""
        with self._writing():
            yield

    def make_durable(self, name: str) -> None:
        """Wait until a file of a folder is on the disk.

        Raises:
            SettingsError: it can't be done.
        """
        if self._remote is None:
            with self._writing(), Path(self._place(name)).open("r+b") as file:
                os.fsync(file.fileno())

    def write(self, name: str, data: bytes) -> None:
        """Write a small file whole.

        Raises:
            SettingsError: it can't be written.
        """
        if self._remote is None:
            with write_whole(self._place(name)) as file:
                file.write(data)
            return
        with self._writing():
            self._remote.pipe_file(self._place(name), data)

    def read(self, name: str, limit: int) -> bytes | None:
        """Return a small file's content, up to one byte more than `limit`; None if there is none.

        Raises:
            SourceError: `source-unreadable`.
        """
        with self._reading():
            try:
                with self._files.open_input_stream(self._place(name)) as stream:
                    data: bytes = stream.read(limit + 1)
                    return data
            except FileNotFoundError:
                return None

    @contextmanager
    def open_whole(self, name: str) -> Iterator[tuple[Any, str]]:
        """Open a file for random access; yield it, at its beginning, and its SHA-256.

        Of an address it is a copy in a temporary file, which is removed at the end.

        Raises:
            SourceError: `source-unreadable`.
        """
        if self._remote is None:
            with self._reading():
                file = self.arrow.OSFile(self._place(name))
            with file:
                with self._reading():
                    digest = _digest(file)
                    file.seek(0)
                yield file, digest
            return
        with tempfile.TemporaryDirectory(prefix="opusmap-") as folder:
            copy = Path(folder) / "part.parquet"
            with (
                self._reading(),
                self._files.open_input_stream(self._place(name)) as stream,
                copy.open("xb") as target,
            ):
                digest = _digest(stream, target)
            with self.arrow.OSFile(str(copy)) as file:
                yield file, digest

    def remove(self, names: Iterable[str]) -> None:
        """Remove files and the folders around them, as far as that can be done."""
        for name in names:
            with suppress(Exception):
                self._files.delete_file(self._place(name))
        if self._remote is None:
            for folder in ("records", "rejects", ""):
                with suppress(OSError):
                    Path(self._place(folder)).rmdir()

    def _place(self, name: str) -> str:
        return f"{self._base}/{name}" if name else self._base

    @contextmanager
    def _reading(self) -> Iterator[None]:
        try:
            yield
        except OpusmapError:
            raise
        except Exception as error:  # noqa: BLE001 - each backend has its own errors
            raise self._unreadable(error) from None

    def _unreadable(self, error: Exception) -> SourceError:
        problem = f"the staged run can't be read: {self._reason(error)}"
        return SourceError(self.name, "source-unreadable", problem, help="is the address right?")

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except OpusmapError:
            raise
        except Exception as error:  # noqa: BLE001 - each backend has its own errors
            problem = f"the staged run can't be written: {self._reason(error)}"
            raise SettingsError(
                self.name, problem, "is there enough space, and are you allowed to write there?"
            ) from None

    def _reason(self, error: Exception) -> str:
        if isinstance(error, OSError) and error.strerror:
            return error.strerror
        return f"{type(error).__name__}: {error}".partition("\n")[0].replace(self._address, self.name)


def refuse_unfinished(place: str) -> NoReturn:
    """Refuse to write where an unfinished staged run is.

    Raises:
        SourceError: `staged-unfinished`.
    """
    problem = "there is an unfinished staged run here: staging is still going on, or was interrupted"
    hint = "if no job is still staging there, remove it; or name another address"
    raise SourceError(place, "staged-unfinished", problem, help=hint)


def _digest(stream: Any, target: Any = None) -> str:
    """Return the SHA-256 of what is left of a stream, and write it to `target` if there is one."""
    digest = hashlib.sha256()
    while block := stream.read(_BLOCK):
        digest.update(block)
        if target is not None:
            target.write(block)
    return digest.hexdigest()
