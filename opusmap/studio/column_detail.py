"""What the studio knows of one column of Opus: how it is bound, what might be bound to it, and why.

Owns the questions that a person is asked about a column: is this its source, and how are its dates read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain
from typing import Any

from opusmap.connection import Column, ColumnType, Connection
from opusmap.drafting import (
    THRESHOLD,
    WORTH_TELLING,
    Candidate,
    Match,
    draft_binding,
    find_preset,
    match_columns,
)
from opusmap.issues import Issue, Severity, Span
from opusmap.language.source_sample import SourceSample
from opusmap.mapping import Binding, Text
from opusmap.profile import ColumnProfile, SourceProfile
from opusmap.records import Record, Reject
from opusmap.report.page_templates import shown
from opusmap.studio.date_readings import DateReadings, read_dates
from opusmap.studio.visit import Visit

_TO_DO = "to-do"
_EXAMPLES = 5


@dataclass(frozen=True, slots=True)
class Status:
    """How a column is: a mark, the same in words, and what it is made of, or may be."""

    name: str
    mark: str
    origin: str


@dataclass(frozen=True, slots=True)
class Example:
    """A row of the sample: its position and number, the column's source cells, and what it becomes."""

    position: int
    number: int
    cells: str
    value: str
    problem: str


@dataclass(frozen=True)
class Columns:
    """The columns of Opus in the open mapping."""

    visit: Visit

    @cached_property
    def connection(self) -> Connection | None:
        """The connection as the mapping corrects it."""
        found, spec = self.visit.bench.known.connection, self.visit.bench.known.spec
        if found is None or spec is None:
            return found
        changes: dict[str, dict[str, Any]] = {}
        for change in spec.columns:
            column = found.find(change.column)
            if column is not None and change.required is not None:
                changes.setdefault(column.internal_name, {})["required"] = change.required
            if column is not None and change.type in list(ColumnType):
                changes.setdefault(column.internal_name, {})["type"] = ColumnType(change.type)
        return found.with_columns(changes)

    @cached_property
    def all(self) -> tuple[Column, ...]:
        """Its columns: needed ones first, otherwise in its order."""
        columns = () if self.connection is None else self.connection.columns
        return tuple(sorted(columns, key=lambda one: not one.required))

    def find(self, name: str) -> Column | None:
        """Return the column with this internal name."""
        return next((one for one in self.all if one.internal_name == name), None)

    @cached_property
    def profile(self) -> SourceProfile | None:
        """The profile of the source's first rows."""
        sample = self.visit.sample
        return None if sample is None else sample.profile

    def source(self, name: str) -> ColumnProfile | None:
        """Return a column of the source."""
        return None if self.profile is None else self.profile.find(name)

    @cached_property
    def _bindings(self) -> Mapping[str, Binding]:
        spec, found = self.visit.bench.known.spec, dict[str, Binding]()
        for binding in () if spec is None else spec.fields:
            column = next(
                (one for one in self.all if str(binding.target) in (one.internal_name, one.display_name)),
                None,
            )
            if column is not None:
                found[column.internal_name] = binding
        return found

    def binding(self, column: Column) -> Binding | None:
        """Return what the mapping binds a column to."""
        return self._bindings.get(column.internal_name)

    def key(self, column: Column) -> str:
        """Return a column's name as the mapping writes it, or would."""
        binding = self.binding(column)
        if binding is not None:
            return str(binding.target)
        same = self.connection is not None and self.connection.find(column.display_name) == column
        return column.display_name if same else column.internal_name

    @cached_property
    def matches(self) -> Mapping[str, Match]:
        """What a draft would say of each column."""
        sample = self.visit.sample
        found = () if sample is None else _match(self.all, sample)
        return {one.column.internal_name: one for one in found}

    def questions(self, column: Column) -> tuple[Candidate, ...]:
        """Return the source columns that may be a column's, the surest first."""
        match = self.matches.get(column.internal_name)
        if match is None:
            return ()
        chosen = () if match.chosen is None else (match.chosen,)
        rest = (one for one in match.candidates if one.confidence >= WORTH_TELLING)
        return tuple(dict.fromkeys((*chosen, *rest)))

    def rate(self, column: Column, source: str) -> Candidate | None:
        """Return how sure it is that a source column is a column's."""
        profile = self.source(source)
        if profile is None or self.profile is None:
            return None
        preset = find_preset(one.name for one in self.profile.columns)
        return match_columns((column,), (profile,), preset)[0].candidates[0]

    def problems(self, column: Column) -> tuple[Issue[Span], ...]:
        """Return the errors that the mapping's text has about a column."""
        binding, spec = self.binding(column), self.visit.bench.known.spec
        spans: list[Span] = []
        if binding is not None:
            spans += (binding.target.span, binding.span)
        for one in () if spec is None else spec.choices:
            if str(one.column) in (column.internal_name, column.display_name):
                spans += (one.column.span, *(text.span for text in chain(one.options, one.aliases.values())))
        return tuple(
            one
            for one in self.visit.bench.problems
            if one.severity is Severity.ERROR and any(_is_within(one.place, span) for span in spans)
        )

    @cached_property
    def rejects(self) -> Counter[str]:
        """The rows of the sample that are rejected for a column, by its display name."""
        found = Counter[str]()
        for mapped in self.visit.bench.sample.mapped:
            if isinstance(mapped, Reject):
                found.update({one.place for one in mapped.problems})
        return found

    def reasons(self, column: Column) -> tuple[tuple[str, int], ...]:
        """Return why rows of the sample are rejected for a column, and how many, the most frequent first."""
        found = Counter(
            problem.message
            for mapped in self.visit.bench.sample.mapped
            if isinstance(mapped, Reject)
            for problem in mapped.problems
            if problem.place == column.display_name
        )
        return tuple(found.most_common(3))

    def status(self, column: Column) -> Status:
        """Return how a column is. Rejects of rows are another thing, counted beside it."""
        binding = self.binding(column)
        if binding is None:
            asked = self.questions(column)
            guess = f"{asked[0].source}? {asked[0].confidence:.0%}".replace("%", " %") if asked else ""
            if column.required:
                return Status("needed", "!", guess or "choose…")
            return Status("question", "?", guess) if guess else Status("optional", "\u2013", "")
        problems = self.problems(column)
        origin = say_origin(binding)
        if any(one.code != _TO_DO for one in problems):
            return Status("problem", "!", origin)
        if problems:
            return Status("undecided", "?", "still TODO" if "TODO" in origin else f"{origin}, still TODO")
        return Status("bound", "✓", origin)

    def dates(self, column: Column, source: str) -> DateReadings | None:
        """Return how the dates of a source column may be read for a column of Opus."""
        profile = self.source(source)
        if column.type is not ColumnType.DATE_TIME or profile is None or not profile.dates:
            return None
        binding = self.binding(column)
        bound = binding is not None and [str(one) for one in binding.sources] == [source]
        stated = tuple(map(str, binding.format)) if binding is not None and bound else ()
        return read_dates(profile, (row.values.get(source) for row in self.visit.rows), stated)

    def drafted_keys(self, column: Column, source: str) -> dict[str, object]:
        """Return what else a binding to a source column needs, as a draft has it, such as `format`."""
        if self.profile is None or self.source(source) is None:
            return {}
        match = Match(column, Candidate(source, 1.0, 1.0, None), ())
        binding = draft_binding(match, self.profile).binding
        return (
            {key: one for key, one in binding.items() if key != "from"} if isinstance(binding, dict) else {}
        )

    def examples(self, column: Column, sources: tuple[str, ...]) -> Iterator[Example]:
        """Yield the first rows: the cells of some source columns, and what the column becomes there."""
        mapped = {one.row: one for one in self.visit.bench.sample.mapped}
        for position, row in enumerate(self.visit.rows[:_EXAMPLES]):
            one, value, problem = mapped.get(row.number), "", ""
            if isinstance(one, Record):
                value = shown(one.values.get(column.internal_name), 60)
            elif isinstance(one, Reject):
                problem = next((p.message for p in one.problems if p.place == column.display_name), "")
            cells = " · ".join(shown(row.values.get(name), 60) for name in sources)
            yield Example(position, row.number, cells, value, problem)


