"""`opusmap retry`: sends corrected rejects, or what Opus refused, again."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opusmap.cli.help import command
from opusmap.cli.logs import log
from opusmap.cli.next_step import Given, print_next
from opusmap.cli.options import MAPPING, open_mapping, read_settings, registry
from opusmap.cli.output import print_json, print_note
from opusmap.cli.sending import SendingOutput, fault_plan, open_target, send, sending
from opusmap.errors import SettingsError
from opusmap.wording import show_command

if TYPE_CHECKING:
    from opusmap.run.history import FoundRejects
    from opusmap.run.open import Work
    from opusmap.settings import Settings


@command(
    "Send corrected rejects, or records that Opus refused, again",
    "opusmap retry mapping.yaml",
    "opusmap retry mapping.yaml mapping.run-3.rejects.csv --to emulator",
)
@MAPPING
@click.argument("file", required=False, type=click.Path(dir_okay=False))
@click.option("--run", "number", type=click.IntRange(1), help="Only the open records of this run.")
@click.option("--rejects", help="File for rows that are rejected again.  [default: beside the mapping]")
@sending
def retry(mapping: str, file: str | None, number: int | None, out: SendingOutput) -> int:
    """Send again the rejected rows that you corrected in FILE, or the records that Opus refused.

    FILE is a file of rejects that a run wrote: fix its cells and leave its columns. Without FILE, it is the
    file of the latest run (of the latest rehearsal with --to emulator), if that was edited. Otherwise, and
    with --run, the rows of the mapping's source are sent again whose records Opus refused, or whose
    answer was lost.
    """
    from opusmap.run.history import find_rejects
    from opusmap.run.open import open_corrected_rejects
    from opusmap.run.submit import SubmitOptions

    plan = fault_plan(out)
    if file is not None and number is not None:
        raise click.UsageError("--run selects rows of the mapping's source; FILE has its own")
    if file is not None:
        _refuse_missing(mapping, Path(file))
    if plan is not None:
        file = _choose_rehearsed(mapping, file, number, quiet=out.quiet)
    settings = _read_settings(mapping, file) if plan is None else None
    found = None
    if file is None and number is None and settings is not None:
        found = find_rejects(mapping, settings)
        file = None if found is None or found.why_not else str(found.path)
        if found is not None and file is not None and not out.quiet:
            log(f"sending the rows of {file}, the rejects of run {found.run}, as they were edited")
    if file is None:
        work = open_mapping(mapping, None, out.converters, out)
    else:
        work = open_corrected_rejects(mapping, file, registry(out.converters))
    only = None
    if file is None and settings is not None:
        with ExitStack() as opened:  # an error must not leave the source's file open
            opened.callback(work.source.close)
            only = _find_open(work, settings, number, found, quiet=out.quiet)
            opened.pop_all()
        if not only:
            return _end_without_run(work, out)
    target = open_target(work, settings, plan, out)
    return send(work, target, SubmitOptions(only=only), out, Given(mapping, file, out.converters))


def _refuse_missing(mapping: str, file: Path) -> None:
    """Refuse a file of rejects that is not there; say whether a run without rejects removed it.

    Raises:
        SettingsError: it is not.
    """
    from opusmap.journal.last_run import LastRun
    from opusmap.run.history import list_rejects

    if file.exists():
        return
    if LastRun(mapping).was_removed(file):
        raise _no_rejects_any_more(mapping, file)
    found = list_rejects(Path(mapping))
    there = f"the latest is {found[0]}" if found else f"there is none beside {mapping}"
    help_text = f"name a file of rejects that a run wrote; {there}"
    raise SettingsError(str(file), "there is no such file", help_text)


def _no_rejects_any_more(mapping: str, file: Path) -> SettingsError:
    """Return the error of a retry of rejects that opusmap removed, because a later run had none."""
    is_rehearsal = ".rehearsal.rejects" in file.name
    run = "the latest rehearsal" if is_rehearsal else "a later run"
    return SettingsError(
        str(file),
        f"{run} rejected no row, so there are no rejects any more, and opusmap removed this file",
        f"to send all rows: `{show_command('submit', mapping)}`",
    )


def _find_open(
    work: Work, settings: Settings, number: int | None, found: FoundRejects | None, *, quiet: bool
) -> frozenset[str]:
    """Return the keys of records that Opus did not accept; log why the latest file of rejects is not sent.

    Raises:
        SettingsError: there are none, and the file of rejects waits for corrections.
    """
    from opusmap.run.history import keys_to_retry

    mapping = work.mapper.spec.path
    only = keys_to_retry(work.mapper, settings, number)
    if not only and number is not None:
        found = _find_rejects_of(mapping, settings, number, quiet=quiet)
    if not only and found is not None and found.awaits_edit:
        words = () if number is None else (str(found.path),)
        again, whole = show_command("retry", mapping, *words), show_command("submit", mapping)
        raise _ask_for_corrections(found.path, f"run {found.run}", again, whole, found.edited)
    if number is None and found is not None and not quiet:
        log(f"note: {'. '.join(filter(None, (found.why_not, found.edited)))}")
    return only


def _read_settings(mapping: str, file: str | None) -> Settings:
    """Return the settings; where they are missing, the error says how to rehearse the rejects without them.

    Raises:
        SettingsError: as `read_settings`.
    """
    from opusmap.settings import REHEARSE_INSTEAD

    try:
        return read_settings(mapping)
    except SettingsError as error:
        rejects = file or _find_latest(mapping, "rehearsal*.rejects.*")
        if rejects is None and not error.help.endswith(REHEARSE_INSTEAD):
            raise
        meant = show_command("submit", mapping, "--to", "emulator")
        rows = "to rehearse all rows without it"
        if rejects is not None:
            meant = show_command("retry", mapping, str(rejects), "--to", "emulator")
            rows = f"to rehearse the rows of {rejects}, once you have corrected them"
        hint = f"{error.help.removesuffix(REHEARSE_INSTEAD)}; {rows}: `{meant}`"
        raise SettingsError(error.setting, error.problem, hint) from None


def _find_latest(mapping: str, pattern: str) -> Path | None:
    """Return the newest of the mapping's files of rejects that match a pattern."""
    path = Path(mapping)
    found = [one for one in path.parent.glob(f"*.{pattern}") if one.name.startswith(f"{path.stem}.")]
    return max(found, key=lambda one: one.stat().st_mtime, default=None)


