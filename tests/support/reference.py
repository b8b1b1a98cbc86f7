"""What a plan means, the slow and obvious way: it walks the plan's trees for each row, without any code.

It shares with the generated code only the plan itself and the operations of single values (converters,
finishers, arithmetic); reading cells, steps, emptiness, splitting, looking up, defaults, errors and
every branch are written here once more, straight from the language page.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opusmap.compiler import ColumnPlan, Plan
from opusmap.compiler.binding_nodes import FirstOf
from opusmap.compiler.plan import bind_filter
from opusmap.connection import ColumnType
from opusmap.converters import ArgumentError, Context, bind_converter
from opusmap.converters.coerce import text_of
from opusmap.errors import ValueProblem
from opusmap.expressions import OPERATIONS, has_constant_arguments, nodes

LISTS = (ColumnType.MULTIPLE_CHOICE, ColumnType.PEOPLE, ColumnType.TAXONOMY)
TEXTS = (ColumnType.SINGLE_TEXT, ColumnType.MULTIPLE_TEXT, ColumnType.UNKNOWN)
OPERATORS = {"+": "add", "-": "subtract", "*": "multiply", "/": "divide", "//": "floor_divide", "%": "modulo"}
ORDERS = {"lt": "less", "lteq": "less_equal", "gt": "greater", "gteq": "greater_equal"}


@dataclass(frozen=True)
class Outcome:
    """What a row becomes: `record`, `reject` (problems as column and code) or `filtered`.

    `replaced` are the wrong values in whose place a record has others, as column and code.
    """

    kind: str
    values: Mapping[str, Any] | None = None
    problems: tuple[tuple[str, str], ...] = ()
    replaced: tuple[tuple[str, str], ...] = ()


def interpret(plan: Plan, row: Mapping[str, Any]) -> Outcome:
    """Return what a row becomes."""
    return _Row(plan, row).outcome()


@dataclass
class _Row:
    plan: Plan
    row: Mapping[str, Any]
    steps: dict[str, Any] = field(default_factory=dict)
    problems: list[tuple[str, str]] = field(default_factory=list)
    replaced: list[tuple[str, str]] = field(default_factory=list)
    reading: str = ""
    lacking: dict[str, list[tuple[str, str]]] = field(default_factory=dict)

    def outcome(self) -> Outcome:
        plan = self.plan
        if plan.source_columns is None:
            missing = [name for name, dotted in plan.cells().items() if not dotted and name not in self.row]
            if missing:
                return Outcome("reject", None, tuple((name, "unknown-column") for name in missing))
        self.take_steps()
        if not self.wanted():
            return Outcome("filtered")
        record = {}
        for column in plan.columns:
            found = self.column(column)
            if found is not _ABSENT:
                record[column.column.internal_name] = found
        if self.problems:
            return Outcome("reject", None, tuple(self.problems))
        return Outcome("record", record, (), tuple(dict.fromkeys(self.replaced)))

    def take_steps(self) -> None:
        for step in self.plan.variables:
            self.reading = f"let {step.name}"
            try:
                self.steps[step.name] = self.value(step.expression.tree, self.plan.context)
            except Exception as error:  # noqa: BLE001 - whatever a converter raises is the step's failure
                self.steps[step.name] = error
            self.lacking[step.name], self.replaced = self.replaced, []  # told where the step is read

    def wanted(self) -> bool:
        if self.plan.where is None:
            return True
        self.reading = "where"
        try:
            found = self.value(self.plan.where.tree, self.plan.context)
        except Exception as error:  # noqa: BLE001
            self.problem("where", error)
            return True
        if not isinstance(found, bool):
            self.problem("where", ValueProblem("where-not-boolean", ""))
        return found is not False

    def problem(self, column: str, error: Exception) -> None:
        self.problems.append((column, _code(error)))

    def column(self, column: ColumnPlan) -> Any:
        self.reading = column.column.display_name
        try:
            value = self.converted(column)
            if value is None and column.default is not None:
                value = self.value(column.default, column.context)
            return self.finished(column, value)
        except Exception as error:  # noqa: BLE001
            failure: Exception = error
            if column.binding.on_error == "omit":
                self.replaced.append((column.column.display_name, _code(error)))
                return self.absent()
            if column.binding.on_error == "default":
                try:
                    found = self.finished(column, self.value(column.default, column.context))
                except Exception as second:  # noqa: BLE001
                    failure = second
                else:
                    self.replaced.append((column.column.display_name, _code(error)))
                    return found
            self.problem(column.column.display_name, failure)
            return _ABSENT

    def finished(self, column: ColumnPlan, value: Any) -> Any:
        if value is None or value == "":
            if column.required:
                raise ValueProblem("empty-required", "")
            return self.absent()
        found = column.encoder(value)
        if column.required and column.column.type in TEXTS and not found.strip():
            raise ValueProblem("empty-required", "")
        return found

    def absent(self) -> Any:
        return {"omit": _ABSENT, "null": None, "blank": ""}[self.plan.spec.target.empty]

    def converted(self, column: ColumnPlan) -> Any:
        binding = column.binding
        value = self.read(column)
        listed = isinstance(value, list) and binding.listed and column.column.type not in LISTS
        if value is not None and binding.split is not None and not isinstance(value, list):
            parts = [part.strip() for part in text_of(value).split(str(binding.split))]
            value = [part for part in parts if part] or None
        if value is not None and column.table is not None:
            value = self.looked_up(column, value)
        for convert in column.converts:
            if isinstance(value, list) and not convert.takes_list:
                value = [convert.function(element) for element in value if self.empty(element) is not None]
            elif value is not None:
                value = convert.function(value)
        if listed and isinstance(value, list):
            value = self.joined(column, value)
        value = self.empty(value)
        return self.filled(value) if column.column.type in LISTS else value

    def read(self, column: ColumnPlan) -> Any:
        parts = [self.value(part, column.context) for part in column.parts]
        if not column.binding.listed:
            return self.empty(parts[0])
        flat: list[Any] = []
        for part in parts:
            flat.extend(part if isinstance(part, list) else [part])
        if column.column.type in LISTS or any(convert.takes_list for convert in column.converts):
            return self.filled(flat)
        return self.joined(column, flat)

    def joined(self, column: ColumnPlan, parts: list[Any]) -> Any:
        separator = " " if column.binding.join is None else str(column.binding.join)
        texts = [text_of(part) for part in self.filled(parts) or []]
        return separator.join(texts) if texts else None

    def looked_up(self, column: ColumnPlan, value: Any) -> Any:
        if not isinstance(value, list):
            return self.found(column, value, lambda: None)
        default = column.default
        found = [
            self.found(column, element, lambda: self.value(default, column.context))
            for element in value
            if self.empty(element) is not None
        ]
        return [element for element in found if element is not None] or None

    def found(self, column: ColumnPlan, key: Any, fallback: Any) -> Any:
        assert column.table is not None
        entries, text = column.table.entries, text_of(key)
        for spelling in (text, text.strip()):
            if spelling in entries:
                return entries[spelling]
        if column.default is None:
            raise ValueProblem("not-in-table", "")
        self.replaced.append((column.column.display_name, "not-in-table"))
        return fallback()

    def empty(self, value: Any) -> Any:
        is_text = isinstance(value, str) and value in self.plan.spec.source.empty
        return None if value == [] or is_text else value

    def filled(self, value: Any) -> Any:
        if not isinstance(value, list):
            return value
        return [element for element in value if element != "" and self.empty(element) is not None] or None

    def value(self, node: Any, context: Context) -> Any:  # noqa: C901, PLR0912, PLR0915 - one case a node
        def at(part: Any) -> Any:
            return self.value(part, context)

        run = OPERATIONS
        match node:
            case nodes.Constant():
                return node.value
            case nodes.Cell():
                if node.dotted:
                    return self.dotted(node.name, optional=node.optional)
                return self.empty(self.row.get(node.name))
            case nodes.RowNumber():
                return 1
            case nodes.Every():
                return self.every(at(node.value), list(node.steps))
            case FirstOf():
                if node.names and not any(name in self.row for name in node.names):
                    raise ValueProblem("unknown-column", "")
                return next((one for one in [*map(at, node.parts)] if one not in (None, [])), None)
            case nodes.VariableRef():
                found = self.steps[node.name]
                self.replaced += self.lacking[node.name]
                if isinstance(found, Exception):
                    raise found
                return found
            case nodes.TableValue():
                return self.plan.tables[node.name].entries
            case nodes.Subscript():
                if isinstance(node.value, nodes.TableValue):
                    return run["look_up"](at(node.value), node.value.name, at(node.key))
                value, key = at(node.value), at(node.key)
                if node.optional and (value is None or (isinstance(value, list) and key >= len(value))):
                    return None
                return run["item"](value, key, self.empty)
            case nodes.Slice():
                ends = [None if end is None else at(end) for end in (node.start, node.stop)]
                return run["slice_"](at(node.value), *ends)
            case nodes.Field():
                value = at(node.value)
                through = nodes.Cell | nodes.VariableRef | nodes.Field | nodes.Subscript
                if value is None and isinstance(node.value, through):
                    return None
                return run["field"](value, node.name, self.empty)
            case nodes.Unary():
                return run["negative" if node.sign == "-" else "positive"](at(node.value))
            case nodes.Binary():
                return run[OPERATORS[node.operator]](at(node.left), at(node.right))
            case nodes.Concat():
                return run["template" if node.template else "concat"](*[at(part) for part in node.parts])
            case nodes.Compare():
                left = at(node.left)
                for operator, other in node.others:
                    right = at(other)
                    if isinstance(other, nodes.TableValue):
                        if self.is_key(left, right) != (operator == "in"):
                            return False
                    elif not _holds(operator, left, right):
                        return False
                    left = right
                return True
            case nodes.Logic():
                left = at(node.left)
                return at(node.right) if bool(left) == (node.operator == "and") else left
            case nodes.Not():
                return not at(node.value)
            case nodes.Conditional():
                return at(node.then) if at(node.test) else at(node.otherwise)
            case nodes.ListLiteral():
                return [at(item) for item in node.items]
            case nodes.Where():
                return self.chosen(node, context)
            case nodes.Filter():
                return self.filtered(node, context)
            case nodes.Default(nodes.Subscript(nodes.TableValue() as table, key, optional=True)):
                found = at(key)
                if self.is_key(found, at(table)):
                    value = run["look_up"](at(table), table.name, found)
                    return at(node.fallback) if value in (None, []) else value
                if found is not None:
                    self.replaced.append((self.reading, "not-in-table"))
                return at(node.fallback)
            case nodes.Default():
                value = at(node.value)
                return at(node.fallback) if value in (None, []) else value
            case nodes.Test():
                return _passes(node.name, at(node.value), [at(argument) for argument in node.args])
            case nodes.Call():
                return run[node.name](*[at(argument) for argument in node.args])
        raise AssertionError(node)

    def filtered(self, node: nodes.Filter, context: Context) -> Any:
        value, name = self.value(node.value, context), node.converter.name
        if has_constant_arguments(node):
            convert = bind_filter(node, context)
            if node.each:
                return OPERATIONS["each"](convert, value, name)
            return convert(value if name == "length" else OPERATIONS["require"](value, name))
        value = OPERATIONS["require"](value, name)
        args = [self.argument(argument, name, context) for argument in node.args]
        kwargs = {key: self.argument(argument, name, context) for key, argument in node.kwargs}
        try:
            convert = bind_converter(node.converter, args, kwargs, context)
        except ArgumentError:
            raise ValueProblem("wrong-argument", "") from None
        return convert(value)

    def chosen(self, node: nodes.Where, context: Context) -> list[Any]:
        value, wanted = self.value(node.value, context), self.value(node.wanted, context)
        if value is None:
            return []
        if not isinstance(value, list):
            raise ValueProblem("wrong-kind", "")
        found = []
        for element in (one for one in value if self.empty(one) is not None):
            part = element
            if node.key is not None:
                if not isinstance(element, dict):
                    raise ValueProblem("unknown-field", "")
                part = self.empty(element.get(node.key)) if node.key in element else self.empty(element)
                for name in [] if node.key in element else node.key.split("."):
                    part = None if part is None else OPERATIONS["field"](part, name, self.empty)
            if node.condition == "equals":
                holds = any(part == one for one in wanted) if isinstance(wanted, list) else part == wanted
            else:
                holds = OPERATIONS["contains"](wanted, part) if node.condition else bool(part)
            found += [element] if holds else []
        return found

    def is_key(self, key: Any, entries: Mapping[str, Any]) -> bool:
        return key is not None and (text_of(key) in entries or text_of(key).strip() in entries)

    def every(self, value: Any, steps: list[str | None]) -> list[Any]:
        if value is None or not steps:
            return [] if value is None else [value]
        step, *rest = steps
        if step is None:
            elements = value if isinstance(value, list) else [value]
            return [one for element in elements for one in self.every(self.empty(element), rest)]
        if not isinstance(value, dict):
            raise ValueProblem("unknown-field", "")
        return self.every(self.empty(value.get(step)), rest)

    def argument(self, node: Any, name: str, context: Context) -> Any:
        value = self.value(node, context)
        return value if isinstance(node, nodes.Constant) else OPERATIONS["require"](value, name)

    def dotted(self, name: str, *, optional: bool) -> Any:
        if name in self.row:
            return self.empty(self.row[name])
        root, *path = name.split(".")
        if root not in self.row and self.plan.source_columns is None and not optional:
            raise ValueProblem("unknown-column", "")
        value = self.empty(self.row.get(root))
        for part in path:
            value = None if value is None else OPERATIONS["field"](value, part, self.empty)
        return value


_ABSENT = object()


def _code(error: Exception) -> str:
    return error.code if isinstance(error, ValueProblem) else "converter-failed"


def _holds(operator: str, left: Any, right: Any) -> bool:
    if operator in ORDERS:
        return bool(OPERATIONS[ORDERS[operator]](left, right))
    if operator in ("in", "notin"):
        return bool(OPERATIONS["contains"](left, right)) == (operator == "in")
    return (left == right) == (operator == "eq")


def _passes(name: str, value: Any, args: list[Any]) -> bool:
    if name == "none":
        return value in (None, [])
    if name in ("true", "false"):
        return value is (name == "true")
    if name in ("string", "number", "integer", "boolean", "mapping"):
        return bool(OPERATIONS["is_kind"](value, name))
    if name in ("lower", "upper"):
        return bool(OPERATIONS["is_case"](value, name))
    if name in ("even", "odd"):
        return bool(OPERATIONS[f"is_{name}"](value))
    if name == "divisibleby":
        return bool(OPERATIONS["is_divisible"](value, *args))
    raise AssertionError(name)
