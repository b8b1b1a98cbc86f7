"""What every node of the tree is: its children, kind (`infer`), meaning (`evaluator`) and Python (`emit`).

Owns the contract between nodes and those who use them: the interpreter, which evaluates, and code generation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Flag, auto
from typing import Any, Protocol, TypeAlias

from opusmap.converters import Converter
from opusmap.converters.coerce import NUMBER_LIMIT
from opusmap.errors import ValueProblem


class Kind(Flag):
    """The kinds of values that are not empty."""

    TEXT = auto()
    WHOLE = auto()
    DECIMAL = auto()
    BOOLEAN = auto()
    DATE = auto()
    TIME = auto()
    LIST = auto()
    OBJECT = auto()


LARGEST = 10**NUMBER_LIMIT
"""Numbers of expressions are smaller."""
NUMBER = Kind.WHOLE | Kind.DECIMAL
_NONE = Kind(0)
ALL = ~_NONE


@dataclass(frozen=True, slots=True)
class Type:
    """What is known of a value before there is one.

    Attributes:
        kind: the kinds that it may have.
        empty: whether it may be None.
        bound: a whole number lies between it and its negative; None where no bound is known.
        element: the kinds that a list's elements may have.
    """

    kind: Kind
    empty: bool = False
    bound: int | None = None
    element: Kind = ALL

    def is_always(self, kind: Kind) -> bool:
        """Return whether the value is never empty, and always of one of these kinds."""
        return not self.empty and not self.kind & ~kind

    def or_(self, other: Type) -> Type:
        """Return what is known of a value that is one or the other."""
        bounds = [one.bound for one in (self, other) if one.kind & Kind.WHOLE]
        bound = max((one for one in bounds if one is not None), default=None)
        element = _NONE
        for one in (self, other):
            element |= one.element if one.kind & Kind.LIST else _NONE
        empty = self.empty or other.empty
        return Type(self.kind | other.kind, empty, None if None in bounds else bound, element or ALL)

    def filled(self) -> Type:
        """Return what is known where the value is not empty."""
        return replace(self, empty=False)


ANY = Type(ALL, empty=True)
TEXT = Type(Kind.TEXT)
EMPTY = Type(_NONE, empty=True)


def check_kind(who: str, takes: Kind, known: Type, what: str = "", help: str = "") -> Iterator[ValueProblem]:
    """Yield what is wrong where `who` is given a value that is of none of the kinds it takes.

    Args:
        who: the operator, filter or test.
        takes: the kinds that it takes.
        known: what is known of the value.
        what: the kinds in words; by default as `describe_kind` has them.
        help: what to do about a value of another kind.
    """
    if not known.kind:
        yield ValueProblem(
            "empty-operand", f"`{who}` is given an empty value", "give a default: `| default('…')`"
        )
    elif not known.kind & takes:
        yield ValueProblem(
            "wrong-kind",
            f"`{who}` takes {what or describe_kind(takes)}, not {describe_kind(known.kind)}",
            help,
        )


def describe_kind(kind: Kind) -> str:
    """Return kinds in words: `a text or a number`."""
    if kind == ALL:
        return "any value"
    words, left = list[str](), kind
    for one, word in _WORDS:
        if one & ~left == _NONE:
            words.append(word)
            left &= ~one
    return " or ".join([", ".join(words[:-1]), words[-1]] if len(words) > 1 else words)


_WORDS = (
    (Kind.TEXT, "a text"),
    (NUMBER, "a number"),
    (Kind.WHOLE, "a whole number"),
    (Kind.DECIMAL, "a number"),
    (Kind.BOOLEAN, "true or false"),
    (Kind.DATE | Kind.TIME, "a date"),
    (Kind.DATE, "a date"),
    (Kind.TIME, "a time"),
    (Kind.LIST, "a list"),
    (Kind.OBJECT, "an object"),
)

Want: TypeAlias = Kind | None
"""What the user of a node's Python needs: a text (`TEXT`), what has one (`TEXT | WHOLE`); None: anything."""


