"""The checked tree of an expression: the only things that a mapping can say.

Owns the shapes. `parse` makes them from Jinja's syntax tree, `emit` makes Python of them; linting and
`explain` read them. Each node knows the offset `at` of its token in the template's text.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any, Literal, TypeAlias

from opusmap.converters import Converter
from opusmap.diagnostics import Span
from opusmap.spec.yaml_text import Text

__all__ = [
    "Binary",
    "Call",
    "Cell",
    "Compare",
    "Conditional",
    "Constant",
    "Convert",
    "Default",
    "Expression",
    "Field",
    "Item",
    "ListOf",
    "Logic",
    "Negative",
    "Node",
    "Not",
    "NotConstant",
    "Slice",
    "StepValue",
    "TableValue",
    "Test",
    "TextOf",
    "constant_value",
    "has_constant_arguments",
    "is_constant",
    "walk",
]


@dataclass(frozen=True, slots=True)
class Constant:
    """A text, number, boolean or none that stands in the mapping."""

    value: str | int | Any | None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Cell:
    """A value of the row, by column; `dotted` where the name may be a path into nested values."""

    name: str
    at: int = 0
    dotted: bool = False


@dataclass(frozen=True, slots=True)
class StepValue:
    """The value of a `let` step."""

    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class TableValue:
    """A lookup table; only an item of it can be taken."""

    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Item:
    """`value[key]`."""

    value: Node
    key: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class Slice:
    """`value[start:stop]`."""

    value: Node
    start: Node | None
    stop: Node | None
    at: int = 0


@dataclass(frozen=True, slots=True)
class Field:
    """`value.name`: a field of a date, or of a nested object."""

    value: Node
    name: str
    at: int = 0


@dataclass(frozen=True, slots=True)
class Negative:
    """`-value` (or `+value`, which only checks that it is a number)."""

    value: Node
    sign: Literal["-", "+"]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Binary:
    """Arithmetic: `+ - * / // %`."""

    operator: str
    left: Node
    right: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class TextOf:
    """Texts put together: by `~`, or (`template`) as the parts of a template."""

    parts: tuple[Node, ...]
    template: bool
    at: int = 0


@dataclass(frozen=True, slots=True)
class Compare:
    """`left < right`, `left in right` and chains of them."""

    left: Node
    others: tuple[tuple[str, Node], ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Logic:
    """`left and right`, `left or right`; the result is one of the two, as in Jinja."""

    operator: Literal["and", "or"]
    left: Node
    right: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class Not:
    """`not value`."""

    value: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class Conditional:
    """`then if test else otherwise`; without `else` it is none."""

    test: Node
    then: Node
    otherwise: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class ListOf:
    """`[a, b]`."""

    items: tuple[Node, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Convert:
    """`value | name(…)`; `each` where `map` applies it to each element of a list.

    `place` is where in the mapping its pattern stands, if it takes one.
    """

    value: Node
    converter: Converter
    args: tuple[Node, ...]
    kwargs: tuple[tuple[str, Node], ...]
    each: bool
    at: int = 0
    place: Span | None = None


@dataclass(frozen=True, slots=True)
class Default:
    """`value | default(fallback)`: the fallback where the value is empty."""

    value: Node
    fallback: Node
    at: int = 0


@dataclass(frozen=True, slots=True)
class Test:
    """`value is name(…)`."""

    value: Node
    name: str
    args: tuple[Node, ...]
    at: int = 0


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a listed function."""

    name: str
    args: tuple[Node, ...]
    at: int = 0


Node: TypeAlias = (
    Constant
    | Cell
    | StepValue
    | TableValue
    | Item
    | Slice
    | Field
    | Negative
    | Binary
    | TextOf
    | Compare
    | Logic
    | Not
    | Conditional
    | ListOf
    | Convert
    | Default
    | Test
    | Call
)


@dataclass(frozen=True, slots=True)
class Expression:
    """A checked template or expression. `is_text` where it always gives a text."""

    text: Text
    tree: Node
    is_text: bool

    def columns(self) -> frozenset[str]:
        """Return the source columns it reads (dotted names whole)."""
        return frozenset(node.name for node in walk(self.tree) if isinstance(node, Cell))

    def steps(self) -> frozenset[str]:
        """Return the `let` steps it reads."""
        return frozenset(node.name for node in walk(self.tree) if isinstance(node, StepValue))


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    yield node
    for field in fields(node):
        yield from _walk_value(getattr(node, field.name))


def _walk_value(value: object) -> Iterator[Node]:
    if isinstance(value, tuple):
        for item in value:
            yield from _walk_value(item)
    elif isinstance(value, Node):
        yield from walk(value)


class NotConstant(Exception):
    """The tree reads the row, so it has no value of its own."""


def constant_value(node: Node) -> Any:
    """Return the value of a literal, a list of them, or a signed number.

    Raises:
        NotConstant: it is anything else.
    """
    if isinstance(node, Constant):
        return node.value
    if isinstance(node, ListOf):
        return [constant_value(item) for item in node.items]
    if isinstance(node, Negative):
        value = constant_value(node.value)
        if isinstance(value, int | Decimal) and not isinstance(value, bool):
            return -value if node.sign == "-" else value
    raise NotConstant


def is_constant(node: Node) -> bool:
    """Tell whether a node has a value of its own, whatever the row."""
    try:
        constant_value(node)
    except NotConstant:
        return False
    return True


def has_constant_arguments(node: Convert) -> bool:
    """Tell whether no argument of a filter reads the row."""
    return all(map(is_constant, (*node.args, *(argument for _, argument in node.kwargs))))
