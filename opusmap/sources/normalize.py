"""Makes the values of readers and programs plain: the types that a mapping knows.

Other types, such as floats, bytes or the scalars of other libraries, are converted. Nothing is guessed: a
text stays that text.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

_PLAIN = frozenset({str, int, bool, type(None), Decimal, datetime, date})


def plain_values(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a row with plain values: the same object if all are plain already, as usual."""
    for value in values.values():
        if value.__class__ not in _PLAIN:
            return {name: plain_value(item) for name, item in values.items()}
    return values


def plain_value(value: Any) -> Any:
    """Return a value of a type that mappings know: text, number, boolean, date, time, list, object, None.

    A float becomes the shortest decimal number that is equal to it; NaN and the markers of other libraries
    for a missing value become None; times of day and durations become texts; bytes become text if they are
    UTF-8, else their hexadecimal digits.
    """
    if value.__class__ in _PLAIN:
        return value
    convert = next((convert for kinds, convert in _CONVERSIONS if isinstance(value, kinds)), _foreign)
    return convert(value)


def plain_number(value: float) -> int | Decimal | None:
    """Return the exact number that a float shows, whole ones without `.0`; None for NaN and infinity."""
    if value.is_integer() and abs(value) < _EXACT:
        return int(value)
    number = Decimal(repr(float(value)))
    return number if number.is_finite() else None


_EXACT = 1 << 53
"""Whole numbers below this are exact as floats (IEEE 754)."""


def _plain_time(value: datetime) -> datetime | None:
    """Return a plain time for one of pandas, which has nanoseconds, and None for its NaT."""
    if value != value:  # noqa: PLR0124 - only NaT differs from itself
        return None
    convert = getattr(value, "to_pydatetime", None)
    plain: datetime = convert(warn=False) if convert else value
    return plain


def _text_of_bytes(value: bytes | bytearray | memoryview) -> str:
    try:
        return str(value, "utf-8")
    except UnicodeDecodeError:
        return value.hex()


def _foreign(value: Any) -> Any:
    """Return the value of another library's scalar, or its text: NumPy's have `item`, Arrow's `as_py`."""
    for method in ("as_py", "item", "tolist"):
        convert = getattr(value, method, None)
        if callable(convert):
            found = convert()
            return str(value) if found.__class__ is value.__class__ else plain_value(found)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return str(value)


_CONVERSIONS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (float, plain_number),
    (datetime, _plain_time),
    ((str, bool, int, Decimal, date), lambda value: value),
    ((list, tuple, set, frozenset), lambda value: [plain_value(item) for item in value]),
    (Mapping, lambda value: {str(name): plain_value(item) for name, item in value.items()}),
    ((bytes, bytearray, memoryview), _text_of_bytes),
    (time, time.isoformat),
    (timedelta, str),
)
"""The conversion of a value, by the first type that it has."""
