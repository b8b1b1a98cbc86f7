"""Nodes that calculate, join, compare and choose."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Any, Literal

from opusmap.errors import ValueProblem
from opusmap.expressions.nodes.base import (
    ALL,
    EMPTY,
    LARGEST,
    NUMBER,
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
    checked_length,
    describe_kind,
    write_cell,
)
from opusmap.expressions.nodes.operands import Cell, Constant, ListLiteral, TableValue
from opusmap.expressions.runtime import OPERATIONS


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """`-value` (or `+value`, which only checks that it is a number)."""

    value: Node
    sign: Literal["-", "+"]
    at: int = 0

    def infer(self, types: Types) -> Type:
        known = self.value.infer(types)
        return Type(known.kind & NUMBER, bound=known.bound)

    def check(self, types: Types) -> Iterator[ValueProblem]:
        yield from _check_numbers(self.sign, self.value.infer(types))

    def evaluator(self, env: Environment) -> Evaluate:
        value, turn = env.evaluator(self.value), OPERATIONS["negative" if self.sign == "-" else "positive"]
        return lambda frame: turn(value(frame))

    def emit(self, writer: Writer) -> str:
        value, known = self.value.emit(writer), self.value.infer(writer)
        if known.is_always(Kind.WHOLE) and known.bound is not None:
            return f"({self.sign}{atom(value)})"
        return f"{'negative' if self.sign == '-' else 'positive'}({value})"


def _check_numbers(who: str, *operands: Type) -> Iterator[ValueProblem]:
    """Yield what is wrong where an operand of a calculation is never a number."""
    for known in operands:
        yield from check_kind(who, NUMBER, known, "numbers", "make a number of it first: `| number`")


_OPERATORS = {
    "+": "add",
    "-": "subtract",
    "*": "multiply",
    "/": "divide",
    "//": "floor_divide",
    "%": "modulo",
}


@dataclass(frozen=True, slots=True)
class Binary(Node):
    """Arithmetic: `+ - * / // %`."""

    operator: str
    left: Node
    right: Node
    at: int = 0

    def infer(self, types: Types) -> Type:
        left, right = self.left.infer(types), self.right.infer(types)
        if self.operator == "/" or not (left.is_always(Kind.WHOLE) and right.is_always(Kind.WHOLE)):
            return Type(NUMBER)
        bound = None
        if left.bound is not None and right.bound is not None and self.operator in "+-*":
            bound = left.bound * right.bound if self.operator == "*" else left.bound + right.bound
        return Type(Kind.WHOLE, bound=bound if bound is not None and bound < LARGEST else None)

    def check(self, types: Types) -> Iterator[ValueProblem]:
        left, right = self.left.infer(types), self.right.infer(types)
        if left.kind and right.kind and Kind.TEXT in (left.kind, right.kind):
            message = f"`{self.operator}` takes numbers, not a text"
            yield ValueProblem("text-arithmetic", message, "use `~` to join texts, or `| number`")
        else:
            yield from _check_numbers(self.operator, left, right)

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        yield from self.left.gaps(known)
        yield from self.right.gaps(known)

    def evaluator(self, env: Environment) -> Evaluate:
        left, right, calculate = (
            env.evaluator(self.left),
            env.evaluator(self.right),
            OPERATIONS[_OPERATORS[self.operator]],
        )
        return lambda frame: calculate(left(frame), right(frame))

    def emit(self, writer: Writer) -> str:
        left, right = self.left.emit(writer), self.right.emit(writer)
        if self.infer(writer).bound is not None:
            return f"({left} {self.operator} {right})"
        return f"{_OPERATORS[self.operator]}({left}, {right})"


@dataclass(frozen=True, slots=True)
class Concat(Node):
    """Texts joined: by `~`, or (`template`) as the parts of a template."""

    parts: tuple[Node, ...]
    template: bool
    at: int = 0

    def infer(self, types: Types) -> Type:
        return TEXT

    def check(self, types: Types) -> Iterator[ValueProblem]:
        for known in (part.infer(types) for part in self.parts):
            if self.template and not known.kind:
                help_text = "allow that: `{{ … | default('') }}`"
                yield ValueProblem("empty-in-template", "a value within a text is empty", help_text)
            elif not known.kind & ~(Kind.LIST | Kind.OBJECT):
                who, help_text = "{{ … }}" if self.template else "~", "use `| join(', ')` for a list"
                yield from check_kind(
                    who, ~(Kind.LIST | Kind.OBJECT), known, "a text or another single value", help_text
                )

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        """Count a part that an `if` may leave out only if no part of the template is certain."""
        solid = [part for part in self.parts if not _is_blank(part)]
        certain: list[Node] = [part for part in solid if not isinstance(part, Conditional)]
        for part in certain if self.template and certain else solid:
            for gap in part.gaps(known):
                yield gap if gap.cell is None else _in_a_text(gap, gap.cell)

    def evaluator(self, env: Environment) -> Evaluate:
        parts, join = [env.evaluator(part) for part in self.parts], OPERATIONS[self._function()]

        def evaluate(frame: Frame) -> Any:
            return join(*[part(frame) for part in parts])

        return evaluate

    def emit(self, writer: Writer) -> str:
        if len(self.parts) > _WRITTEN_OUT:  # what may be long is measured before it is built
            return f"{self._function()}({', '.join(part.emit(writer) for part in self.parts)})"
        parts = [(part.emit_as(writer, _SHOWN), part.infer(writer), part) for part in self.parts]
        text = _joined(parts)
        return (
            text if all(_is_short(known, part) for _, known, part in parts) else checked_length(writer, text)
        )

    def solid(self) -> tuple[str, ...]:
        """Return the texts that it holds whatever the row is, without those of blanks alone."""
        return tuple(text for part in self.parts if (text := _text(part)) and not text.isspace())

    def _function(self) -> str:
        return "template" if self.template else "concat"


def _in_a_text(gap: Gap, cell: str) -> Gap:
    """Return the gap of a part of a text: a `default:` beside the text comes too late."""
    help_text = f"keep those rows by `{{{{ {write_cell(cell)} | default('…') }}}}` within the text"
    return replace(gap, joined=True, help=help_text)


def _joined(parts: list[tuple[str, Type, Node]]) -> str:
    """Return Python that puts parts together: an f-string where that is possible."""
    shown = [
        f"{{{atom(python)}}}" if (text := _text(part)) is None else text.replace("{", "{{").replace("}", "}}")
        for python, _, part in parts
    ]
    # Python that contains quotes or braces can't be in an f-string of every version.
    if all(_text(part) is not None or not set(python) & _NO_F_STRING for python, _, part in parts):
        return "f" + repr("".join(shown))
    texts = [f"str({python})" if known.is_always(Kind.WHOLE) else python for python, known, _ in parts]
    return f"''.join(({', '.join(texts)},))"


_NO_F_STRING = set("'\"{}\\")


def _text(node: Node) -> str | None:
    """Return the text of a node, None if it is not a constant text."""
    return node.value if isinstance(node, Constant) and isinstance(node.value, str) else None


def constant_texts(node: Node) -> frozenset[str] | None:
    """Return the texts one of which a node gives, where it has no other choice; else None."""
    if isinstance(node, Conditional):
        then, otherwise = constant_texts(node.then), constant_texts(node.otherwise)
        return None if then is None or otherwise is None else then | otherwise
    text = _text(node)
    return None if text is None else frozenset((text,))


def _is_short(known: Type, node: Node) -> bool:
    if (text := _text(node)) is not None:
        return len(text) < _SHORT
    return known.is_always(Kind.WHOLE) and known.bound is not None


_SHOWN = Kind.TEXT | Kind.WHOLE
"""What an f-string shows as the language does."""
_WRITTEN_OUT = 8
_SHORT = 1_000

_SAME_KIND = "make both numbers (`| number`) or dates (`| datetime`)"
_COMPARABLE = (Kind.TEXT, NUMBER | Kind.BOOLEAN, Kind.DATE, Kind.TIME)
"""Kinds within which values have an order."""


def _check_comparison(operator: str, left: Type, right: Type) -> Iterator[ValueProblem]:
    """Yield what is wrong with a comparison that no two values of these types allow."""
    if operator in _ORDERS:
        if not (left.kind and right.kind):
            yield from check_kind(_SIGNS[operator], ALL, EMPTY)
        elif not any(left.kind & kind and right.kind & kind for kind in _COMPARABLE):
            given = f"{describe_kind(left.kind)} with {describe_kind(right.kind)}"
            message = f"`{_SIGNS[operator]}` can't compare {given}"
            yield ValueProblem("wrong-kind", message, _SAME_KIND)
    elif operator in ("in", "notin") and not right.empty:
        if right.kind == Kind.TEXT and not left.empty:
            yield from check_kind("in", Kind.TEXT, left, "a text to look for in a text", "use `| string`")
        else:
            yield from check_kind("in", Kind.TEXT | Kind.LIST | Kind.OBJECT, right, "lists and texts")


_ORDERS = {"lt": "less", "lteq": "less_equal", "gt": "greater", "gteq": "greater_equal"}
_SIGNS = {"lt": "<", "lteq": "<=", "gt": ">", "gteq": ">=", "eq": "==", "ne": "!="}


def _comparison(operator: str, left: tuple[str, Type], right: tuple[str, Type]) -> str:
    """Return Python that compares; by Python's own operator where the kinds are known to have one meaning."""
    (first, one), (second, other) = left, right
    if operator in _ORDERS:
        if any(one.is_always(kind) and other.is_always(kind) for kind in (NUMBER, Kind.TEXT)):
            return f"({first} {_SIGNS[operator]} {second})"
        return f"{_ORDERS[operator]}({first}, {second})"
    if operator in ("in", "notin"):
        found = f"contains({first}, {second})"
        return found if operator == "in" else f"(not {found})"
    if operator in _IN_TABLE.values():
        found = f"has_key({second}, {first})"
        return found if operator == "in table" else f"(not {found})"
    return f"({first} {_SIGNS[operator]} {second})"


