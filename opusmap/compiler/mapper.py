"""The mapper: row in, record or reject out. The rest of opusmap and library users call it."""

from __future__ import annotations

import linecache
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from opusmap.compiler import binding_runtime
from opusmap.compiler.codegen import Generated, generate
from opusmap.compiler.interpreter import FILTERED, Interpreter
from opusmap.compiler.kinds import KindChecker
from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.lower import lower_bindings
from opusmap.compiler.plan import KEY_COLUMN, Plan
from opusmap.compiler.planner import resolve_names
from opusmap.connection import Connection, load_connection
from opusmap.converters import Registry
from opusmap.converters.patterns import Pattern
from opusmap.converters.plugins import all_converters
from opusmap.errors import InvalidMapping
from opusmap.expressions import nodes
from opusmap.issues import Issue, Severity, Span
from opusmap.mapping import MappingSpec, load_spec
from opusmap.records import Chunk, Filtered, Mapped, Record, Reject, Row
from opusmap.safe_files import resolve_inside
from opusmap.wording import quote_value

_encode_lines = msgspec.json.Encoder().encode_lines
CompileArgs: TypeAlias = tuple[MappingSpec, Connection, frozenset[str] | None]


class Mapper:
    """A compiled mapping.

    Attributes:
        spec: the mapping file's model.
        connection: the connection, as corrected by the mapping.
        plan: the mapping resolved.
        warnings: what is unusual in the mapping but not an error.
    """

    def __init__(
        self, plan: Plan, registry: Registry, raw_connection: Connection, notes: list[Issue[str]]
    ) -> None:
        """Keep a plan; use `load_mapping` or `compile_mapping` instead."""
        self.plan = plan
        self.spec = plan.spec
        self.connection = plan.connection
        self.warnings: tuple[Issue[Span], ...] = plan.warnings
        self._registry = registry
        self._raw_connection = raw_connection
        self._notes = notes
        self.interpreter = Interpreter(plan, notes)
        self._replaced = self.interpreter.replaced
        self._advice = binding_runtime.ColumnAdvice(plan)
        self._format_counts: Counter[tuple[str, str]] = Counter()
        self._reads_numbers = any(isinstance(node, nodes.RowNumber) for node in plan.nodes())

    @cached_property
    def _generated(self) -> Generated:
        """The code, made when a row is mapped first: an editor, or a check without rows, needs none."""
        return generate(self.plan, self.interpreter)

    @property
    def source(self) -> str:
        """The generated Python text, for readers."""
        return self._generated.source

    @cached_property
    def _function(self) -> Callable[[Mapping[str, Any], list[Issue[str]]], Any]:
        return _load(self._generated.source, self._generated.namespace, self.spec.path)

    @cached_property
    def _patterns(self) -> dict[Span, list[Pattern]]:
        """The regular expressions by their places; those of filters are bound where code is generated."""
        assert self._generated is not None
        return dict(sorted(self.interpreter.patterns.items()))

    def map_row(self, values: Mapping[str, Any], number: int = 1) -> Mapped:
        """Map one row.

        Args:
            values: the row's values by source column.
            number: the row's number in its source, for messages.
        """
        problems: list[Issue[str]] = []
        self.interpreter.number = number
        record = self._function(values, problems)
        return self._outcome(record, problems, values, number)

    def interpret_row(self, values: Mapping[str, Any], number: int = 1) -> Mapped:
        """Return what `map_row` returns, without code, which takes longer to generate than one row to map."""
        problems: list[Issue[str]] = []
        self.interpreter.number = number
        record = self.interpreter.row(values, problems)
        return self._outcome(record, problems, values, number)

    def _outcome(
        self, record: Any, problems: list[Issue[str]], values: Mapping[str, Any], number: int
    ) -> Mapped:
        """Return the result of a row for which the function returned this, with these problems and notes."""
        notes: tuple[Issue[str], ...] = ()
        replaced: tuple[Issue[str], ...] = ()
        if self._notes:
            notes = tuple(self._notes)
            self._notes.clear()
        if self._replaced:
            replaced = tuple(self._replaced.values())
            self._replaced.clear()
        if problems:
            key = None if record is FILTERED else record.get(KEY_COLUMN)
            for problem in problems:  # without a call for each problem: few have advice by column
                if problem.code in binding_runtime.ADVISED_BY_COLUMN:
                    complete, advised = self._advice.complete, binding_runtime.ADVISED_BY_COLUMN
                    problems = [complete(one, values) if one.code in advised else one for one in problems]
                    break
            return Reject(number, key, tuple(problems), values)
        if record is FILTERED:
            return Filtered(number)
        return Record(number, record[KEY_COLUMN], record, notes, replaced)

    def map_chunk(self, rows: Iterable[Row | Reject]) -> Chunk:
        """Map some rows at once; what the source rejected already stays as it is.

        Raises:
            UnicodeEncodeError: a custom converter gave a text that JSON can't hold.
        """
        function = self._count_formats if self.plan.format_lists else self._function
        notes, replaced = self._notes, self._replaced
        chunk, values, problems = Chunk([], [], b"", [], {}, {}), list[Any](), list[Issue[str]]()
        for place, row in enumerate(self._numbered(rows) if self._reads_numbers else rows):
            if isinstance(row, Reject):
                chunk.others.append((place, row))
                continue
            record = function(row.values, problems)
            if problems or notes or replaced or record is FILTERED:
                one = self._outcome(record, problems, row.values, row.number)
                problems.clear()
                if not isinstance(one, Record):
                    chunk.others.append((place, one))
                    continue
                if one.notes:
                    chunk.notes[len(values)] = one.notes
                if one.replaced:
                    chunk.replaced[len(values)] = one.replaced
            chunk.numbers.append(row.number)
            values.append(record)
        chunk.keys = [record[KEY_COLUMN] for record in values]
        chunk.lines = _encode_lines(values)
        chunk.patterns = self.matched_patterns()
        chunk.formats = dict(self._format_counts)
        self._format_counts.clear()
        return chunk

    def _count_formats(self, values: Mapping[str, Any], problems: list[Issue[str]]) -> Any:
        """Map a row, and count which of several formats has read each date of its record."""
        uses = self.plan.format_uses
        uses.clear()
        record = self._function(values, problems)
        if not problems and record is not FILTERED:
            self._format_counts.update({(place, formats[index]) for (place, formats), index in uses.items()})
        return record

    def _numbered(self, rows: Iterable[Row | Reject]) -> Iterator[Row | Reject]:
        """Yield rows; while one is mapped, `row.number` is its number."""
        for row in rows:
            if isinstance(row, Row):
                self.interpreter.number = row.number
            yield row

    def map_rows(self, rows: Iterable[Row | Reject]) -> Iterator[Mapped]:
        """Map rows in their order; what the source rejected already passes through."""
        for row in rows:
            yield row if isinstance(row, Reject) else self.map_row(row.values, row.number)

    def forget_notes(self) -> None:
        """Drop what converters have noted since the last row: those calls were not the mapper's."""
        self._notes.clear()

    def matched_patterns(self) -> list[int]:
        """Return which of the mapping's regular expressions have matched, by their order in it."""
        uses = enumerate(self._patterns.values())
        return [at for at, replacers in uses if any(replacer.matched for replacer in replacers)]

    def add_matched_patterns(self, matched: Iterable[int]) -> None:
        """Take over what the same mapper in another process returned as `matched_patterns`."""
        uses = list(self._patterns.values())
        for at in matched:
            uses[at][0].matched = True

    def forget_matches(self) -> None:
        """Let no regular expression have matched yet: rows of another source will come."""
        for replacers in self._patterns.values():
            for replacer in replacers:
                replacer.matched = False

    def unmatched_patterns(self) -> tuple[Issue[Span], ...]:
        """Return a warning for each regular expression that has matched in no row so far."""
        matched = set(self.matched_patterns())
        return tuple(
            Issue(
                "unmatched-pattern",
                f"the pattern {quote_value(replacers[0].pattern)} matches in no row of the source",
                place,
                "compare it with the values, letter case included (`(?i)` ignores it); `explain` shows them",
                Severity.WARNING,
            )
            for at, (place, replacers) in enumerate(self._patterns.items())
            if at not in matched
        )

    def compile_args(self) -> CompileArgs:
        """Return what another process needs to compile the same mapper; it can be pickled."""
        return self.spec, self._raw_connection, self.plan.source_columns

    @classmethod
    def from_compile_args(cls, args: CompileArgs, converters: Iterable[str] = ()) -> Mapper:
        """Return the mapper of such arguments; `converters` are files with custom ones."""
        spec, connection, columns = args
        return compile_mapping(spec, connection, all_converters(tuple(converters)), columns)

    def for_columns(self, columns: Iterable[str] | None) -> Mapper:
        """Return the mapper for a source whose columns are known (None: not known).

        Raises:
            InvalidMapping: the mapping names columns that the source does not have.
        """
        known = None if columns is None else frozenset(columns)
        return compile_mapping(self.spec, self._raw_connection, self._registry, known)

    def without_where(self) -> Mapper:
        """Return the mapper that maps the rows, too, that `where` excludes: they are in the source."""
        if self.spec.where is None:
            return self
        spec = replace(self.spec, where=None)
        return compile_mapping(spec, self._raw_connection, self._registry, self.plan.source_columns)


