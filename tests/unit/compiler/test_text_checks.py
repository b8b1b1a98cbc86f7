"""A text that may mean something else than it says is reported with what to write."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from small_mapping import CONNECTION, compiled, problems

from opusmap.compiler import compile_mapping
from opusmap.compiler.text_checks import check_commas
from opusmap.errors import InvalidMapping
from opusmap.issues import Issue, Span
from opusmap.mapping import load_spec, parse_spec

COLUMNS = ("Key", "A", "Entered By", "Red", "Other")


def found(fields: str, more: str = "", columns: tuple[str, ...] | None = COLUMNS) -> tuple[Issue[Span], ...]:
    return compiled(fields, more, columns=columns).warnings


def test_a_default_with_the_name_of_a_source_column_is_reported() -> None:
    (one,) = found("Line: {from: A, default: Entered By}")
    assert one.code == "constant-is-column"
    assert one.severity == "warning"
    assert one.message == '"Entered By" is taken as this text, although a source column has this name'
    assert one.hint == """for the value of the source column write `default: "{{ row['Entered By'] }}"`"""


@pytest.mark.parametrize("column", ["When", "People", "Choice", "Number"])
def test_a_default_that_is_no_value_of_its_column_is_reported_beside_that_error(
    column: str,
) -> None:
    codes = [one.code for one in problems(f"{column}: {{from: A, default: Entered By}}", columns=COLUMNS)]
    assert "constant-is-column" in codes
    assert len(codes) == 2


def test_what_the_hint_on_a_default_says_reads_the_column_and_is_its_fix() -> None:
    (one,) = found("Line: {from: A, default: Entered By}")
    assert one.fix is not None
    assert one.fix.text == "{{ row['Entered By'] }}"
    mapper = compiled(f'Line: {{from: A, default: "{one.fix.text}"}}', columns=COLUMNS)
    assert found(f'Line: {{from: A, default: "{one.fix.text}"}}') == ()
    assert mapper.map_row({"Key": "k", "A": "", "Entered By": "Ann"}).values["_Line"] == "Ann"  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("binding", "written"),
    [
        ("{const: Other}", "`from: Other`"),
        ("{from: [{const: Other}, A]}", "`Other` without `const`"),
    ],
)
def test_a_constant_with_the_name_of_a_source_column_is_reported(binding: str, written: str) -> None:
    (one,) = found(f"Line: {binding}")
    assert (one.code, one.hint) == (
        "constant-is-column",
        f"for the value of the source column write {written}",
    )


def test_each_element_of_a_constant_list_is_looked_at() -> None:
    found = problems("People: {const: [a@x.org, Other]}", columns=COLUMNS)
    assert [one.code for one in found if one.severity == "warning"] == ["constant-is-column"]


def test_a_default_with_the_name_of_a_variable_is_reported() -> None:
    (one,) = found("Line: {from: A, default: known}", 'let: {known: "{{ Other }}"}\n')
    assert one.message == '"known" is taken as this text, although a variable has this name'
    assert one.hint == 'for the value of the variable write `default: "{{ known }}"`'


@pytest.mark.parametrize(
    "fields",
    [
        "Choice: {from: A, default: Red}",  # an option
        "Choices: {const: [Red]}",
        "Line: {from: A, default: entered by}",
        "Line: {from: A, default: Unknown}",
        "Line: {from: A, default: \"{{ 'Other' }}\"}",
    ],
)
def test_a_default_that_is_an_option_or_no_name_is_not_reported(fields: str) -> None:
    assert found(fields) == ()


def test_without_the_columns_of_the_source_no_default_is_reported() -> None:
    assert found("Line: {from: A, default: Other}", columns=None) == ()


@pytest.mark.parametrize(
    ("binding", "meant", "kept"),
    [
        ('CT-{{ A }}"', '"CT-{{ A }}"', "'CT-{{ A }}\"'"),
        ("CT-{{ A }}'", '"CT-{{ A }}"', '"CT-{{ A }}\'"'),
        ('a "b" {{ A }}"', '"a \\"b\\" {{ A }}"', '\'a "b" {{ A }}"\''),
    ],
)
def test_a_quotation_mark_that_becomes_part_of_a_value_is_reported(
    binding: str, meant: str, kept: str
) -> None:
    (one,) = found(f"Line: {binding}")
    assert (one.code, one.severity) == ("quote-in-text", "warning")
    assert one.hint == f"write: `{meant}`; if it belongs to the value: `{kept}`"
    assert found(f"Line: {meant}") == ()
    assert found(f"Line: {kept}") == ()


def test_the_mark_is_the_place_and_the_text_without_it_the_fix() -> None:
    (one,) = found('Line: CT-{{ A }}"')
    assert (one.place.column, one.place.end_column) == (19, 20)
    assert one.fix is not None
    assert one.fix.text == "CT-{{ A }}"


@pytest.mark.parametrize("binding", ['{const: Deed"}', '{from: A, default: Deed"}'])
def test_constants_are_checked_too(binding: str) -> None:
    assert [one.code for one in found(f"Line: {binding}")] == ["quote-in-text"]


@pytest.mark.parametrize(
    "binding",
    ['the "{{ A }}"', "it's {{ A }}", "about {{ A | default('') }}", "x {{ row['A'] }}", '|\n  {{ A }}"'],
)
def test_quotation_marks_in_pairs_and_within_a_text_are_not_reported(binding: str) -> None:
    assert found(f"Line: {binding}") == ()


SWALLOWED = """opusmap: 1
connection: c.json
fields:
  rowKey: Key
  Line: "see {{ A }}
  Text: note"