_IN_TABLE = {"in": "in table", "notin": "notin table"}
"""What asks whether a table has a key finds it as a look-up does: a number by its text, blanks cut off."""


def _of_table(operator: str, node: Node) -> str:
    return _IN_TABLE.get(operator, operator) if isinstance(node, TableValue) else operator


def _compare(operator: str, left: Any, right: Any) -> bool:
    if operator == "eq":
        return bool(left == right)
    if operator == "ne":
        return bool(left != right)
    if operator in _ORDERS:
        return bool(OPERATIONS[_ORDERS[operator]](left, right))
    if operator in _IN_TABLE.values():
        return bool(OPERATIONS["has_key"](right, left)) == (operator == "in table")
    return bool(OPERATIONS["contains"](left, right)) == (operator == "in")


@dataclass(frozen=True, slots=True)
class Compare(Node):
    """`left < right`, `left in right` and chains of them."""

    left: Node
    others: tuple[tuple[str, Node], ...]
    at: int = 0

    def infer(self, types: Types) -> Type:
        return Type(Kind.BOOLEAN)

    def check(self, types: Types) -> Iterator[ValueProblem]:
        operator, other = self.others[0]  # those after it may not be reached
        yield from _check_comparison(operator, self.left.infer(types), other.infer(types))

    def evaluator(self, env: Environment) -> Evaluate:
        first = env.evaluator(self.left)
        others = [(_of_table(operator, node), env.evaluator(node)) for operator, node in self.others]

        def evaluate(frame: Frame) -> bool:
            left = first(frame)
            for operator, other in others:
                right = other(frame)
                if not _compare(operator, left, right):
                    return False
                left = right
            return True

        return evaluate

    def emit(self, writer: Writer) -> str:
        """Write `a < b < c` as `a < (t := b) and t < c`, so that no operand is written twice."""
        left, known = self.left.emit(writer), self.left.infer(writer)
        links: list[str] = []
        for index, (written, node) in enumerate(self.others, 1):
            operator, operand, kind = _of_table(written, node), node.emit(writer), node.infer(writer)
            if index < len(self.others):
                name = writer.temporary()
                links.append(_comparison(operator, (left, known), (f"({name} := {operand})", kind)))
                left = name
            elif (
                operator in ("in", "notin")
                and isinstance(node, ListLiteral)
                and None not in map(_text, node.items)
            ):
                texts = tuple(map(_text, node.items))
                links.append(f"({left} {'in' if operator == 'in' else 'not in'} {texts!r})")
            else:
                links.append(_comparison(operator, (left, known), (operand, kind)))
            known = kind
        return links[0] if len(links) == 1 else f"({' and '.join(links)})"


