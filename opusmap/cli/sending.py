"""Shared by `submit` and `retry`: where records go, the question before they overwrite, what is printed."""

from __future__ import annotations

import logging
import os
import sys
from dataclasses import dataclass, field, replace
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import click

from opusmap.cli.logs import log, log_error
from opusmap.cli.next_step import Given, next_of_filtered, next_of_rehearsal, print_next
from opusmap.cli.options import (
    ALL,
    Command,
    OneOf,
    Output,
    common,
    custom,
    print_rejects_note,
    read_faults,
    reject_writer,
)
from opusmap.cli.output import (
    print_changes,
    print_json,
    print_note,
    print_nothing_done,
    print_state,
)
from opusmap.cli.progress import progress_line
from opusmap.cli.signals import stopped_by_signals
from opusmap.cli.summary import print_summary, reject_reasons, replaced_reasons
from opusmap.cli.terminal import write_error
from opusmap.errors import BUG_EXIT_CODE, OpusmapError, OpusUnavailable, SettingsError, StoppedEarly

if TYPE_CHECKING:
    from collections.abc import Callable

    from opusmap.emulator import FaultPlan
    from opusmap.operations import RunWatch
    from opusmap.rejects import RejectWriter
    from opusmap.report import Report
    from opusmap.run.open import Work
    from opusmap.run.submit import SubmitOptions
    from opusmap.run.target import Target
    from opusmap.settings import Settings


def print_host(settings: Settings) -> None:
    """Print which hosts are asked, and as which client, before the first request to them."""
    from opusmap.run.target import describe_host

    print_note(describe_host(settings))


def confirm_overwrite(conflict: str, connection: str, source: str, settings: Settings, *, yes: bool) -> None:
    """Ask once, before records of a connection may be overwritten for the first time, by the journal.

    An Opus on this machine is an emulator, so no question is asked.

    Raises:
        StoppedEarly: the user declines.
        SettingsError: there is no terminal to ask at.
    """
    from opusmap.run.history import is_first_overwrite

    if yes or settings.is_local or not is_first_overwrite(conflict, connection, settings):
        return
    what = f"the first run that may overwrite records of connection {connection} at {settings.base_url}"
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingsError(
            "--yes",
            f"this is {what}, and there is no terminal on which to confirm it",
            "run it once by hand and check the result, or add --yes",
        )
    lines = (
        f"According to the journal {settings.journal}, this is {what}.",
        f"Records in Opus that have a row key of {source} are replaced.",
        "(`--to emulator` rehearses it; `--limit 5` sends the first five.)",
    )
    write_error("\n".join(lines))
    if not click.confirm("Go on?", err=True):
        raise StoppedEarly("nothing was sent")


_OPTIONS = (
    click.option(
        "--to",
        type=OneOf(["opus", "emulator"]),
        default="opus",
        show_default=True,
        help="Where records go.",
    ),
    click.option(
        "--faults", help="With `--to emulator`: none, mild, harsh, a file, or name=value,…  [default: none]"
    ),
    click.option(
        "--concurrency", default=8, show_default=True, type=click.IntRange(1, 128), help="Requests in flight."
    ),
    ALL,
    click.option("--yes", is_flag=True, help="Don't ask before the first run that overwrites records."),
)


def _make_watch() -> RunWatch:
    from opusmap.operations import RunWatch

    return RunWatch()


@dataclass(frozen=True, slots=True)
class SendingOutput(Output):
    """The options that `submit` and `retry` share: what is printed, how records are sent; and who watches."""

    to: str
    faults: str | None
    concurrency: int
    rejects: str | None
    yes: bool
    every: bool
    converters: tuple[str, ...]
    watch: RunWatch = field(init=False, repr=False, default_factory=_make_watch)


def sending(command: Command) -> Command:
    """Add the options that sending has, and those of every command with a result; see `SendingOutput`.

    The command's run is reported as OPUSMAP_METRICS and OPUSMAP_WEBHOOK say, but for rehearsals.
    """
    command = custom(common(_watched(command), SendingOutput))
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def _watched(command: Command) -> Command:
    """Report the end of a command's run, also of one that an error kept from beginning."""

    @wraps(command)
    def run(mapping: str | None, out: SendingOutput, **values: Any) -> int:
        from opusmap.operations.telemetry import is_asked_for
        from opusmap.settings import Outlets, load_outlets

        outlets, watch = Outlets(), out.watch
        if out.to == "opus":
            outlets = replace(load_outlets(os.environ), telemetry=is_asked_for(os.environ))
        watch.start(outlets, command.__name__, mapping or str(values["staged"]))
        try:
            code = int(command(mapping=mapping, out=out, **values))
        except click.ClickException:
            raise  # a mistake in the command, which a person sees at once
        except OpusmapError as error:
            watch.end(error.exit_code, type(error).__name__)
            raise
        except (click.Abort, KeyboardInterrupt):
            watch.end(StoppedEarly.exit_code, "KeyboardInterrupt")
            raise
        except Exception as error:
            watch.end(BUG_EXIT_CODE, type(error).__name__)
            raise
        stopped = watch.status.report.stopped
        watch.end(code, "" if stopped is None else type(stopped).__name__)
        return code

    return cast("Command", run)