def _advise_rehearsal(mapping: str) -> str:
    """Return what to do where a rehearsal is to be retried: it keeps no journal of what was refused."""
    whole = show_command("submit", mapping, "--to", "emulator")
    latest = _find_latest(mapping, "rejects.*")
    file = "FILE" if latest is None else str(latest)
    named = show_command("retry", mapping, file, "--to", "emulator")
    return (
        "a rehearsal keeps no journal, so nothing is known that could be sent again. "
        f"To rehearse all rows: `{whole}`. To rehearse rejects that you have corrected: `{named}`"
    )


def _choose_rehearsed(mapping: str, file: str | None, number: int | None, *, quiet: bool) -> str:
    """Return the file to rehearse: FILE, or that of the latest rehearsal if a person corrected it.

    Raises:
        click.UsageError: there is none, or a run's number was given.
        SettingsError: nothing in that of the latest rehearsal was corrected.
    """
    from opusmap.journal.last_run import LastRun

    named = Path(file) if file is not None else _find_latest(mapping, "rehearsal.rejects*")
    memory = LastRun(mapping)
    if named is None and number is None:
        for path in memory.rejects():
            if ".rehearsal.rejects" in path.name and memory.was_removed(path):
                raise _no_rejects_any_more(mapping, path)
    if named is None or number is not None:
        raise click.UsageError(_advise_rehearsal(mapping))
    is_as_written = memory.is_as_written(named)
    if file is None and is_as_written:
        again = show_command("retry", mapping, "--to", "emulator")
        whole = show_command("submit", mapping, "--to", "emulator")
        raise _ask_for_corrections(named, "the rehearsal", again, whole)
    if not quiet and is_as_written:
        log(f"note: nothing in {named} was corrected since opusmap wrote it; its rows are mapped again")
    elif not quiet and file is None:
        log(f"rehearsing the rows of {named}, the rejects of the latest rehearsal, as they were edited")
    return str(named)


def _find_rejects_of(mapping: str, settings: Settings, run: int, *, quiet: bool) -> FoundRejects | None:
    """Return the file of rejects of one run; log how its rows are sent, for --run sends none of them."""
    from opusmap.run.history import find_rejects

    found = find_rejects(mapping, settings, run)
    if found is not None and not found.awaits_edit and not quiet:
        named = show_command("retry", mapping, str(found.path))
        log(f"note: {found.why_not or f'{found.path} was edited: `{named}` sends its rows'}")
    return found


def _end_without_run(work: Work, out: SendingOutput) -> int:
    """Say that nothing is to be sent again, and make no run of it; return the exit code."""
    from opusmap.report import Report
    from opusmap.run.target import describe_open

    with work.source:
        if out.as_json:
            print_json({**Report().as_json(), "rejects": None})
        elif not out.quiet:
            print_note(describe_open(frozenset(), 0, work))
            command = show_command("report", work.mapper.spec.path, "--html")
            print_next(out, "read what the latest run came to", command)
    return 0


def _ask_for_corrections(path: Path, run: str, again: str, whole: str, edited: str = "") -> SettingsError:
    """Return the error of a retry that has nothing to send, for nothing was corrected since the run.

    `again` retries this file, where a later run may have written another; `whole` sends all rows. `edited`
    is a sentence about an older file that was edited, or "".
    """
    first = f"{edited}. To send the rows of {path}, " if edited else ""
    return SettingsError(
        str(path),
        f"no cell in it was corrected since {run} wrote it, so nothing was sent",
        f"{first}correct the cells that its column _error_column names, save it there, and run "
        f"`{again}` again; if the mistake is in the source or the mapping, fix it there and run `{whole}`",
    )
