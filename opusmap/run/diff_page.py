"""What a run would change as a page that can be read and printed: totals, columns, and the first records."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import PurePath

from opusmap.report.pages import render_page
from opusmap.run.differences import MEANINGS, TITLES, Diff, Kind, describe_notes

MOST = 1000
"""Records of each kind on a page, at most: a CSV file or a workbook has all of them."""


def render_diff(found: Diff, mapping: str, origin: str) -> str:
    """Return the page of what a run of a mapping would change; `origin` is that of Opus."""
    name = PurePath(mapping).name
    return render_page(
        "diff.html",
        f"What a run of {name} would change",
        name=name,
        diff=found,
        kinds=tuple(Kind),
        meanings=MEANINGS,
        titles=TITLES,
        notes=describe_notes(found, origin),
        made=datetime.now(UTC),
        nonce="",
    )
