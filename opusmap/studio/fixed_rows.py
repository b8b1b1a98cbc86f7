"""Corrected cells of rejected rows: kept beside the mapping, never written to the source.

Owns two files. `MAPPING.fixes.json` has each corrected cell with what it was, a mark of the row that it was
in, and why reasons are left as they are. `MAPPING.fixed-rows.csv` (or `.xlsx`, `.jsonl`, as the source) has
the rows that are ready by them, as a file of rejects has them: `opusmap retry` sends it. It
is only written once the whole source was checked, so that no fix is applied to a row that has changed since.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from opusmap.errors import SettingsError
from opusmap.kept_files import write_kept
from opusmap.language.cached_files import Stamp, stamp
from opusmap.output_files import hash_of, replace_file
from opusmap.records import Reject
from opusmap.rejects import RejectWriter, shape_of
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.sources import Source
from opusmap.studio.cell_text import cell_text, read_cell
from opusmap.studio.kept_rejects import ReasonKey

_SIZE_LIMIT = 256 << 20


class CellFix(msgspec.Struct, frozen=True):
    """A corrected cell, as texts: what it was in the source, and what it is to be."""

    was: str
    now: str


class Fix(msgspec.Struct):
    """The corrected cells of a row by source column; `source` is the mark of the row as it was then."""

    source: str
    cells: dict[str, CellFix]


class LeftRejected(msgspec.Struct, frozen=True):
    """A reason whose rows stay rejected (see `ReasonKey`), and why, in a person's words."""

    reason: ReasonKey
    why: str


class _Content(msgspec.Struct):
    """The file. `current`: the fixed rows in `file` are those of `rows`, for the sources as stamped."""

    version: int = 1
    rows: dict[int, Fix] = {}
    left: list[LeftRejected] = []
    file: str = ""
    sha256: str = ""
    count: int = 0
    current: bool = True
    sources: dict[str, Stamp | None] = {}


def mark_row(values: Mapping[str, Any]) -> str:
    """Return what tells a row from any other content: a hash of its values."""
    text = json.dumps({name: cell_text(value) for name, value in values.items()}, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:32]


