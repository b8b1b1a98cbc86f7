"""Reports as pages: one self-contained HTML file each, from the files in `templates/`.

Owns what is on a page. A page loads nothing, runs nothing and sends
nothing: it has no script, its Content-Security-Policy allows its own style alone, and every value from
a row, a mapping or Opus is text and stays text.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any, Protocol

import jinja2
from markupsafe import Markup, escape

from opusmap import __version__
from opusmap.compiler.explain import map_right_columns
from opusmap.diagnostic_pages import locate_page, summarise
from opusmap.issues import Issue
from opusmap.journal import OPEN_STATES
from opusmap.output_files import File
from opusmap.records import Mapped, Record, Reject
from opusmap.report.chart import HEIGHT, WIDTH, draw_charts, say_duration
from opusmap.report.crosswalk import Line, make_crosswalk
from opusmap.report.destroyed import describe_destroyed
from opusmap.report.earlier_runs import (
    History,
    Retried,
    describe_scope,
    find_retried,
    read_history,
    scale_bars,
)
from opusmap.report.gone_records import GoneGroup, sort_gone
from opusmap.report.later_rows import LaterRows, read_later
from opusmap.report.later_runs import Later, LaterRuns, find_page_with_cells, find_pages
from opusmap.report.page_templates import read_templates, shown
from opusmap.report.provenance import Evidence
from opusmap.report.rejected_rows import RejectedRows, find_wrong_cells, is_edited, read_rows
from opusmap.report.row_places import describe_source, find_places
from opusmap.report.status import count_attention, describe_status, is_rehearsal, list_needs, name_opus
from opusmap.report.summary import ENDS, explain_end, label_end
from opusmap.report.timeline import FEWEST_SPANS, read_timeline
from opusmap.sources.changes import describe_state

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.journal import Journal, JournalRecord, Run

OPEN_ENDS = 1000
"""Records that Opus did not take that are shown at most."""
_FOOT = 500
"""Characters at the foot of printed sheets."""
_SENTENCE = 4000
"""Characters of a sentence that are shown at most."""
_FOLDER = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class End:
    """Where rows ended: its name, how many, what it means; `share` is its part of all rows."""

    name: str
    label: str
    count: int
    meaning: str
    share: float


@dataclass(frozen=True, slots=True)
class Related:
    """What a page says of other runs.

    `retried` is what the run sent again, if it is a retry; then `source` says where all rows are of the run
    that read the source. `later` is what later runs made of its rows, and `rows` of each of them; `pages`
    are the addresses of the pages of its retries and of the runs that it retried, by their numbers, as far as
    they can be followed; `links` are those of all runs that the page names. `cells` is the address of an
    earlier page of the run that shows cells of rejected rows, or "". `edited`: the file of rejects was
    changed after the run. `gone` are the records that were absent from its source. `destroyed` says how many
    records were marked as destroyed since. `history` are the runs before it, if the page shows them.
    """

    retried: Retried | None = None
    later: Later | None = None
    rows: LaterRows = field(default_factory=LaterRows)
    pages: Mapping[int, str] = field(default_factory=dict)
    cells: str = ""
    source: str = ""
    edited: bool = False
    links: Mapping[int, str] = field(default_factory=dict)
    gone: tuple[GoneGroup, ...] = ()
    destroyed: str = ""
    history: History | None = None


def write_run(
    journal: Journal,
    run: Run,
    *,
    rows: bool = True,
    earlier: bool = False,
    nonce: str = "",
    path: Path | None = None,
) -> str:
    """Return the page of a run that the journal knows.

    Args:
        journal: which knows the run.
        run: the run.
        rows: with the cells of rejected rows.
        earlier: with the runs before it of the same mapping and connection.
        nonce: what the page's style carries where the answer of a server permits only that.
        path: where the page will be, if it is to link to others in that folder.
    """
    evidence = Evidence.of_run(journal, run)
    found = islice(journal.records(run, *OPEN_STATES), OPEN_ENDS + 1)
    open_ends, more = list(found), 0
    if len(open_ends) > OPEN_ENDS:
        open_ends.pop()
        more = sum(1 for _ in journal.records(run, *OPEN_STATES)) - OPEN_ENDS
    rejected = read_rows(evidence) if rows else RejectedRows(missing="Rows were left out of this page.")
    history = read_history(journal, run) if earlier else None
    return render_run(
        run,
        evidence,
        open_ends,
        rejected,
        datetime.now(UTC),
        more_open_ends=more,
        related=_relate(journal, run, evidence, path, history, keys=rows),
        nonce=nonce,
    )


def _relate(
    journal: Journal,
    run: Run,
    evidence: Evidence,
    path: Path | None,
    history: History | None,
    *,
    keys: bool,
) -> Related:
    retried, since = find_retried(journal, run, evidence), LaterRuns(journal, run.id)
    later, rows = read_later(since, run, keys=keys)
    numbers = [] if retried is None else [*retried.before]
    if later is not None:
        numbers += [*later.retries, *([later.whole[0]] if later.whole else [])]
    name = PurePath(run.mapping).name
    source, rejects = describe_source(journal, evidence), evidence.find("rejects")
    edited = rejects is not None and is_edited(rejects)
    gone = sort_gone(journal, run, evidence, rows)
    destroyed = describe_destroyed(journal, run, later)
    related = Related(
        retried,
        later,
        rows,
        source=source,
        edited=edited,
        gone=gone,
        destroyed=destroyed,
        history=history,
    )
    if path is None:
        return related
    cells = find_page_with_cells(path.parent, run.id, name)
    is_other = keys and cells and cells != path.name
    named = {*numbers, *(row.run for row in rows.rows.values() if row.run is not None)}
    named |= {past.run.id for past in history.runs} if history else set()
    links = find_pages(path.parent, sorted(named - {run.id}), name)
    pages = {number: links[number] for number in numbers if number in links}
    return replace(related, pages=pages, cells=cells if is_other else "", links=links)


def render_run(
    run: Run,
    evidence: Evidence,
    open_ends: Sequence[JournalRecord],
    rejected: RejectedRows,
    made: datetime,
    *,
    more_open_ends: int = 0,
    related: Related | None = None,
    nonce: str = "",
) -> str:
    """Return the page of one run.

    Args:
        run: the journal's run.
        evidence: what the run left for its report.
        open_ends: the records that Opus did not take, as far as no later run has sent them again.
        rejected: the rejected rows that may be shown.
        made: when the page is made, with a zone.
        more_open_ends: how many open ends were left out.
        related: what other runs have to do with it.
        nonce: see `write_run`.
    """
    step, spans = read_timeline(evidence.timeline or {})
    ends, rehearsal = _ends(run.counts, name_opus(run)), is_rehearsal(run)
    related = related or Related()
    retried, later, history = related.retried, related.later, related.history
    places = find_places(run, evidence, later, related.rows)
    name = PurePath(run.mapping).name
    connection = evidence.find("connection")
    return render_page(
        "run.html",
        f"{'Rehearsal, run' if rehearsal else 'Run'} {run.id} of {name}",
        run=run,
        name=name,
        connection="" if connection is None else connection_name(connection.path),
        rehearsal=rehearsal,
        opus=name_opus(run),
        status=describe_status(run, evidence, later, 0 if places is None else places.older),
        needs=list_needs(run, evidence, later, related.rows),
        attention=count_attention(run.counts),
        evidence=evidence,
        ends=ends,
        total=sum(end.count for end in ends),
        read=run.counts.get("read", 0),
        bar=_stack(ends),
        charts=draw_charts(step, spans) if len(spans) >= FEWEST_SPANS else (),
        step=step,
        spans=spans,
        open_ends=open_ends,
        more_open_ends=more_open_ends,
        rejected=rejected,
        history=history,
        retried=retried,
        later=later,
        later_rows=related.rows,
        source_places=related.source,
        edited=related.edited,
        places=places,
        cells=related.cells,
        gone=related.gone,
        destroyed=related.destroyed,
        source_name="" if (source := _find_source(evidence)) is None else PurePath(source.path).name,
        sources={line.target: line.sources for line in evidence.crosswalk.lines},
        most_open=OPEN_ENDS,
        scope=describe_scope(run, retried, later),
        pages=related.pages,
        links=related.links,
        codes=list_codes((*(history.reasons if history else ()), *(retried.reasons if retried else ()))),
        stacks={} if history is None else _stack_runs(history),
        made=made,
        nonce=nonce,
    )


def _find_source(evidence: Evidence) -> File | None:
    """Return the file in which a row is to be corrected that has a record: of a retry, its own rejects."""
    return evidence.find("source" if evidence.rows_of is None else "rejects")


def connection_name(path: str) -> str:
    """Return the name of a connection's file as people call the connection."""
    return PurePath(path).name.removesuffix(".connection.json").removesuffix(".json")


