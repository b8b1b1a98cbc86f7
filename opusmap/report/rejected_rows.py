"""Rejected rows as a page shows them, read back from the file of rejects that the run wrote.

Owns which rows may be shown: those of a file that is as the run left it, for the journal keeps row numbers
alone. It tells which cells a problem is about, and which wrong values are frequent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePath
from typing import Any

from opusmap.errors import SourceError
from opusmap.output_files import File, hash_file
from opusmap.records import Reject
from opusmap.rejects.corrected import is_neutralised, part_row
from opusmap.report.crosswalk import Line
from opusmap.report.provenance import Evidence
from opusmap.sources import open_source
from opusmap.wording import quote_value

ROWS = 1000
"""Rejected rows that are shown at most."""
TOP_VALUES = 5
"""Wrong values that are shown for each reason at most, the most frequent ones."""
_KEPT = 1000
"""Different wrong values that are counted for each reason at most."""

_DIGITS = 18
"""Digits of a row's number at most."""

_QUOTED = re.compile(r'"(.+?)"(?!\w)', re.DOTALL)
"""The value that a message quotes first: it is the wrong one."""

_CELL = re.compile(r"""\{\{\s*(?:([^\W\d]\w*)|row\['([^'\\]*)'\]|row\["([^"\\]*)"\])\s*\}\}""")
"""A cell in a template, as it is."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row, in words; `column` is the target column, or "" for the whole row."""

    column: str
    message: str


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected row as it was read, with what was wrong in it.

    `wrong` are the source columns that a wrong target column is made of, without those that are certainly
    right in this row. `sure`: those of them whose cell is certainly wrong.
    """

    number: int
    key: str
    problems: tuple[Problem, ...]
    values: Mapping[str, Any]
    wrong: frozenset[str] = frozenset()
    sure: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class TopValues:
    """The most frequent wrong values of a reason, with their counts, and how many rows have others."""

    values: tuple[tuple[str, int], ...]
    others: int = 0


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """Rejected rows by number, and (if any are not there) why, as a sentence.

    `top` are the wrong values by column and code, counted in all rows of the file.
    """

    rows: Mapping[int, RejectedRow] = field(default_factory=dict)
    missing: str = ""
    top: Mapping[tuple[str, str], TopValues] = field(default_factory=dict)


def read_rows(evidence: Evidence, limit: int = ROWS) -> RejectedRows:
    """Return the rows that the reasons of a run name, as far as its file of rejects is still as it was."""
    wanted = {row for reason in evidence.reasons for row in reason.rows}
    file = evidence.find("rejects")
    if not wanted:
        return RejectedRows()
    if file is None:
        return RejectedRows(missing="The run wrote no file of rejects, so only row numbers are known.")
    if missing := explain_change(file):
        return RejectedRows(missing=missing)
    try:
        return _Reading(evidence, wanted, limit).read(file)
    except SourceError as error:
        return RejectedRows(missing=f"{file.path} can't be read: {error}")


def explain_change(file: File) -> str:
    """Return why a file of rejects shows no longer what its run wrote, as a sentence; "" if it does."""
    now, name = hash_file("rejects", file.path), PurePath(file.path).name
    if now is None:
        return f"{name} no longer exists, so the cells of the rows can't be shown."
    if now != file:
        return (
            f"{name} was changed after the run, perhaps to correct it, which is fine. The reasons, counts "
            "and row numbers are still those of the run, but the wrong cells were only in that file, so they "
            "can't be shown any more. To keep them, make the page before you correct the file."
        )
    return ""


def is_edited(file: File) -> bool:
    """Return whether a file of rejects is still there, and is not as its run wrote it."""
    return hash_file("rejects", file.path) not in (None, file)


@dataclass(frozen=True, slots=True)
class _Line:
    """A line of a file of rejects."""

    number: str
    key: str
    columns: str
    codes: tuple[str, ...]
    error: str
    values: Mapping[str, Any]


def find_wrong_cells(
    problems: Iterable[tuple[str, str]], values: Mapping[str, Any], lines: Mapping[str, Line]
) -> dict[str, bool]:
    """Return the source columns that problems of a row are about; True for one whose cell is wrong for sure.

    Args:
        problems: the target column and the code of each; the code is "" if it is not known.
        values: the cells of the row.
        lines: how each target column is made, by its name.
    """
    found = dict[str, bool]()
    for column, code in problems:
        line = lines.get(column)
        names = (line.sources if line is not None else ()) or (column,)
        is_sure = len(names) == 1
        if code == "empty-in-template" and line is not None and _joins_cells(line):
            empty = tuple(name for name in names if name in values and values[name] in (None, ""))
            names, is_sure = empty or names, is_sure or bool(empty)
        for name in names:
            if name in values:
                found[name] = found.get(name, False) or is_sure
    return found


def _joins_cells(line: Line) -> bool:
    """Return whether a column begins with a template of cells as they are, so that each must have a value."""
    template = line.rules[0] if line.rules else ""
    names = {"".join(groups) for groups in _CELL.findall(template)}
    return names == set(line.sources) and "{" not in _CELL.sub("", template)


def _read_lines(file: File) -> Iterator[_Line]:
    with open_source(file.path) as source:
        neutralised = is_neutralised(source)
        for row in source.rows():
            if isinstance(row, Reject):
                continue
            values, (number, key, columns, codes, error) = part_row(row.values, neutralised=neutralised)
            yield _Line(number, key, columns, tuple(codes.split("; ")), error, values)


def read_keys(file: File) -> Iterator[tuple[str, str]]:
    """Yield the row key of each row of a file of rejects, and the columns that were wrong.

    Raises:
        SourceError: the file can't be read any further.
    """
    for line in _read_lines(file):
        yield line.key, line.columns


def read_keys_by_row(file: File) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    """Yield the number, the row key and the codes of each row of a file of rejects that has a number.

    Raises:
        SourceError: the file can't be read any further.
    """
    for line in _read_lines(file):
        if (number := _read_number(line)) is not None:
            yield number, line.key, line.codes


class _Reading:
    """One pass over a file of rejects."""

    def __init__(self, evidence: Evidence, wanted: set[int], limit: int) -> None:
        self._wanted, self._limit = wanted, limit
        self._reasons = {(reason.column, reason.code) for reason in evidence.reasons}
        self._columns = sorted({column for column, _ in self._reasons if column}, key=len, reverse=True)
        self._lines = {line.target: line for line in evidence.crosswalk.lines}
        self._counted: dict[tuple[str, str], Counter[str]] = {}
        self._others: Counter[tuple[str, str]] = Counter()

    def read(self, file: File) -> RejectedRows:
        rows, more = dict[int, RejectedRow](), False
        for line in _read_lines(file):
            problems = tuple(_split(line.error, [name for name in self._columns if name in line.columns]))
            self._count(line, problems)
            number = _read_number(line)
            if number is not None and number in self._wanted:
                if len(rows) < self._limit:
                    rows[number] = self._row(number, line, problems)
                else:
                    more = True
        missing = f"Only {self._limit:,} rows are shown; all of them are in {file.path}." if more else ""
        return RejectedRows(rows, missing, {key: self._top(key) for key in self._counted})

    def _row(self, number: int, line: _Line, problems: tuple[Problem, ...]) -> RejectedRow:
        told = ((one.column, self._find_code(line, one)) for one in problems)
        wrong = find_wrong_cells(told, line.values, self._lines)
        sure = frozenset(name for name, is_sure in wrong.items() if is_sure)
        return RejectedRow(number, line.key, problems, line.values, frozenset(wrong), sure)

    def _find_code(self, line: _Line, problem: Problem) -> str:
        """Return the code of a problem; "" if it is not known, since the file has no codes of messages."""
        codes = [code for column, code in self._reasons if column == problem.column and code in line.codes]
        return codes[0] if len(codes) == 1 else ""

    def _count(self, line: _Line, problems: Iterable[Problem]) -> None:
        for problem in problems:
            code, value = self._find_code(line, problem), self._wrong_value(line, problem)
            if not code or not value:
                continue
            reason = problem.column, code
            counted = self._counted.setdefault(reason, Counter())
            if value in counted or len(counted) < _KEPT:
                counted[value] += 1
            else:
                self._others[reason] += 1

    def _wrong_value(self, line: _Line, problem: Problem) -> str:
        """Return the value that a message quotes, or the cell that the column is made of; "" if unknown."""
        if (quoted := _QUOTED.search(problem.message)) is not None:
            return quoted[1]
        names = self._lines[problem.column].sources if problem.column in self._lines else ()
        cell = line.values.get(names[0]) if len(names) == 1 else None
        return "" if cell is None else quote_value(cell)[1:-1]

    def _top(self, key: tuple[str, str]) -> TopValues:
        top = tuple(self._counted[key].most_common(TOP_VALUES))
        rest = self._counted[key].total() - sum(count for _, count in top)
        return TopValues(top, rest + self._others[key])


def _read_number(line: _Line) -> int | None:
    """Return the number of a row; a person may have written anything there."""
    number = line.number
    return int(number) if number.isascii() and number.isdigit() and len(number) <= _DIGITS else None


def _split(error: str, columns: Iterable[str]) -> Iterator[Problem]:
    """Yield the problems of a row whose messages, each after its column, are in one text."""
    names = "|".join(map(re.escape, columns))
    found = re.split(rf"(?:^|; )({names}): ", error) if names else [error]
    if found[0]:
        yield Problem("", found[0])
    for column, message in zip(found[1::2], found[2::2], strict=True):
        yield Problem(column, message)
