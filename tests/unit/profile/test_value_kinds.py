"""A single value is judged as a records manager would judge it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.profile import Kind
from opusmap.profile.value_kinds import kinds_of, path_separator


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("ann@example.org", {Kind.EMAIL}),
        ("Ann Smith <ann@example.org>; ben@example.org", {Kind.EMAIL}),
        ("i:0#.f|membership|ann@example.org", {Kind.EMAIL}),
        ("ann@example.org or ask Ben", set()),
        ("https://example.org/a/b.html", {Kind.URL}),
        ("Yes", {Kind.BOOLEAN}),
        ("1", {Kind.BOOLEAN, Kind.NUMBER}),
        ("1,234.50", {Kind.NUMBER}),
        ("1.234,50", {Kind.NUMBER}),
        ("007", set()),  # an identifier: as a number it would lose its zeros
        ("12-34", set()),
        ("S:\\Deeds\\2024\\Lease 7.PDF", {Kind.FILE}),
        ("/sites/hr/Shared Documents/policy.docx", {Kind.FILE}),
        ("HR/Leave/Annual", {Kind.PATH}),
        ("HR > Leave", {Kind.PATH}),
        ("10.3390/e17127853", set()),  # a DOI: "10.3390" is no term
        ("3/4", set()),
        ("Ann Smith", {Kind.PERSON}),
        ("van der Berg, Anna", {Kind.PERSON}),
        ("Section A", set()),  # no initial without a comma or a point
        ("Ward 7", set()),
        ("Smith, J", {Kind.PERSON}),
        ("John F. Kennedy", {Kind.PERSON}),
        ("John K.", {Kind.PERSON}),
        ("CC BY", set()),
        ("Lease of the hall", set()),
    ],
)
def test_a_value_looks_like(text, kinds):
    assert set(kinds_of(text)) == kinds


@given(st.text(min_size=1).map(str.strip).filter(bool))
def test_any_text_is_judged_and_a_path_has_two_terms(text):
    found = set(kinds_of(text))
    assert Kind.TEXT not in found
    if Kind.PATH in found:
        assert len(text.strip("/\\").split(path_separator(text))) > 1
