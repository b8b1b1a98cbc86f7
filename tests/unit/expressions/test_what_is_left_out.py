"""What the language leaves out is refused with advice; what is too deep or too long as well."""

from __future__ import annotations

import pytest
from evaluation import compiled, evaluate
from one_expression import ROW, refused

from opusmap.errors import InvalidMapping
from opusmap.expressions.hints import FILTER_ADVICE

# What is left out.


@pytest.mark.parametrize(
    ("expression", "code", "advice"),
    [
        ("2 ** 3", "not-in-language", "multiply"),
        ("{'a': 1}", "not-in-language", "tables:"),
        ("{% for x in [1] %}{{ x }}{% endfor %}", "not-in-language", "map('trim')"),
        ("{% set x = 1 %}", "not-in-language", "let:"),
        ("{% autoescape true %}{{ Title }}{% endautoescape %}", "not-in-language", "as they are"),
        ("{% autoescape Title %}{% endautoescape %}", "not-in-language", "as they are"),
        ("a {% autoescape %}b{% endautoescape %}", "template-syntax", ""),
        ("{% if Title %}{% autoescape false %}x{% endautoescape %}{% endif %}", "not-in-language", ""),
        ("{% filter upper %}{% autoescape true %}x{% endautoescape %}{% endfilter %}", "not-in-language", ""),
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
        ("'%d/%m/%Y' | datetime(Title)", "wrong-argument", "write `Title | datetime('%d/%m/%Y')`"),
        ("'%d' | datetime(row['Title'], 1900)", "wrong-argument", "write `Title | datetime('%d', 1900)`"),
        (
            "'[a\"]' | regex_replace(Title, \"'\")",
            "wrong-argument",
            "`Title | regex_replace('[a\"]', \"'\")`",
        ),
        ("'%d' | datetime(Title ~ Code)", "wrong-argument", "constants"),
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
            "(Title[:{}] | length)",
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
