"""A diagnostic points at the very characters it speaks of, however the YAML file quotes and folds them."""

from __future__ import annotations

import json

import pytest
from evaluation import evaluate
from hypothesis import given
from hypothesis import strategies as st

from opusmap.converters import builtin_converters
from opusmap.errors import InvalidMapping
from opusmap.expressions import Scope, parse_template
from opusmap.issues import Span
from opusmap.mapping import Text
from opusmap.mapping.yaml_reader import Entries, parse_yaml

SCOPE = Scope(frozenset({"Title", "Größe"}), registry=builtin_converters())
WRONG = "Titel9"
PIECES = st.sampled_from(
    [
        *("{{ Title }}", "text", "é", "  ", "'", '"', "\\", "{{ 'it''s' }}", '{{ "q" ~ Title }}', ": "),
        *("\U0001d4b3", "{# c #}", "{% if Title %}a{% endif %}", "{{ Größe }}", "word word", "#", " - "),
        *("{{- Title -}}", "\\n"),
    ]
)
TEMPLATES = st.builds(
    lambda before, after: "".join(before) + "{{ Title ~ " + WRONG + " }}" + "".join(after),
    st.lists(PIECES, max_size=6),
    st.lists(PIECES, max_size=4),
)
MANY_LINES = st.builds("\n".join, st.lists(TEMPLATES.map(str.strip), min_size=1, max_size=3))


def marked(file: str, span: Span) -> str:
    assert span.line == span.end_line
    return file.split("\n")[span.line - 1][span.column - 1 : span.end_column - 1]


def assert_the_wrong_name_is_marked(file: str) -> None:
    entries = parse_yaml(file, "m.yaml").data
    assert isinstance(entries, Entries)
    text = entries["value"]
    assert isinstance(text, Text)
    expression, problems = parse_template(text, SCOPE)
    assert expression is None
    assert len(problems) == text.count(WRONG)
    places = set()
    for problem in problems:
        assert problem.code == "unknown-column"
        assert marked(file, problem.span) == WRONG
        places.add((problem.span.line, problem.span.column))
    assert len(places) == len(problems)


@given(TEMPLATES)
def test_in_single_quotes(template: str) -> None:
    assert_the_wrong_name_is_marked("first: 1\nvalue: '" + template.replace("'", "''") + "'\n")


@given(TEMPLATES, st.booleans())
def test_in_double_quotes(template: str, escaped: bool) -> None:  # noqa: FBT001
    quoted = json.dumps(template, ensure_ascii=False)
    if escaped:
        quoted = quoted.replace("é", r"\xe9").replace("ö", r"\u00f6").replace("\U0001d4b3", r"\U0001D4B3")
    assert_the_wrong_name_is_marked(f"first: 1\nvalue: {quoted}\n")


@given(MANY_LINES, st.sampled_from(["|", "|-", "|+", "| # a comment"]), st.integers(1, 4))
def test_in_a_literal_block(template: str, header: str, indent: int) -> None:
    lines = "\n".join(" " * indent + line for line in template.split("\n"))
    assert_the_wrong_name_is_marked(f"first: 1\nvalue: {header}\n{lines}\nlast: 1\n")


@given(MANY_LINES, st.sampled_from([">", ">-", ">+"]), st.integers(1, 4), st.booleans())
def test_in_a_folded_block(template: str, header: str, indent: int, apart: bool) -> None:  # noqa: FBT001
    between = "\n\n" if apart else "\n"
    lines = between.join(" " * indent + line for line in template.split("\n"))
    assert_the_wrong_name_is_marked(f"first: 1\nvalue: {header}\n{lines}\nlast: 1\n")


@given(st.integers(0, 3), st.integers(1, 4))
def test_in_a_plain_scalar_over_several_lines(count: int, indent: int) -> None:
    lines = [f"x {{{{ {WRONG}", *[f"~ {WRONG}"] * count, "}}"]
    assert_the_wrong_name_is_marked("first: 1\nvalue: " + ("\n" + " " * indent).join(lines) + "\n")


@given(MANY_LINES, st.integers(1, 4))
def test_in_double_quotes_over_several_lines(template: str, indent: int) -> None:
    lines = [json.dumps(line, ensure_ascii=False)[1:-1] for line in template.split("\n")]
    folded = ("\n" + " " * indent).join(lines)
    assert_the_wrong_name_is_marked(f'first: 1\nvalue: "{folded}"\n')
    joined = ("\\\n" + " " * indent).join(lines)
    assert_the_wrong_name_is_marked(f'first: 1\nvalue: "{joined}"\n')


@given(MANY_LINES, st.integers(1, 4))
def test_in_single_quotes_over_several_lines(template: str, indent: int) -> None:
    folded = ("\n" + " " * indent).join(line.replace("'", "''") for line in template.split("\n"))
    assert_the_wrong_name_is_marked(f"first: 1\nvalue: '{folded}'\n")


@given(TEMPLATES, st.sampled_from([r"\r\n", r"\r", r"\n", r"\t"]))
def test_after_escaped_line_breaks(template: str, breaks: str) -> None:
    quoted = json.dumps(template, ensure_ascii=False)[1:-1]
    assert_the_wrong_name_is_marked(f'first: 1\nvalue: "a{breaks}{breaks}b{breaks}{quoted}{breaks}"\n')


@pytest.mark.parametrize(
    ("template", "shown"),
    [
        ("{{ Titel }}", "Titel"),
        ("{{ row['Titel'] }}", "'Titel'"),
        ("{{ Title | uper }}", "uper"),
        ("{{ Title | trim | truncate('x') | upper }}", "truncate"),
        ("{{ Title $ 1 }}", "$"),
        ("{{ 1 + + }}", "}}"),
        ("{{ Title", "Title"),
        ("a {% for x in y %}{% endfor %}", "for"),
        ("{{ 'x' ~ 1e999 }}", "1e999"),
        ("{{-Title}}", "-"),
    ],
)
def test_what_each_problem_marks(template: str, shown: str) -> None:

    with pytest.raises(InvalidMapping) as caught:
        evaluate(template, {"Title": ""})
    assert marked(template, caught.value.diagnostics[0].span) == shown
