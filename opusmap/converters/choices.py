"""Converters of choices: from an option's name to its order number in Opus."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cached_property, lru_cache

from opusmap.converters.cache import Cache
from opusmap.converters.coerce import text_of
from opusmap.converters.registry import ArgumentError, ChoiceOptions, Context, converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.wording import Names, quote_value

_ADD = "add it to `choices` in Opus's order, or give it an alias"
_CORRECT = "Correct it in the source or under `choices`, or add it to `aliases`"


@lru_cache(maxsize=64)  # a mapping may ask for the same options thousands of times
def order_lookup(choices: ChoiceOptions, base: int) -> Callable[[object], int]:
    """Return the function from an option's name or alias to its order, counted from `base`.

    With `by_order` it takes an order number as well.
    """
    fold = str.casefold if choices.ignore_case else str
    orders: dict[str, int] = {}
    for order, option in enumerate(choices.options, base):
        orders.setdefault(fold(option.strip()), order)
    for spelling, option in choices.aliases.items():
        if (found := orders.get(fold(option.strip()))) is not None:
            orders.setdefault(fold(spelling.strip()), found)
    numbers = range(base, base + len(choices.options)) if choices.by_order else range(0)
    hints = _Hints(choices)

    def find(value: object) -> int:
        if isinstance(value, list):
            raise wrong_kind("choice_order", (str,), value)
        text = text_of(value)
        option = text.strip()
        order = orders.get(fold(option))
        if order is None and option.isascii() and option.isdigit() and len(option) <= _ORDER_DIGITS:
            order = int(option) if int(option) in numbers else None
        if order is None:
            kind = "neither an option nor an order" if choices.by_order else "not an option"
            trimmed = "" if option == text else " (spaces around it do not matter)"
            raise ValueProblem("unknown-choice", f"{quote_value(option)} is {kind}{trimmed}", hints.of(text))
        return order

    return find


class _Hints:
    """What to do about texts that are not options; prepared when the first such text comes."""

    def __init__(self, choices: ChoiceOptions) -> None:
        self._choices = choices
        self._known = Cache(self._find)

    def of(self, text: str) -> str:
        """Return what to do about a text, of which only the beginning is used if it is long."""
        return self._known[text[:_COMPARED]]

    def _find(self, text: str) -> str:
        if _SEPARATOR.search(text) is not None:
            parts = {part.strip().casefold() for part in _SEPARATOR.split(text)}
            if len(parts) > 1 and not parts.isdisjoint(self._folded):
                return 'if the text lists several options, split it: `split: ";"`'
        option = text.strip()
        suggested = self._suggest_option(option)
        if option.casefold() in self._folded:
            # The value is named: in a summary, this hint is shown for many rows with other values as well.
            case = f"{quote_value(option)} differs only in letter case: `ignore_case: true`"
            return f"{suggested or _ADD} ({case})"
        if not suggested:
            return _ADD
        return f"{suggested} {_CORRECT}" if suggested.endswith("?") else f"{suggested}. {_CORRECT}"

    def _suggest_option(self, text: str) -> str:
        """Return the nearest option, or that of the nearest alias; "" if none is near."""
        alias = self._aliases.find(text)[0]
        is_alias = alias is not None and alias.casefold() == text.casefold()
        found = "" if is_alias else self._options.suggest(text)
        if found or alias is None:
            return found
        return f'did you mean "{self._choices.aliases[alias]}"? Its alias "{alias}" is similar'

    @cached_property
    def _options(self) -> Names:
        return Names(self._choices.options)

    @cached_property
    def _aliases(self) -> Names:
        return Names(self._choices.aliases)

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(map(str.casefold, [*self._choices.options, *self._choices.aliases]))


_SEPARATOR = re.compile("[;,|\n]")
_ORDER_DIGITS = 5
"""Digits of an order number, at most."""
_COMPARED = 4_000
"""Characters of a text that are compared with the options, at most."""


def _column_lookup(column: str | None, context: Context) -> Callable[[object], int]:
    name = column or context.column
    if name is None or name not in context.choices:
        known = ", ".join(context.choices) or "none"
        message = "choice_order needs the name of a column that has options under `choices`"
        raise ArgumentError(message, f"columns with options: {known}")
    return order_lookup(context.choices[name], context.choice_base)


@converter(factory=True, examples={"'Deed' | choice_order('Doc Type')": 2})
def choice_order(column: str | None = None, *, context: Context) -> Callable[[object], int]:
    """Return an option's order number in Opus (of the column bound, or of the column named)."""
    return _column_lookup(column, context)


@converter(
    factory=True, takes_list=True, examples={"['Deed', 'Contract'] | choice_orders('Doc Type')": [2, 1]}
)
def choice_orders(column: str | None = None, *, context: Context) -> Callable[[object], list[int]]:
    """Return the order numbers of several options, each of them once."""
    find = _column_lookup(column, context)
    return lambda value: list(dict.fromkeys(map(find, value if isinstance(value, list) else [value])))
