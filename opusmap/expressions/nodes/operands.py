"""Nodes that read: constants, cells, variables, tables, and what is inside a value."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from opusmap.errors import ValueProblem
from opusmap.expressions import runtime
from opusmap.expressions.nodes.base import (
    ANY,
    EMPTY,
    LARGEST,
    TEXT,
    Environment,
    Evaluate,
    Frame,
    Gap,
    Gaps,
    Kind,
    Node,
    Type,
    Types,
    Want,
    Writer,
    atom,
    check_kind,
    describe_kind,
    walk,
)
from opusmap.mapping.yaml_reader import Text
from opusmap.wording import quote_value


@dataclass(frozen=True, slots=True)
class Constant(Node):
    """A text, number, boolean or none that is written in the mapping."""

    value: str | int | Any | None
    at: int = 0

    def infer(self, types: Types) -> Type:
        match self.value:
            case None:
                return EMPTY
            case str():
                return TEXT
            case bool():
                return Type(Kind.BOOLEAN)
            case int() if abs(self.value) < LARGEST:
                return Type(Kind.WHOLE, bound=abs(self.value))
        return Type(Kind.DECIMAL) if isinstance(self.value, Decimal) else ANY

    def evaluator(self, env: Environment) -> Evaluate:
        value = self.value
        return lambda _frame: value

    def emit(self, writer: Writer) -> str:
        if self.value is None or isinstance(self.value, str | int):
            return (
                repr(self.value) if not isinstance(self.value, int) or self.value >= 0 else f"({self.value})"
            )
        return writer.constant(self.value)


@dataclass(frozen=True, slots=True)
class Cell(Node):
    """A value of the row, by column; `dotted` where the name may be a path into nested values.

    It is `optional` where the source, or a row, may lack the column: then it is empty.
    """

    name: str
    at: int = 0
    dotted: bool = False
    optional: bool = False

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        if not self.dotted:  # what a path leads to is not looked at
            yield from known.of_cell(self.name)

    def evaluator(self, env: Environment) -> Evaluate:
        name, empty, strict = self.name, env.empty, env.strict
        if self.dotted:
            strict = strict and not self.optional
            return lambda frame: runtime.dotted(frame.row, name, strict, empty)
        return lambda frame: empty(frame.row.get(name))

    def emit(self, writer: Writer) -> str:
        if self.optional and self.dotted:
            return f"dotted(row, {self.name!r}, False, empty)"
        if self.optional:
            return f"empty(row.get({self.name!r}))"
        return writer.cell(self.name, dotted=self.dotted, want=None)

    def emit_as(self, writer: Writer, want: Want) -> str:
        if self.optional:
            return Node.emit_as(self, writer, want)
        return writer.cell(self.name, dotted=self.dotted, want=want)


@dataclass(frozen=True, slots=True)
class RowNumber(Node):
    """`row.number`: the row's number in its source."""

    at: int = 0

    @property
    def pure(self) -> bool:
        return False

    def infer(self, types: Types) -> Type:
        return Type(Kind.WHOLE, bound=_MOST_ROWS)

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        yield from ()

    def evaluator(self, env: Environment) -> Evaluate:
        number = env.row_number
        return lambda _frame: number()

    def emit(self, writer: Writer) -> str:
        return "row_number()"


_MOST_ROWS = 10**12


@dataclass(frozen=True, slots=True)
class VariableRef(Node):
    """The value of a variable, which `let` gives a name."""

    name: str
    at: int = 0

    def infer(self, types: Types) -> Type:
        return types.variable_type(self.name)

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        yield from known.of_variable(self.name)

    def evaluator(self, env: Environment) -> Evaluate:
        return env.variable(self.name)

    def emit(self, writer: Writer) -> str:
        return writer.variable(self.name)


@dataclass(frozen=True, slots=True)
class TableValue(Node):
    """A lookup table; only an item of it can be taken."""

    name: str
    at: int = 0

    def infer(self, types: Types) -> Type:
        return Type(Kind.OBJECT)

    def evaluator(self, env: Environment) -> Evaluate:
        entries = env.table(self.name)
        return lambda _frame: entries

    def emit(self, writer: Writer) -> str:
        return writer.table(self.name)


def missing_key(table: str) -> Gap:
    """Return the gap of a look-up without a default."""
    why = f"a key that the table {table} lacks rejects the row"
    return Gap(why, "give a `default:` to keep the row", lookup=True)


