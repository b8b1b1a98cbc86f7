"""What each intent makes of a mapping as people write it: exactly these characters, and no others."""

from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap import edits
from opusmap.edits import (
    AddTest,
    Bind,
    Constant,
    FromColumn,
    FromColumns,
    InsertOption,
    MoveOption,
    RemoveBinding,
    RemoveOption,
    SetAlias,
    SetBindingKey,
    SetIgnoreCase,
    SetOptions,
    SetSourceOption,
    SetTableEntry,
    SetTargetOption,
    SetTimezone,
    Template,
    apply,
)

HEAD = "opusmap: 1\nconnection: c.json\n"


def edit_fields(fields, intent):
    """Return the lines of `fields` after an intent."""
    start = f"{HEAD}fields:\n"
    text = apply(f"{start}{fields}", intent).text
    assert text.startswith(start)
    return text.removeprefix(start)


@pytest.mark.parametrize(
    ("before", "intent", "after"),
    [
        ("  A: x  # why\n", Bind("A", FromColumn("z")), "  A: z  # why\n"),
        ("  A: 'x'\n", Bind("A", FromColumn("it's")), "  A: 'it''s'\n"),
        ("  A: x\n", Bind("A", FromColumn("a: b")), '  A: "a: b"\n'),
        ("  A: x\n", Bind("A", FromColumn("{{ x }}")), '  A: {from: "{{ x }}"}\n'),
        ("  A: x\n", Bind("A", Template("CT-{{ n }}")), '  A: "CT-{{ n }}"\n'),
        ("  A: x\n", Bind("A", Template("n | upper")), "  A: {value: n | upper}\n"),
        ("  A: x\n", Bind("A", Constant("NO")), '  A: {const: "NO"}\n'),
        ("  A: [x, y]\n", Bind("A", FromColumns(("y", "z"))), "  A: [y, z]\n"),
        ("  A: {from: x, split: ;}\n", Bind("A", Constant("c")), "  A: {const: c, split: ;}\n"),
        ("  A:\n    value: >\n      {{ x }}\n    join: ' '\n", Bind("A", FromColumn("z")), "  A:\n    from: z\n    join: ' '\n"),
        ("  A: |  # text\n    {{ x }}\n\n  B: y\n", Bind("A", FromColumn("z")), "  A: z  # text\n\n  B: y\n"),
        ("  A:  # list\n  - x\n  - y  # two\n  B: y\n", Bind("A", FromColumn("z")), "  A: z  # list\n  B: y\n"),
        ("  A: x", Bind("B", FromColumn("z")), "  A: x\n  B: z"),
        ("  A: |\n    {{ x }}", Bind("B", FromColumn("z")), "  A: |-\n    {{ x }}\n  B: z"),
        ("   A: x\n\n# end\n", Bind("B", FromColumn("z")), "   A: x\n   B: z\n\n# end\n"),
        ("  A: x\r\n", Bind("B", FromColumn("z")), "  A: x\r\n  B: z\r\n"),
        ("  A: x  # a\n  B: y\n", RemoveBinding("A"), "  B: y\n"),
        ("  A: x\n  B: y", RemoveBinding("B"), "  A: x"),
    ],
)  # fmt: skip
def test_a_column_is_bound(before, intent, after):
    assert edit_fields(before, intent) == after


@pytest.mark.parametrize(
    ("before", "key", "value", "after"),
    [
        ("  A: x # why\n", "format", "%d/%m/%Y", '  A: {from: x, format: "%d/%m/%Y"} # why\n'),
        ("  A: '{{ x }}'\n", "default", "none", "  A: {value: '{{ x }}', default: none}\n"),
        ("  A: x, y\n", "split", ",", '  A: {from: "x, y", split: ","}\n'),
        ("  A:\n    - x  # one\n    - y\n", "join", "/", '  A:\n    from:\n    - x  # one\n    - y\n    join: "/"\n'),
        ("  A:\n  - x\n  - y\n", "required", True, "  A:\n    from:\n    - x\n    - y\n    required: true\n"),
        ("  A: >\n    {{ x }}\n  B: y\n", "on_error", "omit", "  A:\n    value: >\n      {{ x }}\n    on_error: omit\n  B: y\n"),
        ("  A: {from: x, format: '%d'}\n", "format", "%m", "  A: {from: x, format: '%m'}\n"),
        ("  A: {from: x, format: '%d'}\n", "format", ["%d", "%m"], '  A: {from: x, format: ["%d", "%m"]}\n'),
        ("  A: {from: x, format: '%d', split: y}\n", "format", None, "  A: {from: x, split: y}\n"),
        ("  A: {from: x, split: y}\n", "split", None, "  A: {from: x}\n"),
        ("  A: {\n    from: x,  # cell\n    split: y,  # mark\n  }\n", "split", None, "  A: {\n    from: x,  # cell\n  }\n"),
        ("  A: {\n    from: x  # cell\n  }\n", "join", "z", "  A: {\n    from: x,  # cell\n    join: z\n  }\n"),
        ("  A:\n    from: x\n    # why\n    split: y # mark\n", "split", "z", "  A:\n    from: x\n    # why\n    split: z # mark\n"),
        ("  A: x\n", "default", "one\ntwo", '  A: {from: x, default: "one\\ntwo"}\n'),
    ],
)  # fmt: skip
def test_a_key_of_a_binding_is_set_or_removed(before, key, value, after):
    assert edit_fields(before, SetBindingKey("A", key, value)) == after