@dataclass(frozen=True, slots=True)
class Failure:
    """What a variable holds when it failed: each use of it fails with the same error."""

    error: Exception

    def __post_init__(self) -> None:
        if isinstance(self.error, ValueProblem):
            self.error.forget_frames()


class Frame:
    """One row while it is interpreted: its cells, and the variables that have been evaluated."""

    __slots__ = ("held", "row", "variables")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.variables: dict[str, Any] = {}
        self.held = 0


Evaluate: TypeAlias = Callable[[Frame], Any]
"""A node's meaning: from a row to the value. It raises whatever a converter raises, else a ValueProblem."""


class Environment(Protocol):
    """Where the interpreter finds what a tree speaks of."""

    @property
    def empty(self) -> Callable[[Any], Any]:
        """Return what makes None of the source's empty values."""
        ...

    @property
    def strict(self) -> bool:
        """Whether a name that the row lacks is an error (the source's columns are not known)."""
        ...

    @property
    def fill(self) -> Callable[[Any], Any]:
        """Return what takes the empty elements out of a list."""
        ...

    @property
    def join(self) -> Callable[..., str | None]:
        """Return what makes one text of a separator and parts."""
        ...

    @property
    def lacking(self) -> Callable[[ValueProblem], object]:
        """Return what is called with each key that a table lacks and the binding's default replaces."""
        ...

    def evaluator(self, node: Node) -> Evaluate:
        """Return a node's evaluator; it may note what the node gives."""
        ...

    def row_number(self) -> int:
        """Return the number of the row at hand."""
        ...

    def variable(self, name: str) -> Evaluate:
        """Return the evaluator of a variable, which is evaluated once a row."""
        ...

    def table(self, name: str) -> Mapping[str, Any]:
        """Return a table's entries."""
        ...

    def bind(self, node: Any) -> Callable[[Any], Any]:
        """Return the function of one value that a filter with constant arguments is."""
        ...

    def bind_dynamic(self, converter: Converter) -> Callable[..., Any]:
        """Return the function that a filter with arguments from the row is."""
        ...


class Types(Protocol):
    """What is known of a mapping before there is a row."""

    def variable_type(self, name: str) -> Type:
        """Return what is known of a variable's value."""
        ...

    @property
    def empty_texts(self) -> tuple[str, ...]:
        """Return the texts that mean "no value" in the source."""
        ...


@dataclass(frozen=True, slots=True)
class Gap:
    """Why a value may be empty, or a row rejected for an empty part of it, and what can be done.

    `lookup` where it is a key that a table lacks, and `joined` where it is a part of a text: then the row is
    rejected before a `default` is asked. `cell` is the column of the source where it is one that has empty
    cells.
    """

    why: str
    help: str
    lookup: bool = False
    cell: str | None = None
    joined: bool = False

    @property
    def rejects(self) -> bool:
        """Whether the row is rejected before a `default` is asked."""
        return self.lookup or self.joined


def write_cell(name: str) -> str:
    """Return how an expression names a column of the source."""
    return name if name.isidentifier() else f"row[{name!r}]"


class Gaps(Protocol):
    """What is known of the empty values of a source and of a mapping's variables."""

    def of_cell(self, name: str) -> Sequence[Gap]:
        """Return why a column of the source may be empty."""
        ...

    def of_variable(self, name: str) -> Sequence[Gap]:
        """Return why a variable may be empty."""
        ...


class Writer(Types, Protocol):
    """Where generated code finds what a tree speaks of."""

    def cell(self, name: str, *, dotted: bool, want: Want) -> str:
        """Return the local variable that holds a cell; it is unbound where that is not what is wanted."""
        ...

    def variable(self, name: str) -> str:
        """Return the local variable that holds a variable; it is unbound where that failed."""
        ...

    def table(self, name: str) -> str:
        """Return the module's name of a table."""
        ...

    def bind(self, node: Any) -> str:
        """Return the module's name of a filter with constant arguments: a function of one value."""
        ...

    def bind_for_text(self, node: Any) -> str | None:
        """Return the name of the same for what is known to be a text, without checks; None if it has none."""
        ...

    def bind_dynamic(self, converter: Converter) -> str:
        """Return the module's name of a filter with arguments from the row: a function of all of them."""
        ...

    def temporary(self) -> str:
        """Return a fresh local variable."""
        ...

    def constant(self, value: object) -> str:
        """Return the module's name of a value that has no literal in Python."""
        ...

    def named(self, name: str, value: object) -> str:
        """Return the module's name of a value, like this one."""
        ...

    def entries(self, name: str) -> Mapping[str, Any]:
        """Return a table's entries."""
        ...

    @property
    def empty(self) -> Callable[[Any], Any]:
        """Return what makes None of the source's empty values."""
        ...

    @property
    def lacking(self) -> Callable[[ValueProblem], object]:
        """Return what is called with each key that a table lacks and the binding's default replaces."""
        ...


