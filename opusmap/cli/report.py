"""`opusmap report`: lists the runs in a journal, or shows the results of one."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.help import command
from opusmap.cli.options import ALL, JOURNAL, Output, common, html_option, note_old_option, write_html
from opusmap.cli.output import describe_trusted, print_changes, print_json, print_note
from opusmap.cli.prune import prune_and_print
from opusmap.cli.staged_report import report_staged
from opusmap.cli.summary import (
    REJECTED_ROWS,
    Finding,
    Section,
    make_reasons,
    print_sections,
    replaced_reasons,
)
from opusmap.cli.terminal import escape, make_console, make_table
from opusmap.wording import counted, quote_value, show_minute, was, write_time

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run
    from opusmap.report import Evidence
    from opusmap.report.earlier_runs import Retried
    from opusmap.report.later_rows import LaterRows
    from opusmap.report.summary import Gone


@command(
    "Show past runs, and what failed in one",
    "opusmap report",
    "opusmap report contracts/mapping.yaml --run 3",
    "opusmap report 3 --html run-3.html",
    "opusmap report --staged run-7",
)
@click.argument("subject", metavar="[MAPPING]", required=False)
@click.option(
    "--run",
    "number",
    type=click.IntRange(1),
    help="Number of a run. A number in place of MAPPING means the same.",
)
@JOURNAL
@click.option(
    "--staged",
    metavar="ADDRESS",
    help="Show what a staged run (folder or address) would send, instead of a run.",
)
@ALL
@html_option("Write an HTML page about the run (by default the latest).  [default: opusmap-run-N.html]")
@click.option("--no-rows", is_flag=True, help="Leave the cells of rejected rows out of the page.")
@click.option("--prune", metavar="DAYS", type=click.IntRange(1), hidden=True)
@common
def report(
    subject: str | None,
    number: int | None,
    journal: str | None,
    staged: str | None,
    html: str | None,
    prune: int | None,
    out: Output,
    *,
    every: bool,
    no_rows: bool,
) -> int:
    """Show the runs of MAPPING, or all runs in this folder's journal; or one run, and what failed and why.

    With --html, write one page to read, print and sign: what needs attention, totals, rejects, crosswalk,
    hashes; without a run's number also the results of earlier runs. The page loads nothing. It shows cells
    of rejected rows, unless --no-rows is given.
    """
    if staged is not None:
        if any(given is not None for given in (subject, number, journal, prune)):
            raise click.UsageError("--staged names a staged run; it takes no mapping, run or journal")
        return report_staged(staged, html, out, every=every, rows=not no_rows)
    from opusmap.journal import OPEN_STATES, open_journal
    from opusmap.report import Evidence
    from opusmap.report.later_rows import read_later
    from opusmap.report.later_runs import LaterRuns
    from opusmap.run.history import find_journal, find_runs

    mapping, number = _read_subject(subject, number)
    if prune is not None:
        _prune(mapping, journal, prune, out, narrowed=number is not None or html is not None)
        return 0
    place = find_journal(mapping, journal, os.environ)
    folder = place.parent if isinstance(place, Path) else Path() if mapping is None else mapping.parent
    with open_journal(place, write=False) as opened:
        runs = find_runs(opened, mapping)
        if number is None and html is None:
            _list_runs(opened, runs, out)
            return 0
        found = _pick_run(runs, number, mapping)
        evidence = Evidence.of_run(opened, found)
        if html is not None:
            from opusmap.report.pages import write_run

            path = html or _name_page(found.id, evidence)
            place_of_page = None if path == "-" else Path(path)
            page = write_run(opened, found, rows=not no_rows, earlier=number is None, path=place_of_page)
            write_html(page, path)
        not_accepted = [
            {"row": one.row, "key": one.key, "state": one.state.value, "reason": one.reason}
            for one in opened.records(found, *OPEN_STATES)
        ]
        rejects, edited = _rejects_now(evidence, folder)
        if out.as_json:
            later, _ = read_later(LaterRuns(opened, found.id), found)
            facts = _all_facts(found, evidence, rejects, not_accepted)
            print_json({**facts, "later": None if later is None else later.as_json()})
        elif html is None:
            rejects += " (edited since)" if edited else ""
            about = _read_run(opened, found, evidence)
            _print_run(found, rejects, evidence, about, any_open=bool(not_accepted))
            sections = _not_accepted(not_accepted), *about.sections
            print_sections(sections, every=every, taken=_LINES_OF_A_RUN + len(about.lines))
            print_changes(evidence.source_changed)
    return 0


def _prune(mapping: Path | None, journal: str | None, days: int, out: Output, *, narrowed: bool) -> None:
    """Do what `prune` does, by its old name."""
    if narrowed:
        raise click.UsageError("--prune is about all old runs; it takes neither a run nor --html")
    note_old_option("report --prune DAYS", "prune --older-than DAYS")
    prune_and_print(mapping, journal, days, out)


def _all_facts(
    run: Run, evidence: Evidence, rejects: str, not_accepted: list[dict[str, Any]]
) -> dict[str, Any]:
    return {
        **_run_facts(run),
        "replaced": [asdict(reason) for reason in evidence.replaced],
        "source_changed": [asdict(change) for change in evidence.source_changed],
        "rejects": rejects or None,
        "journal_note": evidence.journal_note or None,
        "gone": None if evidence.gone is None else asdict(evidence.gone),
        "rejected_in_opus": evidence.rejected_in_opus,
        "rejected_deleted": evidence.rejected_deleted,
        "records": not_accepted,
    }


def _read_subject(subject: str | None, run: int | None) -> tuple[Path | None, int | None]:
    """Return the mapping and the run's number that `report` names; a bare number is a run."""
    if subject is None:
        return None, run
    if subject.isascii() and subject.isdigit():
        if run is not None:
            raise click.UsageError(f"{subject} and --run {run} both name a run; name a mapping, or one run")
        if int(subject) < 1:
            raise click.UsageError("runs are numbered from 1")
        return None, int(subject)
    mapping = Path(subject)
    if not mapping.is_file():
        from opusmap.mapping.yaml_reader import suggest_file

        advice = suggest_file(mapping) or "name its file, or a run by its number"
        raise click.UsageError(f"there is no mapping {quote_value(subject)}; {advice}")
    return mapping, run


