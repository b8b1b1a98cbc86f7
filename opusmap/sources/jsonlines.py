"""JSON Lines: one JSON object a line, numbers exact, each bad line a reject of its own.

Owns the reading of lines; columns are the names seen in a bounded sample at the beginning.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from itertools import chain, islice
from typing import Any

import msgspec

from opusmap.diagnostics import quote_value
from opusmap.errors import SourceError
from opusmap.records import Problem, Reject, Row
from opusmap.sources.blocks import Block, decode_blocks, find_byte_order_mark, whole_lines
from opusmap.sources.source import Reading

__all__ = ["MAX_DEPTH", "SAMPLE_LINES", "read_json_lines"]

SAMPLE_LINES = 1_000
"""Lines read ahead to learn the columns, at most."""

SAMPLE_BYTES = 1 << 22
"""Bytes read ahead to learn the columns, about."""

MAX_DEPTH = 50
"""Levels of nesting in one line, at most."""

_decode = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode


def read_json_lines(blocks: Iterator[Block], *, name: str, encoding: str | None) -> Reading:
    """Begin to read JSON Lines. Row numbers are line numbers; blank lines are skipped.

    Raises:
        SourceError: no line of the sample can be read; or `encoding`, `unknown-encoding`,
            `line-too-long`; all but the first line's when the
            rows are read.
    """
    lines = _numbered_lines(whole_lines(_utf8_blocks(blocks, encoding, name), (b"\n",), name))
    sample = list(_sample(lines))
    read = list(_read_lines(iter(sample)))
    columns = dict.fromkeys(key for row in read if isinstance(row, Row) for key in row.values)
    if read and isinstance(read[0], Reject) and not columns and (len(read) > 1 or sample[0][1][:1] == b"["):
        (cause,) = read[0].problems  # not one line is readable: the file is something else
        help_text = cause.help or "each line holds one JSON object; a list is to be written a line an object"
        raise SourceError(name, cause.code, cause.message, read[0].row, help_text)
    return Reading(tuple(columns), _read_lines(chain(sample, lines)))


def _sample(lines: Iterator[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    size = 0
    for number, line in islice(lines, SAMPLE_LINES):
        yield number, line
        size += len(line)
        if size > SAMPLE_BYTES:
            return


def _utf8_blocks(blocks: Iterator[Block], encoding: str | None, name: str) -> Iterator[bytes]:
    """Yield the blocks as UTF-8. Bytes that are so already, as nearly always, pass as they are."""
    first = next(blocks, b"")
    mark = find_byte_order_mark(first) if isinstance(first, bytes) else None
    every = chain([first], blocks)
    if isinstance(first, bytes) and (mark[1] == "utf-8" if mark else encoding is None):
        yield first[len(mark[0]) :] if mark else first
        yield from (block for block in blocks if isinstance(block, bytes))
    else:
        for text in decode_blocks(every, encoding, name):
            yield text.encode("utf-8", "surrogatepass")  # a lone surrogate becomes its line's reject


def _numbered_lines(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        for block in blocks:
            lines = block.split(b"\n")
            if not lines[-1]:
                lines.pop()
            for number, line in enumerate(lines, number + 1):  # noqa: B020 - it counts on
                yield number, line
    except SourceError as error:
        raise replace(error, row=number + 1) from None


def _read_lines(lines: Iterator[tuple[int, bytes]]) -> Iterator[Row | Reject]:
    for number, line in lines:
        try:
            values = _decode(line)
        except (ValueError, ArithmeticError, RecursionError) as error:
            if line.strip():
                yield _reject(number, *_explain(line, error))
            continue
        # Each test is a cheap upper bound of what it looks for; only a hit is looked at closely.
        if line.count(b"[") + line.count(b"{") > MAX_DEPTH and _is_too_deep(values):
            yield _reject(number, "json-too-deep", f"the line is nested deeper than {MAX_DEPTH} levels")
        elif line.count(b'":') > len(values) and (repeated := _repeated_key(line)):
            message = f"the name {quote_value(repeated)} occurs twice in one object"
            yield _reject(number, "json-repeated-name", message)
        else:
            yield Row(number, values)


def _reject(number: int, code: str, message: str, help: str = "") -> Reject:
    return Reject(number, None, (Problem("", code, message, help),), {})


def _explain(line: bytes, error: Exception) -> tuple[str, str, str]:
    """Return code, message and help for a line that is no JSON object."""
    if isinstance(error, RecursionError):
        return "json-too-deep", f"the line is nested deeper than {MAX_DEPTH} levels", ""
    if isinstance(error, UnicodeDecodeError):
        byte = error.object[error.start]
        hint = "if the file comes from an older Windows program, write `encoding: cp1252` under `source:`"
        return "encoding", f"the line holds byte 0x{byte:02X}, which is not UTF-8 text", hint
    if isinstance(error, msgspec.ValidationError) and str(error).startswith("Expected"):
        found = str(error).rpartition("got ")[2].strip("`")
        return "not-an-object", f"a line is an object such as {{…}}, not {found}", ""
    if isinstance(error, msgspec.ValidationError | ArithmeticError):
        return "json-number", "the line holds a number too large to be read", ""
    if _LONE_SURROGATE.search(line):
        return "json-surrogate", "the line holds half of a surrogate pair, which is no character", ""
    return _explain_syntax(line, str(error))


_LONE_SURROGATE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB]..)\\u[dD][c-fC-F]"
)
_WORDS = re.compile(rb"-?Infinity|NaN")


def _explain_syntax(line: bytes, reason: str) -> tuple[str, str, str]:
    reason = reason.removeprefix("JSON is malformed: ").replace(
        "Input data was truncated", "it ends too early"
    )
    place = re.search(r"\(byte (\d+)\)", reason)
    at = int(place[1]) if place else len(line)
    near = line[max(0, at - 20) : at + 20].decode("utf-8", "replace")
    word = _WORDS.match(line, at - 1 if line[at - 1 : at] == b"-" else at)
    hint = f"JSON has no {word[0].decode()}; the program that wrote it should write null" if word else ""
    return "json-syntax", f"the line is not JSON: {reason}, near {quote_value(near)}", hint


def _is_too_deep(value: Any) -> bool:
    """Whether a decoded value is nested deeper than the limit; without recursion."""
    level = [value]
    for _ in range(MAX_DEPTH):
        parts = (part for item in level for part in (item.values() if isinstance(item, dict) else item))
        level = [part for part in parts if isinstance(part, dict | list)]
    return bool(level)


def _repeated_key(line: bytes) -> str | None:
    repeated: list[str] = []

    def collect(pairs: list[tuple[str, Any]]) -> None:
        seen: set[str] = set()
        for key, _ in pairs:
            if key in seen:
                repeated.append(key)
            seen.add(key)

    json.loads(line, object_pairs_hook=collect, parse_int=str, parse_float=str)
    return repeated[0] if repeated else None
