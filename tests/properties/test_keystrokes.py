"""What is kept from one text to the next never shows: the answers are always those of a fresh service."""

from __future__ import annotations

import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_mapping import CONNECTION

from opusmap.language import LanguageService, Position

ROWS = (
    "Key,Title,Doc No,Signed,Seen,Kind,Tags,Who\n"
    "k1,One,1,31/12/2020,01/02/2021 10:00,Red,Red;blu,a@example.com\n"
    "k2,Two,2,01/02/2021,03/04/2021 11:30,Rad,Green;blu,\n"
    "k3,,3,,,Rad,,b@example.com\n"
)
TEXT = """opusmap: 1
connection: c.json
source: {path: rows.csv, empty: ["", "-"]}
timezone: UTC
target:
  choice_base: 1
choices:
  Choice:
    options: [Red, Green, Blue]
    aliases: {Rad: Red, blu: Blue}
  Choices: [Red, Green, Blue, blu]
tables:
  colours: {Red: R, Rad: R}
let:
  title: "{{ Title | trim | default('none') }}"
  both: "{{ title ~ (Key | upper) }}"
  signed: "{{ Signed | datetime(['%d/%m/%Y', '%m/%d/%Y']) | format_date('%Y') if Signed else 'no' }}"
where: "{{ Key != 'k9' }}"
fields:
  rowKey: Key
  Line: {from: Kind, lookup: colours, default: "{{ title }}"}
  Text: [{const: Blue}, both, signed]
  When: {from: Seen, format: "%d/%m/%Y %H:%M", on_error: omit}
  # a comment
  Choice: {from: Kind, default: Red, on_error: default}
  Choices:
    from: Tags
    split: ";"
  People: [Who, {first_of: [Whom, Who]}]
  Number: {from: Doc No, convert: [trim, {regex_replace: ["x+", y]}]}
  termFullPath: "{{ 'a/b/' ~ (title | replace('O', 'o')) }}"
"""
WORDS = [
    *("x", " ", '"', "'", "{", "}", "[", ":", "#", "|", "\n", "\n  ", "\n\n", "  ", "TODO", "é", "🎉"),
    *("Title", "Kind", "title", "both", "colours", " | trim", "{{ Key }}", "{{ n + 1 }}", "{const: Red}"),
    *("\n  Line: Title", "\n  Text: [Kind, Title]", "\n  n: '{{ 1 }}'", "\nconflict: skip", "- ", "%d.%m.%Y"),
]
SWAPS = {
    "a variable is a list": ("Title | trim | default('none')", "[Key]"),
    "a variable is a number": ("Title | trim | default('none')", "1"),
    "a variable is called otherwise": ("  both:", "  all:"),
    "a variable hides a column": ("  both:", "  Kind: '{{ Key }}'\n  both:"),
    "an option is called otherwise": ("options: [Red,", "options: [Rood,"),
    "an alias is for another option": ("Rad: Red", "Rad: Green"),
    "case does not count": ("aliases: {Rad", "ignore_case: true\n    aliases: {Rad"),
    "orders begin with 0": ("choice_base: 1", "choice_base: 0"),
    "another text is empty": ('"-"', '"Blue"'),
    "another zone": ("timezone: UTC", "timezone: Europe/Berlin"),
    "no zone": ("timezone: UTC\n", ""),
    "a table is called otherwise": ("  colours:", "  colors:"),
    "a table has another entry": ("Rad: R}", "Rad: X}"),
    "another source": ("rows.csv", "other.csv"),
    "a column is required": ("where:", "columns: {When: {required: true}}\nwhere:"),
    "a column is of another type": ("where:", "columns: {Line: {type: Number}}\nwhere:"),
    "a part is to do": ("timezone: UTC", "timezone: TODO"),
}
"""What a column's plan depends on besides its binding."""
LINES = TEXT.splitlines(keepends=True)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("keystrokes")
    data = {column.internal_name: column.type for column in CONNECTION.columns}
    (folder / "c.json").write_text(json.dumps({"id": CONNECTION.id, "data": [data]}))
    (folder / "rows.csv").write_text(ROWS)
    (folder / "other.csv").write_text(ROWS.replace("Kind", "Sort"))
    return folder


@st.composite
def keystrokes(draw):
    """Return texts, each made of the one before by a change; after a while the first one may come again."""
    text, texts = TEXT, [TEXT]
    for _ in range(draw(st.integers(1, 6))):
        match draw(st.sampled_from(["type", "type", "type", "take", "line", "move", "swap", "undo"])):
            case "type" | "take" as kind:
                start = draw(st.integers(0, len(text)))
                word = draw(st.sampled_from(WORDS)) if kind == "type" else ""
                text = text[:start] + word + text[start + draw(st.integers(0, 6)) :]
            case "line":  # a line comes again, or goes
                lines = text.splitlines(keepends=True)
                number = draw(st.integers(0, len(lines)))
                lines[number : number + draw(st.integers(0, 1))] = [draw(st.sampled_from(["", *LINES]))]
                text = "".join(lines)
            case "move":
                text = draw(st.sampled_from(["\n", "# one more\n"])) + text
            case "swap":
                text = text.replace(*draw(st.sampled_from(list(SWAPS.values()))))
            case "undo":
                text = draw(st.sampled_from(texts))
        texts.append(text)
    return texts


def answers(service):
    work, position = service._facts.known.work, Position(len(service.text.split("\n")) // 2, 12)
    found: list[object] = [service.problems, service.error]
    if work is not None and work is service._analysis.work:  # else what was known before is asked
        found += [work.mapper.source, work.mapper.plan.warnings, work.to_do, work.left_out]
        found += [service.map_sample(), work.mapper.unmatched_patterns()]
        found += [service.complete(position), service.hover(position)]
        found += [
            [
                (one.span, one.binding, [call.span for call in one.converts])
                for one in work.mapper.plan.columns
            ]
        ]
    return [repr(one) for one in found]


@cache
def fresh_answers(folder, text):
    """Return the answers of a service that knows no other text; the files in the folder stay as they are."""
    fresh = LanguageService(folder / "mapping.yaml")
    fresh.update(text)
    return answers(fresh)


@given(texts=keystrokes())
def test_after_any_keystrokes_the_answers_are_those_of_a_fresh_service(folder, texts):
    service = LanguageService(folder / "mapping.yaml")
    for text in texts:
        service.update(text)
        assert answers(service) == fresh_answers(folder, text)


@pytest.mark.parametrize("swap", SWAPS.values(), ids=SWAPS)
def test_what_a_binding_depends_on_may_change_and_come_back(folder, swap):
    service = LanguageService(folder / "mapping.yaml")
    assert swap[0] in TEXT
    for text in (TEXT, TEXT.replace(*swap), TEXT):
        service.update(text)
        assert answers(service) == fresh_answers(folder, text)


@pytest.mark.parametrize("line", range(len(LINES)), ids=[line.strip()[:20] for line in LINES])
def test_after_each_line_is_typed_the_problems_are_those_of_a_fresh_service(folder, line):
    service, typed = LanguageService(folder / "mapping.yaml"), LINES[line]
    before, after = "".join(LINES[:line]), "".join(LINES[line + 1 :])
    for end in range(0, len(typed) + 1, 7):
        fresh = LanguageService(folder / "mapping.yaml")
        for one in (service, fresh):
            one.update(before + typed[:end] + "\n" + after)
        assert service.problems == fresh.problems
