"""Patches apply, chain and undo, whatever the texts are."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.edits import Patch, TextEdit

TEXTS = st.text("ab\r\n\ufeff😀", max_size=12)


@st.composite
def edits(draw, text):
    places = sorted(draw(st.lists(st.integers(0, len(text)), max_size=6)))
    return [TextEdit(start, end, draw(TEXTS)) for start, end in zip(places[::2], places[1::2], strict=False)]


@given(st.data(), TEXTS)
def test_undo_restores_the_text(data, text):
    patch = Patch.of(text, data.draw(edits(text)))
    assert patch.undo.text == text
    assert Patch.of(patch.text, patch.undo.edits).text == text


@given(st.data(), TEXTS)
def test_two_patches_are_one(data, text):
    first = Patch.of(text, data.draw(edits(text)))
    later = Patch.of(first.text, data.draw(edits(first.text)))
    whole = first.then(later)
    assert (whole.before, whole.text) == (text, later.text)
    assert Patch.of(text, whole.edits).text == later.text
    assert whole.undo.text == text


def test_edits_that_change_nothing_are_left_out():
    assert Patch.of("abc", [TextEdit(1, 2, "b"), TextEdit(2, 2, "")]).edits == ()


def test_insertions_at_one_place_keep_their_order():
    assert Patch.of("ac", [TextEdit(1, 1, "x"), TextEdit(1, 1, "y")]).text == "axyc"


def test_a_patch_of_another_text_can_t_follow():
    with pytest.raises(ValueError, match="another text"):
        Patch.of("a", []).then(Patch.of("b", []))