@dataclass(frozen=True, slots=True)
class Logic(Node):
    """`left and right`, `left or right`; the result is one of the two, as in Jinja."""

    operator: Literal["and", "or"]
    left: Node
    right: Node
    at: int = 0

    def infer(self, types: Types) -> Type:
        return self.left.infer(types).or_(self.right.infer(types))

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        if self.operator == "or":
            yield from _gaps_of_either(self.left, self.right, known)

    def evaluator(self, env: Environment) -> Evaluate:
        left, right = env.evaluator(self.left), env.evaluator(self.right)
        if self.operator == "and":
            return lambda frame: left(frame) and right(frame)
        return lambda frame: left(frame) or right(frame)

    def emit(self, writer: Writer) -> str:
        return f"({self.left.emit(writer)} {self.operator} {self.right.emit(writer)})"


@dataclass(frozen=True, slots=True)
class Not(Node):
    """`not value`."""

    value: Node
    at: int = 0

    def infer(self, types: Types) -> Type:
        return Type(Kind.BOOLEAN)

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        yield from ()

    def evaluator(self, env: Environment) -> Evaluate:
        value = env.evaluator(self.value)
        return lambda frame: not value(frame)

    def emit(self, writer: Writer) -> str:
        return f"(not {self.value.emit(writer)})"


