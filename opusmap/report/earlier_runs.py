"""Several runs side by side: how their totals went, and which rejects come back.

Owns the comparison. Reasons are compared by column and code, rows by their keys, which the files of rejects
name as long as they are as the runs left them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePath
from typing import TYPE_CHECKING

from opusmap.errors import SourceError
from opusmap.report.later_rows import read_later
from opusmap.report.later_runs import Later, LaterRuns, name_runs
from opusmap.report.provenance import Evidence, find_run_of_rejects
from opusmap.report.rejected_rows import explain_change, is_edited, read_keys
from opusmap.report.row_places import RowPlaces, find_places
from opusmap.report.status import Status, count_attention, describe_status, is_rehearsal
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run

RUNS = 12
"""Runs that are compared at most, the latest ones."""
_KEYS = 200_000
"""Rejected rows of one run whose keys are compared at most."""
_KEYS_SHOWN = 50
_REASONS_SHOWN = 30


@dataclass(frozen=True, slots=True)
class PastRun:
    """One of the runs: the run, how it went, and how many of its rows need attention still.

    `places` is what became of its rows, as on its own page; None if it has not counted them. `retry_of` is
    the run whose rejects it sent again, if it is a retry.
    """

    run: Run
    status: Status
    attention: int
    places: RowPlaces | None = None
    retry_of: int | None = None

    @property
    def accepted(self) -> int:
        """How many of its rows Opus accepted: sent by it, a later or an earlier run, or unchanged."""
        return 0 if self.places is None else self.places.accepted

    @property
    def older(self) -> int:
        """How many rows are both: accepted in an older version, and in need of attention."""
        return 0 if self.places is None else self.places.older

    @property
    def left_out(self) -> int:
        """How many of its rows were filtered, deleted from a file of rejects, or not sent."""
        return self.run.counts.get("read", 0) - self.accepted - self.attention + self.older


@dataclass(frozen=True, slots=True)
class ReturningReason:
    """A reason of the latest run that an earlier one had as well; `counts` of all runs, None if unknown."""

    column: str
    code: str
    counts: tuple[int | None, ...]


@dataclass(frozen=True, slots=True)
class ReturningRow:
    """A row that was rejected in the latest run and before: its key, the wrong columns, the runs' numbers."""

    key: str
    columns: str
    runs: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class History:
    """The runs of one mapping against one connection, the earliest first, up to the one of the page.

    `new_reasons` are how many reasons of the latest run no earlier one had; `gone` how many of the run before
    it has no more. `rows` are the first of `rows_returning`. `unread` are runs whose keys are not known;
    `edited` those for which that is because a person corrected the file of rejects.
    """

    runs: tuple[PastRun, ...]
    reasons: tuple[ReturningReason, ...] = ()
    new_reasons: int = 0
    gone: int = 0
    rows: tuple[ReturningRow, ...] = ()
    rows_returning: int = 0
    unread: tuple[int, ...] = ()
    edited: tuple[int, ...] = ()

    @property
    def any_older(self) -> bool:
        """Whether a run has rows that were accepted in an older version and need attention."""
        return any(past.older for past in self.runs)


def read_history(journal: Journal, run: Run) -> History | None:
    """Return the run beside those before it of the same mapping and target; None if it is the first."""
    target = _target(run)
    found = [each for each in journal.runs() if each.id <= run.id and _target(each) == target]
    runs = sorted(found, key=lambda each: each.id)[-RUNS:]
    if len(runs) < 2:  # noqa: PLR2004 - one run has no history
        return None
    evidence = [Evidence.read(journal.evidence(each)) for each in runs]
    since = LaterRuns(journal, runs[0].id)
    retries = since.list_retries()
    past = tuple(
        _describe(since, each, left, retries.get(each.id)) for each, left in zip(runs, evidence, strict=True)
    )
    reasons, new = _compare_reasons(runs, evidence)
    before = {(one.column, one.code) for one in evidence[-2].reasons}
    gone = len(before - {(one.column, one.code) for one in evidence[-1].reasons})
    rows, unread = _compare_rows(runs, evidence)
    files = {run.id: left.find("rejects") for run, left in zip(runs, evidence, strict=True)}
    edited = tuple(one for one in unread if (file := files[one]) is not None and is_edited(file))
    unread = tuple(one for one in unread if one not in edited)
    shown = tuple(rows[:_KEYS_SHOWN])
    return History(past, tuple(reasons[:_REASONS_SHOWN]), new, gone, shown, len(rows), unread, edited)


