"""How numbers are written, and what makes a cell read as one that does not."""

from __future__ import annotations

import json
import re
from functools import lru_cache

CURRENCY_SIGN = (
    r"(?:(?:R|US|A|C)?\$|[€£¥₹₩₽\u5143\u5186]|zł|kr|Kč|Ft"
    r"|EUR|USD|GBP|CHF|SEK|NOK|DKK|PLN|JPY|CNY|CAD|AUD|BRL|MXN|COP)"
)
"""The pattern of a currency's sign or code beside an amount."""
_IS_SIGN = re.compile(CURRENCY_SIGN + r"\.?")
_NUMBER_BESIDE_OTHERS = re.compile(r"[+-]?([^0-9]*?)[+-]?[0-9](?:.*[0-9])?([^0-9]*)", re.DOTALL)
_MAY_CHANGE_THE_AMOUNT = re.compile(r"[-(\[\u2010-\u2015\u2212]")
"""Minus signs, dashes, and the brackets that some write around amounts below zero."""
_DIGITS_AND_MARKS = re.compile(r"[+-]?[0-9][0-9.,'\u2019\u00a0\u202f ]*")
_LONGEST_REMOVED = 20
_LONGEST_TEXT = 100
_MARKS = ((".", ","), (",", "."), (".", " "), (",", " "), (".", "'"), (",", "'"), (".", "’"), (",", "’"))  # noqa: RUF001


@lru_cache(maxsize=100)
def number_shape(decimal: str, thousands: str) -> re.Pattern[str]:
    """Return the pattern of numbers with such a mark before decimals and such marks between thousands."""
    point, group = re.escape(decimal), re.escape(thousands)
    # A blank may also be a non-breaking one or a narrow non-breaking one.
    group = "[ \u00a0\u202f]" if thousands == " " else group
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if thousands else ""
    return re.compile(rf"[+-]?(?:{grouped}[0-9]+)(?:{point}[0-9]+)?", re.ASCII)


def advise_on_number(text: str, decimal: str, thousands: str) -> str:
    """Return what to do about a cell that is not a number with these marks.

    What it advises to remove, and the marks that it advises, make this cell a number.

    >>> advise_on_number("$45.00", ".", ",")
    'remove the currency sign: `convert: {replace: ["$", ""]}`'
    """
    if not any(map(str.isdecimal, text)):
        return "correct the cell; if it means no number, add it to `empty` under `source`"
    if len(text) > _LONGEST_TEXT:
        return "correct the cell"
    own, beside = (decimal, thousands), _find_beside(text)
    for removed in ([], beside) if beside else ([],):
        rest = text
        for one in removed:
            rest = rest.replace(one, "")
        rest = rest.strip()
        if removed and number_shape(*own).fullmatch(rest):
            doubt = f"{_quote(decimal)} is before its decimals" if _may_be_thousands(rest, decimal) else ""
            return _describe(removed, None, doubt)
        if _DIGITS_AND_MARKS.fullmatch(rest):  # most wrong cells are not: nothing else is tried with them
            for marks in sorted(_MARKS, key=lambda marks: marks[0] != decimal):
                if marks != own and number_shape(*marks).fullmatch(rest):
                    return _describe(removed, marks)
    return "correct the cell"


def _find_beside(text: str) -> list[str]:
    """Return what is before and after the number of a text; nothing if the amount may change without it."""
    found = _NUMBER_BESIDE_OTHERS.fullmatch(text)
    parts = [part.strip() for part in found.groups()] if found is not None else []
    beside = list(dict.fromkeys(part for part in parts if part))
    are_words = all(any(char not in "+.,'\u2019 " for char in part) for part in beside)
    may_change = any(_MAY_CHANGE_THE_AMOUNT.search(part) or len(part) > _LONGEST_REMOVED for part in beside)
    return beside if are_words and not may_change else []


def _may_be_thousands(number: str, decimal: str) -> bool:
    """Return whether others mean thousands by the decimal mark of a number, as in `1.234`."""
    whole, _, decimals = number.lstrip("+-").partition(decimal)
    return len(decimals) == _GROUP >= len(whole) and whole.isdecimal() and whole[0] != "0"


_GROUP = 3
"""Digits between two marks of thousands."""


def _describe(removed: list[str], marks: tuple[str, str] | None, doubt: str = "") -> str:
    """Return the advice to remove these texts and to give these marks, of which one is there.

    `doubt` is what has to be true of the amount, or "".
    """
    if marks is not None and not removed:
        given = f"number(decimal={marks[0]!r}, thousands={marks[1]!r})"
        return f"correct the cell, or give the marks if all cells have them: `{given}`"
    steps = [f'{{replace: [{_quote(one)}, ""]}}' for one in removed]
    if marks is not None:
        steps.append(f"{{number: {{decimal: {_quote(marks[0])}, thousands: {_quote(marks[1])}}}}}")
    way = f"`convert: {steps[0] if len(steps) == 1 else '[' + ', '.join(steps) + ']'}`"
    if all(map(_IS_SIGN.fullmatch, removed)):
        remove = f"remove the currency {'sign' if len(removed) == 1 else 'signs'}"
        conditions = list[str]()
    else:
        names = " and ".join(map(_quote, removed))
        does, it = ("does", "it") if len(removed) == 1 else ("do", "them")
        remove, conditions = f"remove {it}", [f"{names} {does} not change the amount"]
    conditions += [doubt] if doubt else []
    if conditions:
        remove = f"if {' and '.join(conditions)}, {remove}"
    if marks is not None:
        remove += ", and give the marks if all cells have them"
    is_sure = remove.startswith("remove") and marks is None
    return f"{'' if is_sure else 'correct the cell; or '}{remove}: {way}"


def _quote(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