def fault_plan(out: SendingOutput) -> FaultPlan | None:
    """Return the plan of the embedded emulator's faults; None if records go to Opus."""
    if out.to == "emulator":
        return read_faults(out.faults)
    if out.faults is not None:
        raise click.UsageError("--faults needs --to emulator")
    return None


def open_target(work: Work, settings: Settings | None, plan: FaultPlan | None, out: SendingOutput) -> Target:
    """Return where records go: to Opus, after its host is shown, or to an emulator with its faults."""
    from opusmap.run.target import Target, make_rehearsal

    if settings is not None:
        if not out.quiet:
            print_host(settings)
        mapper = work.mapper
        confirm_overwrite(mapper.spec.conflict, mapper.connection.id, work.source.name, settings, yes=out.yes)
        return Target(settings)
    assert plan is not None
    return make_rehearsal(work.mapper, plan)


def send(work: Work, target: Target, options: SubmitOptions, out: SendingOutput, given: Given) -> int:
    """Submit by `options` and those in `out`; print what became of the rows, and return the exit code."""
    import asyncio

    from opusmap.run.parallel import Workers
    from opusmap.run.target import describe_where, find_exit_code, run_submit

    if out.as_json and work.source.checkpoints is not None:
        raise click.UsageError("--json prints on standard output, where a tap's state goes; leave --json out")
    out.watch.begin(work.mapper.connection.id)
    writer = reject_writer(work, out.rejects, None, "rehearsal" if target.is_rehearsal else "run")
    with (
        work.source,
        writer,
        options.workers or Workers(None, out.converters) as workers,
        stopped_by_signals() as on_start,
        progress_line("submitting", work.source, quiet=out.silent) as progress,
    ):
        chosen = replace(options, concurrency=out.concurrency, workers=workers)
        note = note_reports(out.watch, progress)
        try:
            report = run_submit(work, target, chosen, writer, note, on_start)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if out.as_json:
        print_json({**report.as_json(), "rejects": str(writer.path) if writer.count else None})
    elif not out.quiet:
        _print_report(work, target, report, options.only, every=out.every)
        if writer.count:
            print_note(f"rejects: {writer.path}")
        print_faults(target)
    print_rejects_note(writer)
    print_changes(report.source_changed)
    if report.stopped is not None:
        log_error(report.stopped)
    if not out.silent:
        print_note(describe_where(target, report))
        if target.is_rehearsal:
            print_note(_NO_REPORT.format(served=given.command("emulator", source=False)))
        else:
            _print_corrections(work, report)
    why, command = _choose_next(target, report, options, given, writer, work)
    is_to_edit = writer.count and str(writer.path) in why
    if is_to_edit and not out.silent and not target.is_rehearsal:  # which no journal knows
        page = Given(given.mapping).command("report", "--run", str(report.run), "--html")
        print_note(f"Before you edit {writer.path}, write the page that shows its wrong cells: {page}")
    print_next(out, why, command)
    return find_exit_code(report)


def _print_corrections(work: Work, report: Report) -> None:
    """Print of a retry that the source lacks the corrections that were sent."""
    from opusmap.rejects import RejectsSource

    if isinstance(work.source, RejectsSource) and report.submitted:
        print_note(_CORRECT_SOURCE.format(file=Path(work.source.name).name))


_NO_REPORT = "No report is kept: to get one, first start `{served}`."
_CORRECT_SOURCE = (
    "Only {file} has these corrections. Correct the source as well; otherwise the next submit rejects "
    "these rows again, or sends their old cells if the mapping accepts them."
)


