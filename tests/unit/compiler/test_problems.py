"""What is wrong with a mapping is said when it is compiled: all of it, each located, each with a way out."""

from __future__ import annotations

import gc
import json
import re
import weakref
from pathlib import Path
from typing import Any

import pytest
from small_mapping import CONNECTION, compiled, connect, mapped, problems, record

from opusmap import load_mapping
from opusmap.compiler import compile_mapping
from opusmap.errors import InvalidMapping
from opusmap.issues import Severity
from opusmap.mapping import parse_spec
from opusmap.records import Reject


def test_four_mistakes_are_answered_with_four_located_diagnostics(tmp_path: Path) -> None:
    columns = {"rowKey": "SingleText", "leafName": "SingleText", "_Notes": "MultipleText"}
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    path = tmp_path / "m.yaml"
    path.write_text(
        "opusmap: 1\n"
        "connection: c.json\n"
        "fields:\n"
        '  rowKey: "CT-{{ Titel }}"\n'
        "  Notes: {from: Notes, convert: trimm}\n"
        "  rowKey: Title\n",
        "utf-8",
    )
    with pytest.raises(InvalidMapping) as raised:
        load_mapping(path, columns=["Title", "Notes"])
    found = [(one.code, one.span.line, one.span.column, one.help) for one in raised.value.diagnostics]
    assert found == [
        ("missing-required", 3, 1, "add it under `fields:`, for example `Name: …`"),
        ("unknown-column", 4, 18, 'did you mean "Title"?'),
        ("unknown-converter", 5, 33, 'did you mean "trim"?'),
        ("repeated-key", 6, 3, "remove or rename one of the two"),
    ]


