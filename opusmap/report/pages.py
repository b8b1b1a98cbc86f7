"""Reports as pages: one self-contained HTML file each, from the files in `templates/`.

Owns what stands on a page and how values are shown. A page loads nothing, runs nothing and sends
nothing: it has no script, its Content-Security-Policy allows its own style alone, and every value from
a row, a mapping or Opus is text and stays text. The rows behind a report's rejects are read back from the
file that the run wrote, as far as it is unchanged: the journal keeps row numbers alone.
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jinja2
from markupsafe import Markup

from opusmap import __version__
from opusmap.errors import SourceError
from opusmap.journal import OPEN_STATES
from opusmap.output_files import File, hash_file
from opusmap.records import Mapped, Record, Reject
from opusmap.rejects.corrected import is_neutralised, part_row
from opusmap.report.chart import HEIGHT, WIDTH, draw_charts, say_duration
from opusmap.report.provenance import Evidence
from opusmap.report.timeline import read_timeline
from opusmap.sources import open_source
from opusmap.sources.changes import describe_state

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.journal import Journal, JournalRecord, Run

ROWS = 1000
"""Rejected rows that are shown at most."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected row as it was read, with what was wrong in it, in words."""

    number: int
    key: str
    error: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """Rejected rows by number, and (if any are not there) why, as a sentence."""

    rows: Mapping[int, RejectedRow] = field(default_factory=dict)
    missing: str = ""


def read_rows(evidence: Evidence, limit: int = ROWS) -> RejectedRows:
    """Return the rows that the reasons of a run name, as far as its file of rejects is still as it was."""
    wanted = {row for reason in evidence.reasons for row in reason.rows}
    file = evidence.find("rejects")
    if not wanted:
        return RejectedRows()
    if file is None:
        return RejectedRows(missing="The run wrote no file of rejects, so only row numbers are known.")
    now = hash_file("rejects", file.path)
    if now is None:
        return RejectedRows(missing=f"{file.path} is not there any more, so only row numbers are known.")
    if now != file:
        return RejectedRows(
            missing=f"{file.path} was changed after the run, so its rows would be no evidence: "
            "only row numbers are shown."
        )
    try:
        return _read(file, wanted, limit)
    except SourceError as error:
        return RejectedRows(missing=f"{file.path} can't be read: {error}")


def _read(file: File, wanted: set[int], limit: int) -> RejectedRows:
    rows: dict[int, RejectedRow] = {}
    with open_source(file.path) as source:
        neutralised = is_neutralised(source)
        for row in source.rows():
            if isinstance(row, Reject):
                continue
            values, (number, key, _, _, error) = part_row(row.values, neutralised=neutralised)
            if not (number.isascii() and number.isdigit()) or int(number) not in wanted:
                continue
            if len(rows) >= limit:
                return RejectedRows(rows, f"Only {limit:,} rows are shown; all of them are in {file.path}.")
            rows[int(number)] = RejectedRow(int(number), key, error, values)
    return RejectedRows(rows)


OPEN_ENDS = 1000
"""Records that Opus did not take that are shown at most."""
_CUT = 500
"""Characters of a value that are shown at most."""
_JOINERS = "\u200c\u200d"
"""Invisible characters that words and emojis are written with; others are shown by their numbers."""

_FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class End:
    """Where rows ended: its name, how many, what it means; `share` is its part of all rows."""

    name: str
    label: str
    count: int
    meaning: str
    share: float


_MEANINGS = (
    ("submitted", "Submitted", "Opus took the record"),
    ("unchanged", "Unchanged", "Opus took it before, just as it is"),
    ("filtered", "Filtered", "the mapping's “where” excludes the row"),
    ("rejected", "Rejected", "the row can't become a record"),
    ("failed", "Failed", "Opus refused the record"),
    ("uncertain", "Uncertain", "nobody can say whether Opus took it; it will be sent again"),
    ("not_sent", "Not sent", "the run ended before its turn"),
)


