"""Rows of CSV that have not a cell for each column: which of them are pieces of one row, and what they spoil.

A line break in a cell that is not quoted cuts its row. Where the pieces have the cells of one row together,
they are reported so. A piece without a delimiter leaves no other trace: it is the rest of the last cell of
the row above, or the beginning of the first cell of the row below. Both of these look whole, so they are
rejected with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from opusmap.issues import Issue
from opusmap.records import Reject
from opusmap.sources.header import Header, refuse_unnamed
from opusmap.sources.source import reject_row
from opusmap.wording import counted

_QUOTE_BREAK = "a cell with line breaks in it must be quoted"


@dataclass(frozen=True, slots=True)
class Record:
    """What the reader gives for a row: its number, its cells, and how many lines it covers."""

    number: int
    cells: list[str]
    lines: int = 1

    def is_blank(self, header: Header) -> bool:
        """Return whether this is a blank line, which is not a row."""
        return not self.cells or (header.width > 1 and len(self.cells) == 1 and not self.cells[0].strip())

    def is_whole(self, header: Header) -> bool:
        """Return whether each column has its cell, and none holds a NUL."""
        return len(self.cells) in header.widths and not any("\0" in cell for cell in self.cells)

    def is_complete(self, header: Header) -> bool:
        """Return whether the row does not go on in the next line: no column lacks its cell."""
        return not self.is_blank(header) and not self.is_short(header)

    def is_short(self, header: Header) -> bool:
        """Return whether a column lacks its cell."""
        return len(self.cells) <= header.positions[-1] and not self.is_blank(header)

    def is_piece(self, header: Header) -> bool:
        """Return whether this is short and has no delimiter."""
        return len(self.cells) == 1 and self.is_short(header)

    def as_reject(self, header: Header, hint: str = "") -> Reject:
        """Return the reject of a row that is not whole."""
        if len(self.cells) in header.widths:
            at = next(at for at, cell in enumerate(self.cells) if "\0" in cell)
            column = header.columns[header.positions.index(at)] if at in header.positions else ""
            problem = Issue("nul-byte", "the cell contains a NUL byte", column, "remove it from the file")
            return Reject(self.number, None, (problem,), self._values(header))
        there = "is 1 column" if header.width == 1 else f"are {header.width} columns"
        message = f"the row has {counted(len(self.cells), 'cell')}, but there {there}"
        if self.lines > 1:
            hint = f"the row covers {self.lines} lines: is a closing quote missing?"
        return self._ragged(header, message, hint or "a cell that contains the delimiter must be quoted")

    def refuse_beside(self, header: Header, piece: Record) -> Reject:
        """Return the reject of a row that is whole, but beside a piece of a cell."""
        place, which = ("above", "first") if piece.number < self.number else ("below", "last")
        message = (
            f"row {piece.number} {place} has 1 cell, which may be a piece of the {which} cell of this row"
        )
        return self._ragged(header, message, f"{_QUOTE_BREAK}; if this row is right, correct the other one")

    def refuse_unnamed(self, header: Header) -> Reject | None:
        """Return the reject of a row with a value in a column without a name; None if there is none."""
        cells = self.cells
        at = next((at for at in header.unnamed if at < len(cells) and cells[at].strip()), None)
        if at is None:
            return None
        cause = "; or a cell before it contains the delimiter and is not quoted"
        return refuse_unnamed(self.number, f"column {at + 1}", cells[at], self._values(header), cause)

    def _ragged(self, header: Header, message: str, hint: str) -> Reject:
        return reject_row(self.number, "ragged-row", message, hint, self._values(header))

    def _values(self, header: Header) -> dict[str, str]:
        cells = self.cells
        return {
            name: cells[at]
            for name, at in zip(header.columns, header.positions, strict=True)
            if at < len(cells)
        }


def judge(rows: Sequence[Record], header: Header) -> Iterator[tuple[int, list[str]] | Reject]:
    """Yield number and cells of each whole row that is not beside a piece, and the reject of any other.

    A blank line is not a row.

    Args:
        rows: rows that follow each other, up to a whole one on either side of those that are not.
        header: what the rows should be like.
    """
    rows = [row for row in rows if not row.is_blank(header)]
    at = 0
    while at < len(rows):
        row = rows[at]
        if row.is_whole(header):
            beside = (*rows[max(0, at - 1) : at], *rows[at + 1 : at + 2])
            piece = next((one for one in beside if one.is_piece(header)), None)
            yield (row.number, row.cells) if piece is None else row.refuse_beside(header, piece)
            at += 1
        elif row.is_piece(header):
            end = next((end for end in range(at, len(rows)) if not rows[end].is_piece(header)), len(rows))
            above, below = rows[max(0, at - 1) : at], rows[end : end + 1]
            hint = _may_belong(above[0].number if above else 0, below[0].number if below else 0)
            yield from (piece.as_reject(header, hint) for piece in rows[at:end])
            at = end
        else:
            end = _end_of_cut(rows, at, header)
            hint = ""
            if end > at + 1:
                numbers = f"rows {row.number} to {rows[end - 1].number}"
                hint = f"{numbers} together have the {header.width} cells of one row: {_QUOTE_BREAK}"
            yield from (one.as_reject(header, hint) for one in rows[at:end])
            at = end


def _end_of_cut(rows: Sequence[Record], start: int, header: Header) -> int:
    """Return the index after the rows that have the cells of one row together; after the first if none do."""
    joined = 0
    for at in range(start, len(rows)):
        if not rows[at].is_short(header):
            break
        joined += len(rows[at].cells) - (at > start)
        if joined in header.widths:
            return at + 1
        if joined > header.width:
            break
    return start + 1


def _may_belong(above: int, below: int) -> str:
    parts = [f"the last cell of row {above}"] * bool(above) + [f"the first cell of row {below}"] * bool(below)
    return f"it may be a piece of {' or of '.join(parts)}: {_QUOTE_BREAK}" if parts else ""
