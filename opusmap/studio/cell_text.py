"""A source's values as texts that a person edits in a grid, and back.

A text stays what it is. Anything else is written as JSON, a date and time as ISO 8601, so that a number stays
a number in the file of fixed rows.
"""

from __future__ import annotations

import json
from datetime import date, datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any


def cell_text(value: Any) -> str:
    """Return a value as a text; nothing is an empty one."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False, default=str)


def read_cell(text: str, original: Any) -> Any:
    """Return the value that a person means by a text in place of the original one.

    It has the original's type where the text can be read so; else it is the text.
    """
    if text == cell_text(original):
        return original
    if isinstance(original, str):
        return text
    if text == "":
        return None
    try:
        return _read_as(text, original)
    except (ValueError, InvalidOperation):
        return text


def _read_as(text: str, original: Any) -> Any:
    if isinstance(original, datetime):
        return datetime.fromisoformat(text)
    if isinstance(original, date):
        return date.fromisoformat(text)
    if isinstance(original, time):
        return time.fromisoformat(text)
    if isinstance(original, bool):
        return {"true": True, "false": False}.get(text.lower(), text)
    if isinstance(original, int | float | Decimal):
        number = Decimal(text)
        if not number.is_finite():
            return text
        return number if not isinstance(original, int) or number != int(number) else int(number)
    if isinstance(original, list | dict):
        read = json.loads(text, parse_float=Decimal)
        return read if isinstance(read, list | dict) else text
    return text