def write_run(journal: Journal, run: Run, *, rows: bool = True) -> str:
    """Return the page of a run that the journal knows; `rows`: with the cells of rejected rows."""
    evidence = Evidence.read(journal.evidence(run))
    found = islice(journal.records(run, *OPEN_STATES), OPEN_ENDS + 1)
    open_ends, more = list(found), 0
    if len(open_ends) > OPEN_ENDS:
        open_ends.pop()
        more = sum(1 for _ in journal.records(run, *OPEN_STATES)) - OPEN_ENDS
    rejected = read_rows(evidence) if rows else RejectedRows(missing="Rows were left out of this page.")
    return render_run(run, evidence, open_ends, rejected, datetime.now(UTC), more_open_ends=more)


def render_run(
    run: Run,
    evidence: Evidence,
    open_ends: Sequence[JournalRecord],
    rejected: RejectedRows,
    made: datetime,
    *,
    more_open_ends: int = 0,
) -> str:
    """Return the page of one run.

    Args:
        run: the journal's run.
        evidence: what the run left for its report.
        open_ends: the records that Opus did not take, as far as no later run has sent them again.
        rejected: the rejected rows that may be shown.
        made: when the page is made, with a zone.
        more_open_ends: how many open ends were left out.
    """
    step, spans = read_timeline(evidence.timeline or {})
    ends = _ends(run.counts)
    return _render(
        "run.html",
        run=run,
        evidence=evidence,
        ends=ends,
        total=sum(end.count for end in ends),
        read=run.counts.get("read", 0),
        bar=_stack(ends),
        charts=draw_charts(step, spans),
        step=step,
        spans=spans,
        open_ends=open_ends,
        more_open_ends=more_open_ends,
        rejected=rejected,
        made=made,
    )


def render_preview(
    mapper: Mapper, source: str, rows: Iterable[tuple[Mapping[str, Any], Mapped]], made: datetime
) -> str:
    """Return the page that shows rows beside what becomes of them."""
    names = {column.internal_name: column.display_name for column in mapper.connection.columns}
    shown = [
        {
            "number": mapped.row,
            "values": values,
            "kind": _KINDS.get(type(mapped), ""),
            "mapped": mapped,
        }
        for values, mapped in rows
    ]
    return _render("preview.html", mapper=mapper, source=source, rows=shown, names=names, made=made)


_KINDS: Mapping[type[Mapped], str] = {Record: "record", Reject: "reject"}


def _ends(counts: Mapping[str, int]) -> list[End]:
    read = counts.get("read", 0)
    return [
        End(name, label, counts.get(name, 0), meaning, counts.get(name, 0) / read if read else 0.0)
        for name, label, meaning in _MEANINGS
    ]


def _stack(ends: Iterable[End]) -> list[tuple[str, float, float]]:
    """Return name, start and width of each part of the bar of totals, in hundredths of its length."""
    found, start = [], 0.0
    for end in ends:
        if end.count:
            found.append((end.name, round(start * 100, 3), round(end.share * 100, 3)))
            start += end.share
    return found


def _render(template: str, **values: Any) -> str:
    style = (_FOLDER / "style.css").read_text("utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _environment()
        .get_template(template)
        .render(
            style=Markup(style),  # noqa: S704 - our own file
            digest=digest,
            version=__version__,
            width=WIDTH,
            height=HEIGHT,
            describe_state=describe_state,
            **values,
        )
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {"shown": _shown, "number": _number, "moment": _moment, "duration": say_duration}
    return environment


def _shown(value: Any, limit: int = _CUT) -> str:
    """Return any value as a text to be looked at: what can't be seen is written as its number."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(
        char if char.isprintable() or char in "\n\t" + _JOINERS else char.encode("unicode_escape").decode()
        for char in cut
    )


def _number(value: float) -> str:
    return f"{value:,}"


def _moment(value: float | datetime | None) -> str:
    if value is None:
        return "not yet"
    moment = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
