"""Bytes and text in blocks: opening, decoding, cutting at line ends. Nothing here knows rows.

A block is at most `BLOCK_SIZE` bytes or characters, or one line; so memory is bounded by the longest
line, and that by `LINE_LIMIT`.
"""

from __future__ import annotations

import codecs
import shutil
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar

from opusmap.errors import SourceError
from opusmap.issues import quote_value

__all__ = [
    "BLOCK_SIZE",
    "LINE_LIMIT",
    "Block",
    "Input",
    "Remote",
    "decode_blocks",
    "find_byte_order_mark",
    "prepare_blocks",
    "read_blocks",
    "whole_lines",
]

BLOCK_SIZE = 1 << 19
"""Bytes (or characters, of a text stream) read at a time."""

LINE_LIMIT = 1 << 23
"""Characters or bytes of one line of a file, at most."""

Block: TypeAlias = bytes | str

AnyBlock = TypeVar("AnyBlock", bytes, str)

# UTF-32 first: its mark for little-endian begins with UTF-16's.
BYTE_ORDER_MARKS = {
    codecs.BOM_UTF32_LE: "utf-32-le",
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}


@dataclass(frozen=True, slots=True)
class Remote:
    """A file elsewhere, as a function that opens it from its beginning each time."""

    open: Callable[[], IO[bytes]]


