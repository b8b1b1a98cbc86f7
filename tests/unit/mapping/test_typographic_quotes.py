"""Typographic quotation marks in the place of straight ones are reported with the line as it should be."""

from __future__ import annotations

import pytest

from opusmap.mapping.yaml_reader import parse_yaml


@pytest.mark.parametrize(
    ("line", "meant"),
    [
        ("Line: “CT-{{ A }}”", '`Line: "CT-{{ A }}"`; if they belong to the text: `"“CT-{{ A }}”"`'),
        ("Line: {from: A, default: „Deed“}", '`Line: {from: A, default: "Deed"}`; if'),
        ('Choice: {const: “Red"}', '`Choice: {const: "Red"}`; if'),
        ("Line: {from: “A”, default: «B»}", '`Line: {from: "A", default: "B"}`'),
        ("Line: {const: Deed”}", "one at each end"),
    ],
)
def test_typographic_marks_are_reported_once_a_line_with_the_line_as_it_should_be(
    line: str, meant: str
) -> None:
    text = f"fields:\n  {line}\n"
    (one,) = parse_yaml(text, "m.yaml").problems
    assert (one.code, one.severity, one.place.line) == ("quote-in-text", "warning", 2)
    assert meant in one.hint
    if one.fix is not None:
        assert parse_yaml(f"fields:\n{one.fix.text}\n", "m.yaml").problems == ()


@pytest.mark.parametrize(
    "text",
    ["10”", "the “Deed”", "“A” and “B”", "’90s", "parties’", '"“A”"', "'“A”'", "it’s", "‘t Hof"],  # noqa: RUF001 - apostrophes
)
def test_typographic_marks_within_a_text_are_not_reported(text: str) -> None:
    assert parse_yaml(f"a: {text}\nb: [{text}, c]\n", "m.yaml").problems == ()
