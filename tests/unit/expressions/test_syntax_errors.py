"""A template that can't be read is told in words for people who do not know Jinja."""

from __future__ import annotations

import pytest

from opusmap.converters import builtin_converters
from opusmap.expressions import Scope, parse_template
from opusmap.issues import Issue, Span
from opusmap.mapping import Text

COLUMNS = frozenset({"Title", "Status", "Contract No", "Doc-Type"})


def problem(template: str, columns: frozenset[str] | None = COLUMNS) -> Issue[Span]:
    text = Text(template, Span("m.yaml", 1, 1, 1, 2), None, template, 0)
    expression, problems = parse_template(text, Scope(columns, registry=builtin_converters()))
    assert expression is None
    return problems[0]


@pytest.mark.parametrize(
    ("template", "said", "advised"),
    [
        ("{{ Contract No }}", "a name with spaces or signs", "row['Contract No']"),
        ("{{ [Contract No] }}", "a name with spaces or signs", "row['Contract No']"),
        ("{{ Box No }}", 'there is no column "Box No" in the source', "write an operator: `~` joins texts"),
        ("{{ Status = 'Active' }}", "`=` does not compare", "`==`"),
        ("{% if Status = 'Active' %}x{% endif %}", "`=` does not compare", "`==`"),
        ("{{ IF(Status = 'x', 1, 2) }}", "in these brackets can't be read", "`==`"),
        ("{{ Title & Status }}", "`&` is not an operator", "`and`"),
        ("{{ Title || Status }}", "`||` is not an operator", "`or`"),
        ("{{ !Title }}", "`!` is not an operator", "`not`"),
        ("{{ Title <> 'x' }}", "`<>` is not an operator", "`!=`"),
        ("{{ Title ? 'x' : 'y' }}", "`?` is not an operator", "if Status"),
        ("{{ $Title }}", "before a name", "{{ Title }}"),
        ("{{ “x” }}", "typographic quotation marks (“ ”)", "write: `{{ 'x' }}`"),
        ("{{ `x` }}", "not a straight quotation mark", "write ' at both ends"),
        ("{{ 'x }}", "a quotation mark (') is missing", "`{{ 'x' }}`"),
        ("{{ Title ~ x' }}", "a quotation mark (') is missing", "`{{ Title ~ 'x' }}`"),
        (
            "{{ row['Contract No] ~ 'x' }}",
            "a quotation mark (') is missing",
            "`{{ row['Contract No'] ~ 'x' }}`",
        ),
        (
            '{{ Title | replace("a, "b") }}',
            'a quotation mark (") is missing',
            '`{{ Title | replace("a", "b") }}`',
        ),
        ("{{ 'x" + " " * 300 + "}}", "the text that begins here is not closed", "'…'"),
        ("{{ Title | truncate 5 }}", "can't follow the converter truncate", "| truncate(…)"),
        ("{{ Title | default: '' }}", '":" can\'t follow the converter default', "`| default('')`"),
        ("{{ Title | truncate : 5 | trim }}", "can't follow the converter truncate", "`| truncate(5)`"),
        ("{{ Title | split: }}", "can't follow the converter split", "`| split(…)`"),
        ("{{ Title | }}", "a converter is missing", "opusmap converters"),
        ("{{ }}", "nothing between the braces", "{{ Title }}"),
        ("{{{Title}}}", "braces within braces", "{{ Title }}"),
        ("{{ Title", "the template is not closed", "}}"),
        ("{{ Title }", "something is missing", "a second `}`"),
        ("{{ Title ~ }}", "something is missing", "look for a value"),
        ("{{ (Title }}", "a `)` is missing", "close the bracket"),
        ("{{ row['Title' }}", "a `]` is missing", "close the bracket"),
        ("{{ Title) }}", "unmatched `)`", "remove it"),
        ("{{ Title; Status }}", "unexpected", "operator"),
        ("{% if Title %}x", "an {% if %} is not closed", "{% endif %}"),
        ("{% if Title %}x{% end %}", "there is no tag {% end %}", "{% endif %}"),
        ("{% elif Title %}x", "without an {% if %}", "{% if … %}"),
        ("{% if Title %}a{% else if Status %}b{% endif %}", "`else if`", "{% elif … %}"),
        ("{# comment", "is not closed", "#}"),
    ],
)
def test_what_is_wrong_is_said_with_a_way_out(template: str, said: str, advised: str) -> None:
    found = problem(template)
    assert found.code == "template-syntax"
    assert said in found.message
    assert advised in found.help
    assert "token" not in found.message