def _gaps_of_either(first: Node, last: Node, known: Gaps) -> Iterator[Gap]:
    """Yield the gaps of a value that gives way to another where it is empty."""
    yield from (gap for gap in first.gaps(known) if gap.rejects)
    yield from last.gaps(known)


def _is_blank(node: Node) -> bool:
    return isinstance(node, Constant) and (node.value is None or str(node.value).strip() == "")


def _lacks_else(node: Node) -> bool:
    """Return whether a chain of conditions may end without a value."""
    if isinstance(node, Concat):
        solid = [part for part in node.parts if not _is_blank(part)]
        return len(solid) == 1 and _lacks_else(solid[0]) if solid else True
    if isinstance(node, Conditional):
        return _lacks_else(node.then) or _lacks_else(node.otherwise)
    return _is_blank(node)


@dataclass(frozen=True, slots=True)
class Conditional(Node):
    """`then if test else otherwise`; without `else` it is none."""

    test: Node
    then: Node
    otherwise: Node
    at: int = 0

    def infer(self, types: Types) -> Type:
        return self.then.infer(types).or_(self.otherwise.infer(types))

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        if _lacks_else(self):
            yield Gap("its expression has an `if` without an `else`", "add an `else`, or a `default`")

    def evaluator(self, env: Environment) -> Evaluate:
        test, then, otherwise = map(env.evaluator, (self.test, self.then, self.otherwise))
        return lambda frame: then(frame) if test(frame) else otherwise(frame)

    def emit(self, writer: Writer) -> str:
        return self.emit_as(writer, None)

    def emit_as(self, writer: Writer, want: Want) -> str:
        then, otherwise = (_branch(node, writer, want) for node in (self.then, self.otherwise))
        return f"({then} if {self.test.emit(writer)} else {otherwise})"


def _branch(node: Node, writer: Writer, want: Want) -> str:
    """Return a branch as it is wanted: of several, a whole number can't be distinguished from a text."""
    known = node.infer(writer)
    if want is not None and want & known.kind & Kind.WHOLE and known.is_always(want):
        return (
            node.emit_as(writer, want)
            if isinstance(node, Conditional | Default)
            else f"str({node.emit(writer)})"
        )
    return node.emit_as(writer, want)


