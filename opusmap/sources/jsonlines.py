"""JSON Lines: one JSON object a line, numbers exact, each bad line a reject of its own.

Owns the cutting into lines; what a line must be is told by `json_rows`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from opusmap.errors import SourceError
from opusmap.sources.blocks import Block, whole_lines
from opusmap.sources.json_rows import begin_rows, utf8_blocks
from opusmap.sources.source import Reading

__all__ = ["read_json_lines"]


def read_json_lines(blocks: Iterator[Block], *, name: str, encoding: str | None) -> Reading:
    """Begin to read JSON Lines. Row numbers are line numbers; blank lines are skipped.

    Raises:
        SourceError: no line of the sample can be read; or `encoding`, `unknown-encoding`,
            `line-too-long`; all but the first line's when the
            rows are read.
    """
    return begin_rows(
        _numbered_lines(whole_lines(utf8_blocks(blocks, encoding, name), (b"\n",), name)), name, "line"
    )


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
