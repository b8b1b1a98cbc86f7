"""The rules of the language page about expressions, one test a rule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from evaluation import compiled, evaluate, evaluated

from opusmap.diagnostics import Diagnostic
from opusmap.errors import InvalidMapping, ValueProblem
from opusmap.expressions.advice import FILTER_ADVICE, TESTS

ROW = {"Code": "0010", "Title": "Lease", "Middle": "", "Amount": 12, "Rate": Decimal("1.50"), "Flag": True}
MOMENT = "2024-07-01T00:30:05+10:00"


def problem(expression: str, row: dict[str, Any] | None = None, **options: Any) -> ValueProblem:
    with pytest.raises(ValueProblem) as caught:
        evaluate(expression, ROW if row is None else row, **options)
    return caught.value


def refused(expression: str, row: dict[str, Any] | None = None, **options: Any) -> Diagnostic:
    with pytest.raises(InvalidMapping) as caught:
        evaluate(expression, ROW if row is None else row, **options)
    assert len(caught.value.diagnostics) == 1, caught.value.diagnostics
    return caught.value.diagnostics[0]


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
        *("[Middle] | map('trim')", "Middle | length", "Middle | string", "Middle | first"),
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


# Operators.


@pytest.mark.parametrize(
    "expression",
    ["Code + 1", "1 + Code", "Code + Title", "Code * 2", "2 * Code", "Code - 1", "Code / 1"],
)
def test_plus_and_times_on_texts_are_errors(expression: str) -> None:
    found = problem(expression)
    assert found.code == "text-arithmetic"
    assert "`~`" in found.help
    assert "| number" in found.help


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("-3", -3),
        ("- 3", -3),
        ("-Amount", -12),
        ("+3", 3),
        ("{{ -3 }}", -3),
        ("{{- -3 -}}", -3),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 % 3", 1),
        ("-7 % 3", 2),
        ("7.5 % -2", Decimal("-0.5")),
        ("1 / 4", Decimal("0.25")),
        ("0.1 + 0.2", Decimal("0.3")),
        ("0.12345678901234567890123456789", Decimal("0.12345678901234567890123456789")),
        ("9999999999999999999999999999999999 // 1.1", 9090909090909090909090909090909090),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("3 > 2 >= 2 != 1", True),
        ("'a' < 'b'", True),
        ("1 == 1.0", True),
        ("'1' == 1", False),
        ("'a' in 'cat'", True),
        ("1 not in [2, 3]", True),
        ("'a' ~ 1 ~ 1.50 ~ true", "a11.5true"),
        ("1 if true else 2", 1),
        ("'abcdef'[1:3]", "bc"),
        ("'abcdef'[:-1]", "abcde"),
        ("'abcdef'[2:]", "cdef"),
        ("[1, 2, 3][1:]", [2, 3]),
        ("'abc'[-1]", "c"),
        ("[1, [2, 3]][1][0]", 2),
        ("1, 2", [1, 2]),
        ("'a' 'b'", "ab"),
        (r"'a\nb'", "a\nb"),
        ("1_000", 1000),
        ("0x1F", 31),
        ("not 1 == 2", True),
        ("true and 'x'", "x"),
        ("0 or ''", ""),
    ],
)
def test_operators_do_what_jinjas_do(expression: str, expected: Any) -> None:
    value = evaluate(expression, ROW)
    assert value == expected
    assert isinstance(value, bool) == isinstance(expected, bool)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("1 / 0", "division-by-zero"),
        ("1 // 0", "division-by-zero"),
        ("1 % 0.0", "division-by-zero"),
        ("1 < 'a'", "wrong-kind"),
        ("Code < 11", "wrong-kind"),
        ("[1] < [2]", "wrong-kind"),
        ("'2024-01-01' | date < 1", "wrong-kind"),
        ("true + 1", "wrong-kind"),
        ("[1] + [2]", "wrong-kind"),
        ("1 in 'a'", "wrong-kind"),
        ("1 in 5", "wrong-kind"),
        ("[1][5]", "no-item"),
        ("'a'['x']", "wrong-kind"),
        ("5[0]", "wrong-kind"),
        ("'abc'[1:'x']", "wrong-kind"),
        ("9999999999999999999999999999999999 * 9999999999999999999999999999999999", "number-too-large"),
        ("[1] ~ 'a'", "wrong-kind"),
        ("5 | map('trim')", "wrong-kind"),
        ("[] | first", "no-item"),
    ],
)
def test_operands_of_the_wrong_kind_are_problems(expression: str, code: str) -> None:
    assert problem(expression).code == code


def test_a_chained_comparison_evaluates_each_operand_once_and_stops_at_the_first_false_link() -> None:
    assert evaluate("2 < 1 < Middle", ROW) is False
    assert problem("1 < 2 < Middle").code == "empty-operand"


def test_inline_if_without_else_is_none() -> None:
    assert evaluate("'x' if false") is None
    assert evaluate("'x' if true") == "x"
    assert problem("a{{ 'x' if false }}").code == "empty-in-template"


# Dates.


@pytest.mark.parametrize(
    ("field", "expected"),
    [("year", 2024), ("month", 7), ("day", 1), ("hour", 0), ("minute", 30), ("second", 5), ("weekday", 1)],
)
def test_the_fields_of_a_time_are_those_of_the_sources_zone(field: str, expected: int) -> None:
    assert evaluate(f"(t | datetime).{field}", {"t": MOMENT}) == expected
    assert evaluate(f"(t | datetime).{field}", {"t": "2024-06-30T14:30:05Z"}) == expected


@pytest.mark.parametrize("day", range(1, 8))
def test_weekdays_count_from_monday_1_to_sunday_7(day: int) -> None:
    assert evaluate(f"('2024-01-0{day}' | date).weekday") == day  # 1 January 2024 was a Monday


@pytest.mark.parametrize("field", ["hour", "minute", "second"])
def test_a_date_has_zero_hours_minutes_and_seconds(field: str) -> None:
    assert evaluate(f"('2024-01-31' | date).{field}") == 0


def test_dates_and_times_compare_with_their_like() -> None:
    assert evaluate("'2024-01-31' | date < '2024-02-01' | date") is True
    assert evaluate("t | datetime == '2024-06-30T14:30:05Z' | datetime", {"t": MOMENT}) is True
    assert problem("('2024-01-31' | date) < (t | datetime)", {"t": MOMENT}).code == "wrong-kind"
    assert evaluate("t | datetime | date", {"t": MOMENT}) == date(2024, 7, 1)
    assert evaluate("t | datetime", {"t": MOMENT}) == datetime(2024, 6, 30, 14, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize("field", ["tzinfo", "isoformat", "microsecond", "strftime", "max"])
def test_a_time_has_no_other_fields(field: str) -> None:
    assert problem(f"(t | datetime).{field}", {"t": MOMENT}).code == "unknown-field"
    assert "make it a date first" in problem(f"t.{field}", {"t": MOMENT}).help


# What is left out.


@pytest.mark.parametrize(
    ("expression", "code", "advice"),
    [
        ("2 ** 3", "not-in-language", "multiply"),
        ("{'a': 1}", "not-in-language", "tables:"),
        ("{% for x in [1] %}{{ x }}{% endfor %}", "not-in-language", "map('trim')"),
        ("{% set x = 1 %}", "not-in-language", "let:"),
        ("{% macro m() %}{% endmacro %}", "not-in-language", "let:"),
        ("{% include 'x' %}", "not-in-language", "include:"),
        ("{% import 'x' as y %}", "not-in-language", "include:"),
        ("{% from 'x' import y %}", "not-in-language", "include:"),
        ("{% extends 'x' %}", "not-in-language", "include:"),
        ("{% block b %}{% endblock %}", "not-in-language", "let:"),
        ("{% filter upper %}x{% endfilter %}", "not-in-language", "value | converter"),
        ("{% call x() %}{% endcall %}", "not-in-language", ""),
        ("{% with a = 1 %}{% endwith %}", "not-in-language", ""),
        ("{% raw %}x", "template-syntax", ""),
        ("{% do 1 %}", "template-syntax", "{% if %}"),
        ("{{ 1", "template-syntax", "closed by"),
        ("{% if 1 %}x", "template-syntax", ""),
        ("Title.upper()", "unknown-function", "converter"),
        ("upper(Title)", "unknown-function", "value | upper"),
        ("range(3)", "unknown-function", "coalesce"),
        ("coalesce()", "wrong-argument", ""),
        ("coalesce", "unknown-column", "call it"),
        ("coalesce(*[1])", "unknown-function", ""),
        ("'x'.upper", "unknown-field", "dates have"),
        ("Title.__class__", "unknown-field", "dates have"),
        ("Title | attr('upper')", "unknown-converter", "row["),
        ("Title | uper", "unknown-converter", "upper"),
        ("Title | default('a', true)", "wrong-argument", "default("),
        ("Title | default", "wrong-argument", "default("),
        ("[1] | map(attribute='x')", "wrong-argument", "map('trim')"),
        ("[1] | map('default', 1)", "unknown-converter", ""),
        ("Title is defined", "unknown-test", "is none"),
        ("Title is callable", "unknown-test", "called"),
        ("Title is nonne", "unknown-test", "none"),
        ("Title is divisibleby", "wrong-argument", ""),
        ("'abc'[::2]", "slice-step", "[start:stop]"),
        ("Title | truncate(*[1])", "template-syntax", ""),
        ("Title | truncate", "wrong-argument", ""),
        ("Title | truncate('x')", "wrong-argument", ""),
        ("Title | truncate(1, 2, 3)", "wrong-argument", ""),
        ("Title | truncate(lenght=1)", "wrong-argument", ""),
        ("Title | regex_replace(Code, '')", "wrong-argument", "constants"),
        ("[1] | map('truncate', Amount)", "wrong-argument", "constants"),
        ("Title |", "template-syntax", ""),
        ("", "template-syntax", ""),
        ("1 }}", "template-syntax", ""),
        ("Amount -", "template-syntax", ""),
        ("{{-3}}", "template-syntax", "{{ -x"),
        ("{{-Amount}}", "template-syntax", "{{ -x"),
        ("$", "template-syntax", ""),
        ("1e999", "number-too-large", ""),
        ("1e9999999999999999999", "number-too-large", ""),
        ("1" * 35, "number-too-large", ""),
    ],
)
def test_what_is_left_out_is_refused_with_advice(expression: str, code: str, advice: str) -> None:
    found = refused(expression)
    assert found.code == code
    assert advice in found.help + found.message


@pytest.mark.parametrize("name", FILTER_ADVICE)
def test_jinjas_other_filters_are_refused_with_advice(name: str) -> None:
    found = refused(f"Title | {name}")
    assert (found.code, found.help) == ("unknown-converter", FILTER_ADVICE[name])


@pytest.mark.parametrize(
    "opening", ["(", "[", "not ", "-", "+", "{{ (", "Title | trim(", "1 if ", "[[1][0]]["]
)
def test_what_is_nested_too_deep_is_refused_once(opening: str) -> None:
    found = refused((opening * 900)[:8_000])
    assert found.code in ("expression-too-deep", "expression-too-long", "template-syntax")


DEEP = {
    "filters": ("Title", " | upper"),
    "default": ("Title", " | default('x')"),
    "sums": ("Amount", " + 1"),
    "comparison": ("true", " == true"),
    "logic": ("true", " and true"),
    "items": ("[1]", "[0:1]"),
    "fields": ("Amount", ".year"),
}


@pytest.mark.parametrize("kind", DEEP)
@pytest.mark.parametrize("levels", [40, 400])
def test_long_chains_compile_or_are_refused(kind: str, levels: int) -> None:
    start, link = DEEP[kind]
    refused_for = ""
    try:
        mapper = compiled(start + link * levels, ROW)
    except InvalidMapping as error:
        (found,) = error.diagnostics
        refused_for = found.code
    else:
        mapper.map_row(ROW)
    assert refused_for in (["", "expression-too-deep", "expression-too-long"][: 1 if levels == 40 else 3])


@pytest.mark.parametrize(
    "shape",
    [
        *(
            "({} | default({}))",
            "({} if {} else 1)",
            "[{}, {}]",
            "({} ~ {})",
            "not ({} == {})",
            "(1 < {} < {})",
        ),
        *(
            "({} and {})",
            "coalesce({}, {})",
            "(Title | truncate({}) | length)",
            "Title[:{}]",
            "({} is eq {})",
            "-({} + 1)",
        ),
    ],
)
def test_the_deepest_nesting_that_is_accepted_compiles(shape: str) -> None:
    accepted = 0
    for depth in range(1, 60):
        expression = "1"
        for _ in range(depth):
            expression = shape.replace("{}", expression, 1).replace("{}", "2")
        try:
            compiled(expression, ROW).map_row(ROW)
        except InvalidMapping as error:
            assert {found.code for found in error.diagnostics} == {"expression-too-deep"}  # noqa: PT017
        else:
            accepted = depth
    assert accepted >= 15


@pytest.mark.parametrize("branches", [1, 20, 60, 300])
def test_many_elif_branches_compile_or_are_refused(branches: int) -> None:
    template = "{% if Amount == 0 %}0" + "".join(f"{{% elif Amount == {n} %}}{n}" for n in range(1, branches))
    template += "{% else %}other{% endif %}"
    if branches <= 20:
        assert evaluate(template, ROW) == ("12" if branches > 12 else "other")
    else:
        assert refused(template).code in ("expression-too-deep", "expression-too-long")


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