"""


def test_a_text_that_takes_in_the_next_key_is_reported() -> None:
    (one,) = compile_mapping(parse_spec(SWALLOWED, "m.yaml"), CONNECTION).warnings
    assert one.code == "unclosed-quote"
    assert one.message == 'this text goes on until line 6, and takes in "Text: note""'
    assert one.place.line == 5


def test_a_text_on_several_lines_that_are_indented_further_is_not_reported() -> None:
    text = SWALLOWED.replace("  Text: note", "     Text: note")
    assert compile_mapping(parse_spec(text, "m.yaml"), CONNECTION).warnings == ()


def test_a_comma_at_the_end_of_an_option_is_reported() -> None:
    def look(options: str) -> list[tuple[str, str]]:
        text = f"opusmap: 1\nconnection: c.json\nchoices:\n  Choice:\n{options}fields:\n  rowKey: Key\n"
        spec = parse_spec(text, "m.yaml")
        return [(one.code, one.hint) for one in check_commas(spec)]

    (one, _) = look("    - Dog,\n    - Cat,\n    - Bird\n")
    assert one == ("quote-in-text", 'write: `- Dog`; if it belongs to the option: `- "Dog,"`')
    assert look('    - Dog\n    - "Cat,"\n    - a, b\n') == []


JOINED = """opusmap: 1
connection: c.json
choices:
  Choice:
    - Cat
      - Rabbit
    - Reptile
fields:
  rowKey: Key
  Choice: A
