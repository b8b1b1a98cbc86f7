"""What `check` foresees beyond rejects: unknown options, repeated keys, dates, empty cells, requests.

Owns the counting, in bounded memory, while rows pass through the same code as in `submit`. Printing is the
command line's.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import date
from itertools import islice
from typing import Any, get_args

from opusmap.compiler import Mapper
from opusmap.compiler.binding_runtime import make_empty_values
from opusmap.compiler.explain import explain_column
from opusmap.compiler.plan import ColumnPlan
from opusmap.converters.choices import find_joint
from opusmap.errors import ValueProblem
from opusmap.issues import Issue, Span
from opusmap.profile import FarDates, FarKind, Profiler, SourceProfile
from opusmap.records import Chunk, Reject, Row
from opusmap.report.drain_time import Estimate, Pace, estimate
from opusmap.sources import Source
from opusmap.wording import cut_text, quote_value

PROFILED_ROWS = 10_000
"""Rows whose values are looked at for the profile; empty cells are counted in all rows."""

KEPT = 1_000
"""Values without an option, and repeated keys, that are counted each for itself."""

FIRST_ROWS = 5
_NEAR = 60.0
COMPARED = 300_000
"""Comparisons of values with options to find the nearest, at most; the most frequent values come first."""
_LENGTH = 200
"""Characters of a value without an option that are kept, at most."""
_ELEMENTS = 100
"""Elements of one row without an option that are counted each for itself, at most."""


@dataclass(frozen=True, slots=True)
class UnmatchedChoice:
    """A value that is not an option of a choice column: how often, its first rows, the nearest option."""

    column: str
    value: str
    count: int
    rows: tuple[int, ...]
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class RepeatedKey:
    """A row key that other rows have as well; `count` are the rows rejected for it."""

    key: str
    count: int
    rows: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class EmptyCells:
    """A column, and how many of so many rows (or records) have nothing in it."""

    column: str
    empty: int
    of: int

    @property
    def rate(self) -> float:
        """The share, 0 to 1."""
        return self.empty / self.of if self.of else 0.0


@dataclass(frozen=True, slots=True)
class FarColumn:
    """A column with dates after today, or before 1600: how many, in which rows first.

    `example` is the first such date, as it is written for Opus; `farthest` the one that lies farthest off.
    """

    column: str
    kind: FarKind
    count: int
    rows: tuple[int, ...]
    example: str
    farthest: str


@dataclass(frozen=True, slots=True)
class FormatUse:
    """One of several formats that dates are read by, and how many records it has read a date of.

    `column` is the column's name; of a variable or the condition, `let NAME` or `where`.
    """

    column: str
    format: str
    count: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What is foreseen. `more_unmatched` and `more_repeated` are rows beyond what is kept each for itself.

    `source` are empty cells by source column, of the rows that could be read; `target` values that a record
    goes without, by Opus's columns. `patterns` are warnings of regular expressions that matched in no row.
    """

    unmatched: tuple[UnmatchedChoice, ...]
    repeated: tuple[RepeatedKey, ...]
    source: tuple[EmptyCells, ...]
    target: tuple[EmptyCells, ...]
    estimate: Estimate
    profile: SourceProfile
    more_unmatched: int = 0
    more_repeated: int = 0
    patterns: tuple[Issue[Span], ...] = ()
    dates: tuple[FarColumn, ...] = ()
    formats: tuple[FormatUse, ...] = ()

    def as_json(self) -> dict[str, Any]:
        """Return the forecast as plain data, without the warnings."""
        empty = {
            side: [{**asdict(one), "rate": round(one.rate, 4)} for one in getattr(self, side)]
            for side in ("source", "target")
        }
        return {
            "unmatched": [asdict(one) for one in self.unmatched],
            "repeated": [asdict(one) for one in self.repeated],
            "dates": [asdict(one) for one in self.dates],
            "formats": [asdict(one) for one in self.formats],
            "empty": empty,
            "estimate": asdict(self.estimate),
            "profile": self.profile.as_json(),
        }


