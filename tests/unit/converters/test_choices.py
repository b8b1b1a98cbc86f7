"""A text that is not an option is answered with an option, never with another spelling that is wrong."""

from __future__ import annotations

import pytest
from small_mapping import compiled

from opusmap.converters.choices import order_lookup
from opusmap.errors import ValueProblem

CHOICES = """choices:
  Choice:
    options: [Tug, Pilotage, Other vessel]
    aliases: {Othr: Other vessel, Lotse: Pilotage, Tog: Tug}
"""
CORRECT = "Correct the cell or the list under `choices`, or add the cell to `aliases`"
CASE = '("lotse" differs only in letter case: `ignore_case: true`)'


@pytest.mark.parametrize(
    ("text", "help_text"),
    [
        ("Other vesel", f'did you mean "Other vessel"? {CORRECT}'),
        ("Other", f'did you mean "Other vessel"? Its alias "Othr" is similar. {CORRECT}'),
        ("Tugg", f'did you mean "Tug"? {CORRECT}'),
        ("Tuug", f'did you mean "Tug"? {CORRECT}'),
        ("lotse", f'did you mean "Pilotage"? Its alias "Lotse" is similar {CASE}'),
        ("Quay", "add it to `choices` in Opus's order, or give it an alias"),
    ],
)
def test_an_option_is_suggested(text: str, help_text: str) -> None:
    options = compiled("Choice: A", choices=CHOICES).plan.context.choices["Choice"]
    with pytest.raises(ValueProblem) as caught:
        order_lookup(options, 1)(text)
    assert caught.value.help == help_text


TAKES_ONE = "the column takes one option, and the text lists several: correct the cell, or take the first"


@pytest.mark.parametrize(
    ("text", "one", "several"),
    [
        ("Tug; Quay", f'{TAKES_ONE} of them: `split: ";"` and `convert: first`', 'split it: `split: ";"`'),
        (
            "tug, Pilotage",
            f'{TAKES_ONE} of them: `split: ","` and `convert: first`',
            'split it: `split: ","`',
        ),
    ],
)
def test_a_list_of_options_is_split_by_its_own_separator_and_cut_where_a_column_takes_one(
    text: str, one: str, several: str
) -> None:
    options = compiled("Choice: A", choices=CHOICES).plan.context.choices["Choice"]
    for takes_one, help_text in ((True, one), (False, f"if the text lists several options, {several}")):
        with pytest.raises(ValueProblem) as caught:
            order_lookup(options, 1, takes_one=takes_one)(text)
        assert caught.value.help == help_text


def test_an_option_that_lists_several_is_shown_as_a_list() -> None:
    choices = "choices: {Choice: [Tug; Pilotage, Quay]}"
    options = compiled("Choice: A", choices=choices).plan.context.choices["Choice"]
    with pytest.raises(ValueProblem) as caught:
        order_lookup(options, 1)("Pilotage")
    shown = 'if "Tug; Pilotage" under `choices` is a list of options, write: `[Tug, Pilotage]`'
    assert caught.value.help == shown


def test_an_unknown_option_is_quoted_without_the_spaces_around_it() -> None:
    options = compiled("Choice: A", choices=CHOICES).plan.context.choices["Choice"]
    with pytest.raises(ValueProblem) as caught:
        order_lookup(options, 1)("cargo ")
    assert caught.value.problem == '"cargo" is not an option (spaces around it do not matter)'
