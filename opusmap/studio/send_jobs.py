"""Sending from the studio: what may be sent now, and the job that sends it, as the command line does.

Owns when nothing may be sent, and who must say so first. Records go by `run.target`; the journal and the
file of rejects are those of `opusmap submit` and `opusmap retry`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from opusmap.emulator import read_plan
from opusmap.errors import OpusmapError, SettingsError
from opusmap.issues import Severity
from opusmap.operations import RunWatch
from opusmap.operations.telemetry import is_asked_for
from opusmap.rejects import RejectWriter
from opusmap.report import Report
from opusmap.report.pages import connection_name
from opusmap.run.history import is_first_overwrite, keys_to_retry
from opusmap.run.open import Work, open_corrected_rejects, open_work
from opusmap.run.parallel import Workers
from opusmap.run.submit import SubmitOptions
from opusmap.run.target import (
    Target,
    describe_host,
    describe_open,
    describe_where,
    find_exit_code,
    make_rehearsal,
    run_submit,
)
from opusmap.run.time_left import count_rows, find_share, guess_seconds_left
from opusmap.settings import Outlets, Settings, load_outlets, load_settings
from opusmap.studio.jobs import Job
from opusmap.studio.locking import state_of_lock
from opusmap.studio.workbench import State, Workbench
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.studio.visit import Studio

KINDS = ("rehearse", "send", "retry")
"""Kinds of jobs that send. One of them at a time goes on for a mapping."""
FIRST = 5
"""Records of the first real run."""


@dataclass(frozen=True, slots=True)
class Obstacle:
    """Why nothing may be sent: a sentence without a full stop, and what to do."""

    text: str
    help: str


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be sent.

    Attributes:
        kind: `rehearse` (to an emulator in this process), `send`, or `retry` (what was sent or rejected).
        limit: records at most; None for all.
        file: a file of rejects that a person has corrected, whose rows are sent; None for the source.
    """

    kind: Literal["rehearse", "send", "retry"]
    limit: int | None = None
    file: Path | None = None

    @property
    def title(self) -> str:
        """What is done, in a few words."""
        what = "all rows"
        if self.file is not None:
            what = f"the rows of {self.file.name}"
        elif self.kind == "retry":
            what = "again what is open"
        elif self.limit is not None:
            what = f"the first {counted(self.limit, 'record')}"
        return f"{'Rehearsing' if self.kind == 'rehearse' else 'Sending'} {what}"


@dataclass
class Sending:
    """What the page knows of a job that sends, while it goes on and afterwards.

    Attributes:
        order: what was asked for.
        where: where records go, in words.
        version: names the mapping's text that is sent.
        rejects: the file of rejects, once there is one.
        notes: what to know at the end, in sentences.
        report: the last totals.
    """

    order: Order
    where: str
    version: str
    rejects: Path | None = None
    notes: list[str] = field(default_factory=list)
    report: Report = field(default_factory=Report)
    _work: Work | None = None
    _total: int | None = None
    _began: float = field(default_factory=time.monotonic)

    def watch(self, work: Work) -> None:
        """Begin to know how far the source was read."""
        self._total, self._work, self._began = count_rows(work.source), work, time.monotonic()

    @property
    def share(self) -> float | None:
        """The share of the source that was read, 0 to 1; None where that tells nothing."""
        if self._work is None or self.order.limit is not None or self.order.kind == "retry":
            return None
        return find_share(self._work.source, self._total, self.report.read)

    @property
    def time_left(self) -> str:
        """How long the rest may take, in words; empty where a guess is worth nothing."""
        seconds = guess_seconds_left(time.monotonic() - self._began, self.share)
        if seconds is None:
            return ""
        minutes, rest = divmod(round(seconds), 60)
        return f"about {minutes} min {rest} s left" if minutes else f"about {rest} s left"


def find_obstacles(bench: Workbench) -> Iterator[Obstacle]:
    """Yield why a mapping may not be sent or rehearsed now."""
    with bench.lock:
        state, latest, problems = bench.state, bench.service.latest, bench.problems
    if state is State.UNSAVED:
        yield Obstacle("The mapping is not saved", "correct its text; it is saved as soon as it can be read")
    elif state is State.CHANGED:
        yield Obstacle("The mapping's file was changed by another program", "choose above which text counts")
    elif state is State.GONE:
        yield Obstacle(
            "The mapping's file is no longer there", "keep the text of this page, or restore the file"
        )
    to_do = () if latest.work is None else latest.work.to_do
    errors = [one for one in problems if one.severity is Severity.ERROR and one not in to_do]
    lock = state_of_lock(bench)
    errors = [one for one in errors if not one.code.startswith("drift-")]
    if errors:
        count = counted(len(errors), "error")
        yield Obstacle(f"The mapping has {count}: {errors[0].message}", errors[0].hint or "correct it")
    if to_do:
        names = ", ".join(latest.work.left_out) if latest.work is not None else ""
        yield Obstacle(f"Columns are still TODO: {names or 'see the text'}", "decide each one on Columns")
    if lock.drift:
        yield Obstacle(
            f"The lock is stale: {lock.drift[0].message}",
            "compare the options with Opus on Values, and write the lock again",
        )
    if lock.error is not None:
        yield Obstacle(*lock.error.split())
    if bench.service.error is not None and state is not State.UNSAVED:
        yield Obstacle(*bench.service.error.split())


