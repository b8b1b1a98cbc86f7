"""Bytes and text in blocks: opening, unpacking, decoding, cutting at line ends.

A block is at most `BLOCK_SIZE` bytes or characters, or one line; so memory is bounded by the longest line,
and that by `LINE_LIMIT`.
"""

from __future__ import annotations

import codecs
import gzip
import io
import re
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext, suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar

from opusmap.errors import SourceError
from opusmap.safe_files import name_binary
from opusmap.wording import quote_value

BLOCK_SIZE = 1 << 19
"""Bytes (or characters, of a text stream) read at a time."""

LINE_LIMIT = 1 << 23
"""Characters or bytes of one line of a file, at most."""

Block: TypeAlias = bytes | str

AnyBlock = TypeVar("AnyBlock", bytes, str)

# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """A file at an address, as a function that opens it from its beginning."""

    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Input:
    """A file by its path or address, or an open stream, which the caller closes."""

    name: str
    origin: Path | Remote | IO[Any]

    @property
    def rereadable(self) -> bool:
        """Whether `open` starts over each time, as it does not for a named pipe."""
        return isinstance(self.origin, Remote) or (isinstance(self.origin, Path) and self.origin.is_file())

    def open(self) -> AbstractContextManager[IO[Any]]:
        """Open the file; a stream is returned as it is, and stays open.

        Raises:
            SourceError: `source-unreadable`.
        """
        if isinstance(self.origin, Path):
            try:
                return self.origin.open("rb")
            except (OSError, ValueError) as error:
                raise _unreadable(self.name, error) from None
        if isinstance(self.origin, Remote):
            return self.origin.open()
        return nullcontext(self.origin)

    def as_file(self, until: ExitStack) -> Path:
        """Return the path of a local file with the same bytes, for readers that need random access.

        Anything but a local file is copied to a temporary one, which is removed when `until` is closed.

        Raises:
            SourceError: `source-unreadable`.
        """
        if isinstance(self.origin, Path) and self.rereadable:
            return self.origin
        folder = until.enter_context(tempfile.TemporaryDirectory(prefix="opusmap-"))
        # An address may end in what no file's name may hold; readers look at plain suffixes alone.
        suffix = Path(self.name).suffix
        copy = Path(folder) / ("source" + (suffix if re.fullmatch(r"\.\w{1,8}", suffix, re.ASCII) else ""))
        with self.open() as stream, copy.open("xb") as file:
            try:
                shutil.copyfileobj(stream, file, BLOCK_SIZE)
            except (OSError, ValueError, TypeError) as error:
                raise _unreadable(self.name, error) from None
        return copy


def read_blocks(stream: IO[Any], name: str) -> Iterator[Block]:
    """Yield the content of a binary or text stream, block by block.

    Raises:
        SourceError: `source-unreadable`, or `encoding` (a text stream with bytes that it can't decode).
    """
    while True:
        try:
            block = stream.read(BLOCK_SIZE)
        except UnicodeDecodeError as error:
            problem = f"the stream is not {error.encoding} text"
            raise SourceError(
                name, "encoding", problem, help="open it with the encoding that it was written in"
            ) from None
        except (OSError, ValueError) as error:
            raise _unreadable(name, error) from None
        if not block:
            return
        yield block


def _unreadable(name: str, error: Exception) -> SourceError:
    reason = getattr(error, "strerror", None) or str(error)
    return SourceError(
        name,
        "source-unreadable",
        f"the source can't be read: {reason}",
        help="name the file as second argument, or in `source.path` of the mapping",
    )


