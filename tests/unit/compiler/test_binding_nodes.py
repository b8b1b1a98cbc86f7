"""The rules of the mapping language about bindings, one by one."""

from __future__ import annotations

from collections import defaultdict
from decimal import Decimal
from typing import Any

import pytest
from small_mapping import compiled, mapped, problems, record, rejects

from opusmap.records import Filtered, Record, Reject


def test_the_pipeline_is_read_split_lookup_convert_default_finish() -> None:
    table = 'tables: {colours: {r: " red ", g: " green "}}\n'
    binding = "Choices: {from: A, split: ';', lookup: colours, convert: [trim, title]}"
    assert record(binding, {"A": "r; g"}, table) == {"_Choices": "[1,2]"}


@pytest.mark.parametrize("empty", ["", None, []])
def test_what_is_empty_is_left_out(empty: object) -> None:
    assert record("Line: A\nChoices: A\nPeople: A\ntermFullPath: A", {"A": empty}) == {}


def test_a_list_of_nothing_is_empty_and_empty_elements_are_dropped() -> None:
    fields = "Choices: A\nPeople: A\ntermFullPath: {from: A, default: Other}"
    assert record(fields, {"A": [None, ""]}) == {"termFullPath": "Other"}
    assert record("Choices: A", {"A": [None, "Red", ""]}) == {"_Choices": "[1]"}
    assert rejects('Choices: {from: A, default: "{{ [B] }}"}', {"A": [], "B": None}) == {"Choices": "no-item"}


@pytest.mark.parametrize("nothing", [[""], [None], ["N/A", ""], [[]]])
def test_an_element_that_means_no_value_is_no_element(nothing: list[Any]) -> None:
    more = 'source: {empty: ["", N/A]}\ntables: {t: {a: Red}}'
    for binding in (
        "Line: [A]",
        "Choices: A",
        "Choices: [A]",
        "When: [A]",
        "People: A",
        "Classification: [A]",
    ):
        assert record(binding, {"A": nothing}, more) == {}
    for binding in ("When: [s]", "Line: [s]", "Choices: [s]", "When: s"):
        assert record(binding, {"A": nothing}, more + "\nlet: {s: \"{{ '' }}\"}") == {}
    assert record("Line: [A, B]", {"A": nothing, "B": "x"}, more) == {"_Line": "x"}
    assert record("Choices: A", {"A": [*nothing, "Red"]}, more) == {"_Choices": "[1]"}
    assert record("Choices: {from: A, lookup: t}", {"A": [*nothing, "a"]}, more) == {"_Choices": "[1]"}
    assert record("Choices: {from: A, convert: trim}", {"A": [*nothing, " Red "]}, more) == {
        "_Choices": "[1]"
    }
    assert record('Choices: {from: A, split: ";"}', {"A": "N/A; Red;"}, more) == {"_Choices": "[1]"}


def test_a_missing_key_is_empty_where_the_columns_are_known() -> None:
    assert record("Line: A", {}, columns=["Key", "A"]) == {}


def test_a_missing_key_rejects_the_row_where_the_columns_are_not_known() -> None:
    assert rejects("Line: A\nText: B", {"B": "b"}) == {"A": "unknown-column"}


def test_the_sources_empty_texts_mean_no_value() -> None:
    source = 'source: {empty: ["", N/A]}\n'
    assert record("Line: A\nText: B", {"A": "N/A", "B": "n/a"}, source) == {"_Text": "n/a"}


def test_a_blank_text_is_never_sent_even_where_it_is_not_among_the_empty_texts() -> None:
    assert record("Line: A", {"A": ""}, "source: {empty: [N/A]}\n") == {}


def test_an_empty_column_takes_its_default() -> None:
    assert record("Line: {from: A, default: none given}", {"A": ""}) == {"_Line": "none given"}


def test_a_default_may_be_a_template() -> None:
    assert record('Line: {from: A, default: "{{ B }}"}', {"A": None, "B": "b"}) == {"_Line": "b"}