def read_settings(bench: Workbench) -> Settings:
    """Return the settings that `opusmap submit` would use for a mapping.

    Raises:
        SettingsError: something is missing or wrong, as the command line says it.
    """
    return load_settings({}, os.environ, bench.path.parent)


def explain_lock_out(studio: Studio, settings: Settings) -> str:
    """Return why the studio does not send to this Opus at all; empty if it may."""
    if settings.is_local or studio.allow_send:
        return ""
    return "This studio sends only to an Opus on this machine: it was started without `--allow-send`"


def name_of_connection(bench: Workbench) -> str:
    """Return the name of a mapping's connection, which a person types to send to a real Opus."""
    connection = bench.known.connection
    return "" if connection is None else connection_name(connection.path)


def start(studio: Studio, bench: Workbench, order: Order, typed: str = "") -> Job:
    """Begin to send; return the job. What may not be sent is refused.

    Args:
        studio: whose jobs.
        bench: the mapping.
        order: what is to be sent.
        typed: the name of the connection, as a person typed it.

    Raises:
        SettingsError: something prevents it; nothing was sent.
    """
    obstacle = next(find_obstacles(bench), None)
    if obstacle is not None:
        raise SettingsError("send", f"nothing was sent: {obstacle.text}", obstacle.help)
    if any(job.kind in KINDS for job in studio.jobs.running(bench.name)):
        raise SettingsError("send", "a run of this mapping still goes on", "wait for its end, or stop it")
    settings: Settings | None = None
    if order.kind != "rehearse":
        settings = read_settings(bench)
        _refuse_unconfirmed(studio, bench, settings, typed)
    where = "Records go to an emulator inside this program; nothing leaves this machine"
    sending = Sending(order, where if settings is None else describe_host(settings), bench.version)
    return studio.jobs.start(
        order.kind, bench.name, lambda job: _run(job, studio, bench.path, sending, settings), about=sending
    )


def _refuse_unconfirmed(studio: Studio, bench: Workbench, settings: Settings, typed: str) -> None:
    """Refuse to send to a real Opus unless the program was started for it and a person typed the name."""
    if settings.is_local:
        return
    if problem := explain_lock_out(studio, settings):
        raise SettingsError(
            "--allow-send", problem, "stop it, and start it with `opusmap studio --allow-send`"
        )
    name = name_of_connection(bench)
    if not name or typed.strip() != name:
        hint = f"type `{name}`, the name of the connection, and send again"
        raise SettingsError("name", "nothing was sent: the name that was typed is not the connection's", hint)


def warn_of_first_overwrite(bench: Workbench, settings: Settings) -> bool:
    """Return whether this may be the first run that overwrites records of a real Opus."""
    work = bench.known.work
    return (
        work is not None
        and not settings.is_local
        and is_first_overwrite(work.mapper.spec.conflict, work.mapper.connection.id, settings)
    )


def _run(job: Job, studio: Studio, path: Path, sending: Sending, settings: Settings | None) -> Report:
    """Send, in the job's thread; report it as OPUSMAP_METRICS and OPUSMAP_WEBHOOK say, but for rehearsals."""
    order, watch = sending.order, RunWatch()
    outlets = Outlets()
    if settings is not None:
        outlets = replace(load_outlets(os.environ), telemetry=is_asked_for(os.environ))
    watch.start(outlets, "retry" if order.kind == "retry" else "submit", str(path))
    try:
        report = _send(job, studio, path, sending, settings, watch)
    except OpusmapError as error:
        watch.end(error.exit_code, type(error).__name__)
        raise
    watch.end(find_exit_code(report), "" if report.stopped is None else type(report.stopped).__name__)
    return report


def _send(
    job: Job, studio: Studio, path: Path, sending: Sending, settings: Settings | None, watch: RunWatch
) -> Report:
    order = sending.order
    if order.file is None:
        work = open_work(path, None, studio.converters)
    else:
        work = open_corrected_rejects(path, order.file, studio.converters)
    with work.source:
        watch.begin(work.mapper.connection.id)
        target = make_rehearsal(work.mapper, read_plan("none")) if settings is None else Target(settings)
        only = None
        if order.kind == "retry" and order.file is None:
            only = keys_to_retry(work.mapper, target.settings)
        writer = RejectWriter.beside(
            path, work.source, mapping=path, sending="rehearsal" if target.is_rehearsal else "run"
        )
        sending.watch(work)

        def note(report: Report) -> None:
            sending.report = report
            watch.note(report)
            job.note(report)

        def stop_by(drain: object, _cancel: object) -> None:
            def act() -> None:
                with suppress(RuntimeError):  # the run has just ended, and its loop with it
                    drain()  # type: ignore[operator]

            job.on_stop(act)

        with writer, Workers(None, studio.converter_files) as workers:
            options = SubmitOptions(limit=order.limit, only=only, workers=workers)
            report = run_submit(work, target, options, writer, note, stop_by)
    sending.rejects = writer.path if writer.count else None
    sending.notes = [describe_where(target, report)]
    if only is not None:
        sending.notes.append(describe_open(only, report.read, work))
    sending.notes += [one for one in (writer.note, report.journal_note) if one]
    if report.gone is not None and report.gone.records:
        advice = report.gone.advise(target.opus)
        sending.notes.append(f"{report.gone.describe()}. Nothing was deleted. {advice}")
    if report.source_changed:
        sending.notes.append("The source changed while it was read: send again when nothing writes to it.")
    return report