"""


def test_a_name_within_single_braces_is_reported_for_it_goes_to_opus_as_it_is() -> None:
    (one,) = found('Line: "{ Entered By }: {{ A }}"')
    assert (one.code, one.severity) == ("constant-is-column", "warning")
    assert one.message == '"{ Entered By }" is taken as this text, although a source column has this name'
    assert one.hint == "for the value of the source column write two braces: `{{ row['Entered By'] }}`"


@pytest.mark.parametrize("template", ["{ x }: {{ A }}", "{{ A }} {}", "{% if A %}{{ A }}{% endif %}"])
def test_other_braces_are_not_reported(template: str) -> None:
    assert [one.code for one in found(f'Line: "{template}"') if one.code == "constant-is-column"] == []


def problems_of(mapping: str) -> tuple[Issue[Span], ...]:
    try:
        compile_mapping(parse_spec(mapping, "m.yaml"), CONNECTION)
    except InvalidMapping as error:
        return tuple(error.diagnostics)
    return ()


def test_an_option_that_takes_in_the_next_one_is_an_error_for_all_others_would_move_up() -> None:
    (one,) = problems_of(JOINED)
    assert (one.code, one.severity) == ("joined-options", "error")
    assert one.message == 'the line "- Rabbit" is indented too far, so it became part of the option above'
    assert one.place.line == 5


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        (
            "\n    - New building\n      Extension\n    - Demolition",
            'the line "Extension" has no dash, so it became part of the option above',
            (
                "write `- Extension`, with as many spaces before it as before the `-` above it; "
                'if it is one option, write it on one line: "New building Extension"'
            ),
        ),
        (
            "\n    - New building\n\n      -Extension\n    - Demolition",
            'the line "-Extension" has no space after its dash, so it became part of the option above',
            (
                "write `- Extension`, with as many spaces before it as before the `-` above it; "
                'if it is one option, write it on one line: "New building -Extension"'
            ),
        ),
        (
            " [New building\n    Extension, Demolition]",
            'the line "Extension" has no comma before it, so it became part of the option above',
            'write `, Extension`; if it is one option, write it on one line: "New building Extension"',
        ),
    ],
)
@pytest.mark.parametrize("below", ["", "\n    options:"])
def test_a_line_without_its_dash_is_an_error_for_it_became_part_of_the_option_above(
    below: str, options: str, message: str, hint: str
) -> None:
    written = below + (options.replace("\n", "\n  ") if below else options)
    mapping = JOINED.replace("\n    - Cat\n      - Rabbit\n    - Reptile", written)
    (one,) = problems_of(mapping)
    assert (one.code, one.severity) == ("joined-options", "error")
    assert (one.message, one.hint) == (message, hint)


def test_the_options_of_an_included_file_are_checked_as_well(tmp_path: Path) -> None:
    (tmp_path / "options.yaml").write_text("choices:\n  Choice:\n    - Cat\n      Rabbit\n", "utf-8")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(re.sub("choices:(.|\n)*(?=fields:)", "include: [options.yaml]\n", JOINED), "utf-8")
    with pytest.raises(InvalidMapping) as raised:
        compile_mapping(load_spec(mapping), CONNECTION)
    (one,) = raised.value.diagnostics
    assert one.code == "joined-options"
    assert Path(one.place.file).name == "options.yaml"


@pytest.mark.parametrize(
    "option", ['"New building\n      Extension"', ">-\n      New building\n      Extension"]
)
def test_an_option_in_quotes_or_a_block_may_go_over_several_lines(option: str) -> None:
    assert problems_of(JOINED.replace("Cat\n      - Rabbit", option)) == ()


def test_an_alias_of_an_option_that_another_takes_in_is_no_second_error() -> None:
    def codes_of(alias: str) -> list[str]:
        return [one.code for one in problems_of(with_alias.format(alias=alias))]

    with_alias = JOINED.replace(
        "  Choice:\n", "  Choice:\n    aliases: {{Bunny: {alias}}}\n    options:\n", 1
    )
    assert codes_of("Rabbit") == codes_of("Cat") == ["joined-options"]
    assert set(codes_of("Hamster")) == {"joined-options", "unknown-option"}
    one_line = with_alias.replace("Cat\n      - Rabbit", "Cat - Rabbit")
    assert [one.code for one in problems_of(one_line.format(alias="Rabbit"))] == ["unknown-option"]


@pytest.mark.parametrize("option", ["'Cat\n      - Rabbit'", "Cat - Rabbit", ">-\n      Cat\n      - Rabbit"])
def test_an_option_with_a_dash_of_its_own_is_left_alone(option: str) -> None:
    assert problems_of(JOINED.replace("Cat\n      - Rabbit", option)) == ()
