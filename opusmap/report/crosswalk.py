"""The crosswalk: source column -> rule -> target column, in words that a records manager can sign off.

Owns the words. It reads the plan, so it says what the mapper does, and holds no value of any row.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from opusmap.connection import CHOICE_TYPES, LIST_TYPES, ColumnType
from opusmap.converters.dates import date_writer
from opusmap.converters.format_parts import describe_format
from opusmap.expressions import nodes
from opusmap.mapping import ConstantPart, FirstOf
from opusmap.wording import quote_names, quote_value

if TYPE_CHECKING:
    from opusmap.compiler.plan import ColumnPlan, Plan
    from opusmap.mapping import ConverterCall

_EXAMPLE = datetime(2024, 12, 19, 18, 15, tzinfo=UTC)
_OPTIONS_SHOWN = 60
"""Options of a choice column that are listed at most."""


@dataclass(frozen=True, slots=True)
class Line:
    """One target column: what it is, the source columns it is made of, and how, step by step.

    `line` is the line of its binding in the mapping.
    """

    target: str
    internal_name: str
    type: str
    required: bool
    sources: tuple[str, ...]
    rules: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """A whole mapping in words.

    `general` are the rules that concern each row; `unread` the source columns that nothing is made of
    (empty where the header is not known); `unfilled` the target columns without a binding; `filtering` the
    source columns that only `where` reads.
    """

    lines: tuple[Line, ...] = ()
    general: tuple[str, ...] = ()
    unread: tuple[str, ...] = ()
    unfilled: tuple[str, ...] = ()
    filtering: tuple[str, ...] = ()


def make_crosswalk(plan: Plan) -> Crosswalk:
    """Return the crosswalk of a mapping, its columns in the mapping's order."""
    bound = {column.column.internal_name for column in plan.columns}
    unfilled = (each.display_name for each in plan.connection.columns if each.internal_name not in bound)
    unread = sorted((plan.source_columns or frozenset()) - plan.cells().keys())
    return Crosswalk(
        tuple(_line(plan, column) for column in plan.columns),
        tuple(_general(plan)),
        tuple(unread),
        tuple(unfilled),
        tuple(_filtering(plan)),
    )


def _filtering(plan: Plan) -> list[str]:
    """Return the source columns that decide which rows are included, and of which nothing else is made."""
    if plan.where is None:
        return []
    made = set(plan.sources_of(tree for column in plan.columns for tree in column.trees()))
    return [name for name in plan.sources_of([plan.where.tree]) if name not in made]


def _line(plan: Plan, column: ColumnPlan) -> Line:
    return Line(
        target=column.column.display_name,
        internal_name=column.column.internal_name,
        type=str(column.column.type),
        required=column.required,
        sources=tuple(plan.sources_of(column.trees())),
        rules=tuple(_rules(plan, column)),
        line=column.span.line,
    )


def _general(plan: Plan) -> Iterator[str]:
    spec = plan.spec
    if plan.where is not None:
        yield f"Only rows for which {str(plan.where.text).strip()} is true are included."
    for variable in plan.variables:
        yield f"The variable {variable.name} is {str(variable.expression.text).strip()}."
    if spec.conflict == "skip":
        yield "A record that Opus already holds stays as it is."
    else:
        yield "A record that Opus already holds is replaced."
    if spec.duplicates == "last":
        yield "Of several rows with the same row key, the last is used; the others are rejected."
    else:
        yield "Of several rows with the same row key, the first is used; the others are rejected."
    if spec.timezone is not None:
        yield f"Times without a zone are those of {spec.timezone}; they are sent in {spec.target.timezone}."
    if any(column.column.type is ColumnType.DATE_TIME for column in plan.columns):
        pattern = spec.target.datetime_format
        written = date_writer(pattern)(_EXAMPLE)
        yield f"Dates are written for Opus as {pattern}: 19 December 2024, 18:15:00 is {written}."


def _rules(plan: Plan, column: ColumnPlan) -> list[str]:
    """Return what is done, in words, step by step."""
    found = [*_beginning(column), *_steps(column), *_options(plan, column)]
    return found or [_AS_TYPE.get(column.column.type, "as it is")]


