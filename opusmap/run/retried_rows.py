"""Rejected rows of a source that retries of its rejects dealt with before, while the source stays as it was.

Owns that knowledge. A row is known by its number, since a person may have corrected its key. So it is known
only of a source that comes from files, and whose files are those of the earlier run, byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePath

from opusmap.journal import Journal, Run
from opusmap.report import Evidence
from opusmap.report.later_rows import find_rows
from opusmap.report.later_runs import LaterRuns

_RUNS = 100
"""Earlier runs that are looked at, at most, the latest ones: a journal may have thousands."""


@dataclass(frozen=True, slots=True)
class RetriedRows:
    """Numbers of rejected rows: those that retries `sent`, and those `deleted` from a rejects file."""

    sent: frozenset[int] = frozenset()
    deleted: frozenset[int] = frozenset()


def find_retried_rows(journal: Journal, run: Run, evidence: Evidence) -> RetriedRows:
    """Return what retries made of the rows that a run reads again.

    Args:
        journal: which knows the earlier runs.
        run: the run, which has begun.
        evidence: what it leaves, with the files of its source.

    Raises:
        JournalError: the journal can't be read.
    """
    source = _list_source(evidence)
    if not source or evidence.rows_of is not None or evidence.retried is not None:
        return RetriedRows()
    before = [one for one in journal.runs() if one.id < run.id and _target(one) == _target(run)][:_RUNS]
    same = [one for one in before if _list_source(Evidence.read(journal.evidence(one))) == source]
    if not same:
        return RetriedRows()
    since = LaterRuns(journal, min(one.id for one in same))
    fates = {"sent": set[int](), "deleted": set[int]()}
    for one in same:
        for row in find_rows(since, one, since.find(one), keys=False).rows.values():
            if row.fate in fates:
                fates[row.fate].add(row.number)
    return RetriedRows(frozenset(fates["sent"]), frozenset(fates["deleted"] - fates["sent"]))


def _list_source(evidence: Evidence) -> list[tuple[str, str]]:
    return [(PurePath(file.path).name, file.sha256) for file in evidence.files if file.role == "source"]


def _target(run: Run) -> tuple[str, str, str]:
    return run.origin, run.connection, PurePath(run.mapping).name
