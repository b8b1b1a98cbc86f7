"""Converters of numbers and booleans. Numbers are exact: whole numbers and decimals, never floats."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from opusmap.converters.coerce import ARITHMETIC, NUMBER_LIMIT, number_of
from opusmap.converters.number_shapes import advise_on_number, number_shape
from opusmap.converters.registry import ArgumentError, converter
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value

_SIGNIFICANT = 4_000
"""Characters of a number's text, at most."""
_NO_MARK = re.compile(r"[\w+-]")


@converter(
    factory=True,
    examples={
        "'1,234.50' | number": Decimal("1234.5"),
        "'1.234,50' | number(decimal=',', thousands='.')": Decimal("1234.5"),
    },
)
def number(decimal: str = ".", thousands: str = ",") -> Callable[[object], int | Decimal]:
    """Read a decimal number: digits, and optionally a sign, a decimal mark and marks between thousands."""
    marks = len(decimal) == 1 and len(thousands) <= 1 and decimal != thousands
    if not marks or _NO_MARK.search(decimal + thousands):
        message = "the marks of `number` must be two different characters, not letters, digits or signs"
        raise ArgumentError(message, "for example `number(decimal=',', thousands='.')`")
    shape = number_shape(decimal, thousands)
    blanks = thousands == " "  # the shape takes other blanks, too

    def convert(value: object) -> int | Decimal:
        if not isinstance(value, str):
            return number_of(value)
        if len(value) <= NUMBER_LIMIT and value.isascii() and value.isdigit():
            return Decimal(value)
        text = value.strip()
        if len(text) > _SIGNIFICANT or not shape.fullmatch(text):
            message = f"{quote_value(value)} is not a number such as 1{thousands}234{decimal}5"
            raise ValueProblem("bad-number", message, advise_on_number(text, decimal, thousands))
        if thousands:
            text = "".join(text.split()) if blanks else text.replace(thousands, "")
        found = Decimal(text.replace(decimal, "."))
        return found if len(text) <= NUMBER_LIMIT else number_of(found)

    return convert


parse_number = number()
"""Read a number with `.` before decimals and `,` between thousands."""


@converter(examples={"'0042' | integer": 42, "'1,200' | integer": 1200})
def integer(value: object) -> int:
    """Read a whole number; a number with decimals other than zero is a problem."""
    found = parse_number(value)
    if int(found) != found:
        raise ValueProblem(
            "bad-number", f"{quote_value(value)} is not a whole number", "use `| number | round`"
        )
    return int(found)


@converter(
    factory=True,
    examples={
        "'Yes' | boolean": True,
        "'N' | boolean": False,
        "'ja' | boolean(true=['ja'], false=['nein'])": True,
    },
)
def boolean(
    true: str | list[str] = ["true", "yes", "y", "1"],  # noqa: B006 - read only
    false: str | list[str] = ["false", "no", "n", "0"],  # noqa: B006 - read only
) -> Callable[[str | int | bool], bool]:
    """Read true or false from the words for each, ignoring letter case."""
    words = {word.casefold(): False for word in ([false] if isinstance(false, str) else false)}
    words |= {word.casefold(): True for word in ([true] if isinstance(true, str) else true)}

    def convert(value: str | int | bool) -> bool:  # noqa: FBT001 - a value of the row
        if isinstance(value, bool):
            return value
        found = words.get(str(value).strip().casefold())
        if found is None:
            known = f"the words for true and false: {', '.join(words)}"
            raise ValueProblem("bad-boolean", f"{quote_value(value)} is neither true nor false", known)
        return found

    return convert


@converter(name="round", examples={"2.675 | round(2)": Decimal("2.68"), "7 | round": 7})
def round_(value: object, precision: int = 0) -> int | Decimal:
    """Round to `precision` decimals; halves are rounded away from zero."""
    found = number_of(value)
    if not 0 <= precision <= ARITHMETIC.prec:
        raise ValueProblem("wrong-value", f"round takes 0 to {ARITHMETIC.prec} decimals, not {precision}")
    if isinstance(found, int):
        return found
    rounded = found.quantize(_UNITS[precision], ROUND_HALF_UP, _WIDE)
    return int(rounded) if precision == 0 else rounded


_WIDE = ARITHMETIC.copy()
_WIDE.prec = 3 * ARITHMETIC.prec
_WIDE.rounding = ROUND_HALF_EVEN
_UNITS = tuple(Decimal(1).scaleb(-precision) for precision in range(ARITHMETIC.prec + 1))


@converter(name="abs", examples={"-3 | abs": 3})
def abs_(value: object) -> int | Decimal:
    """Return a number without its sign."""
    found = number_of(value)
    return abs(found) if isinstance(found, int) else found.copy_abs()
