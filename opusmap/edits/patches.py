r"""Patches: replaced spans of a text, which can be undone and chained.

All offsets count code points, as Python's texts do; a byte-order mark and each half of `\r\n` count as one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Self


class TextEdit(NamedTuple):
    """Replaces the text from `start` to `end` (exclusive) by `new`; with equal offsets, it inserts."""

    start: int
    end: int
    new: str


@dataclass(frozen=True, slots=True)
class Patch:
    """A change of a text: its edits, in order and without overlaps, the text after it and before it."""

    edits: tuple[TextEdit, ...]
    text: str
    before: str

    @classmethod
    def of(cls, before: str, edits: Iterable[TextEdit]) -> Self:
        """Return the patch that makes these edits in a text; those that change nothing are left out."""
        kept = tuple(one for one in _in_order(edits) if before[one.start : one.end] != one.new)
        return cls(kept, replace_spans(before, kept), before)

    @property
    def undo(self) -> Patch:
        """The patch that turns the text after this one into the text before it."""
        back, shift = [], 0
        for start, end, new in self.edits:
            back.append(TextEdit(start + shift, start + shift + len(new), self.before[start:end]))
            shift += len(new) - (end - start)
        return Patch(tuple(back), self.before, self.text)

    def then(self, later: Patch) -> Patch:
        """Return both patches as one; `later` is a patch of the text after this one."""
        if later.before != self.text:
            raise ValueError("the later patch is of another text")
        return Patch.of(self.before, chain(self.before, self.edits, later.edits))


def replace_spans(text: str, edits: Iterable[TextEdit]) -> str:
    """Return a text with edits that do not overlap; what is inserted at one offset keeps its order."""
    parts, at = [], 0
    for start, end, new in _in_order(edits):
        parts += [text[at:start], new]
        at = end
    return "".join([*parts, text[at:]])


def chain(text: str, first: Iterable[TextEdit], later: Iterable[TextEdit]) -> list[TextEdit]:
    """Return edits of a text that do what `first`, and then `later` on its outcome, do."""
    pieces = list(_pieces(text, _in_order(first)))
    chained: list[TextEdit] = []
    kept_until, new = 0, ""
    for piece in _cut(pieces, _in_order(later)):
        if piece.insertion is not None:
            new += piece.insertion
        elif piece.size:
            if new or piece.start > kept_until:
                chained.append(TextEdit(kept_until, piece.start, new))
            kept_until, new = piece.end, ""
    if new or kept_until < len(text):
        chained.append(TextEdit(kept_until, len(text), new))
    return chained


@dataclass(frozen=True, slots=True)
class _Piece:
    """A part of an edited text: from `start` to `end` of the original, or an insertion."""

    start: int
    end: int
    insertion: str | None = None

    @property
    def size(self) -> int:
        return self.end - self.start if self.insertion is None else len(self.insertion)

    def part(self, start: int, end: int) -> _Piece:
        if self.insertion is not None:
            return _Piece(0, 0, self.insertion[start:end])
        return _Piece(self.start + start, self.start + end)


def _in_order(edits: Iterable[TextEdit]) -> list[TextEdit]:
    return sorted(edits, key=lambda one: (one.start, one.end))


def _pieces(text: str, edits: Sequence[TextEdit]) -> Iterator[_Piece]:
    at = 0
    for start, end, new in edits:
        yield _Piece(at, start)
        yield _Piece(0, 0, new)
        at = end
    yield _Piece(at, len(text))


def _cut(pieces: Sequence[_Piece], edits: Sequence[TextEdit]) -> Iterator[_Piece]:
    """Yield the pieces of an edited text after more edits, which count in that text."""
    left = list(reversed(pieces))
    at = 0

    def take(until: int) -> Iterator[_Piece]:
        nonlocal at
        while left and at < until:
            piece = left.pop()
            if at + piece.size > until:
                left.append(piece.part(until - at, piece.size))
                piece = piece.part(0, until - at)
            at += piece.size
            yield piece

    for start, end, new in edits:
        yield from take(start)
        for _ in take(end):
            pass
        yield _Piece(0, 0, new)
    yield from reversed(left)
