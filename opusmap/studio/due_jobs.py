"""What the studio does with due records that takes long: asking Opus what is due, and signing a review.

Both are jobs. Opus is asked by the function that `opusmap due` calls.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from opusmap.converters import Registry
from opusmap.disposal.due import DueList, find_due
from opusmap.disposal.signed_review import DueReview
from opusmap.errors import SettingsError, StoppedEarly
from opusmap.run.open import open_work
from opusmap.run.target import describe_host
from opusmap.settings import Settings
from opusmap.studio.basis import Basis
from opusmap.studio.jobs import Job, Jobs
from opusmap.studio.workbench import Workbench

KIND = "due"
SIGNING = "sign"


@dataclass
class Question:
    """A question for what is due, while it goes on and afterwards; the job's `about`.

    Attributes:
        until: the last day that counts.
        where: which Opus is asked, in words; `origin` is its address.
        connection: the connection's id, once it is known.
        basis: what the list is compared with.
        listed: records that Opus has listed so far.
        read: rows of the source that were read so far.
        ended: when it ended.
    """

    until: date
    where: str
    origin: str
    basis: Basis
    connection: str = ""
    listed: int = 0
    read: int = 0
    ended: datetime | None = None


@dataclass
class SigningProgress:
    """How many records of a review are on its page so far, and how many there are; the job's `about`."""

    records: int
    done: int = 0


def start(jobs: Jobs, bench: Workbench, settings: Settings, until: date) -> Job:
    """Ask what is due by a day, and compare it with the journal and the source; the job's result is the list.

    Args:
        jobs: which goes on with it. A question for the same mapping that still goes on is returned instead.
        bench: the mapping, whose file counts.
        settings: of Opus, and of the journal.
        until: the last day that counts.
    """
    asked = Question(until, describe_host(settings), settings.base_url, Basis(bench.version))
    path, converters = bench.path, bench.converters
    return jobs.start(KIND, bench.name, lambda job: _ask(job, asked, path, converters, settings), about=asked)


def _ask(job: Job, asked: Question, path: Path, converters: Registry | None, settings: Settings) -> DueList:
    work = open_work(path, converters=converters)
    asked.basis = Basis.of(asked.basis.version, work)
    asked.connection = work.mapper.connection.id

    def note(listed: int, read: int) -> None:
        asked.listed, asked.read = listed, read
        job.note(job.report)
        if job.stopping.is_set():
            raise StoppedEarly("you stopped the question", "ask again")

    with work.source:
        found = find_due(work, settings, asked.until, note)
    asked.ended = datetime.now().astimezone()
    return found


def start_signing(
    jobs: Jobs, mapping: str, records: int, sign: Callable[[Callable[[int], None]], DueReview]
) -> Job:
    """Sign a review of so many records; the job's result is the review.

    `sign` signs it, and is given what takes how many records are on its page so far.

    Raises:
        SettingsError: a signature of this mapping still goes on.
    """
    progress = SigningProgress(records)

    def work(job: Job) -> DueReview:
        def note(done: int) -> None:
            progress.done = done
            job.note(job.report)

        return sign(note)

    job = jobs.start(SIGNING, mapping, work, about=progress)
    if job.about is not progress:
        hint = "wait until it is signed; to sign another one, try again then"
        raise SettingsError("review", "a review of this mapping is being signed already", hint)
    return job