def load_mapping(
    path: str | Path, *, columns: Iterable[str] | None = None, converters: Registry | None = None
) -> Mapper:
    """Read a mapping file and the connection it names, and compile them.

    Args:
        path: the mapping file.
        columns: the source's columns, where they are known; names are then checked against them.
        converters: the converters it may name; by default the built-in and the installed ones.

    Raises:
        InvalidMapping: with every problem of the mapping and the connection.
    """
    spec, connection = read_mapping(path)
    registry = all_converters() if converters is None else converters
    known = None if columns is None else frozenset(columns)
    return compile_mapping(spec, connection, registry, known)


def read_mapping(path: str | Path) -> tuple[MappingSpec, Connection]:
    """Read a mapping file and the connection it names.

    Raises:
        InvalidMapping: one of the two can't be read. What else is wrong shows when they are compiled.
    """
    spec = load_spec(path)
    return spec, connection_of(spec)


def connection_of(
    spec: MappingSpec, load: Callable[[str | Path], Connection] = load_connection
) -> Connection:
    """Read the connection that a mapping names; `load` reads its file.

    Raises:
        InvalidMapping: it can't be read; with the problems of the mapping before it.
    """
    connection_path = resolve_inside(Path(spec.path).parent, spec.connection)
    if connection_path is None:
        help_text = "a mapping reads only files beside or below itself, named by a relative path"
        message = "the connection file is not in the mapping's folder"
        problem = Issue("outside-folder", message, spec.connection.span, help_text)
        raise InvalidMapping((*spec.problems, problem))
    try:
        return load(connection_path)
    except InvalidMapping as error:
        first, *others = error.diagnostics
        if first.code == "connection-unreadable":
            first = Issue(first.code, first.message, spec.connection.span, first.hint)
        raise InvalidMapping((*spec.problems, first, *others)) from None


