"""From a path, a stream, an address or `-` to a source: finds the format, checks the options, opens it.

Each format is a module with a `FORMAT`. A new one is its module, with its name added to `_MODULES`.
"""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import IO, Any
from urllib.parse import urlsplit

from opusmap.errors import SourceError
from opusmap.safe_files import name_binary, refuse_irregular
from opusmap.source_options import SourceOptions, installed_formats
from opusmap.sources.changes import FileWatch
from opusmap.sources.explode import ExplodedSource
from opusmap.sources.folder import is_pattern, split_pattern
from opusmap.sources.header import FIND
from opusmap.sources.installed import InstalledSource
from opusmap.sources.multi_file import MultiFileSource, find_files
from opusmap.sources.source import Format, Source, load_extra
from opusmap.sources.text_io import Input, Remote, advise_on_binary
from opusmap.wording import quote_value, strip_quotes, suggest

_MODULES = (
    "csv_rows",
    "json_lines",
    "json_items",
    "singer",
    "dataport",
    "workbook",
    "parquet",
    "sqlite",
    "folder",
)
COMMON_OPTIONS = ("path", "format", "options", "database", "file_column", "empty")
"""The keys of a mapping's `source` that do not depend on the format."""

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(?:::|://)")
_DEFAULTS = SourceOptions()


def all_formats() -> Iterator[Format]:
    """Yield the formats, each imported only when it is reached."""
    for module in _MODULES:
        yield import_module(f"opusmap.sources.{module}").FORMAT


def open_source(path: str | Path | IO[Any], **options: Any) -> Source:
    """Open a source with the keys of a mapping's `source` as arguments; see `open_with`.

    Raises:
        SourceError: as `open_with`.
        TypeError: an option is unknown.
    """
    return open_with(path, SourceOptions(**options))


def open_with(
    path: str | Path | IO[Any] | None, options: SourceOptions, inside: Path | None = None
) -> Source:
    """Open a source, and read as much of it as its columns take.

    Args:
        path: a path; a folder, or a pattern with `*`, `?`, `[` or `**` that matches several files; `-` for
            standard input; an address such as `https://…` (extra `remote`); or an open stream, binary or
            text, which stays open. None only for the format of an installed package.
        options: the mapping's `source`; without a format the suffix of the path decides.
        inside: the folder that the files of a pattern must be in, links followed to their ends: that of the
            mapping if the mapping itself names them; None for any.

    Raises:
        SourceError: the source can't be opened, has no known format, or its header is unusable;
            `outside-folder`.
    """
    if (entry := installed_formats().get((options.format or "").lower())) is not None:
        if path is not None and not isinstance(path, str | Path):
            raise TypeError(f"the format {entry.name} of an installed package does not read an open stream")
        return InstalledSource(entry, None if path is None else str(path), options.options)
    if path is None:
        raise TypeError("a source of this format needs a path")
    opened = _input(path)
    local = opened.origin if isinstance(opened.origin, Path) else None
    stated = options.format and options.format.lower()
    if local is not None and os.path.isdir(local):  # noqa: PTH112 - it raises no error
        if stated not in (None, "files"):
            hint = f"name the files in it with a pattern, such as {local / '*.csv'}"
            raise SourceError(opened.name, "source-unreadable", "this is a folder", help=hint)
        stated = "files"
    if stated != "files" and local is not None and is_pattern(local):
        return _open_pattern(local, options, inside)
    watch = None if local is None else FileWatch([local])  # made before the file is opened
    if stated != "files" and options.file_column is not None:
        name = opened.name if isinstance(opened.origin, Remote) else Path(opened.name).name
        files = [(name, partial(open_with, path, replace(options, file_column=None)))]
        source: Source = MultiFileSource(opened.name, files, options.file_column, same_columns=True)
        source.watch = watch
        return source
    chosen = _choose_format(options.path if path == "-" and options.path else opened.name, stated, local)
    _check_options(opened.name, chosen, options)
    source = chosen.open(opened, options)
    source.watch = source.watch or watch
    return source if options.each is None else ExplodedSource(source, options.each)


def _choose_format(name: str, stated: str | None, local: Path | None) -> Format:
    """Return the format as `find_format`; where there is none, the error says what a local file is.

    Raises:
        SourceError: `unknown-format`.
    """
    try:
        return find_format(name, stated)
    except SourceError as error:
        kind = "" if stated is not None or local is None else _name_binary_file(local)
        if not kind:
            raise
        raise SourceError(name, error.code, f"this is {kind}", help=advise_on_binary(kind)) from None


def _name_binary_file(path: Path) -> str:
    try:
        refuse_irregular(path)
        with path.open("rb") as file:
            return name_binary(file.read(16))
    except OSError:  # opening it as a source shows why
        return ""


def _open_pattern(path: Path, options: SourceOptions, inside: Path | None) -> Source:
    found, left_out = find_files(path, inside)

    def list_again() -> list[Path]:
        try:
            return list(find_files(path, inside)[0].values())
        except SourceError:  # no file is left, or a link leads elsewhere
            return []

    watch = FileWatch(found.values(), list_again)
    each = replace(options, file_column=None)
    files = [(name, partial(open_with, file, each)) for name, file in found.items()]
    formats = {find_format(file.name, options.format) for file in found.values()}
    known = all(one.knows_columns for one in formats)
    source = MultiFileSource(str(path), files, options.file_column, same_columns=known)
    source.files = tuple(map(str, found.values()))
    source.watch = watch
    if left_out:
        note = f"files that runs wrote were left out: {', '.join(left_out[:3])}"
        source.notes = (*source.notes, note)
    return source


def is_missing(path: str | Path) -> bool:
    """Return whether a source does not exist: no file, no folder, no file that a pattern matches.

    False for standard input and addresses, which are not checked.
    """
    if path == "-" or is_remote(path):
        return False
    if is_pattern(path):
        return all(isinstance(found, OSError) for found in split_pattern(path).walk())
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # it may exist; opening it shows what is wrong
        return False
    return False


def is_remote(path: object) -> bool:
    """Return whether a path is an address; one that begins with a drive's letter, such as `C:/x`, is not."""
    return isinstance(path, str) and bool(_ADDRESS.match(path))


def name_address(address: str) -> str:
    """Return an address without what may be secret in it: who signs in, and what comes after its path."""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"


def _input(path: str | Path | IO[Any]) -> Input:
    if path == "-":
        return Input("<stdin>", sys.stdin.buffer)
    if isinstance(path, str) and is_remote(path):
        return _remote_input(path)
    if isinstance(path, str | Path):
        return Input(str(path), Path(path))
    name = getattr(path, "name", None)
    return Input(name if isinstance(name, str) else "<stream>", path)


def _remote_input(address: str) -> Input:
    """Return the file at an address, named by the address without what may be secret in it.

    Only a person or a program names an address: the paths of a mapping never come here.

    Raises:
        SourceError: `missing-extra`; `source-unreadable` when it is opened.
    """
    name = name_address(address)
    fsspec = load_extra("fsspec", "remote", "reading from an address", name)

    def open_stream() -> IO[bytes]:
        options: dict[str, Any] = {"block_size": 0} if address.startswith(("http://", "https://")) else {}
        try:
            stream: IO[bytes] = fsspec.open(address, "rb", **options).open()
        except ImportError as error:
            hint = str(error).partition("\n")[0]
            problem = "this kind of address needs a library"
            raise SourceError(name, "missing-extra", problem, help=hint) from None
        except Exception as error:  # noqa: BLE001 - each backend has its own errors
            reason = str(error).partition("\n")[0].replace(address, name)
            problem = f"the source can't be read: {type(error).__name__}: {reason}"
            raise SourceError(name, "source-unreadable", problem, help="is the address right?") from None
        return _RemoteStream(stream)  # type: ignore[return-value]

    return Input(name, Remote(open_stream))


class _RemoteStream(io.RawIOBase):
    """A backend's stream whose errors, each backend's own, become OSError."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream

    def read(self, size: int = -1) -> bytes:
        try:
            return self._stream.read(size)
        except Exception as error:
            raise OSError(f"{type(error).__name__} while it was being fetched") from error

    def close(self) -> None:
        if not self.closed:
            self._stream.close()
        super().close()


def find_format(name: str, stated: str | None) -> Format:
    """Return the format of this name, or of the suffix of a file's name (before `.gz`).

    Raises:
        SourceError: `unknown-format`.
    """
    suffix = Path(name.lower().removesuffix(".gz")).suffix
    for one in all_formats():
        if suffix in one.suffixes if stated is None else stated == one.name:
            return one
    names = [one.name for one in all_formats()]
    known = ", ".join(names)
    if stated is not None:
        hint = suggest(stated, names) or f"the formats are {known}"
        raise SourceError(name, "unknown-format", f"there is no format {quote_value(stated)}", help=hint)
    problem = f"no known format has the suffix {quote_value(suffix)}" if suffix else "the format is unknown"
    suffixes = " ".join(suffix for one in all_formats() for suffix in one.suffixes)
    hint = f"known suffixes are {suffixes}; for another suffix, write `format: …` under `source:` ({known})"
    if strip_quotes(name) != name:
        hint = f"write it without quotation marks, or with straight ones: {strip_quotes(name)}"
    raise SourceError(name, "unknown-format", problem, help=hint)


def _check_options(name: str, format: Format, options: SourceOptions) -> None:
    """Refuse options that the format does not take: the mapping was written for another file.

    Raises:
        SourceError: `wrong-option`.
    """
    for option in (field.name for field in fields(options)):
        if option in COMMON_OPTIONS or option in format.options:
            continue
        if getattr(options, option) not in (getattr(_DEFAULTS, option), FIND):
            takers = " and ".join(other.title for other in all_formats() if option in other.options)
            problem = f"`{option}` is for {takers}; this source is {format.title}"
            raise SourceError(name, "wrong-option", problem, help=f"remove `{option}` from `source:`")
    if options.header_row is not None and options.header_row < 1 and options.header_row != FIND:
        problem = "`header_row` must be 1 or more"
        raise SourceError(name, "wrong-option", problem, help="see `source:`")
    if options.headers not in (None, "number"):
        problem = f"`headers` can't be {quote_value(options.headers)}"
        raise SourceError(name, "wrong-option", problem, help="write `headers: number` under `source:`")
    if options.headers and options.columns:
        problem = "`headers` numbers the names in the file, but `columns` replaces them"
        raise SourceError(name, "wrong-option", problem, help="remove `headers` from `source:`")