def _pick_run(runs: Sequence[Run], number: int | None, mapping: Path | None) -> Run:
    """Return the run with this number, or the latest.

    Raises:
        click.UsageError: there is none.
    """
    found = next((run for run in runs if number in (None, run.id)), None)
    if found is not None:
        return found
    whose = "" if mapping is None else f" of {mapping}"
    if number is None:
        raise click.UsageError(f"the journal contains no runs yet{whose}")
    known = f"the latest is {runs[0].id}" if runs else "it contains no runs"
    raise click.UsageError(f"the journal contains no run {number}{whose}; {known}")


def _rejects_now(evidence: Evidence, folder: Path) -> tuple[str, bool]:
    """Return where a run's file of rejects is ("" if it is nowhere), and whether it was edited since."""
    from opusmap.output_files import find_file, hash_file

    written = evidence.find("rejects")
    path = None if written is None else find_file(written, folder)
    now = None if path is None else hash_file("rejects", path)
    if written is None or path is None or now is None:
        return "", False
    return _describe_path(path), now.sha256 != written.sha256


def _describe_path(path: str | Path) -> str:
    """Return a path as a person would write it: relative to the working directory if it is in it."""
    try:
        return str(Path(path).resolve().relative_to(Path.cwd()))
    except ValueError:
        return str(path)


def _run_facts(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "mapping": run.mapping,
        "connection": run.connection,
        "origin": run.origin,
        "started": write_time(run.started),
        "finished": None if run.finished is None else write_time(run.finished),
        "ending": run.ending or ("unfinished" if run.finished is None else ""),
        "counts": dict(run.counts),
    }


def _list_runs(journal: Journal, runs: Sequence[Run], out: Output) -> None:
    """Print runs, the latest first."""
    from opusmap.report.later_runs import LaterRuns

    if out.as_json:
        print_json({"runs": [_run_facts(run) for run in runs]})
        return
    first = runs[:_LATEST][-1].id if runs else 0
    _print_runs(runs, LaterRuns(journal, first).list_retries())