def _describe(since: LaterRuns, run: Run, left: Evidence, retry_of: int | None) -> PastRun:
    later, rows = read_later(since, run, keys=False)
    places = find_places(run, left, later, rows)
    attention = count_attention(run.counts) if later is None else later.attention
    status = describe_status(run, left, later, 0 if places is None else places.older)
    return PastRun(run, status, attention, places, retry_of)


@dataclass(frozen=True, slots=True)
class ReasonChange:
    """A reason for rejects in two runs: in how many rows of the earlier and the later one, 0 if in none."""

    column: str
    code: str
    before: int
    after: int

    @property
    def kind(self) -> str:
        """`came`, `went` or `stayed`."""
        return "stayed" if self.before and self.after else "came" if self.after else "went"


def compare_reasons(before: Evidence, after: Evidence) -> tuple[ReasonChange, ...]:
    """Return the reasons for rejects of two runs side by side: those that came, went, and stayed."""
    old, new = ({(one.column, one.code): one.count for one in each.reasons} for each in (before, after))
    changes = [
        ReasonChange(column, code, old.get((column, code), 0), new.get((column, code), 0))
        for column, code in {**new, **old}
    ]
    order = ("came", "went", "stayed")
    return tuple(sorted(changes, key=lambda one: (order.index(one.kind), -max(one.before, one.after))))


@dataclass(frozen=True, slots=True)
class Retried:
    """What a retry sent again: rejects of an earlier run, or records that Opus had not accepted.

    `run` is the earlier run, None for records; `sent` how many rows or records, `of` how many rejects it had;
    `reasons` why they were rejected then and now. `before` are the run that read the source, and the retries
    between it and this one, the earlier run last; `read` is how many rows the first of them read.
    """

    run: int | None
    sent: int
    of: int = 0
    reasons: tuple[ReasonChange, ...] = ()
    read: int = 0
    before: tuple[int, ...] = ()

    def __str__(self) -> str:
        """Return it as the beginning of a sentence.

        >>> str(Retried(3, 41, 57)), str(Retried(None, 1))
        ('Retry of run 3: 41 of its 57 rejects', 'Retry of 1 record that earlier runs left open')
        """
        if self.run is None:
            return f"Retry of {counted(self.sent, 'record')} that earlier runs left open"
        every = "its only reject" if self.of == 1 else f"all of its {self.of:,} rejects"
        part = every if self.sent == self.of else f"{self.sent:,} of its {self.of:,} rejects"
        return f"Retry of run {self.run}: {part}"


def find_retried(journal: Journal, run: Run, evidence: Evidence) -> Retried | None:
    """Return what a run sent again, as far as the journal knows; None for a run that is not a retry.

    A file of rejects is known by its name, which has the run's number. One that was saved under another name,
    or whose run was pruned, is not known.
    """
    if evidence.retried is not None:
        return Retried(None, evidence.retried)
    source = evidence.find("source")
    if source is None or not run.counts:
        return None
    found = find_run_of_rejects(journal, _target(run), source.path, before=run.id)
    if found is None:
        return None
    earlier, left = found
    of = earlier.counts.get("rejected", 0) + earlier.counts.get("failed", 0)
    above = find_retried(journal, earlier, left)
    before: tuple[int, ...] = (earlier.id,)
    read = earlier.counts.get("read", 0)
    if above is not None and above.before:
        before, read = (*above.before, earlier.id), above.read
    return Retried(earlier.id, run.counts.get("read", 0), of, compare_reasons(left, evidence), read, before)


