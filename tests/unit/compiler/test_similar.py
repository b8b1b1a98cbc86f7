"""Options that may be one and the same are told; options that people number are not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_mapping import compiled

from opusmap.compiler.similar import find_similar
from opusmap.issues import Severity

ALIKE = [
    ("Dwelling", "Dweling"),
    ("Contract", "contract"),
    ("Land  Use", "Land Use"),
    ("Landuse", "Land Use"),
    ("Lease\u00a0x", "Lease x"),
    ("Deed", "Deeds"),
    ("Policy", "Policies"),
    ("Box", "Boxes"),
    ("Contract", "\u0421\u043entract"),
    ("Ｌease", "Lease"),  # noqa: RUF001 - that is the point
    ("ﬁnance", "finance"),
    ("Lease\u200b", "Lease"),
    ("Café", "Cafe"),
    ("Straße", "Strasse"),
    ("Health & Safety", "Health and Safety"),
    ("Non-record", "Non record"),
    ("Work order", "Work\u2013order"),
    ("Council\u2019s", "Council's"),
    ("Lease", "Lease."),
    ("Class 1", "Class 1."),
    ("Class 1", "Class1"),
    ("Received", "Recieved"),
    ("Correspondence", "Correspondance"),
    ("Dwelling 1", "Dweling 1"),
    ("Permit to build", "Permits to build"),
]
DIFFERENT = [
    ("Class 1", "Class 2"),
    ("Year 2019", "Year 2020"),
    ("Q1", "Q2"),
    ("Type A", "Type B"),
    ("Part I", "Part II"),
    ("Section XVIII", "Section XXIII"),
    ("Version 1", "Version 10"),
    ("1 1", "11"),
    ("1.1", "1.11"),
    ("Room 1a", "Room 1b"),
    ("AB12", "AB13"),
    ("A", "A+"),
    ("Grade A", "Grade A-"),
    ("C++", "C#"),
    ("HR", "PR"),
    ("Import", "Export"),
    ("Internal", "External"),
    ("Marriage", "Carriage"),
    ("Male", "Female"),
    ("Trainer", "Trainee"),
    ("Employer", "Employee"),
    ("Active", "Inactive"),
]


@pytest.mark.parametrize(("first", "second"), ALIKE)
def test_options_that_may_be_the_same_are_told_in_either_order(first: str, second: str) -> None:
    assert len([*find_similar([first, "Memo", second], ignore_case=False)]) == 1
    assert len([*find_similar([second, "Memo", first], ignore_case=False)]) == 1


@pytest.mark.parametrize(("first", "second"), DIFFERENT)
def test_options_that_people_keep_apart_are_not_told(first: str, second: str) -> None:
    assert not [*find_similar([first, second], ignore_case=False)]
    assert not [*find_similar([second, first], ignore_case=True)]


@given(st.lists(st.text(), max_size=12), st.booleans())
def test_any_texts_are_compared_and_equal_ones_are_never_told(options: list[str], ignore_case: bool) -> None:  # noqa: FBT001
    for option, other, _ in find_similar(options, ignore_case=ignore_case):
        assert option.strip() != other.strip()
        assert options.index(other) < len(options) - 1 - options[::-1].index(option)


@pytest.mark.parametrize(
    "options",
    [
        [f"Dwelling {number}" for number in range(15_000)],
        ["a" * number for number in range(1, 1_000)],
        [f"{'a' * 50}{chr(97 + number % 26)}{'b' * number}" for number in range(1_000)],
        ["a" * 900_000, "a" * 900_001],
    ],
)
def test_the_work_is_bounded(options: list[str]) -> None:
    began = time.process_time()
    assert len([*find_similar(options, ignore_case=False)]) < 1_000
    assert time.process_time() - began < 2


def test_the_warning_stands_at_the_later_option_and_says_what_to_do() -> None:
    mapper = compiled("Choice: A", choices="choices:\n  Choice:\n  - Dwelling\n  - Deed\n  - Dweling\n")
    (warning,) = mapper.warnings
    assert (warning.code, warning.severity) == ("similar-options", Severity.WARNING)
    assert (warning.span.line, '"Dwelling"' in warning.message) == (7, True)
    assert "alias" in warning.help
