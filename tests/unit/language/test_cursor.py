"""Where a position is: as the reader has it, where it can read; and as one would expect, where it can't."""

from __future__ import annotations

import time

import pytest
from documentation import ROOT
from hypothesis import given
from hypothesis import strategies as st

from opusmap.language.cursor import find_cursor, scan
from opusmap.mapping.yaml_reader import Items, Text, is_null, parse_yaml

TEXTS = {
    path.name + path.parent.name: path.read_text("utf-8") for path in (ROOT / "mappings").rglob("*.yaml")
}
TEXTS |= {path.name: path.read_text("utf-8") for path in (ROOT / "docs" / "samples").rglob("*.yaml")}


def scalars(node, path=()):
    """Yield each key and scalar of a text that the reader has read: place, path, whether it is a key."""
    if isinstance(node, Text):
        yield node, path, False
    elif isinstance(node, Items):
        for index, item in enumerate(node):
            yield from scalars(item, (*path, index))
    else:
        for key, value in node.pairs():
            yield key, path, True
            yield from scalars(value, (*path, str(key)))


def assert_scanned_as_read(text):
    tokens = {one.start: one for one in scan(text)}
    data = parse_yaml(text, "m.yaml").data
    for scalar, path, is_key in scalars(data):
        if scalar.style in ("|", ">") or (is_null(scalar) and scalar == ""):
            continue
        token = tokens[scalar.start]
        assert (token.path, token.is_key) == (path, is_key)
        if "\\" not in text[token.start : token.end] and "\n" not in scalar:
            assert token.text == scalar


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS)
def test_a_text_that_can_be_read_is_scanned_as_it_is_read(text):
    assert_scanned_as_read(text)


WORDS = st.sampled_from(
    ["a", "Doc Type", "x y z", "%d/%m", "{{ a | b }}", "it's", '"q"', "a: b", "- c", "#d", "", "1"]
)
NODES = st.recursive(
    WORDS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3)
        | st.dictionaries(WORDS.filter(bool), inner, min_size=1, max_size=3)
    ),
    max_leaves=12,
)


@given(
    st.dictionaries(WORDS.filter(bool), NODES, min_size=1, max_size=4), st.sampled_from([None, True, False])
)
def test_any_text_is_scanned_as_it_is_read(data, flow):
    import yaml

    text = yaml.safe_dump(data, default_flow_style=flow, sort_keys=False, width=1_000, allow_unicode=True)
    assert_scanned_as_read(text if flow is not True else "x: " + text)


@given(st.text(alphabet=" \n-:#'\"{}[],|>&*!?ab\t\\", max_size=60), st.integers(0, 60))
def test_a_position_in_any_text_is_answered(text, offset):
    cursor = find_cursor(text, min(offset, len(text)))
    if cursor is not None:
        assert cursor.token.start <= min(offset, len(text)) <= cursor.token.end
        assert "\ue000" not in repr(cursor)


FIELDS = "opusmap: 1\nfields:\n  rowKey: Key\n"


@pytest.mark.parametrize(
    ("typed", "path", "is_key", "before"),
    [
        ("con‸", (), True, "con"),
        ("fields:\n  Na‸", ("fields",), True, "Na"),
        ("fields:\n  ‸", ("fields",), True, ""),
        (FIELDS + "  Na‸\n  Other: x\n", ("fields",), True, "Na"),
        (FIELDS + "  Name: ‸\n  Other: x\n", ("fields", "Name"), False, ""),
        (FIELDS + "  Name: Ti‸tle\n", ("fields", "Name"), False, "Ti"),
        (FIELDS + "  Name: {from: Ti‸\n  Other: x\n", ("fields", "Name", "from"), False, "Ti"),
        (FIELDS + "  Name: {from: Title, ‸\n  Other: x\n", ("fields", "Name"), True, ""),
        (FIELDS + "  Name: {‸}\n", ("fields", "Name"), True, ""),
        (FIELDS + '  Name: "{{ Ti‸\n  Other: x\n', ("fields", "Name"), False, '"{{ Ti'),
        (FIELDS + "  Name: [Title, ‸\n  Other: x\n", ("fields", "Name", 1), False, ""),
        (FIELDS + "  Name:\n    ‸\n", ("fields", "Name"), True, ""),
        (FIELDS + "  Name:\n    from: x\n    con‸\n", ("fields", "Name"), True, "con"),
        (FIELDS + "  Name:\n    convert:\n      - tr‸\n", ("fields", "Name", "convert", 0), False, "tr"),
        (FIELDS + "  Name:\n    convert:\n    - a\n    - ‸\n", ("fields", "Name", "convert", 1), False, ""),
        ("tests:\n- name: a\n  ‸", ("tests", 0), True, ""),
        ("tests:\n- row: {a: b}\n- row: {‸", ("tests", 1, "row"), True, ""),
        ("choices:\n  A: {options: [x], aliases: {y: ‸", ("choices", "A", "aliases", "y"), False, ""),
        ("a: |\n  {{ x‸\nb: 1\n", ("a",), False, "  {{ x"),
    ],
)
def test_a_position_is_found_while_one_types(typed, path, is_key, before):
    cursor = find_cursor(typed.replace("‸", ""), typed.index("‸"))
    assert cursor is not None
    assert (cursor.path, cursor.token.is_key, cursor.before) == (path, is_key, before)


@pytest.mark.parametrize("typed", ["# ‸", "a: b # ‸", "a: [b, # ‸\n c]"])
def test_in_a_comment_there_is_nothing(typed):
    assert find_cursor(typed.replace("‸", ""), typed.index("‸")) is None


def test_the_other_keys_beside_it_are_known():
    cursor = find_cursor("fields:\n  A: {from: x, , default: y}\n", 23)
    assert cursor is not None
    assert cursor.siblings == {"from", "default"}


@pytest.mark.parametrize(
    "text",
    [
        "x: [" * 20_000,
        "x: [" + '"a",\n ' * 20_000,
        "{" * 50_000,
        "- " * 50_000,
        "k: " * 50_000,
        "x: " + " #" * 50_000,
        ("x" + " " * 50) * 2_000,
        "".join(" " * depth + "k:\n" for depth in range(1_000)),
    ],
    ids=range(8),
)
def test_a_hostile_text_takes_no_longer_than_its_size(text):
    start = time.process_time()
    scan(text)
    assert time.process_time() - start < 3