def test_a_default_that_is_empty_too_leaves_the_column_out() -> None:
    assert record("""Line: {from: A, default: "{{ B | default('') }}"}""", {"A": None, "B": None}) == {}


def test_a_wrong_value_does_not_take_the_default() -> None:
    assert rejects("Number: {from: A, default: 0}", {"A": "x"}) == {"Number": "bad-number"}


def test_a_wrong_value_takes_the_default_with_on_error() -> None:
    assert record("Number: {from: A, default: 0, on_error: default}", {"A": "x"}) == {"_Number": 0}


def test_a_wrong_value_whose_default_is_empty_leaves_the_column_out() -> None:
    binding = 'Number: {from: A, default: "{{ B }}", on_error: default}'
    assert record(binding, {"A": "x", "B": ""}) == {}
    assert rejects(binding, {"A": "x", "B": "y"}) == {"Number": "bad-number"}


def test_a_wrong_value_is_left_out_with_on_error_omit() -> None:
    assert record("Number: {from: A, on_error: omit}\nLine: A", {"A": "x"}) == {"_Line": "x"}


def test_required_true_makes_an_optional_column_required() -> None:
    assert rejects("Line: {from: A, required: true}", {"A": ""}) == {"Line": "empty-required"}


@pytest.mark.parametrize("blank", [" ", "\t", "\u3000"])
def test_blanks_alone_are_no_value_where_one_is_required(blank: str) -> None:
    assert rejects("Line: {from: A, required: true}", {"A": blank}) == {"Line": "empty-required"}
    assert record("Line: A", {"A": blank}) == {"_Line": blank}


def test_a_default_satisfies_required() -> None:
    assert record("Line: {from: A, required: true, default: d}", {"A": ""}) == {"_Line": "d"}


def test_a_correction_under_columns_makes_a_column_required_or_not() -> None:
    assert rejects("Line: A", {"A": ""}, "columns: {Line: {required: true}}\n") == {"Line": "empty-required"}


def test_a_correction_under_columns_gives_a_type() -> None:
    assert record("Line: A", {"A": "1.50"}, "columns: {_Line: {type: Number}}\n") == {"_Line": 1.5}


def test_several_columns_make_a_path_of_terms() -> None:
    row = {"A": "Finance", "B": "", "C": " Audit "}
    assert record("termFullPath: [A, B, C]", row) == {"termFullPath": "Finance/Audit"}


def test_several_columns_are_elements_of_a_list_column() -> None:
    assert record("Choices: [A, B]", {"A": "Blue", "B": "Red"}) == {"_Choices": "[3,1]"}
    assert record("People: [A, B]", {"A": "a@x.org", "B": ""}) == {"_People": "[a@x.org]"}


def test_several_columns_are_joined_by_a_blank_or_by_join() -> None:
    row = {"A": "Ann", "B": None, "C": "Smith"}
    assert record("Line: [A, B, C]", row) == {"_Line": "Ann Smith"}
    assert record("Line: {from: [A, B, C], join: '-'}", row) == {"_Line": "Ann-Smith"}


def test_several_columns_that_are_all_empty_are_empty() -> None:
    fields = "Line: [A, B]\nChoices: [A, B]\ntermFullPath: [A, B]"
    assert record(fields, {"A": "", "B": None}) == {}


def test_split_trims_and_drops_blank_elements() -> None:
    assert record("Choices: {from: A, split: ';'}", {"A": " Red ;; Blue;"}) == {"_Choices": "[1,3]"}


def test_a_text_of_separators_only_is_empty_and_takes_the_default() -> None:
    binding = "Line: {from: A, split: ';', convert: first, default: nobody}"
    assert record(binding, {"A": ";"}) == {"_Line": "nobody"}


def test_a_key_missing_in_the_table_rejects_the_row() -> None:
    table = "tables: {t: {a: b}}\n"
    assert rejects("Line: {from: A, lookup: t}", {"A": "z"}, table) == {"Line": "not-in-table"}


def test_a_key_missing_in_the_table_takes_the_default_unconverted() -> None:
    binding = "Line: {from: A, lookup: t, convert: upper, default: Unknown}"
    table = "tables: {t: {a: b}}\n"
    assert record(binding, {"A": "a"}, table) == {"_Line": "B"}
    assert record(binding, {"A": "z"}, table) == {"_Line": "Unknown"}


