"""Questions before a run: what Opus says to the settings, and what the journal knows of the connection.

Owns asking, and changes nothing: no record is sent, no journal is written.
"""

from __future__ import annotations

import asyncio
import glob
import os
import re
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from opusmap.compiler import Mapper, read_mapping
from opusmap.errors import JournalError, NoJournal, OpusmapError
from opusmap.output_files import File, find_file, hash_file
from opusmap.report import Evidence, Pace, find_pace
from opusmap.settings import JournalPlace, locate_journal
from opusmap.wording import show_command

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run
    from opusmap.opus.probe import Online
    from opusmap.settings import Settings


@dataclass(frozen=True, slots=True)
class FoundRejects:
    """The latest file of rejects that is still there (or the latest run's, which is not), and its run.

    `why_not` says in a sentence why its rows are not to be sent without being asked for; "" if they are.
    `awaits_edit` says that it is the latest run's file, or that of the run asked about, and still as the run
    wrote it. `edited` says in a sentence which older file was edited and not sent, where this one was not
    edited; "" if there is none.
    """

    path: Path
    run: int
    why_not: str = ""
    awaits_edit: bool = False
    edited: str = ""


def check_online(mapper: Mapper, settings: Settings) -> Online:
    """Prove the settings against Opus without sending a record; return what was proved.

    Raises:
        OpusUnavailable: Opus can't be reached, or refuses the sign-in (`SignInError`) or the question.
        SettingsError: the certificate can't be used.
    """
    from opusmap.opus.client import OpusClient  # noqa: PLC0415 - httpx is slow to load
    from opusmap.opus.probe import check_online  # noqa: PLC0415 - slow to load

    async def ask() -> Online:
        async with OpusClient(settings) as client:
            return await check_online(client, mapper.connection.id)

    return asyncio.run(ask())


def is_first_overwrite(conflict: str, connection: str, settings: Settings) -> bool:
    """Return whether a run overwrites records of a connection (by id) as the first that the journal knows.

    A journal that can't be read says nothing here; the run itself will say why.
    """
    from opusmap.journal import open_journal  # noqa: PLC0415 - slow to load

    if conflict != "overwrite" or str(settings.journal) == ":memory:":
        return False
    try:
        with open_journal(settings.journal, write=False) as journal:
            runs = journal.runs_of(settings.base_url, connection)
            return not any(journal.evidence(run).get("conflict") == "overwrite" for run in runs)
    except NoJournal:
        return True
    except JournalError:
        return False


def find_journal(mapping: Path | None, given: str | None, environ: Mapping[str, str]) -> JournalPlace:
    """Return where the journal is that `submit` uses for a mapping, or in the working directory for None.

    A database is not asked whether it has one.

    Args:
        mapping: whose folder may have a `.env` file that names the journal.
        given: the journal's path or address if it is known already.
        environ: the environment's variables.

    Raises:
        JournalError: it is not there; the message says what is known of it.
    """
    from opusmap.journal.last_run import LastRun, describe_run  # noqa: PLC0415 - slow to load

    folder = Path.cwd() if mapping is None else mapping.parent
    path = locate_journal({"journal": given}, environ, folder)
    if not isinstance(path, Path) or os.path.lexists(path):
        return path
    before = None if mapping is None else LastRun(mapping).latest()
    if before is not None:
        raise JournalError(
            str(path),
            f"there is no journal here, though {mapping} had a run ({describe_run(before)})",
            "name it with --journal or OPUSMAP_JOURNAL, or restore it from a backup; if it is lost, the next "
            "`opusmap submit` begins a new one and sends every record again",
        )
    elsewhere = "the journal is elsewhere: name it with --journal or OPUSMAP_JOURNAL"
    if mapping is None and given is None:
        elsewhere = "name the mapping: `opusmap report path/to/mapping.yaml`"
    help_text = (
        "a rehearsal (`--to emulator`) keeps none: to see its report, start "
        f"`opusmap emulator {mapping or 'MAPPING'}` and send to that. If you have sent already, {elsewhere}"
    )
    raise JournalError(str(path), "there is no journal here", help_text)


