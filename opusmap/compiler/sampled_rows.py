"""A sample of the source's rows, as a plan reads them: what warnings look at.

What was found out about the same rows before is not found out again: an editor asks at each keystroke.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, TypeVar

from opusmap.compiler.binding_runtime import make_empty_values
from opusmap.compiler.interpreter import Interpreter
from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.expressions.nodes import Frame
from opusmap.issues import Issue

Found = TypeVar("Found")
Values = Mapping[str, Any]


class SampledRows:
    """The rows of a sample, with a plan.

    Attributes:
        rows: the rows' values by source column.
        read: how many rows were read for them; those that could not be read are not among `rows`.
    """

    def __init__(
        self, plan: Plan, rows: Sequence[Values], known: KnownColumns, read: int | None = None
    ) -> None:
        self.rows, self.read = rows, len(rows) if read is None else read
        self._known = known
        self._interpreter = Interpreter(plan, [])
        self._indexes = {id(column): index for index, column in enumerate(plan.columns)}
        self._all_are_wanted = plan.where is None
        self._empty = make_empty_values(plan.spec.source.empty)
        where = None if plan.where is None else str(plan.where.text)
        variables = tuple((one.name, str(one.expression.text)) for one in plan.variables)
        tables = tuple((name, one.entries) for name, one in plan.tables.items())
        known.see(rows, (where, variables, tables))

    @cached_property
    def are_wanted(self) -> list[bool]:
        """Whether `where` keeps each row."""
        if self._all_are_wanted:
            return [True] * len(self.rows)
        return self._known.seen("wanted", lambda: [self.is_wanted(row) for row in self.rows])

    @cached_property
    def wanted(self) -> list[Values]:
        """The rows that `where` keeps."""
        return [row for row, is_wanted in zip(self.rows, self.are_wanted, strict=True) if is_wanted]

    @cached_property
    def _frames(self) -> list[Frame]:
        """The rows, each with the variables that were evaluated for it."""
        return list(map(Frame, self.rows))

    def is_wanted(self, row: Values) -> bool:
        """Return whether `where` keeps a row."""
        return self._all_are_wanted or self._interpreter.is_wanted(Frame(row), [])

    def is_empty(self, row: Values, name: str) -> bool:
        """Return whether a row has nothing in a source column."""
        return self._empty(row.get(name)) is None

    def has_empty(self, name: str) -> bool:
        """Return whether a row that `where` keeps has nothing in a source column."""
        return self._known.seen(("empty", name), lambda: any(self.is_empty(row, name) for row in self.wanted))

    def texts(self, name: str) -> list[str]:
        """Return the texts that a source column has in the rows that `where` keeps."""
        cells = [self._empty(row.get(name)) for row in self.wanted]
        return [cell.strip() for cell in cells if isinstance(cell, str)]

    def of_column(self, column: ColumnPlan, what: str, find: Callable[[], Found]) -> Found:
        """Return what `find` finds out about a column in these rows, unless that is known."""
        return self._known.seen(what, find, column)

    def codes(self, column: ColumnPlan) -> list[frozenset[str]]:
        """Return the codes of a column's problems, for each row."""
        return self.of_column(column, "codes", lambda: [self._codes(column, one) for one in self._frames])

    def value(self, column: ColumnPlan, row: Values) -> Any:
        """Return what a column has in a row's record, None if it has nothing."""
        record: dict[str, Any] = {}
        self._interpreter.column(self._indexes[id(column)], Frame(row), record, [])
        return record.get(column.column.internal_name)

    def _codes(self, column: ColumnPlan, frame: Frame) -> frozenset[str]:
        problems: list[Issue[str]] = []
        self._interpreter.column(self._indexes[id(column)], frame, {}, problems)
        return frozenset(problem.code for problem in problems)
