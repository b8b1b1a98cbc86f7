"""The plan: a mapping fully resolved against its connection, ready for code, linting and `explain`.

Owns every check that needs both sides: names, types, options, arguments. All problems are collected;
a plan is made only of a mapping without errors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

from opusmap.compiler.columns import LIST_TYPES, Finisher, TypeRules, make_finisher
from opusmap.connection import Column, ColumnType, Connection
from opusmap.converters import ArgumentError, Context, Registry, bind_converter
from opusmap.converters.dates import datetime_, time_zone
from opusmap.diagnostics import Diagnostic, Severity, Span, quote_value, suggest
from opusmap.expressions import (
    Expression,
    Scope,
    constant_value,
    has_constant_arguments,
    is_template,
    parse_template,
    tree,
    walk,
)
from opusmap.spec import Binding, ChoiceList, MappingSpec, Step, Table, Text

__all__ = ["ColumnPlan", "ConvertPlan", "Plan", "StepPlan", "make_plan"]


@dataclass(frozen=True, slots=True)
class ConvertPlan:
    """One converter of a binding, its arguments bound. `takes_list`: a list goes in whole."""

    name: str
    function: Callable[[Any], Any]
    takes_list: bool
    span: Span


@dataclass(frozen=True, slots=True)
class ColumnPlan:
    """How one target column comes about: parts -> split -> lookup -> convert -> default -> finish.

    `parts` are the values read: one, or (`listed`) several that are joined in the column type's way.
    `context` is what converters in its expressions are told of the mapping.
    """

    column: Column
    binding: Binding
    parts: tuple[tree.Node, ...]
    finish_name: str
    finish: Finisher
    context: Context
    required: bool
    table: Table | None = None
    converts: tuple[ConvertPlan, ...] = ()
    default: tree.Node | None = None

    @property
    def span(self) -> Span:
        """Where the binding stands in the mapping."""
        return self.binding.target.span

    def trees(self) -> Iterator[tree.Node]:
        """Yield the trees that it evaluates."""
        yield from self.parts
        if self.default is not None:
            yield self.default


@dataclass(frozen=True, slots=True)
class StepPlan:
    """A `let` step, checked."""

    name: str
    expression: Expression
    span: Span


@dataclass(frozen=True, slots=True)
class Plan:
    """A mapping fully resolved. `source_columns` is None where the source's header is not known."""

    spec: MappingSpec
    connection: Connection
    columns: tuple[ColumnPlan, ...]
    steps: tuple[StepPlan, ...]
    where: Expression | None
    tables: Mapping[str, Table]
    context: Context
    source_columns: frozenset[str] | None
    warnings: tuple[Diagnostic, ...] = ()

    def cells(self) -> dict[str, bool]:
        """Return the source columns that are read, in order of first use; true where dotted."""
        trees = [step.expression.tree for step in self.steps]
        trees += [self.where.tree] if self.where else []
        trees += [part for column in self.columns for part in column.trees()]
        return {
            node.name: node.dotted for part in trees for node in walk(part) if isinstance(node, tree.Cell)
        }


Warn = Callable[[str, str, str], None]


def make_plan(
    spec: MappingSpec,
    connection: Connection,
    registry: Registry,
    source_columns: frozenset[str] | None = None,
    warn: Warn = lambda _column, _code, _message: None,
) -> tuple[Plan | None, tuple[Diagnostic, ...]]:
    """Resolve a mapping; return its plan (None if it has errors) and all that is to be said of it.

    `warn(column, code, message)` is told of values that are odd but no error, when the plan runs.
    """
    planner = _Planner(spec, connection, registry, source_columns, warn)
    plan = planner.plan()
    problems = (*spec.problems, *connection.warnings, *planner.problems)
    ordered = tuple(sorted(problems, key=lambda problem: (problem.span, problem.code)))
    if any(problem.severity is Severity.ERROR for problem in ordered):
        return None, ordered
    return replace(plan, warnings=ordered), ordered


