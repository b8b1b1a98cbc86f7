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
ODD = """a: 1
b:
  c: |+
    x


  d: >
    y
  # a comment
  e:
  - 1
  - 2
  'f': "a
   b"
  g:
    h: 1

z:
  k: &a v
  l: *a
"""
SHORT = [*(text for text in TEXTS if len(text) < 4_000), ODD, ODD]
PIECES = [
    "",
    "\n  ",
    "\n  k: v\n",
    "? ",
    ": ",
    "|+\n",
    "\ufeff",
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
    return plain(found.data), found.problems, found.text


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


@pytest.fixture
def parsed(monkeypatch):
    """The texts that PyYAML was given."""
    import yaml

    texts, parse = [], yaml.parse
    monkeypatch.setattr(yaml, "parse", lambda part, **options: texts.append(part) or parse(part, **options))
    return texts


def test_only_the_section_that_changed_is_parsed_again(parsed):
    events, text = SectionEvents(), "a: 1\nb: [1, 2]\nc: {d: e}\n"
    read(text, events=events)
    parsed.clear()
    read(text.replace("[1, 2]", "[1, 2, 3]"), events=events)
    assert parsed == ["b: [1, 2, 3]\n"]


def test_only_the_entry_that_changed_is_parsed_again(parsed):
    events, text = SectionEvents(), "a: 1\nb:\n  c: 1\n  d:\n  - 2\n  e: 3\nf: 4\n"
    read(text, events=events)
    parsed.clear()
    read("\n" + text.replace("- 2", "- 5"), events=events)
    assert parsed == ["  d:\n  - 5\n  "]


def test_of_a_text_that_is_no_yaml_only_what_changed_is_parsed_again(parsed):
    events, lines = SectionEvents(), [f"  key{number}: {{a: {number}}}\n" for number in range(200)]
    read("".join(["a:\n", *lines]), events=events)
    parsed.clear()
    lines[100] = "  key100: {a: 1\n"
    (found,) = read("".join(["a:\n", *lines]), events=events)
    assert (found.place.line, found.fix.text) == (102, "  key100: {a: 1}")
    written, rest, *tried = parsed
    assert written == "  key100: {a: 1\n  "
    assert rest.startswith("x:\n  x:\n\n\n")
    assert all(one.startswith("x:\n") or len(one) < 2 * len(written) for one in tried)


def test_the_sections_that_can_be_read_are_found_in_a_text_that_can_t():
    assert readable_sections('a: 1\nb: "x\nc: 2') == {"a": "a: 1\n", "c": "c: 2\n"}
