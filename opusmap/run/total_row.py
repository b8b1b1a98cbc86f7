"""A total below the rows of an export: how to exclude it, where its row was rejected.

A row that becomes a record is not looked at.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from opusmap.profile.totals import find_total, write_condition
from opusmap.records import Reject
from opusmap.report import Reason


def advise_on_total(
    reasons: Iterable[Reason], last: Reject, *, has_where: bool
) -> tuple[tuple[Reason, ...], str]:
    """Return why rows were rejected, and how to exclude the last row if it is a total; "" if it is not.

    This is also the help on the reasons that only the last row has.

    Args:
        reasons: why rows were rejected.
        last: the last row of the source.
        has_where: whether the mapping has a `where` already.
    """
    kept = tuple(reasons)
    found = find_total(last.values)
    if found is None:
        return kept, ""
    condition = write_condition(*found)
    way = (
        f"add `and {condition}` to `where`"
        if has_where
        else f'exclude it with `where: "{{{{ {condition} }}}}"`'
    )
    hint = f"the last row looks like a total row: {way}"
    return tuple(replace(one, help=hint) if one.rows == (last.row,) else one for one in kept), hint