@dataclass(frozen=True, slots=True)
class Input:
    """A file by its path or elsewhere, or a stream that somebody else opened and will close."""

    name: str
    origin: Path | Remote | IO[Any]

    @property
    def rereadable(self) -> bool:
        """Whether `open` starts over each time. A pipe that has a path does not."""
        return isinstance(self.origin, Remote) or (isinstance(self.origin, Path) and self.origin.is_file())

    def open(self) -> AbstractContextManager[IO[Any]]:
        """Open the file, or lend the stream.

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
        """Return the path of a local file with the same bytes, for readers that must jump about in it.

        What is no file is copied to a temporary one, which goes when `until` is closed.

        Raises:
            SourceError: `source-unreadable`.
        """
        if isinstance(self.origin, Path) and self.rereadable:
            return self.origin
        folder = until.enter_context(tempfile.TemporaryDirectory(prefix="opusmap-"))
        copy = Path(folder) / ("source" + Path(self.name).suffix)
        with self.open() as stream, copy.open("xb") as file:
            try:
                shutil.copyfileobj(stream, file, BLOCK_SIZE)
            except (OSError, ValueError, TypeError) as error:
                raise _unreadable(self.name, error) from None
        return copy


def read_blocks(stream: IO[Any], name: str) -> Iterator[Block]:
    """Yield what is in a binary or text stream, block by block.

    Raises:
        SourceError: `source-unreadable`, or `encoding` (a text stream with bytes that are none).
    """
    while True:
        try:
            block = stream.read(BLOCK_SIZE)
        except UnicodeDecodeError as error:
            problem = f"the stream is not {error.encoding} text"
            raise SourceError(name, "encoding", problem, help="open it with its own encoding") from None
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
    """Return the blocks of a stream, unpacked if it is compressed with gzip, and notes on what they are.

    Raises:
        SourceError: as `read_blocks`; `source-damaged`, also while the blocks are read.
    """
    notes: tuple[str, ...] = ()
    blocks = read_blocks(stream, name)
    first = next(blocks, b"")
    if isinstance(first, bytes) and first.startswith(_GZIP):
        notes = ("the file is compressed with gzip",)
        blocks = _unpack(chain([first], blocks), name)
        first = next(blocks, b"")
    mark = find_byte_order_mark(first) if isinstance(first, bytes) else None
    if mark is not None:
        notes = (*notes, f"its byte-order mark says that it is {mark[1].upper()}")
    return chain([first], blocks), notes


_GZIP = b"\x1f\x8b\x08"


def _unpack(blocks: Iterator[Block], name: str) -> Iterator[bytes]:
    """Yield what gzip has packed, at most a block at a time, however small it was packed (RFC 1952)."""
    problem = "the compressed data is damaged"
    rest = _next_member(blocks)
    try:
        while rest:
            unpacker = zlib.decompressobj(wbits=31)
            while not unpacker.eof:
                packed = unpacker.unconsumed_tail or rest or _bytes(next(blocks, b""))
                rest = b""
                unpacked = unpacker.decompress(packed, BLOCK_SIZE)
                if unpacked:
                    yield unpacked
                elif not packed:
                    problem = "the compressed data ends too early: a part of the file is missing"
                    raise zlib.error  # noqa: TRY301 - it is the library's own way to say so
            rest = unpacker.unused_data.lstrip(b"\0") or _next_member(blocks)
    except zlib.error:
        raise SourceError(name, "source-damaged", problem, help="fetch or write the file anew") from None


def _next_member(blocks: Iterator[Block]) -> bytes:
    """Return the first bytes behind the zeros that may pad a compressed file, none at its end."""
    return next((found for block in blocks if (found := _bytes(block).lstrip(b"\0"))), b"")


def _bytes(block: Block) -> bytes:
    assert isinstance(block, bytes)
    return block


def find_byte_order_mark(start: bytes) -> tuple[bytes, str] | None:
    """Return the byte-order mark that a file begins with and its encoding, or None."""
    return next(((mark, name) for mark, name in BYTE_ORDER_MARKS.items() if start.startswith(mark)), None)


def decode_blocks(blocks: Iterator[Block], stated: str | None, name: str) -> Iterator[str]:
    """Decode blocks: by their byte-order mark, else as strict UTF-8, else in the stated encoding.

    Text before a bad byte is still yielded. Between UTF-8 and a stated encoding the first block with
    anything but ASCII decides; so a file that is UTF-8 after all is never read as something else.

    Raises:
        SourceError: `encoding`, with the byte's offset in the file; `unknown-encoding`.
    """
    first = next(blocks, b"")
    if isinstance(first, str):
        yield first.removeprefix("\ufeff")
        yield from (block for block in blocks if isinstance(block, str))
        return
    encoding = _checked(stated, name) or "utf-8"
    offset = 0
    if found := find_byte_order_mark(first):
        mark, encoding = found
        first, offset = first[len(mark) :], len(mark)
    elif encoding in {"utf-16", "utf-32"}:
        problem = f"the file has no byte-order mark, without which {encoding} is ambiguous"
        hint = f"write `encoding: {encoding}-le` (usual) or `{encoding}-be` under `source:`"
        raise SourceError(name, "encoding", problem, help=hint)
    ahead: Iterator[bytes] = chain([first], (block for block in blocks if isinstance(block, bytes)))
    if found is None and encoding != "utf-8" and _extends_ascii(encoding):
        for block in ahead:
            if not block.isascii():
                more = next(ahead, b"")  # a character cut in two at the block's end is to count whole
                encoding = "utf-8" if _is_utf8(block + more, whole=not more) else encoding
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
            raise _undecodable(error, offset - len(pending), encoding, name) from None
        except ValueError:  # a codec of its own mind, which does not say where
            problem = f"the text about byte {offset} of the file is not {encoding.upper()} text"
            raise SourceError(name, "encoding", problem, help="save the file as UTF-8") from None
        yield text
        offset += len(block)


def _undecodable(error: UnicodeDecodeError, base: int, encoding: str, name: str) -> SourceError:
    byte = error.object[error.start]
    problem = f"byte 0x{byte:02X} at offset {base + error.start} of the file is not {encoding.upper()} text"
    if encoding != "utf-8":
        hint = "save the file as UTF-8, or state its own encoding as `encoding:` under `source:`"
        return SourceError(name, "encoding", problem, help=hint)
    # What the place would read as in Windows' Western encoding lets a person judge whether it is that.
    near = error.object[max(0, error.start - _NEAR) : error.start + _NEAR].decode("cp1252", "replace")
    hint = (
        f"if it should read {quote_value(near)} there, as older Windows programs write it, "
        "put `encoding: cp1252` under `source:`"
    )
    return SourceError(name, "encoding", problem, help=hint)


_NEAR = 16
"""Bytes shown before and after one that is no text."""


_NOT_OF_FILES = frozenset(
    (
        "idna",
        "punycode",
        "unicode_escape",
        "unicode-escape",
        "raw_unicode_escape",
        "raw-unicode-escape",
        "charmap",
    )
)
"""Codecs of Python that write host names or program text with other characters: no export is in one."""


def _checked(encoding: str | None, name: str) -> str | None:
    """Return the encoding's usual name, or None when none is stated."""
    if encoding is None:
        return None
    try:
        " ".encode(encoding)  # refuses what is no text encoding, such as zlib
        known = codecs.lookup(encoding).name
    except (LookupError, ValueError):
        known = None
    if known is None or known in _NOT_OF_FILES:
        problem = f"there is no encoding {quote_value(encoding)} of a file"
        hint = "for example utf-8, cp1252, iso-8859-1, utf-16, shift_jis"
        raise SourceError(name, "unknown-encoding", problem, help=hint)
    return known


def _extends_ascii(encoding: str) -> bool:
    ascii_bytes = bytes(range(128))
    return ascii_bytes.decode(encoding, "replace") == ascii_bytes.decode("ascii")


def _is_utf8(block: bytes, *, whole: bool) -> bool:
    try:
        codecs.getincrementaldecoder("utf-8")().decode(block, final=whole)
    except UnicodeDecodeError:
        return False
    return True


def whole_lines(blocks: Iterator[AnyBlock], ends: tuple[AnyBlock, ...], name: str) -> Iterator[AnyBlock]:
    r"""Cut blocks anew so that each ends with one of `ends`; only the last may lack it.

    Ends after the first may be the first half of another, as "\\r" is of "\\r\\n".

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
