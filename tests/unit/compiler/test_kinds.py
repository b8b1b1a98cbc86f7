"""Columns, variables and `where` of kinds that can give a value in no row are errors, at their places."""

import pytest
from small_mapping import compiled, problems


@pytest.mark.parametrize(
    ("fields", "code", "message"),
    [
        (
            "Line: \"{{ A | split(';') }}\"",
            "wrong-kind",
            '"Line" is a SingleText column and can\'t be a list',
        ),
        (
            "Text: {value: \"{{ [A, 'x'] }}\"}",
            "wrong-kind",
            '"Text" is a MultipleText column and can\'t be a list',
        ),
        ('Number: "{{ A | date }}"', "wrong-kind", '"Number" is a Number column and can\'t be a date'),
        ('Number: "{{ A == 1 }}"', "wrong-kind", '"Number" is a Number column and can\'t be true or false'),
        ('When: "{{ 5 }}"', "wrong-kind", '`datetime` takes a text, not the number "5"'),
        (
            'When: "{{ A | length }}"',
            "wrong-kind",
            '"When" is a DateTime column and can\'t be a whole number',
        ),
        (
            'People: "{{ A | number }}"',
            "wrong-kind",
            '"People" is a PeopleOrGroup column and can\'t be a number',
        ),
        ("When: \"{{ '31.12.2024' }}\"", "bad-date", None),
        ("Number: {value: \"{{ 'n/a' }}\"}", "bad-number", None),
        ("Number: {from: A, default: \"{{ 'n/a' }}\"}", "bad-number", None),
        ("Choice: \"{{ 'Pink' }}\"", "unknown-choice", None),
        (
            'Line: {value: "{{ A | length }}", convert: upper}',
            "wrong-kind",
            "`upper` takes a text, not a whole number",
        ),
        (
            "Line: {from: [A, B], convert: [{join: ','}, sort]}",
            "wrong-kind",
            "`sort` takes a list, not a text",
        ),
    ],
)
def test_a_column_that_can_never_have_a_value_is_an_error(
    fields: str, code: str, message: str | None
) -> None:
    (found,) = problems(fields)
    assert found.code == code
    assert message in (None, found.message)
    assert found.help


@pytest.mark.parametrize(
    "fields",
    [
        "Line: \"{{ A | split(';') | first }}\"",
        "Line: {value: \"{{ A | split(';') }}\", convert: {join: ', '}}",
        "Line: \"{{ (A | split(';')) if B else B }}\"",
        'Number: "{{ A | upper }}"',
        'When: {value: "{{ A | length }}", format: "%Y%m%d"}',
        "Choices: \"{{ A | split(';') }}\"",
        "Choice: \"{{ A | split(';') }}\"",
        "Classification: \"{{ A | split(';') }}\"",
        'Choice: "{{ A == 1 }}"',
        'Line: {from: A, split: ";", convert: upper, on_error: omit}',
    ],
)
def test_a_column_that_may_have_a_value_is_none(fields: str) -> None:
    compiled(fields)


def test_variables_hand_on_their_kinds() -> None:
    more = 'let:\n  shout: "{{ A | upper }}"\n  moment: "{{ B | datetime }}"\n'
    (found,) = problems('Line: "{{ shout }}"\nText: "{{ moment > shout }}"', more)
    assert (found.code, found.message) == ("wrong-kind", "`>` can't compare a date with a text")
    assert found.place.line == 11


def test_where_gives_true_or_false() -> None:
    (found,) = problems("Line: A", 'where: "{{ A | length }}"\n')
    assert (found.code, found.message) == (
        "where-not-boolean",
        "`where` gives a whole number, not true or false",
    )
    assert problems("Line: A", 'where: "{{ A and B }}"\n') == ()


def test_kinds_and_names_are_told_together_and_an_unknown_name_proves_nothing() -> None:
    fields = (
        'Line: "{{ A | upper > 5 }}"\nText: "{{ nobody + 1 }}"\nNumber: {value: "{{ [A] }}", convert: odd}'
    )
    found = problems(fields, 'let:\n  nobody: "{{ unknown | no_such }}"\n', columns=["Key", "A"])
    assert [problem.code for problem in found] == [
        "unknown-column",
        "unknown-converter",
        "wrong-kind",
        "unknown-converter",
    ]


def test_a_wrong_constant_is_to_be_corrected_in_the_mapping_and_a_far_option_is_not_suggested():
    [other] = problems("Choice: {from: A, default: Other}")
    assert (other.code, other.hint) == ("unknown-choice", 'write one of: "Red", "Green", "Blue"')
    [near] = problems("Choice: {from: A, default: Gren}")
    assert near.hint == 'did you mean "Green"? Options: "Red", "Green", "Blue"'
    [person] = problems("People: {from: A, default: Unknown}")
    assert (person.code, person.hint) == ("no-email", "write an e-mail address, such as records@example.org")
    [date] = problems("When: {from: A, default: n/a}")
    assert date.code == "bad-date"
    assert "source" not in date.hint
