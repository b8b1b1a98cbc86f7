"""Converters of numbers and booleans. Numbers are exact: whole numbers and decimals, never floats."""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal

from opusmap.converters.coerce import ARITHMETIC, NUMBER_LIMIT, number_of
from opusmap.converters.registry import ArgumentError, converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.issues import quote_value

__all__ = ["abs_", "boolean", "integer", "number", "parse_number", "round_"]

_SIGNIFICANT = 4_000
"""Characters of a number's text that are looked at at most."""


_NO_MARK = re.compile(r"[\w+-]")


@converter(
    prepared=True,
    examples={
        "'1,234.50' | number": Decimal("1234.5"),
        "'1.234,50' | number(decimal=',', thousands='.')": Decimal("1234.5"),
    },
)
def number(decimal: str = ".", thousands: str = ",") -> Callable[[object], int | Decimal]:
    """Read a plain decimal number: digits, a sign, a decimal mark, marks between thousands."""
    if (
        len(decimal) != 1
        or len(thousands) > 1
        or decimal == thousands
        or _NO_MARK.search(decimal + thousands)
    ):
        raise ArgumentError("number needs two different marks, each one character: no digit, no sign")
    point, group = re.escape(decimal), re.escape(thousands)
    blanks = thousands == " "  # two more of them are in use: the one that keeps lines whole, the narrow one
    group = "[ \u00a0\u202f]" if blanks else group
    grouped = rf"[0-9]{{1,3}}(?:{group}[0-9]{{3}})+|" if thousands else ""
    shape = re.compile(rf"[+-]?(?:{grouped}[0-9]+)(?:{point}[0-9]+)?", re.ASCII)

    def convert(value: object) -> int | Decimal:
        if not isinstance(value, str):
            return number_of(value)
        if len(value) <= NUMBER_LIMIT and value.isascii() and value.isdigit():
            return Decimal(value)
        text = value.strip()
        if len(text) > _SIGNIFICANT or not shape.fullmatch(text):
            example = f"1{thousands}234{decimal}5"
            message = f"{quote_value(value)} is not a number such as {example}"
            raise ValueProblem("bad-number", message, "name its marks: `number(decimal=',', thousands='.')`")
        if thousands:
            text = "".join(text.split()) if blanks else text.replace(thousands, "")
        found = Decimal(text.replace(decimal, "."))
        return found if len(text) <= NUMBER_LIMIT else number_of(found)

    return convert


parse_number = number()
"""Read a number written with `.` before decimals and `,` between thousands."""


@converter(examples={"'0042' | integer": 42, "'1,200' | integer": 1200})
def integer(value: object) -> int:
    """Read a whole number; one with decimals other than zeros is a problem."""
    found = parse_number(value)
    if int(found) != found:
        raise ValueProblem(
            "bad-number", f"{quote_value(value)} is not a whole number", "use `| number | round`"
        )
    return int(found)


@converter(
    prepared=True,
    examples={
        "'Yes' | boolean": True,
        "'N' | boolean": False,
        "'ja' | boolean(true=['ja'], false=['nein'])": True,
    },
)
def boolean(
    true: str | list[str] = ["true", "yes", "y", "1"],  # noqa: B006 - read only
    false: str | list[str] = ["false", "no", "n", "0"],  # noqa: B006 - read only
) -> Callable[[object], bool]:
    """Read true or false from the words that stand for them, ignoring letter case."""
    words = {word.casefold(): False for word in ([false] if isinstance(false, str) else false)}
    words.update((word.casefold(), True) for word in ([true] if isinstance(true, str) else true))

    def convert(value: object) -> bool:
        if isinstance(value, bool):
            return value
        if not isinstance(value, str | int):
            raise wrong_kind("boolean", (str,), value)
        found = words.get(str(value).strip().casefold())
        if found is None:
            known = ", ".join(words)
            raise ValueProblem(
                "bad-boolean", f"{quote_value(value)} is neither true nor false", f"known here: {known}"
            )
        return found

    return convert


@converter(name="round", examples={"2.675 | round(2)": Decimal("2.68"), "7 | round": 7})
def round_(value: object, precision: int = 0) -> int | Decimal:
    """Round to `precision` decimals, halves away from zero."""
    found = number_of(value)
    if not 0 <= precision <= ARITHMETIC.prec:
        raise ValueProblem("wrong-value", f"round takes 0 to {ARITHMETIC.prec} decimals, not {precision}")
    if isinstance(found, int):
        return found
    rounded = found.quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP, WIDE)
    return int(rounded) if precision == 0 else rounded


WIDE = ARITHMETIC.copy()
WIDE.prec = 3 * ARITHMETIC.prec
WIDE.rounding = ROUND_HALF_EVEN


@converter(name="abs", examples={"-3 | abs": 3})
def abs_(value: object) -> int | Decimal:
    """Take the sign off a number."""
    found = number_of(value)
    return abs(found) if isinstance(found, int) else found.copy_abs()
