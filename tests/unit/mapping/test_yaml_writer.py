"""What is written into a draft is read back as the same text, whatever it is."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from opusmap.mapping.yaml_reader import Text, parse_yaml, plain_data
from opusmap.mapping.yaml_writer import in_line, quoted

TEXTS = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    st.text("aN0 :#-,[]{}&*!|>'\"%@`?=~.\n\t\\", max_size=8),
    st.sampled_from(["null", "~", "yes", "No", "007", "1e5", "- a", "a: b", "a #b", "{{ a }}", "\u2028"]),
)
VALUES = st.recursive(
    TEXTS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS.filter(bool), inner, max_size=3)
)


def unquoted(node):
    return str(node) if isinstance(node, Text) else plain_data(node)


@given(TEXTS)
def test_a_text_is_read_back(text):
    (_, node), *_ = parse_yaml(f"key: {quoted(text)}  # remark\n", "m.yaml").data.pairs()
    assert isinstance(node, Text)
    assert str(node) == text


@given(TEXTS.filter(bool))
def test_a_text_is_read_back_as_a_key(text):
    (key, _), *_ = parse_yaml(f"{quoted(text)}: a\n", "m.yaml").data.pairs()
    assert str(key) == text


@given(VALUES)
def test_lists_and_objects_are_read_back(value):
    (_, node), *_ = parse_yaml(f"key: {in_line(value)}\n", "m.yaml").data.pairs()
    assert unquoted(node) == value


@given(TEXTS, st.sampled_from(["x: {}\n", "- {}\n", "{}: x\n", "[{}, x]\n", "{{{}: x}}\n", "{{x: {}}}\n"]))
def test_any_reader_of_yaml_takes_it_for_the_same_text_in_any_place(text, place):
    loaded = yaml.safe_load(place.format(quoted(text)))
    entries = [*loaded, *loaded.values()] if isinstance(loaded, dict) else loaded
    assert sorted(entries) == sorted([text] if place.startswith("-") else [text, "x"])


@pytest.mark.parametrize(
    "text", ["Doc Type", "Größe", "中 文", "it's", "CT-7", "a:b", "2nd", "N/A", "ann@x.org", "a#b"]
)
def test_a_text_that_reads_as_one_has_no_quotes(text):
    assert quoted(text) == text


@pytest.mark.parametrize(
    "text", ["yes", "No", "null", "12", "1e5", "0o17", "12:30", "2024-01-02", ";", "a: b", "{{ a }}"]
)
def test_a_text_that_reads_as_something_else_has_quotes(text):
    assert quoted(text) == f'"{text}"'


def test_a_comma_needs_quotes_between_brackets_alone():
    assert quoted("Smith, Ann", flow=False) == "Smith, Ann"
    assert quoted("Smith, Ann") == '"Smith, Ann"'
