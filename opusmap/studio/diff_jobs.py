"""What a run would change, before it: a job that compares the source with the journal, and sends nothing."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from opusmap.run.diff import SourceDiff, find_target
from opusmap.run.differences import Diff
from opusmap.run.open import open_work
from opusmap.run.parallel import Workers
from opusmap.studio.basis import Basis
from opusmap.studio.jobs import Job
from opusmap.studio.visit import Studio
from opusmap.studio.workbench import Workbench

KIND = "diff"


@dataclass
class Compared:
    """What the page knows of a comparison; the job's `about`, and its result is the `Diff`.

    Attributes:
        basis: what was compared.
        origin: of the Opus that a run would send to; empty if none is known, for then all records are new.
        complete: whether all rows were read; what is gone is known only then.
        ended: when it ended.
    """

    basis: Basis
    origin: str = ""
    complete: bool = False
    ended: datetime | None = None


def start(studio: Studio, bench: Workbench) -> Job:
    """Begin to compare a mapping's source with what Opus has accepted, unless it is under way."""
    compared, path = Compared(Basis(bench.version)), bench.path
    return studio.jobs.start(
        KIND, bench.name, lambda job: _compare(job, studio, path, compared), about=compared
    )


def _compare(job: Job, studio: Studio, path: Path, compared: Compared) -> Diff:
    work = open_work(path, converters=studio.converters)
    compared.basis = Basis.of(compared.basis.version, work)
    with work.source, Workers(None, studio.converter_files) as workers:
        journal, compared.origin = find_target(work.mapper, os.environ)
        diff = SourceDiff(work, journal, compared.origin, workers)
        for report in diff:
            job.note(report)
            if job.stopping.is_set():
                break
        else:
            compared.complete = True
        found = diff.result()
    compared.ended = datetime.now().astimezone()
    return found