def _choose_next(
    target: Target,
    report: Report,
    options: SubmitOptions,
    given: Given,
    writer: RejectWriter,
    work: Work,
) -> tuple[str, str]:
    """Return what to do after a run, and the command."""
    rehearsal = target.is_rehearsal
    to = ("--to", "emulator") if rehearsal else ()
    resumed = given.command("retry" if options.only is not None else "submit", *to)
    if report.stopped is not None and report.stopped.exit_code == OpusUnavailable.exit_code:
        return "find out why Opus can't be used", given.command(
            "check", "--no-source", "--online", source=False
        )
    if report.stopped is not None:
        return ("rehearse again from the start" if rehearsal else "go on where it stopped"), resumed
    if report.all_filtered and options.only is None:
        return next_of_filtered(given)
    if writer.count:
        return _next_of_rejects(report, given, writer, work, to)
    if report.failed or report.uncertain:
        if rehearsal:
            return "rehearse again", resumed
        words = () if report.run is None else ("--run", str(report.run))
        return "send again what is still open", given.command("retry", *words, source=False)
    if rehearsal:
        return next_of_rehearsal(given)
    if options.limit is not None and report.submitted + report.unchanged >= options.limit:
        return "send the rest", given.command("submit")
    why = "read the report" if target.settings.is_local else "read and sign the report"
    return why, Given(given.mapping).command("report", "--html")


def _next_of_rejects(
    report: Report, given: Given, writer: RejectWriter, work: Work, to: tuple[str, ...]
) -> tuple[str, str]:
    """Return what to do after a run that wrote rejects, and the command; `to` is where a rehearsal sends.

    Of rejected rows that have a record, a retry may have sent a correction: the source has the mistake still.
    """
    from opusmap.rejects import RejectsSource

    named = (str(writer.path),) if to else ()
    retry = given.command("retry", *named, *to, source=False)
    in_opus = 0 if isinstance(work.source, RejectsSource) else report.rejected_in_opus
    others = writer.count - in_opus - report.rejected_deleted
    if not in_opus and not report.rejected_deleted:
        return f"fix the rows in {writer.path} and {'rehearse' if to else 'send'} them", retry
    if not in_opus and not others:
        it = "row that was" if writer.count == 1 else "rows that were"
        why = f"exclude the {it} deleted from an earlier rejects file by `where`, and check"
        return why, given.command("check")
    rows = "row that has a record" if in_opus == 1 else f"{in_opus:,} rows that have records"
    where = work.source.name if Path(work.source.name).is_file() else "the source"
    if not others:
        return f"in {where}, correct the {rows}, and send it again", given.command("submit")
    rest, it = ("row", "it") if others == 1 else (f"{others:,} rows", "them")
    first = f"in {where}, correct the {rows}; " if in_opus else ""
    return f"{first}in {writer.path}, fix the other {rest}, and send {it}", retry


def _print_report(
    work: Work, target: Target, report: Report, only: frozenset[str] | None, *, every: bool
) -> None:
    from opusmap.run.target import describe_open

    beside = work.source.checkpoints is not None  # standard output is for the states of a tap
    sections = reject_reasons(report, work.place), replaced_reasons(report.replaced, work.place)
    below = 5 if target.is_rehearsal else 4
    print_summary(report, sections, sent=True, every=every, stderr=beside, below=below)
    if report.stopped is None:
        if only is not None:
            print_note(describe_open(only, report.read, work))
        else:
            print_nothing_done(work, report)
            if report.rejected_in_opus:
                from opusmap.report.status import describe_rejected_in_opus

                print_note(describe_rejected_in_opus(report.rejected_in_opus))
            if report.rejected_deleted:
                from opusmap.report.status import describe_rejected_deleted

                print_note(describe_rejected_deleted(report.rejected_deleted))
            if report.gone is not None and report.gone.records:
                advice = report.gone.advise(target.opus)
                print_note(f"{report.gone.describe()}; nothing was deleted. {advice}")


def print_faults(target: Target) -> None:
    """Print which faults the emulator of a rehearsal made, the most frequent first."""
    if target.faults is not None and target.faults.met:
        met = sorted(target.faults.met.items(), key=lambda pair: -pair[1])
        print_note("faults: " + ", ".join(f"{kind} {count}" for kind, count in met))


def note_reports(watch: RunWatch, progress: Callable[[Report], None]) -> Callable[[Report], None]:
    """Return what takes a run's reports: it shows totals, and logs what is new about the journal."""
    journal_note = state = ""

    def note(now: Report) -> None:
        nonlocal journal_note, state
        if now.journal_note != journal_note:
            news = now.journal_note.removeprefix(journal_note).removeprefix(". ")
            log(f"warning: {news}", logging.WARNING)
        if now.state != state:
            print_state(now.state)
        journal_note, state = now.journal_note, now.state
        watch.note(now)
        progress(now)

    return note
