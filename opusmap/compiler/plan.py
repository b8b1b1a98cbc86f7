"""The plan: a mapping fully resolved against its connection, ready for code, linting and `explain`.

Owns the frozen types only; `planner` makes them, `lower` adds the trees of columns.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, TypeAlias

from opusmap.compiler.column_types import Encoder
from opusmap.connection import Column, Connection
from opusmap.converters import ArgumentError, Context, Converter, bind_converter
from opusmap.errors import ValueProblem
from opusmap.expressions import Expression, constant_value, nodes, walk
from opusmap.issues import Issue, Span
from opusmap.mapping import Binding, MappingSpec, Table

KEY_COLUMN = "rowKey"
"""Internal name of the column that identifies records."""

UNDECIDED_KEY = "(TODO)"
"""The row key of all records where rows are tried before one is decided."""


UNKNOWN = nodes.Cell("")
"""A tree of which nothing is known: in place of what has a problem, and of a binding that is not lowered."""


@dataclass(frozen=True, slots=True)
class ConvertPlan:
    """One converter of a binding, its arguments bound. `takes_list`: a list goes in whole.

    `place` is the place of its pattern, if it has one.
    """

    converter: Converter
    function: Callable[[Any], Any]
    takes_list: bool
    span: Span
    place: Span | None = None

    @property
    def name(self) -> str:
        """What the converter is called."""
        return self.converter.name


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one target column's value is made: parts -> split -> lookup -> convert -> default -> encoder.

    `parts` are the values read: one, or (`listed`) several that are joined in the column type's way. `tree`
    is all of it but the last step. `context` is what converters in its expressions know of the mapping.
    """

    column: Column
    binding: Binding
    parts: tuple[nodes.Node, ...]
    encoder: Encoder
    context: Context
    required: bool
    table: Table | None = None
    converts: tuple[ConvertPlan, ...] = ()
    default: nodes.Node | None = None
    tree: nodes.Node = UNKNOWN

    @property
    def span(self) -> Span:
        """The binding's place in the mapping."""
        return self.binding.target.span

    def trees(self) -> Iterator[nodes.Node]:
        """Yield the trees that it evaluates."""
        yield from self.parts
        if self.default is not None:
            yield self.default


@dataclass(frozen=True, slots=True)
class VariablePlan:
    """A variable of `let`, checked."""

    name: str
    expression: Expression
    span: Span


FormatList: TypeAlias = tuple[str, tuple[str, ...]]
"""A place of the mapping, and the several formats that it reads dates by."""


def noting_uses(context: Context, place: str, uses: dict[FormatList, int]) -> Context:
    """Return the context of a place, whose readers of dates note in `uses` which of several formats fits."""

    def note(formats: tuple[str, ...], index: int) -> None:
        if len(formats) > 1:
            uses[place, formats] = index

    return replace(context, used=note)


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping fully resolved. `source_columns` is None where the source's header is not known.

    `format_lists` are the lists of several formats that dates are read by, with their places: the column's
    display name, `let NAME` or `where`. In `format_uses` readers note which of a list has read the row at
    hand.
    """

    spec: MappingSpec
    connection: Connection
    columns: tuple[ColumnPlan, ...]
    variables: tuple[VariablePlan, ...]
    where: Expression | None
    tables: Mapping[str, Table]
    context: Context
    source_columns: frozenset[str] | None
    warnings: tuple[Issue[Span], ...] = ()
    format_lists: tuple[FormatList, ...] = ()
    format_uses: dict[FormatList, int] = field(default_factory=dict)

    @property
    def by_name(self) -> dict[str, ColumnPlan]:
        """The plans of the bound columns by display name."""
        return {one.column.display_name: one for one in self.columns}

    def find(self, name: str) -> ColumnPlan | None:
        """Return the plan of a column of Opus, by its internal or display name; None if it is not bound."""
        column = self.connection.find(name)
        return next((one for one in self.columns if one.column == column), None)

    def context_of(self, place: str) -> Context:
        """Return what converters know of the mapping in a variable (`let NAME`) or in `where`."""
        return noting_uses(self.context, place, self.format_uses)

    def nodes_of(self, trees: Iterable[nodes.Node]) -> Iterator[nodes.Node]:
        """Yield the nodes of trees, then those of the variables that these read, each variable once."""
        left = {variable.name: variable.expression.tree for variable in self.variables}
        pending = deque(trees)
        while pending:
            for node in walk(pending.popleft()):
                yield node
                if isinstance(node, nodes.VariableRef) and node.name in left:
                    pending.append(left.pop(node.name))

    def sources_of(self, trees: Iterable[nodes.Node]) -> Iterator[str]:
        """Yield the source columns that trees read, in themselves and by way of variables, each once."""
        cells = (node.name for node in self.nodes_of(trees) if isinstance(node, nodes.Cell))
        return iter(dict.fromkeys(cells))

    def trees(self) -> list[tuple[nodes.Node, Span]]:
        """Return the trees of variables, of `where` and of columns, with where they are written."""
        trees = [(variable.expression.tree, variable.span) for variable in self.variables]
        trees += [] if self.where is None else [(self.where.tree, self.where.text.span)]
        return [*trees, *((tree, column.span) for column in self.columns for tree in column.trees())]

    def nodes(self) -> Iterator[nodes.Node]:
        """Yield all nodes of expressions: of variables, of `where` and of columns."""
        for tree, _ in self.trees():
            yield from walk(tree)

    def cells(self) -> dict[str, bool]:
        """Return the source columns that are read, in order of first use; true where only as a path."""
        dotted: dict[str, bool] = {}
        for node in self.nodes():
            if isinstance(node, nodes.Cell) and not node.optional:
                dotted[node.name] = dotted.get(node.name, True) and node.dotted
        return dotted


def bind_filter(node: nodes.Filter, context: Context) -> Callable[[Any], Any]:
    """Return the function of one value that a filter with constant arguments is.

    Raises:
        ArgumentError: the arguments do not fit.
    """
    return bind_converter(node.converter, *constant_arguments(node), context)


def constant_arguments(node: nodes.Filter) -> tuple[list[Any], dict[str, Any]]:
    """Return the arguments of a filter that has only constant ones: by position, and by name."""
    kwargs = {name: constant_value(argument) for name, argument in node.kwargs}
    return [constant_value(argument) for argument in node.args], kwargs


def bind_dynamic(converter: Converter, context: Context) -> Callable[..., Any]:
    """Return the function that a filter with arguments from the row is: of a value and of these.

    It raises a ValueProblem where they do not fit.
    """

    def convert(value: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            function = bind_converter(converter, args, kwargs, context)
        except ArgumentError as error:
            raise ValueProblem("wrong-argument", str(error), error.help) from None
        return function(value)

    return convert
