"""A total below the rows of an export, such as `Total,,,2625`: which row it is, and how to exclude it.

Owns when a row is taken for one: it is the source's last and rejected, about half of its cells are empty, and
one is a word for a total, with few others. A row that becomes a record is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from opusmap.records import Reject
from opusmap.report import Reason

_TOTAL = re.compile(
    r"\s*(?:grand |gran |sub-?)?"
    r"(?:totals?|totales?|totaux|totaal|sum|summe|summa|suma|somme|som|gesamt|gesamtsumme)"
    r"(?: [^\W\d_]+){0,2}\s*:?\s*[\d.,]*\s*",
    re.IGNORECASE,
)
"""A word for a total, two more at most (`Total général`, `Total records: 250`), and a number."""
_LONGEST = 60


def advise_on_total(reasons: Iterable[Reason], last: Reject, *, has_where: bool) -> tuple[Reason, ...]:
    """Return why rows were rejected, with how to exclude the last row if it is a total.

    Args:
        reasons: why rows were rejected.
        last: the last row of the source.
        has_where: whether the mapping has a `where` already.
    """
    kept = tuple(reasons)
    found = _find_total(last.values)
    if found is None:
        return kept
    name, text = found
    cell = name if name.isidentifier() else f"row['{name}']"
    condition = f"{cell} != '{text}'"
    way = (
        f"add `and {condition}` to `where`"
        if has_where
        else f'exclude it with `where: "{{{{ {condition} }}}}"`'
    )
    hint = f"the last row looks like a total row: {way}"
    return tuple(replace(one, help=hint) if one.rows == (last.row,) else one for one in kept)


def _find_total(values: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return the column and the text that say that a row is a total, None if it is not one."""
    filled = [(name, value) for name, value in values.items() if value is not None and str(value).strip()]
    if not filled or 2 * len(filled) > len(values) + 1:
        return None
    for name, value in filled:
        if isinstance(value, str) and len(value) <= _LONGEST and _TOTAL.fullmatch(value):
            return None if re.search(r"['\"\\\\]", name + value) else (name, value)
    return None