def find_runs(journal: Journal, mapping: Path | None) -> tuple[Run, ...]:
    """Return the runs of a mapping against its connection, the latest first; of all mappings for None."""
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


def latest_runs(
    mappings: Iterable[Path], environ: Mapping[str, str], most: int
) -> tuple[tuple[Run, Path], ...]:
    """Return the latest runs of some mappings with their mappings, the latest first, as `report` finds them.

    A mapping without a journal, or with one that can't be read, has none.
    """
    from opusmap.journal import open_journal  # noqa: PLC0415 - slow to load

    found: list[tuple[Run, Path]] = []
    journals: dict[JournalPlace, list[Path]] = {}
    for mapping in mappings:
        with suppress(OpusmapError):
            place = find_journal(mapping, None, environ)
            journals.setdefault(place.resolve() if isinstance(place, Path) else place, []).append(mapping)
    for path, its in journals.items():
        with suppress(OpusmapError), open_journal(path, write=False) as journal:
            for mapping in its:
                found += ((run, mapping) for run in find_runs(journal, mapping)[:most])
    # A journal of several mappings of one name, each in its own folder, has a run once.
    return tuple(sorted(found, key=lambda one: (-one[0].started, one[0].id))[:most])


def find_earlier_pace(mapper: Mapper, environ: Mapping[str, str]) -> Pace | None:
    """Return the pace of the mapping's latest run against a real Opus, as its journal tells, or None."""
    from opusmap.journal import open_journal  # noqa: PLC0415 - slow to load

    try:
        path = locate_journal({}, environ, Path(mapper.spec.path).parent)
        if isinstance(path, Path) and not path.is_file():
            return None
        with open_journal(path, write=False) as journal:
            return find_pace(journal.runs(), mapper.connection.id)
    except OpusmapError:  # a journal in use, or settings with a mistake, are not the concern of `check`
        return None


def find_rejects(mapping: str | Path, settings: Settings, number: int | None = None) -> FoundRejects | None:
    """Return the latest file of rejects that a run of a mapping wrote, as far as the journal knows.

    With a `number`, it is that of this run.

    Its rows are to be sent if a person edited it since, no later run of the mapping sent records, and no run
    has read it as it is now.

    Raises:
        JournalError: there is no journal, or it can't be read.
        InvalidMapping: the mapping can't be read.
    """
    from opusmap.journal import open_journal  # noqa: PLC0415 - slow to load

    connection, mapping = read_mapping(mapping)[1], Path(mapping)
    sent, gone = dict[str, int](), None
    with open_journal(settings.journal, write=False) as journal:
        of_connection = journal.runs_of(settings.base_url, connection.id)
        runs = [one for one in of_connection if Path(one.mapping).name == mapping.name]
        newest = number or next((one.id for one in runs if _read_any(one)), 0)
        latest = next((one.id for one in runs if _sent_any(one)), 0)
        for at, run in enumerate(runs):
            evidence = Evidence.read(journal.evidence(run))
            if number not in (None, run.id):
                sent |= {file.sha256: run.id for file in evidence.files if file.role == "source"}
                continue
            written = evidence.find("rejects")
            path = find_file(written, mapping.parent) if written else _find_by_name(mapping, run.id)
            now = None if path is None else hash_file("rejects", path)
            if path is None or now is None:
                sent |= {file.sha256: run.id for file in evidence.files if file.role == "source"}
                if written is not None and run.id == newest:
                    why = (
                        f"the rejects of run {run.id} are not at {written.path} any more: if the file was "
                        f"moved or renamed, name it: `opusmap retry {mapping} FILE`"
                    )
                    gone = FoundRejects(Path(written.path), run.id, why)
                continue
            is_as_written = written is not None and now.sha256 == written.sha256
            why_not = _why_not(mapping, path, written, now, run.id, latest, sent)
            edited = ""
            if is_as_written and number is None:
                sent |= {file.sha256: run.id for file in evidence.files if file.role == "source"}
                edited = _find_edited(journal, mapping, runs[at + 1 :], latest, sent)
            return FoundRejects(path, run.id, why_not, is_as_written and run.id == newest, edited)
    return gone