def test_each_element_is_looked_up_by_itself() -> None:
    table = "tables: {staff: {ann: ann@x.org, bob: bob@x.org}}\n"
    binding = "People: {from: A, split: ';', lookup: staff%s}"
    assert record(binding % "", {"A": "bob;ann"}, table) == {"_People": "[bob@x.org,ann@x.org]"}
    assert rejects(binding % "", {"A": "bob;zoe"}, table) == {"People": "not-in-table"}
    found = record(binding % ", default: records@x.org", {"A": "bob;zoe"}, table)
    assert found == {"_People": "[bob@x.org,records@x.org]"}


def test_a_lookup_that_gives_an_empty_value_leaves_the_column_out() -> None:
    assert record("Line: {from: A, lookup: t}", {"A": "a"}, 'tables: {t: {a: ""}}\n') == {}


def test_a_table_can_be_read_in_an_expression() -> None:
    assert record('Line: "{{ t[A] }}"', {"A": "a"}, "tables: {t: {a: b}}\n") == {"_Line": "b"}


def test_a_constant_is_the_same_for_each_record() -> None:
    assert record("Line: {const: 0010}\nChoices: {const: [Red, Blue]}", {}) == {
        "_Line": "0010",
        "_Choices": "[1,3]",
    }


def test_nothing_is_retyped_by_an_expression_alone() -> None:
    assert record('Line: "{{ A }}"', {"A": "0010"}) == {"_Line": "0010"}


def test_an_empty_value_within_a_term_path_is_answered_with_what_a_path_can_do() -> None:
    path, text = "termFullPath: '{{ A }}/{{ B }}'", "Line: '{{ A }}/{{ B }}'"
    found = mapped(f"{path}\n{text}", {"A": "x", "B": ""})
    assert isinstance(found, Reject)
    hints = {one.place: one.hint for one in found.problems}
    assert "`[Class1, Class2]`" in hints["Classification"]
    assert "default('')" not in hints["Classification"]
    assert "default('')" in hints["Line"]
    assert record("termFullPath: [A, B]", {"A": "x", "B": ""}) == {"termFullPath": "x"}
    assert record("termFullPath: \"{{ A }}/{{ B | default('General') }}\"", {"A": "x", "B": ""}) == {
        "termFullPath": "x/General"
    }


def test_an_empty_value_within_a_text_rejects_the_row() -> None:
    assert rejects('Line: "CT-{{ A }}"', {"A": ""}) == {"Line": "empty-in-template"}


@pytest.mark.parametrize(
    ("binding", "values", "names", "way"),
    [
        ("{{ A }} {{ B }}", {"A": "x", "B": ""}, '"B"', "`{{ B | default('') }}`"),
        ("{{ A }} {{ B }}", {"A": " x", "B": None}, '"B"', "`{{ B | default('') }}`"),
        ("{{ A }} {{ B }}", {"A": "", "B": ""}, '"A", "B"', "`{{ A | default('') }}`"),
        ("{{ A | default('') }} {{ B }}", {"A": "", "B": ""}, '"B"', "`{{ B | default('') }}`"),
        ("{{ v }} {{ B }}", {"A": "", "B": "y"}, '"A"', "`{{ A | default('') }}`"),
    ],
)
def test_an_empty_value_within_a_text_is_named_by_its_column(
    binding: str, values: dict[str, str | None], names: str, way: str
) -> None:
    found = mapped(f'Line: "{binding}"', values, 'let: {v: "{{ A }}"}\n')
    assert isinstance(found, Reject)
    (problem,) = found.problems
    assert problem.message == f"a value within a text is empty: {names}"
    assert problem.hint == f"correct the cell, or allow that: {way}"


