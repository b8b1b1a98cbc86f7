"""The meaning of a plan: each column of a row evaluated, every problem found.

Owns failing: what a variable, `where`, `on_error` and a required column make of it. It is plain and slow;
generated code is the straight way, and comes here with whatever it declines.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any

from opusmap.compiler import binding_runtime
from opusmap.compiler.column_types import TEXT_TYPES
from opusmap.compiler.plan import ColumnPlan, Plan, bind_dynamic, bind_filter
from opusmap.converters import Context, Converter
from opusmap.converters.limits import hold, weight
from opusmap.converters.patterns import Pattern
from opusmap.errors import ValueProblem
from opusmap.expressions import nodes
from opusmap.expressions.nodes import Evaluate, Failure, Frame, Node
from opusmap.issues import Issue, Span

FILTERED = object()
"""The result for a row that `where` excludes."""
ABSENT = object()
"""The value of a column that is left out."""


_FEW = 64
"""Variables, or columns, whose values can't fill the memory, each within its own bounds."""


def weigh(record: Mapping[str, Any]) -> int:
    """Return how much a record holds."""
    return sum(len(value) if isinstance(value, str) else weight(value) for value in record.values())


class Declined(Exception):
    """The value is not as it usually is; raised by generated code, to leave a column to the interpreter."""


class Environment:
    """What a tree speaks of, as the interpreter finds it: a plan, and the context of one column."""

    def __init__(
        self,
        interpreter: Interpreter,
        context: Context,
        lacking: Callable[[ValueProblem], object] = lambda _problem: None,
        trace: Callable[[tuple[Node, Any]], object] | None = None,
    ) -> None:
        self.lacking = lacking
        self._trace = trace
        self._interpreter = interpreter
        self._context = context
        plan = interpreter.plan
        texts = plan.spec.source.empty
        self.strict = plan.source_columns is None
        self.empty, self.fill, self.join = (
            binding_runtime.make_empty_values(texts),
            binding_runtime.make_empty_dropper(texts),
            binding_runtime.make_joiner(texts),
        )

    def evaluator(self, node: Node) -> Evaluate:
        """Return a node's evaluator; a `trace` is called with each node and its value."""
        evaluate, trace = node.evaluator(self), self._trace
        if trace is None:
            return evaluate

        def traced(frame: Frame) -> Any:
            value = evaluate(frame)
            trace((node, value))
            return value

        return traced

    def variable(self, name: str) -> Evaluate:
        """Return the evaluator of a variable, which is evaluated once a row."""
        evaluate = self._interpreter.variable

        def read(frame: Frame) -> Any:
            found = frame.variables.get(name, ABSENT)
            if found is ABSENT:
                found = evaluate(name, frame)
            if found.__class__ is Failure:
                raise found.error
            return found

        return read

    def row_number(self) -> int:
        """Return the number of the row at hand."""
        return self._interpreter.number

    def table(self, name: str) -> Mapping[str, Any]:
        """Return a table's entries."""
        return self._interpreter.plan.tables[name].entries

    def bind(self, node: nodes.Filter) -> Callable[[Any], Any]:
        """Return the function of one value that a filter with constant arguments is."""
        function = bind_filter(node, self._context)
        self._interpreter.watch(node.place, function)
        return function

    def bind_dynamic(self, converter: Converter) -> Callable[..., Any]:
        """Return the function that a filter with arguments from the row is."""
        return bind_dynamic(converter, self._context)


