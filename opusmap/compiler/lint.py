"""What can fail must be handled, as far as it can be known: warnings of a mapping that compiles.

Owns what is seen in the plan alone, and in a sample of the source's rows. Errors are the planner's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.compiler.steps import emptiness
from opusmap.connection import ColumnType
from opusmap.converters import Context
from opusmap.converters.dates import datetime_
from opusmap.diagnostics import Diagnostic, Severity, Span, quote_value
from opusmap.errors import ValueProblem
from opusmap.expressions import tree, walk

__all__ = ["SAMPLE_ROWS", "lint"]

SAMPLE_ROWS = 1_000
"""Rows of the source that are looked at."""


def lint(plan: Plan, sample: Sequence[Mapping[str, Any]] = ()) -> tuple[Diagnostic, ...]:
    """Return warnings about a plan, and about how it meets a sample of the source's rows."""
    found = [
        *_may_be_empty(plan, sample),
        *_without_zone(plan, sample),
        *_unused(plan),
        *_unread(plan),
    ]
    return tuple(sorted(found, key=lambda one: (one.span, one.code)))


def _may_be_empty(plan: Plan, sample: Sequence[Mapping[str, Any]]) -> Iterator[Diagnostic]:
    for column in plan.columns:
        if not column.required or column.default is not None:
            continue
        name = quote_value(column.column.display_name)
        if any(_lacks_else(part) for part in column.parts):
            message = f"{name} is required, and its expression has an `if` without an `else`"
            yield _warning("may-be-empty", message, column.span, "add an `else`, or a `default`")
        if column.table is not None:
            message = (
                f"{name} is required, and a key that the table {column.table.name} lacks rejects the row"
            )
            yield _warning("may-be-empty", message, column.span, "say `default:` if that is not wanted")
        yield from _empty_in_sample(plan, column, sample)


def _lacks_else(node: tree.Node) -> bool:
    empties = (None, "")
    return any(
        isinstance(one, tree.Conditional)
        and isinstance(one.otherwise, tree.Constant)
        and one.otherwise.value in empties
        for one in walk(node)
    )


def _empty_in_sample(
    plan: Plan, column: ColumnPlan, sample: Sequence[Mapping[str, Any]]
) -> Iterator[Diagnostic]:
    """Look at plain source columns only: what an expression makes of an empty cell is its own affair."""
    part = column.parts[0]
    if len(column.parts) != 1 or not isinstance(part, tree.Cell) or part.dotted:
        return
    empty = emptiness(plan.spec.source.empty)
    count = sum(empty(row.get(part.name)) is None for row in sample)
    if count:
        name, source = quote_value(column.column.display_name), quote_value(part.name)
        message = f"{name} is required, and {source} is empty in {count:,} of the first {len(sample):,} rows"
        yield _warning(
            "may-be-empty", message, column.span, "say `default:` if those rows are not to be rejected"
        )


_TIME_OF_DAY = re.compile(r"%[HI]")


def _without_zone(plan: Plan, sample: Sequence[Mapping[str, Any]]) -> Iterator[Diagnostic]:
    if plan.spec.timezone is not None:
        return
    for column in plan.columns:
        pattern = column.binding.format
        if column.column.type is not ColumnType.DATE_TIME:
            continue
        naive = pattern is not None and bool(_TIME_OF_DAY.search(pattern)) and "%z" not in pattern
        part = column.parts[0]
        if not naive and pattern is None and isinstance(part, tree.Cell):
            naive = any(_is_naive(row.get(part.name)) for row in sample)
        if naive:
            name = quote_value(column.column.display_name)
            message = f"the times of {name} carry no time zone, so their rows are rejected"
            yield _warning(
                "no-timezone", message, column.span, "set `timezone:` to the zone of the source's times"
            )


_READ_ISO = datetime_(context=Context())


def _is_naive(value: object) -> bool:
    try:
        _READ_ISO(value)
    except ValueProblem as problem:
        return problem.code == "no-timezone"
    return False


def _unused(plan: Plan) -> Iterator[Diagnostic]:
    trees = [part for column in plan.columns for part in column.trees()]
    trees += [step.expression.tree for step in plan.steps] + ([plan.where.tree] if plan.where else [])
    nodes = [node for part in trees for node in walk(part)]
    steps = {node.name for node in nodes if isinstance(node, tree.StepValue)}
    tables = {node.name for node in nodes if isinstance(node, tree.TableValue)}
    tables |= {str(column.table.name) for column in plan.columns if column.table is not None}
    own = plan.spec.path
    for step in plan.steps:
        if step.name not in steps and step.span.file == own:
            yield _warning(
                "unused", f"the step {quote_value(step.name)} is used nowhere", step.span, "remove it"
            )
    for table in plan.tables.values():
        if table.name not in tables and table.name.span.file == own:
            yield _warning(
                "unused", f"the table {quote_value(table.name)} is used nowhere", table.name.span, "remove it"
            )


def _unread(plan: Plan) -> Iterator[Diagnostic]:
    if plan.source_columns is None:
        return
    read = {part for name in plan.cells() for part in (name, name.partition(".")[0])}
    unread = sorted(plan.source_columns - read)
    if unread:
        names = ", ".join(quote_value(name, 30) for name in unread[:12]) + (" …" if len(unread) > 12 else "")  # noqa: PLR2004
        message = (
            f"{len(unread)} of the source's {len(plan.source_columns)} columns are read nowhere: {names}"
        )
        yield _warning("unread-column", message, plan.spec.fields_span, "bind them if Opus is to have them")


def _warning(code: str, message: str, span: Span, help: str) -> Diagnostic:
    return Diagnostic(code, Severity.WARNING, message, span, help)
