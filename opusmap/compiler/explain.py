"""How one target value comes about: cell -> each step's value -> finished value, with places.

Owns a slow walk along a column's plan that looks at every value on the way. It composes the functions
that the generated code calls; the mapper's own result is shown beside it and must be the same.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from opusmap.compiler import steps
from opusmap.compiler.columns import LIST_TYPES
from opusmap.compiler.plan import ColumnPlan, Plan, bind_filter
from opusmap.connection import ColumnType
from opusmap.converters import Context, Converter, bind_converter
from opusmap.diagnostics import Span
from opusmap.expressions import OPERATIONS, emit, tree, walk
from opusmap.records import Problem

__all__ = ["Stage", "explain_column"]

Named = TypeVar("Named", tree.Cell, tree.StepValue)


@dataclass(frozen=True, slots=True)
class Stage:
    """One step on the way: what is done, where it stands in the mapping, and what comes out."""

    what: str
    value: Any = None
    span: Span | None = None
    problem: Problem | None = None


def explain_column(plan: Plan, column: ColumnPlan, row: Mapping[str, Any]) -> list[Stage]:
    """Return the stages of one column for one row; the last one is the finished value or the problem."""
    return list(_explain(_Walker(plan, column, row)))


def _explain(walker: _Walker) -> Iterator[Stage]:
    try:
        yield from walker.stages()
    except Exception as error:  # noqa: BLE001 - a converter may raise anything; the mapper treats it alike
        problem = steps.failed(walker.column.column.display_name, error)
        advice = f" ({problem.help})" if problem.help else ""
        yield Stage(f"{problem.code}: {problem.message}{advice}", None, walker.column.span, problem)
        yield from walker.after_error()


@dataclass
class _Walker:
    plan: Plan
    column: ColumnPlan
    row: Mapping[str, Any]
    _steps: dict[str, Any] = field(default_factory=dict)

    def stages(self) -> Iterator[Stage]:
        yield from self._cells()
        yield from self._let()
        parts = []
        for part in self.column.parts:
            yield from self._inner(part)
            parts.append(self._evaluate(part, self.column.context))
        value = self._put_together(parts)
        binding = self.column.binding
        if binding.template is not None:
            yield Stage(str(binding.template).strip(), value, binding.template.span)
        elif binding.const is not None:
            yield Stage("const", value, binding.span)
        elif binding.listed:
            yield Stage("put together", value, binding.span)
        yield from self._pipeline(self._empty(value))

    def after_error(self) -> Iterator[Stage]:
        """Say what `on_error` makes of a problem."""
        binding = self.column.binding
        if binding.on_error == "omit":
            yield Stage("on_error: omit leaves the column out", None, binding.span)
        elif binding.on_error == "default" and self.column.default is not None:
            value = self.column.finish(self._evaluate(self.column.default, self.column.context))
            yield Stage("on_error: default takes the default", value, binding.span)

    def _pipeline(self, value: Any) -> Iterator[Stage]:
        binding, column = self.column.binding, self.column
        if value is not None and binding.split is not None:
            value = steps.splitting(str(binding.split))(value)
            yield Stage(f"split {str(binding.split)!r}", value, binding.split.span)
        if value is not None and column.table is not None and binding.lookup is not None:
            fallback = None if column.default is None else self._default
            value = steps.looking_up(column.table.entries, str(column.table.name), self._empty)(
                value, fallback
            )
            yield Stage(f"lookup {column.table.name}", value, binding.lookup.span)
        for convert in column.converts:
            if value is not None:
                value = steps.converting(convert.function, takes_list=convert.takes_list, empty=self._empty)(
                    value
                )
                yield Stage(f"convert {convert.name}", value, convert.span)
        value = self._empty(value)
        if column.column.type in LIST_TYPES | {ColumnType.TAXONOMY}:
            value = steps.filling(self.plan.spec.source.empty)(value)
        if value is None and column.default is not None and binding.default is not None:
            value = self._default()
            yield Stage("default", value, binding.default.span)
        if value is None:
            ending = (
                "empty, and the column is required" if column.required else "empty: the column is left out"
            )
            problem = (
                Problem(column.column.display_name, "empty-required", ending) if column.required else None
            )
            yield Stage(ending, None, column.span, problem)
        else:
            yield Stage(f"finish as {column.column.type}", column.finish(value), column.span)

    def _default(self) -> Any:
        assert self.column.default is not None
        return self._evaluate(self.column.default, self.column.context)

    def _cells(self) -> Iterator[Stage]:
        for node in self._read(tree.Cell):
            value = self.row.get(node.name)
            if node.dotted:
                value = self._evaluate(node, self.column.context)
            shown = " (empty)" if self._empty(value) is None else ""
            yield Stage(f"column {node.name}{shown}", value)

    def _let(self) -> Iterator[Stage]:
        used = {node.name for node in self._read(tree.StepValue)}
        for step in self.plan.steps:
            if step.name in used:
                yield from self._inner(step.expression.tree)
                value = self._step(step.name)
                yield Stage(f"let {step.name} = {str(step.expression.text).strip()}", value, step.span)

    def _read(self, kind: type[Named]) -> list[Named]:
        """Return the cells or steps that the column reads, in its own trees and in steps, each once."""
        found: dict[str, Named] = {}
        pending = list(self.column.trees())
        while pending:
            for node in walk(pending.pop(0)):
                if isinstance(node, kind):
                    found.setdefault(node.name, node)
                if isinstance(node, tree.StepValue):
                    pending += [one.expression.tree for one in self.plan.steps if one.name == node.name]
        return list(found.values())

    def _inner(self, node: tree.Node) -> Iterator[Stage]:
        """Yield the values of a chain of filters, from the inside out, but for the last one."""
        chain: list[tree.Convert | tree.Default] = []
        inner = node
        while isinstance(inner, tree.Convert | tree.Default):
            chain.append(inner)
            inner = inner.value
        for part in reversed(chain[1:]):
            name = part.converter.name if isinstance(part, tree.Convert) else "default"
            yield Stage(f"| {name}", self._evaluate(part, self.column.context))

    def _put_together(self, parts: list[Any]) -> Any:
        if not self.column.binding.listed:
            return parts[0]
        if self.column.column.type in LIST_TYPES | {ColumnType.TAXONOMY}:
            return steps.filling(self.plan.spec.source.empty)(steps.listed(*parts))
        join = self.column.binding.join
        return steps.joining(self.plan.spec.source.empty)(" " if join is None else str(join), *parts)

    def _empty(self, value: Any) -> Any:
        return steps.emptiness(self.plan.spec.source.empty)(value)

    def _step(self, name: str) -> Any:
        if name not in self._steps:
            expression = next(step.expression for step in self.plan.steps if step.name == name)
            self._steps[name] = self._evaluate(expression.tree, self.plan.context)
        return self._steps[name]

    def _evaluate(self, node: tree.Node, context: Context) -> Any:
        names = _Names(self, context)
        code = compile(ast.fix_missing_locations(ast.Expression(emit(node, names))), "<explain>", "eval")
        return eval(code, names.namespace)  # noqa: S307 - our own checked tree, without builtins


@dataclass
class _Names:
    """Hands live values to `emit`: each name it asks for is a global of the evaluated expression."""

    walker: _Walker
    context: Context
    namespace: dict[str, Any] = field(default_factory=dict)
    strict: bool = False

    def __post_init__(self) -> None:
        empty = steps.emptiness(self.walker.plan.spec.source.empty)
        self.namespace = {"__builtins__": {}, **OPERATIONS, "row": self.walker.row, "empty": empty}

    def cell(self, name: str) -> str:
        return self._add(self.namespace["empty"](self.walker.row.get(name)))

    def step(self, name: str) -> str:
        return self._add(self.walker._step(name))  # noqa: SLF001 - two halves of one thing

    def table(self, name: str) -> str:
        return self._add(self.walker.plan.tables[name].entries)

    def converter(self, node: tree.Convert) -> str:
        return self._add(bind_filter(node, self.context))

    def dynamic(self, converter: Converter) -> str:
        return self._add(
            lambda value, *args, **kwargs: bind_converter(converter, args, kwargs, self.context)(value)
        )

    def temporary(self) -> str:
        return self._add(None)

    def constant(self, value: object) -> str:
        return self._add(value)

    def _add(self, value: Any) -> str:
        name = f"v{len(self.namespace)}"
        self.namespace[name] = value
        return name
