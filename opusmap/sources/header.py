"""The header of a table of cells (CSV, a sheet): in which row it is, and what the columns are called.

Titles above a header, and files without one, are recognised in a sample of the first rows. That only decides
whether a header is refused, and what `init` proposes: a row that the mapping names is taken as it is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from opusmap.errors import SourceError
from opusmap.records import Reject
from opusmap.source_options import SourceOptions
from opusmap.sources.source import check_columns, reject_row
from opusmap.wording import counted, quote_names, quote_value

FIND = -1
"""As `header_row`: take the row that looks like a header (for `init`)."""

SAMPLE_ROWS = 100
"""Rows in which a header is searched."""

_NEARLY_ALL = 0.8
_TITLED_WIDTH = 3
"""A lone cell in the first row is a title only above so many columns: a name may contain a delimiter."""

_CODE_DIGITS = 4
_NAMES_SHOWN = 20
_DATE = re.compile(r"\d{4}[-/.]\d\d?[-/.]\d\d?(?:[T ].*)?|\d\d?[-/.]\d\d?[-/.]\d{2,4}(?: .*)?")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+")
_NUMBER = re.compile(r"[-+(]?[\d.,' \u00a0]*\d[\d.,' \u00a0]*[)%]?")
_DECIMAL = re.compile(r"-?\d+[.,]\d+")
_YEAR = re.compile(r"(?:1[89]|20|21)\d\d")


@dataclass(frozen=True, slots=True)
class Header:
    """The columns of a table, and which of a row's cells belong to them.

    Attributes:
        columns: their names.
        positions: for each, the index of its cell in a row.
        width: the cells of a row.
        row: the number of the header's row; 0 if there is none.
        note: which columns were left out, as a sentence; empty if none.
        unnamed: the indexes of cells without a column.
    """

    columns: tuple[str, ...]
    positions: tuple[int, ...]
    width: int
    row: int
    note: str = ""
    unnamed: tuple[int, ...] = ()

    @property
    def widths(self) -> tuple[int, int]:
        """How many cells a row may have: all, or none after the last column, as Excel writes some rows."""
        return self.width, self.positions[-1] + 1


def given_header(name: str, options: SourceOptions) -> Header:
    """Return the header of a table that has none, so that the mapping gives its columns.

    Raises:
        SourceError: `empty-header`, `duplicate-header`, `nul-byte`.
    """
    columns = options.columns
    check_columns(name, columns)
    return Header(columns, tuple(range(len(columns))), len(columns), 0)


def choose_row(name: str, options: SourceOptions, sample: Sequence[Sequence[str]]) -> int:
    """Return the number of the row with the column names: 0 if there is none.

    Args:
        name: the source's name.
        options: the mapping's `source`.
        sample: the cells of the first rows; not looked at where `needs_sample` is false.

    Raises:
        SourceError: `no-header`: the first row is a title, or a row of data, and no row is stated; or it is
            the header, although `columns` says that there is none.
    """
    if options.columns and options.header_row is None:
        if sample and _folded(sample[0]) == _folded(options.columns):
            problem = "row 1 has the names that `columns` gives, so it is the header, not a record"
            hint = "write `header_row: 1` under `source:`, or remove `columns`"
            raise SourceError(name, "no-header", problem, 1, hint)
        return 0
    if options.header_row is not None and options.header_row != FIND:
        return options.header_row
    row = find_row(sample)
    if row != 1 and options.header_row is None:
        what = "a title" if _filled(sample[0]) else "blank"
        problem = f"row 1 is {what}, and the column names seem to be in row {row}"
        hint = f"write `header_row: {row}` under `source:`; or `header_row: 1` if row 1 contains them"
        raise SourceError(name, "no-header", problem, 1, hint)
    if row <= len(sample) and (shown := _data_in(sample[row - 1], sample[row:])):
        problem = (
            f"row {row} seems to be data: {quote_value(shown)} is like the cells below, not a column's name"
        )
        columns = columns_line(len(sample[row - 1]))
        hint = f"write {columns} under `source:`, with your names; or `header_row: {row}`"
        raise SourceError(name, "no-header", problem, row, f"{hint} if the row really contains the names")
    return row


def needs_sample(options: SourceOptions) -> bool:
    """Return whether a sample must show the header's row, or that there is none."""
    return options.header_row in (FIND, None)