def make_plan(
    spec: MappingSpec,
    connection: Connection,
    registry: Registry,
    source_columns: frozenset[str] | None = None,
    known: KnownColumns | None = None,
) -> tuple[Plan | None, tuple[Issue[Span], ...]]:
    """Resolve and check a mapping; return its plan (None if it has errors) and all problems in order.

    What is `known` of its columns is not found out again. When the plan runs, converters note there what is
    unusual but not an error.
    """
    known = known or KnownColumns()
    plan, problems = resolve_names(spec, connection, registry, source_columns, known)
    plan = lower_bindings(plan)
    unique = dict.fromkeys((*spec.problems, *problems, *KindChecker(plan, known).problems()))
    ordered = tuple(sorted(unique, key=lambda problem: (problem.place, problem.code)))
    if any(problem.severity is Severity.ERROR for problem in ordered):
        return None, ordered
    return replace(plan, warnings=ordered), ordered


def compile_mapping(
    spec: MappingSpec,
    connection: Connection,
    registry: Registry | None = None,
    columns: frozenset[str] | None = None,
    known: KnownColumns | None = None,
) -> Mapper:
    """Compile a spec against its connection; see `load_mapping` and `make_plan`."""
    registry, known = registry or all_converters(), known or KnownColumns()
    plan, problems = make_plan(spec, connection, registry, columns, known)
    if plan is None:
        raise InvalidMapping(problems)
    known.notes.clear()  # constants were tried: what they gave to note is of no row
    return Mapper(plan, registry, connection, known.notes)


def _load(
    source: str, namespace: dict[str, Any], path: str
) -> Callable[[Mapping[str, Any], list[Issue[str]]], Any]:
    """Run the generated module; its text goes into linecache, so that tracebacks show it."""
    filename = f"<opusmap {path}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    exec(compile(source, filename, "exec"), namespace)  # noqa: S102 - our own generated text, without builtins
    function: Callable[[Mapping[str, Any], list[Issue[str]]], Any] = namespace["map_row"]
    return function
