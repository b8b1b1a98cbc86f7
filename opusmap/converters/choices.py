"""Converters of choices: from an option's name to its order number in Opus."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import cached_property, lru_cache

from opusmap.converters.cache import Cache
from opusmap.converters.coerce import text_of
from opusmap.converters.registry import ArgumentError, ChoiceOptions, Context, converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.wording import Names, quote_value

_ADD = "add it to `choices` in Opus's order, or give it an alias"
_CORRECT = "Correct the cell or the list under `choices`, or add the cell to `aliases`"


@lru_cache(maxsize=64)  # a mapping may ask for the same options thousands of times
def order_lookup(choices: ChoiceOptions, base: int, *, takes_one: bool = False) -> Callable[[object], int]:
    """Return the function from an option's name or alias to its order, counted from `base`.

    With `by_order` it takes an order number as well. `takes_one`: the column has one option in each record.
    """
    fold = str.casefold if choices.ignore_case else str
    orders: dict[str, int] = {}
    for order, option in enumerate(choices.options, base):
        orders.setdefault(fold(option.strip()), order)
    for spelling, option in choices.aliases.items():
        if (found := orders.get(fold(option.strip()))) is not None:
            orders.setdefault(fold(spelling.strip()), found)
    numbers = range(base, base + len(choices.options)) if choices.by_order else range(0)
    hints = _Hints(choices, takes_one=takes_one)

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


def find_joint(text: str, names: Collection[str]) -> str | None:
    """Return what separates the parts of a text of which one, at least, is among some names; None if none is.

    The names are without letter case.

    >>> find_joint("Pool; Shed", {"pool"}), find_joint("Pool", {"pool"})
    (';', None)
    """
    for separator in _SEPARATORS:
        parts = text.split(separator)
        if len(parts) > 1 and any(part.strip().casefold() in names for part in parts):
            return separator
    return None


class _Hints:
    """What to do about texts that are not options; prepared when the first such text comes."""

    def __init__(self, choices: ChoiceOptions, *, takes_one: bool) -> None:
        self._choices, self._takes_one = choices, takes_one
        self._known = Cache(self._find)

    def of(self, text: str) -> str:
        """Return what to do about a text, of which only the beginning is used if it is long."""
        return self._known[text[:_COMPARED]]

    def _find(self, text: str) -> str:
        if (separator := find_joint(text, self._folded)) is not None:
            cut = f'`split: "{separator}"`'.replace("\n", "\\n")
            if self._takes_one:
                return (
                    "the column takes one option, and the text lists several: correct the cell, "
                    f"or take the first of them: {cut} and `convert: first`"
                )
            return f"if the text lists several options, split it: {cut}"
        option = text.strip()
        for joined in self._joined:
            if (separator := find_joint(joined, {option.casefold()})) is not None:
                parts = ", ".join(part.strip() for part in joined.split(separator))
                return f"if {quote_value(joined)} under `choices` is a list of options, write: `[{parts}]`"
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
    def _joined(self) -> list[str]:
        return [one for one in self._choices.options if any(mark in one for mark in _SEPARATORS)]

    @cached_property
    def _options(self) -> Names:
        return Names(self._choices.options)

    @cached_property
    def _aliases(self) -> Names:
        return Names(self._choices.aliases)

    @cached_property
    def _folded(self) -> frozenset[str]:
        return frozenset(map(str.casefold, [*self._choices.options, *self._choices.aliases]))


_SEPARATORS = (";", ",", "|", "\n")
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