@dataclass(frozen=True, slots=True)
class Default(Node):
    """`value | default(fallback)`: the fallback where the value is empty."""

    value: Node
    fallback: Node
    at: int = 0

    def infer(self, types: Types) -> Type:
        return self.value.infer(types).filled().or_(self.fallback.infer(types))

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        yield from _gaps_of_either(self.value, self.fallback, known)

    def evaluator(self, env: Environment) -> Evaluate:
        value, fallback = env.evaluator(self.value), env.evaluator(self.fallback)

        def evaluate(frame: Frame) -> Any:
            found = value(frame)
            return fallback(frame) if found is None or found == [] else found

        return evaluate

    def emit(self, writer: Writer) -> str:
        return self.emit_as(writer, None)

    def emit_as(self, writer: Writer, want: Want) -> str:
        value, fallback = self.value.emit(writer), _branch(self.fallback, writer, want)
        if isinstance(self.value, Cell):  # a cell that is an empty list is none
            return f"({fallback} if {value} is None else {_branch(self.value, writer, want)})"
        name = writer.temporary()
        kept = name if want is None else f"{'as_text' if want is Kind.TEXT else 'as_shown'}({name})"
        return f"({fallback} if is_none({name} := {value}) else {kept})"


_TESTS: dict[str, tuple[str, tuple[str | bool, ...]]] = {
    "none": ("is_none", ()),
    "true": ("is_same", (True,)),
    "false": ("is_same", (False,)),
    "even": ("is_even", ()),
    "odd": ("is_odd", ()),
    "divisibleby": ("is_divisible", ()),
    **{name: ("is_case", (name,)) for name in ("lower", "upper")},
    **{name: ("is_kind", (name,)) for name in ("string", "number", "integer", "boolean", "mapping")},
}
"""Test -> its operation, and what that takes in addition to the value and the arguments."""


@dataclass(frozen=True, slots=True)
class Test(Node):
    """`value is name(…)`. A test that compares (`is lt(5)`) is a `Compare`."""

    value: Node
    name: str
    args: tuple[Node, ...]
    at: int = 0

    def infer(self, types: Types) -> Type:
        return Type(Kind.BOOLEAN)

    def check(self, types: Types) -> Iterator[ValueProblem]:
        operation, who = _TESTS[self.name][0], f"is {self.name}"
        known = [node.infer(types) for node in (self.value, *self.args)]
        if operation in ("is_even", "is_odd", "is_divisible"):
            yield from _check_numbers(who, *known)
        elif operation == "is_case":
            yield from check_kind(who, ~(Kind.LIST | Kind.OBJECT), known[0], "a text")
        elif operation == "is_kind":
            yield from check_kind(who, ALL, known[0])

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        yield from ()

    def evaluator(self, env: Environment) -> Evaluate:
        name, constants = _TESTS[self.name]
        value, args, passes = env.evaluator(self.value), [*map(env.evaluator, self.args)], OPERATIONS[name]
        if not args:
            return lambda frame: passes(value(frame), *constants)
        return lambda frame: passes(value(frame), *[argument(frame) for argument in args])

    def emit(self, writer: Writer) -> str:
        value, (name, constants) = self.value.emit(writer), _TESTS[self.name]
        if self.name == "none" and isinstance(self.value, Cell):  # a cell that is an empty list is none
            return f"({value} is None)"
        given = [value, *map(repr, constants), *(argument.emit(writer) for argument in self.args)]
        return f"{name}({', '.join(given)})"


@dataclass(frozen=True, slots=True)
class Call(Node):
    """A call of a listed function."""

    name: str
    args: tuple[Node, ...]
    at: int = 0

    def infer(self, types: Types) -> Type:
        known = [argument.infer(types) for argument in self.args]
        return replace(reduce(Type.or_, known), empty=all(one.empty for one in known))

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        found = [list(argument.gaps(known)) for argument in self.args]
        yield from (gap for gaps in found for gap in gaps if gap.rejects or all(found))

    def evaluator(self, env: Environment) -> Evaluate:
        args, function = [env.evaluator(argument) for argument in self.args], OPERATIONS[self.name]

        def evaluate(frame: Frame) -> Any:
            return function(*[argument(frame) for argument in args])

        return evaluate

    def emit(self, writer: Writer) -> str:
        return f"{self.name}({', '.join(argument.emit(writer) for argument in self.args)})"