def _stack_runs(history: History) -> dict[int, list[tuple[str, float, float]]]:
    """Return the bar of totals of each run, by its number, in hundredths of the longest one."""
    scales = scale_bars(history.runs)
    return {
        past.run.id: [
            (name, round(start * scales[past.run.id], 3), round(part * scales[past.run.id], 3))
            for name, start, part in _stack(_ends(past.run.counts, name_opus(past.run)))
        ]
        for past in history.runs
    }


def render_preview(
    mapper: Mapper, source: str, rows: Iterable[tuple[Mapping[str, Any], Mapped]], made: datetime
) -> str:
    """Return the page that shows rows beside what becomes of them."""
    lines = {line.target: line for line in make_crosswalk(mapper.plan).lines}
    pairs = list(rows)
    described = [
        {
            "place": place,
            "number": mapped.row,
            "values": values,
            "kind": _KINDS.get(type(mapped), ""),
            "mapped": mapped,
            "wrong": _wrong_cells(mapped, values, lines),
            "right": map_right_columns(mapper, mapped, values) if isinstance(mapped, Reject) else None,
        }
        for place, (values, mapped) in enumerate(pairs, 1)
    ]
    name = PurePath(mapper.spec.path).name
    return render_page(
        "preview.html",
        f"Preview of {name}",
        mapper=mapper,
        name=name,
        connection=connection_name(mapper.connection.path),
        source=source,
        rows=described,
        columns=[plan.column for plan in mapper.plan.columns],
        options=_name_options(mapper),
        codes=list_codes(problem for _, mapped in pairs for problem in _told(mapped)),
        made=made,
        nonce="",
    )