class Fixes:
    """The corrections of a mapping's rejected rows. Read it, change it, save it; hold the mapping's lock."""

    def __init__(self, mapping: Path) -> None:
        """Read what is kept beside a mapping; nothing, if there is no file.

        Raises:
            SettingsError: the file can't be read.
        """
        self._mapping = mapping
        self.path = mapping.with_suffix(".fixes.json")
        self._content = _Content()
        if self.path.exists():
            try:
                text = read_text(self.path, _SIZE_LIMIT)
                self._content = msgspec.json.decode(text, type=_Content)
            except (UnreadableFile, msgspec.DecodeError) as error:
                problem = f"the fixes can't be read: {error}"
                hint = "restore the file from a backup, or move it away to begin without fixes"
                raise SettingsError(str(self.path), problem, hint) from None

    @property
    def rows(self) -> Mapping[int, Fix]:
        """The fixes by the number of their row."""
        return self._content.rows

    @property
    def left(self) -> tuple[LeftRejected, ...]:
        """The reasons whose rows stay rejected."""
        return tuple(self._content.left)

    @property
    def file(self) -> Path | None:
        """The file of fixed rows, or None if there are none."""
        return self._mapping.parent / self._content.file if self._content.count else None

    @property
    def count(self) -> int:
        """How many rows the file of fixed rows has."""
        return self._content.count

    @property
    def current(self) -> bool:
        """Whether the file of fixed rows has all fixes, and the source is as it was when it was written."""
        sources = self._content.sources
        return self._content.current and all(stamp(Path(name)) == one for name, one in sources.items())

    def set_cells(self, reject: Reject, texts: Mapping[str, str]) -> None:
        """Correct cells of a row; the source's own text takes a correction back."""
        fix = self._content.rows.get(reject.row)
        mark = mark_row(reject.values)
        cells = dict(fix.cells) if fix is not None and fix.source == mark else {}
        for column, text in texts.items():
            was = cell_text(reject.values.get(column))
            cells.pop(column, None)
            if text != was:
                cells[column] = CellFix(was, text)
        if cells:
            self._content.rows[reject.row] = Fix(mark, cells)
        else:
            self._content.rows.pop(reject.row, None)
        self._content.current = False

    def corrected(self, reject: Reject) -> dict[str, Any] | None:
        """Return a row with its corrections; None if it has none, or has changed since."""
        fix = self._content.rows.get(reject.row)
        if fix is None or fix.source != mark_row(reject.values):
            return None
        read = {name: read_cell(cell.now, reject.values.get(name)) for name, cell in fix.cells.items()}
        return {**reject.values, **read}

    def confirm(self, reject: Reject) -> None:
        """Apply a fix to its row as it is now."""
        fix = self._content.rows.pop(reject.row)
        self.set_cells(reject, {name: cell.now for name, cell in fix.cells.items()})

    def drop(self, row: int) -> None:
        """Forget the fix of a row."""
        self._content.rows.pop(row, None)
        self._content.current = False

    def follow(self, found: Mapping[str, int]) -> None:
        """Follow rows that have another number now: `found` has it by the row's mark."""
        kept = dict[int, Fix]()
        for row, fix in self._content.rows.items():
            kept[found.get(fix.source, row)] = fix
        self._content.rows = kept

    def leave_rejected(self, reason: ReasonKey, why: str) -> None:
        """Note why the rows of a reason stay rejected; an empty sentence takes the note back."""
        left = [one for one in self._content.left if one.reason != reason]
        if why.strip():
            left.append(LeftRejected(reason, why.strip()))
        self._content.left = left

    def save(self) -> None:
        """Write the fixes; the file of fixed rows is written by `write_rows`.

        Raises:
            SettingsError: the file can't be written.
        """
        content = self._content
        if not (content.rows or content.left or content.file or self.path.exists()):
            return
        write_kept(self.path, content)

    def write_rows(self, rows: Iterable[Reject], source: Source, sources: Mapping[str, Stamp | None]) -> None:
        """Write the file of fixed rows, and the fixes.

        Args:
            rows: the rows with their corrections, and with the key and problems that they were rejected with.
            source: whose rows they are; it may be closed.
            sources: its files, as they were when they were read.

        Raises:
            SettingsError: another program has changed the file of fixed rows, or it can't be written.
        """
        rows = list(rows)
        columns = source.columns or tuple({name: None for one in rows for name in one.values})
        if rows or self._content.file:
            self._refuse_changed()
        if rows:
            suffix, begin = shape_of(source, columns)
            path = self._mapping.with_suffix(f".fixed-rows{Path(suffix).suffix}")
            new = path.with_name(f".{path.stem}.new{path.suffix}")
            new.unlink(missing_ok=True)
            with RejectWriter(new, begin) as writer:
                for one in rows:
                    writer.write(one)
            replace_file(writer.path, path)
            self._content.file = path.name
            self._content.sha256 = hash_of(path) or ""
        elif self._content.file:
            (self._mapping.parent / self._content.file).unlink(missing_ok=True)
            self._content.file = self._content.sha256 = ""
        self._content.count, self._content.current = len(rows), True
        self._content.sources = dict(sources)
        self.save()

    def _refuse_changed(self) -> None:
        for path in self._mapping.parent.glob(f"{self._mapping.stem}.fixed-rows.*"):
            now = hash_of(path)
            if now is not None and (path.name, now) != (self._content.file, self._content.sha256):
                problem = "another program has changed this file, so the fixes of this page are not in it"
                hint = f"send it with `opusmap retry {self._mapping.name} {path.name}`, then move it away"
                raise SettingsError(str(path), problem, hint)
