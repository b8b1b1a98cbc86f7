"""JSON Lines: one JSON object a line, numbers exact; and the rows of any pieces of JSON text.

A piece is a line here, and an item of a list in `json_items`. One that is not an object is a separate
reject.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from itertools import chain, islice
from typing import Any

import msgspec

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.source_options import SourceOptions
from opusmap.sources.batches import PART_ROWS, PART_SIZE, Part
from opusmap.sources.source import Format, Reading, Source, StreamSource, reject_row
from opusmap.sources.text_io import Block, Input, decode_blocks, find_byte_order_mark, whole_lines
from opusmap.wording import quote_value

SAMPLE_ROWS = 1_000
"""Rows read ahead to learn the columns, at most."""

SAMPLE_BYTES = 1 << 22
"""Bytes read ahead to learn the columns, about."""

MAX_DEPTH = 50
"""Levels of nesting in one row, at most."""

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_decode_any = msgspec.json.Decoder(float_hook=Decimal).decode
_decode_texts = msgspec.json.Decoder(dict[str, str]).decode
_encode = msgspec.json.Encoder().encode
_CHUNK = 50
"""Pieces that are decoded and checked together, which is faster than one by one."""
_PART_LINES = 1_500
"""Lines of a part, at most: uncut they take little memory, and sending a part takes 0.5 ms."""
_TEXT_QUOTES = 4
"""Quotation marks around a name and its text. With more, a name occurs twice."""


def open_json_lines(input: Input, options: SourceOptions) -> Source:
    """Open JSON Lines. Row numbers are line numbers; blank lines are skipped.

    Raises:
        SourceError: no line of the sample can be read; or `encoding`, `unknown-encoding`, `line-too-long`;
            except for the first line, all are raised when the rows are read.
    """

    def begin(blocks: Iterator[Block]) -> Reading:
        cut = whole_lines(utf8_blocks(blocks, options.encoding, input.name), (b"\n",), input.name)
        numbered = _number_lines(cut)
        ahead = list[tuple[int, bytes]]()

        def lines() -> Iterator[tuple[int, bytes]]:
            for first, block in numbered:
                ahead.append((first, block))
                yield from enumerate(block.removesuffix(b"\n").split(b"\n"), first)

        columns = _find_columns(_take_sample(lines()), input.name, "line")
        parts = _line_parts(chain(ahead, numbered))
        return Reading(columns, parts, word="line")

    return StreamSource(input, begin)


def begin_rows(pieces: Iterator[tuple[int, bytes]], name: str, word: str) -> Reading:
    """Begin to read numbered pieces; `word` is what messages call a piece, such as `item`.

    Raises:
        SourceError: no piece of the sample can be read, or what the pieces raise.
    """
    sample = _take_sample(pieces)
    columns = _find_columns(sample, name, word)
    return Reading(columns, _piece_parts(chain(sample, pieces), word), word=word)


def _take_sample(pieces: Iterator[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return the first pieces, as many as tell the columns."""
    sample, size = list[tuple[int, bytes]](), 0
    for number, piece in islice(pieces, SAMPLE_ROWS):
        sample.append((number, piece))
        size += len(piece)
        if size > SAMPLE_BYTES:
            break
    return sample


def _find_columns(sample: list[tuple[int, bytes]], name: str, word: str) -> tuple[str, ...]:
    """Return the names that occur in a sample from the beginning.

    Raises:
        SourceError: no piece of the sample can be read.
    """
    read = list(read_rows([number for number, _ in sample], [piece for _, piece in sample], word))
    columns = dict.fromkeys(key for row in read if isinstance(row, Row) for key in row.values)
    if read and isinstance(read[0], Reject) and not columns and (len(read) > 1 or sample[0][1][:1] == b"["):
        (cause,) = read[0].problems  # no piece is readable: the file is something else
        raise SourceError(name, cause.code, cause.message, read[0].row, cause.hint or _HINTS[word])
    return tuple(columns)


class PiecePart(msgspec.Struct, frozen=True):
    """Numbered pieces of JSON text, not read yet."""

    word: str
    numbers: list[int]
    pieces: list[bytes]

    def rows(self) -> Iterator[Row | Reject]:
        """Return the rows; see `Part.rows`."""
        return read_rows(self.numbers, self.pieces, self.word)