CASES: list[tuple[str, str, str, dict[str, Any]]] = [
    ("unknown-target", "Lin: A", "", {}),
    ("bound-twice", "Line: A\n_Line: A", "", {}),
    ("bound-twice", "Line: A", "columns: {Line: {required: true}, _Line: {type: Number}}", {}),
    ("bound-twice", "Line: A", "", {"choices": "choices: {Choice: [a], _Choice: [a]}\n"}),
    ("unknown-target", "Line: A", "columns: {Lin: {required: true}}", {}),
    ("unknown-target", "Line: A", "", {"choices": "choices: {Chioce: [a]}\n"}),
    ("not-a-choice", "Line: A", "", {"choices": "choices: {Line: [a]}\n"}),
    ("missing-choices", "Choice: A", "", {"choices": ""}),
    ("duplicate-option", "Line: A", "", {"choices": "choices: {Choice: [a, ' a']}\n"}),
    (
        "duplicate-option",
        "Line: A",
        "",
        {"choices": "choices: {Choice: {options: [a, A], ignore_case: true}}\n"},
    ),
    ("empty-option", "Line: A", "", {"choices": "choices: {Choice: [a, ' ']}\n"}),
    ("unknown-option", "Line: A", "", {"choices": "choices: {Choice: {options: [a], aliases: {b: c}}}\n"}),
    (
        "alias-is-option",
        "Line: A",
        "",
        {"choices": "choices: {Choice: {options: [a, b], aliases: {a: b}}}\n"},
    ),
    (
        "alias-is-option",
        "Line: A",
        "",
        {"choices": "choices: {Choice: {options: [a, b], aliases: {A: b}, ignore_case: true}}\n"},
    ),
    (
        "ambiguous-option",
        "Line: A",
        "",
        {"choices": "choices: {Choice: {options: ['2', x], by_order: true}}\n"},
    ),
    (
        "duplicate-alias",
        "Line: A",
        "",
        {"choices": "choices: {Choice: {options: [a, b], aliases: {c: b, ' c': a}}}\n"},
    ),
    ("unknown-column", "Line: B", "", {"columns": ["Key", "A"]}),
    ("unknown-column", 'Line: "{{ B }}"', "", {"columns": ["Key", "A"]}),
    ("unknown-column", 'Line: {from: A, default: "{{ B }}"}', "", {"columns": ["Key", "A"]}),
    ("unknown-table", "Line: {from: A, lookup: t}", "", {}),
    ("unknown-converter", "Line: {from: A, convert: up}", "", {}),
    ("wrong-argument", "Line: {from: A, convert: {truncate: x}}", "", {}),
    ("wrong-argument", "Line: {from: A, convert: truncate}", "", {}),
    ("wrong-argument", "Line: \"{{ A | truncate('x') }}\"", "", {}),
    ("missing-default", "Line: {from: A, on_error: default}", "", {}),
    ("omit-required", "Line: {from: A, on_error: omit, required: true}", "", {}),
    ("required-column", "Line: {from: A, required: false}", "columns: {Line: {required: true}}", {}),
    ("missing-required", "Line: A", "columns: {Text: {required: true}}", {}),
    ("format-not-date", 'Line: {from: A, format: "%Y"}', "", {}),
    ("bad-format", "When: {from: A, format: dd.mm.yyyy}", "", {}),
    ("bad-format", "Line: A", "target: {datetime_format: dd.mm.yyyy}", {}),
    ("bad-format", "Line: A", 'target: {datetime_format: "%Y-%Q"}', {}),
    ("unknown-timezone", "Line: A", "timezone: Mars/Olympus", {}),
    ("unknown-timezone", "Line: A", "target: {timezone: ../UTC}", {}),
    ("split-list", "Choices: {from: [A, B], split: ';'}", "", {}),
    ("wrong-value", "Choices: {from: A, split: ''}", "", {}),
    ("join-not-text", "Line: {from: A, join: '-'}", "", {}),
    ("join-not-text", "Choices: {from: [A, B], join: '-'}", "", {}),
    ("empty-constant", "Line: {const: ''}", "", {}),
    ("empty-constant", "Line: {const: N/A}", "source: {empty: ['', N/A]}", {}),
    ("unknown-choice", "Choice: {const: Pink}", "", {}),
    ("unknown-choice", "Choice: {from: A, default: Pink}", "", {}),
    ("bad-date", "When: {from: A, default: never}", "", {}),
    ("no-email", "People: {const: [a@x.org, bob]}", "", {}),
    ("bad-step-name", "Line: A", 'let: {two words: "{{ A }}"}', {}),
    ("bad-step-name", "Line: A", 'let: {row: "{{ A }}"}', {}),
    ("bad-step-name", "Line: A", 'let: {if: "{{ A }}"}', {}),
    ("step-hides-column", "Line: A", 'let: {A: "{{ Key }}"}', {"columns": ["Key", "A"]}),
    ("step-hides-table", "Line: A", 'tables: {t: {a: b}}\nlet: {t: "{{ A }}"}', {}),
    ("step-order", "Line: A", 'let: {one: "{{ two }}", two: "{{ A }}"}', {}),
    ("ambiguous-name", 'Line: "{{ A[Key] }}"', "tables: {A: {a: b}}", {"columns": ["Key", "A"]}),
    ("where-not-boolean", "Line: A", 'where: "Status {{ A }}"', {}),
    ("template-syntax", 'Line: "{{ A"', "", {}),
    ("key-column", "Line: A", "columns: {rowKey: {required: false}}", {}),
    ("key-column", "Line: A", "columns: {rowKey: {type: Number}}", {}),
    ("outside-folder", "Line: A", "tables: {t: {path: ../t.csv, key: a, value: b}}", {}),
    ("outside-folder", "Line: A", "include: [../x.yaml]", {}),
]


@pytest.mark.parametrize(("code", "fields", "more", "options"), CASES)
def test_a_mistake_is_an_error_with_a_place_and_a_way_out(
    code: str, fields: str, more: str, options: dict[str, Any]
) -> None:
    (found,) = problems(fields, more, **options)
    assert found.code == code
    assert found.severity is Severity.ERROR
    assert found.span.line > 1
    assert found.help


@pytest.mark.parametrize(
    ("binding", "advice"),
    [
        ("Finance", "{const: Finance}"),
        ("'${A}'", '"{{ Title }}"'),
        ("'{A}'", '"{{ Title }}"'),
        ("'<<A>>'", '"{{ Title }}"'),
        ("'[A]'", '"{{ Title }}"'),
    ],
)
def test_a_text_that_is_no_column_is_shown_how_a_constant_or_a_template_is_written(
    binding: str, advice: str
) -> None:
    (found,) = problems(f"Line: {binding}", columns=["Key", "A"])
    assert found.code == "unknown-column"
    assert advice in found.help


def test_options_that_are_their_own_orders_go_with_by_order() -> None:
    compiled("Line: A", choices="choices: {Choice: {options: ['1', '2', '7'], by_order: true}}\n")


