"""A text that is read section by section is read as a whole: the same data, places and problems."""

from __future__ import annotations

import pytest
from documentation import ROOT
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import InvalidMapping
from opusmap.mapping.yaml_reader import Items, Text, parse_yaml
from opusmap.mapping.yaml_sections import SectionEvents, readable_sections

TEXTS = [path.read_text("utf-8") for path in sorted((ROOT / "mappings").rglob("*.yaml"))]
SHORT = [text for text in TEXTS if len(text) < 4_000]
PIECES = [
    "",
    "\n",
    '"',
    "'",
    "a: b",
    "\n\n",
    "  ",
    "#",
    "|",
    "- ",
    "\nx: 1\n",
    "&a ",
    "*a",
    "{",
    "]",
    "\n---\n",
    "%",
    "\t",
]


def plain(node):
    if isinstance(node, Text):
        return str(node), node.span, node.style, node.start
    if isinstance(node, Items):
        return node.span, [plain(item) for item in node]
    return None if node is None else (node.span, [(plain(key), plain(value)) for key, value in node.pairs()])


def read(text, **options):
    try:
        found = parse_yaml(text, "m.yaml", **options)
    except InvalidMapping as error:
        return error.diagnostics
    return plain(found.data), found.duplicates, found.text


@pytest.mark.parametrize("text", TEXTS, ids=range(len(TEXTS)))
def test_bundled_mappings_are_read_alike(text):
    events = SectionEvents()
    assert read(text, events=events) == read(text)
    assert read("# one more line\n" + text, events=events) == read("# one more line\n" + text)


@given(st.data())
def test_changed_texts_are_read_alike(data):
    text, events = data.draw(st.sampled_from(SHORT)), SectionEvents()
    read(text, events=events)
    for _ in range(3):
        start = data.draw(st.integers(0, len(text)))
        cut = data.draw(st.sampled_from([0, 1, 5, 40]))
        text = text[:start] + data.draw(st.sampled_from(PIECES)) + text[start + cut :]
        assert read(text, events=events) == read(text)


def test_a_section_that_occurs_twice_is_at_two_places():
    text, events = "a: 1\nb: 2\na: 1\n", SectionEvents()
    assert read(text, events=events) == read(text)
    assert read("\n" + text, events=events) == read("\n" + text)


def test_only_what_changed_is_parsed_again(monkeypatch):
    import yaml

    events = SectionEvents()
    text = "a: 1\nb: [1, 2]\nc: {d: e}\n"
    read(text, events=events)
    parsed = []
    parse = yaml.parse
    monkeypatch.setattr(yaml, "parse", lambda part, **options: parsed.append(part) or parse(part, **options))
    read(text.replace("[1, 2]", "[1, 2, 3]"), events=events)
    assert parsed == ["b: [1, 2, 3]\n"]


def test_the_sections_that_can_be_read_are_found_in_a_text_that_can_t():
    assert readable_sections('a: 1\nb: "x\nc: 2') == {"a": "a: 1\n", "c": "c: 2\n"}