def read_header(name: str, options: SourceOptions, row: int, cells: Sequence[str]) -> Header:
    """Return the header that the cells of row number `row` make.

    Cells without a name are left out, unless `headers: number` gives names to them; `columns` gives other
    names to all that have one, or to all.

    Raises:
        SourceError: `no-header`, `nul-byte`, `duplicate-header`, `wrong-option`.
    """
    named = tuple(at for at, cell in enumerate(cells) if cell.strip())
    if not named:
        hint = (
            "write the number of the row that holds the column names, such as `header_row: 2` under `source:`"
        )
        raise SourceError(name, "no-header", f"the header row (row {row}) is blank", row, hint)
    if any("\0" in cell for cell in cells):
        hint = "if the file is UTF-16, write `encoding: utf-16-le` under `source:`"
        raise SourceError(name, "nul-byte", "the header contains NUL bytes", row, hint)
    if options.columns:
        check_columns(name, options.columns)
        count = len(options.columns)
        if count not in (len(cells), len(named)):
            problem = f"`columns` has {counted(count, 'name')}, but the header in row {row} has {len(named)}"
            hint = "give a name for each, or remove `columns` from `source:`"
            raise SourceError(name, "wrong-option", problem, row, hint)
        columns, positions = options.columns, named if count == len(named) else tuple(range(count))
    elif options.headers == "number":
        columns, positions = number_names(cells), tuple(range(len(cells)))
    else:
        columns, positions = tuple(cells[at] for at in named), named
        _refuse_repeated(name, columns, row)
    kept = set(positions)
    unnamed = tuple(at for at in range(len(cells)) if at not in kept)
    note = ""
    if unnamed:
        note = f"{_listed(unnamed)} in row {row} and {'is' if len(unnamed) == 1 else 'are'} left out"
    return Header(columns, positions, len(cells), row, note, unnamed)


def number_names(cells: Sequence[str]) -> tuple[str, ...]:
    """Return a name for each cell of a header: its own, or with a number, so that no two are equal.

    >>> number_names(["Id", "Variant", "Variant", "", "Variant (2)"])
    ('Id', 'Variant', 'Variant (3)', 'Column 4', 'Variant (2)')
    """
    own = {cell for cell in cells if cell.strip()}
    taken, used, last = set(own), set[str](), dict[str, int]()
    names = list[str]()
    for at, cell in enumerate(cells, 1):
        base = cell if cell.strip() else f"Column {at}"
        chosen = base
        if base in used or (not cell.strip() and base in own):
            number = last.get(base, 1) + 1
            while (chosen := f"{base} ({number})") in taken:
                number += 1
            last[base] = number
        taken.add(chosen)
        used.add(chosen)
        names.append(chosen)
    return tuple(names)


def columns_line(count: int) -> str:
    """Return the line that names so many columns, for a person to change."""
    names = [f"Column {number}" for number in range(1, min(count, _NAMES_SHOWN) + 1)]
    more = ", …" if count > _NAMES_SHOWN else ""
    return f"`columns: [{', '.join(names)}{more}]`"


def refuse_unnamed(
    number: int, cell: str, value: object, values: Mapping[str, object], cause: str = ""
) -> Reject:
    """Return the reject of a row with a value in a cell whose column has no name.

    Args:
        number: the row's number.
        cell: what messages call the cell.
        value: its value.
        values: the row's other values, by column.
        cause: what else may be wrong in a file of this format, to be added to the hint.
    """
    message = f"{cell} contains {quote_value(value)}, but its column has no name in the header"
    hint = (
        "name the column in the file, or write `headers: number` under `source:` to read it; "
        f"or clear the cell{cause}"
    )
    return reject_row(number, "unnamed-column", message, hint, values)


def _refuse_repeated(name: str, columns: Sequence[str], row: int) -> None:
    if len(set(columns)) == len(columns):
        return
    repeated = list(dict.fromkeys(column for column in columns if columns.count(column) > 1))
    twice = next(number for number in number_names(columns) if number not in columns)
    problem = f"the header repeats {quote_names(repeated, _NAMES_SHOWN, 60)}"
    hint = f"write `headers: number` under `source:`, which renames the second to {quote_value(twice)}"
    if len(set(columns)) < len(columns) / 2:
        line = columns_line(len(columns))
        hint += f"; or, if the file has no header, {line} under `source:`"
    raise SourceError(name, "duplicate-header", problem, row, hint)


