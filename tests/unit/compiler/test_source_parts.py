"""What `from` may hold besides a column: the first of several, a constant; and the members of `row`."""

from __future__ import annotations

from pathlib import Path

import pytest
from small_mapping import CONNECTION, compiled, mapped, mapping_text, problems, record, rejects

from opusmap.compiler import compile_mapping
from opusmap.compiler.explain import explain_row
from opusmap.errors import InvalidMapping
from opusmap.mapping import parse_spec
from opusmap.records import Record, Row
from opusmap.run.map import MapStream
from opusmap.run.open import open_work

FIRST = "Line: {from: {first_of: [Net, Amount]}}"


@pytest.mark.parametrize(
    ("columns", "row", "found"),
    [
        (("Key", "Net", "Amount"), {"Net": "1", "Amount": "2"}, "1"),
        (("Key", "Net", "Amount"), {"Net": "", "Amount": "2"}, "2"),
        (("Key", "Amount"), {"Amount": "2"}, "2"),
        (("Key", "Net"), {"Net": "1"}, "1"),
        (None, {"Amount": "2"}, "2"),
    ],
)
def test_the_first_column_that_the_source_has_and_that_is_not_empty_counts(
    columns: tuple[str, ...] | None, row: dict[str, str], found: str
) -> None:
    assert record(FIRST, row, columns=columns) == {"_Line": found}
    assert record("Line: {from: [Key, {first_of: [Net, Amount]}], join: -}", row, columns=columns) == {
        "_Line": f"k-{found}"
    }


def test_a_column_that_the_source_lacks_is_noted_and_one_of_them_must_be_there() -> None:
    mapper = compiled(FIRST, columns=("Key", "Amount"))
    assert [(one.code, one.span.line) for one in mapper.warnings] == [("absent-column", 7)]
    assert not compiled(FIRST, columns=("Key", "Net", "Amount")).warnings
    (problem,) = problems(FIRST, columns=("Key", "Amounts"))
    assert (problem.code, problem.help) == ("unknown-column", 'did you mean "Amounts"?')
    assert rejects(FIRST, {}) == {"Line": "unknown-column"}  # the columns are not known before the row
    assert record(FIRST, {"Net": ""}) == {}


def test_a_point_before_a_blank_belongs_to_a_name() -> None:
    first = "Line: {from: {first_of: ['No. new', 'No']}}"
    assert record(first, {"No": "7"}, columns=("Key", "No")) == {"_Line": "7"}
    assert record(first, {"No": "7"}, columns=None) == {"_Line": "7"}
    assert record(first, {"No": "7", "No. new": "8"}, columns=("Key", "No", "No. new")) == {"_Line": "8"}
    assert [one.code for one in problems("Line: No. new", columns=("Key", "No"))] == ["unknown-column"]


def test_the_help_on_an_absent_column_begins_with_the_other_layout() -> None:
    (warning,) = compiled(
        "Line: {from: {first_of: [Net amount, Amount]}}", columns=("Key", "Amount")
    ).warnings
    assert warning.help is not None
    assert warning.help.startswith("this is fine if another layout")


def test_a_row_is_asked_for_a_column_that_it_need_not_have() -> None:
    line = "Line: \"{{ row.get('Net') | default(Amount) }}\""
    for columns in (("Key", "Amount"), None):
        assert record(line, {"Amount": "2"}, columns=columns) == {"_Line": "2"}
    assert record(line, {"Amount": "2", "Net": "1"}, columns=("Key", "Net", "Amount")) == {"_Line": "1"}
    (warning,) = compiled(line, columns=("Key", "Amount")).warnings
    assert (warning.code, warning.span.column) == ("absent-column", 21)
    assert [one.code for one in problems('Line: "{{ row.get(Net) }}"')] == ["row-item"]
    assert [one.code for one in problems("Line: \"{{ row.get('Net', 1) }}\"")] == ["row-item"]


