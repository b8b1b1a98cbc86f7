"""What is written into a draft is read back as the same text, whatever it is."""

from hypothesis import given
from hypothesis import strategies as st

from opusmap.drafting.yaml_writer import in_line, quoted
from opusmap.mapping.yaml_reader import Text, parse_yaml, plain_data

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