@pytest.mark.parametrize(
    ("binding", "cell", "told"),
    [
        (
            '{from: A, convert: {replace: ["€", ""]}}',
            "€45,00",
            '"45,00" is not a number such as 1,234.5; the cell is "€45,00"',
        ),
        (
            "\"{{ A | replace('€', '') | number }}\"",
            "€x",
            '"x" is not a number such as 1,234.5; the cell is "€x"',
        ),
        ("A", "€45,00", '"€45,00" is not a number such as 1,234.5'),
        ("{{ A ~ B }}", "x", '"x1" is not a number such as 1,234.5'),
    ],
)
def test_a_wrong_number_is_told_with_the_cell_as_it_is_in_the_source(
    binding: str, cell: str, told: str
) -> None:
    written = f'"{binding}"' if binding.startswith("{{") else binding
    found = mapped(f"Number: {written}", {"A": cell, "B": "1"})
    assert isinstance(found, Reject)
    assert [one.message for one in found.problems] == [told]


def test_from_may_name_a_step() -> None:
    assert record("Line: {from: up}", {"A": "a"}, 'let: {up: "{{ A | upper }}"}\n') == {"_Line": "A"}


def test_a_step_may_use_the_steps_above_it() -> None:
    let = 'let: {one: "{{ A | trim }}", two: "{{ one | upper }}"}\n'
    assert record('Line: "{{ two }}"', {"A": " a "}, let) == {"_Line": "A"}


def test_let_runs_before_where() -> None:
    wanted = 'let: {n: "{{ A | number }}"}\nwhere: "{{ n > 3 }}"'
    assert record("Number: {from: n}", {"A": "4"}, wanted) == {"_Number": 4}
    assert isinstance(mapped("Number: {from: n}", {"A": "3"}, wanted), Filtered)
    assert rejects("Line: A", {"A": "x"}, wanted) == {"where": "bad-number"}


def test_default_is_for_empty_values_and_on_error_for_wrong_ones() -> None:
    assert record("Number: {from: A, default: 7}", {"A": ""}) == {"_Number": 7}
    assert rejects("Number: {from: A, default: 7}", {"A": "x"}) == {"Number": "bad-number"}
    assert record("Number: {from: A, default: 7, on_error: default}", {"A": "x"}) == {"_Number": 7}
    assert record("Number: {from: A, on_error: omit}", {"A": "x"}) == {}


def test_a_failed_step_fails_each_column_that_reads_it_and_no_other() -> None:
    let = 'let: {n: "{{ A | number }}"}\n'
    fields = 'Number: "{{ n }}"\nLine: "{{ n ~ 1 }}"\nText: B'
    assert rejects(fields, {"A": "x", "B": "b"}, let) == {"Number": "bad-number", "Line": "bad-number"}


def test_a_failed_step_fails_nobody_who_does_not_come_to_read_it() -> None:
    let = 'let: {n: "{{ A | number }}"}\n'
    fields = """Line: "{{ n | string if A is not none else 'none' }}"\nText: {from: B, default: "{{ n }}"}"""
    assert record(fields, {"A": "", "B": "b"}, let) == {"_Line": "none", "_Text": "b"}


def test_rows_that_where_does_not_want_are_filtered() -> None:
    where = "where: \"{{ A != 'Draft' }}\"\n"
    assert isinstance(mapped("Line: A", {"A": "Draft"}, where), Filtered)
    assert record("Line: A", {"A": "Final"}, where) == {"_Line": "Final"}


def test_where_must_be_true_or_false() -> None:
    assert rejects("Line: A", {"A": "x"}, 'where: "{{ A }}"\n') == {"where": "where-not-boolean"}
    assert rejects("Line: A", {"A": None}, 'where: "{{ A }}"\n') == {"where": "where-not-boolean"}


def test_an_error_in_where_rejects_the_row_with_all_its_other_problems() -> None:
    found = rejects("Number: A", {"A": "x"}, 'where: "{{ A | number > 1 }}"\n')
    assert found == {"where": "bad-number", "Number": "bad-number"}


