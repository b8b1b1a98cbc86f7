"""A check of the whole source in the background: the same as `opusmap check`, and the rejects to look at.

Owns when it is out of date, and what the corrections of a person come to after it.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path

from opusmap.compiler import Mapper
from opusmap.compiler.plan import KEY_COLUMN
from opusmap.connection import Column
from opusmap.errors import OpusmapError, SettingsError
from opusmap.language.cached_files import Stamp, stamp
from opusmap.records import Chunk, Filtered, Mapped, Record, Reject
from opusmap.report import Forecast, Report
from opusmap.run.check import SourceCheck
from opusmap.run.duplicates import owns_key, reject_duplicate
from opusmap.run.open import Work, open_work
from opusmap.studio.fixed_rows import Fixes, mark_row
from opusmap.studio.jobs import Job, Jobs
from opusmap.studio.kept_rejects import KeptRejects
from opusmap.studio.workbench import State, Workbench

KEYS_KEPT = 4_000_000
"""Row keys whose hash is kept, 8 bytes each, to find a fix that would give a row the key of another one."""
_NOT_WHOLE = frozenset({"ragged-row", "unnamed-column", "not-a-list"})
"""Codes of rows of which not all cells are known, or that are not one row each."""


class FixState(StrEnum):
    """What a fix comes to."""

    READY = "fixed"
    FILTERED = "excluded by `where`"
    WRONG = "still wrong"
    CHANGED = "the source has changed"
    NOT_NEEDED = "not needed any more"


@dataclass(frozen=True, slots=True)
class Judged:
    """A fix, judged: the corrected row, with what it was rejected for, and what it becomes now."""

    state: FixState
    row: Reject | None = None
    mapped: Mapped | None = None


_STATES = {Record: FixState.READY, Filtered: FixState.FILTERED, Reject: FixState.WRONG}


class WholeCheck:
    """What a check has found so far; `report` and `forecast` as `opusmap check` has them.

    Attributes:
        version: the text of the mapping that is checked, as `Workbench.version` has it.
        kept: the rejects.
        complete: whether every row was looked at.
        problem: why the fixed rows could not be written after it.
        ended: when it ended.
    """

    def __init__(self, bench: Workbench) -> None:
        self.version = bench.version
        self.report = Report()
        self.forecast: Forecast | None = None
        self.work: Work | None = None
        self.complete = False
        self.problem: OpusmapError | None = None
        self.ended: datetime | None = None
        self.stamps: dict[str, Stamp | None] = {}
        self.kept = KeptRejects(self.sources_of)
        self.places: dict[str, int] = {}
        """The numbers of rows that have fixes, by their mark."""
        self._marks = frozenset(one.source for one in Fixes(bench.path).rows.values())
        self._keys = array("q")
        self._sources: dict[str, tuple[str, ...]] = {}
        self.judged: tuple[object, dict[int, Judged]] | None = None

    def run(self, job: Job, bench: Workbench) -> WholeCheck:
        """Check all rows, until the job is to stop; then write the rows that are fixed.

        Raises:
            InvalidMapping, SourceError, StoppedEarly: as `open_work` and `SourceCheck`.
        """
        job.result = self  # it is looked at while it grows
        work = self.work = open_work(bench.path, converters=bench.converters, around_to_do=True)
        self.stamps = {name: stamp(Path(name)) for name in work.source.files or (work.source.name,)}
        with work.source:
            check = SourceCheck(work, each=self._add)
            for report in check:
                self.report = report
                job.note(report)
                if job.stopping.is_set():
                    break
            else:
                self.complete = True
            self.report, self.forecast = check.report(), check.forecast()
            job.note(self.report)
        self.ended = datetime.now().astimezone()
        if self.complete:
            with bench.lock:
                try:
                    fixes = Fixes(bench.path)
                    fixes.follow(self.places)
                    write_fixes(bench, self, fixes)
                except OpusmapError as error:
                    self.problem = error
        return self

    def sources_of(self, place: str) -> tuple[str, ...]:
        """Return the columns of the source that a problem's column is made of."""
        if place not in self._sources:
            self._sources[place] = tuple(dict.fromkeys(self._find_sources(place)))
        return self._sources[place]

    def column_of(self, place: str) -> Column | None:
        """Return the column of Opus that a problem's column is; None where it is none."""
        name = KEY_COLUMN if place == "Row key" else place
        return None if self.work is None else self.work.mapper.connection.find(name)

    def _find_sources(self, place: str) -> Iterator[str]:
        assert self.work is not None
        plan = self.work.mapper.plan
        column = plan.find(KEY_COLUMN if place == "Row key" else place)
        if column is not None:
            yield from (name.partition(".")[0] for name in plan.sources_of(column.trees()))
        elif place:
            yield place

    def can_fix(self, reject: Reject) -> bool:
        """Return whether cells of a row can be corrected: not if some are not known."""
        return bool(reject.values) and _NOT_WHOLE.isdisjoint(one.code for one in reject.problems)

    def keys_among(self, hashes: set[int]) -> set[int]:
        """Return which hashes of row keys are those that rows own, whether these are ready or rejected."""
        return {one for one in self._keys if one in hashes} if hashes else set()

    @property
    def knows_all_keys(self) -> bool:
        """Whether the keys of all rows are compared with those of fixed rows."""
        return len(self._keys) < KEYS_KEPT

    def _add(self, chunk: Chunk) -> None:
        if self.knows_all_keys:
            self._keys.extend(map(hash, chunk.keys))
            self._keys.extend(hash(one.key) for one in chunk.rejects() if owns_key(one))
        for reject in chunk.rejects():
            mark = mark_row(reject.values) if self._marks else ""
            if mark in self._marks:
                self.places[mark] = reject.row
            self.kept.add(reject, pin=mark in self._marks)