def _piece_parts(pieces: Iterator[tuple[int, bytes]], word: str) -> Iterator[Part]:
    part, size = PiecePart(word, [], []), 0
    try:
        for number, piece in pieces:
            part.numbers.append(number)
            part.pieces.append(piece)
            size += len(piece)
            if len(part.pieces) == PART_ROWS or size > PART_SIZE:
                yield part
                part, size = PiecePart(word, [], []), 0
    except Exception:
        yield part
        raise
    yield part


class _LinePart(msgspec.Struct, frozen=True):
    """Lines that are not cut yet, and the number of the first."""

    first: int
    block: bytes

    def rows(self) -> Iterator[Row | Reject]:
        lines = self.block.removesuffix(b"\n").split(b"\n")
        return read_rows(range(self.first, self.first + len(lines)), lines, "line")


def _line_parts(blocks: Iterable[tuple[int, bytes]]) -> Iterator[_LinePart]:
    """Yield each block, cut where it has too many lines."""
    for first, block in blocks:
        if block.count(b"\n") <= _PART_LINES:
            yield _LinePart(first, block)
        else:
            lines = block.split(b"\n")
            for start in range(0, len(lines), _PART_LINES):
                yield _LinePart(first + start, b"\n".join(lines[start : start + _PART_LINES]))