def prepare_blocks(stream: IO[Any], name: str) -> tuple[Iterator[Block], tuple[str, ...]]:
    """Return the blocks of a stream, unpacked if it is compressed with gzip, and notes on what was found.

    Raises:
        SourceError: as `read_blocks`; `source-damaged`, also while the blocks are read.
    """
    notes: tuple[str, ...] = ()
    blocks = read_blocks(stream, name)
    first = next(blocks, b"")
    if isinstance(first, bytes) and first.startswith(b"\x1f\x8b\x08"):
        notes = ("the file is compressed with gzip",)
        blocks = _unpack(chain([first], blocks), name)
        first = next(blocks, b"")
    mark = find_byte_order_mark(first) if isinstance(first, bytes) else None
    if mark is not None:
        notes = (*notes, f"its byte-order mark says that it is {mark[1].upper()}")
    return chain([first], blocks), notes


def _unpack(blocks: Iterator[Block], name: str) -> Iterator[bytes]:
    """Yield the content of a gzip file, at most a block at a time, whatever it unpacks to."""
    problem = "the compressed data is damaged"
    try:
        with gzip.GzipFile(fileobj=io.BufferedReader(_BlockStream(blocks), BLOCK_SIZE)) as file:
            while block := file.read(BLOCK_SIZE):
                yield block
    except EOFError:
        problem = "the compressed data ends too early: a part of the file is missing"
    except (OSError, zlib.error):
        pass
    else:
        return
    raise SourceError(name, "source-damaged", problem, help="fetch or write the file again")


class _BlockStream(io.RawIOBase):
    """Blocks of bytes as a binary file."""

    def __init__(self, blocks: Iterator[Block]) -> None:
        self._blocks, self._rest = blocks, memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if not self._rest:
            block = next(self._blocks, b"")
            assert isinstance(block, bytes)
            self._rest = memoryview(block)
        size = min(len(buffer), len(self._rest))
        buffer[:size], self._rest = self._rest[:size], self._rest[size:]
        return size


