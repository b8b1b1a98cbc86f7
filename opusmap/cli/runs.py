"""The commands about runs: submit, retry, report."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from opusmap.cli.confirm import YES, confirm_overwrite, print_host
from opusmap.cli.journals import (
    edited_rejects,
    find_journal,
    find_runs,
    pick_run,
    read_subject,
    rejects_now,
)
from opusmap.cli.options import (
    CONCURRENCY,
    FAULTS,
    MAPPING,
    SOURCE,
    TO,
    common,
    custom,
    example,
    html_option,
    note_old_option,
    open_mapping,
    print_rejects_note,
    read_faults,
    registry,
    reject_writer,
    set_up,
    write_html,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    import httpx

    from opusmap.emulator import FaultPlan, SeededFaults
    from opusmap.journal import Journal, Run
    from opusmap.rejects import RejectWriter
    from opusmap.report import Report
    from opusmap.run.open import Work
    from opusmap.run.submit import MaxErrors
    from opusmap.settings import Settings

__all__ = ["report", "retry", "submit"]


@click.command(
    epilog=example(
        "opusmap submit mapping.yaml --to emulator",
        "opusmap submit mapping.yaml export.csv --concurrency 16",
    )
)
@MAPPING
@SOURCE
@TO
@FAULTS
@CONCURRENCY
@click.option("--limit", type=click.IntRange(1), help="Records to send at most: a first few.")
@click.option(
    "--resend", is_flag=True, help="Send all records, also those that Opus accepted before as they are now."
)
@click.option("--full", is_flag=True, hidden=True)
@click.option("--max-errors", help="Stop when more rows than this are rejected or failed: 100, or 5%.")
@click.option("--rejects", help="File for the rejects, in the source's shape.  [default: beside the mapping]")
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Number of mapping processes.  [default: one more as soon as mapping fills this one's core]",
)
@YES
@custom
@common
def submit(
    mapping: str,
    source: str | None,
    to: str,
    faults: str | None,
    concurrency: int,
    limit: int | None,
    max_errors: str | None,
    rejects: str | None,
    workers: int | None,
    converters: tuple[str, ...],
    *,
    resend: bool,
    full: bool,
    yes: bool,
    as_json: bool,
    quiet: bool,
    verbose: int,
) -> int:
    """Send the records of a source to Opus.

    Where Opus is and how to sign in comes from OPUSMAP_* settings, in the environment or in a `.env`
    file beside the mapping: OPUSMAP_DATA_CENTER (or OPUSMAP_BASE_URL and OPUSMAP_TOKEN_URL),
    OPUSMAP_CLIENT_ID, OPUSMAP_CLIENT_SECRET (or OPUSMAP_CLIENT_SECRET_FILE, or OPUSMAP_CERTIFICATE).
    `--to emulator` needs none.
    """
    set_up(verbose)
    if full:
        note_old_option("--full", "--resend")
    plan = _plan(to, faults)
    limits = _max_errors(max_errors)
    # What is missing there is told before a long look at the source.
    settings = _settings(mapping) if plan is None else None
    work = open_mapping(mapping, source, converters, quiet=quiet or as_json)
    return _run(
        work,
        _target(work, settings, plan, yes=yes, quiet=quiet),
        reject_writer(work, rejects, None, "run" if plan is None else "rehearsal"),
        as_json=as_json,
        quiet=quiet,
        concurrency=concurrency,
        limit=limit,
        resend=resend or full,
        max_errors=limits,
        workers=workers,
        converters=converters,
    )


@click.command(
    epilog=example(
        "opusmap retry mapping.yaml", "opusmap retry mapping.yaml mapping.run-3.rejects.csv --to emulator"
    )
)
@MAPPING
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@TO
@FAULTS
@CONCURRENCY
@click.option("--run", "number", type=click.IntRange(1), help="Only what is still open of this run.")
@click.option("--rejects", help="File for what is rejected again.  [default: beside the mapping]")
@YES
@custom
@common
def retry(
    mapping: str,
    file: str | None,
    to: str,
    faults: str | None,
    concurrency: int,
    number: int | None,
    rejects: str | None,
    converters: tuple[str, ...],
    *,
    yes: bool,
    as_json: bool,
    quiet: bool,
    verbose: int,
) -> int:
    """Send again what was rejected and has been fixed in FILE, or what Opus refused.

    FILE is a file of rejects that a run wrote: fix its cells and leave its columns. Without FILE, it is the
    file of the latest run, if that was edited. Otherwise, and with --run, the rows of the mapping's source
    are sent again whose records Opus refused, or whose answer was lost.
    """
    from opusmap.run.history import keys_to_retry
    from opusmap.run.open import open_corrected_rejects

    set_up(verbose)
    plan = _plan(to, faults)
    if file is not None and number is not None:
        raise click.UsageError("--run is about rows of the mapping's source; FILE has its own")
    if file is None and to == "emulator":
        raise click.UsageError("the embedded emulator keeps no journal; pass a corrected rejects FILE")
    if file is None and number is None:
        file = edited_rejects(mapping, _settings(mapping), quiet=quiet)
    if file is None:
        work = open_mapping(mapping, None, converters, quiet=quiet or as_json)
    else:
        work = open_corrected_rejects(mapping, file, registry(converters))
    settings = _settings(mapping) if plan is None else None
    where = _target(work, settings, plan, yes=yes, quiet=quiet)
    only = None if file else keys_to_retry(work.mapper, where.settings, number)
    writer = reject_writer(work, rejects, None, "run" if plan is None else "rehearsal")
    return _run(
        work,
        where,
        writer,
        as_json=as_json,
        quiet=quiet,
        converters=converters,
        concurrency=concurrency,
        only=only,
    )


@dataclass(frozen=True)
class _Target:
    """Where records go: the settings, what carries requests instead of the network, and the faults there."""

    settings: Settings
    transport: httpx.AsyncBaseTransport | None = None
    faults: SeededFaults | None = None


def _settings(mapping: str) -> Settings:
    from opusmap.settings import load_settings

    return load_settings({}, os.environ, Path(mapping).parent)


def _plan(to: str, faults: str | None) -> FaultPlan | None:
    if to == "emulator":
        return read_faults(faults)
    if faults is not None:
        raise click.UsageError("--faults are the emulator's; add --to emulator")
    return None


def _target(
    work: Work, settings: Settings | None, plan: FaultPlan | None, *, yes: bool, quiet: bool
) -> _Target:
    if settings is not None:
        if not quiet:
            print_host(settings)
        confirm_overwrite(work, settings, yes=yes)
        return _Target(settings)
    assert plan is not None
    from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus

    emulator, settings = embedded_opus(work.mapper)
    return _Target(settings, EmbeddedTransport(emulator), emulator.follow(plan))


def _run(
    work: Work,
    target: _Target,
    writer: RejectWriter,
    *,
    as_json: bool,
    quiet: bool,
    workers: int | None = None,
    converters: tuple[str, ...] = (),
    **options: Any,
) -> int:
    """Submit, print what became of it, and return the exit code; `options` are those of `SubmitOptions`."""
    from opusmap.cli.logs import log_error
    from opusmap.cli.output import (
        describe_no_rows,
        print_changes,
        print_json,
        print_note,
        print_reasons,
        print_replaced,
        print_totals,
    )
    from opusmap.cli.progress import progress_line
    from opusmap.cli.signals import stopped_by_signals
    from opusmap.run.parallel import Workers
    from opusmap.run.submit import SubmitOptions, submit_stream

    with (
        work.source,
        writer,
        stopped_by_signals() as on_start,
        progress_line("submitting", work.source, quiet=quiet or as_json) as progress,
        Workers(workers, converters) as processes,
    ):
        chosen = SubmitOptions(transport=target.transport, workers=processes, **options)
        stop = asyncio.Event()
        reports = submit_stream(work, target.settings, chosen, writer, stop)
        report = _read(reports, stop, on_start, progress)
    if as_json:
        print_json({**report.as_json(), "rejects": str(writer.path) if writer.count else None})
    elif not quiet:
        print_totals(report, sent=True)
        only = options.get("only")
        if report.stopped is None and (only is not None or not report.read):
            print_note(
                describe_no_rows(work.source) if only is None else _describe_open(only, report.read, work)
            )
        print_reasons("Rejected rows, by column and reason", report.reasons, work.place)
        print_replaced(report.replaced, work.place)
        if writer.count:
            print_note(f"rejects: {writer.path}")
        if target.faults is not None and target.faults.met:
            met = sorted(target.faults.met.items(), key=lambda pair: -pair[1])
            print_note("faults: " + ", ".join(f"{kind} {count}" for kind, count in met))
    print_rejects_note(writer)
    print_changes(report.source_changed)
    if report.stopped is not None:
        log_error(report.stopped)
        return report.stopped.exit_code
    return 0 if report.clean else 1


def _read(
    reports: AsyncIterator[Report],
    stop: asyncio.Event,
    on_start: Callable[[Callable[[], object], Callable[[], object]], None],
    progress: Callable[[Report], None],
) -> Report:
    """Show a run's reports as they come; return the last one. Signals stop the run, or cancel it."""
    from opusmap.report import Report

    async def read() -> Report:
        loop, main, report = asyncio.get_running_loop(), asyncio.current_task(), Report()
        assert main is not None
        on_start(lambda: loop.call_soon_threadsafe(stop.set), lambda: loop.call_soon_threadsafe(main.cancel))
        async with aclosing(reports):  # type: ignore[type-var]
            async for now in reports:
                if now.journal_note != report.journal_note:
                    _warn(now.journal_note.removeprefix(report.journal_note).removeprefix(". "))
                report = now
                progress(report)
        return report

    try:
        return asyncio.run(read())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


