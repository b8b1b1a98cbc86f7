"""`opusmap submit --staged`: sends a staged run, whose mapping and connection are in its manifest."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opusmap.cli.logs import log_error
from opusmap.cli.next_step import print_next
from opusmap.cli.output import print_json, print_note
from opusmap.cli.progress import progress_line
from opusmap.cli.sending import (
    SendingOutput,
    confirm_overwrite,
    fault_plan,
    note_reports,
    print_faults,
    print_host,
)
from opusmap.cli.signals import stopped_by_signals
from opusmap.cli.summary import print_summary, reject_reasons, replaced_reasons
from opusmap.errors import OpusUnavailable
from opusmap.wording import counted, show_command

if TYPE_CHECKING:
    from collections.abc import Mapping

    from opusmap.report import Report
    from opusmap.run.target import Target
    from opusmap.staging import StagedRun


def refuse_with_staged(given: Mapping[str, object]) -> None:
    """Refuse arguments and options (by name, with their values) that a staged run leaves no room for.

    Raises:
        click.UsageError: one was given.
    """
    for name, value in given.items():
        if value not in (None, False, ()):
            why = (
                "its mapping and source are those that it was made of"
                if name in ("MAPPING", "SOURCE")
                else "its records are ready, and all of them are sent"
            )
            raise click.UsageError(f"--staged and {name} can't be combined: {why}")


def submit_staged(address: str, out: SendingOutput, *, resend: bool) -> int:
    """Send a staged run; print what became of its records, and return the exit code."""
    import asyncio

    from opusmap.run.submit import SubmitOptions
    from opusmap.run.target import Target, describe_where, find_exit_code, make_staged_rehearsal, run_staged
    from opusmap.settings import load_settings
    from opusmap.staging import open_staged

    plan = fault_plan(out)
    settings = load_settings({}, os.environ, Path.cwd()) if plan is None else None
    staged = open_staged(address)
    if settings is not None:
        if not out.quiet:
            print_host(settings)
        confirm_overwrite(staged.spec.conflict, staged.connection.id, staged.name, settings, yes=out.yes)
        target = Target(settings)
    else:
        assert plan is not None
        target = make_staged_rehearsal(staged, plan)
    out.watch.begin(staged.connection.id)
    with (
        stopped_by_signals() as on_start,
        progress_line("sending", None, quiet=out.silent) as progress,
    ):
        options = SubmitOptions(concurrency=out.concurrency, resend=resend)
        try:
            report = run_staged(staged, target, options, note_reports(out.watch, progress), on_start)
        except asyncio.CancelledError:
            raise KeyboardInterrupt from None
    if out.as_json:
        print_json(report.as_json())
    elif not out.quiet:
        sections = reject_reasons(report, _no_place), replaced_reasons(report.replaced, _no_place)
        print_summary(report, sections, sent=True, every=out.every, below=4)
        _print_parts(staged, report)
        print_faults(target)
    if report.stopped is not None:
        log_error(report.stopped)
    if not out.silent:
        print_note(describe_where(target, report))
        print_next(out, *_choose_next(address, target, report))
    return find_exit_code(report)


def _no_place(row: int, _column: str) -> str:
    return f"row {row}"


def _print_parts(staged: StagedRun, report: Report) -> None:
    shared = report.shared
    assert shared is not None
    own = shared.own
    mine = sum(own[name] for name in ("submitted", "unchanged", "failed", "uncertain"))
    print_note(
        f"parts: {shared.done} of {len(staged.parts)} done; of the records, this process dealt with "
        f"{mine:,}, in {counted(own['requests'], 'request')}"
    )


def _choose_next(address: str, target: Target, report: Report) -> tuple[str, str]:
    """Return what to do after sending, and the command."""
    to = ("--to", "emulator") if target.is_rehearsal else ()
    again = show_command("submit", "--staged", address, *to)
    run = "" if report.run is None else str(report.run)
    if report.stopped is not None and report.stopped.exit_code == OpusUnavailable.exit_code:
        return "find out why Opus can't be used, and go on", again
    if report.stopped is not None:
        return ("rehearse again from the start" if target.is_rehearsal else "go on where it stopped"), again
    if report.uncertain:
        return "send again what is still open", again
    if target.is_rehearsal:
        return "send it", show_command("submit", "--staged", address)
    if report.failed:
        return "see which records Opus refused, and why", show_command("report", run)
    why = "read the report" if target.settings.is_local else "read and sign the report"
    return why, show_command("report", run, "--html")
