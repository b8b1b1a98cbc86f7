"""How one target value is made: cell -> each step's value -> finished value, with places.

A slow walk along a column's plan looks at every value on the way, with the functions that the generated code
calls. The end of an explanation is what the mapper gives, whatever the walk says.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from opusmap.compiler import binding_runtime
from opusmap.compiler.binding_nodes import Apply, DropEmpty, Emptied, JoinList, Lookup, OrDefault, Split
from opusmap.compiler.interpreter import Environment, Interpreter
from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.connection import ColumnType
from opusmap.converters import Context
from opusmap.converters.dates import datetime_
from opusmap.converters.zones import time_zone
from opusmap.errors import ValueProblem
from opusmap.expressions import nodes, walk
from opusmap.expressions.nodes import Failure, Frame, Node
from opusmap.issues import Issue, Span
from opusmap.records import Filtered, Mapped, Record, Reject

if TYPE_CHECKING:
    from opusmap.compiler.mapper import Mapper


Named = TypeVar("Named", nodes.Cell, nodes.VariableRef)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way: what is done, its place in the mapping, and what comes out.

    `of_row`: it says what becomes of the row as a whole, and is the same for each column without a problem.
    `written`: what comes out is as it is written for Opus.
    """

    what: str
    value: Any = None
    span: Span | None = None
    problem: Issue[str] | None = None
    of_row: bool = False
    written: bool = False


@dataclass(frozen=True, slots=True)
class Explanation:
    """How a column's value was made in a row: its stages, and the mapper's result."""

    stages: tuple[Stage, ...]
    mapped: Mapped


@dataclass(frozen=True, slots=True)
class RightValues:
    """What is right of a rejected row: values by internal name, and those that replaced wrong ones."""

    values: Mapping[str, Any]
    replaced: tuple[Issue[str], ...] = ()


def map_right_columns(mapper: Mapper, reject: Reject, values: Mapping[str, Any]) -> RightValues:
    """Return the columns of a rejected row that are right; none where the row as a whole is wrong."""
    wrong = {one.place for one in reject.problems}
    names = {plan.column.internal_name: plan.column.display_name for plan in mapper.plan.columns}
    if not wrong <= set(names.values()):
        return RightValues({})
    interpreter = mapper.interpreter
    interpreter.number = reject.row
    record = interpreter.row(values, [])
    replaced = tuple(one for one in interpreter.replaced.values() if one.place not in wrong)
    interpreter.replaced.clear()
    mapper.forget_notes()
    right = {name: value for name, value in record.items() if names.get(name) not in wrong}
    return RightValues(right, replaced)


def explain_row(
    mapper: Mapper, column: ColumnPlan, values: Mapping[str, Any], number: int = 1, *, at_once: bool = False
) -> Explanation:
    """Return the stages of one column of one row, which end in what the mapper gives.

    `at_once` is for an editor: the row is interpreted, for generating the mapper's code would take longer.
    For a record that is the column's value; for a reject the problem of the column or, where it has none,
    those for which the row is rejected.
    """
    stages = explain_column(mapper, column, values, number)
    mapped = mapper.interpret_row(values, number) if at_once else mapper.map_row(values, number)
    if isinstance(mapped, Record):
        value = mapped.values.get(column.column.internal_name)
        if stages[-1].problem is not None or repr(stages[-1].value) != repr(value):
            stages = [*stages[:-1], Stage("in the record", value, column.span)]
    elif isinstance(mapped, Filtered):
        stages += _where_stages(mapper.plan, values)
    else:
        own = [one for one in mapped.problems if one.place == column.column.display_name]
        if not own:
            stages = [one for one in stages if one.problem is None]
        elif stages[-1].problem not in own:
            stages = stages[:-1]
        shown = [] if own and stages[-1].problem in own else own or mapped.problems
        stages += [_failed(one) if own else _rejected(one) for one in shown]
    return Explanation(tuple(stages), mapped)


def _where_stages(plan: Plan, values: Mapping[str, Any]) -> Iterator[Stage]:
    """Yield what `where` reads of a row that it excludes, and that it does."""
    where = plan.where
    if where is not None:
        cells = [node for node in walk(where.tree) if isinstance(node, nodes.Cell) and not node.dotted]
        for name in dict.fromkeys(node.name for node in cells):
            yield Stage(f"`where` reads column {name}", values.get(name), where.text.span, of_row=True)
    span = None if where is None else where.text.span
    yield Stage("the row is filtered: excluded by `where`", None, span, of_row=True)


def _failed(problem: Issue[str], span: Span | None = None) -> Stage:
    advice = f" ({problem.hint})" if problem.hint else ""
    return Stage(f"{problem.code}: {problem.message}{advice}", None, span, problem)


def _rejected(problem: Issue[str]) -> Stage:
    failed = _failed(problem)
    return replace(failed, what=f"the row is rejected for {problem.place}: {failed.what}", of_row=True)