def _find_edited(
    journal: Journal, mapping: Path, runs: Iterable[Run], latest: int, sent: dict[str, int]
) -> str:
    """Return which is the latest file of rejects of some runs that was edited and that no run has read so."""
    for run in runs:
        evidence = Evidence.read(journal.evidence(run))
        written = evidence.find("rejects")
        path = find_file(written, mapping.parent) if written else None
        now = None if path is None else hash_file("rejects", path)
        if written and path and now and now.sha256 != written.sha256 and now.sha256 not in sent:
            why_not = _why_not(mapping, path, written, now, run.id, latest, sent)
            by_name = show_command("retry", str(mapping), str(path))
            return why_not or f"{path} was edited: `{by_name}` sends it"
        sent |= {file.sha256: run.id for file in evidence.files if file.role == "source"}
    return ""


def _read_any(run: Run) -> bool:
    """Return whether a run has read rows; one that was killed did not count them."""
    return not run.counts or bool(run.counts.get("read"))


def _sent_any(run: Run) -> bool:
    """Return whether a run may have sent records; one that was killed did not count them."""
    return not run.counts or any(run.counts.get(name) for name in ("submitted", "failed", "uncertain"))


def _why_not(
    mapping: Path, path: Path, written: File | None, now: File, run: int, latest: int, sent: dict[str, int]
) -> str:
    by_name = f"`opusmap retry {mapping} {path}` sends it"
    if written is None:
        return f"run {run} did not finish, so it is not known whether {path} was edited: {by_name}"
    if now.sha256 == written.sha256:
        return (
            f"{path}, the rejects of run {run}, was not edited, so its rows are not sent: fix its cells, "
            f"or fix the source or the mapping and run `opusmap submit {mapping}`"
        )
    if now.sha256 in sent:
        return f"{path}, the rejects of run {run}, was already sent by run {sent[now.sha256]}"
    if latest > run:
        return (
            f"{path} was edited, but run {latest} came after run {run}, and may have sent newer values: "
            f"if its rows are still right, {by_name}"
        )
    return ""


def list_rejects(mapping: Path) -> tuple[Path, ...]:
    """Return the files of rejects beside a mapping, of rehearsals and of runs, the latest written first."""
    pattern = f"{glob.escape(mapping.stem)}.*rejects.*"
    own = re.compile(
        rf"{re.escape(mapping.stem)}\.(run-[0-9]+|rehearsal)\.rejects(\.[0-9]+)?\.(csv|xlsx|jsonl)"
    )
    found = [
        path
        for path in mapping.parent.glob(pattern)
        if own.fullmatch(path.name) and path.is_file() and not path.is_symlink()
    ]
    return tuple(sorted(found, key=lambda path: path.stat().st_mtime_ns, reverse=True))


def _find_by_name(mapping: Path, run: int) -> Path | None:
    """Return the rejects of a run that was killed, so that the journal does not know of them."""
    found = sorted(mapping.parent.glob(f"{glob.escape(mapping.stem)}.run-{run}.rejects.*"))
    return next((path for path in found if path.is_file() and not path.is_symlink()), None)


def keys_to_retry(mapper: Mapper, settings: Settings, run: int | None = None) -> frozenset[str]:
    """Return the row keys that Opus refused, or whose answer was lost, as far as the journal knows.

    Args:
        mapper: whose connection counts.
        settings: which Opus, and where the journal is.
        run: the number of the one run that is asked about; all runs if None.

    Raises:
        JournalError: there is no journal, it can't be read, or it knows no such run of this connection.
    """
    from opusmap.journal import OPEN_STATES, open_journal  # noqa: PLC0415 - slow to load

    with open_journal(settings.journal, write=False) as journal:
        runs = journal.runs_of(settings.base_url, mapper.connection.id)
        if run is not None and run not in (each.id for each in runs):
            problem = f"the journal contains no run {run} of this connection"
            raise JournalError(str(settings.journal), problem, "`opusmap report` lists the runs")
        return frozenset(
            record.key
            for each in runs
            if run in (None, each.id)
            for record in journal.records(each, *OPEN_STATES)
        )