def _told(mapped: Mapped) -> Sequence[Issue[str]]:
    """Return the problems of a reject, or those that a record's replaced values had."""
    if isinstance(mapped, Reject):
        return mapped.problems
    return mapped.replaced if isinstance(mapped, Record) else ()


class _Coded(Protocol):
    @property
    def code(self) -> str: ...


def list_codes(found: Iterable[_Coded]) -> list[str]:
    """Return each code that has a meaning, once: the list that a code on the page leads to."""
    return sorted({one.code for one in found if summarise(one.code)})


_KINDS: Mapping[type[Mapped], str] = {Record: "record", Reject: "reject"}


def _wrong_cells(mapped: Mapped, values: Mapping[str, Any], lines: Mapping[str, Line]) -> dict[str, bool]:
    """Return the source columns that a reject's problems are about; True for one that is certainly wrong."""
    problems = mapped.problems if isinstance(mapped, Reject) else ()
    return find_wrong_cells(((one.place, one.code) for one in problems), values, lines)


def _name_options(mapper: Mapper) -> dict[str, dict[str, str]]:
    """Return by internal name what the orders of choice columns mean: `2` is the option `Deed`."""
    base = mapper.spec.target.choice_base
    return {
        name: {str(order): option for order, option in enumerate(choices.options, base)}
        for name, choices in mapper.plan.context.choices.items()
    }


def _ends(counts: Mapping[str, int], opus: str) -> list[End]:
    read = counts.get("read", 0)
    return [
        End(
            name,
            label_end(name),
            counts.get(name, 0),
            explain_end(name, opus),
            counts.get(name, 0) / read if read else 0.0,
        )
        for name in ENDS
    ]


