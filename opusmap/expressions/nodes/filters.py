"""Filters: converters applied to a value, or to each element of a list."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from functools import cache, reduce
from operator import or_
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from opusmap.converters import Converter, lists, text
from opusmap.errors import ValueProblem
from opusmap.expressions import runtime
from opusmap.expressions.nodes.base import (
    ALL,
    ANY,
    Environment,
    Evaluate,
    Frame,
    Kind,
    Node,
    NotConstant,
    Type,
    Types,
    Writer,
    atom,
    check_kind,
    checked_length,
    write_cell,
)
from opusmap.expressions.nodes.operands import Cell, Constant, ListLiteral, VariableRef
from opusmap.expressions.nodes.operators import Unary
from opusmap.issues import Span


@dataclass(frozen=True, slots=True)
class Filter(Node):
    """`value | name(…)`; `each` where `map` applies it to each element of a list.

    `place` is the place of its pattern in the mapping, if it takes one.
    """

    value: Node
    converter: Converter
    args: tuple[Node, ...]
    kwargs: tuple[tuple[str, Node], ...]
    each: bool
    at: int = 0
    place: Span | None = None

    @property
    def costly(self) -> bool:
        return self.converter.cache and not self.each

    @property
    def pure(self) -> bool:
        return self.converter.is_cacheable and self.place is None  # a pattern's matches are counted

    def infer(self, types: Types) -> Type:
        known, result = self.value.infer(types), result_type(self.converter)
        if self.each:
            return Type(Kind.LIST, element=result.kind)
        if known.kind == Kind.LIST and self.converter.function in _GIVE_AN_ELEMENT:
            return Type(known.element, empty=True)
        if known.kind == Kind.LIST and self.converter.function in _KEEP_ELEMENTS:
            return Type(Kind.LIST, element=known.element)
        return result

    def check(self, types: Types) -> Iterator[ValueProblem]:
        who, known = self.converter.name, self.value.infer(types)
        if self.each:
            yield from check_kind("map", Kind.LIST, known, help=f"use `| {who}`")
        else:
            yield from check_taken(self.converter, known)

    def evaluator(self, env: Environment) -> Evaluate:
        value, who, require = env.evaluator(self.value), self.converter.name, self._require()
        if not has_constant_arguments(self):
            return self._dynamic(value, env)
        convert = env.bind(self)
        if self.each:
            each = runtime.each
            return lambda frame: each(convert, value(frame), who)
        return lambda frame: convert(require(value(frame), who))

    def _require(self) -> Callable[[Any, str], Any]:
        """Return what refuses an empty value, unless the converter takes one."""
        return (lambda value, _who: value) if self.converter.takes_empty else runtime.require

    def _dynamic(self, value: Evaluate, env: Environment) -> Evaluate:
        who, require, convert = self.converter.name, self._require(), env.bind_dynamic(self.converter)
        args = [self._argument(node, env) for node in self.args]
        kwargs = {name: self._argument(node, env) for name, node in self.kwargs}

        def evaluate(frame: Frame) -> Any:
            found = require(value(frame), who)
            given = [argument(frame) for argument in args]
            return convert(found, *given, **{name: argument(frame) for name, argument in kwargs.items()})

        return evaluate

    def _argument(self, node: Node, env: Environment) -> Evaluate:
        """Evaluate an argument: one from the row that is empty is an error, a `none` written out is not."""
        argument, who = env.evaluator(node), self.converter.name
        if isinstance(node, Constant):
            return argument
        return lambda frame: runtime.require(argument(frame), who)

    def emit(self, writer: Writer) -> str:
        who = repr(self.converter.name)
        if not has_constant_arguments(self):
            given = [self._written(node, writer) for node in self.args]
            given += [f"**{{{name!r}: {self._written(node, writer)}}}" for name, node in self.kwargs]
            function = writer.bind_dynamic(self.converter)
            return f"{function}({', '.join([self._required(writer), *given])})"
        if self.each:
            return f"each({writer.bind(self)}, {self.value.emit(writer)}, {who})"
        method = None if self.args or self.kwargs else _METHODS.get(self.converter.function)
        if method is not None:
            python = f"{atom(self.value.emit_as(writer, Kind.TEXT))}.{method[0]}()"
            return checked_length(writer, python) if method[1] else python
        quick = writer.bind_for_text(self)
        if quick is not None:
            return f"{quick}({self.value.emit_as(writer, Kind.TEXT)})"
        return f"{writer.bind(self)}({self._required(writer)})"

    def _required(self, writer: Writer) -> str:
        python = self.value.emit(writer)
        if self.converter.takes_empty or not self.value.infer(writer).empty:
            return python
        if python.isidentifier():
            return f"require(None, {self.converter.name!r}) if {python} is None else {python}"
        return f"require({python}, {self.converter.name!r})"

    def _written(self, node: Node, writer: Writer) -> str:
        python = node.emit(writer)
        if isinstance(node, Constant) or not node.infer(writer).empty:
            return python
        return f"require({python}, {self.converter.name!r})"


@dataclass(frozen=True, slots=True)
class Where(Node):
    """`value | where(…)`: the elements of a list for which a condition holds.

    `key` is the field that is looked at, None where it is the element itself. `condition` is `equals` or
    `contains`, and `wanted` what it compares with; without one the field must be true as `if` has it.
    """

    value: Node
    key: str | None
    condition: str
    wanted: Node
    at: int = 0

    def infer(self, types: Types) -> Type:
        return Type(Kind.LIST, element=self.value.infer(types).element)

    def check(self, types: Types) -> Iterator[ValueProblem]:
        yield from check_kind("where", Kind.LIST, self.value.infer(types))

    def evaluator(self, env: Environment) -> Evaluate:
        value, wanted = env.evaluator(self.value), env.evaluator(self.wanted)
        key, condition, where, empty = self.key, self.condition, runtime.where, env.empty
        return lambda frame: where(value(frame), key, condition, wanted(frame), empty)

    def emit(self, writer: Writer) -> str:
        value, wanted = self.value.emit(writer), self.wanted.emit(writer)
        return f"where({value}, {self.key!r}, {self.condition!r}, {wanted}, empty)"


_GIVE_AN_ELEMENT = (lists.first, lists.last, lists.min_, lists.max_)
_KEEP_ELEMENTS = (lists.reverse, lists.sort, lists.unique)

_METHODS: dict[Callable[..., Any], tuple[str, bool]] = {
    text.upper: ("upper", True),
    text.lower: ("lower", True),
    text.trim: ("strip", False),
}
"""Converters that are one method of a text, and whether it may lengthen the text."""

_KINDS: dict[Any, Kind] = {
    str: Kind.TEXT,
    int: Kind.WHOLE,
    Decimal: Kind.DECIMAL,
    bool: Kind.BOOLEAN,
    date: Kind.DATE | Kind.TIME,
    datetime: Kind.TIME,
    list: Kind.LIST,
    dict: Kind.OBJECT,
}


def check_taken(converter: Converter, known: Type) -> Iterator[ValueProblem]:
    """Yield what is wrong where a converter can never take a value of this type."""
    help_text = f"use `| map('{converter.name}')` for each element, or `| first`"
    if known.kind != Kind.LIST:
        help_text = "change its kind first: `string`, `number`, `date` or `datetime`"
    if converter.takes_empty and not known.kind:
        return
    kinds = tuple(kind for kind in converter.kinds if kind is not type(None))
    kinds = kinds or (_called_with(converter.function) if converter.factory else ())
    takes = reduce(or_, (_KINDS.get(kind, ALL) for kind in kinds)) if kinds else ALL
    yield from check_kind(converter.name, takes, known, help=help_text)


@cache
def _called_with(factory: Callable[..., Any]) -> tuple[type, ...]:
    """Return the type that the objects which a factory makes are called with; none if it makes functions."""
    made = get_type_hints(factory).get("return")
    if not isinstance(made, type):
        return ()
    return tuple(kind for name, kind in get_type_hints(made.__call__).items() if name == "value")


def result_type(converter: Converter) -> Type:
    """Return what is known of a converter's results: what a built-in one says, nothing of a custom one."""
    if not getattr(converter.function, "__module__", "").startswith("opusmap.converters."):
        return ANY
    return _declared_type(converter.function, converter.factory)


