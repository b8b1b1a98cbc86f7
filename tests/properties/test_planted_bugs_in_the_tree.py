"""The laws of the tree find bugs that are planted in what nodes emit, and in what they evaluate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from generated_specs import CONNECTION
from hypothesis import HealthCheck, Phase, given, reject, settings
from hypothesis import strategies as st
from likely_specs import COLUMNS, likely_mappings, likely_rows
from reference import interpret

from opusmap.compiler import binding_nodes, caching, compile_mapping
from opusmap.compiler.interpreter import FILTERED, Environment
from opusmap.converters import cache
from opusmap.errors import InvalidMapping
from opusmap.expressions.nodes import Failure, filters, operands, operators
from opusmap.issues import Problem
from opusmap.mapping import parse_spec

pytestmark = pytest.mark.filterwarnings("ignore:Generating overly large repr")

SEARCHED = settings(
    max_examples=1_500,
    database=None,
    derandomize=True,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
    deadline=None,
)


LAW, PAGE = "generated code gives what evaluating gives", "evaluating gives what the language page says"


class Caught(Exception):
    """A law does not hold; the text says which."""


@SEARCHED
@given(
    text=likely_mappings(),
    row=likely_rows(),
    columns=st.sampled_from([None, frozenset(COLUMNS)]),
)
def check_laws(text: str, row: dict[str, Any], columns: frozenset[str] | None) -> None:
    try:
        mapper = compile_mapping(parse_spec(text), CONNECTION, columns=columns)
    except InvalidMapping:
        reject()
    for values_ in (row, {name: _twin(value) for name, value in row.items()}, _turned(row)):
        evaluated: list[Problem] = []
        problems: list[Problem] = []
        record = mapper.interpreter.row(values_, evaluated)
        if repr(mapper._function(values_, problems)) != repr(record) or problems != evaluated:
            raise Caught(LAW)
        meant = interpret(mapper.plan, values_)
        kind = "reject" if evaluated else "filtered" if record is FILTERED else "record"
        if (kind, repr(record if kind == "record" else None)) != (meant.kind, repr(meant.values)):
            raise Caught(PAGE)


def _twin(value: Any) -> Any:
    """Return a value that is equal, and another."""
    if isinstance(value, bool):
        return int(value)
    return bool(value) if isinstance(value, int) and value in (0, 1) else value


def _turned(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row in which every other cell is the one before it."""
    values_ = list(row.values())
    return {name: values_[at - at % 2] for at, name in enumerate(row)}


def emit_default(self: operators.Default, writer: Any, _want: Any) -> str:
    return f"({self.value.emit(writer)} or {self.fallback.emit(writer)})"


def emit_any_text(self: operators.Concat, writer: Any) -> str:
    return f"''.join([{', '.join(f'str({part.emit(writer)})' for part in self.parts)}])"


def emit_operands_turned(self: operators.Binary, writer: Any) -> str:
    return f"({self.right.emit(writer)} {self.operator} {self.left.emit(writer)})"


def emit_case(self: operators.Conditional, writer: Any, want: Any) -> str:
    then, otherwise = self.then.emit_as(writer, want), self.otherwise.emit_as(writer, want)
    return f"({then} if is_same({self.test.emit(writer)}, True) else {otherwise})"


def emit_not_emptied(self: binding_nodes.Emptied, writer: Any) -> str:
    return self.value.emit(writer)


def remember_all(self: cache.Cache, key: Any) -> Any:
    return self.setdefault(key, self.function(key))


def look_up_by_the_first_key(self: caching.Cached, writer: Any) -> str:
    keys = [key.emit(writer) for key in self.keys]
    known, by_first = writer.named("known", self.known), writer.named("by_first", dict[Any, Any]().setdefault)
    return f"{by_first}({keys[0]}, {known}[{', '.join(keys)}])"


def evaluate_default(self: operators.Default, env: Any) -> Callable[[Any], Any]:
    value, fallback = env.evaluator(self.value), env.evaluator(self.fallback)
    return lambda frame: value(frame) or fallback(frame)


def evaluate_first_link(self: operators.Compare, env: Any) -> Callable[[Any], Any]:
    left, (operator, node) = env.evaluator(self.left), self.others[0]
    right = env.evaluator(node)
    return lambda frame: operators._compare(operator, left(frame), right(frame))


def evaluate_cell_as_it_is(self: operands.Cell, env: Any) -> Callable[[Any], Any]:
    name = self.name
    return lambda frame: frame.row.get(name)


def evaluate_not_dropped(self: binding_nodes.DropEmpty, env: Any) -> Callable[[Any], Any]:
    value: Callable[[Any], Any] = env.evaluator(self.value)
    return value


def evaluate_where_without_a_key(self: filters.Where, env: Any) -> Callable[[Any], Any]:
    value, wanted, where = env.evaluator(self.value), env.evaluator(self.wanted), filters.runtime.where
    return lambda frame: where(value(frame), None, self.condition, wanted(frame), env.empty)


def emit_where_of_an_empty_value(self: filters.Where, writer: Any) -> str:
    value, wanted = self.value.emit(writer), self.wanted.emit(writer)
    return f"where({value} or [], {self.key!r}, {self.condition!r}, {wanted}, empty)"


def read_failed_variable(self: Environment, name: str) -> Callable[[Any], Any]:
    evaluate = self._interpreter.variable

    def read(frame: Any) -> Any:
        found = evaluate(name, frame)
        return None if isinstance(found, Failure) else found

    return read


BUGS: list[tuple[type, str, Any]] = [
    (operators.Default, "emit_as", emit_default),
    (operators.Concat, "emit", emit_any_text),
    (operators.Binary, "emit", emit_operands_turned),
    (operators.Conditional, "emit_as", emit_case),
    (binding_nodes.Emptied, "emit", emit_not_emptied),
    (cache.Cache, "__missing__", remember_all),
    (caching.Cached, "emit", look_up_by_the_first_key),
    (operators.Default, "evaluator", evaluate_default),
    (operators.Compare, "evaluator", evaluate_first_link),
    (operands.Cell, "evaluator", evaluate_cell_as_it_is),
    (binding_nodes.DropEmpty, "evaluator", evaluate_not_dropped),
    (filters.Where, "evaluator", evaluate_where_without_a_key),
    (filters.Where, "emit", emit_where_of_an_empty_value),
    (Environment, "variable", read_failed_variable),
]


@pytest.mark.slow
def test_without_a_planted_bug_the_laws_hold() -> None:
    check_laws()


SELDOM_MET = (
    emit_case,
    emit_where_of_an_empty_value,
    evaluate_default,
    evaluate_first_link,
    evaluate_not_dropped,
    read_failed_variable,
)
"""Bugs that take the search long."""


@pytest.mark.parametrize(
    ("owner", "method", "bug"),
    [pytest.param(*bug, marks=[pytest.mark.slow] if bug[2] in SELDOM_MET else []) for bug in BUGS],
    ids=[bug[2].__name__ for bug in BUGS],
)
def test_a_planted_bug_is_caught(owner: type, method: str, bug: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(owner, method, bug)
    with pytest.raises(Caught):
        check_laws()