_AS_TYPE = {
    ColumnType.NUMBER: "read as a number: 1,234.50 becomes 1234.5",
    ColumnType.DATE_TIME: "read as an ISO date, or as a date with a time",
    ColumnType.PEOPLE: "the e-mail address in it",
    ColumnType.TAXONOMY: "as a term's path, without spaces beside each /",
}
"""What becomes of a cell in a column of a type that does not take any text, if the mapping says no more."""


def _as_a_whole(column: ColumnPlan) -> str:
    """Say what a default does not do for a text of several parts, of which one may be empty."""
    if column.binding.template is None or not isinstance(column.parts[0], nodes.Concat):
        return ""
    is_rejected = column.binding.on_error not in ("omit", "default")
    return f" as a whole{' (a row with only a part empty is rejected)' if is_rejected else ''}"


def _steps(column: ColumnPlan) -> Iterator[str]:
    binding = column.binding
    if binding.split is not None:
        yield f"split at {quote_value(str(binding.split))}"
    if binding.lookup is not None:
        yield f"looked up in the table {binding.lookup}"
    for use in binding.convert:
        yield f"converted by {_written(use)}"
    if binding.format:
        century = "" if binding.century is None else f", years from {binding.century} on"
        formats = (f"{one} ({describe_format(str(one))})" for one in binding.format)
        yield f"read as {' or '.join(formats)}{century}"
    if binding.incomplete is not None:
        yield "without a day or month: the first day"
    if binding.default is not None:
        yield f"if empty{_as_a_whole(column)}: {binding.default}{_name_column(column.default)}"
    if binding.on_error == "omit":
        yield "if wrong: left out"
    elif binding.on_error == "default":
        yield "if wrong: as if empty"


def _name_column(*trees: nodes.Node | None) -> str:
    """Return the words beside an expression that is no more than a source column; empty for any other."""
    (tree, *more) = trees
    return f" (the column {quote_value(tree.name)})" if isinstance(tree, nodes.Cell) and not more else ""


def _beginning(column: ColumnPlan) -> Iterator[str]:
    binding = column.binding
    for part in binding.sources:
        if isinstance(part, FirstOf):
            yield f"the first with a value of {quote_names(map(str, part.names))}"
        elif isinstance(part, ConstantPart):
            yield f"always with {quote_value(str(part.text))}"
    if binding.template is not None:
        yield str(binding.template).strip() + _name_column(*column.parts)
    elif binding.const is not None:
        values = binding.const if isinstance(binding.const, tuple) else (binding.const,)
        yield "always " + ", ".join(quote_value(str(value)) for value in values)
    elif binding.listed and column.column.type is ColumnType.TAXONOMY:
        yield "joined as a term's path"
    elif binding.listed and column.column.type in LIST_TYPES:
        yield "joined as a list"
    elif binding.listed:
        yield f"joined by {quote_value(' ' if binding.join is None else str(binding.join))}"


def _written(use: ConverterCall) -> str:
    arguments = [quote_value(value) if isinstance(value, str) else str(value) for value in use.args]
    arguments += [
        f"{name}={quote_value(value) if isinstance(value, str) else value}"
        for name, value in use.kwargs.items()
    ]
    return f"{use.name}({', '.join(arguments)})" if arguments else str(use.name)


def _options(plan: Plan, column: ColumnPlan) -> Iterator[str]:
    """Say which order each option is sent as: this is what goes wrong in silence."""
    choices = plan.context.choices.get(column.column.internal_name)
    if choices is None or column.column.type not in CHOICE_TYPES:
        return
    listed = [
        f"{option} = {order}" for order, option in enumerate(choices.options, plan.spec.target.choice_base)
    ]
    more = f" and {len(listed) - _OPTIONS_SHOWN} more" if len(listed) > _OPTIONS_SHOWN else ""
    yield "sent as the option's order: " + ", ".join(listed[:_OPTIONS_SHOWN]) + more
    if choices.aliases:
        yield "other spellings: " + ", ".join(
            f"{alias} → {option}" for alias, option in choices.aliases.items()
        )
