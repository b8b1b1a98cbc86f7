"""Paths into nested values and lists, in `from` and in expressions."""

from __future__ import annotations

from typing import Any

import pytest
from evaluation import evaluate
from small_mapping import compiled, mapped, problems, record, rejects

from opusmap.compiler.lint import lint
from opusmap.errors import InvalidMapping, ValueProblem
from opusmap.records import Reject

ROW: dict[str, Any] = {
    "Key": "k",
    "sets": [
        {"format": {"@id": "csv"}, "full name": "a", "rights": [{"by": "x"}, {"by": "y"}]},
        {"format": {"@id": "xml"}, "rights": {"by": "z"}},
        {"format": None, "full name": ""},
        None,
    ],
    "dct:publisher": {"foaf:name": "Office"},
    "one": {"format": {"@id": "csv"}},
    "none": None,
    "texts": ["p", "", "q"],
}


@pytest.mark.parametrize(
    ("path", "found"),
    [
        ("sets[*].format.@id", ["csv", "xml"]),
        ("sets[*]['full name']", ["a"]),
        ("sets[*].rights[*].by", ["x", "y", "z"]),
        ("one[*].format.@id", ["csv"]),
        ("texts[*]", ["p", "q"]),
        ("none[*].x", None),
        ("sets[*].gone.away", None),
        ("v[*].format.@id", ["csv", "xml"]),
    ],
)
def test_a_path_through_a_list_gives_a_list_without_what_is_missing(
    path: str, found: list[str] | None
) -> None:
    more = 'let: {v: "{{ sets }}"}\n'
    line = f"Line: {{from: \"{path}\", convert: {{join: ' '}}}}"
    for columns in (tuple(ROW), None):
        assert record(line, ROW, more, columns=columns) == ({"_Line": " ".join(found)} if found else {})
    expression = path if path != "none[*].x" else "row['none'][*].x"
    line = f"Line: \"{{{{ {expression} | join(' ') }}}}\""
    assert record(line, ROW, more, columns=tuple(ROW)) == ({"_Line": " ".join(found)} if found else {})


@pytest.mark.parametrize(
    ("expression", "found"),
    [
        ("sets[0].format.@id", "csv"),
        ("sets[*].format.@id[1]", "xml"),
        ("sets[*].format.@id[-1]", "xml"),
        ("(sets | where('format.@id', 'xml'))[*].format.@id", ["xml"]),
        ("sets[*]['format']['@id']", ["csv", "xml"]),
        ("row['dct:publisher'].foaf:name", "Office"),
        ("row['dct:publisher'].foaf:name[0:3]", "Off"),
        ("texts[0:2] | length", 2),
        ("'sets[*].@id' ~ sets[*].format.@id[0]", "sets[*].@idcsv"),
        ("row['none'] | length", 0),
        ("(row['none'] | default([])) | length", 0),
        ("texts | where(equals='z') | length", 0),
        ("row['none'].a.b", None),
        ("row['none']['a b']", None),
    ],
)
def test_paths_are_part_of_expressions(expression: str, found: Any) -> None:
    assert evaluate(expression, ROW) == found
    if not isinstance(found, list):
        assert evaluate(f"sets[*].@id {{{{ {expression} | default('') }}}} {{# a.@b #}}", ROW) == (
            f"sets[*].@id {'' if found is None else found} "
        )


def test_a_path_through_an_empty_variable_is_empty() -> None:
    more = "let: {v: \"{{ row['none'] }}\"}\n"
    for line in (
        '"{{ v.name }}"',
        "v.name",
        "{value: \"{{ v['a b'] }}\"}",
        "{value: \"{{ v.a.b | default('x') }}\"}",
    ):
        assert record(f"Line: {line}", ROW, more) == ({"_Line": "x"} if "default" in line else {})
    assert rejects('Line: "CT-{{ v.name }}"', ROW, more) == {"Line": "empty-in-template"}