TAIL = "fields:\n  A: x\n"


@pytest.mark.parametrize(
    ("before", "intent", "after"),
    [
        ("  A: [Red, Blue]  # all\n", SetAlias("A", "rot", "Red"), "  A: {options: [Red, Blue], aliases: {rot: Red}}  # all\n"),
        ("  A:\n    - Red\n", SetAlias("A", "rot", "Red"), "  A:\n    options:\n    - Red\n    aliases: {rot: Red}\n"),
        ("  A:\n    options: [Red]\n    aliases:\n      r: Red\n", SetAlias("A", "R: 1", "Red"), '  A:\n    options: [Red]\n    aliases:\n      r: Red\n      "R: 1": Red\n'),
        ("  A: {options: [Red], aliases: {r: Red}}\n", SetAlias("A", "r", None), "  A: {options: [Red]}\n"),
        ("  A: [Red, Blue]\n", InsertOption("A", "Green", 2), "  A: [Red, Green, Blue]\n"),
        ("  A: [Red, Blue]\n", InsertOption("A", "Green", 3), "  A: [Red, Blue, Green]\n"),
        ("  A: [Red, Blue]\n", MoveOption("A", "Blue", 1), "  A: [Blue, Red]\n"),
        ("  A: [Red, Blue]\n", RemoveOption("A", "Red"), "  A: [Blue]\n"),
        ("  A:\n  - Red  # 12\n  # next\n  - Blue  # 3\n", MoveOption("A", "Blue", 1), "  A:\n  # next\n  - Blue  # 3\n  - Red  # 12\n"),
        ("  A: [\n    Red,  # 12\n    Blue  # 3\n  ]\n", MoveOption("A", "Blue", 1), "  A: [\n    Blue,  # 3\n    Red  # 12\n  ]\n"),
        ("  A: [\n    Red,  # 12\n    Blue,  # 3\n  ]\n", RemoveOption("A", "Red"), "  A: [\n    Blue,  # 3\n  ]\n"),
        ("  A: [2023, 2024]\n", MoveOption("A", "2024", 1), "  A: [2024, 2023]\n"),
        ("  A:\n", SetOptions("A", ("Red", "Blue")), "  A: [Red, Blue]\n"),
        ("  A: [Red]\n", SetOptions("B", ("x",)), "  A: [Red]\n  B: [x]\n"),
        ("  A: [Red]\n", SetIgnoreCase("A", ignored=True), "  A: {options: [Red], ignore_case: true}\n"),
        ("  A: {options: [Red], ignore_case: true}\n", SetIgnoreCase("A", ignored=False), "  A: {options: [Red]}\n"),
        ("  A: [Red]\n", SetIgnoreCase("A", ignored=False), "  A: [Red]\n"),
    ],
)  # fmt: skip
def test_choices_are_changed(before, intent, after):
    assert apply(f"{HEAD}choices:\n{before}{TAIL}", intent).text == f"{HEAD}choices:\n{after}{TAIL}"


@pytest.mark.parametrize(
    ("before", "intent", "after"),
    [
        ("source: {}  # c\n", SetSourceOption("header_row", 3), "source: {header_row: 3}  # c\n"),
        ("tables: ~  # none\n", SetTableEntry("t", "a", "b"), "tables:  # none\n  t: {a: b}\n"),
        ("", SetSourceOption("header_row", 3), "source:\n  header_row: 3\n"),
        ("source:\n", SetSourceOption("header_row", 3), "source:\n  header_row: 3\n"),
        ("source:\n  path: a.csv\n\n", SetSourceOption("delimiter", "\t"), 'source:\n  path: a.csv\n  delimiter: "\\t"\n\n'),
        ("source: {path: a.csv}\n", SetSourceOption("sheet", "2"), 'source: {path: a.csv, sheet: "2"}\n'),
        ("source:\n  sheet: x\n\n", SetSourceOption("sheet", None), "\n"),
        ("source:\n  path: a.csv\n\n", SetTimezone("Europe/London"), "source:\n  path: a.csv\n\ntimezone: Europe/London\n\n"),
        ("timezone: UTC  # old\n", SetTimezone("Asia/Tokyo"), "timezone: Asia/Tokyo  # old\n"),
        ("", SetTargetOption("datetime_format", "%d/%m/%Y"), 'target:\n  datetime_format: "%d/%m/%Y"\n'),
        ("tables:\n  t:\n    a: b\n", SetTableEntry("t", "c", "d"), "tables:\n  t:\n    a: b\n    c: d\n"),
        ("tables: {t: {a: b}}\n", SetTableEntry("t", "a", "no"), 'tables: {t: {a: "no"}}\n'),
    ],
)  # fmt: skip
def test_options_of_the_file_are_set(before, intent, after):
    assert apply(f"{HEAD}{before}{TAIL}", intent).text == f"{HEAD}{after}{TAIL}"