def _stack(ends: Iterable[End]) -> list[tuple[str, float, float]]:
    """Return name, start and width of each part of the bar of totals, in hundredths of its length."""
    found, start = [], 0.0
    for end in ends:
        if end.count:
            found.append((end.name, round(start * 100, 3), round(end.share * 100, 3)))
            start += end.share
    return found


def render_page(template: str, subject: str, **values: Any) -> str:
    """Return a page of one of the templates; `subject` is what its printed sheets say at their foot."""
    foot = f"@page {{ @bottom-left {{ content: {_css_text(subject)}; }} }}\n"
    style = (_FOLDER / "style.css").read_text("utf-8") + foot
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return (
        _templates()
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


def _css_text(text: str) -> str:
    """Return a text as a string of CSS that contains only letters, digits and escapes."""
    escaped = (char if char.isascii() and char.isalnum() else f"\\{ord(char):x} " for char in text[:_FOOT])
    return f'"{"".join(escaped)}"'


@cache
def _templates() -> jinja2.Environment:
    filters: dict[str, Callable[..., Any]] = {
        "near": _near,
        "breakable": _breakable,
        "linked": _linked,
        "local": _local,
        "utc": _utc,
        "duration": say_duration,
        "option": _option,
        "address": locate_page,
    }
    return read_templates(_FOLDER, filters, lines=True)


def _near(path: str, mapping: str) -> str:
    """Return a path relative to the mapping's folder, as it is if it is elsewhere.

    Rejects, which have the mapping's name, are beside it; their path is whole, so that they are found again.
    """
    own = PurePath(path)
    folder = PurePath(mapping).parent
    if own.is_absolute() and not folder.is_absolute() and own.name.startswith(f"{PurePath(mapping).stem}."):
        return own.name
    return own.relative_to(folder).as_posix() if own.is_relative_to(folder) else path


def _breakable(path: str) -> Markup:
    """Return a path that is broken behind a `/` before it is broken within a name."""
    return Markup("<wbr>").join(re.split(r"(?<=[/\\\\])", shown(path)))


_RUNS = re.compile(r"\bruns? (\d+(?:(?:, | and )\d+)*)", re.IGNORECASE)
"""Where a sentence names runs: `run 2`, `runs 2, 3 and 5`."""


def _linked(sentence: str, links: Mapping[int, str]) -> Markup:
    """Return a sentence in which each run that has a page leads to it; all else is still text."""

    def link(found: re.Match[str]) -> str:
        page = links.get(int(re.sub(r"\D", "", found[0])))
        return found[0] if page is None else Markup('<a href="{}">{}</a>').format(page, found[0])

    def link_all(found: re.Match[str]) -> str:
        return link(found) if found[1].isdigit() else re.sub(r"\d+", link, found[0])

    text = sentence if isinstance(sentence, Markup) else escape(shown(sentence, _SENTENCE))
    return Markup(_RUNS.sub(link_all, text))  # noqa: S704 - escaped above


def _utc(value: float | datetime) -> str:
    return _moment(value).strftime("%Y-%m-%d %H:%M:%S UTC")


def _local(value: float | datetime) -> str:
    """Return a moment by this machine's clock, with its offset; "" where that is UTC."""
    local = _moment(value).astimezone()
    if not local.utcoffset():
        return ""
    offset = local.strftime("%z")
    return f"{local:%Y-%m-%d %H:%M:%S} (UTC{offset[:3]}:{offset[3:5]})"


def _moment(value: float | datetime) -> datetime:
    moment = value if isinstance(value, datetime) else datetime.fromtimestamp(value, UTC)
    return moment.astimezone(UTC)


def _option(value: Any, options: Mapping[str, str]) -> str:
    """Return the options that a value of a choice column means: `Deed`, or several; "" if it has none."""
    elements = value if isinstance(value, list) else str(value).strip("[]").replace(";", ",").split(",")
    names = [options.get(str(element).strip(), "") for element in elements]
    return ", ".join(names) if all(names) else ""