def test_an_element_that_is_not_there_is_empty_under_from_and_a_problem_in_an_expression() -> None:
    assert record("Line: 'texts[5]'", ROW, columns=tuple(ROW)) == {}
    assert record("Line: 'none[0].x'", ROW, columns=tuple(ROW)) == {}
    assert rejects('Line: "{{ texts[5] }}"', ROW, columns=tuple(ROW)) == {"Line": "no-item"}


def test_a_value_that_is_no_object_has_no_fields() -> None:
    with pytest.raises(ValueProblem, match="no field"):
        evaluate("texts[*].name", ROW)
    with pytest.raises(ValueProblem, match="no field") as raised:
        evaluate("sets.format", ROW)
    assert "[*].format" in raised.value.help


@pytest.mark.parametrize(("value", "kind"), [("2020", "a text"), (2020, "a number"), (True, "true or false")])
@pytest.mark.parametrize("path", ["license.@value", "license[*].@value"])
def test_a_row_with_a_text_where_others_have_an_object_is_told_so(value: Any, kind: str, path: str) -> None:
    found = mapped(f"Line: {path}" if "*" not in path else f"Choices: {path}", {"license": value})
    assert isinstance(found, Reject)
    (problem,) = found.problems
    assert (problem.code, "`| datetime`" in problem.hint) == ("unknown-field", False)
    assert f"this row has {kind} where an object is expected" in problem.hint


def test_is_mapping_tells_texts_and_objects_apart() -> None:
    line = 'Line: "{{ license.name if license is mapping else license }}"'
    assert record(line, {"license": "CSV"}) == {"_Line": "CSV"}
    assert record(line, {"license": {"name": "CSV"}}) == {"_Line": "CSV"}


def test_a_list_from_a_path_is_told_from_a_text_before_there_is_a_row() -> None:
    assert [one.code for one in problems("Line: sets[*].format")] == ["wrong-kind"]
    with pytest.raises(InvalidMapping) as raised:
        evaluate("sets[*].format | upper", ROW)
    assert [one.code for one in raised.value.diagnostics] == ["wrong-kind"]


def test_a_column_whose_name_has_brackets_is_no_path() -> None:
    row = {"Amount [EUR]": "1", "a[0]": "2", "b[*].c": "3"}
    for name, value in row.items():
        assert record(f'Line: "{name}"', row, columns=("Key", *row)) == {"_Line": value}
    assert record('Line: "Amount [EUR]"', row) == {"_Line": "1"}


def test_the_first_of_several_may_be_a_path() -> None:
    line = "Line: {from: {first_of: [gone.x, 'sets[0].format.@id']}}"
    for columns in (tuple(ROW), None):
        assert record(line, ROW, columns=columns) == {"_Line": "csv"}
    assert rejects(line, {}) == {"Line": "unknown-column"}


@pytest.mark.parametrize(
    ("fields", "counted"),
    [
        ('Line: "{{ texts[0] }}"', 1),
        ('Line: "{{ texts[0] }}{{ texts[1] }}"', 2),
        ('Line: "texts[0]"', 1),
        ('Line: "{{ texts[0] }}{{ texts[-1] }}"', 2),
        ('Line: "{{ texts[2] }}"', None),
        ('Line: "{{ texts[0] }}"\nText: {from: texts, convert: {join: +}}', None),
        ("Line: \"{{ texts[0] if texts | length < 9 else 'many' }}\"", 1),
        ('Line: "{{ sets[0].rights[0].by }}"', 1),
    ],
)
def test_lists_that_are_longer_than_what_is_read_by_position_are_told(
    fields: str, counted: int | None
) -> None:
    plan = compiled(fields, columns=tuple(ROW)).plan
    found = [
        one.message for one in lint(plan, [ROW, {"Key": "j", "texts": ["p"]}]) if one.code == "unread-element"
    ]
    if counted is None:
        assert found == []
    else:
        assert f"in 1 of the first 2 rows than the {counted} that are read by position" in found[0]