class ProfilingSource(Source):
    """A source that profiles its rows while they are read: the empty cells of all, a profile of the first."""

    def __init__(self, source: Source, empty: tuple[str, ...]) -> None:
        self.name, self.columns, self.notes = source.name, source.columns, source.notes
        self.rereadable, self.delimiter = source.rereadable, source.delimiter
        self.typed_cells, self.watch = source.typed_cells, source.watch
        self._source = source
        self._empty = make_empty_values(empty)
        self._begin()

    def _begin(self) -> None:
        self.read, self.filled = 0, Counter[str]()
        self._names: dict[str, None] = dict.fromkeys(self.columns or ())
        self.profiler = Profiler(self.name, self.columns or ())

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; a second pass counts from the start."""
        self._begin()
        for row in self._source.rows():
            if isinstance(row, Reject):
                self.profiler.add_reject()
            else:
                self.read += 1
                cells = row.values.items()
                self.filled.update([name for name, cell in cells if self._empty(cell) is not None])
                if self.columns is None:
                    self._names.update(dict.fromkeys(row.values))
                if self.read <= PROFILED_ROWS:
                    self.profiler.add(row.values)
            yield row

    def place(self, number: int, column: str | None = None) -> str:
        """Return the place of a row; see `Source.place`."""
        return self._source.place(number, column)

    def share_read(self) -> float | None:
        """Return the share of the source that has been read, 0 to 1."""
        return self._source.share_read()

    def close(self) -> None:
        """Close the source."""
        self._source.close()

    def empty_cells(self) -> tuple[EmptyCells, ...]:
        """Return how often each source column is empty."""
        names = {**self._names, **dict.fromkeys(self.filled)}
        return tuple(EmptyCells(name, self.read - self.filled[name], self.read) for name in names)


@dataclass
class _Seen:
    count: int = 0
    rows: list[int] = field(default_factory=list)

    def add(self, row: int) -> None:
        self.count += 1
        if len(self.rows) < FIRST_ROWS:
            self.rows.append(row)


@dataclass
class _Far(_Seen):
    example: str = ""
    farthest: str = ""
    day: date = date.min

    def note(self, row: int, value: str, day: date, kind: FarKind) -> None:
        if not self.count:
            self.example = value
        if not self.count or (day > self.day if kind == "after-today" else day < self.day):
            self.farthest, self.day = value, day
        self.add(row)


class Forecaster:
    """Counts records and rejects as their chunks come by; `far` says which dates are worth a look."""

    def __init__(self, mapper: Mapper, far: FarDates) -> None:
        mapper.forget_matches()
        self._mapper, self._plan = mapper, mapper.plan
        self._far = far
        self._dates: dict[tuple[str, FarKind], _Far] = {}
        self._columns = {column.column.display_name: column for column in mapper.plan.columns}
        self._unmatched: dict[tuple[str, str], _Seen] = {}
        self._repeated: dict[str, _Seen] = {}
        self._present: Counter[str] = Counter()
        self._formats: Counter[tuple[str, str]] = Counter()
        self._records = self._rejects = self._more_unmatched = self._more_repeated = 0

    def add(self, chunk: Chunk) -> None:
        """Count what became of the rows of a chunk."""
        for row, values in zip(chunk.numbers, chunk.values(), strict=True):
            self._records += 1
            self._present.update(values.keys())
            for name, value, kind, day in self._far.find(values):
                self._dates.setdefault((name, kind), _Far()).note(row, value, day, kind)
        self._formats.update(chunk.formats)
        for reject in chunk.rejects():
            self._add_reject(reject)

    def _add_reject(self, reject: Reject) -> None:
        """Count a reject, if its reason is an unknown option or a repeated key."""
        self._rejects += 1
        for problem in reject.problems:
            if problem.code == "duplicate-key" and reject.key is not None:
                self._more_repeated += not _note(self._repeated, reject.key, reject.row)
            elif problem.code == "unknown-choice":
                for value in self._unknown(problem, reject):
                    self._more_unmatched += not _note(self._unmatched, (problem.place, value), reject.row)

    def forecast(self, source: ProfilingSource, pace: Pace | None) -> Forecast:
        """Return what was foreseen; `pace` is what an earlier run reached."""
        nearest = self._nearest()
        unmatched = [
            UnmatchedChoice(column, value, seen.count, tuple(seen.rows), nearest.get((column, value), ""))
            for (column, value), seen in self._unmatched.items()
        ]
        repeated = [RepeatedKey(key, seen.count, tuple(seen.rows)) for key, seen in self._repeated.items()]
        target = [
            EmptyCells(
                column.column.display_name,
                self._records - self._present[column.column.internal_name],
                self._records,
            )
            for column in self._plan.columns
        ]
        return Forecast(
            tuple(sorted(unmatched, key=lambda one: (-one.count, one.column, one.value))),
            tuple(sorted(repeated, key=lambda one: (-one.count, one.key))),
            source.empty_cells(),
            tuple(target),
            estimate(self._records, pace),
            source.profiler.profile(whole=source.read <= PROFILED_ROWS),
            self._more_unmatched,
            self._more_repeated,
            self._mapper.unmatched_patterns() if self._records + self._rejects else (),
            tuple(self._far_columns()),
            tuple(self._format_uses()),
        )

    def _format_uses(self) -> Iterator[FormatUse]:
        lists = self._plan.format_lists
        for place, name in dict.fromkeys((place, name) for place, names in lists for name in names):
            yield FormatUse(place, name, self._formats[place, name])

    def _far_columns(self) -> Iterator[FarColumn]:
        for column in self._plan.columns:
            for kind in get_args(FarKind):
                if (seen := self._dates.get((column.column.internal_name, kind))) is not None:
                    name, rows = column.column.display_name, tuple(seen.rows)
                    yield FarColumn(name, kind, seen.count, rows, seen.example, seen.farthest)

    def _unknown(self, problem: Issue[str], reject: Reject) -> Iterator[str]:
        """Yield each value of a row that is not an option of the column, by evaluating it again."""
        column = self._columns.get(problem.place)
        if column is None:
            return
        value = None
        for stage in explain_column(self._mapper, column, reject.values, reject.row):
            if stage.problem is not None:
                break
            value = stage.value
        elements = value if isinstance(value, list) else [value]
        empty = make_empty_values(
            self._plan.spec.source.empty
        )  # of a list, the mapper drops what means nothing
        unknown = (one for one in elements if empty(one) is not None and _is_unknown(column, one))
        yield from dict.fromkeys(_shown(one) for one in islice(unknown, _ELEMENTS))

    def _nearest(self) -> dict[tuple[str, str], str]:
        """Return the nearest option of each value that is none, as far as so many comparisons lead."""
        found, left = dict[tuple[str, str], str](), COMPARED
        options: dict[str, tuple[list[str], list[str], frozenset[str]]] = {}
        by_frequency = sorted(self._unmatched.items(), key=lambda one: (-one[1].count, one[0]))
        for (name, value), _ in by_frequency:
            known, prepared, names = options.get(name) or options.setdefault(name, self._prepared(name))
            if len(value) < _LENGTH and (left := left - len(known)) >= 0:
                near = _nearest_of(value, known, prepared)
                is_list = find_joint(value, names) or find_joint(near, {value.casefold()})
                found[name, value] = "" if is_list else near  # which of several is meant is not known
        return found

    def _prepared(self, name: str) -> tuple[list[str], list[str], frozenset[str]]:
        """Return the options of a column, each again for each of its aliases, texts to compare, and names.

        The names are all of these texts without letter case.
        """
        from rapidfuzz import utils  # noqa: PLC0415 - only for unknown options

        choices = self._plan.context.choices[self._columns[name].column.internal_name]
        meant = {**{str(one): str(one) for one in choices.options}, **choices.aliases}
        compared = {text: option for text, option in meant.items() if len(text) < _LENGTH}
        prepared = list(map(utils.default_process, compared))
        return list(map(str, compared.values())), prepared, frozenset(map(str.casefold, compared))


def _nearest_of(value: str, known: list[str], prepared: list[str]) -> str:
    from rapidfuzz import fuzz, process, utils  # noqa: PLC0415 - only for unknown options

    found = process.extractOne(utils.default_process(value), prepared, scorer=fuzz.WRatio, score_cutoff=_NEAR)
    return known[found[2]] if found else ""


def _shown(value: object) -> str:
    """Return a value as it is counted: a text, trimmed and cut."""
    text = value.strip() if isinstance(value, str) else quote_value(value, _LENGTH)[1:-1]
    return cut_text(text, _LENGTH)


def _note(seen: dict[Any, _Seen], key: Any, row: int) -> bool:
    """Count a key; return whether it is counted separately."""
    if key not in seen and len(seen) >= KEPT:
        return False
    seen.setdefault(key, _Seen()).add(row)
    return True


def _is_unknown(column: ColumnPlan, value: Any) -> bool:
    try:
        column.encoder(value)
    except ValueProblem as problem:
        return problem.code == "unknown-choice"
    return False