def test_what_else_is_wrong_in_the_binding_of_a_misspelt_target_shows_too() -> None:
    found = problems('Lin: {from: B, lookup: t, convert: up, default: "{{ C }}"}', columns=["Key"])
    assert sorted(one.code for one in found) == [
        "unknown-column",
        "unknown-column",
        "unknown-converter",
        "unknown-table",
        "unknown-target",
    ]


@pytest.mark.parametrize("given", ["", "~", "{options: }", "{by_order: true, options: }"])
def test_a_list_of_options_left_blank_is_an_error_beside_the_others(given: str) -> None:
    found = problems("Choice: A\nLin: A", choices=f"choices: {{Choice: {given}}}\n")
    assert [one.code for one in found] == ["missing-choices", "unknown-target"]
    assert '"Choice"' in found[0].message


@pytest.mark.parametrize(
    "given",
    ["[]", "{}", "{options: []}", "{aliases: {a: b}}", "{by_order: true}", '""', "TODO", "[~]", "[TODO]"],
)
@pytest.mark.parametrize("place", ["m.yaml", "shared.yaml"])
def test_a_choice_column_without_a_list_of_options_is_refused(given: str, place: str, tmp_path: Path) -> None:
    choices = f"choices: {{Choice: {given}}}\n"
    text = "opusmap: 1\nconnection: c\ninclude: [shared.yaml]\nfields: {rowKey: A, Choice: A}\n"
    files = {"m.yaml": text, "shared.yaml": "let: {x: '1'}\n"}
    files[place] += choices
    (tmp_path / "shared.yaml").write_text(files["shared.yaml"], "utf-8")
    with pytest.raises(InvalidMapping):
        compile_mapping(parse_spec(files["m.yaml"], "m.yaml", tmp_path), CONNECTION)


def test_options_that_differ_by_letter_case_only_are_a_warning() -> None:
    mapper = compiled("Line: A", choices="choices: {Choice: [a, A]}\n")
    assert [(one.code, one.severity) for one in mapper.warnings] == [("similar-options", Severity.WARNING)]


def test_a_display_name_of_two_columns_must_be_told_apart_by_the_internal_name() -> None:
    connection = connect({"rowKey": "SingleText", "leafName": "SingleText", "_Name": "SingleText"})
    spec = parse_spec("opusmap: 1\nconnection: c\nfields: {rowKey: A, Name: A}")
    with pytest.raises(InvalidMapping) as raised:
        compile_mapping(spec, connection)
    (found,) = raised.value.diagnostics
    assert (found.code, found.help) == ("ambiguous-target", "use the internal name: leafName or _Name")
    compile_mapping(
        parse_spec("opusmap: 1\nconnection: c\nfields: {rowKey: A, leafName: A, _Name: A}"), connection
    )


def test_a_connection_without_the_key_column_is_refused() -> None:
    spec = parse_spec("opusmap: 1\nconnection: c\nfields: {Line: A}")
    with pytest.raises(InvalidMapping) as raised:
        compile_mapping(spec, connect({"_Line": "SingleText"}))
    assert [one.code for one in raised.value.diagnostics] == ["missing-key-column"]


def test_names_are_checked_once_the_sources_columns_are_known() -> None:
    mapper = compiled("Line: A")
    with pytest.raises(InvalidMapping) as raised:
        mapper.for_columns(["Key", "B"])
    assert [one.code for one in raised.value.diagnostics] == ["unknown-column"]
    assert mapper.for_columns(None).source == mapper.source


def test_a_broken_step_is_told_once_and_not_at_each_use() -> None:
    found = problems('Line: {from: s}\nText: "{{ s }}"', 'let: {s: "{{ Nope }}"}', columns=["Key"])
    assert [one.code for one in found] == ["unknown-column"]


def test_an_included_file_may_not_bind_what_stands_in_the_mapping(tmp_path: Path) -> None:
    (tmp_path / "f.yaml").write_text('tables: {t: {a: b}}\nlet: {s: "{{ A }}"}\n', "utf-8")
    found = problems("Line: A", "include: [f.yaml]\ntables: {t: {a: c}}", folder=tmp_path)
    assert [one.code for one in found] == ["included-twice"]
    assert 'the table "t" is defined here and at m.yaml:5:10' in found[0].message


def test_the_plan_is_the_same_for_the_same_mapping() -> None:
    assert compiled("Line: A").plan.columns[0].column == CONNECTION.find("rowKey")
    assert compiled("Line: A").source == compiled("Line: A").source