@lru_cache(maxsize=4)  # of the mappings that are open: it takes longer than all else of a view
def _match(columns: tuple[Column, ...], sample: SourceSample) -> tuple[Match, ...]:
    profiles = sample.profile.columns
    return match_columns(columns, profiles, find_preset(one.name for one in profiles))


def say_origin(binding: Binding) -> str:
    """Return where a binding's value comes from, in a few words."""
    if binding.template is not None:
        return str(binding.template)
    if binding.const is not None:
        texts = (binding.const,) if isinstance(binding.const, Text) else binding.const
        return "always " + ", ".join(map(str, texts))
    named = [str(one) if isinstance(one, Text) else "…" for one in binding.sources]
    found = " + ".join(named)
    return found if binding.lookup is None else f"{found}, looked up in {binding.lookup}"


def say_why(candidate: Candidate, column: Column) -> str:
    """Return what speaks for a source column, and what against it."""
    name = "the names mean the same" if candidate.name == 1 else f"the names are {candidate.name:.0%} alike"
    if candidate.values is None:
        values = "there are no values to compare"
    elif candidate.values >= THRESHOLD:
        values = f"the values look like {_KINDS.get(column.type, 'text')} ({candidate.values:.0%})"
    else:
        values = f"the values hardly look like {_KINDS.get(column.type, 'text')} ({candidate.values:.0%})"
    return f"{name}; {values}".replace("%", " %")


_KINDS = {
    ColumnType.DATE_TIME: "dates",
    ColumnType.NUMBER: "numbers",
    ColumnType.PEOPLE: "people's addresses",
    ColumnType.SINGLE_CHOICE: "one option of a list",
    ColumnType.MULTIPLE_CHOICE: "options of a list",
    ColumnType.TAXONOMY: "a term's path",
}


def _is_within(place: Span, span: Span) -> bool:
    inside = (span.line, span.column) <= (place.line, place.column) <= (span.end_line, span.end_column)
    return place.file == span.file and inside