@dataclass(frozen=True, slots=True)
class Node:
    """A node of the tree. Most know the offset `at` of their token in the template's text."""

    @property
    def costly(self) -> bool:
        """Whether its value takes longer to make than to look up."""
        return False

    @property
    def pure(self) -> bool:
        """Whether the same operands always give the same value, and nothing else comes of it."""
        return True

    def children(self) -> Iterator[Node]:
        """Yield the nodes right below this one, in the order of the text."""
        for name in self.__dataclass_fields__:  # `fields` makes a new tuple each time
            value = getattr(self, name)
            if isinstance(value, Node):
                yield value
            elif isinstance(value, tuple):
                yield from _nodes(value)

    def infer(self, types: Types) -> Type:
        """Return what is known of the value."""
        return ANY

    def check(self, types: Types) -> Iterator[ValueProblem]:
        """Yield why the node itself can never give a value: it looks at what is below as `infer` knows it."""
        yield from ()

    def gaps(self, known: Gaps) -> Iterator[Gap]:
        """Yield why the value may be empty: by default, because the value that the node works on may be.

        What an `if` guards is trusted: `A if A is not none else B`.
        """
        value = getattr(self, "value", None)
        if isinstance(value, Node):
            yield from value.gaps(known)

    def evaluator(self, env: Environment) -> Evaluate:
        """Return the function from a row to the value: the node's meaning."""
        raise NotImplementedError

    def emit(self, writer: Writer) -> str:
        """Return Python that gives the same value, or raises: it may always decline so.

        A ValueProblem that it raises is the one that evaluating raises, and is reported as it is.
        """
        raise NotImplementedError

    def emit_as(self, writer: Writer, want: Want) -> str:
        """Return Python that gives the value as it is wanted, or raises.

        A value that is not a text yet is converted to its text by `TEXT | WHOLE`.
        """
        python = self.emit(writer)
        if want is None or self.infer(writer).is_always(want):
            return python
        return f"as_text({python})" if want is Kind.TEXT else f"as_shown({python})"


def _nodes(value: object) -> Iterator[Node]:
    if isinstance(value, Node):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _nodes(item)


def walk(node: Node) -> Iterator[Node]:
    """Yield a node and all below it."""
    pending = [node]
    while pending:
        one = pending.pop()
        yield one
        pending += reversed([*one.children()])


class NotConstant(Exception):
    """The tree reads the row, so it has no constant value."""


def checked_length(writer: Writer, python: str) -> str:
    """Return Python that declines where the text that it builds is longer than an expression may build."""
    name = writer.temporary()
    return f"({name} if len({name} := {python}) <= TEXT_LIMIT else decline())"


def atom(python: str) -> str:
    """Return Python in parentheses, unless it is a name or has them already."""
    return python if python.isidentifier() or measure_parentheses(python)[1] else f"({python})"


def measure_parentheses(python: str) -> tuple[int, bool]:
    """Return how deep parentheses are in each other, and whether one pair holds all there is."""
    depth = deepest = at = 0
    whole = python.startswith("(")
    while at < len(python):
        char = python[at]
        if char in "'\"":  # a text, to its end
            at += 1
            while python[at] != char:
                at += 2 if python[at] == "\\" else 1
        elif char in "([{":
            depth += 1
            deepest = max(deepest, depth)
        elif char in ")]}":
            depth -= 1
            whole = whole and (depth > 0 or at == len(python) - 1)
        at += 1
    return deepest, whole