def _describe_open(keys: frozenset[str], read: int, work: Work) -> str:
    """Return what `retry` without a file found, so that totals of zero are not taken for a success."""
    if not keys:
        return (
            "nothing was to be sent again: the journal knows no record that Opus refused, or left unanswered"
        )
    if read < len(keys):
        gone = len(keys) - read
        return (
            f"{gone} of {len(keys)} records that were to be sent again are not in {work.source.name} any more"
        )
    return f"{len(keys)} records were to be sent again"


def _warn(sentence: str) -> None:
    from opusmap.cli.logs import log

    log(f"warning: {sentence}", logging.WARNING)


def _max_errors(text: str | None) -> MaxErrors | None:
    from opusmap.run.submit import MaxErrors

    if text is None:
        return None
    number = text.removesuffix("%")
    if not (number.isascii() and number.isdigit()):
        raise click.BadParameter(
            "give a number of rows such as 100, or a share such as 5%", param_hint="--max-errors"
        )
    return MaxErrors(share=int(number) / 100) if text.endswith("%") else MaxErrors(count=int(number))


@click.command(
    epilog=example(
        "opusmap report",
        "opusmap report contracts/mapping.yaml --run 3",
        "opusmap report 3 --html run-3.html",
    )
)
@click.argument("subject", metavar="[MAPPING]", required=False)
@click.option(
    "--run", "number", type=click.IntRange(1), help="One run. A number in place of MAPPING is one, too."
)
@click.option(
    "--journal",
    type=click.Path(dir_okay=False),
    help="The journal.  [default: OPUSMAP_JOURNAL, or in MAPPING's folder or this one]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object on standard output.")
