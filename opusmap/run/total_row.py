"""A total below the rows of an export: how to exclude it, where its row was rejected.

A row that becomes a record is not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace

from opusmap.profile.totals import find_total, write_condition
from opusmap.records import Reject
from opusmap.report import Reason


def advise_on_total(
    reasons: Iterable[Reason], last: Reject, where: str | None
) -> tuple[tuple[Reason, ...], str]:
    """Return why rows were rejected, and how to exclude the last row if it is a total; "" if it is not.

    This is also the help on the reasons that only the last row has.

    Args:
        reasons: why rows were rejected.
        last: the last row of the source.
        where: the `where` that the mapping has already, if it has one.
    """
    kept = tuple(reasons)
    found = find_total(last.values)
    if found is None:
        return kept, ""
    condition = write_condition(*found)
    if where is None:
        way = f'exclude it with `where: "{{{{ {condition} }}}}"`'
    else:
        brackets = "put brackets around what `where` has, and " if _BINDS_LESS.search(where) else ""
        way = f"{brackets}add `and {condition}` to {'it' if brackets else '`where`'}"
    hint = f"the last row looks like a total row: {way}"
    return tuple(replace(one, help=hint) if one.rows == (last.row,) else one for one in kept), hint


_BINDS_LESS = re.compile(r"\b(?:or|if)\b")
"""What `and` would join only the last part of; a text that has such a word gets needless brackets."""
