"""Makes the values of readers and programs plain: the types that a mapping knows.

Other types, such as floats, bytes or the scalars of other libraries, are converted. Nothing is guessed: a
text stays that text.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, Literal

_PLAIN = frozenset({str, int, bool, type(None), Decimal, datetime, date})


def plain_values(values: Mapping[str, Any], nan: str | None = "NaN") -> Mapping[str, Any]:
    """Return a row with plain values: the same object if all are plain already, as usual."""
    for value in values.values():
        if value.__class__ not in _PLAIN:
            return {name: plain_value(item, nan) for name, item in values.items()}
    return values


def plain_value(value: Any, nan: str | None = "NaN") -> Any:
    """Return a value of a type that mappings know: text, number, boolean, date, time, list, object, None.

    A float becomes the shortest decimal number that is equal to it, also in its own precision where that is
    less; infinity becomes a text, so that only a mapping that makes a number of it has a problem; the
    markers of other libraries for a missing value become None; times of day and durations become texts;
    bytes become text if they are UTF-8, else their hexadecimal digits.

    Args:
        value: the value.
        nan: what NaN becomes: None where it means a missing value, as in pandas.
    """
    if value.__class__ in _PLAIN:
        return value
    if isinstance(value, float):
        return plain_number(value) if value == value else nan  # noqa: PLR0124 - NaN differs from itself
    if isinstance(value, list | tuple | set | frozenset):
        return [plain_value(item, nan) for item in value]
    if isinstance(value, Mapping):
        return {str(name): plain_value(item, nan) for name, item in value.items()}
    convert = next((convert for kinds, convert in _CONVERSIONS if isinstance(value, kinds)), None)
    return _foreign(value, nan) if convert is None else convert(value)


def plain_number(value: float) -> int | Decimal | str:
    """Return the exact number that a float shows, whole ones without `.0`; a text for NaN and infinity."""
    if value.is_integer() and abs(value) < _EXACT:
        return int(value)
    number = Decimal(repr(float(value)))
    return number if number.is_finite() else str(number)


def shortest_number(value: float, width: Literal[16, 32]) -> int | Decimal | str:
    """Return the shortest decimal number that a float of so many bits reads as (IEEE 754).

    >>> shortest_number(0.10000000149011612, 32)
    Decimal('0.1')
    """
    code, fewest, most, normal = _WIDTHS[width]
    for digits in range(fewest if abs(value) >= normal else 1, most):
        shown = float(format(value, f".{digits}g"))
        try:
            if struct.unpack(code, struct.pack(code, shown))[0] == value:
                return plain_number(shown)
        except OverflowError:  # rounded up beyond the largest
            continue
    return plain_number(value)


_WIDTHS = {16: ("<e", 3, 6, 2.0**-14), 32: ("<f", 6, 10, 2.0**-126)}
"""By the bits of a float: its code for `struct`, the digits that are always kept, those that suffice and one
more, the least number that has all its digits."""
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


def _foreign(value: Any, nan: str | None) -> Any:
    """Return the value of another library's scalar, or its text: NumPy's have `item`, Arrow's `as_py`."""
    width = _NARROW.get(type(value).__name__)
    for method in ("as_py", "item", "tolist"):
        convert = getattr(value, method, None)
        if callable(convert):
            found = convert()
            if width is not None and found.__class__ is float and isfinite(found):
                return shortest_number(found, width)
            return str(value) if found.__class__ is value.__class__ else plain_value(found, nan)
    if type(value).__name__ in ("NAType", "NaTType"):
        return None
    return str(value)


_NARROW: dict[str, Literal[16, 32]] = {
    "float16": 16,
    "float32": 32,
    "HalfFloatScalar": 16,
    "FloatScalar": 32,
}
"""NumPy's and Arrow's scalars of floats with less than 64 bits."""

_CONVERSIONS: tuple[tuple[type | tuple[type, ...], Callable[[Any], Any]], ...] = (
    (datetime, _plain_time),
    ((str, bool, int, Decimal, date), lambda value: value),
    ((bytes, bytearray, memoryview), _text_of_bytes),
    (time, time.isoformat),
    (timedelta, str),
)
"""The conversion of a value, by the first type that it has."""
