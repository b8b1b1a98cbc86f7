"""The rules of the language page about values, the empty one and names, one test a rule."""

from __future__ import annotations

from typing import Any

import pytest
from evaluation import evaluate
from one_expression import ROW, problem, refused

from opusmap.errors import InvalidMapping

# No retyping.


@pytest.mark.parametrize("text", ["0010", "1e5", "True", "None", "[1]", "{'a': 1}", "2024-01-01", " x "])
def test_no_retyping(text: str) -> None:
    for expression in ("{{ Code }}", "Code", "{{ [Code][0] }}", "{{ Code }}{{ '' }}", "{{ Code ~ '' }}"):
        assert evaluate(expression, {"Code": text}) == text


def test_one_expression_alone_keeps_its_type() -> None:
    for name in ("Amount", "Rate", "Flag"):
        for template in ("{{ %s }}", "  {{%s}}  ", "{{ %s }}\n", "{# why #}{{ %s }}", "{{- %s -}}"):
            value = evaluate(template % name, ROW)
            assert value == ROW[name]
            assert type(value) is type(ROW[name])
    assert evaluate("{{ Middle }}", ROW) is None
    assert evaluate("{{ [1, 2] }}") == [1, 2]


def test_anything_more_than_one_expression_is_text() -> None:
    assert evaluate("{{ Amount }}{{ Rate }}", ROW) == "121.5"
    assert evaluate("CT-{{ Code }}", ROW) == "CT-0010"
    assert evaluate("{{ Flag }}.", ROW) == "true."
    assert evaluate("{{ 1 }} ({{ 2 }})") == "1 (2)"
    assert evaluate("{% if true %}{{ 1 }}{% endif %}") == "1"


# No silent nulls; the empty value.


@pytest.mark.parametrize("empty", ["", "N/A", None, []])
def test_empty_is_one_thing(empty: Any) -> None:
    row = {"x": empty, "nested": {"x": empty}, "many": [empty, "a"]}
    for expression in (
        "x",
        "nested.x",
        "row['x']",
        "nested['x']",
        "many[0]",
        "nested.no",
        "x | d(none)",
    ):
        assert evaluate(expression, row, empty=("", "N/A")) is None


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("Middle | default('none')", "none"),
        ("Middle is none", True),
        ("Middle is not none", False),
        ("Middle == none", True),
        ("Middle == 'x'", False),
        ("Middle != 'x'", True),
        ("Middle in ['x']", False),
        ("Middle not in ['x']", True),
        ("Middle and 1", None),
        ("Middle or 1", 1),
        ("not Middle", True),
        ("1 if Middle else 2", 2),
        ("Middle if Middle is none else 1", None),
        ("coalesce(Middle, none, [], 0)", 0),
        ("coalesce(Middle)", None),
        ("';' | split(';') | default('no part')", "no part"),
    ],
)
def test_what_accepts_an_empty_value(expression: str, expected: Any) -> None:
    assert evaluate(expression, ROW) == expected


@pytest.mark.parametrize(
    "expression",
    [
        *("Middle ~ 'x'", "'x' ~ Middle", "Middle + 1", "1 - Middle", "Middle * 2", "2 / Middle"),
        *("Middle // 2", "Middle % 2", "-Middle", "+Middle", "Middle < 1", "1 >= Middle", "Middle[0]"),
        *("Middle[:2]", "(Middle or none).year", "Middle | trim", "Middle | upper", "Middle | number"),
        *("Middle | datetime", "Middle | join", "Middle | list", "Middle | map('trim')"),
        *("[Middle] | map('trim')", "Middle | string", "Middle | first"),
        *("Middle is even", "Middle is lower", "Middle is string", "Middle is divisibleby 2"),
        *("departments[Middle]", "Title | replace('e', Middle)", "Title | trim(Middle)"),
        "Title | truncate(length=Middle)",
    ],
)
def test_every_other_operator_and_filter_refuses_an_empty_operand(expression: str) -> None:
    assert problem(expression).code == "empty-operand"


@pytest.mark.parametrize(
    "template",
    ["CT-{{ Middle }}", "{{ Title }}{{ Middle }}", "{% if Flag %}{{ Middle }}{% endif %}", "{{ Middle }}."],
)
def test_an_empty_value_in_a_template_is_a_problem(template: str) -> None:
    found = problem(template)
    assert found.code == "empty-in-template"
    assert "default('')" in found.help
    assert isinstance(evaluate(template.replace("Middle }}", "Middle | default('') }}"), ROW), str)


# Names.


def test_a_name_that_is_no_column_step_or_table_is_an_error_when_the_columns_are_known() -> None:
    found = refused("Titel ~ 'x'")
    assert found.code == "unknown-column"
    assert found.help == 'did you mean "Title"?'


def test_a_name_that_the_row_lacks_rejects_it_when_the_columns_are_not_known() -> None:
    assert problem("Titel", columns=None).code == "unknown-column"
    assert problem("author.name", columns=None).code == "unknown-column"


def test_every_problem_of_an_expression_is_found_at_once() -> None:
    with pytest.raises(InvalidMapping) as caught:
        evaluate("{{ Titel }} {{ Codex | trimm }} {{ 2 ** 3 }}", ROW)
    assert [found.code for found in caught.value.diagnostics] == [
        *("unknown-column", "unknown-column", "unknown-converter", "not-in-language")
    ]


def test_row_reads_any_column_by_its_name() -> None:
    row = {"Contract No": "7", "row": "r", "a.b": "dotted", "a": {"b": "nested"}}
    assert evaluate("row['Contract No'] ~ row['a.b']", row) == "7dotted"
    assert evaluate("row['Contract No']", row, columns=None) == "7"
    assert refused("row['Contract']", row).code == "unknown-column"
    for wrong in ("row[1]", "row[Code]", "row['a' ~ 'b']", "row['a':'b']"):
        assert refused(wrong, {**row, "Code": ""}).code == "row-item"


def test_a_dotted_name_is_the_exact_column_if_there_is_one_else_a_path() -> None:
    nested = {"author": {"email": "a@b.org", "deep": {"er": 1}}}
    for columns in (None, nested):
        assert evaluate("author.email", nested, columns=columns) == "a@b.org"
        assert evaluate("author.deep.er + 1", nested, columns=columns) == 2
        assert evaluate("author.nothing.at.all", nested, columns=columns) is None
    both = {"author.email": "exact", **nested}
    for columns in (None, both):
        assert evaluate("author.email", both, columns=columns) == "exact"


def test_a_table_gives_its_items_and_nothing_else() -> None:
    assert evaluate("departments[Code]", {"Code": "FIN"}) == "Finance"
    assert evaluate("departments[' FIN ']") == "Finance"
    assert evaluate("'HR' in departments and 'X' not in departments") is True
    assert problem("departments['X']").code == "not-in-table"
    for wrong in (
        "departments",
        "departments | length",
        "[departments]",
        "departments.HR",
        "departments[:1]",
    ):
        assert refused(wrong).code == "table-item"
