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
CORRECT = "Correct it in the source or under `choices`, or add it to `aliases`"
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


def test_an_unknown_option_is_quoted_without_the_spaces_around_it() -> None:
    options = compiled("Choice: A", choices=CHOICES).plan.context.choices["Choice"]
    with pytest.raises(ValueProblem) as caught:
        order_lookup(options, 1)("cargo ")
    assert caught.value.problem == '"cargo" is not an option (spaces around it do not matter)'