def _listed(positions: Sequence[int]) -> str:
    """Return `column 4 has no name`, `columns 2, 4-6 have no name`."""
    parts = list[str]()
    start = previous = positions[0]
    for at in [*positions[1:], -1]:
        if at != previous + 1:
            parts.append(f"{start + 1}-{previous + 1}" if previous > start else str(start + 1))
            start = at
        previous = at
    some = ", ".join(parts[:_NAMES_SHOWN]) + (", …" if len(parts) > _NAMES_SHOWN else "")
    one = len(positions) == 1
    return f"column{'' if one else 's'} {some} {'has' if one else 'have'} no name"


def find_row(sample: Sequence[Sequence[str]]) -> int:
    """Return the number of the row that looks like the header; 1 where nothing says otherwise.

    It is the first row with names in nearly as many cells as most rows have values, below rows with fewer.
    That these are titles is certain enough if they have but one cell each, a blank row follows them, or
    columns below the header are of numbers, dates or addresses.
    """
    counts = [_filled(cells) for cells in sample]
    sizes = sorted(count for count in counts if count > 1)
    if not sizes:  # in a single column, a title looks like a name
        return 1
    width = sizes[len(sizes) // 2]
    row = next((number for number, count in enumerate(counts, 1) if count >= _NEARLY_ALL * width), 1)
    above, cells = counts[: row - 1], sample[row - 1]
    if row == 1 or not _are_names(cells):
        return 1
    single = all(count <= 1 for count in above) and width >= _TITLED_WIDTH
    if single or 0 in above or 2 * max(above) < width or any(_typed_below(cells, sample[row:])):
        return row
    return 1


def _folded(cells: Sequence[str]) -> list[str]:
    """Return names without letter case, blanks around them, and empty ones at the end."""
    return "\0".join(cell.strip().casefold() for cell in cells).rstrip("\0").split("\0")


def _filled(cells: Sequence[str]) -> int:
    return sum(bool(cell.strip()) for cell in cells)


def _kind(cell: str) -> str:
    """Return what a cell looks like: `number`, `date`, `email`, or nothing of these."""
    text = cell.strip()
    if _NUMBER.fullmatch(text):
        return "date" if _DATE.fullmatch(text) else "number"
    if _DATE.fullmatch(text):
        return "date"
    return "email" if _EMAIL.fullmatch(text) else ""


def _are_names(cells: Sequence[str]) -> bool:
    return all(not _kind(cell) or _YEAR.fullmatch(cell.strip()) for cell in cells if cell.strip())


def _typed_below(cells: Sequence[str], below: Sequence[Sequence[str]]) -> Iterator[bool]:
    """Yield for each text of a row whether the column below it is of numbers, dates or addresses."""
    for at, cell in enumerate(cells):
        if cell.strip() and not _kind(cell):
            kinds = [_kind(found) for found in _column(below, at)]
            yield bool(kinds) and sum(map(bool, kinds)) >= _NEARLY_ALL * len(kinds)


def _data_in(cells: Sequence[str], below: Sequence[Sequence[str]]) -> str:
    """Return a cell of the header that is like the cells below it; an empty text if none is.

    A year is a name in many tables, and so is a whole number above others: only dates, addresses, decimal
    numbers, row numbers, and codes of at least four digits that are written as those below it count.
    """
    if any(_typed_below(cells, below)):
        return ""
    for at, cell in enumerate(cells):
        text, column = cell.strip(), _column(below, at)
        if not column or _YEAR.fullmatch(text):
            continue
        kind = _kind(text)
        if kind in ("date", "email") or _DECIMAL.fullmatch(text):
            if all(_kind(one) == kind for one in column):
                return text
            continue
        code = sum(map(str.isdigit, text)) >= _CODE_DIGITS and {*map(_shape, column)} == {_shape(text)}
        if code or _are_row_numbers([text, *column]):
            return text
    return ""


def _are_row_numbers(cells: Sequence[str]) -> bool:
    """Return whether at least three cells count on: 1, 2, 3."""
    if len(cells) <= 2 or not all(cell.isascii() and cell.isdigit() and len(cell) < 10 for cell in cells):  # noqa: PLR2004
        return False
    numbers = list(map(int, cells))
    return all(after == before + 1 for before, after in pairwise(numbers))


def _column(rows: Sequence[Sequence[str]], at: int) -> list[str]:
    return [cells[at].strip() for cells in rows if at < len(cells) and cells[at].strip()]


def _shape(text: str) -> str:
    return re.sub(r"\d", "9", text)
