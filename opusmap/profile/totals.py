"""A total below the rows of an export, such as `Total,,,2625`: which row it is, and what excludes it.

Owns what a row looks like that is taken for one: about half of its cells are empty, and one is a word for a
total, with few others. Whether it is the last row, and rejected, is for others to know.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_TOTAL = re.compile(
    r"\s*(?:grand |gran |sub-?)?"
    r"(?:totals?|totales?|totaux|totaal|sum|summe|summa|suma|somme|som|gesamt|gesamtsumme)"
    r"(?: [^\W\d_]+){0,2}\s*:?\s*[\d.,]*\s*",
    re.IGNORECASE,
)
"""A word for a total, two more at most (`Total général`, `Total records: 250`), and a number."""
_LONGEST = 60
_UNWRITABLE = re.compile(r"['\"\\\x00-\x1f\x7f-\x9f\u2028\u2029]|[{}%#][{}%#]")
"""What would need escapes in the condition, or end its template or the line of the mapping that it is on."""


def find_total(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the column and the text that say that a row is a total, None if it is not one."""
    filled = [(name, value) for name, value in values.items() if value is not None and str(value).strip()]
    if not filled or 2 * len(filled) > len(values) + 1:
        return None
    for name, value in filled:
        if isinstance(value, str) and len(value) <= _LONGEST and _TOTAL.fullmatch(value):
            return None if _UNWRITABLE.search(name + value) else (name, value)
    return None


def write_condition(name: str, text: str) -> str:
    """Return the condition of a `where` that excludes a total by its text in a column; see `find_total`.

    >>> write_condition("Fee", "Total"), write_condition("Permit No", "Sum")
    ("Fee != 'Total'", "row['Permit No'] != 'Sum'")
    """
    cell = name if name.isidentifier() else f"row['{name}']"
    return f"{cell} != '{text}'"
