"""A warning about numbers that may become a thousandth, because the marks are the wrong way round."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import partial

from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.compiler.sampled_rows import SampledRows
from opusmap.connection import ColumnType
from opusmap.expressions import nodes, walk
from opusmap.issues import Issue, Severity, Span
from opusmap.wording import counted, quote_value

_NUMBER = re.compile(r"[0-9][0-9.,]*[0-9]|[0-9]")
_MARKS = {".": ",", ",": "."}
"""The two marks that are taken for each other."""
_ENOUGH = 3
"""Cells that show how a column is written, at least."""


def lint_numbers(plan: Plan, rows: SampledRows) -> Iterator[Issue[Span]]:
    """Yield the columns in which three digits follow the decimal mark wherever it is, as after thousands.

    What is read so becomes a thousandth, and nothing else shows it.
    """
    for column in plan.columns:
        for name, decimal in dict.fromkeys(_find_readings(column)):
            other = _MARKS[decimal]
            find = partial(_find_doubtful, rows, name, decimal)
            doubtful, texts = rows.of_column(column, f"marks {decimal} of {name}", find)
            if not doubtful:
                continue
            cell = _NUMBER.search(doubtful[0])
            assert cell is not None
            read = cell.group().replace(other, "").replace(decimal, ".")
            has = "has" if len(doubtful) == 1 else "have"
            message = (
                f"{len(doubtful):,} of the first {counted(texts, 'row')} that have {quote_value(name)} {has} "
                f'three digits after the decimal mark "{decimal}", as after a mark of thousands: '
                f"{quote_value(doubtful[0])} is read as {read}"
            )
            hint = (
                f'if "{decimal}" is the mark of thousands there, write '
                f"`number(decimal='{other}', thousands='{decimal}')`, or correct the cells if only some are "
                "written so; leave it if these are decimals"
            )
            yield Issue("swapped-marks", message, column.span, hint, Severity.WARNING)


def _find_readings(column: ColumnPlan) -> Iterator[tuple[str, str]]:
    """Yield the source columns that are read as numbers for a column, each with the decimal mark."""
    first = column.parts[0]
    if column.column.type is ColumnType.NUMBER and isinstance(first, nodes.Cell):
        yield first.name, "."
    for node in (node for tree in column.trees() for node in walk(tree)):
        if isinstance(node, nodes.Filter) and node.converter.name == "number":
            given = dict(zip(("decimal", "thousands"), node.args, strict=False)) | dict(node.kwargs)
            mark = given.get("decimal")
            decimal = "." if mark is None else getattr(mark, "value", None)
            cells = {one.name for one in walk(node.value) if isinstance(one, nodes.Cell)}
            if decimal in _MARKS and len(cells) == 1:
                yield cells.pop(), decimal


def _find_doubtful(rows: SampledRows, name: str, decimal: str) -> tuple[Sequence[str], int]:
    """Return the cells in doubt, none if others show what the decimal mark is, and how many have a text."""
    texts = [text for text in rows.texts(name) if text]
    other, doubtful, grouped = re.escape(_MARKS[decimal]), list[str](), 0
    thousands = re.compile(rf"[1-9][0-9]{{0,2}}{re.escape(decimal)}[0-9]{{3}}")
    by_other = re.compile(rf"[1-9][0-9]{{0,2}}(?:{other}[0-9]{{3}})+")
    for text in texts:
        if len(found := _NUMBER.findall(text)) != 1:
            continue
        if thousands.fullmatch(found[0]):
            doubtful.append(text)
        elif by_other.fullmatch(found[0]):
            grouped += 1
        elif decimal in found[0]:
            return (), len(texts)
    return (doubtful if len(doubtful) >= _ENOUGH or grouped >= _ENOUGH else ()), len(texts)
