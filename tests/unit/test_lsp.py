"""Positions in the units of a client, as Python's own encodings count them."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lsprotocol import types

from opusmap.language import Position
from opusmap.lsp import Units

TEXTS = st.text(alphabet="aÄ漢🎉\n\r\u2028\x0c ", max_size=20)
UNITS = {"utf-16": ("utf-16-le", 2), "utf-32": ("utf-32-le", 4), "utf-8": ("utf-8", 1)}


@pytest.mark.parametrize("encoding", UNITS)
@given(text=TEXTS, data=st.data())
def test_columns_are_counted_as_the_encoding_counts_them(encoding, text, data):
    lines = re.split("\r\n|\r|\n", text)
    line = data.draw(st.integers(0, len(lines) - 1))
    column = data.draw(st.integers(0, len(lines[line])))
    name, size = UNITS[encoding]
    there = types.Position(line, len(lines[line][:column].encode(name)) // size)
    units = Units(text, encoding)
    assert units.there(Position(line, column)) == there
    assert units.here(there) == Position(line, column)
    beyond = types.Position(line, there.character + 1_000)
    assert units.here(beyond) == Position(line, len(lines[line]))


def test_a_position_within_a_character_is_at_its_beginning():
    assert Units("a🎉b", "utf-16").here(types.Position(0, 2)) == Position(0, 1)
