"""A staged run as a page: what will be sent, for a person to read and approve before it is sent."""

from __future__ import annotations

from datetime import datetime

from opusmap.report.pages import connection_name, list_codes, render_page
from opusmap.staging.overview import StagedOverview
from opusmap.staging.staged_run import StagedRun

_ENDS = (
    ("staged", "Staged", "the record is in a part, and will be sent"),
    ("filtered", "Filtered", "the mapping's “where” excludes the row"),
    ("rejected", "Rejected", "the row can't become a record"),
)
"""Where rows end: the name of the count, its label, and what it means."""


def render_staged(staged: StagedRun, overview: StagedOverview, made: datetime, *, rows: bool = True) -> str:
    """Return the page of a staged run.

    Args:
        staged: the staged run.
        overview: what is shown of it.
        made: when the page is made, with a zone.
        rows: with the cells of rejected rows.
    """
    counts, name = staged.counts, staged.rules.mapping.name
    ends = [(label, getattr(counts, end), meaning) for end, label, meaning in _ENDS]
    return render_page(
        "staged.html",
        f"Staged run of {name}",
        staged=staged,
        name=name,
        connection=connection_name(staged.rules.connection.name),
        counts=counts,
        ends=ends,
        overview=overview,
        rejects=overview.rejects if rows else (),
        options={
            column: {str(order): option for order, option in orders.items()}
            for column, orders in overview.options.items()
        },
        evidence=staged.evidence,
        codes=list_codes((*overview.reasons, *staged.manifest.replaced)),
        made=made,
        nonce="",
    )
