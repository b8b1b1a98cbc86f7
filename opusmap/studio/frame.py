"""What surrounds each screen: the steps and how far they are, totals, the file's state, the row panel."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import dataclass

from opusmap.compiler.explain import explain_row
from opusmap.connection import Column
from opusmap.issues import Severity
from opusmap.records import Filtered, Record, Reject
from opusmap.report.page_templates import shown
from opusmap.studio.visit import Screen, Visit
from opusmap.studio.workbench import State

STEPS = ("file", "columns", "values", "check", "send", "report")
_LABELS = {name: name.title() for name in STEPS}
_UNMATCHED = "unknown-choice"
_DIFF_LINES = 400


@dataclass(frozen=True, slots=True)
class Step:
    """One of the six steps: its number, label, address, and how far it is (`mark`, in words `title`)."""

    number: int
    name: str
    label: str
    address: str
    current: bool
    mark: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True)
class StageLine:
    """A line of the row panel: what is done, the value then, its line in the mapping, and what is wrong."""

    what: str
    value: str
    line: int | None
    problem: str = ""
    help: str = ""


@dataclass(frozen=True, slots=True)
class RowPanel:
    """The selected row: its number and key, what it becomes, the way of the selected column's value."""

    number: int
    position: int
    count: int
    kind: str
    key: str
    column: str
    stages: tuple[StageLine, ...]
    values: tuple[tuple[str, str, str], ...]
    """Of each value of the record its column, the value, and the address of its way."""
    problems: tuple[StageLine, ...]
    previous: str
    next: str
    whole: str
    """The address of the whole row."""


@dataclass(frozen=True, slots=True)
class Frame:
    """All of it. `totals` is a sentence for the live region."""

    mappings: tuple[tuple[str, str, bool], ...] = ()
    steps: tuple[Step, ...] = ()
    totals: str = ""
    sample: str = ""
    stale: bool = False
    state: str = ""
    state_words: str = ""
    errors: int = 0
    warnings: int = 0
    left_out: tuple[str, ...] = ()
    diff: tuple[tuple[str, str], ...] = ()
    row: RowPanel | None = None
    version: str = ""
    unsaved_before: bool = False
    can_undo: bool = False
    can_redo: bool = False
    path: str = ""
    running: tuple[str, ...] = ()


def describe(visit: Visit, screen: Screen) -> Frame:
    """Return what surrounds a screen."""
    if not screen.needs_mapping:
        return Frame()
    bench = visit.bench
    with bench.lock:
        sample, problems, state = bench.sample, bench.problems, bench.state
        known = bench.known
        work = known.work
        totals = ""
        if sample.mapped:
            totals = f"{sample.ready:,} ready · {sample.filtered:,} filtered · {sample.rejected:,} rejected"
        counted = "all rows" if sample.whole else f"the first {len(sample.mapped):,} rows"
        return Frame(
            mappings=tuple(
                (name, visit.address(mapping=name, row=None, column=None), name == bench.name)
                for name in sorted({bench.name, *visit.studio.folder.mappings()})
            ),
            steps=tuple(_steps(visit)),
            totals=totals,
            sample=counted if sample.mapped else "no rows yet",
            stale=sample.stale,
            state=state.value,
            state_words=_say_state(visit, state),
            errors=sum(one.severity is Severity.ERROR for one in problems),
            warnings=sum(one.severity is Severity.WARNING for one in problems),
            left_out=() if work is None else work.left_out,
            diff=tuple(_diff(visit)) if state in (State.CHANGED, State.GONE) else (),
            row=_row_panel(visit),
            version=bench.version,
            unsaved_before=bool(bench.left_unsaved),
            can_undo=bench.can_undo or state is State.UNSAVED,
            can_redo=bench.can_redo,
            path=str(bench.path),
            running=tuple(job.kind for job in visit.studio.jobs.running(bench.name)),
        )


def _say_state(visit: Visit, state: State) -> str:
    if state is State.SAVED:
        return "Saved"
    if state is State.UNSAVED:
        is_broken = visit.bench.service.latest.spec is None
        return "Not saved: the text can't be read as a mapping" if is_broken else "Not saved"
    if state is State.CHANGED:
        return "Changed on disk by another program"
    if state is State.GONE:
        return "The file is no longer there"
    return "Read-only: this file can't be written"