def explain_column(
    mapper: Mapper, column: ColumnPlan, row: Mapping[str, Any], number: int = 1
) -> list[Stage]:
    """Return the stages of one column for one row; the last one is the finished value or the problem."""
    try:
        return list(_Walker(mapper.plan, column, row, number).stages())
    finally:
        mapper.forget_notes()


@dataclass
class _Walker:
    plan: Plan
    column: ColumnPlan
    row: Mapping[str, Any]
    number: int

    def __post_init__(self) -> None:
        self._interpreter, self._frame = Interpreter(self.plan, []), Frame(self.row)
        self._interpreter.number = self.number

    def stages(self) -> Iterator[Stage]:
        name, span = self.column.column.display_name, self.column.span
        if self.plan.source_columns is None:  # a row may lack columns that the mapping reads
            problems: list[Issue[str]] = []
            plain = tuple(name for name, dotted in self.plan.cells().items() if not dotted)
            binding_runtime.missing_columns(plain)(self.row, problems)
            if problems:
                yield from (_failed(problem, span=span) for problem in problems)
                return
        try:
            yield from self._value_stages()
        except Exception as error:  # noqa: BLE001 - a converter may raise anything; the mapper treats it alike
            problem = binding_runtime.as_problem(name, error)
            yield _failed(binding_runtime.ColumnAdvice(self.plan).complete(problem, self.row), span=span)
            try:
                yield from self._error_stages()
            except Exception as second:  # noqa: BLE001 - as above
                yield _failed(binding_runtime.as_problem(name, second), span=span)

    def _value_stages(self) -> Iterator[Stage]:
        root, given, lacking = self.column.tree, list[tuple[Node, Any]](), list[ValueProblem]()
        traced = Environment(self._interpreter, self.column.context, lacking.append, given.append)
        value, failure, default = None, None, self.column.default
        try:
            value = traced.evaluator(root)(self._frame)
        except Exception as error:  # noqa: BLE001 - a converter may raise anything; raised again below
            failure = error
        uses_default = failure is not None or any(node is default for node, _ in given)
        yield from self._cell_stages(uses_default=uses_default)
        yield from self._variable_stages()
        yield from self._node_stages(root, given, lacking)
        if failure is not None:
            raise failure
        yield self._encoded(value)

    def _node_stages(
        self, root: Node, given: list[tuple[Node, Any]], lacking: list[ValueProblem]
    ) -> Iterator[Stage]:
        """Yield what the nodes of a column gave, those that a mapping's author wrote."""
        labels = dict(self._labels(root, lacking))
        values = {id(node): value for node, value in given}
        for node, value in given:
            what, span = labels.get(id(node), ("", None))
            before = values.get(id(getattr(node, "value", None)))
            passes = isinstance(node, Split | Lookup | Apply) and before is None  # there is nothing to do
            if what and not passes and not (isinstance(node, OrDefault) and before is not None):
                yield Stage(what, value, span)

    def _labels(
        self, root: Node, lacking: list[ValueProblem]
    ) -> Iterator[tuple[int, tuple[str, Span | None]]]:
        binding, node = self.column.binding, root
        for part in self.column.parts:
            yield from ((id(one), (f"| {name}", None)) for one, name in _inner(part))
        while isinstance(node, OrDefault | DropEmpty | Emptied | JoinList | Apply | Lookup | Split):
            match node:
                case OrDefault() if binding.default is not None:
                    yield id(node), ("default", binding.default.span)
                case Apply():
                    yield id(node), (f"convert {node.call.name}", node.call.span)
                case Lookup() if binding.lookup is not None:
                    missing = f": {lacking[0].problem}, so the default replaces it" if lacking else ""
                    yield id(node), (f"lookup {node.table}{missing}", binding.lookup.span)
                case Split() if binding.split is not None:
                    yield id(node), (f"split {node.separator!r}", binding.split.span)
            node = node.value
        if binding.template is not None:
            yield id(node), (str(binding.template).strip(), binding.template.span)
        elif binding.const is not None:
            yield id(node), ("const", binding.span)
        elif binding.listed:
            yield id(node), ("joined", binding.span)

    def _error_stages(self) -> Iterator[Stage]:
        """Yield what `on_error` makes of a problem."""
        binding, default = self.column.binding, self.column.default
        if binding.on_error == "omit":
            yield Stage("on_error: omit leaves the column out", self._absent(), binding.span)
        elif binding.on_error == "default" and default is not None:
            value = self._evaluate(default, self.column.context)
            yield Stage("on_error: default uses the default", value, binding.span)
            yield self._encoded(value)

    def _encoded(self, value: Any) -> Stage:
        column = self.column
        encoded = self._interpreter.encoded(column, value)
        if value is None or value == "":
            return Stage("empty: the column is left out", self._absent(), column.span)
        shift = self._shift(value) if column.column.type is ColumnType.DATE_TIME else ""
        return Stage(f"written as {column.column.type}{shift}", encoded, column.span, written=True)

    def _shift(self, value: Any) -> str:
        """Return how a time that names no zone becomes the time that is written, if it changes."""
        target, local = time_zone(self.plan.spec.target.timezone), value
        if not isinstance(value, date):
            local = self._read_local(value)
        if not isinstance(local, datetime) or local.tzinfo is None:
            return ""  # a date never shifts, and a text with a zone says itself what time it is
        written = local.astimezone(target)
        minutes = round((_offset(written) - _offset(local)).total_seconds() / 60)
        if not minutes:
            return ""
        days = (written.date() - local.date()).days
        day = {-1: " the day before", 1: " the day after"}.get(days, "")
        names = f"{local:%H:%M} {_zone_name(local)} → {written:%H:%M} {_zone_name(written)}{day}"
        return f" ({names}, {_hours(minutes)})"

    def _read_local(self, value: Any) -> date | None:
        """Return the time that a text is, in the mapping's zone; None if it names a zone itself."""
        binding, context = self.column.binding, self.column.context
        century = None if binding.century is None else int(binding.century)
        incomplete: Literal["first_day"] | None = "first_day" if binding.incomplete is not None else None
        formats = list(map(str, binding.format)) or None
        options = formats, None, century, incomplete
        try:
            datetime_(*options, context=replace(context, timezone=None))(value)
        except ValueProblem as problem:
            if problem.code == "no-timezone":
                return datetime_(*options, context=context)(value)
        return None

    def _absent(self) -> str | None:
        """Return what an empty value is in the record; where it is left out, None."""
        return "" if self.plan.spec.target.empty == "blank" else None

    def _cell_stages(self, *, uses_default: bool) -> Iterator[Stage]:
        """Yield the cells that the column reads; one that only an unused default reads is not used."""
        value_or_none = binding_runtime.make_empty_values(self.plan.spec.source.empty)
        used = {node.name for node in self._read(nodes.Cell, () if uses_default else self.column.parts)}
        for node in self._read(nodes.Cell):
            note = "" if uses_default or node.name in used else ", not used"
            value = self.row.get(node.name)
            if node.optional and node.name not in self.row and not node.dotted:
                yield Stage(f"column {node.name} (not in the source, so empty{note})")
                continue
            if node.dotted:
                try:
                    value = self._evaluate(node, self.column.context)
                except ValueProblem as problem:  # no problem unless it is used
                    yield Stage(f"column {node.name} can't be read: {problem.code}: {problem.problem}")
                    continue
            facts = ("empty" if value_or_none(value) is None else "") + note
            yield Stage(f"column {node.name}" + (f" ({facts.removeprefix(', ')})" if facts else ""), value)

    def _variable_stages(self) -> Iterator[Stage]:
        used = {node.name for node in self._read(nodes.VariableRef)}
        for variable in self.plan.variables:
            if variable.name not in used:
                continue
            if variable.name not in self._frame.variables:
                self._interpreter.variable(variable.name, self._frame)
            what, value = (
                f"let {variable.name} = {str(variable.expression.text).strip()}",
                self._frame.variables[variable.name],
            )
            if isinstance(value, Failure):  # no problem unless it is used
                problem = binding_runtime.as_problem(variable.name, value.error)
                yield Stage(f"{what} fails: {problem.code}: {problem.message}", None, variable.span)
            else:
                for part, name in _inner(variable.expression.tree):
                    yield Stage(f"| {name}", self._evaluate(part, self.plan.context))
                yield Stage(what, value, variable.span)

    def _read(self, kind: type[Named], trees: Sequence[Node] = ()) -> list[Named]:
        """Return the cells or variables that the column reads, also by way of variables, each once.

        With `trees` those that only these read, of the column's.
        """
        found: dict[str, Named] = {}
        for node in self.plan.nodes_of(trees or self.column.trees()):
            if isinstance(node, kind):
                found.setdefault(node.name, node)
        return list(found.values())

    def _evaluate(self, node: nodes.Node, context: Context) -> Any:
        return Environment(self._interpreter, context).evaluator(node)(self._frame)


def _offset(moment: datetime) -> timedelta:
    return moment.utcoffset() or timedelta()


def _zone_name(moment: datetime) -> str:
    """Return the zone of a time in a word: its city, or the name that the time has there."""
    key = getattr(moment.tzinfo, "key", None)
    return str(moment.tzname()) if key is None else key.rpartition("/")[2].replace("_", " ")


def _hours(minutes: int) -> str:
    """Return a difference in hours and minutes, with its sign."""
    hours, rest = divmod(abs(minutes), 60)
    parts = [f"{hours} h"] if hours else []
    parts += [f"{rest} min"] if rest else []
    return ("−" if minutes < 0 else "+") + " ".join(parts)  # noqa: RUF001 - a minus sign


def _inner(node: Node) -> list[tuple[Node, str]]:
    """Return the filters of a chain with their names, from the inside out, but for the last one."""
    chain: list[tuple[Node, str]] = []
    while isinstance(node, nodes.Filter | nodes.Default | nodes.Where):
        name = node.converter.name if isinstance(node, nodes.Filter) else type(node).__name__.lower()
        chain.append((node, name))
        node = node.value
    return chain[:0:-1]