@dataclass(frozen=True, slots=True)
class Subscript(Node):
    """`value[key]`.

    It is `optional` where a `default` replaces a key that a table lacks, or an empty one; and in a path
    under `from`, where an element that is not there is empty.
    """

    value: Node
    key: Node
    at: int = 0
    optional: bool = False

    def infer(self, types: Types) -> Type:
        known = self.value.infer(types)
        if known.kind & ~(Kind.TEXT | Kind.LIST):
            return ANY
        element = known.element if known.kind & Kind.LIST else Kind(0)
        return Type(known.kind & Kind.TEXT | element, empty=bool(known.kind & Kind.LIST))

    def check(self, types: Types) -> Iterator[ValueProblem]:
        known, key = self.value.infer(types), self.key.infer(types)
        if isinstance(self.value, TableValue):
            if key.kind or not self.optional:
                yield from check_kind("lookup", ~(Kind.LIST | Kind.OBJECT), key, "a single value")
            return
        if known.kind or key.kind != Kind.TEXT:
            yield from check_kind("[…]", Kind.TEXT | Kind.LIST | Kind.OBJECT, known)
        if not known.kind & Kind.OBJECT:
            yield from check_kind("[…]", Kind.WHOLE, key)

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        if isinstance(self.value, TableValue):
            if not self.optional:
                yield missing_key(self.value.name)
            yield from self.key.gaps(known)
        else:
            yield from self.value.gaps(known)

    def evaluator(self, env: Environment) -> Evaluate:
        value, key = env.evaluator(self.value), env.evaluator(self.key)
        if isinstance(self.value, TableValue) and self.optional:
            find = runtime.make_finder(env.table(self.value.name), self.value.name, env.lacking)
            return lambda frame: find(key(frame))
        if isinstance(self.value, TableValue):
            name, look_up = self.value.name, runtime.look_up
            return lambda frame: look_up(value(frame), name, key(frame))
        item, empty = runtime.element if self.optional else runtime.item, env.empty
        return lambda frame: item(value(frame), key(frame), empty)

    def emit(self, writer: Writer) -> str:
        value = self.value.emit(writer)
        if isinstance(self.value, TableValue) and self.optional:
            table = self.value.name
            find = runtime.make_finder(writer.entries(table), table, writer.lacking)
            return f"{writer.named(f'find_in_{table}', find)}({self.key.emit(writer)})"
        if isinstance(self.value, TableValue):
            return f"look_up({value}, {self.value.name!r}, {self.key.emit(writer)})"
        return f"{'element' if self.optional else 'item'}({value}, {self.key.emit(writer)}, empty)"


@dataclass(frozen=True, slots=True)
class Slice(Node):
    """`value[start:stop]`."""

    value: Node
    start: Node | None
    stop: Node | None
    at: int = 0

    def infer(self, types: Types) -> Type:
        known = self.value.infer(types)
        return Type(known.kind & (Kind.TEXT | Kind.LIST), element=known.element)

    def check(self, types: Types) -> Iterator[ValueProblem]:
        help_text = "use `| string` before it"
        yield from check_kind("[:]", Kind.TEXT | Kind.LIST, self.value.infer(types), help=help_text)
        for end in (self.start, self.stop):
            if end is not None:
                yield from check_kind("[:]", Kind.WHOLE, end.infer(types))

    def evaluator(self, env: Environment) -> Evaluate:
        value, ends = env.evaluator(self.value), (_end(self.start, env), _end(self.stop, env))
        start, stop = ends
        slice_ = runtime.slice_
        return lambda frame: slice_(value(frame), start(frame), stop(frame))

    def emit(self, writer: Writer) -> str:
        ends = [
            "None" if end is None else f"require({end.emit(writer)}, '[:]')"
            for end in (self.start, self.stop)
        ]
        return f"slice_({self.value.emit(writer)}, {ends[0]}, {ends[1]})"


def _end(node: Node | None, env: Environment) -> Evaluate:
    if node is None:
        return lambda _frame: None
    end = env.evaluator(node)
    return lambda frame: runtime.require(end(frame), "[:]")


