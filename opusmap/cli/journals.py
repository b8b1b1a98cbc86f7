"""What `report` and `retry` look for first: the journal of a mapping, its runs, its latest rejects."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from opusmap.cli.logs import log
from opusmap.wording import quote_value

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run
    from opusmap.report import Evidence
    from opusmap.settings import Settings

__all__ = ["edited_rejects", "find_journal", "find_runs", "pick_run", "read_subject", "rejects_now"]


def read_subject(subject: str | None, run: int | None) -> tuple[Path | None, int | None]:
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
        raise click.UsageError(
            f"there is no mapping {quote_value(subject)}; name its file, or a run by its number"
        )
    return mapping, run


def find_journal(mapping: Path | None, given: str | None) -> Path:
    """Return where the journal is that `submit` uses for a mapping, or in this folder.

    Raises:
        JournalError: it is not there; what is known of it is said.
    """
    from opusmap.errors import JournalError
    from opusmap.journal.last_run import LastRun, describe_run
    from opusmap.settings import locate_journal

    folder = Path.cwd() if mapping is None else mapping.parent
    path = locate_journal({"journal": given}, os.environ, folder)
    if os.path.lexists(path):
        return path
    before = None if mapping is None else LastRun(mapping).latest()
    if before is not None:
        raise JournalError(
            str(path),
            f"there is no journal here, though {mapping} had a run ({describe_run(before)})",
            "name it with --journal or OPUSMAP_JOURNAL, or restore it from a backup; if it is lost, the next "
            "`opusmap submit` begins a new one and sends every record once more",
        )
    help_text = "name the journal with --journal or OPUSMAP_JOURNAL; the first `opusmap submit` makes it"
    if mapping is None and given is None:
        help_text = f"name the mapping: `opusmap report path/to/mapping.yaml`; or {help_text}"
    raise JournalError(str(path), "there is no journal here", help_text)


def find_runs(journal: Journal, mapping: Path | None) -> tuple[Run, ...]:
    """Return the runs of a mapping against its connection, the latest first; of all mappings for None."""
    from opusmap.compiler import read_mapping
    from opusmap.errors import OpusmapError

    runs = journal.runs()
    if mapping is None:
        return runs
    try:
        connection = read_mapping(mapping)[1].id
    except OpusmapError:  # what happened is asked of mappings with errors, too
        connection = None
    return tuple(
        run for run in runs if Path(run.mapping).name == mapping.name and connection in (None, run.connection)
    )


def pick_run(runs: Sequence[Run], number: int, mapping: Path | None) -> Run:
    """Return the run with this number.

    Raises:
        click.UsageError: there is none.
    """
    found = next((run for run in runs if run.id == number), None)
    if found is None:
        known = f"the latest is {runs[0].id}" if runs else "it knows none"
        whose = "" if mapping is None else f" of {mapping}"
        raise click.UsageError(f"the journal knows no run {number}{whose}; {known}")
    return found


def rejects_now(evidence: Evidence, folder: Path) -> tuple[str, bool]:
    """Return where a run's file of rejects is ("" if it is nowhere), and whether it was edited since."""
    from opusmap.cli.output import describe_path
    from opusmap.output_files import find_file, hash_file

    written = evidence.find("rejects")
    path = None if written is None else find_file(written, folder)
    now = None if path is None else hash_file("rejects", path)
    if written is None or path is None or now is None:
        return "", False
    return describe_path(path), now.sha256 != written.sha256


def edited_rejects(mapping: str, settings: Settings, *, quiet: bool) -> str | None:
    """Return the latest run's file of rejects if a person edited it since; say which it is, or why not."""
    from opusmap.run.history import find_rejects

    found = find_rejects(mapping, settings)
    if found is None:
        return None
    if found.why_not:
        if not quiet:
            log(f"note: {found.why_not}")
        return None
    if not quiet:
        log(f"sending the rows of {found.path}, the rejects of run {found.run}, as they were edited")
    return str(found.path)
