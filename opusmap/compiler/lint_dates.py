"""Warnings about how a mapping reads and writes dates: without a zone or a time, or with parts swapped."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.compiler.sampled_rows import SampledRows
from opusmap.connection import ColumnType
from opusmap.converters import Context
from opusmap.converters.date_problems import can_read, show_first
from opusmap.converters.date_shapes import find_formats, swap_day_and_month
from opusmap.converters.dates import datetime_
from opusmap.converters.format_parts import correct_minutes, writes_time
from opusmap.errors import ValueProblem
from opusmap.expressions import nodes, walk
from opusmap.issues import Issue, Severity, Span, fix_with
from opusmap.wording import counted, quote_names, quote_value


def lint_dates(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    """Yield warnings about a plan's dates, and about how it reads those of a sample of rows."""
    yield from _without_zone(plan, rows.rows)
    yield from _without_time(plan, rows.wanted)
    yield from _swapped_days(plan, rows)
    yield from _swapped_minutes(plan)


_READ_ISO = datetime_(context=Context())
_READ_ISO_AS_UTC = datetime_(context=Context(UTC))
_TIME_OF_DAY = re.compile(r"%[HI]")


def _without_zone(plan: Plan, sample: Sequence[Mapping[str, Any]]) -> Iterator[Issue[Span]]:
    if plan.spec.timezone is not None:
        return
    for column in plan.columns:
        formats = column.binding.format
        finished = column.column.type is ColumnType.DATE_TIME and (
            any(map(_names_no_zone, formats)) if formats else _reads_naive(column.parts[0], sample)
        )
        name = quote_value(column.column.display_name)
        if finished or any(_converts_naive(part, sample) for part in column.trees()):
            yield _no_zone(f"the times of {name}", column.span)
    for variable in plan.variables:
        if _converts_naive(variable.expression.tree, sample):
            yield _no_zone(f"the times of the variable {quote_value(variable.name)}", variable.span)


def _without_time(plan: Plan, sample: Sequence[Mapping[str, Any]]) -> Iterator[Issue[Span]]:
    """Yield that the times of columns are written for Opus without their time of day."""
    target = plan.spec.target
    if writes_time(target.datetime_format):
        return
    dates = [column for column in plan.columns if column.column.type is ColumnType.DATE_TIME]
    lost = [column.column.display_name for column in dates if _reads_times(plan, column, sample)]
    if lost:
        message = (
            f"{quote_value(target.datetime_format)} writes no time of day, so that of {quote_names(lost)} is "
            f"lost; times become those of {target.timezone} first, so the day can change, too"
        )
        hint = (
            "write the whole format of Opus > Settings > General settings, with the time: such as "
            f'"{target.datetime_format} %H:%M:%S"; if Opus keeps only days, set `timezone` there, too'
        )
        span = plan.spec.target_spans.get("datetime_format", plan.spec.fields_span)
        yield Issue("format-without-time", message, span, hint, Severity.WARNING)