def test_tests_are_added_as_the_others_are_written():
    test = AddTest({"Nr": "0007", "Title": "a: b"}, "a row", expect={"A": "x", "B": None})
    first = apply(f"{HEAD}\n{TAIL}  # - unused\n", test).text
    assert first == (
        f"{HEAD}\n{TAIL}  # - unused\n\ntests:\n  - name: a row\n"
        '    row: {Nr: "0007", Title: "a: b"}\n    expect: {A: x, B: null}\n'
    )
    later = apply(first, AddTest({"Nr": "8"}, filtered=True)).text
    assert later == first + '  - row: {Nr: "8"}\n    filtered: true\n'


def test_long_values_are_written_in_lines():
    options = tuple(f"option number {number}" for number in range(10))
    text = apply(f"{HEAD}{TAIL}", SetOptions("A", options)).text
    assert "choices:\n  A:\n    - option number 0\n    - option number 1\n" in text


def test_json_stays_json():
    text = '{\n "opusmap": 1,\n "connection": "c.json",\n "fields": {"A": {"from": "x"}}\n}\n'
    text = apply(text, SetBindingKey("A", "split", ",")).text
    text = apply(text, SetTimezone("UTC")).text
    assert text == (
        '{\n "opusmap": 1,\n "connection": "c.json",\n "timezone": "UTC",\n'
        ' "fields": {"A": {"from": "x", "split": ","}}\n}\n'
    )


def test_two_thousand_options_are_pasted_in_two_passes():
    old = tuple(f"Option {number}" for number in range(2000))
    text = apply(f"{HEAD}{TAIL}", SetOptions("A", old)).text
    patch = apply(text, SetOptions("A", ("Zebra", *old[:1000], *old[1400:], old[1100])))
    assert len(patch.edits) < 410


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("fields:  # none yet\n  # A: TODO\n", "fields:  # none yet\n  B: z\n  # A: TODO\n"),
        ("fields:", "fields:\n  B: z"),
        ("fields: {  }", "fields: {B: z  }"),
        ("fields: {A: x # c\n  }\n", "fields: {A: x, B: z # c\n  }\n"),
        ('fields: {"A":x, B}\n', 'fields: {"A":x, B: z}\n'),
        ("fields:\n  ? B\n  : x\n", "fields:\n  ? B\n  : z\n"),
        ("fields:\n  B:\n    x\n", "fields:\n  B:\n    z\n"),
        ("fields:\n  A: |+\n    {{ x }}\n\n\nlet: {}\n", "fields:\n  A: |+\n    {{ x }}\n\n\n  B: z\nlet: {}\n"),
        ("fields:\n  A: one\n    two\n...\n", "fields:\n  A: one\n    two\n  B: z\n...\n"),
    ],
)  # fmt: skip
def test_odd_forms_are_edited_as_they_are(before, after):
    assert apply(f"{HEAD}{before}", Bind("B", FromColumn("z"))).text == f"{HEAD}{after}"


def test_every_intent_can_be_named_by_its_users():
    assert {one.__name__ for one in get_args(edits.Intent)} <= set(edits.__all__)


@given(
    comments=st.lists(st.integers(0, 2), min_size=2, max_size=5),
    option=st.integers(0, 4),
    position=st.integers(1, 5),
    ends=st.booleans(),
    insert=st.booleans(),
)
def test_the_comments_above_an_option_stay_above_it(comments, option, position, ends, insert):
    names = [f"Option {at}" for at in range(len(comments))]
    lines = [
        line
        for name, count in zip(names, comments, strict=True)
        for line in [*(f"    # {name}, {one}" for one in range(count)), f"    - {name}  # beside {name}"]
    ]
    text = f"{HEAD}fields:\n  Name: Title\nchoices:\n  A:\n" + "\n".join(lines) + "\n" * ends
    position = min(position, len(names))
    moved = MoveOption("A", names[option % len(names)], position)
    changed = apply(text, InsertOption("A", "New", position) if insert else moved).text.splitlines()
    start = changed.index("  A:") + 1
    above, found = [], {}
    for line in changed[start:]:
        if line.lstrip().startswith("#"):
            above.append(line.strip())
        else:
            found[line.strip().partition("  #")[0].removeprefix("- ")] = above
            above = []
    expected = {
        name: [f"# {name}, {one}" for one in range(count)]
        for name, count in zip(names, comments, strict=True)
    }
    assert found == expected | ({"New": []} if insert else {})
    assert above == []