def describe_scope(run: Run, retried: Retried | None, later: Later | None) -> str:
    """Return which rows a run's report is about where other runs sent some of them, and which to sign.

    Returns:
        Sentences; "" where no other run sent any.
    """
    read = counted(run.counts.get("read", 0), "row")
    tried = list(() if later is None else later.retries)
    if retried is None or not retried.before:
        scope, others = f"This report is about all {read} that run {run.id} read", len(tried)
    else:
        first, *between = retried.before
        tried = [*between, *tried]
        scope = f"This report is about the {read} that run {run.id} tried again; that of run {first} is about"
        scope, others = f"{scope} all {counted(retried.read, 'row')} that it read", len(tried) + 1
    if tried:
        theirs, are = ("that", "is") if len(tried) == 1 else ("those", "are")
        scope += f"; {theirs} of {name_runs(tried)} {are} about those that were tried again"
    sign = "" if is_rehearsal(run) else " Sign both." if others == 1 else " Sign all of them."
    return f"{scope}.{sign}" if others else ""


def _target(run: Run) -> tuple[str, str, str]:
    return run.origin, run.connection, PurePath(run.mapping).name


def _compare_reasons(runs: Sequence[Run], evidence: Sequence[Evidence]) -> tuple[list[ReturningReason], int]:
    """Return the latest run's reasons that an earlier run had, and how many none had."""
    counts = [{(one.column, one.code): one.count for one in left.reasons} for left in evidence]
    known = [
        bool(run.counts) and (bool(left.reasons) or not run.counts.get("rejected"))
        for run, left in zip(runs, evidence, strict=True)
    ]
    returning, new = list[ReturningReason](), 0
    for reason in evidence[-1].reasons:
        key = reason.column, reason.code
        each = tuple(found.get(key, 0) if sure else None for found, sure in zip(counts, known, strict=True))
        if any(each[:-1]):
            returning.append(ReturningReason(reason.column, reason.code, each))
        else:
            new += 1
    return returning, new


def _compare_rows(
    runs: Sequence[Run], evidence: Sequence[Evidence]
) -> tuple[list[ReturningRow], tuple[int, ...]]:
    """Return the latest run's rejected rows that were rejected before, those of most runs first."""
    latest = _read_keys(evidence[-1])
    if latest is None:
        return [], (runs[-1].id,) if runs[-1].counts.get("rejected") else ()
    seen, unread = {key: [runs[-1].id] for key in latest}, list[int]()
    for run, left in zip(runs[-2::-1], evidence[-2::-1], strict=True):
        keys = _read_keys(left)
        if keys is None:
            unread += [run.id] if run.counts.get("rejected") or not run.counts else []
            continue
        for key in keys.keys() & seen.keys():
            seen[key].append(run.id)
    rows = [ReturningRow(key, latest[key], tuple(found[::-1])) for key, found in seen.items() if found[1:]]
    return sorted(rows, key=lambda row: -len(row.runs)), tuple(sorted(unread))


def _read_keys(evidence: Evidence) -> dict[str, str] | None:
    """Return the wrong columns by row key, as the file of rejects has them; None if it does not tell."""
    file = evidence.find("rejects")
    if file is None or explain_change(file):
        return None
    found = dict[str, str]()
    try:
        for number, (key, columns) in enumerate(read_keys(file)):
            if number >= _KEYS:
                return None
            if key:
                found[key] = columns
    except SourceError:
        return None
    return found


def scale_bars(runs: Iterable[PastRun]) -> dict[int, float]:
    """Return how long each run's bar is, as a share of the one that read the most rows, by its number."""
    read = {past.run.id: past.run.counts.get("read", 0) for past in runs}
    most = max(read.values(), default=0)
    return {number: count / most if most else 0.0 for number, count in read.items()}
