"""Send: what would change, rehearse, the first records, all; fixed rows, open records; how a run ends."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from opusmap.errors import OpusmapError, SettingsError
from opusmap.run.differences import MEANINGS
from opusmap.run.history import FoundRejects, find_rejects, keys_to_retry, list_rejects
from opusmap.run.target import describe_host
from opusmap.settings import REHEARSE_INSTEAD, Settings
from opusmap.studio import diff_jobs, send_jobs
from opusmap.studio.jobs import Job
from opusmap.studio.past_runs import PastRun, open_past_runs
from opusmap.studio.send_jobs import FIRST, KINDS, Order
from opusmap.studio.sign_off import look_up_sign_off
from opusmap.studio.visit import Screen, Visit

_MORE_REASONS = 5


@dataclass(frozen=True, slots=True)
class Place:
    """Where records would go: the words for it, or why that is not known.

    `locked_out` is why the studio does not send there, `name` what a person types to send there ("" where no
    name is needed).
    """

    where: str = ""
    problem: str = ""
    help: str = ""
    is_local: bool = False
    locked_out: str = ""
    name: str = ""
    first_overwrite: bool = False
    journal: str = ""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """The latest run, if it did not come to its end: it can be resumed. `killed`: it left no ending."""

    number: int
    started: float
    ending: str
    killed: bool


@dataclass(frozen=True, slots=True)
class Again:
    """What may be sent again: the latest file of rejects, all such files by name, and open records."""

    found: FoundRejects | None = None
    files: tuple[str, ...] = ()
    open_records: int = 0


def _view(visit: Visit) -> Mapping[str, Any]:
    bench, job = visit.bench, visit.job(*KINDS)
    place, settings = _find_place(visit)
    running = job is not None and job.running
    rehearsed = visit.job("rehearse")
    return {
        "obstacles": () if running else tuple(send_jobs.find_obstacles(bench)),
        "place": place,
        "job": job,
        "running": running,
        "outcome": None if job is None or running else _describe_end(job),
        "rehearsed": _describe_rehearsal(rehearsed, bench.version),
        "unfinished": None if running else _find_unfinished(visit),
        "again": Again() if running else _find_again(visit, settings),
        "first": FIRST,
        "standing": look_up_sign_off(bench.path),
        **_describe_diff(visit),
    }


def _describe_diff(visit: Visit) -> dict[str, Any]:
    """Return what a run would change, as far as it was asked for."""
    job = visit.job(diff_jobs.KIND)
    diff = None if job is None or job.running else job.result
    return {
        "comparing": job,
        "diff": diff,
        "old_diff": diff is not None and job is not None and job.about.basis.is_old(visit.bench),
        "meanings": MEANINGS,
    }


def _find_place(visit: Visit) -> tuple[Place, Settings | None]:
    bench = visit.bench
    try:
        settings = send_jobs.read_settings(bench)
    except SettingsError as error:
        help_text = error.help.removesuffix(REHEARSE_INSTEAD)  # the page has a button for it
        return Place(problem=f"{error.setting}: {error.problem}", help=help_text), None
    return (
        Place(
            where=describe_host(settings),
            is_local=settings.is_local,
            locked_out=send_jobs.explain_lock_out(visit.studio, settings),
            name="" if settings.is_local else send_jobs.name_of_connection(bench),
            first_overwrite=send_jobs.warn_of_first_overwrite(bench, settings),
            journal=str(settings.journal),
        ),
        settings,
    )


def _describe_end(job: Job) -> Mapping[str, Any]:
    """Return how a job ended: its tone and words, and the reasons why rows are not in Opus."""
    sending, report = job.about, job.report
    stopped = report.stopped or job.error
    problem, hint = ("", "") if stopped is None else stopped.split()
    tone = "bad" if problem else "good" if report.clean else "attention"
    words = {"bad": "Ended early", "good": "Done", "attention": "Done, and some rows need attention"}[tone]
    return {
        "tone": tone,
        "words": words,
        "problem": problem,
        "help": hint,
        "reasons": report.reasons[:_MORE_REASONS],
        "more": len(report.reasons[_MORE_REASONS:]),
        "rehearsal": sending.order.kind == "rehearse",
        "resumable": bool(problem) and sending.order.kind != "rehearse" and report.run is not None,
    }


def _describe_rehearsal(job: Job | None, version: str) -> str:
    """Return whether a rehearsal was done, and by which text; empty if none was."""
    if job is None or job.running or job.result is None:
        return ""
    if job.about.version != version:
        return "rehearsed before the last change"
    return "rehearsed" if job.report.clean else "rehearsed: some rows need attention"


def _latest_run(visit: Visit) -> PastRun | None:
    try:
        with open_past_runs(visit.path) as runs:
            return runs.find()
    except OpusmapError as error:
        visit.announce("attention", *error.split())
        return None


def _find_unfinished(visit: Visit) -> Unfinished | None:
    past = _latest_run(visit)
    if past is None or past.run.ending == "done":
        return None
    run = past.run
    return Unfinished(run.id, run.started, run.ending, killed=run.finished is None)


def _find_again(visit: Visit, settings: Settings | None) -> Again:
    files = tuple(path.name for path in list_rejects(visit.path))
    work = visit.bench.known.work
    journal = None if settings is None else settings.journal
    if settings is None or work is None or (isinstance(journal, Path) and not journal.exists()):
        return Again(files=files)
    try:
        found = find_rejects(visit.path, settings)
        if found is not None:  # the page names files from the mapping's folder
            why_not = found.why_not.replace(f"{visit.path.parent}{os.sep}", "")
            found = replace(found, why_not=why_not)
        return Again(found, files, len(keys_to_retry(work.mapper, settings)))
    except OpusmapError:  # the run itself says what is wrong with the journal or the mapping
        return Again(files=files)


def _start(visit: Visit, order: Order) -> None:
    send_jobs.start(visit.studio, visit.bench, order, visit.form.get("name", ""))


def _compare(visit: Visit) -> None:
    diff_jobs.start(visit.studio, visit.bench)


def _stop_comparing(visit: Visit) -> None:
    visit.stop(diff_jobs.KIND)


def _send(visit: Visit) -> None:
    _start(visit, Order("send", FIRST if visit.form.get("rows") == "first" else None))


def _send_rejects(visit: Visit) -> None:
    """Send or rehearse the rows of a file of rejects of this mapping."""
    name = visit.field("file")
    file = next((path for path in list_rejects(visit.path) if path.name == name), None)
    if file is None:
        raise SettingsError(name, "this is not a file of rejects of this mapping", "choose one from the list")
    folder = visit.studio.folder
    file = folder.resolve(folder.name_of(file))  # the folder says that it is in it
    _start(visit, Order("rehearse" if visit.form.get("to") == "emulator" else "retry", file=file))


def _stop(visit: Visit) -> None:
    for job in visit.studio.jobs.running(visit.bench.name):
        if job.kind in KINDS:
            job.stop()
            visit.announce("attention", "Stopping: requests in flight end first. What is done is kept.")


SCREEN = Screen(
    "send",
    "Send",
    _view,
    {
        "compare": _compare,
        "stop-comparing": _stop_comparing,
        "rehearse": lambda visit: _start(visit, Order("rehearse")),
        "send": _send,
        "rejects": _send_rejects,
        "open": lambda visit: _start(visit, Order("retry")),
        "stop": _stop,
    },
)