@cache
def _declared_type(function: Callable[..., Any], factory: bool) -> Type:  # noqa: FBT001 - cached
    found = get_type_hints(function).get("return", Any)
    if factory:
        arguments = get_args(found)
        found = arguments[1] if arguments else get_type_hints(found.__call__).get("return", Any)
    options = get_args(found) if get_origin(found) in (Union, UnionType) else (found,)
    kinds = [kind for option in options if (kind := _KINDS.get(get_origin(option) or option)) is not None]
    if len(kinds) < len(options):
        return ANY
    elements = [
        _KINDS.get(one, ALL) for option in options if get_origin(option) is list for one in get_args(option)
    ]
    return Type(reduce(or_, kinds), element=reduce(or_, elements, Kind(0)) or ALL)


def constant_value(node: Node) -> Any:
    """Return the value of a literal, a list of them, or a signed number.

    Raises:
        NotConstant: it is anything else.
    """
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, ListLiteral):
        return [constant_value(item) for item in node.items]
    if isinstance(node, Unary):
        value = constant_value(node.value)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return -value if node.sign == "-" else value
    raise NotConstant


def is_constant(node: Node) -> bool:
    """Return whether a node has a constant value, whatever the row."""
    try:
        constant_value(node)
    except NotConstant:
        return False
    return True


def show_swapped(node: Filter) -> str | None:
    """Return `';' | split(Tags)` as it is meant, `Tags | split(';')`.

    None unless its value is a constant text, and its first argument alone a column or a variable.
    """
    first = node.args[0] if node.args else None
    if not (isinstance(node.value, Constant) and isinstance(node.value.value, str)) or node.each:
        return None
    others = [*node.args[1:], *(argument for _, argument in node.kwargs)]
    if not isinstance(first, Cell | VariableRef) or not all(isinstance(one, Constant) for one in others):
        return None
    given = [_show_constant(one) for one in (node.value, *node.args[1:])]
    given += [f"{name}={_show_constant(one)}" for name, one in node.kwargs]
    return f"{write_cell(first.name)} | {node.converter.name}({', '.join(given)})"


def _show_constant(node: Node) -> str:
    value = node.value if isinstance(node, Constant) else None
    if isinstance(value, str):
        return f'"{value}"' if "'" in value else f"'{value}'"
    return "none" if value is None else str(value).lower()


def has_constant_arguments(node: Filter) -> bool:
    """Return whether no argument of a filter reads the row."""
    return all(map(is_constant, (*node.args, *(argument for _, argument in node.kwargs))))
