"""JSON Lines: one JSON object a line, numbers exact, each bad line a reject of its own.

Owns the cutting into lines, and into blocks of lines that another process cuts; what a line must be is
told by `json_rows`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain

import msgspec

from opusmap.errors import SourceError
from opusmap.mapping import SourceOptions
from opusmap.records import Reject, Row
from opusmap.sources.json_rows import find_columns, read_rows, rows_of, take_sample, utf8_blocks
from opusmap.sources.source import Format, Reading, Source, StreamSource
from opusmap.sources.text_io import Block, Input, whole_lines

__all__ = ["read_json_lines"]

_PART_LINES = 1_500
"""Lines of a part at most: uncut they take little memory, and a part costs 0.5 ms to send and to wait for."""


def read_json_lines(blocks: Iterator[Block], *, name: str, encoding: str | None) -> Reading:
    """Begin to read JSON Lines. Row numbers are line numbers; blank lines are skipped.

    Raises:
        SourceError: no line of the sample can be read; or `encoding`, `unknown-encoding`,
            `line-too-long`; all but the first line's when the
            rows are read.
    """
    numbered = _numbered(whole_lines(utf8_blocks(blocks, encoding, name), (b"\n",), name))
    ahead = list[tuple[int, bytes]]()
    columns = find_columns(take_sample(_lines(_kept(numbered, ahead))), name, "line")
    parts = _line_parts(chain(ahead, numbered))
    return Reading(columns, rows_of(parts), word="line", parts=parts)


def _numbered(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    """Yield blocks of whole lines with the number of each one's first line."""
    number = 1
    try:
        for block in blocks:
            yield number, block
            number += block.count(b"\n")
    except SourceError as error:
        raise replace(error, row=number) from None


def _kept(blocks: Iterable[tuple[int, bytes]], kept: list[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for block in blocks:
        kept.append(block)
        yield block


def _lines(blocks: Iterable[tuple[int, bytes]]) -> Iterator[tuple[int, bytes]]:
    for first, block in blocks:
        lines = block.split(b"\n")
        if not lines[-1]:
            lines.pop()
        yield from enumerate(lines, first)


class _LinePart(msgspec.Struct, frozen=True):
    """Lines as they came, not cut yet, and the number of the first."""

    first: int
    block: bytes

    def rows(self) -> Iterator[Row | Reject]:
        lines = self.block.removesuffix(b"\n").split(b"\n")
        return read_rows(range(self.first, self.first + len(lines)), lines, "line")


def _line_parts(blocks: Iterable[tuple[int, bytes]]) -> Iterator[_LinePart]:
    """Yield each block, cut up where its lines are so short that it has too many."""
    for first, block in blocks:
        if block.count(b"\n") <= _PART_LINES:
            yield _LinePart(first, block)
        else:
            lines = block.split(b"\n")
            for start in range(0, len(lines), _PART_LINES):
                yield _LinePart(first + start, b"\n".join(lines[start : start + _PART_LINES]))


def _open(input: Input, options: SourceOptions) -> Source:
    return StreamSource(input, partial(read_json_lines, name=input.name, encoding=options.encoding))


FORMAT = Format(
    name="jsonl",
    title="JSON Lines",
    suffixes=(".jsonl", ".ndjson"),
    options=("encoding", "each"),
    open=_open,
    knows_columns=False,
)