def test_an_absent_column_may_be_converted_where_it_is_there() -> None:
    line = "Number: \"{{ (row.get('Net') | number) if row.get('Net') is not none else (Amount | number) }}\""
    assert record(line, {"Amount": "2"}, columns=("Key", "Amount")) == {"_Number": 2}


def test_a_constant_may_be_one_of_several() -> None:
    path = "Classification: [{const: Bibliography}, A, B]"
    assert record(path, {"A": "x", "B": ""}) == {"termFullPath": "Bibliography/x"}
    assert record("Line: {from: [{const: No.}, A]}", {"A": "7"}) == {"_Line": "No. 7"}
    assert record("Choices: [{const: Red}, A]", {"A": "Blue"}) == {"_Choices": "[1,3]"}
    assert [one.code for one in problems("Line: [{const: ''}, A]")] == ["empty-constant"]


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("Line: {from: {const: x}}", "unknown-key"),
        ("Line: [{first_of: [A], const: x}]", "unknown-key"),
        ("Line: [{last_of: [A]}]", "unknown-key"),
        ("Line: [{first_of: []}]", "empty-value"),
        ("Line: [{const: [a]}]", "wrong-type"),
    ],
)
def test_another_form_is_refused(line: str, code: str) -> None:
    assert code in [one.code for one in problems(line)]


def test_the_number_of_a_row_is_a_value() -> None:
    mapper = compiled(
        'Line: "row {{ row.number }}"\nNumber: "{{ row.number + 1 }}"\nText: {from: row.number}'
    )
    found = mapper.map_row({"Key": "k"}, 7)
    assert isinstance(found, Record)
    assert found.values == {"rowKey": "k", "_Line": "row 7", "_Number": 8, "_Text": "7"}
    chunk = mapper.map_chunk([Row(2, {"Key": "a"}), Row(5, {"Key": "b"})])
    assert [values["_Text"] for values in chunk.values()] == ["2", "5"]
    assert explain_row(mapper, mapper.plan.columns[1], {"Key": "k"}, 7).stages[-1].value == "row 7"


@pytest.mark.parametrize(
    ("key", "more"),
    [
        ('"{{ row.number }}"', ""),
        ("{from: row.number}", ""),
        ('{from: Key, default: "{{ row.number }}"}', ""),
        ("n", 'let: {m: "{{ row.number }}", n: "CT-{{ m }}"}\n'),
    ],
)
def test_a_row_key_never_depends_on_the_number_of_its_row(key: str, more: str) -> None:
    text = mapping_text("Line: A", more).replace("rowKey: Key", f"rowKey: {key}")

    with pytest.raises(InvalidMapping) as raised:
        compile_mapping(parse_spec(text), CONNECTION)
    assert [one.code for one in raised.value.diagnostics] == ["row-number-key"]


@pytest.mark.parametrize("more", ["", ", file_column: From"])
def test_the_name_of_a_rows_file_is_a_value(tmp_path: Path, more: str) -> None:
    (tmp_path / "c.json").write_text(
        '{"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",'
        ' "data": [{"rowKey": "SingleText", "_Line": "SingleText"}]}'
    )
    for name in ("a", "b"):
        (tmp_path / f"{name}.csv").write_text(f"Key\n{name}1\n", "utf-8")
    text = 'opusmap: 1\nconnection: c.json\nfields: {rowKey: "{{ row.file }}/{{ Key }}", Line: row.file}\n'
    for path, files in (("*.csv", ["a.csv", "b.csv"]), ("b.csv", ["b.csv"])):
        (tmp_path / "m.yaml").write_text(f"{text}source: {{path: '{path}'{more}}}\n")
        with (work := open_work(tmp_path / "m.yaml")).source:
            values = [one for chunk in MapStream(work) for one in chunk.values()]
        assert [one["_Line"] for one in values] == files
        assert values[-1]["rowKey"] == "b.csv/b1"


def test_a_row_without_a_file_has_none() -> None:
    assert record("Line: row.file", {}, columns=("Key",)) == {}
    assert isinstance(mapped("Line: row.file", {}), Record)
