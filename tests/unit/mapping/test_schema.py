"""What the schema finds wrong is said in words for people, at its place."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from opusmap.errors import InvalidMapping
from opusmap.mapping import parse_spec
from opusmap.mapping.schema import _ANNOTATIONS, _CHECKS, _validator, fits, load_schema
from opusmap.mapping.yaml_reader import Entries, Items, Node, parse_yaml

HEAD = "opusmap: 1\nconnection: c\n"
FIELDS = "fields: {a: b}\n"

MESSAGES = {
    "": ("the file is empty", "begin with `opusmap: 1`, `connection:` and `fields:`", "1:1"),
    "- a": (
        "a mapping file consists of `key: value` lines",
        "begin with `opusmap: 1`, `connection:` and `fields:`",
        "1:1",
    ),
    "opusmap: 2\nconnection: c\n" + FIELDS: ('opusmap can\'t be the text "2"', "allowed: 1", "1:10"),
    "opusmap: 1\n" + FIELDS: (
        "the mapping lacks `connection`",
        "`connection`: The file downloaded from Opus > Settings > Connector, beside or below this mapping",
        "1:1",
    ),
    HEAD + FIELDS + "feilds: 1": ('"feilds" is not a key of the mapping', 'did you mean "fields"?', "4:1"),
    HEAD + "field: {a: b}": ('"field" is not a key of the mapping', 'did you mean "fields"?', "3:1"),
    HEAD + FIELDS + "choices: {C: {option: [a]}}": (
        '"option" is not a key of choices.C',
        'did you mean "options"?',
        "4:15",
    ),
    HEAD + FIELDS + "x1: 1": (
        '"x1" is not a key of the mapping',
        "allowed: " + ", ".join(load_schema()["properties"]),
        "4:1",
    ),
    HEAD + "fields: {}": ("fields is empty", "give it a value, or remove the key", "3:9"),
    HEAD + "fields:": (
        "fields must be a set of `key: value`, not nothing",
        "give it a value, or remove the key",
        "3:8",
    ),
    HEAD + "fields: [a]": ("fields must be a set of `key: value`, not a list", "", "3:9"),
    HEAD + "fields: {a: ~}": (
        "fields.a must be a text, not nothing",
        "give it a value, or remove the key",
        "3:13",
    ),
    HEAD + "fields: {a: []}": ("fields.a is empty", "give it a value, or remove the key", "3:13"),
    HEAD + "fields: {a: [b, [c]]}": ("fields.a, entry 2 must be a text, not a list", "", "3:17"),
    HEAD + "fields: {a: {from: b, slpit: ;}}": (
        '"slpit" is not a key of fields.a',
        'did you mean "split"?',
        "3:23",
    ),
    HEAD + "fields: {a: {split: ;}}": (
        "fields.a needs exactly one of `from`, `value` and `const`",
        'for example {from: Title} or {value: "{{ Title | trim }}"}',
        "3:13",
    ),
    HEAD + "fields: {a: {from: b, const: c}}": (
        "fields.a needs exactly one of `from`, `value` and `const`, not `from` and `const`",
        'for example {from: Title} or {value: "{{ Title | trim }}"}',
        "3:13",
    ),
    HEAD + "fields: {a: {from: b, convert: {trim: 1, upper: 2}}}": (
        "fields.a.convert names 2 converters at once",
        "write a list, in the order in which they are applied: [trim, {truncate: 100}]",
        "3:32",
    ),
    HEAD + "fields: {a: {from: b, convert: [[c]]}}": (
        "fields.a.convert, entry 1 must be a text or a set of `key: value`, not a list",
        "",
        "3:33",
    ),
    HEAD + "fields: {a: {from: b, required: yes}}": (
        'fields.a.required must be true or false, not the text "yes"',
        "write `true` or `false`, without quotes",
        "3:33",
    ),
    HEAD + "fields: {a: {from: b, on_error: ommit}}": (
        'fields.a.on_error can\'t be the text "ommit"',
        'did you mean "omit"?',
        "3:33",
    ),
    HEAD + FIELDS + "conflict: {a: b}": (
        "conflict can't be a set of keys",
        "allowed: overwrite, skip",
        "4:11",
    ),
    HEAD + FIELDS + "target: {choice_base: one}": (
        'target.choice_base must be a whole number, not the text "one"',
        "write it in digits, without quotes",
        "4:23",
    ),
    HEAD + FIELDS + "choices: {c: []}": ("choices.c is empty", "give it a value, or remove the key", "4:14"),
    HEAD + FIELDS + "choices: {c: {aliases: {x: y}}}": (
        "choices.c lacks `options`",
        "`options`: The options, in the order that Opus shows them",
        "4:14",
    ),
    HEAD + FIELDS + "tables: {t: [a]}": ("tables.t must be a set of `key: value`, not a list", "", "4:13"),
    HEAD + FIELDS + "tests: [{name: a}]": (
        "tests, entry 1 lacks `row`",
        "`row`: Source columns and their values",
        "4:9",
    ),
}


PART = "must be a column's name, `{const: a text}` or `{first_of: [A, B]}`"
MEANT = {
    "fields: {a: [{const: b}, {column: C}]}": (
        "unknown-key",
        f"fields.a, entry 2 {PART}",
        "for the column, write its name alone: `C`",
    ),
    "fields: {a: [{const: b}, {from: [C, D]}]}": (
        "unknown-key",
        f"fields.a, entry 2 {PART}",
        "for the first of these columns that has a value, write `{first_of: [C, D]}`",
    ),
    "fields: {a: [{const: b, c}, D]}": (
        "unknown-key",
        f"fields.a, entry 1 {PART}",
        'a text with a comma needs quotes: `const: "b, c"`',
    ),
    "fields: {a: [b, {value: '{{ c }}'}]}": (
        "unknown-key",
        f"fields.a, entry 2 {PART}",
        "make it a variable under `let`, and write the variable's name here",
    ),
    "fields: {a: [b, {}]}": ("missing-key", f"fields.a, entry 2 {PART}", ""),
    "fields: {a: {from: {const: b}}}": (
        "unknown-key",
        "fields.a.from must be a column's name or `{first_of: [A, B]}`",
        "for the same value in each record, write `const` in the place of `from`",
    ),
    "fields: {a: {const: b, c}}": (
        "unknown-key",
        '"c" is not a key of fields.a',
        'a text with a comma needs quotes: `const: "b, c"`',
    ),
    "fields: {a: {from: b, c}}": (
        "unknown-key",
        '"c" is not a key of fields.a',
        "several columns are a list: `from: [b, c]`",
    ),
    "fields: {a: [{first_of: b}]}": (
        "wrong-type",
        'fields.a, entry 1.first_of must be a list, not the text "b"',
        "write a list: `[b]`",
    ),
    FIELDS + "choices: {c: [{name: x}]}": (
        "wrong-type",
        "choices.c, entry 1 must be a text, not a set of keys",
        "write its name alone: `x`",
    ),
    FIELDS + "choices: {c: {options: [x, {y: }]}}": (
        "wrong-type",
        "choices.c.options, entry 2 must be a text, not a set of keys",
        'write `y`, without the colon, or `"y:"` if Opus shows the colon',
    ),
    FIELDS + "choices: {c: [x: y]}": (
        "wrong-type",
        "choices.c, entry 1 must be a text, not a set of keys",
        (
            'if Opus shows the colon, write it in quotes: `"x: y"`; '
            "if x is another spelling of an option, write it under `aliases`, beside `options`"
        ),
    ),
    FIELDS + "choices: {c: x; y}": (
        "wrong-type",
        'choices.c must be a set of `key: value`, not the text "x; y"',
        "write a list, in the order that Opus shows: `[x, y]`",
    ),
    FIELDS + "choices: {c: [[x, y]]}": (
        "wrong-type",
        "choices.c, entry 1 must be a text, not a list",
        "an option is a name, as Opus shows it: write each on a separate line",
    ),
}


@pytest.mark.parametrize("text", MEANT)
def test_a_part_or_an_option_of_another_form_is_one_problem_that_shows_the_form_that_is_meant(
    text: str,
) -> None:
    try:
        (found,) = parse_spec(HEAD + text, "m.yaml").problems
    except InvalidMapping as error:
        (found,) = error.diagnostics
    assert (found.code, found.message, found.help) == MEANT[text]


@pytest.mark.parametrize("text", MESSAGES)
def test_each_kind_of_failure_is_said_in_plain_words(text: str) -> None:
    try:
        (found,) = parse_spec(text, "m.yaml").problems
    except InvalidMapping as error:
        (found,) = error.diagnostics
    message, help_text, place = MESSAGES[text]
    assert (found.message, found.help, str(found.span)) == (message, help_text, f"m.yaml:{place}")


def test_every_kind_of_failure_that_the_schema_can_find_has_words_of_its_own() -> None:
    worded = {
        "additionalProperties",
        "required",
        "type",
        "enum",
        "oneOf",
        "minItems",
        "minProperties",
        "maxProperties",
    }
    structural = {"$schema", "$ref", "$defs", "properties", "items", "if", "then", "else"}
    notes = {"title", "description", "examples"}
    assert {keyword for keyword, _ in _keywords(load_schema())} <= worded | structural | notes


def test_all_failures_are_told_in_the_files_order() -> None:
    text = "opusmap: 1\nconnection: [c]\nx: 1\nfields: {a: {from: b, on_error: no, split: []}}\n"
    with pytest.raises(InvalidMapping) as raised:
        parse_spec(text, "m.yaml")
    assert [one.code for one in raised.value.diagnostics] == [
        "wrong-type",
        "unknown-key",
        "unknown-value",
        "wrong-type",
    ]


def test_the_schema_is_valid_and_describes_every_key_for_editors() -> None:
    schema = load_schema()
    Draft202012Validator.check_schema(schema)
    assert json.loads(json.dumps(schema)) == schema
    for keyword, value in _keywords(schema):
        if keyword == "properties":
            for name, described in value.items():
                assert "description" in described or "$ref" in described, name


def _keywords(schema: Any) -> Iterator[tuple[str, Any]]:
    for keyword, value in schema.items():
        yield keyword, value
        if keyword in ("properties", "$defs"):
            for part in value.values():
                yield from _keywords(part)
        elif keyword in ("items", "if", "then", "else", "additionalProperties") and isinstance(value, dict):
            yield from _keywords(value)
        elif keyword == "oneOf":
            for part in value:
                yield from _keywords(part)


VALID = [
    path.read_text("utf-8") for path in sorted(Path(__file__).parents[3].glob("mappings/*/mapping.yaml"))
]
VALID.append(
    HEAD + "source: {path: a, header_row: 2, columns: [a, b], empty: ['']}\n"
    "columns: {a: {type: Number, required: true}}\n"
    "choices: {a: [b, 1], c: {options: [d], aliases: {e: d}, ignore_case: false}}\n"
    "tables: {t: {a: b}}\ninclude: [a.yaml]\nlet: {s: a}\nwhere: a\n"
    "fields: {a: b, c: {value: d, convert: [trim, {truncate: 3}], required: true}, e: [f, g], h: {const: 1}}"
    "\n"
    "tests: [{row: {a: b}, reject: {a: b}}, {row: {}, filtered: true}]\n"
)
PIECES = ["a", "'1'", "1", "true", "~", "[]", "{}", "[a, [b]]", "{trim: 1, split: 2}"]
PIECES += ["{from: a}", "{from: a, value: b}", "{a: {}}", "{options: []}"]


def containers(node: Node) -> Iterator[Items | Entries]:
    """Yield each list and each set of keys in a node."""
    if isinstance(node, Items | Entries):
        yield node
        for part in node.values() if isinstance(node, Entries) else node:
            yield from containers(part)


def change(draw: st.DrawFn, node: Items | Entries) -> None:
    """Put another value in place of one, or add or remove one."""
    piece: Any = parse_yaml(draw(st.sampled_from(PIECES)), "m").data
    if isinstance(node, Items):
        node[draw(st.integers(0, len(node))) :] = draw(st.sampled_from([[], [piece]]))
    else:
        key = draw(st.sampled_from([*node, "from", "options", "required", "new"]))
        if node.pop(key, None) is None or draw(st.booleans()):
            node[key] = piece


@given(st.data(), st.sampled_from(VALID), st.integers(0, 3))
def test_what_fits_the_schema_is_what_jsonschema_finds_nothing_wrong_with(
    data: st.DataObject, text: str, changes: int
) -> None:
    node: Any = parse_yaml(text, "m").data
    assert fits(node, load_schema())
    for _ in range(changes):
        change(data.draw, data.draw(st.sampled_from(list(containers(node)))))
    assert fits(node, load_schema()) == (not list(_validator().iter_errors(node)))


def test_no_keyword_of_the_schema_is_unknown() -> None:
    def keywords(schema: dict[str, Any]) -> Iterator[str]:
        yield from schema
        for key, value in schema.items():
            if key in ("properties", "$defs"):
                for inner in value.values():
                    yield from keywords(inner)
            elif key in ("items", "additionalProperties", "if", "then", "else") and isinstance(value, dict):
                yield from keywords(value)
            elif key == "oneOf":
                for inner in value:
                    yield from keywords(inner)

    assert set(keywords(load_schema())) <= _ANNOTATIONS | set(_CHECKS)
