"""Bytes and text in blocks: opening, decoding, cutting at line ends. Nothing here knows rows.

A block is at most `BLOCK_SIZE` bytes or characters, or one line; so memory is bounded by the longest
line, and that by `LINE_LIMIT`.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import IO, Any, TypeAlias, TypeVar

from opusmap.errors import SourceError

__all__ = [
    "BLOCK_SIZE",
    "LINE_LIMIT",
    "Block",
    "Input",
    "decode_blocks",
    "find_byte_order_mark",
    "read_blocks",
    "whole_lines",
]

BLOCK_SIZE = 1 << 18
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
class Input:
    """A file by its path, or a stream that somebody else opened and will close."""

    name: str
    origin: Path | IO[Any]

    @property
    def rereadable(self) -> bool:
        """Whether `open` starts over each time. A pipe that has a path does not."""
        return isinstance(self.origin, Path) and self.origin.is_file()

    def open(self) -> AbstractContextManager[IO[Any]]:
        """Open the file, or lend the stream.

        Raises:
            SourceError: `source-unreadable`.
        """
        if not isinstance(self.origin, Path):
            return nullcontext(self.origin)
        try:
            return self.origin.open("rb")
        except (OSError, ValueError) as error:
            raise _unreadable(self.name, error) from None


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
        yield text
        offset += len(block)


def _undecodable(error: UnicodeDecodeError, base: int, encoding: str, name: str) -> SourceError:
    byte = error.object[error.start]
    problem = f"byte 0x{byte:02X} at offset {base + error.start} of the file is not {encoding.upper()} text"
    return SourceError(
        name,
        "encoding",
        problem,
        help="if the file comes from an older Windows program, write `encoding: cp1252` under `source:`"
        if encoding == "utf-8"
        else "save the file as UTF-8, or state its own encoding as `encoding:` under `source:`",
    )


def _checked(encoding: str | None, name: str) -> str | None:
    """Return the encoding's usual name, or None when none is stated."""
    if encoding is None:
        return None
    try:
        " ".encode(encoding)  # refuses what is no text encoding, such as zlib
        return codecs.lookup(encoding).name
    except (LookupError, ValueError):
        problem = f'there is no encoding "{encoding}"'
        hint = "for example utf-8, cp1252, iso-8859-1, utf-16, shift_jis"
        raise SourceError(name, "unknown-encoding", problem, help=hint) from None


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