@html_option("Write a page about the run, or about the latest.  [default: opusmap-run-N.html]")
@click.option("--no-rows", is_flag=True, help="Leave the cells of rejected rows out of the page.")
@click.option(
    "--prune",
    metavar="DAYS",
    type=click.IntRange(1),
    help="Forget the row keys and reasons of runs that ended so many days ago, and remove their rejects.",
)
def report(
    subject: str | None,
    number: int | None,
    journal: str | None,
    html: str | None,
    prune: int | None,
    *,
    as_json: bool,
    no_rows: bool,
) -> int:
    """Show the runs of MAPPING, or all that this folder's journal knows; or one, and what failed and why.

    With --html it writes one page to look at, print and sign: totals, timeline, rejects, crosswalk,
    hashes. The page loads nothing. It shows cells of rejected rows, unless --no-rows is given.
    """
    from opusmap.cli.output import print_changes, print_json, print_replaced, print_run, print_runs
    from opusmap.cli.pruning import prune as forget_runs
    from opusmap.journal import Journal
    from opusmap.report import Evidence

    mapping, number = read_subject(subject, number)
    if prune is not None and (number is not None or html is not None):
        raise click.UsageError("--prune is about all old runs; it takes neither a run nor --html")
    path = find_journal(mapping, journal)
    if prune is not None:
        forget_runs(path, prune, mapping, as_json=as_json)
        return 0
    with Journal.open(path, write=False) as opened:
        runs = find_runs(opened, mapping)
        if number is None and html is not None:
            if not runs:
                raise click.UsageError("the journal knows no run yet" + (f" of {mapping}" if mapping else ""))
            number = runs[0].id
        if number is None:
            if as_json:
                print_json({"runs": [_run_facts(run) for run in runs]})
            else:
                print_runs(runs)
            return 0
        found = pick_run(runs, number, mapping)
        if html is not None:
            _write_page(opened, found, html, rows=not no_rows)
        open_ends = _open_ends(opened, found)
        evidence = Evidence.read(opened.evidence(found))
        rejects, edited = rejects_now(evidence, path.parent)
        if as_json:
            facts = {
                **_run_facts(found),
                "replaced": [asdict(reason) for reason in evidence.replaced],
                "source_changed": [asdict(change) for change in evidence.source_changed],
                "rejects": rejects or None,
                "journal_note": evidence.journal_note or None,
            }
            print_json({**facts, "records": open_ends})
        elif html is None:
            print_run(
                found, open_ends, rejects + (" (edited since)" if edited else ""), evidence.journal_note
            )
            print_replaced(evidence.replaced)
            print_changes(evidence.source_changed)
    return 0


def _write_page(journal: Journal, run: Run, html: str, *, rows: bool) -> None:
    from opusmap.report.pages import write_run

    write_html(write_run(journal, run, rows=rows), html or f"opusmap-run-{run.id}.html")


def _open_ends(journal: Journal, run: Run) -> list[dict[str, Any]]:
    """Return the records of a run that Opus did not take, as far as no later run has sent them again."""
    from opusmap.journal import State

    return [
        {"row": one.row, "key": one.key, "state": one.state.value, "reason": one.reason}
        for one in journal.records(run, State.FAILED, State.UNCERTAIN, State.PENDING)
    ]


def _run_facts(run: Run) -> dict[str, Any]:
    return {
        "run": run.id,
        "mapping": run.mapping,
        "connection": run.connection,
        "origin": run.origin,
        "started": _iso(run.started),
        "finished": None if run.finished is None else _iso(run.finished),
        "ending": run.ending or ("unfinished" if run.finished is None else ""),
        "counts": dict(run.counts),
    }


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
