"""Quick fixes, each of them applied: the problem is gone, and the rest of the text is as it was."""

from __future__ import annotations

import pytest

from opusmap import edits
from opusmap.language import Position, Range
from opusmap.language.positions import apply

EVERYWHERE = Range(Position(0, 0), Position(1_000, 0))


@pytest.fixture
def fixed(asked, start):
    """Return the text with the only fix of an issue applied, after checking that the issue is gone then."""

    def fix(old, new, *, before=start):
        service, _ = asked("‸", whole=before)
        service.update(before.replace(old, new) if old else before + new)
        codes = [one.code for one in service.problems if one.severity == "error"]
        (found,) = [one for one in service.find_fixes(EVERYWHERE) if one.issue is not None]
        text = apply(service.text, found.edits)
        service.update(text)
        left = [one.code for one in service.problems if one.severity == "error"]
        assert len(left) == len(codes) - 1
        return text

    return fix


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  Linne: Title", "  Line: Title"),
        ("  Line: Titel", "  Line: Title"),
        ("  Line: 'Titel'", "  Line: 'Title'"),
        ("  Line: [Key, Titel]", "  Line: [Key, Title]"),
        ('  Line: "no {{ Titel }}"', '  Line: "no {{ Title }}"'),
        ("  Line: '{{ row[\"Dok No\"] }}'", "  Line: '{{ row[''Doc No''] }}'"),
        ("  Line: \"{{ row['Dok No'] }}\"", "  Line: \"{{ row['Doc No'] }}\""),
        ('  Line: "{{ Title | trimm }}"', '  Line: "{{ Title | trim }}"'),
        ("  Line: {from: Title, convert: trimm}", "  Line: {from: Title, convert: trim}"),
        (
            "  Line: {from: Title, lookup: colors, default: x}",
            "  Line: {from: Title, lookup: colours, default: x}",
        ),
        ("  Line: {from: Title, covert: trim}", "  Line: {from: Title, convert: trim}"),
        ("conflct: skip", "conflict: skip"),
        ("conflict: skipp", "conflict: skip"),
        ('  Line: "{{ Title }} # x', None),
    ],
)
def test_what_was_meant_is_written(fixed, start, written, meant):
    if meant is None:
        meant = written.replace("}} # x", '}}" # x')
    assert fixed("", written + "\n") == start + meant + "\n"


def test_an_alias_of_no_option_gets_the_option_that_was_meant(fixed, start):
    old = "Choice: [Red, Green, Blue], "
    written = start.replace(old, "Choice: {options: [Red, Green], aliases: {Rad: Redd}}, ")
    assert fixed(old, "Choice: {options: [Red, Green], aliases: {Rad: Redd}}, ") == written.replace(
        "Redd", "Red"
    )


OLD = "choices:\n  Choices: [a]\n  Choice:\n    options: [Red]\n    aliases:  # of old\n      r: Red\n"
LISTS = "choices: {Choice: [Red, Green, Blue], Choices: [Red, Green, Blue]}\n"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        (
            LISTS,
            LISTS.replace("[Red, Green, Blue], C", "{options: [Red, Green, Blue], aliases: {Rad: Red}}, C"),
        ),
        (
            "choices:\n  Choices: [a]\n  Choice:\n    options: [Red]  # all\n",
            "choices:\n  Choices: [a]\n  Choice:\n    options: [Red]  # all\n    aliases: {Rad: Red}\n",
        ),
        (
            OLD,
            OLD + "      Rad: Red\n",
        ),
        (
            "choices: {Choices: [a], Choice: {options: [Red], aliases: {'r': Red}}}\n",
            "choices: {Choices: [a], Choice: {options: [Red], aliases: {'r': Red, Rad: Red}}}\n",
        ),
    ],
)
def test_a_value_that_is_nearly_an_option_becomes_an_alias(asked, start, written, meant):
    text = start.replace(LISTS, written) + "  Choice: Kind\n"
    service, _ = asked("‸", whole=text)
    service.update(text)
    line = text[: text.index("  Choice: Kind")].count("\n")
    (found,) = service.find_fixes(Range(Position(line, 3), Position(line, 3)))
    assert found.title == 'Make "Rad" (2 times in the sample) an alias of "Red"'
    assert apply(text, found.edits) == text.replace(written, meant)
    assert apply(text, found.edits) == edits.apply(text, edits.SetAlias("Choice", "Rad", "Red")).text


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("  When: Signed", '  When: {from: Signed, format: "%d/%m/%Y"}'),
        ("  When: {from: Signed}", '  When: {from: Signed, format: "%d/%m/%Y"}'),
        ("  When:\n    from: Signed", '  When:\n    from: Signed\n    format: "%d/%m/%Y"'),
        (
            '  When: {from: Signed, format: "%Y"}  # a day',
            '  When: {from: Signed, format: "%d/%m/%Y"}  # a day',
        ),
    ],
)
def test_the_format_that_fits_is_written(asked, start, written, meant):
    service, _ = asked("‸", whole=start)
    service.update(start + written + "\n")
    line = start.count("\n")
    found = [
        one for one in service.find_fixes(Range(Position(line, 3), Position(line, 3))) if one.issue is None
    ]
    assert [one.title for one in found] == ['Read "Signed" by "%d/%m/%Y" (fits 2 of 2 values)']
    assert apply(service.text, found[0].edits) == start + meant + "\n"
    intent = edits.SetBindingKey("When", "format", "%d/%m/%Y")
    assert apply(service.text, found[0].edits) == edits.apply(service.text, intent).text


@pytest.mark.parametrize(
    "written", ["  When: {from: Signed, format: ['%d/%m/%Y', '%Y']}", "  When: &w {from: Signed}\n  Line: *w"]
)
def test_no_format_is_offered_where_more_than_it_would_change(asked, start, written):
    service, _ = asked("‸", whole=start)
    service.update(start + written + "\n")
    line = start.count("\n")
    assert not [
        one for one in service.find_fixes(Range(Position(line, 3), Position(line, 3))) if one.issue is None
    ]


def test_a_format_that_is_there_is_not_offered_and_two_that_fit_both_are(asked, start):
    text = start + '  When: {from: Signed, format: "%d/%m/%Y"}\n'
    service, _ = asked("‸", whole=text)
    service.update(text)
    assert service.find_fixes(Range(Position(start.count("\n"), 3), Position(start.count("\n"), 3))) == ()
    service.update(start + "  When: Seen\n")
    found = service.find_fixes(Range(Position(start.count("\n"), 3), Position(start.count("\n"), 3)))
    assert len([one for one in found if "could be swapped" in one.title]) == 2