@pytest.mark.parametrize(
    ("template", "code", "advised"),
    [
        ("{{ Doc-Type }}", "unknown-column", "row['Doc-Type']"),
        ("{{ Title == null }}", "unknown-column", "`none`"),
        ("{{ TRUE }}", "unknown-column", "`true`"),
        ("{{ Title is empty }}", "unknown-test", "`is none`"),
        ("{{ IF(Title, 1, 2) }}", "unknown-function", "'this' if"),
        ("{{ CONCATENATE(Title, Status) }}", "unknown-function", "`~`"),
        ("{{ TRIM(Title) }}", "unknown-function", "`value | trim`"),
        ("{{ Title.upper() }}", "unknown-function", "`value | upper`"),
        ("{{ TODAY() }}", "unknown-function", "into the source"),
    ],
)
def test_what_spreadsheets_and_programs_write_gets_the_languages_own_way(
    template: str, code: str, advised: str
) -> None:
    found = problem(template)
    assert found.code == code
    assert advised in found.help


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{{ Box No }}", "Box No"),
        ("Box No", "Box No"),
        ("{{ Date of Birth | trim }}", "Date of Birth"),
        ("{{ Box 2 ~ 'x' }}", "Box 2"),
        ("{{ Date In }}", "Date In"),
        ("{{ coalesce(Title, Größe Ä) }}", "Größe Ä"),
        ("{{ 'a b' ~ Box No }}", "Box No"),
        ("{{ Title if Box No else Status }}", "Box No"),
        ("{{ Title == 'x' and not Box No }}", "Box No"),
        ("{% if Box No %}x{% endif %}", "Box No"),
    ],
)
def test_without_known_columns_names_that_follow_one_another_may_be_one(template: str, name: str) -> None:
    found, known = problem(template, None), problem(template, frozenset({name}))
    assert found.message == known.message == f"a name with spaces or signs must be in row['…']: {name}"
    assert known.help == f"write row['{name}']"
    assert found.help == f"{known.help}; between two values, write an operator: `~` joins texts"
    assert found.span == known.span
    assert template[found.span.column - 1 : found.span.end_column - 1] == name


@pytest.mark.parametrize(
    ("template", "columns", "name", "advised"),
    [
        (
            "{{ Opened By | email }}",
            {"Officer", "Fee"},
            "Opened By",
            'columns: "Fee", "Officer"; between two',
        ),
        ("{{ Opened By }}", {"Opened", "Fee"}, "Opened By", "did you mean `Opened`? Between two values"),
        ("{{ Opened By }}", {"Opened by", "Fee"}, "Opened By", "did you mean `row['Opened by']`? Between"),
        ("{{ Fee if Opened By else 'x' }}", {"Fee"}, "Opened By", 'columns: "Fee"; between two values'),
    ],
)
def test_names_that_follow_one_another_and_are_no_known_column_are_a_column_that_the_source_lacks(
    template: str, columns: set[str], name: str, advised: str
) -> None:
    found = problem(template, frozenset(columns))
    assert found.message == f'there is no column "{name}" in the source'
    assert found.help.startswith(advised)
    assert template[found.span.column - 1 : found.span.end_column - 1] == name


def test_two_known_columns_that_follow_one_another_lack_an_operator() -> None:
    found = problem("{{ Fee Status }}", frozenset({"Fee", "Status"}))
    assert found.message == 'an operator is missing before "Status"'


@pytest.mark.parametrize(
    "template", ["{{ 'x' By }}", "{{ row.x By }}", "{{ row['x'] By No }}", "{{ Title not }}"]
)
def test_a_name_after_a_value_that_is_none_lacks_an_operator(template: str) -> None:
    assert "an operator is missing before" in problem(template, None).message


def test_a_long_row_of_words_is_not_taken_for_a_name() -> None:
    assert "an operator is missing before" in problem("{{ " + "word " * 1000 + "}}", None).message