def _steps(visit: Visit) -> Iterator[Step]:
    marks = _marks(visit)
    for number, name in enumerate(STEPS, 1):
        mark, title = marks.get(name, ("", ""))
        yield Step(number, name, _LABELS[name], visit.address(name), name == visit.screen, mark, title)


def _marks(visit: Visit) -> dict[str, tuple[str, str]]:
    """Return how far each step is: a short mark, and the same in words."""
    known, sample = visit.bench.known, visit.bench.sample
    marks = {}
    if known.sample is not None:
        marks["file"] = ("✓", "the source can be read")
    if known.connection is not None and known.spec is not None:
        bound = {str(one.target) for one in known.spec.fields}
        columns = [one for one in known.connection.columns if one.required or _is_bound(one, bound)]
        done = sum(_is_bound(one, bound) for one in columns)
        marks["columns"] = (f"{done}/{len(columns)}", f"{done} of {len(columns)} columns are bound")
    odd = {
        problem.place
        for one in sample.mapped
        if isinstance(one, Reject)
        for problem in one.problems
        if problem.code == _UNMATCHED
    }
    if odd:
        marks["values"] = (f"{len(odd)}!", f"{len(odd)} columns have values that are not an option")
    elif known.work is not None and known.work.mapper.plan.context.choices:
        marks["values"] = ("✓", "each value has an option")
    job = visit.job("check")
    if job is not None and not job.running and job.error is None and job.result is not None:
        fresh = getattr(job.result, "version", "") == visit.bench.version
        marks["check"] = (
            ("✓" if job.report.clean else "!", "checked")
            if fresh
            else ("…", "checked before the last change")
        )
    return marks


def _is_bound(column: Column, bound: set[str]) -> bool:
    return not bound.isdisjoint((column.internal_name, column.display_name))


def _diff(visit: Visit) -> Iterator[tuple[str, str]]:
    """Yield the lines that differ between the page's text and the file, each with `+`, `-` or a space."""
    mine, theirs = visit.bench.text.split("\n"), visit.bench.text_on_disk().split("\n")
    lines = difflib.unified_diff(mine, theirs, "the text in this page", "the file on disk", lineterm="", n=2)
    for number, line in enumerate(lines):
        if number >= _DIFF_LINES:
            yield " ", "…"
            return
        if number > 1:
            yield line[:1], line[1:]


def _row_panel(visit: Visit) -> RowPanel | None:
    row, mapped = visit.row, visit.mapped
    if row is None:
        return None
    known, count = visit.bench.known, len(visit.rows)
    work, column = known.work, visit.query.get("column", "")
    plan = None if work is None else work.mapper.plan.find(column)
    stages: tuple[StageLine, ...] = ()
    if work is not None and plan is not None:
        explained = explain_row(work.mapper, plan, row.values, row.number)
        stages = tuple(
            StageLine(
                one.what,
                "" if one.problem else shown(one.value),
                None if one.span is None else one.span.line,
                "" if one.problem is None else one.problem.message,
                "" if one.problem is None else one.problem.hint,
            )
            for one in explained.stages
        )
    values: list[tuple[str, str, str]] = []
    problems: tuple[StageLine, ...] = ()
    kind, key = "not mapped yet", ""
    if isinstance(mapped, Record):
        kind, key = "ready", mapped.key
        names = (
            {one.column.internal_name: one.column.display_name for one in work.mapper.plan.columns}
            if work
            else {}
        )
        values = [
            (names.get(name, name), shown(value), visit.address(column=name))
            for name, value in mapped.values.items()
        ]
    elif isinstance(mapped, Reject):
        kind, key = "rejected", mapped.key or ""
        problems = tuple(
            StageLine(one.place or "whole row", "", None, one.message, one.hint) for one in mapped.problems
        )
    elif isinstance(mapped, Filtered):
        kind = "filtered: excluded by `where`"
    index = visit.index
    return RowPanel(
        number=row.number,
        position=index + 1,
        count=count,
        kind=kind,
        key=key,
        column=plan.column.display_name if plan is not None else "",
        stages=stages,
        values=tuple(values),
        problems=problems,
        previous=visit.address(row=index - 1) if index > 0 else "",
        next=visit.address(row=index + 1) if index + 1 < count else "",
        whole=visit.address(column=None),
    )