class _Planner:
    def __init__(
        self,
        spec: MappingSpec,
        connection: Connection,
        registry: Registry,
        source_columns: frozenset[str] | None,
        warn: Warn,
    ) -> None:
        self.problems: list[Diagnostic] = []
        self._spec = spec
        self._registry = registry
        self._warn = warn
        self._columns = source_columns
        self._tables = {str(table.name): table for table in spec.tables}
        self._connection = self._corrected(connection)
        self._target_zone = self._zone(
            "target.timezone", spec.target.timezone, spec.target_spans.get("timezone")
        )
        zone = None
        if spec.timezone is not None:
            zone = self._zone("timezone", str(spec.timezone), spec.timezone.span)
        self._choices = self._resolved_choices()
        self._context = Context(zone, self._choices, spec.target.choice_base)
        self._steps: list[StepPlan] = []

    def plan(self) -> Plan:
        spec = self._spec
        self._check_datetime_format()
        self._steps = list(self._plan_steps())
        where = None if spec.where is None else self._expression(spec.where, self._scope(), self._context)
        columns = tuple(self._plan_columns())
        self._check_required({column.column.internal_name for column in columns})
        return Plan(
            spec,
            self._connection,
            columns,
            tuple(self._steps),
            where,
            self._tables,
            self._context,
            self._columns,
        )

    def _corrected(self, connection: Connection) -> Connection:
        changes: dict[str, dict[str, Any]] = {}
        for change in self._spec.columns:
            column = self._find(connection, change.column)
            if column is not None:
                values: dict[str, Any] = {} if change.type is None else {"type": ColumnType(change.type)}
                values |= {} if change.required is None else {"required": change.required}
                changes[column.internal_name] = values
        return connection.with_columns(changes)

    def _find(self, connection: Connection, name: Text) -> Column | None:
        column = connection.find(name)
        if column is None:
            message = f"the connection has no column {quote_value(name)}"
            known = ", ".join(quote_value(column.display_name) for column in connection.columns[:12])
            self._error(
                "unknown-target", message, name.span, suggest(name, connection.names()) or f"columns: {known}"
            )
        return column

    def _zone(self, key: str, name: str, span: Span | None) -> tzinfo:
        try:
            return time_zone(name)
        except ArgumentError as error:
            self._error("unknown-timezone", f"{key}: {error}", span or self._start(), "")
            return UTC

    def _check_datetime_format(self) -> None:
        pattern, span = self._spec.target.datetime_format, self._spec.target_spans.get("datetime_format")
        try:
            written = datetime(2024, 12, 19, 18, 15, tzinfo=UTC).strftime(pattern)
        except ValueError:
            written = ""
        if "%" not in pattern or not written or "%" in written:
            message = f"{quote_value(pattern)} is not a date and time format"
            self._error("bad-format", message, span or self._start(), 'for example "%Y-%m-%d %H:%M:%S"')

    def _resolved_choices(self) -> dict[str, ChoiceList]:
        """Return the options of each choice column by all of the column's names."""
        found: dict[str, ChoiceList] = {}
        for choices in self._spec.choices:
            column = self._find(self._connection, choices.column)
            if column is None:
                continue
            if column.type not in (ColumnType.SINGLE_CHOICE, ColumnType.MULTIPLE_CHOICE):
                message = f"{quote_value(column.display_name)} is a {column.type} column and has no options"
                self._error(
                    "not-a-choice",
                    message,
                    choices.column.span,
                    "remove it, or correct its type under `columns:`",
                )
            if column.internal_name in found:
                message = f"the options of {quote_value(column.display_name)} are given twice"
                self._error("bound-twice", message, choices.column.span, "remove one of the two")
            self._check_options(choices)
            for name in (column.internal_name, column.display_name, str(choices.column)):
                found[name] = choices
        return found

    def _check_options(self, choices: ChoiceList) -> None:
        seen: dict[str, Text] = {}
        for option in choices.options:
            plain = option.strip()
            folded = plain.casefold()
            if not plain:
                self._error("empty-option", "an option is empty", option.span, "remove it")
            elif folded in seen and (seen[folded].strip() == plain or choices.ignore_case):
                self._error(
                    "duplicate-option", f"the option {quote_value(option)} stands twice", option.span, ""
                )
            elif folded in seen:
                message = (
                    f"{quote_value(option)} differs from {quote_value(seen[folded])} only by letter case"
                )
                self._warning("similar-options", message, option.span, "make sure that Opus has both")
            seen.setdefault(folded, option)
        options = {option.strip() for option in choices.options}
        for spelling, option in choices.aliases.items():
            if option.strip() not in options:
                message = f"the alias {quote_value(spelling)} stands for {quote_value(option)}, which is not an option"
                self._error("unknown-option", message, option.span, suggest(option, options))
            elif spelling.strip() in options and spelling.strip() != option.strip():
                message = f"{quote_value(spelling)} is an option itself and can't stand for another"
                self._error("alias-is-option", message, option.span, "remove the alias")

    def _plan_steps(self) -> Iterator[StepPlan]:
        for index, step in enumerate(self._spec.let):
            self._check_step_name(step)
            scope = self._scope(index)
            expression = self._expression(step.template, scope, self._context)
            if expression is not None:
                yield StepPlan(str(step.name), expression, step.name.span)

    def _check_step_name(self, step: Step) -> None:
        if not step.name.isidentifier() or step.name == "row":
            message = f"{quote_value(step.name)} can't be the name of a step"
            self._error("bad-step-name", message, step.name.span, "use letters, digits and _")
        elif self._columns is not None and step.name in self._columns:
            message = f"the step {quote_value(step.name)} has the name of a source column"
            self._error("step-hides-column", message, step.name.span, "rename the step")
        elif step.name in self._tables:
            message = f"the step {quote_value(step.name)} has the name of a table"
            self._error("step-hides-table", message, step.name.span, "rename the step")

    def _scope(self, steps: int | None = None) -> Scope:
        names = [str(step.name) for step in self._spec.let]
        count = len(names) if steps is None else steps
        return Scope(
            self._columns,
            frozenset(names[:count]),
            frozenset(names[count:]),
            frozenset(self._tables),
            self._registry,
        )

    def _expression(self, text: Text, scope: Scope, context: Context) -> Expression | None:
        expression, problems = parse_template(text, scope)
        self.problems += problems
        if expression is not None:
            self._check_tree(expression, context)
        return expression

    def _check_tree(self, expression: Expression, context: Context) -> None:
        """Bind every converter once, so that wrong arguments show now and not at the first row."""
        for node in walk(expression.tree):
            if isinstance(node, tree.Convert) and has_constant_arguments(node):
                try:
                    bind_filter(node, context)
                except ArgumentError as error:
                    self._error(
                        "wrong-argument",
                        str(error),
                        expression.text.locate(node.at, node.at + len(node.converter.name)),
                        "",
                    )

    def _plan_columns(self) -> Iterator[ColumnPlan]:
        bound: dict[str, Text] = {}
        for binding in self._spec.fields:
            column = self._find(self._connection, binding.target)
            if column is None:
                self._value_parts(binding, self._context)  # its own problems show, too
                continue
            if column.internal_name in bound:
                first = bound[column.internal_name]
                message = f"{quote_value(column.display_name)} is bound twice; first at line {first.span.line} as {quote_value(first)}"
                self._error("bound-twice", message, binding.target.span, "remove one of the two")
            bound.setdefault(column.internal_name, binding.target)
            yield self._plan_column(binding, column)

    def _plan_column(self, binding: Binding, column: Column) -> ColumnPlan:
        context = replace(self._context, column=column.internal_name, warn=self._warning_of(column))
        parts = self._value_parts(binding, context)
        required = column.required or bool(binding.required)
        self._check_binding(binding, column, required=required)
        finish_name, finish = make_finisher(column.type, self._rules(binding, column, context))
        return ColumnPlan(
            column,
            binding,
            parts,
            finish_name,
            finish,
            context,
            required,
            self._table(binding),
            tuple(self._converts(binding, context)),
            self._default(binding, context),
        )

    def _warning_of(self, column: Column) -> Callable[[str, str], None]:
        warn, name = self._warn, column.display_name
        return lambda code, message: warn(name, code, message)

    def _value_parts(self, binding: Binding, context: Context) -> tuple[tree.Node, ...]:
        if binding.template is not None:
            expression = self._expression(binding.template, self._scope(), context)
            return (tree.Constant(None) if expression is None else expression.tree,)
        if isinstance(binding.const, Text):
            return (tree.Constant(str(binding.const)),)
        if binding.const is not None:
            return (tree.ListOf(tuple(tree.Constant(str(text)) for text in binding.const)),)
        return tuple(self._source_column(name) for name in binding.sources)

    def _source_column(self, name: Text) -> tree.Node:
        text, columns = str(name), self._columns
        if any(step.name == text for step in self._steps):
            return tree.StepValue(text)
        if columns is None:
            return tree.Cell(text, dotted="." in text)
        if text in columns:
            return tree.Cell(text)
        if "." in text and text.partition(".")[0] in columns:
            return tree.Cell(text, dotted=True)
        known = [*columns, *(step.name for step in self._steps)]
        shown = ", ".join(quote_value(column, 30) for column in sorted(columns)[:12])
        help_text = suggest(text, known) or f"columns: {shown}"
        if any(step.name == text for step in self._spec.let):
            return tree.Constant(None)  # the step itself has errors, which are told
        self._error(
            "unknown-column", f"there is no column {quote_value(text)} in the source", name.span, help_text
        )
        return tree.Constant(None)

    def _check_binding(self, binding: Binding, column: Column, *, required: bool) -> None:
        span, name = binding.target.span, quote_value(column.display_name)
        choice = column.type in (ColumnType.SINGLE_CHOICE, ColumnType.MULTIPLE_CHOICE)
        if choice and column.internal_name not in self._choices:
            message = f"the options of the choice column {name} are not given"
            self._error(
                "missing-choices", message, span, "list them under `choices:` in the order that Opus shows"
            )
        if required and binding.on_error == "omit":
            message = f"{name} is required, so it can't be omitted"
            self._error("omit-required", message, span, "use `on_error: default` with a `default`")
        if binding.required is False and column.required:
            message = f"the connection requires {name}"
            self._error(
                "required-column",
                message,
                span,
                f"correct it: `columns: {{{column.display_name}: {{required: false}}}}`",
            )
        if binding.format is not None and column.type is not ColumnType.DATE_TIME:
            message = f"`format` is for dates, and {name} is a {column.type} column"
            self._error(
                "format-not-date",
                message,
                binding.format.span,
                "use `convert: {datetime: …}` and `format_date`",
            )
        if binding.split is not None and binding.listed:
            self._error("split-list", "`split` takes one source column", binding.split.span, "remove `split`")
        if binding.split is not None and not binding.split:
            self._error("wrong-value", "`split` is empty", binding.split.span, 'for example `split: ";"`')
        if binding.join is not None and (
            not binding.listed or column.type in LIST_TYPES | {ColumnType.TAXONOMY}
        ):
            message = f"`join` puts several source columns into one text; it has no use for {name} here"
            self._error("join-not-text", message, binding.join.span, "remove `join`")

    def _rules(self, binding: Binding, column: Column, context: Context) -> TypeRules:
        try:
            read_time = datetime_(None if binding.format is None else str(binding.format), context=context)
        except ArgumentError as error:
            assert binding.format is not None
            self._error("bad-format", str(error), binding.format.span, "")
            read_time = datetime_(context=context)
        choices = self._choices.get(column.internal_name) or ChoiceList(binding.target, ())
        return TypeRules(self._spec.target, self._target_zone, read_time, choices)

    def _table(self, binding: Binding) -> Table | None:
        if binding.lookup is None:
            return None
        table = self._tables.get(binding.lookup)
        if table is None:
            help_text = suggest(binding.lookup, self._tables) or "define it under `tables:`"
            self._error(
                "unknown-table",
                f"there is no table {quote_value(binding.lookup)}",
                binding.lookup.span,
                help_text,
            )
        return table

    def _converts(self, binding: Binding, context: Context) -> Iterator[ConvertPlan]:
        for use in binding.convert:
            converter = self._registry.find(use.name)
            if converter is None:
                help_text = self._registry.suggest(use.name) or "`opusmap converters` lists them"
                self._error(
                    "unknown-converter",
                    f"there is no converter {quote_value(use.name)}",
                    use.name.span,
                    help_text,
                )
                continue
            try:
                function = bind_converter(converter, use.args, use.kwargs, context)
            except ArgumentError as error:
                self._error("wrong-argument", str(error), use.name.span, "")
                continue
            yield ConvertPlan(converter.name, function, converter.takes_list, use.name.span)

    def _default(self, binding: Binding, context: Context) -> tree.Node | None:
        if binding.default is None:
            return None
        if not is_template(binding.default):
            return tree.Constant(str(binding.default))
        expression = self._expression(binding.default, self._scope(), context)
        return None if expression is None else expression.tree

    def _check_required(self, bound: set[str]) -> None:
        missing = [c for c in self._connection.columns if c.required and c.internal_name not in bound]
        for column in missing:
            message = f"the required column {quote_value(column.display_name)} ({column.internal_name}) is not bound"
            self._error("missing-required", message, self._spec.fields_span, "add it under `fields:`")

    def _start(self) -> Span:
        return Span(self._spec.path, 1, 1, 1, 2)

    def _error(self, code: str, message: str, span: Span, help: str) -> None:
        self.problems.append(Diagnostic(code, Severity.ERROR, message, span, help))

    def _warning(self, code: str, message: str, span: Span, help: str) -> None:
        self.problems.append(Diagnostic(code, Severity.WARNING, message, span, help))


def bind_filter(node: tree.Convert, context: Context) -> Callable[[Any], Any]:
    """Return the function of one value that a filter with constant arguments is.

    Raises:
        ArgumentError: the arguments do not fit.
    """
    args = [constant_value(argument) for argument in node.args]
    kwargs = {name: constant_value(argument) for name, argument in node.kwargs}
    return bind_converter(node.converter, args, kwargs, context)