@dataclass(frozen=True, slots=True)
class Field(Node):
    """`value.name`: a field of a date, or of a nested object."""

    value: Node
    name: str
    at: int = 0

    def infer(self, types: Types) -> Type:
        known = self.value.infer(types)
        dated = known.is_always(Kind.DATE | Kind.TIME)
        return Type(Kind.WHOLE, bound=_FIELD_BOUND) if dated and self.name in _FIELDS else ANY

    def check(self, types: Types) -> Iterator[ValueProblem]:
        known = self.value.infer(types)
        takes = Kind.OBJECT | (Kind.DATE | Kind.TIME if self.name in _FIELDS else Kind(0))
        if known.kind and not known.kind & takes:
            message = f"{describe_kind(known.kind)} has no field {quote_value(self.name)}"
            is_date = bool(known.kind & Kind.TEXT) and self.name in _FIELDS
            help_text = "make it a date first: `| datetime`" if is_date else ""
            yield ValueProblem("unknown-field", message, help_text)
        elif known.kind or not self._is_path():
            yield from check_kind(f".{self.name}", takes, known)

    def _is_path(self) -> bool:
        """Return whether the value comes from a name or a path: a path through an empty one is empty."""
        return isinstance(self.value, Cell | VariableRef | Field | Subscript)

    def evaluator(self, env: Environment) -> Evaluate:
        value, name, empty = env.evaluator(self.value), self.name, env.empty
        field = runtime.path_field if self._is_path() else runtime.field
        return lambda frame: field(value(frame), name, empty)

    def emit(self, writer: Writer) -> str:
        value = self.value.emit(writer)
        if self.name in _FIELDS and self.value.infer(writer).is_always(Kind.DATE | Kind.TIME):
            # A date without a time has no hour: there the attribute is missing, and the code declines.
            return f"{atom(value)}.isoweekday()" if self.name == "weekday" else f"{atom(value)}.{self.name}"
        return f"{'path_field' if self._is_path() else 'field'}({value}, {self.name!r}, empty)"


_FIELDS = frozenset({"year", "month", "day", "hour", "minute", "second", "weekday"})
_FIELD_BOUND = 9999


@dataclass(frozen=True, slots=True)
class Every(Node):
    """`value[*].name`: what a path finds in each element; a step is a field's name, or None for `[*]`."""

    value: Node
    steps: tuple[str | None, ...]
    at: int = 0

    def infer(self, types: Types) -> Type:
        return Type(Kind.LIST)

    def evaluator(self, env: Environment) -> Evaluate:
        value, steps, empty, every = env.evaluator(self.value), self.steps, env.empty, runtime.every
        return lambda frame: every(value(frame), steps, empty)

    def emit(self, writer: Writer) -> str:
        return f"every({self.value.emit(writer)}, {self.steps!r}, empty)"


def step_into(value: Node, step: str | int | None, at: int = 0) -> Node:
    """Return what a path finds one step further: a field, an element by its position, or (None) each element.

    Behind `[*]` a field is that of each element, a position one of the whole list.
    """
    if isinstance(value, Every) and not isinstance(step, int):
        return Every(value.value, (*value.steps, step), value.at)
    if step is None:
        return Every(value, (None,), at)
    return (
        Field(value, step, at)
        if isinstance(step, str)
        else Subscript(value, Constant(step, at), at, optional=True)
    )


@dataclass(frozen=True, slots=True)
class ListLiteral(Node):
    """`[a, b]`."""

    items: tuple[Node, ...]
    at: int = 0

    def infer(self, types: Types) -> Type:
        element = Kind(0)
        for item in self.items:
            element |= item.infer(types).kind
        return Type(Kind.LIST, element=element)

    def evaluator(self, env: Environment) -> Evaluate:
        items, make_list = [env.evaluator(item) for item in self.items], runtime.make_list

        def evaluate(frame: Frame) -> list[Any]:
            return make_list(*[item(frame) for item in items])

        return evaluate

    def emit(self, writer: Writer) -> str:
        items = ", ".join(item.emit(writer) for item in self.items)
        constant = all(isinstance(item, Constant) for item in self.items)
        return f"[{items}]" if constant else f"make_list({items})"


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked template or expression: its text and its tree."""

    text: Text
    tree: Node

    def columns(self) -> frozenset[str]:
        """Return the source columns it reads (dotted names whole)."""
        return frozenset(node.name for node in walk(self.tree) if isinstance(node, Cell))
