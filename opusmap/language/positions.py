"""Places in a text as an editor counts them: lines and columns from 0, columns in characters (code points).

Issues count from 1 (`Span`); the Language Server Protocol counts columns in other units, see `opusmap.lsp`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from dataclasses import dataclass

from opusmap.issues import Span


@dataclass(frozen=True, slots=True, order=True)
class Position:
    """A place between two characters."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Range:
    """The text between two positions."""

    start: Position
    end: Position

    @classmethod
    def of(cls, span: Span) -> Range:
        """Return the range of a span."""
        start = Position(span.line - 1, span.column - 1)
        return cls(start, Position(span.end_line - 1, span.end_column - 1))


@dataclass(frozen=True, slots=True)
class TextEdit:
    """A change of a text: what is between two positions is replaced by `new`."""

    start: Position
    end: Position
    new: str


_BREAK = re.compile(r"\r\n|\r|\n")


class Lines:
    """Where the lines of a text begin and end. Line breaks are LF, CRLF and CR, as in YAML and in editors."""

    def __init__(self, text: str) -> None:
        breaks = list(_BREAK.finditer(text))
        self._starts = [0, *(found.end() for found in breaks)]
        self._ends = [*(found.start() for found in breaks), len(text)]

    def __len__(self) -> int:
        return len(self._starts)

    def offset(self, position: Position) -> int:
        """Return the offset of a position; one beyond a line's end is its end, as editors have it."""
        if position.line >= len(self._starts):
            return self._ends[-1]
        return min(self._starts[position.line] + position.column, self._ends[position.line])

    def position(self, offset: int) -> Position:
        """Return the position of an offset."""
        line = bisect_right(self._starts, offset) - 1
        return Position(line, offset - self._starts[line])

    def bounds(self, line: int) -> tuple[int, int]:
        """Return the offsets of a line's start and of its end, without the line break."""
        return self._starts[line], self._ends[line]


def apply(text: str, edits: tuple[TextEdit, ...]) -> str:
    """Return a text with edits that do not overlap."""
    lines = Lines(text)
    for edit in sorted(edits, key=lambda one: one.start, reverse=True):
        text = text[: lines.offset(edit.start)] + edit.new + text[lines.offset(edit.end) :]
    return text
