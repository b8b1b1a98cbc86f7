"""Kinds checked: what the trees of a plan prove wrong before there is a row.

Owns where in the mapping a mistake is reported, and the kinds that each column type takes. What a node gives
(`infer`) and what it can never take (`check`) is the node's own.
"""

from __future__ import annotations

from collections.abc import Iterator

from opusmap.compiler.binding_nodes import Apply
from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.connection import CHOICE_TYPES, ColumnType
from opusmap.converters.registry import ChoiceOptions
from opusmap.errors import ValueProblem
from opusmap.expressions import NotConstant, constant_value, walk
from opusmap.expressions.nodes import Kind, Node, Type
from opusmap.expressions.nodes.base import ANY, NUMBER, describe_kind
from opusmap.issues import Issue, Span
from opusmap.mapping import Text
from opusmap.wording import list_near, quote_names, quote_value


class KindChecker:
    """Checks a plan: its variables, `where`, its columns. The plan may have problems of names already."""

    def __init__(self, plan: Plan, known: KnownColumns) -> None:
        self.empty_texts = plan.spec.source.empty
        self._known = known
        self._plan = plan
        self._variables: dict[str, Type] = {}

    def variable_type(self, name: str) -> Type:
        """Return what is known of a variable's value; a variable reads only those above it."""
        return self._variables.get(name, ANY)

    def problems(self) -> Iterator[Issue[Span]]:
        """Yield an error for each mistake, at its place in the mapping."""
        for variable in self._plan.variables:
            yield from self._expression(variable.expression.text, variable.expression.tree)
            self._variables[variable.name] = variable.expression.tree.infer(self)
        if (where := self._plan.where) is not None:
            yield from self._expression(where.text, where.tree)
            known = where.tree.infer(self)
            if not known.kind & Kind.BOOLEAN:
                given = describe_kind(known.kind) if known.kind else "an empty value"
                message = f"`where` gives {given}, not true or false"
                help_text = "it is one expression that compares: `{{ Status != 'Draft' }}`"
                yield Issue("where-not-boolean", message, where.text.span, help_text)
        for column in self._plan.columns:
            if not self._known.is_checked(column, self.variable_type):
                found = list(self._column(column))
                yield from found
                if not found:
                    self._known.note_checked(column, self.variable_type)

    def mistakes(self, tree: Node) -> Iterator[tuple[Node, ValueProblem]]:
        """Yield the mistakes of a tree, each with the node that can never give a value."""
        for node in walk(tree):
            for mistake in node.check(self):
                yield node, mistake

    def _expression(self, text: Text, tree: Node) -> Iterator[Issue[Span]]:
        for node, mistake in self.mistakes(tree):
            at: int = getattr(node, "at", 0)
            yield _error(mistake, text.locate(at, at + 1))

    def _column(self, column: ColumnPlan) -> Iterator[Issue[Span]]:
        """Check a binding from its expressions to its column, as far as nothing before is wrong."""
        binding, found = column.binding, list[Issue[Span]]()
        if binding.template is not None:
            found += self._expression(binding.template, column.parts[0])
        if binding.default is not None and column.default is not None:
            found += self._expression(binding.default, column.default)
        if not found:
            applied = [node for node in walk(column.tree) if isinstance(node, Apply)]
            found += [_error(mistake, node.call.span) for node in applied for mistake in node.check(self)]
        yield from found or [*self._constants(column), *self.encoding(column)][:1]

    def encoding(self, column: ColumnPlan) -> Iterator[Issue[Span]]:
        """Yield the error of a column whose type takes no value of the kinds that its tree gives."""
        known, takes = column.tree.infer(self), takes_kind(column)
        if known.kind and not known.kind & takes:
            name = quote_value(column.column.display_name)
            message = f"{name} is a {column.column.type} column and can't be {describe_kind(known.kind)}"
            help_text = "join its elements: `convert: {join: ', '}`"
            if known.kind != Kind.LIST:
                help_text = "change its kind with a converter, or correct the column's type under `columns:`"
            yield Issue("wrong-kind", message, _value_span(column), help_text)

    def _constants(self, column: ColumnPlan) -> Iterator[Issue[Span]]:
        """Encode a binding's constants: a wrong one would reject every record that uses it."""
        binding = column.binding
        choices = self._plan.context.choices.get(column.column.internal_name)
        if column.column.type in CHOICE_TYPES and not (choices and choices.options):
            return
        constants: list[tuple[Node, Span]] = []
        if not (binding.listed or binding.split is not None or binding.lookup is not None or binding.convert):
            constants.append((column.parts[0], _value_span(column)))
        if binding.default is not None and column.default is not None:
            constants.append((column.default, binding.default.span))
        for node, span in constants:
            try:
                value = constant_value(node)
                if value not in (None, "", []):
                    column.encoder(value)
            except NotConstant:
                pass
            except ValueProblem as problem:
                yield Issue(problem.code, problem.problem, span, _advise(problem, node, choices))


def _advise(problem: ValueProblem, node: Node, choices: ChoiceOptions | None) -> str:
    """Return what to do about a constant of the mapping: nothing in the source can correct it."""
    if problem.code == "unknown-choice" and choices is not None:
        known = quote_names(map(str, choices.options))
        given = constant_value(node)
        near = list_near(str(given), map(str, choices.options), least=_NEAR, most=1)
        return f'did you mean "{near[0]}"? Options: {known}' if near else f"write one of: {known}"
    if problem.code == "no-email":
        return "write an e-mail address, such as records@example.org"
    return "correct it here, in the mapping" if "source" in problem.help else problem.help


_NEAR = 75
"""How like a constant an option is that may be meant, in percent: "Other" and "Pothole" share two thirds."""


def takes_kind(column: ColumnPlan) -> Kind:
    """Return the kinds of values that a column may take, as far as its type and binding tell."""
    match column.column.type:
        case ColumnType.SINGLE_TEXT | ColumnType.MULTIPLE_TEXT | ColumnType.UNKNOWN:
            return ~(Kind.LIST | Kind.OBJECT)
        case ColumnType.NUMBER:
            return NUMBER | Kind.TEXT
        case ColumnType.DATE_TIME:
            number = NUMBER if column.binding.format else Kind(0)
            return Kind.TEXT | Kind.DATE | Kind.TIME | number
        case ColumnType.PEOPLE:
            return Kind.TEXT | Kind.LIST
    return ~Kind.OBJECT


def _value_span(column: ColumnPlan) -> Span:
    binding = column.binding
    written = binding.template or binding.const or column.binding.target
    return (written if isinstance(written, Text) else written[0]).span


def _error(mistake: ValueProblem, span: Span) -> Issue[Span]:
    return Issue(mistake.code, mistake.problem, span, mistake.help)