class Interpreter:
    """Evaluates the columns of a plan; evaluators are made when they are needed first, and kept.

    `notes` is where converters note what is unusual but not an error.

    Attributes:
        number: the number of the row at hand, which `row.number` gives.
        replaced: the wrong values of the row at hand that were replaced, by column and code.
        patterns: the regular expressions that have been bound, by their places in the mapping.
        counts_variables: whether there are so many variables that what they hold together is counted.
        counts_columns: the same of columns.
    """

    def __init__(self, plan: Plan, notes: list[Issue[str]]) -> None:
        self.plan = plan
        self.number = 1
        self._notes = notes
        self._absent = {"omit": ABSENT, "null": None, "blank": ""}[plan.spec.target.empty]
        self._definitions = {variable.name: variable for variable in plan.variables}
        self._variables: dict[str, Evaluate] = {}
        self._columns: dict[int, Evaluate] = {}
        self.replaced: dict[tuple[str, str], Issue[str]] = {}
        self.patterns: dict[Span, list[Pattern]] = {}
        for column in plan.columns:
            for call in column.converts:
                self.watch(call.place, call.function)
        self._note_replaced = binding_runtime.make_replacement_log(self.replaced)
        self.counts_variables, self.counts_columns = len(plan.variables) > _FEW, len(plan.columns) > _FEW
        self._defaults: dict[int, Evaluate] = {}

    def row(self, row: Mapping[str, Any], problems: list[Issue[str]]) -> Any:
        """Return the record of a row, FILTERED where `where` excludes it; problems are added.

        It is what the generated function gives, without any generated code.
        """
        plan = self.plan
        if plan.source_columns is None:
            plain = tuple(name for name, dotted in plan.cells().items() if not dotted)
            if any(name not in row for name in plain):
                return binding_runtime.missing_columns(plain)(row, problems)
        frame = Frame(row)
        if not self.is_wanted(frame, problems):
            return FILTERED
        record: dict[str, Any] = {}
        for index in range(len(plan.columns)):
            self.column(index, frame, record, problems)
        return record

    def is_wanted(self, frame: Frame, problems: list[Issue[str]]) -> bool:
        """Return whether `where` keeps a row. Where it fails, the row is kept, for its other problems."""
        if self._where is None:
            return True
        try:
            return binding_runtime.as_condition(self._where(frame))
        except Exception as error:  # noqa: BLE001 - a converter may raise anything
            problems.append(binding_runtime.as_problem("where", error))
            return True

    def column(self, index: int, frame: Frame, record: dict[str, Any], problems: list[Issue[str]]) -> None:
        """Add a column's value to a record, or its problem to the problems."""
        column = self.plan.columns[index]
        name = column.column.display_name
        if self._notes:  # generated code may have noted the same on its way here
            self._notes[:] = [note for note in self._notes if note.place != name]
        try:
            value = self.value(index, frame)
            if self.counts_columns:
                hold(value, weigh(record), "columns")
        except Exception as error:  # noqa: BLE001 - a converter may raise anything
            self.fail(index, error, frame, record, problems)
            return
        if value is not ABSENT:
            record[column.column.internal_name] = value

    def fail(
        self, index: int, error: Exception, frame: Frame, record: dict[str, Any], problems: list[Issue[str]]
    ) -> None:
        """Add what `on_error` puts in place of a column that failed with this error, or the problem."""
        column = self.plan.columns[index]
        name, on_error = column.column.display_name, column.binding.on_error
        if on_error == "reject" or (on_error == "default" and column.default is None):
            problems.append(binding_runtime.as_problem(name, error))
            return
        value = self._absent
        if on_error == "default":
            try:
                value = self._default(index, frame)
            except Exception as other:  # noqa: BLE001 - as above
                problems.append(binding_runtime.as_problem(name, other))
                return
        self._note_replaced(name, error)
        if value is not ABSENT:
            record[column.column.internal_name] = value

    def value(self, index: int, frame: Frame) -> Any:
        """Return a column's encoded value, ABSENT where it is left out.

        Raises:
            Exception: whatever a converter raises; a ValueProblem for what is wrong with the value.
        """
        if index not in self._columns:
            column = self.plan.columns[index]
            self._columns[index] = self._environment(column).evaluator(column.tree)
        return self.encoded(self.plan.columns[index], self._columns[index](frame))

    def encoded(self, column: ColumnPlan, value: Any) -> Any:
        """Encode a value for Opus. An empty text is not a value, whatever the source's `empty` says."""
        if value is None or value == "":
            if column.required:
                raise binding_runtime.empty_required(column.column)
            return self._absent
        found = column.encoder.function(value)
        if (
            column.required
            and column.column.type in TEXT_TYPES
            and isinstance(found, str)
            and found.isspace()
        ):
            raise binding_runtime.empty_required(column.column)  # blanks alone are not a value
        return found

    def _default(self, index: int, frame: Frame) -> Any:
        """Return the encoded default of a column."""
        column = self.plan.columns[index]
        if index not in self._defaults:
            assert column.default is not None
            self._defaults[index] = self._environment(column).evaluator(column.default)
        return self.encoded(column, self._defaults[index](frame))

    def _environment(self, column: ColumnPlan) -> Environment:
        return Environment(self, column.context, self.lacking(column))

    def lacking(self, column: ColumnPlan) -> Callable[[ValueProblem], object]:
        """Return what notes each key that a table lacks and the column's default replaces."""
        return partial(self._note_replaced, column.column.display_name)

    def watch(self, place: Span | None, function: object) -> None:
        """Keep a regular expression by its place, to know whether it ever matches."""
        if place is not None and isinstance(function, Pattern):
            self.patterns.setdefault(place, []).append(function)

    def variable(self, name: str, frame: Frame) -> Any:
        """Return a variable's value, or the Failure that it holds; either is kept in the frame."""
        if self.counts_variables:
            for variable in self.plan.variables:
                if variable.name == name:
                    break
                if variable.name not in frame.variables:  # in their order, whichever expression reads them
                    self._evaluate(variable.name, frame)
        return self._evaluate(name, frame)

    def _evaluate(self, name: str, frame: Frame) -> Any:
        if name not in self._variables:
            root = self._definitions[name].expression.tree
            noted = partial(self._note_replaced, f"let {name}")
            context = self.plan.context_of(f"let {name}")
            self._variables[name] = Environment(self, context, noted).evaluator(root)
        try:
            found = self._variables[name](frame)
            if self.counts_variables:
                frame.held = hold(found, frame.held, "variables")
        except Exception as error:  # noqa: BLE001 - each use of it fails with the same
            found = Failure(error)
        frame.variables[name] = found
        return found

    @cached_property
    def _where(self) -> Evaluate | None:
        where = self.plan.where
        noted = partial(self._note_replaced, "where")
        if where is None:
            return None
        return Environment(self, self.plan.context_of("where"), noted).evaluator(where.tree)