def start_check(jobs: Jobs, bench: Workbench) -> Job:
    """Begin a check of a mapping's whole source, unless one is under way."""
    check = WholeCheck(bench)
    return jobs.start("check", bench.name, lambda job: check.run(job, bench))


def current_check(jobs: Jobs, bench: Workbench) -> Job | None:
    """Return the latest check; start one if there is none, or the mapping or its source has changed since.

    None: the mapping can't be checked as it is now.
    """
    job = jobs.latest(bench.name, "check")
    check = None if job is None else job.result
    if bench.state not in (State.SAVED, State.READ_ONLY) or bench.service.latest.work is None:
        return job
    if job is None:
        return start_check(jobs, bench)
    if check is None:
        return job
    is_old = check.version != bench.version or any(
        stamp(Path(name)) != one for name, one in check.stamps.items()
    )
    if is_old and job.running:
        job.stop()  # the page asks again when it has ended
    elif is_old:
        return start_check(jobs, bench)
    return job


def judge_fixes(bench: Workbench, check: WholeCheck, fixes: Fixes) -> dict[int, Judged]:
    """Map the rows of all fixes as they are with them. Hold the mapping's lock.

    Raises:
        SettingsError: the mapping can't be compiled now.
    """
    judged, keys = dict[int, Judged](), dict[int, str]()
    mapper = mapper_of(bench)
    for row in sorted(fixes.rows):
        reject = check.kept.find(row)
        if reject is None:
            if check.complete:
                judged[row] = Judged(FixState.NOT_NEEDED)
            continue
        values = fixes.corrected(reject)
        if values is None:
            judged[row] = Judged(FixState.CHANGED, reject)
            continue
        mapped = mapper.map_row(values, row)
        state = _STATES[type(mapped)]
        judged[row] = Judged(state, replace(reject, values=values), mapped)
        if isinstance(mapped, Record):
            keys[row] = mapped.key
    owned, fixed = check.keys_among(set(map(hash, keys.values()))), set[str]()
    for row in sorted(keys, reverse=mapper.spec.duplicates == "last"):
        key, found = keys[row], judged[row].row
        assert found is not None
        # As for `retry`: a row still has the key that it had, unless it was rejected for it.
        is_owned = not owns_key(found) if found.key == key else hash(key) in owned
        if is_owned or key in fixed:
            wrong = reject_duplicate(row, key, found.values, "another row", is_retry=False)
            judged[row] = Judged(FixState.WRONG, found, wrong)
        else:
            fixed.add(key)
    return judged


def read_fixes(bench: Workbench, check: WholeCheck) -> tuple[Fixes, dict[int, Judged]]:
    """Return the fixes, and what each comes to, as `judge_fixes` has it. Hold the mapping's lock.

    Raises:
        SettingsError: the fixes can't be read; or the mapping can't be compiled now.
    """
    fixes = Fixes(bench.path)
    basis = (bench.version, stamp(fixes.path), check.complete, check.kept.count)
    if check.judged is None or check.judged[0] != basis:
        check.judged = (basis, judge_fixes(bench, check, fixes))
    return fixes, check.judged[1]


def write_fixes(bench: Workbench, check: WholeCheck, fixes: Fixes) -> dict[int, Judged]:
    """Save fixes and, if all rows were looked at, the file of the rows that are ready by them.

    Hold the mapping's lock. Returns what each fix comes to.

    Raises:
        SettingsError: a file can't be written; or the mapping can't be compiled now.
    """
    judged = judge_fixes(bench, check, fixes)
    if not check.complete or check.work is None:
        fixes.save()
        return judged
    ready = [one.row for one in judged.values() if one.state is FixState.READY and one.row is not None]
    fixes.write_rows(ready, check.work.source, check.stamps)
    return judged


def mapper_of(bench: Workbench) -> Mapper:
    """Return the mapper of a mapping as it is now.

    Raises:
        SettingsError: it can't be compiled.
    """
    work = bench.known.work
    if work is None:
        raise SettingsError(bench.name, "the mapping can't be compiled yet", "correct its errors first (F8)")
    return work.mapper
