"""The ledger: what becomes of each record of a run, durably in the journal first, then in the totals.

Owns intents, settlements and counting. It decides nothing: the engine tells it what came of a request.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from opusmap.delivery.batcher import Load
from opusmap.delivery.unknown_outcomes import ResumePolicy
from opusmap.errors import OpusmapError
from opusmap.journal import Commits, Journal, JournalRecord, Moment, Run, Settlement, State
from opusmap.opus.payload import Batch
from opusmap.records import Record

__all__ = ["Ledger", "SubmitTotals"]


@dataclass(frozen=True, slots=True)
class SubmitTotals:
    """What became of the records that were pulled, and how many requests it took.

    `requests` counts those sent to Opus (not to the identity service), `retries` those among them that
    sent the same records once more. `stopped` is why the run ended before its input did, or None; the
    caller raises it once the rest is counted. It is the source's own error where the source failed.
    `concurrency` is how many requests may be in flight just now. `trusted` are those of the submitted that
    nothing but an HTTP status says were taken. `waiting` says why nothing is sent just now, if so.
    """

    submitted: int = 0
    failed: int = 0
    uncertain: int = 0
    not_sent: int = 0
    unchanged: int = 0
    requests: int = 0
    retries: int = 0
    stopped: OpusmapError | None = None
    concurrency: int = 0
    trusted: int = 0
    waiting: str = ""


_COUNTED = {State.TAKEN: "submitted", State.FAILED: "failed", State.UNCERTAIN: "uncertain"}


class Ledger:
    """One run's accounts. `on_progress` is told of the totals after each settlement.

    `on_failed` is told of each record that Opus refused, and why.
    """

    def __init__(
        self,
        journal: Journal,
        run: Run,
        commits: Commits,
        *,
        resume: ResumePolicy,
        now: Callable[[], Moment],
        on_progress: Callable[[SubmitTotals], None] | None = None,
        on_failed: Callable[[Record, str], object] | None = None,
    ) -> None:
        self.run = run
        self._counts = Counter[str]()
        self._to_do = asyncio.Queue[tuple[asyncio.Future[None] | None, Callable[[], object]] | None]()
        self._journal = journal
        self._commits = commits
        self._resume = resume
        self._now = now
        self._on_progress = on_progress
        self._on_failed = on_failed

    def look_up(self, keys: Sequence[str]) -> Mapping[str, JournalRecord]:
        """Return what the journal knows of records, by rowKey."""
        return self._journal.look_up(self.run, keys)

    async def intend(self, load: Load, keys: Sequence[str], sent: Moment) -> None:
        """Note, durably, that records are about to be sent (again) at this moment."""
        load.intended.update(keys)
        entries = [load.entries[key] for key in keys]
        await self._commits.make(self._journal.plan_intent(self.run, entries, sent))

    def settle(self, load: Load, state: State, reasons: Mapping[str, str]) -> None:
        """Plan to note what became of records (rowKey -> reason); once that is durable, they are counted."""
        if not reasons:
            return
        settlements = [
            Settlement(key, state, reason, self._find_unanswered(load, state, key))
            for key, reason in reasons.items()
        ]
        load.intended.difference_update(reasons)
        durable = self._commits.make(self._journal.plan_settlement(self.run, settlements), urgent=False)
        self._to_do.put_nowait((durable, partial(self._count_settled, load, state, reasons)))

    def follow(self, then: Callable[[], object]) -> None:
        """Do something once all that is planned so far is durable, and counted."""
        self._to_do.put_nowait((None, then))

    async def keep_books(self) -> None:
        """Do what follows what is durable, in order, until `close_books`: one task for all workers.

        Raises:
            JournalError: the journal can't be written.
        """
        while (todo := await self._to_do.get()) is not None:
            durable, then = todo
            if durable is not None:
                await durable
            then()

    def close_books(self) -> None:
        """Say that nothing more will be planned."""
        self._to_do.put_nowait(None)

    def _count_settled(self, load: Load, state: State, reasons: Mapping[str, str]) -> None:
        if state is State.FAILED and self._on_failed is not None:
            for key, record in zip(load.entries, load.batch.records, strict=True):
                if key in reasons:
                    self._on_failed(record, reasons[key])
        self.count(**{_COUNTED[state]: len(reasons)})
        self.report()

    def _find_unanswered(self, load: Load, state: State, key: str) -> Moment | None:
        """Return when a record's last request ended that may still take effect, if one may."""
        unanswered = load.unanswered.get(key) if load.unanswered else None
        if unanswered is None or state is State.UNCERTAIN:
            return unanswered
        return unanswered if self._resume.may_take_effect(unanswered, self._now()) else None

    async def release(self, load: Load, batch: Batch) -> None:
        """Count records as not sent; an intent that certainly came to nothing is taken back."""
        if keys := load.intended.intersection(batch.keys):
            await self._commits.make(self._journal.plan_release(self.run, keys))
            load.intended -= keys
        self.count(not_sent=len(batch.records))

    def note_unchanged(self, count: int) -> None:
        """Count records that Opus holds as they are."""
        self.count(unchanged=count)
        self.report()

    def count(self, **more: int) -> None:
        """Add to the totals."""
        for name, count in more.items():
            self._counts[name] += count

    @property
    def totals(self) -> SubmitTotals:
        """The totals so far."""
        counts: dict[str, Any] = dict(self._counts)
        return SubmitTotals(**counts)

    @property
    def requests(self) -> int:
        """Requests so far."""
        return self._counts["requests"]

    def report(self) -> None:
        """Tell of the totals so far."""
        if self._on_progress is not None:
            self._on_progress(self.totals)