def _number_lines(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines, each with the number of its first line."""
    number = 1
    try:
        for block in blocks:
            yield number, block
            number += block.count(b"\n")
    except SourceError as error:
        raise replace(error, row=number) from None


def decode_json(text: bytes) -> Any:
    """Return the value of a JSON text, numbers exact, as in the rows of JSON sources.

    Raises:
        ValueError: it is not JSON, has a number too large, or an object with a name twice.
    """
    try:
        value = _decode_any(text)
    except (ArithmeticError, RecursionError) as error:
        raise ValueError(str(error)) from None
    sure = b"\\u003" not in text and text.count(b":") == _encode(value).count(b":")
    if not sure and (repeated := _find_repeated(text)) is not None:
        raise ValueError(f"the name {quote_value(repeated)} occurs twice in one object")
    return value


def utf8_blocks(blocks: Iterator[Block], encoding: str | None, name: str) -> Iterator[bytes]:
    """Yield the blocks as UTF-8; bytes that are UTF-8 already, as nearly always, pass unchanged."""
    first = next(blocks, b"")
    mark = find_byte_order_mark(first) if isinstance(first, bytes) else None
    every = chain([first], blocks)
    if isinstance(first, bytes) and (mark[1] == "utf-8" if mark else encoding is None):
        yield first[len(mark[0]) :] if mark else first
        yield from (block for block in blocks if isinstance(block, bytes))
    else:
        for text in decode_blocks(every, encoding, name):
            yield text.encode("utf-8", "surrogatepass")  # a lone surrogate becomes a reject


def read_rows(numbers: Sequence[int], pieces: Sequence[bytes], word: str) -> Iterator[Row | Reject]:
    """Yield the row of each numbered piece, or a reject; nothing for a blank one."""
    all_texts = True
    for start in range(0, len(pieces), _CHUNK):
        chunk, numbered = pieces[start : start + _CHUNK], numbers[start : start + _CHUNK]
        if all_texts:  # many programs write only texts; the first other value ends this fast path
            try:
                texts = list(map(_decode_texts, chunk))
            except (ValueError, RecursionError):
                all_texts = False
            else:
                if b"".join(chunk).count(b'"') == _TEXT_QUOTES * sum(map(len, texts)):
                    yield from map(Row, numbered, texts)
                else:
                    for number, piece, values in zip(numbered, chunk, texts, strict=True):
                        bare = piece.replace(rb"\\", b"")
                        if bare.count(b'"') - bare.count(rb"\"") == _TEXT_QUOTES * len(values):
                            yield Row(number, values)
                        else:
                            yield from _read_chunk([number], [piece], word)
                continue
        yield from _read_chunk(numbered, chunk, word)


def _read_chunk(numbers: Sequence[int], pieces: Sequence[bytes], word: str) -> list[Row | Reject]:
    """Return the rows of a few pieces, and the rejects among them."""
    found, read = list[Row | Reject](), list[bytes]()
    for number, piece in zip(numbers, pieces, strict=True):
        try:
            values = _decode(piece)
        except (ValueError, ArithmeticError, RecursionError) as error:
            if piece.strip():
                found.append(reject_row(number, *_explain(piece, error, word)))
            continue
        # A cheap upper bound of the depth; only a piece beyond it is examined.
        if piece.count(b"[") + piece.count(b"{") > MAX_DEPTH and _is_too_deep(values):
            message = f"the {word} is nested deeper than {MAX_DEPTH} levels"
            found.append(reject_row(number, "json-too-deep", message))
            continue
        found.append(Row(number, values))
        read.append(piece)
    # The values, encoded again, have as many colons as the text, unless one was lost with a repeated name;
    # but a colon that the text writes as an escape could make up for that.
    text, again = b"".join(read), _encode([one.values for one in found if isinstance(one, Row)])
    if b"\\u003a" in text or b"\\u003A" in text or text.count(b":") != again.count(b":"):
        readable = iter(read)
        found = [_refuse_repeated(one, next(readable)) if isinstance(one, Row) else one for one in found]
    return found


def _refuse_repeated(row: Row, piece: bytes) -> Row | Reject:
    """Return the row of a piece, or a reject if an object in it has a name twice."""
    names = piece.translate(None, b" \t\r\n").count(b'":')
    if names <= _count_names([row.values]) or (repeated := _find_repeated(piece)) is None:
        return row
    message = f"the name {quote_value(repeated)} occurs twice in one object"
    return reject_row(row.number, "json-repeated-name", message)


def _explain(piece: bytes, error: Exception, word: str) -> tuple[str, str, str]:
    """Return the code, message and help for a piece that is not a JSON object."""
    if isinstance(error, RecursionError):
        return "json-too-deep", f"the {word} is nested deeper than {MAX_DEPTH} levels", ""
    try:  # here, because what msgspec raises for bytes that are not UTF-8 differs by its version
        piece.decode()
    except UnicodeDecodeError as wrong:
        byte = piece[wrong.start]
        hint = "if the file comes from an older Windows program, write `encoding: cp1252` under `source:`"
        return "encoding", f"the {word} contains the byte 0x{byte:02X}, which is not UTF-8 text", hint
    if isinstance(error, msgspec.ValidationError) and str(error).startswith("Expected"):
        found = str(error).rpartition("got ")[2].strip("`")
        return "not-an-object", f"the {word} must be an object such as {{…}}, not {found}", ""
    if isinstance(error, msgspec.ValidationError | ArithmeticError):
        return "json-number", f"the {word} contains a number too large to be read", ""
    if _LONE_SURROGATE.search(piece):
        return "json-surrogate", f"the {word} contains an unpaired surrogate", ""
    reason = (
        str(error)
        .removeprefix("JSON is malformed: ")
        .replace("Input data was truncated", "it ends too early")
    )
    place = re.search(r"\(byte (\d+)\)", reason)
    at = int(place[1]) if place else len(piece)
    near = piece[max(0, at - 20) : at + 20].decode("utf-8", "replace")
    odd = _WORDS.match(piece, at - 1 if piece[at - 1 : at] == b"-" else at)
    hint = f"JSON has no {odd[0].decode()}; the program that wrote it should write null" if odd else ""
    return "json-syntax", f"the {word} is not JSON: {reason}, near {quote_value(near)}", hint


_HINTS = {
    "line": "each line must be one JSON object; for a list in a file write `format: json` under `source:`",
    "item": "each item of the list must be one JSON object",
}
_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"
)
_WORDS = re.compile(rb"-?Infinity|NaN")


def _is_too_deep(value: Any) -> bool:
    """Return whether a decoded value is nested deeper than the limit, without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        parts = (part for item in level for part in (item.values() if isinstance(item, dict) else item))
        level = [part for part in parts if isinstance(part, dict | list)]
    return bool(level)


def _count_names(values: Iterable[Any]) -> int:
    """Return the number of names in objects among the values, at every level."""
    count = 0
    for value in values:
        if value.__class__ is dict:
            count += len(value) + _count_names(value.values())
        elif value.__class__ is list:
            count += _count_names(value)
    return count


def _find_repeated(piece: bytes) -> str | None:
    repeated: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                repeated.append(key)
            seen.add(key)

    json.loads(piece, object_pairs_hook=collect, parse_int=str, parse_float=str)
    return repeated[0] if repeated else None


FORMAT = Format(
    name="jsonl",
    title="JSON Lines",
    suffixes=(".jsonl", ".ndjson"),
    options=("encoding", "each"),
    open=open_json_lines,
    knows_columns=False,
)
