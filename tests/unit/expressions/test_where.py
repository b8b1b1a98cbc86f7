"""`where` keeps the elements of a list for which a condition holds."""

from __future__ import annotations

from typing import Any

import pytest
from evaluation import evaluate
from one_expression import problem, refused

ANN = {"name": "Ann", "role": "owner", "active": True, "home": {"city": "Rome"}}
BEN = {"name": "Ben", "role": "tenant", "active": False, "home": {"city": ""}}
CY = {"name": "Cy", "role": None}
ROW = {
    "people": [ANN, None, BEN, CY],
    "Role": "owner",
    "Nothing": None,
    "names": ["Ann", "", "Ben", None, "Cy"],
    "Text": "a",
}


@pytest.mark.parametrize(
    ("condition", "kept"),
    [
        ("'active'", [ANN]),
        ("'role'", [ANN, BEN]),
        ("'home.city'", [ANN]),
        ("'missing'", []),
        ("'role', 'owner'", [ANN]),
        ("'role', Role", [ANN]),
        ("'role', equals=Role", [ANN]),
        ("'role', none", [CY]),
        ("'role', Nothing", [CY]),
        ("'home.city', none", [BEN, CY]),
        ("'active', false", [BEN]),
        ("'role', ['owner', 'tenant']", [ANN, BEN]),
        ("'role', [none, Role]", [ANN, CY]),
        ("'role', []", []),
        ("key='name', contains='n'", [ANN, BEN]),
        ("'role', contains='own'", [ANN]),
        ("key=none, equals=1", []),
    ],
)
def test_elements_are_kept_by_a_field(condition: str, kept: list[Any]) -> None:
    assert evaluate(f"people | where({condition})", ROW) == kept


@pytest.mark.parametrize(
    ("condition", "kept"),
    [("contains='n'", ["Ann", "Ben"]), ("equals='Cy'", ["Cy"]), ("equals=['Cy', 'Ann', 'X']", ["Ann", "Cy"])],
)
def test_elements_are_kept_by_themselves(condition: str, kept: list[Any]) -> None:
    assert evaluate(f"names | where({condition})", ROW) == kept


def test_an_element_has_the_fields_that_it_had() -> None:
    assert evaluate("(people | where('role', 'tenant') | first).name", ROW) == "Ben"
    assert evaluate("people | where('role') | where('active') | length", ROW) == 1
    assert problem("(people | where('role', 'nobody') | first).name", ROW).code == "no-item"


def test_nothing_is_left_of_a_list_that_is_empty() -> None:
    row = ROW | {"Bare": []}
    for name in ("Bare", "Nothing"):
        assert evaluate(f"{name} | where('role', 'owner')", row) == []
        assert evaluate(f"{name} | where(contains='x') | length", row) == 0
        assert evaluate(f"({name} | where('role'))[*].name", row) == []


def test_a_column_of_the_whole_name_comes_before_a_path() -> None:
    assert evaluate("a | where('b.c')", {"a": [{"b.c": 1}, {"b": {"c": 1}, "b.c": 0}]}) == [{"b.c": 1}]


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("Text | where('a')", "wrong-kind"),
        ("names | where('a')", "unknown-field"),
        ("people | where('name.first')", "unknown-field"),
        ("people | where('name', contains=5)", "wrong-kind"),
    ],
)
def test_what_has_no_such_field_is_a_problem(expression: str, code: str) -> None:
    assert problem(expression, ROW).code == code


def test_what_is_compared_is_within_bounds() -> None:
    row = {"many": [{"x": n} for n in range(1_000)], "others": list(range(1_000))}
    assert problem("many | where('x', others)", row).code == "list-too-long"
    assert evaluate("many | where('x', others[:200]) | length", row) == 200


@pytest.mark.parametrize(
    "arguments",
    ["", "Role", "''", "5", "'a', 'b', 'c'", "role='owner'", "'a', key='b'", "'a', 'b', equals='c'",
     "'a', 'b', contains='c'", "equals=1, contains=2", "key=Role", "key='a', starts='b'"],
)  # fmt: skip
def test_other_arguments_are_refused(arguments: str) -> None:
    found = refused(f"people | where({arguments})", ROW)
    assert found.code == "wrong-argument"
    assert "where('role', 'owner')" in found.hint


def test_what_is_no_list_is_refused_before_there_is_a_row() -> None:
    assert refused("Role | upper | where('a')", ROW).code == "wrong-kind"
    assert refused("names | where(contains='a') | upper", ROW).code == "wrong-kind"
    assert refused("(Role | split | where(contains='a'))[0] > 5", ROW).code == "wrong-kind"
    assert "where" in refused("people | selectattr('role')", ROW).hint
