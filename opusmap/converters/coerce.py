"""The kinds of values inside a mapping, and the text that each stands for.

Values are texts, whole numbers (`int`), decimals (`Decimal`), booleans, dates, aware times, lists of
those, JSON objects, and None, which is the one empty value. Floating-point numbers never occur.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from opusmap.errors import ValueProblem
from opusmap.issues import quote_value

__all__ = ["ARITHMETIC", "NUMBER_LIMIT", "decimal_text", "number_of", "text_of"]

NUMBER_LIMIT = 34
"""Digits of a number at most, before and after the point."""

ARITHMETIC = Context(
    prec=NUMBER_LIMIT, Emin=-999, Emax=999, traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""The exact decimal arithmetic that expressions calculate with (IEEE 754 decimal128's precision)."""


def text_of(value: object) -> str:
    """Return the text of a single value: numbers plain, booleans `true`/`false`, dates and times ISO.

    Raises:
        ValueProblem: the value is empty, a list or an object.
    """
    if isinstance(value, str):
        return value
    if value is None:
        raise ValueProblem("empty-operand", "the value is empty", "say what it should be: `| default('…')`")
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        number_of(value)
        return str(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, list | dict):
        raise _no_value(value)
    kind = "a list" if isinstance(value, list) else "an object"
    raise ValueProblem(
        "wrong-kind", f"{kind} is not a text: {quote_value(value)}", "use `| join(', ')` for a list"
    )


def _no_value(value: object) -> ValueProblem:
    """Return the problem of what only a custom converter can have made."""
    message = (
        f"a converter gave {quote_value(value)}, a {type(value).__name__} of Python, which is no value here"
    )
    way_out = "a Decimal" if isinstance(value, float) else "a text, a number, a date or a list"
    return ValueProblem("wrong-kind", message, f"mend the converter: let it return {way_out}")


def decimal_text(value: Decimal) -> str:
    """Return a decimal without exponent and without zeros at its end: 1E+2 is `100`, 1.50 is `1.5`."""
    if not number_of(value):
        return "0"  # decimals have a -0
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_of(value: object) -> int | Decimal:
    """Return a number within the limits.

    Raises:
        ValueProblem: the value is no number (booleans and texts are none), or too large or small.
    """
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        if value is None:
            raise ValueProblem("empty-operand", "the value is empty", "say what it should be: `| default(0)`")
        if not isinstance(value, str | bool | date | list | dict):
            raise _no_value(value)
        help_text = "use `| number`, or `~` to put texts together" if isinstance(value, str) else ""
        raise ValueProblem("wrong-kind", f"{quote_value(value)} is not a number", help_text)
    if isinstance(value, int):
        if not -_LARGEST < value < _LARGEST:
            raise ValueProblem("number-too-large", f"a number has more than {NUMBER_LIMIT} digits")
    elif len(text := str(value)) <= NUMBER_LIMIT and text.lstrip("-").replace(".", "", 1).isdigit():
        return value  # as nearly always: few digits, no exponent
    elif (
        not value.is_finite()
        or (value and not -NUMBER_LIMIT <= value.adjusted() < NUMBER_LIMIT)
        or len(value.as_tuple().digits) > 2 * NUMBER_LIMIT
    ):
        raise ValueProblem("number-too-large", f"a number has more than {NUMBER_LIMIT} digits")
    return value


_LARGEST = 10**NUMBER_LIMIT