_LATEST = 100
"""Runs of which the list says whether they are retries at most, the latest ones: it reads what each left."""
_ALWAYS_SHOWN = ("read", "submitted", "unchanged", "rejected")
_SHOWN_IF_ANY = ("failed", "filtered", "uncertain", "not_sent")


def _print_runs(runs: Sequence[Run], retried: Mapping[int, int]) -> None:
    """Print the totals of runs; `retried` has the runs whose rejects a run sent again, by its number."""
    mappings = {run.mapping for run in runs}
    if len(mappings) == 1:
        which = f"Run {runs[0].id}" if len(runs) == 1 else "Runs"
        make_console().print(escape(f"{which} of {runs[0].mapping}"), soft_wrap=True)
    table = make_table(titles=True, gap=1)
    for name in ("run", "started (UTC)", "ending"):
        table.add_column(name, no_wrap=True)
    more = [name for name in _SHOWN_IF_ANY if any(run.counts.get(name) for run in runs)]
    names = [*_ALWAYS_SHOWN, *more]
    for name in names:
        table.add_column(name.replace("_", " "), justify="right", no_wrap=True)
    is_retry = any(run.id in retried for run in runs)
    if is_retry:
        table.add_column("retry of", justify="right", no_wrap=True)
    if len(mappings) > 1:
        table.add_column("mapping", overflow="fold")
    for run in runs:
        cells = [str(run.id), show_minute(run.started), escape(run.ending or "unfinished")]
        cells += [f"{run.counts.get(name, 0):,}" for name in names]
        cells += [f"run {retried[run.id]}" if run.id in retried else ""] if is_retry else []
        table.add_row(*cells, *([escape(run.mapping)] if len(mappings) > 1 else []))
    make_console().print(table)


_LINES_OF_A_RUN = 6
"""Lines that a run's totals, its rejects file and its notes take."""


def _not_accepted(records: Iterable[dict[str, Any]]) -> Section:
    """Return the records of a run that Opus did not accept, each with its reason."""
    found = tuple(Finding(one["row"], (one["key"], one["state"]), one["reason"]) for one in records)
    return Section("Not accepted", ("row", "key", "state"), found, numbered=True)


def _compare(retried: Retried) -> Section:
    """Return why rows were rejected in the run that was retried, and in its retry."""
    found = tuple(
        Finding(one.before, (str(one.after), one.column or "the row", one.code)) for one in retried.reasons
    )
    return Section(
        f"Why rows were rejected in run {retried.run}, and in this retry",
        ("before", "now", "column", "code"),
        found,
    )


def _reasons(evidence: Evidence, rows: LaterRows) -> Section:
    """Return why rows were rejected, with what became of them if that is known."""
    if not rows.rows:
        return make_reasons(REJECTED_ROWS, evidence.reasons)
    found = []
    for reason in evidence.reasons:
        now = ", ".join(f"{len(numbers):,} {fate}" for fate, numbers in rows.group(reason).items())
        found.append(Finding(reason.count, (reason.column or "the row", reason.code, now)))
    return Section(REJECTED_ROWS, ("rows", "column", "code", "now"), tuple(found))


@dataclass(frozen=True, slots=True)
class _AboutRun:
    """Where a run's rows are and what it has to do with other runs, as lines, and why rows were rejected.

    `sent_later`: later runs sent some of the rows. `gone` are records that were absent from its source.
    """

    lines: tuple[str, ...]
    sections: tuple[Section, ...]
    sent_later: bool
    gone: Gone | None


def _read_run(journal: Journal, run: Run, evidence: Evidence) -> _AboutRun:
    """Return what a report shows of a run and of those before and after it.

    Raises:
        JournalError: the journal can't be read.
    """
    from opusmap.report.destroyed import describe_destroyed
    from opusmap.report.earlier_runs import describe_scope, find_retried
    from opusmap.report.later_rows import read_later
    from opusmap.report.later_runs import LaterRuns
    from opusmap.report.row_places import describe_source, find_places

    retried, since = find_retried(journal, run, evidence), LaterRuns(journal, run.id)
    later, rows = read_later(since, run)
    places = find_places(run, evidence, later, rows)
    lines = ["" if retried is None else f"{retried}.", "" if places is None else places.describe()]
    lines += [describe_destroyed(journal, run, later), describe_source(journal, evidence)]
    if later is not None and later.describe():
        lines.append(f"Since then, {later.describe()}.")
    lines += rows.sentences()
    if later is not None and later.whole:
        lines.append(f"{later.describe_whole()}.")
    lines.append(describe_scope(run, retried, later))
    compared = () if retried is None or retried.run is None else (_compare(retried),)
    sections = *compared, _reasons(evidence, rows), replaced_reasons(evidence.replaced)
    gone, named = evidence.gone, rows.name_records()
    if gone is not None:
        gone = replace(gone, rekeyed_keys=tuple(key for key in gone.keys if key in named))
    sent_later = later is not None and later.sent > 0
    return _AboutRun(tuple(filter(None, lines)), sections, sent_later, gone)


