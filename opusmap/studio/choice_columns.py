"""Choice columns of an open mapping: their options, and which option each value of the source is, and why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from opusmap.compiler.mapping_checks import is_placeholder
from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.connection import CHOICE_TYPES, Column
from opusmap.converters.choices import order_lookup
from opusmap.errors import ValueProblem
from opusmap.mapping import ChoiceList
from opusmap.wording import find_nearest


@dataclass(frozen=True, slots=True)
class Value:
    """A value of the source, how often it occurs, and what it is.

    `kind` is `option`, `alias`, `order` (an order number) or `open` (none of them). `words` say which
    `option` it is and why, `help` what to do about an open one, of which `nearest` is the nearest option.
    """

    text: str
    count: int
    kind: Literal["option", "alias", "order", "open"]
    words: str
    option: str = ""
    help: str = ""
    nearest: str = ""


@dataclass(frozen=True, slots=True)
class ChoiceColumn:
    """A choice column.

    Attributes:
        column: the column of Opus.
        written: its name, as `choices` has it or would have it.
        choices: its options (without a TODO) and aliases.
        base: the number of the first option, as it is sent.
        undecided: whether the list is still TODO.
        elsewhere: the file that the options come from, if it is not the mapping; else empty.
        plan: its plan; None if it is not bound.
    """

    column: Column
    written: str
    choices: ChoiceList
    base: int
    undecided: bool
    elsewhere: str
    plan: ColumnPlan | None

    @property
    def options(self) -> tuple[str, ...]:
        """The options in Opus's order, without blanks around them."""
        return tuple(one.strip() for one in self.choices.options)

    @property
    def aliases(self) -> dict[str, str]:
        """The options by other spellings."""
        return {spelling: option.strip() for spelling, option in self.choices.aliases.items()}

    def judge(self, values: Mapping[str, int]) -> Iterator[Value]:
        """Yield what each value is."""
        find = order_lookup(self.choices, self.base)
        for text, count in values.items():
            try:
                order = find(text)
            except ValueProblem as problem:
                nearest = find_nearest(text, self.options) or ""
                yield Value(text, count, "open", "not an option", "", problem.help, nearest)
                continue
            yield self._judged(text, count, order)

    def _judged(self, text: str, count: int, order: int) -> Value:
        option = self.options[order - self.base]
        name = f"{order} {option}"
        fold = str.casefold if self.choices.ignore_case else str
        if fold(option) == fold(text):
            words = name if option == text else f"{name} (letter case is ignored)"
            return Value(text, count, "option", words, option)
        if any(fold(spelling.strip()) == fold(text) for spelling in self.aliases):
            return Value(text, count, "alias", f"{name}, by an alias", option)
        return Value(text, count, "order", f"{name}, by its number", option)


def find_choice_columns(plan: Plan) -> tuple[ChoiceColumn, ...]:
    """Return the choice columns that are bound or have options, in the connection's order.

    Args:
        plan: as `plan_loosely` returns it.
    """
    bound = {one.column.internal_name: one for one in plan.columns}
    found = []
    for column in plan.connection.columns:
        column_plan, choices = bound.get(column.internal_name), plan.context.choices.get(column.internal_name)
        if column.type not in CHOICE_TYPES or (column_plan is None and choices is None):
            continue
        assert choices is None or isinstance(choices, ChoiceList)
        if choices is None:
            assert column_plan is not None
            choices = ChoiceList(column_plan.binding.target, ())
        decided = tuple(one for one in choices.options if not is_placeholder(one))
        file = choices.column.span.file
        found.append(
            ChoiceColumn(
                column,
                str(choices.column),
                replace(choices, options=decided),
                plan.spec.target.choice_base,
                len(decided) < len(choices.options),
                "" if file == plan.spec.path else Path(file).name,
                column_plan,
            )
        )
    return tuple(found)
