"""The kinds of values inside a mapping, and the text and number of each.

Values are texts, whole numbers (`int`), decimals (`Decimal`), booleans, dates, aware times, lists of those,
JSON objects, and None, which is the empty value. Floating-point numbers never occur.
"""

from __future__ import annotations

from datetime import date, datetime
from decimal import Context, Decimal, DivisionByZero, InvalidOperation, Overflow

from opusmap.errors import ValueProblem
from opusmap.wording import quote_value

NUMBER_LIMIT = 34
"""Digits of a number at most, before and after the point."""
_LARGEST = 10**NUMBER_LIMIT

ARITHMETIC = Context(
    prec=NUMBER_LIMIT, Emin=-999, Emax=999, traps=[InvalidOperation, DivisionByZero, Overflow]
)
"""The exact decimal arithmetic that expressions calculate with (IEEE 754 decimal128's precision)."""


def text_of(value: object) -> str:
    """Return the text of a single value: plain numbers, `true` or `false`, dates and times in ISO 8601.

    Raises:
        ValueProblem: the value is empty, a list or an object.
    """
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(number_of(value))
    if isinstance(value, Decimal):
        return decimal_text(value)
    if isinstance(value, datetime):
        return value.isoformat(sep=" ")
    if isinstance(value, date):
        return value.isoformat()
    if not isinstance(value, list | dict):
        raise _not_a_value(value, "''")
    kind, help_text = "a list", "join its elements: `| join(', ')`"
    if isinstance(value, dict):
        kind, help_text = "an object", "take one of its values: `.name`"
    raise ValueProblem("wrong-kind", f"{kind} is not a text: {quote_value(value)}", help_text)


def _not_a_value(value: object, default: str) -> ValueProblem:
    """Return the problem of None, or of a value that only a custom converter can have made."""
    if value is None:
        return ValueProblem("empty-operand", "the value is empty", f"give a default: `| default({default})`")
    message = f"a converter returned {quote_value(value)}, a Python {type(value).__name__}"
    kinds = "a Decimal" if isinstance(value, float) else "a text, a number, a date or a list"
    return ValueProblem("wrong-kind", message, f"fix the converter: it must return {kinds}")


def decimal_text(value: Decimal) -> str:
    """Return a decimal without an exponent and trailing zeros: 1E+2 is `100`, 1.50 is `1.5`."""
    if not number_of(value):
        return "0"  # decimals have a -0
    text = format(value, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def number_of(value: object) -> int | Decimal:
    """Return a number within the limits.

    Raises:
        ValueProblem: the value is not a number (texts and booleans are not), or has too many digits.
    """
    # The usual case: few digits, no exponent.
    if value.__class__ is Decimal and value.is_finite() and len(text := str(value)) <= NUMBER_LIMIT:
        if "E" not in text:
            return value
    elif value.__class__ is int and -_LARGEST < value < _LARGEST:
        return value
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        if not isinstance(value, str | bool | date | list | dict):
            raise _not_a_value(value, "0")
        help_text = "use `| number`, or `~` to join texts" if isinstance(value, str) else ""
        raise ValueProblem("wrong-kind", f"{quote_value(value)} is not a number", help_text)
    if isinstance(value, int):
        fits = -_LARGEST < value < _LARGEST
    else:
        fits = (
            value.is_finite()
            and (not value or -NUMBER_LIMIT <= value.adjusted() < NUMBER_LIMIT)
            and len(value.as_tuple().digits) <= 2 * NUMBER_LIMIT
        )
    if not fits:
        raise ValueProblem("number-too-large", f"a number has more than {NUMBER_LIMIT} digits")
    return value