def _print_run(
    run: Run,
    rejects: str,
    evidence: Evidence,
    about: _AboutRun,
    *,
    any_open: bool,
) -> None:
    """Print one run's totals, what it has to do with others, its rejects file, and notes."""
    from opusmap.report.status import name_opus

    console = make_console()
    _print_runs([run], {})
    console.print()
    for line in about.lines:
        console.print(escape(line), soft_wrap=True)
    if trusted := run.counts.get("trusted"):
        console.print(describe_trusted(trusted))
    if rejected := run.counts.get("rejected", 0):
        where = f": see {rejects}" if rejects else ""
        rows = f"{counted(rejected, 'row')} {was(rejected)}"
        sent = "" if about.sent_later else ", and not sent"
        console.print(escape(f"{rows} rejected{sent}{where}"), soft_wrap=True)
        _print_page_with_cells(run, evidence)
        if evidence.rejected_in_opus:
            from opusmap.report.status import describe_rejected_in_opus

            console.print(f"{describe_rejected_in_opus(evidence.rejected_in_opus)}.", soft_wrap=True)
        if evidence.rejected_deleted:
            from opusmap.report.status import describe_rejected_deleted

            console.print(f"{describe_rejected_deleted(evidence.rejected_deleted)}.", soft_wrap=True)
    if evidence.journal_note:
        console.print(escape(evidence.journal_note), soft_wrap=True)
    if not any_open:
        console.print(_describe_open_records(run.counts), soft_wrap=True)
    if about.gone is not None and about.gone.records:
        advice = about.gone.advise(name_opus(run))
        console.print(escape(f"{about.gone.describe()}. {advice}"), soft_wrap=True)


def _print_page_with_cells(run: Run, evidence: Evidence) -> None:
    """Print which page shows wrong cells that are not in the file of rejects any more."""
    from opusmap.report.later_runs import find_page_with_cells
    from opusmap.report.rejected_rows import explain_change

    file = evidence.find("rejects")
    page = find_page_with_cells(Path(), run.id, Path(run.mapping).name)
    if page and file is not None and explain_change(file):
        make_console().print(
            f"{page} shows the cells as they were before that file was changed.", soft_wrap=True
        )


def _name_page(number: int, evidence: Evidence) -> str:
    """Return the name for a run's page: another one if the page that exists may show more than a new one.

    Once the rejects file is corrected, the wrong cells are only on a page that was written before.
    """
    from opusmap.report.later_runs import page_name
    from opusmap.report.rejected_rows import explain_change

    name, rejects = page_name(number), evidence.find("rejects")
    if rejects is None or not evidence.reasons or not explain_change(rejects) or not Path(name).exists():
        return name
    later = page_name(number, later=True)
    print_note(f"{name} stays as it is, because it may show wrong cells that are no longer in {rejects.path}")
    return later


def _describe_open_records(counts: Mapping[str, int]) -> str:
    """Return what became of a run's records if the journal has nothing open of it."""
    if "pruned" in counts:
        return "The records of the run were pruned, so only their counts are known."
    if not counts:
        return "The run did not finish. Every record that it sent was accepted, or sent again by a later run."
    if counts.get("not_sent"):
        rest = "Every other was accepted, or sent again by a later run."
        unsent = counts["not_sent"]
        return f"{counted(unsent, 'record')} {was(unsent)} not sent. {rest}"
    if not counts.get("mapped"):
        return "The run made no record."
    return "Every record that the run made was accepted, or sent again by a later run."
