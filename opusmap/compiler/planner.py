"""Names resolved: a mapping and its connection become a plan, every argument bound.

All problems are collected; for an unknown name the plan has a node of which nothing is known, so that later
phases can look for other problems.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, tzinfo
from functools import cached_property, partial
from typing import Any, Literal

from opusmap.compiler.column_types import EncoderOptions, make_encoder
from opusmap.compiler.known_columns import KnownColumns, describe_choices, pattern_place
from opusmap.compiler.mapping_checks import (
    check_binding,
    check_datetime_format,
    check_options,
    check_variable_name,
    is_placeholder,
    to_do,
)
from opusmap.compiler.plan import (
    KEY_COLUMN,
    UNKNOWN,
    ColumnPlan,
    ConvertPlan,
    FormatList,
    Plan,
    VariablePlan,
    bind_filter,
    constant_arguments,
    noting_uses,
)
from opusmap.compiler.source_parts import BINDING_KEYS, SourceParts
from opusmap.compiler.text_checks import check_commas, check_constants, check_joined_options, check_quotes
from opusmap.connection import AS_DOWNLOADED, CHOICE_TYPES, Column, ColumnType, Connection
from opusmap.converters import ArgumentError, Context, Converter, MissingCentury, Registry, bind_converter
from opusmap.converters.dates import datetime_, find_two_ways
from opusmap.converters.patterns import Pattern
from opusmap.converters.zones import describe_fixed_offset, time_zone
from opusmap.expressions import (
    ROW_FILE,
    Expression,
    Scope,
    has_constant_arguments,
    is_template,
    nodes,
    parse_template,
    walk,
)
from opusmap.issues import Fix, Issue, Severity, Span, fix_with
from opusmap.mapping import Binding, ChoiceList, MappingSpec, Table, Text
from opusmap.wording import find_nearest, quote_names, quote_value, suggest


def resolve_names(
    spec: MappingSpec,
    connection: Connection,
    registry: Registry,
    source_columns: frozenset[str] | None,
    known: KnownColumns,
) -> tuple[Plan, list[Issue[Span]]]:
    """Return the plan of a mapping, and all errors and warnings. A plan with errors can be checked, not run.

    Columns that are known are not planned again. While the plan runs, converters note in `known` what is
    unusual but not an error.
    """
    planner = _Planner(spec, connection, registry, source_columns, known)
    return planner.plan(), planner.problems


class _Planner:
    def __init__(
        self,
        spec: MappingSpec,
        connection: Connection,
        registry: Registry,
        source_columns: frozenset[str] | None,
        known: KnownColumns,
    ) -> None:
        self.problems: list[Issue[Span]] = []
        self._known = known
        self._format_lists: list[FormatList] = []
        self._place = "where"
        """What is being resolved: a column by its display name, `let NAME` or `where`."""
        self._spec = spec
        self._registry = registry
        self._columns = source_columns
        self._file_column = spec.source.file_column or ROW_FILE
        self._tables = {str(table.name): table for table in spec.tables}
        self._connection = self._corrected(connection)
        start = Span(spec.path, 1, 1, 1, 2)
        span = spec.target_spans.get("timezone", start)
        self._target_zone = self._zone("target.timezone", spec.target.timezone, span)
        zone = (
            None if spec.timezone is None else self._zone("timezone", str(spec.timezone), spec.timezone.span)
        )
        span = spec.target_spans.get("datetime_format", start)
        self.problems += check_datetime_format(spec.target, span)
        self.problems += check_quotes(spec)
        self.problems += check_commas(spec)
        self.problems += check_joined_options(spec)
        self._choices = self._resolved_choices()
        self._context = Context(zone, self._choices, spec.target.choice_base)

    def plan(self) -> Plan:
        spec = self._spec
        variables = tuple(self._plan_variables())
        self._place = "where"
        where = None if spec.where is None else self._expression(spec.where, self._scope, self._context)
        # A record's bytes, which tell whether it has changed, must not depend on the order of the bindings.
        order = {column.internal_name: place for place, column in enumerate(self._connection.columns)}
        columns = tuple(sorted(self._plan_columns(), key=lambda plan: order[plan.column.internal_name]))
        bound = {column.column.internal_name for column in columns}
        for column in self._connection.columns:
            if column.required and column.internal_name not in bound:
                name = quote_value(column.display_name)
                message = f"the required column {name} ({column.internal_name}) is not bound"
                help_text = f"add it under `fields:`, for example `{column.display_name}: …`"
                self._error("missing-required", message, spec.fields_span, help_text)
        self._check_steady_key(columns, variables)
        return Plan(
            spec,
            self._connection,
            columns,
            variables,
            where,
            self._tables,
            self._context,
            self._columns,
            format_lists=tuple(dict.fromkeys(self._format_lists)),
            format_uses=self._known.format_uses,
        )

    def _check_steady_key(self, columns: tuple[ColumnPlan, ...], variables: tuple[VariablePlan, ...]) -> None:
        """Refuse a key that depends on the row's number: one more row above would shift all keys."""
        numbered = set[str]()

        def reads_number(tree: nodes.Node) -> bool:
            return any(
                isinstance(node, nodes.RowNumber)
                or (isinstance(node, nodes.VariableRef) and node.name in numbered)
                for node in walk(tree)
            )

        for variable in variables:  # in their order, in which one reads only those before it
            if reads_number(variable.expression.tree):
                numbered.add(variable.name)
        for column in columns:
            if column.column.internal_name == KEY_COLUMN and any(map(reads_number, column.trees())):
                message = (
                    f"{KEY_COLUMN} depends on the row's number: a row inserted above would change all keys"
                )
                help_text = (
                    "make it from something that identifies the record, such as its number in the register"
                )
                self._error("row-number-key", message, column.binding.span, help_text)

    def _corrected(self, connection: Connection) -> Connection:
        changes: dict[str, dict[str, Any]] = {}
        for change in self._spec.columns:
            column = self._find(connection, change.column)
            if column is None:
                continue
            if column.internal_name in changes:
                message = f"the column {quote_value(column.display_name)} is corrected twice"
                self._error("bound-twice", message, change.column.span, "merge the two")
            values: dict[str, Any] = {} if change.type is None else {"type": ColumnType(change.type)}
            values |= {} if change.required is None else {"required": change.required}
            changes[column.internal_name] = values
        corrected = connection.with_columns(changes)
        self.problems += corrected.warnings
        self._check_key(corrected)
        return corrected

    def _check_key(self, connection: Connection) -> None:
        """Check that there is a key column and that it is required: Opus tells records apart by it alone."""
        key = connection.find(KEY_COLUMN)
        if key is None or key.internal_name != KEY_COLUMN:
            message = f"the connection has no column {KEY_COLUMN}, the key of every record"
            self._error("missing-key-column", message, self._spec.connection.span, AS_DOWNLOADED)
        elif not key.required or key.type is not ColumnType.SINGLE_TEXT:
            span, hint = self._spec.connection.span, AS_DOWNLOADED
            for change in self._spec.columns:
                if connection.find(change.column) == key:
                    span, hint = change.column.span, "remove the correction"
            message = f"{KEY_COLUMN} is a required SingleText column in every connection"
            self._error("key-column", message, span, hint)

    def _find(self, connection: Connection, name: Text) -> Column | None:
        column = connection.find(name)
        if column is None:
            message = f"the connection has no column {quote_value(name)}"
            known = quote_names(column.display_name for column in connection.columns)
            help_text = suggest(name, connection.names()) or f"columns: {known}"
            if name in BINDING_KEYS:
                keys = "value: …" if name == "value" else f"from: …, {name}: …"
                help_text = f"`{name}` belongs to a column, in braces: `Column: {{{keys}}}`"
            fix = fix_with(name.span, find_nearest(name, connection.names()))
            self._error("unknown-target", message, name.span, help_text, fix)
        elif column.internal_name != name:
            namesakes = [other.internal_name for other in connection.namesakes(name)]
            if len(namesakes) > 1:
                message = f"the connection has {len(namesakes)} columns with the name {quote_value(name)}"
                help_text = "use the internal name: " + " or ".join(namesakes)
                self._error("ambiguous-target", message, name.span, help_text)
        return column

    def _zone(self, key: str, name: str, span: Span) -> tzinfo:
        try:
            zone = time_zone(name)
        except ArgumentError as problem:
            if is_placeholder(name):
                help_text = "name the zone of the source's times, such as Europe/Berlin or UTC"
                self.problems.append(to_do(key, span, help_text))
            else:
                self._error("unknown-timezone", f"{key}: {problem}", span, problem.help)
            return UTC
        fixed = describe_fixed_offset(name)
        if fixed is not None:
            meaning, hint = fixed
            self.problems.append(Issue("fixed-offset", f"{key}: {meaning}", span, hint, Severity.WARNING))
        return zone

    def _resolved_choices(self) -> dict[str, ChoiceList]:
        """Return the options of each choice column by all of the column's names."""
        found: dict[str, ChoiceList] = {}
        joined = {one.place for one in self.problems if one.code == "joined-options"}
        for choices in self._spec.choices:
            self.problems += check_options(choices, self._spec.target.choice_base, joined)
            column = self._find(self._connection, choices.column)
            if column is None:
                continue
            name = quote_value(column.display_name)
            if column.type not in CHOICE_TYPES:
                message = f"{name} is a {column.type} column and has no options"
                help_text = "remove it, or correct its type under `columns:`"
                self._error("not-a-choice", message, choices.column.span, help_text)
            if column.internal_name in found:
                message = f"the options of {name} are given twice"
                self._error("bound-twice", message, choices.column.span, "remove one of the two")
            found |= dict.fromkeys((column.internal_name, column.display_name), choices)
        return found

    def _plan_variables(self) -> Iterator[VariablePlan]:
        tables = frozenset(self._tables)
        known, later = set[str](), {str(variable.name) for variable in self._spec.let}
        scope = Scope(self._columns, known, later, tables, self._registry, self._file_column)
        for variable in self._spec.let:
            self.problems += check_variable_name(variable, self._columns, tables)
            self._place = f"let {variable.name}"
            expression = self._expression(variable.template, scope, self._context)
            if expression is not None:
                yield VariablePlan(str(variable.name), expression, variable.name.span)
            known.add(str(variable.name))

    @cached_property
    def _scope(self) -> Scope:
        """What names mean in `where` and `fields`: all variables are defined there."""
        variables = frozenset(str(variable.name) for variable in self._spec.let)
        tables = frozenset(self._tables)
        return Scope(self._columns, variables, frozenset(), tables, self._registry, self._file_column)

    def _expression(self, text: Text, scope: Scope, context: Context) -> Expression | None:
        expression, problems = parse_template(text, scope)
        self.problems += problems
        if expression is not None:
            self._check_tree(expression, context)
        return expression

    def _check_tree(self, expression: Expression, context: Context) -> None:
        """Check names of tables, and the arguments of converters by binding each of them once."""
        for node in walk(expression.tree):
            if isinstance(node, nodes.TableValue) and node.name in (self._columns or ()):
                message = f"{quote_value(node.name)} is a table here, and a source column as well"
                span = expression.text.locate(node.at, node.at + len(node.name))
                help_text = f"rename the table, or read the column as row['{node.name}']"
                self._error("ambiguous-name", message, span, help_text)
            if isinstance(node, nodes.Filter) and has_constant_arguments(node):
                # Found only where it is reported: a text of a thousand calls would be read a thousand times.
                place = partial(expression.text.locate, node.at, node.at + len(node.converter.name))
                try:
                    bind_filter(node, context)
                except ArgumentError as problem:
                    self._wrong_argument(problem, place())
                else:
                    if node.converter.function is datetime_:
                        self._check_arguments(node.converter, *constant_arguments(node), place())

    def _plan_columns(self) -> Iterator[ColumnPlan]:
        bound: dict[str, Text] = {}
        self._known.begin(self._environment())
        for binding in self._spec.fields:
            column = self._find(self._connection, binding.target)
            self._place = str(binding.target) if column is None else column.display_name
            if column is None:  # report other problems of the binding, too
                self._value_parts(binding, self._context)
                self._table(binding)
                list(self._converts(binding, self._context))
                self._default(binding, self._context)
                continue
            if column.internal_name in bound:
                first = bound[column.internal_name]
                name = quote_value(column.display_name)
                message = f"{name} is bound twice; first at line {first.span.line} as {quote_value(first)}"
                self._error("bound-twice", message, binding.target.span, "remove one of the two")
            bound.setdefault(column.internal_name, binding.target)
            yield self._known_column(binding, column)

    def _environment(self) -> tuple[Any, ...]:
        """Return all that the plan of a column depends on, but for its binding and the column itself."""
        spec = self._spec
        variables, tables = frozenset(str(variable.name) for variable in spec.let), frozenset(self._tables)
        zone = None if spec.timezone is None else str(spec.timezone)
        source = self._columns, spec.source.empty, self._file_column
        return self._registry, variables, tables, zone, source, describe_choices(self._choices), spec.target

    def _known_column(self, binding: Binding, column: Column) -> ColumnPlan:
        """Return the plan of a column, as it is known or made now."""
        plan = self._known.find(binding, column, self._tables)
        if plan is not None:
            self._format_lists += self._known.format_lists(column)
            return plan
        problems, lists = len(self.problems), len(self._format_lists)
        plan = self._plan_column(binding, column)
        if len(self.problems) == problems:
            self._known.keep(plan, tuple(self._format_lists[lists:]))
        return plan

    def _plan_column(self, binding: Binding, column: Column) -> ColumnPlan:
        warn = partial(self._known.warn, column.display_name)
        context = replace(self._context, column=column.internal_name, warn=warn)
        context = noting_uses(context, column.display_name, self._known.format_uses)
        parts = self._value_parts(binding, context)
        required = column.required or bool(binding.required)
        choices = self._choices.get(column.internal_name)
        self.problems += check_binding(
            binding, column, required=required, has_choices=choices is not None, empty=self._spec.source.empty
        )
        self.problems += check_constants(binding, self._scope, choices)
        encoder = make_encoder(column.type, self._encoder_options(binding, column, context))
        table, converts = self._table(binding), tuple(self._converts(binding, context))
        default = self._default(binding, context)
        return ColumnPlan(column, binding, parts, encoder, context, required, table, converts, default)

    def _value_parts(self, binding: Binding, context: Context) -> tuple[nodes.Node, ...]:
        if binding.template is not None:
            expression = self._expression(binding.template, self._scope, context)
            return (UNKNOWN if expression is None else expression.tree,)
        if isinstance(binding.const, Text):
            return (nodes.Constant(str(binding.const)),)
        if binding.const is not None:
            return (nodes.ListLiteral(tuple(nodes.Constant(str(text)) for text in binding.const)),)
        parts = SourceParts(self._scope, self.problems, self._describe_bound())
        return tuple(map(parts.node, binding.sources))

    def _describe_bound(self) -> str:
        """Return what is being bound, with its name."""
        column = self._connection.find(self._place)
        kind = "the required column" if column is not None and column.required else "the column"
        return f"{kind} {quote_value(self._place)}"

    def _encoder_options(self, binding: Binding, column: Column, context: Context) -> EncoderOptions:
        century = self._century(binding)
        incomplete: Literal["first_day"] | None = "first_day" if binding.incomplete is not None else None
        is_dated = column.type is ColumnType.DATE_TIME  # else `format` is an error itself
        written = [str(text) for text in binding.format if is_dated and not is_placeholder(text)]
        if any(map(is_placeholder, binding.format)):
            span = next(text.span for text in binding.format if is_placeholder(text))
            help_text = "keep the format that the source uses: the sampled rows fit both"
            self.problems.append(to_do("the format", span, help_text))
            written, century = [], None
        try:
            read_time = datetime_(written or None, None, century, incomplete, context=context)
        except ArgumentError as problem:
            self._wrong_format(binding, problem)
            read_time, written = datetime_(context=context), []
        self._check_formats(written, [text.span for text in binding.format], century)
        choices = self._choices.get(column.internal_name) or ChoiceList(binding.target, ())
        zone = self._context.timezone
        only = written[0] if len(written) == 1 else None
        noted = len(written) > 1 or (incomplete is not None and bool(written))
        return EncoderOptions(
            self._spec.target, self._target_zone, read_time, only, zone, choices, century, noted
        )

    def _check_arguments(
        self, converter: Converter, args: Iterable[Any], kwargs: Mapping[str, Any], span: Span
    ) -> None:
        """Check the formats that a binding's converter or a filter is given, as those of `format`."""
        if converter.function is not datetime_:
            return
        names = [parameter.name for parameter in converter.parameters]
        given = {**dict(zip(names, args, strict=False)), **kwargs}
        if isinstance(formats := given.get("format"), list):
            self._check_formats(formats, [span] * len(formats), given.get("century"))

    def _check_formats(self, written: list[str], spans: list[Span], century: int | None) -> None:
        """Warn of a text that two formats can both read: the first of them counts."""
        if len(written) > 1:
            self._format_lists.append((self._place, tuple(written)))
        for later, second in enumerate(written):
            for first in written[:later]:
                text = find_two_ways(first, second, century)
                if text is None and first != second:
                    continue
                message = (
                    f"{quote_value(first)} and {quote_value(second)} both read {quote_value(text or '')}"
                )
                if text is None:
                    message = f"the format {quote_value(second)} is given twice"
                help_text = "the first that fits counts: keep the one that the source uses"
                self.problems.append(
                    Issue("ambiguous-format", message, spans[later], help_text, Severity.WARNING)
                )

    def _wrong_format(self, binding: Binding, problem: ArgumentError) -> None:
        message, meant = str(problem), problem.help
        named = [text for text in binding.format if quote_value(text) in message]
        place = next(iter((*named, *binding.format)), binding.century or binding.incomplete)
        assert place is not None
        if isinstance(problem, MissingCentury):
            if binding.century is None:  # else a wrong one has been reported
                self._error("missing-century", message, place.span, meant)
        elif binding.century is not None and message.startswith("`century`"):
            self._error("wrong-value", message, binding.century.span, meant)
        else:
            self._error("bad-format", message, place.span, meant or 'for example "%d/%m/%Y %H:%M"')

    def _century(self, binding: Binding) -> int | None:
        """Return the binding's century, None where it has none or a wrong one."""
        given = binding.century
        if given is None:
            return None
        if given.isascii() and given.isdigit() and len(given) <= 4:  # noqa: PLR2004 - digits of a year
            return int(given)
        help_text = "it is the first of the hundred years that the years lie in, such as 1930"
        if is_placeholder(given):
            self.problems.append(to_do("`century`", given.span, help_text))
        else:
            message = f"`century` is a year, not {quote_value(given)}"
            self._error("wrong-value", message, given.span, help_text)
        return None

    def _table(self, binding: Binding) -> Table | None:
        if binding.lookup is None:
            return None
        table = self._tables.get(binding.lookup)
        if table is None:
            help_text = suggest(binding.lookup, self._tables) or "define it under `tables:`"
            message = f"there is no table {quote_value(binding.lookup)}"
            fix = fix_with(binding.lookup.span, find_nearest(binding.lookup, self._tables))
            self._error("unknown-table", message, binding.lookup.span, help_text, fix)
        return table

    def _converts(self, binding: Binding, context: Context) -> Iterator[ConvertPlan]:
        for use in binding.convert:
            converter = self._registry.find(use.name)
            if converter is None:
                help_text = self._registry.suggest(use.name) or "`opusmap converters` lists them"
                message = f"there is no converter {quote_value(use.name)}"
                fix = fix_with(use.name.span, find_nearest(use.name, self._registry.converters))
                self._error("unknown-converter", message, use.name.span, help_text, fix)
                continue
            try:
                function = bind_converter(converter, use.args, use.kwargs, context)
            except ArgumentError as problem:
                given = use.kwargs.items()
                undecided = [key for key, value in given if isinstance(value, str) and is_placeholder(value)]
                if undecided:
                    help_text = "decide it, and replace TODO with it"
                    self.problems.append(to_do(f"`{undecided[0]}` of {use.name}", use.name.span, help_text))
                else:
                    self._wrong_argument(problem, use.name.span)
                continue
            span, place = use.name.span, None
            self._check_arguments(converter, use.args, use.kwargs, span)
            if isinstance(function, Pattern):
                place = pattern_place(use)
            yield ConvertPlan(converter, function, converter.takes_list, span, place)

    def _default(self, binding: Binding, context: Context) -> nodes.Node | None:
        if binding.default is None:
            return None
        if not is_template(binding.default):
            return nodes.Constant(str(binding.default))
        expression = self._expression(binding.default, self._scope, context)
        return None if expression is None else expression.tree

    def _wrong_argument(self, problem: ArgumentError, span: Span) -> None:
        if isinstance(problem, MissingCentury):
            self._error("missing-century", str(problem), span, problem.help)
            return
        help_text = problem.help or "`opusmap converters` shows each with its arguments and examples"
        self._error("wrong-argument", str(problem), span, help_text)

    def _error(self, code: str, message: str, span: Span, help: str, fix: Fix | None = None) -> None:
        self.problems.append(Issue(code, message, span, help, fix=fix))
