"""What the kinds of a mapping prove wrong can give a value in no row; and what is plainly wrong is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from generated_specs import CONNECTION, SOURCE, mappings, rows
from hypothesis import Phase, assume, given, note, settings
from hypothesis import strategies as st
from jinja_expressions import ROW, expressions
from jinja_expressions import Node as Expression
from likely_specs import COLUMNS, likely_mappings
from thorough import THOROUGH

from opusmap.compiler import binding_runtime, kinds
from opusmap.compiler.interpreter import ABSENT, Environment, Interpreter
from opusmap.compiler.kinds import KindChecker
from opusmap.compiler.known_columns import KnownColumns
from opusmap.compiler.lower import lower_bindings
from opusmap.compiler.plan import Plan
from opusmap.compiler.planner import resolve_names
from opusmap.converters import Context, builtin_converters
from opusmap.expressions.nodes import Frame, Kind, Node, base, filters, operators
from opusmap.issues import Severity
from opusmap.mapping import parse_spec


def plan_of(text: str, columns: frozenset[str] | None) -> Plan:
    """Return the plan of a mapping, whatever its kinds."""
    plan, problems = resolve_names(
        parse_spec(text), CONNECTION, builtin_converters(), columns, KnownColumns()
    )
    assume(not any(problem.severity is Severity.ERROR for problem in problems))
    return lower_bindings(plan)


def trees_of(plan: Plan) -> list[tuple[Node, Context]]:
    where = [] if plan.where is None else [plan.where.tree]
    found = [(tree, plan.context) for tree in (*(step.expression.tree for step in plan.variables), *where)]
    return found + [
        (tree, column.context) for column in plan.columns for tree in (column.tree, *column.trees())
    ]


def gives_value(evaluate: Callable[..., Any], *given: Any, absent: object = ABSENT) -> bool:
    """Tell whether this ends, with something that is neither empty nor left out."""
    try:
        found = evaluate(*given)
    except Exception:  # noqa: BLE001 - whatever a converter raises
        return False
    return found is not None and found is not ABSENT and found != absent


def check_soundness(plan: Plan, read: list[dict[str, Any]]) -> None:
    checker, interpreter = KindChecker(plan, KnownColumns()), Interpreter(plan, [])
    problems = list(checker.problems())  # afterwards it knows the variables
    for tree, context in trees_of(plan):
        for node, mistake in checker.mistakes(tree):
            note(f"{mistake} of {node}")
            evaluate_node = Environment(interpreter, context).evaluator(node)
            assert not any(gives_value(evaluate_node, Frame(row)) for row in read)
    for index, column in enumerate(plan.columns):
        for problem in checker.encoding(column):
            note(str(problem))
            values = (gives_value(interpreter.value, index, Frame(row), absent="") for row in read)
            assert not any(values)
    if plan.where is not None and any(problem.code == "where-not-boolean" for problem in problems):
        where = Environment(interpreter, plan.context).evaluator(plan.where.tree)
        for row in read:
            assert not gives_value(lambda row=row: binding_runtime.as_condition(where(Frame(row))))


@THOROUGH
@given(
    text=mappings(),
    read=st.lists(rows(), min_size=1, max_size=6),
    columns=st.sampled_from([None, frozenset(SOURCE)]),
)
def test_what_kinds_prove_wrong_gives_a_value_in_no_row(
    text: str, read: list[dict[str, Any]], columns: frozenset[str] | None
) -> None:
    check_soundness(plan_of(text, columns), read)


@given(text=likely_mappings())
def test_mappings_whose_kinds_fit_have_no_such_error(text: str) -> None:
    found = {
        problem.code for problem in KindChecker(plan_of(text, frozenset(COLUMNS)), KnownColumns()).problems()
    }
    assert found <= {"where-not-boolean"}  # the generated condition may be a text


@THOROUGH
@given(expression=expressions(3))
def test_so_it_is_of_any_expression_of_the_grammar(expression: Expression) -> None:
    body = {
        "let": {"s": f"{{{{ {expression.text} }}}}"},
        "fields": {"rowKey": "t", "_Number": "s", "_Line": "s"},
    }
    text = json.dumps({"opusmap": 1, "connection": "c.json", **body})
    check_soundness(plan_of(text, frozenset(ROW)), [ROW])


SEARCHED = settings(
    max_examples=3_000, database=None, derandomize=True, phases=[Phase.generate], deadline=None
)


@pytest.mark.parametrize(
    ("owner", "name", "bug"),
    [
        (operators, "_COMPARABLE", (Kind.TEXT,)),
        pytest.param(
            operators,
            "_check_numbers",
            lambda who, *known: base.check_kind(who, Kind.WHOLE, known[0]),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            base.Type,
            "filled",
            lambda self: base.Type(self.kind & ~(Kind.TEXT | Kind.LIST | Kind.WHOLE)),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            operators.Default,
            "infer",
            lambda self, types: self.fallback.infer(types),
            marks=pytest.mark.slow,
        ),
        pytest.param(filters, "result_type", lambda _converter: base.TEXT, marks=pytest.mark.slow),
        (kinds, "takes_kind", lambda _column: Kind.LIST),
    ],
)
def test_a_check_that_refuses_too_much_is_found(
    owner: Any, name: str, bug: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(owner, name, bug)

    @SEARCHED
    @given(text=mappings(), read=st.lists(rows(), min_size=1, max_size=6))
    def search(text: str, read: list[dict[str, Any]]) -> None:
        check_soundness(plan_of(text, None), read)

    with pytest.raises(AssertionError):
        search()
