"""The rules of the language page about templates, tests, filters and functions, one test a rule."""

from __future__ import annotations

import pytest
from evaluation import compiled, evaluate, evaluated
from one_expression import ROW, problem

from opusmap.expressions.hints import TESTS

# Templates.


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("{% if Flag %}yes{% else %}no{% endif %}", "yes"),
        ("{% if not Flag %}yes{% endif %}", ""),
        ("{% if Middle %}a{% elif Amount > 10 %}b{% else %}c{% endif %}", "b"),
        ("{% if Flag %}{% if Middle %}x{% else %}{{ Title }}{% endif %}{% endif %}!", "Lease!"),
        ("a {%- if Flag %} b {% endif -%} c", "a b c"),
        ("a {{- 1 -}} b", "a1b"),
        ("a{# nothing #}b", "ab"),
        ("{{ Title }}{# {{ Titel }} #}", "Lease"),
        ("{% raw %}{{ Title }}{% endraw %}", "{{ Title }}"),
        ("one\ntwo {{ Amount }}\n", "one\ntwo 12"),
        ("one\r\n{{ Amount }}\rtwo", "one\n12\ntwo"),
        ("{{ 'a}}b' }}", "a}}b"),
        ("plain {# c #}", "plain "),
    ],
)
def test_templates_have_if_comments_and_whitespace_control(template: str, expected: str) -> None:
    assert evaluate(template, ROW) == expected


# Tests, filters, functions.


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("none is none", True),
        ("'' is none", False),
        ("'a' is string", True),
        ("1 is string", False),
        ("1 is number", True),
        ("1.5 is number", True),
        ("'1' is number", False),
        ("1 is integer", True),
        ("1.5 is integer", False),
        ("true is integer", False),
        ("true is boolean", True),
        ("1 is boolean", False),
        ("o is mapping", True),
        ("'a' is mapping", False),
        ("true is true", True),
        ("1 is true", False),
        ("false is false", True),
        ("2 is even", True),
        ("-3 is odd", True),
        ("2.5 is odd", False),
        ("'ab' is lower", True),
        ("'AB' is upper", True),
        ("'Ab' is lower", False),
        ("9 is divisibleby 3", True),
        ("1 is in [1]", True),
        ("1 is not in [1]", False),
        ("1 is eq 1", True),
        ("1 is equalto(2)", False),
        ("1 is ne 2", True),
        ("1 is lt 2", True),
        ("1 is lessthan 1", False),
        ("1 is le 1", True),
        ("2 is gt 1", True),
        ("2 is greaterthan 2", False),
        ("2 is ge 2", True),
        ("1 is not string", True),
        ("'CT-7' is matching('-[0-9]')", True),
        ("'CT-7' is matching '^7'", False),
        ("10000000000000000000000000000000.5 is even", False),
    ],
)
def test_tests(expression: str, expected: bool) -> None:  # noqa: FBT001
    assert evaluate(expression, {"o": {"k": 1}}) is expected


def test_every_listed_test_is_tested_here() -> None:
    marks = next(mark for mark in test_tests.pytestmark if mark.name == "parametrize")
    used = {word for case in marks.args[1] for word in case[0].replace("(", " ").split()}
    assert {name for name in TESTS if name.isalpha()} <= used


def test_coalesce_gives_the_first_value_that_is_not_empty() -> None:
    assert evaluate("coalesce(Middle, Title, Code)", ROW) == "Lease"
    assert evaluate("coalesce(Middle, 0)", ROW) == 0


def test_map_applies_a_converter_to_each_element() -> None:
    assert evaluate("' a; b ' | split(';') | map('upper') | join('+')") == "A+B"
    assert evaluate("['abc', 'de'] | map('truncate', 1)") == ["a", "d"]
    assert evaluate("['abc', 'de'] | map('truncate', 2, end='…')") == ["a…", "de"]


def test_default_is_for_empty_values_only() -> None:
    assert evaluate("0 | default(5)") == 0
    assert evaluate("false | default(true)") is False
    assert evaluate("'' | default('x')") == ""
    assert evaluate("Middle | default(Title | upper)", ROW) == "LEASE"
    assert evaluate("Middle | d(none)", ROW) is None


def test_arguments_may_come_from_the_row() -> None:
    assert evaluate("Title | truncate(n)", {"Title": "Lease", "n": 2}) == "Le"
    assert problem("Title | truncate(n)", {"Title": "Lease", "n": "x"}).code == "wrong-argument"


def test_a_row_is_never_changed() -> None:
    row = {"items": [3, 1, 2], "o": {"k": ["a"]}}
    before = repr(row)
    for expression in (
        "items | sort",
        "items | reverse",
        "items | unique",
        "o.k | map('upper')",
        "items[1:]",
    ):
        evaluate(expression, row)
    assert repr(row) == before


def test_evaluating_twice_gives_the_same() -> None:
    mapper = compiled("Middle | default(Title) ~ Amount", ROW)
    assert evaluated(mapper, ROW) == evaluated(mapper, ROW) == "Lease12"