def find_byte_order_mark(start: bytes) -> tuple[bytes, str] | None:
    """Return the byte-order mark that a file begins with and its encoding, or None."""
    return next(((mark, name) for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)


def decode_blocks(blocks: Iterator[Block], stated: str | None, name: str) -> Iterator[str]:
    """Decode blocks strictly: by their byte-order mark, else as UTF-8, else in the stated encoding.

    Text before a bad byte is still yielded. The first block that is not ASCII decides between UTF-8 and a
    stated encoding, so that a file that is UTF-8 is never read as something else.

    Raises:
        SourceError: `encoding`, with the byte's offset in the file; `unknown-encoding`.
    """
    first = next(blocks, b"")
    if isinstance(first, str):
        yield first.removeprefix("\ufeff")
        yield from (block for block in blocks if isinstance(block, str))
        return
    encoding = "utf-8" if stated is None else _known_encoding(stated, name)
    offset = 0
    if found := find_byte_order_mark(first):
        mark, encoding = found
        first, offset = first[len(mark) :], len(mark)
    elif kind := name_binary(first):
        raise SourceError(name, "encoding", f"this is {kind}, not text", help=advise_on_binary(kind))
    elif encoding in {"utf-16", "utf-32"}:
        problem = f"the file has no byte-order mark, so {encoding} is ambiguous"
        hint = f"write `encoding: {encoding}-le` (usual) or `{encoding}-be` under `source:`"
        raise SourceError(name, "encoding", problem, help=hint)
    ahead: Iterator[bytes] = chain([first], (block for block in blocks if isinstance(block, bytes)))
    ascii_bytes = bytes(range(128))
    extends_ascii = ascii_bytes.decode(encoding, "replace") == ascii_bytes.decode("ascii")
    if found is None and encoding != "utf-8" and extends_ascii:
        for block in ahead:
            if not block.isascii():
                more = next(ahead, b"")  # for a character that is cut in two at the block's end
                with suppress(UnicodeDecodeError):
                    codecs.getincrementaldecoder("utf-8")().decode(block + more, final=not more)
                    encoding = "utf-8"
                ahead = chain([block, more], ahead)
                break
            yield block.decode("ascii")
            offset += len(block)
    yield from _decode(ahead, encoding, offset, name)


def _decode(blocks: Iterator[bytes], encoding: str, offset: int, name: str) -> Iterator[str]:
    """Decode blocks that begin at byte `offset` of the file, strictly."""
    decoder = codecs.getincrementaldecoder(encoding)()
    for block, final in chain(((block, False) for block in blocks), [(b"", True)]):
        pending = decoder.getstate()[0]
        try:
            text = decoder.decode(block, final)
        except UnicodeDecodeError as error:
            yield error.object[: error.start].decode(encoding, "ignore")
            byte, at = error.object[error.start], offset - len(pending) + error.start
            problem = f"byte 0x{byte:02X} at offset {at} of the file is not {encoding.upper()} text"
            hint = "save the file as UTF-8, or name its encoding: `encoding: …` under `source:`"
            if encoding == "utf-8":
                # Windows' Western encoding lets a person judge whether the file is in it.
                near = error.object[max(0, error.start - _NEAR) : error.start + _NEAR]
                shown = quote_value(near.decode("cp1252", "replace"))
                hint = (
                    f"if the file should say {shown} there, it may come from an older Windows program: "
                    "write `encoding: cp1252` under `source:`"
                )
            raise SourceError(name, "encoding", problem, help=hint) from None
        except ValueError:  # a codec that does not say where
            problem = f"the text near byte {offset} of the file is not {encoding.upper()} text"
            raise SourceError(name, "encoding", problem, help="save the file as UTF-8") from None
        yield text
        offset += len(block)


def advise_on_binary(kind: str) -> str:
    """Return what to do about a source that is a file of a kind as `name_binary` calls it."""
    return next(
        (advice for word, advice in _ADVICE.items() if word in kind),
        "name the export, a CSV file or a workbook, instead",
    )


_ADVICE = {
    "ZIP": "for a workbook, write `format: excel` under `source:`; for a ZIP file, unpack it first",
    "old Office": "for a workbook, write `format: excel` under `source:`",
    "SQLite": "write `format: sqlite` under `source:`",
    "gzip": "give it a name that ends in .csv.gz, or unpack it",
}


_NEAR = 16
"""Bytes shown before and after one that can't be decoded."""

_NOT_OF_FILES = re.compile(r"idna|punycode|charmap|(raw[-_])?unicode[-_]escape")
"""Codecs of Python for host names and program text: no export is in one."""


def _known_encoding(encoding: str, name: str) -> str:
    """Return the usual name of an encoding.

    Raises:
        SourceError: `unknown-encoding`.
    """
    try:
        " ".encode(encoding)  # an error for codecs that do not encode text, such as zlib
        known = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        known = ""
    if not known or _NOT_OF_FILES.fullmatch(known):
        problem = f"{quote_value(encoding)} is not an encoding of files"
        hint = "for example utf-8, cp1252, iso-8859-1, utf-16, shift_jis"
        raise SourceError(name, "unknown-encoding", problem, help=hint)
    return known


def whole_lines(blocks: Iterator[AnyBlock], ends: tuple[AnyBlock, ...], name: str) -> Iterator[AnyBlock]:
    r"""Cut blocks again so that each ends with one of `ends`, except the last.

    All ends but the first may be the first half of another, as "\\r" is of "\\r\\n".

    Raises:
        SourceError: `line-too-long`.
    """
    end, halves = ends[0], ends[1:]
    rest = end[:0]
    for block in blocks:
        joined = rest + block
        cut = max(joined.rfind(end), *(joined.rfind(half, 0, -1) for half in halves), -1) + 1
        rest = joined[cut:]
        if cut:
            yield joined[:cut]
        if len(rest) > LINE_LIMIT:
            problem = f"a line is longer than {LINE_LIMIT:,} characters"
            raise SourceError(name, "line-too-long", problem, help="is this the right file and format?")
    if rest:
        yield rest