@pytest.mark.parametrize(
    ("fields", "more"),
    [
        ("Line: TODO", ""),
        ("Line: {from: [Key, 'TODO: which?']}", ""),
        ('When: {from: Day, format: "TODO: %d/%m/%Y or %m/%d/%Y"}', ""),
        ("When: Day", "timezone: TODO\n"),
    ],
)
@pytest.mark.parametrize("columns", [None, frozenset({"Key", "Day"})])
def test_what_a_draft_leaves_to_a_person_is_told_as_such(fields, more, columns):
    (found,) = problems(fields, more, columns=columns)
    assert (found.code, found.severity) == ("to-do", Severity.ERROR)


def test_options_that_are_still_to_be_ordered_are_told_as_such():
    choices = "choices: {Choice: ['TODO: order these', Red, Blue], Choices: [Red]}\n"
    (found,) = problems("Choice: Key", choices=choices)
    assert found.code == "to-do"


def test_a_source_column_of_that_name_is_one():
    assert not problems("Line: TODO", columns=frozenset({"Key", "TODO"}))


def test_a_rejected_row_is_not_held_on_to():
    class Cells(dict):
        """A dictionary that can be watched."""

    mapper = compiled("")
    row = Cells(Key="")
    seen = weakref.ref(row)
    assert isinstance(mapper.map_row(row), Reject)
    del row
    gc.collect()
    assert seen() is None


def test_a_template_under_from_is_to_be_written_under_value() -> None:
    (found,) = problems('Line: {from: "{{ A }}", default: x}', columns=("Key", "A"))
    assert found.code == "unknown-column"
    assert "write `value:` instead of `from:`" in found.help


@pytest.mark.parametrize(
    ("lines", "code", "way"),
    [
        ("Line: A\ndefault: A", "unknown-target", "in braces: `Column: {from: …, default: …}`"),
        ('Line: "A, default: B"', "unknown-column", "write braces: {from: A, default: B}"),
        ('Line: "A, format: %d"', "unknown-column", "write braces: {from: A, format: %d}"),
    ],
)
def test_a_key_beside_a_column_or_behind_a_comma_is_answered_with_braces(
    lines: str, code: str, way: str
) -> None:
    (found,) = problems(lines, columns=["Key", "A"])
    assert (found.code, way in found.help) == (code, True), found.help


@pytest.mark.parametrize(
    ("binding", "meant"),
    [("{from: A, split: ''}", '`split: ";"`'), ("\"{{ A | split('') }}\"", "`split(';')`")],
)
def test_a_split_without_a_separator_says_what_to_write(binding: str, meant: str) -> None:
    fields = f"Choices: {binding}"
    if "from" in binding:
        found = problems(fields)
    else:
        reject = mapped(fields, {"Key": "1", "A": "a"})
        assert isinstance(reject, Reject)
        found = reject.problems
    assert [(one.message, meant in one.hint) for one in found] == [("`split` has no separator", True)]


@pytest.mark.parametrize(
    ("fields", "cell", "written"),
    [
        (
            'People: {from: A, split: ";"}',
            "a@x.org/b@x.org;c@x.org",
            ["[a@x.org,b@x.org,c@x.org]", 'convert: [{replace: ["/", ";"]}, {split: ";"}]'],
        ),
        (
            'Choices: {from: A, split: ","}',
            "Red;Blue,Green",
            ["[1,3,2]", 'convert: [{replace: [";", ","]}, {split: ","}]'],
        ),
        (
            'Choices: {from: A, split: ",", convert: [trim]}',
            "Red;Blue,Green",
            [None, 'convert: [{replace: [";", ","]}, {split: ","}, …]'],
        ),
    ],
)
def test_a_cell_with_a_second_separator_is_answered_with_both(
    fields: str, cell: str, written: list[str | None]
) -> None:
    row = {"Key": "1", "A": cell}
    reject = mapped(fields, row)
    assert isinstance(reject, Reject)
    (problem,) = reject.problems
    value, converts = written
    assert f"separates values, too: instead of `split`, write `{converts}`" in problem.hint
    if value is not None:
        corrected = re.sub(r"split: \"[;,]\"}$", f"{converts}}}", fields)
        assert next(each for name, each in record(corrected, row).items() if name != "rowKey") == value
