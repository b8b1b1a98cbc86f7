"""Converters of choices: from an option's name to its order in Opus."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property, lru_cache

from opusmap.converters.cache import Memo
from opusmap.converters.coerce import text_of
from opusmap.converters.registry import ArgumentError, ChoiceOptions, Context, converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.issues import Names, quote_value

__all__ = ["choice_order", "choice_orders", "order_lookup"]


def order_lookup(choices: ChoiceOptions, base: int) -> Callable[[object], int]:
    """Return the function from an option's name (or alias) to its order, counted from `base`.

    With `by_order`, an order stands for itself; options that could be taken for another's are refused. A
    mapping may ask for the same options thousands of times; it gets the same function.
    """
    return _order_lookup(_Same(choices), base)


class _Same:
    """Options as a key: equal to themselves only, for to compare thousands of options takes its time."""

    __slots__ = ("choices",)

    def __init__(self, choices: ChoiceOptions) -> None:
        self.choices = choices

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Same) and other.choices is self.choices

    def __hash__(self) -> int:
        return id(self.choices)


@lru_cache(maxsize=64)
def _order_lookup(same: _Same, base: int) -> Callable[[object], int]:
    choices = same.choices
    fold = str.casefold if choices.ignore_case else str
    orders = {
        fold(option.strip()): base + index for index, option in reversed(list(enumerate(choices.options)))
    }
    for spelling, option in choices.aliases.items():
        if fold(option.strip()) in orders:
            orders.setdefault(fold(spelling.strip()), orders[fold(option.strip())])
    last = base + len(choices.options) - 1
    way_out = _WayOut(choices)

    def find(value: object) -> int:
        if isinstance(value, list):
            raise wrong_kind("choice_order", (str,), value)
        text = text_of(value)
        order = orders.get(fold(text.strip()))
        if order is None and choices.by_order:
            order = _given_order(text.strip(), base, last)
        if order is None:
            kind = "neither an option nor an order" if choices.by_order else "not an option"
            raise ValueProblem("unknown-choice", f"{quote_value(text)} is {kind}", way_out.of(text))
        return order

    return find


def _given_order(text: str, base: int, last: int) -> int | None:
    if text.isascii() and text.isdigit() and len(text) < 6 and base <= int(text) <= last:  # noqa: PLR2004 - digits
        return int(text)
    return None


class _WayOut:
    """What to do about a text that is no option; prepared when the first such text comes."""

    def __init__(self, choices: ChoiceOptions) -> None:
        self._choices = choices
        self._found = Memo(self._find)

    def of(self, text: str) -> str:
        """Return the way out. Of a long text only the beginning is looked at."""
        return self._found[text[:_LOOKED_AT]]

    def _find(self, text: str) -> str:
        parts = {part.strip().casefold() for part in _SEPARATORS.split(text)}
        if len(parts) > 1 and not parts.isdisjoint(self._folded):
            return 'several options in one text are to be split: `split: ";"`'
        help_text = self._names.suggest(text.strip())
        if text.strip().casefold() in self._folded:
            return f"{help_text or _ADD} (only letter case differs: `ignore_case: true`)"
        return help_text or _ADD

    @cached_property
    def _names(self) -> Names:
        return Names([*self._choices.options, *self._choices.aliases])

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(map(str.casefold, [*self._choices.options, *self._choices.aliases]))


_ADD = "add it to `choices` in Opus's order, or give it an alias"
_SEPARATORS = re.compile("[;,|\n]")
_LOOKED_AT = 4_000
"""Characters of a text that is no option which are looked at to say what it may be, at most."""


def _options(context: Context, column: str | None) -> ChoiceOptions:
    name = column or context.column
    if name is None or name not in context.choices:
        known = ", ".join(context.choices) or "none"
        raise ArgumentError(
            f"choice_order needs the column whose options are meant; known under `choices`: {known}"
        )
    return context.choices[name]


@converter(prepared=True, examples={"'Deed' | choice_order('Doc Type')": 2})
def choice_order(column: str | None = None, *, context: Context) -> Callable[[object], int]:
    """Return an option's order in Opus, as a number (for the column bound, or the one named)."""
    return order_lookup(_options(context, column), context.choice_base)


@converter(
    prepared=True, takes_list=True, examples={"['Deed', 'Contract'] | choice_orders('Doc Type')": [2, 1]}
)
def choice_orders(column: str | None = None, *, context: Context) -> Callable[[object], list[int]]:
    """Return the orders of several options; each is named once."""
    find = order_lookup(_options(context, column), context.choice_base)

    def convert(value: object) -> list[int]:
        return list(dict.fromkeys(find(item) for item in (value if isinstance(value, list) else [value])))

    return convert