def test_a_row_with_an_unknown_option_and_a_bad_date_is_one_reject_with_two_reasons() -> None:
    found = mapped("Choice: A\nWhen: B", {"A": "Pink", "B": "31 June"})
    assert isinstance(found, Reject)
    assert [(problem.column, problem.code) for problem in found.problems] == [
        ("When", "bad-date"),
        ("Choice", "unknown-choice"),
    ]
    assert (found.row, found.key, found.values["A"]) == (1, "k", "Pink")


def test_a_dotted_name_is_a_column_if_there_is_one_else_a_path() -> None:
    row = {"a.b": "column", "a": {"b": "path", "c": "path"}}
    assert record("Line: a.b\nText: a.c", row) == {"_Line": "column", "_Text": "path"}


def test_a_dotted_name_may_be_read_as_a_column_and_as_a_path_in_one_mapping() -> None:
    fields = "Line: \"{{ row['a.b'] }}\"\nText: a.b"
    assert record(fields, {"a.b": "x", "a": {"b": "y"}}) == {"_Line": "x", "_Text": "x"}


def test_a_path_that_leads_nowhere_is_empty() -> None:
    assert record("Line: a.b.c", {"a": {"b": None}}) == {}
    assert rejects("Line: a.b", {}) == {"Line": "unknown-column"}


def test_json_values_are_bound_as_they_are() -> None:
    row = {"N": Decimal("1.50"), "L": ["Red", "Blue"], "B": True, "O": {"x": 1}}
    assert record("Number: N\nChoices: L\nLine: B", row) == {
        "_Number": 1.5,
        "_Choices": "[1,3]",
        "_Line": "true",
    }
    assert rejects("Line: O\nText: L", row) == {"Line": "wrong-kind", "Text": "wrong-kind"}


@pytest.mark.parametrize(
    "name", ["missing_columns", "empty", "row", "class", "map_row", "Ünï cödé", "1", "", "'\"\\"]
)
def test_any_text_may_be_the_name_of_a_source_column(name: str) -> None:
    quoted = '"' + name.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if name:
        assert record(f"Line: {quoted}", {name: "x"}) == {"_Line": "x"}
    assert rejects(f"Line: {{from: {quoted}}}", {}) == {name: "unknown-column"}


def test_generated_code_names_the_line_of_each_binding() -> None:
    source = compiled("Line: A").source
    assert "# m.yaml:7: Line (SingleText)" in source


def test_a_converter_that_breaks_rejects_the_row_and_says_so() -> None:
    from small_mapping import CONNECTION, mapping_text

    from opusmap.compiler import compile_mapping
    from opusmap.converters import Registry, builtin_converters, converter
    from opusmap.mapping import parse_spec
    from opusmap.records import Record

    @converter
    def broken(value: str) -> str:
        """Break."""
        raise RuntimeError(value)

    registry = builtin_converters().extended(Registry.of([broken]))
    spec = parse_spec(mapping_text("Line: {from: A, convert: broken}"))
    mapper = compile_mapping(spec, CONNECTION, registry)
    found = mapper.map_row({"Key": "k", "A": "boom"})
    assert isinstance(found, Reject)
    assert found.problems[0].code == "converter-failed"
    assert "RuntimeError" in found.problems[0].message
    assert isinstance(mapper.map_row({"Key": "k", "A": ""}), Record)


def test_what_is_wrong_with_a_binding_is_located_there() -> None:
    (found,) = problems("Line: {from: A, lookup: nowhere}")
    assert (found.code, str(found.span)) == ("unknown-table", "m.yaml:7:27")


def test_a_blank_that_splits_into_nothing_is_not_looked_up() -> None:
    binding = "Line: {from: A, split: ';', lookup: t, convert: first}"
    assert record(binding, {"A": ";"}, "tables: {t: {a: b}}\n") == {}


def test_a_row_that_makes_up_what_it_lacks_is_read_as_it_is() -> None:
    row: dict[str, Any] = defaultdict(int, {"Key": "k", "A": "a"})
    found = compiled("Line: A\nText: B\nNumber: obj.n", columns=["Key", "A", "B", "obj"]).map_row(row)
    assert isinstance(found, Record)
    assert found.values == {"rowKey": "k", "_Line": "a"}
    assert row == {"Key": "k", "A": "a"}