def _reads_times(plan: Plan, column: ColumnPlan, sample: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether what a column is made of has a time of day, by its formats or in a row of the sample."""
    if column.binding.format:
        return any(map(_TIME_OF_DAY.search, column.binding.format))
    read = list(plan.nodes_of(column.parts))
    if any(_TIME_OF_DAY.search(one) for _, formats, _ in _find_datetimes(read) for one in formats):
        return True
    cells = {node.name for node in read if isinstance(node, nodes.Cell)}
    return any(_is_time(row.get(name)) for name in cells for row in sample)


def _is_time(value: object) -> bool:
    """Return whether a cell is a time; one at midnight is one, too: in another zone it is on another day."""
    try:
        return isinstance(_READ_ISO_AS_UTC(value), datetime)
    except ValueProblem:
        return False


def _no_zone(times: str, span: Span) -> Issue[Span]:
    message = f"{times} have no time zone, so their rows are rejected"
    hint = "set `timezone:` to the zone of the source's times"
    return Issue("no-timezone", message, span, hint, Severity.WARNING)


def _names_no_zone(pattern: str) -> bool:
    return bool(_TIME_OF_DAY.search(pattern)) and "%z" not in pattern


def _reads_naive(node: nodes.Node, sample: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether a node is a source column with a time that names no zone."""
    if isinstance(node, nodes.Cell):
        for row in sample:
            try:
                _READ_ISO(row.get(node.name))
            except ValueProblem as problem:
                if problem.code == "no-timezone":
                    return True
    return False


def _converts_naive(root: nodes.Node, sample: Sequence[Mapping[str, Any]]) -> bool:
    """Return whether an expression makes a time, by `datetime`, of a text that names no zone."""
    return any(
        not names_zone
        and (any(map(_names_no_zone, formats)) if formats else _reads_naive(node.value, sample))
        for node, formats, names_zone in _find_datetimes(walk(root))
    )


def _find_datetimes(among: Iterable[nodes.Node]) -> Iterator[tuple[nodes.Filter, list[str], bool]]:
    """Yield each use of `datetime` among nodes: its formats, and whether it names a zone."""
    for node in among:
        if isinstance(node, nodes.Filter) and node.converter.name == "datetime":
            given = dict(zip(("format", "timezone"), node.args, strict=False)) | dict(node.kwargs)
            written = given.get("format")
            parts = written.items if isinstance(written, nodes.ListLiteral) else (written,)
            constants = [one.value for one in parts if isinstance(one, nodes.Constant)]
            yield node, [str(one) for one in constants if one is not None], "timezone" in given


def _swapped_days(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    """Yield the formats with day and month in the order that cells of their column rule out.

    What such a format reads becomes another day, and nothing else shows it.
    """
    for column in plan.columns:
        formats, node = column.binding.format, column.parts[0]
        swapped = {one: other for one in formats if (other := swap_day_and_month(one)) is not None}
        if not swapped or not isinstance(node, nodes.Cell) or column.column.type is not ColumnType.DATE_TIME:
            continue
        find = partial(_count_orders, rows, node.name)
        texts, shown = rows.of_column(column, "swapped-days", find)
        name = quote_value(column.column.display_name)
        for written, other in swapped.items():
            first, second = ("day", "month") if other.startswith("%d") else ("month", "day")
            ruled_out = shown.get((other[2], first))
            if ruled_out is None or (other[2], second) in shown:
                continue
            count, example = ruled_out
            message = (
                f"the {first} comes first in {count:,} of the first {counted(texts, 'row')} that have "
                f"{name}, such as {quote_value(example)}, but {quote_value(str(written))} has "
                f"the {second} first"
            )
            whole = [one for one, _ in find_formats(example) if one is not None]
            right = whole[0] if len(formats) == 1 and not can_read(other, example) and whole else other
            is_new = right not in formats
            do = f'write `format: "{right}"`' if is_new else f"remove {quote_value(str(written))}"
            fix = fix_with(written.span, right) if is_new else None
            hint = f"if the {first} comes first in this source, {do}"
            yield Issue("swapped-days", message, written.span, hint, Severity.WARNING, fix)


def _count_orders(rows: SampledRows, name: str) -> tuple[int, dict[tuple[str, str], tuple[int, str]]]:
    """Return how many texts a source column has, and what they show.

    That is a separator of dates, and whether the day or the month comes first -> how many texts show it, and
    the first of them.
    """
    texts, found = rows.texts(name), dict[tuple[str, str], tuple[int, str]]()
    for text in texts:
        if (shown := show_first(text)) is not None:
            count, example = found.get(shown, (0, text))
            found[shown] = count + 1, example
    return len(texts), found


def _swapped_minutes(plan: Plan) -> Iterator[Issue[Span]]:
    """Yield the formats that have minutes (%M) in the place of the month (%m), or the other way round."""
    found = [(str(one), one.span, True) for column in plan.columns for one in column.binding.format]
    for tree, span in plan.trees():
        found += [(one, span, False) for _, formats, _ in _find_datetimes(walk(tree)) for one in formats]
    for written, span, is_whole in dict.fromkeys(found):
        corrected = correct_minutes(written)
        if corrected != written:
            message = f"month (%m) and minutes (%M) seem to be swapped in {quote_value(written)}"
            fix = fix_with(span, corrected) if is_whole else None
            hint = f'%m is the month, %M are minutes: did you mean "{corrected}"?'
            yield Issue("swapped-minutes", message, span, hint, Severity.WARNING, fix)
