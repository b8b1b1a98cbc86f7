"""The engine: keeps requests in flight, and sees to it that each record comes to an end.

Owns concurrency, order and splitting. What is sent at all is decided in `intake` and `resume`; `dispatch`
sends one body as often as it takes, at the pace of `pacing` and as `retry` decides; `ledger` journals and
counts what came of it.

Every record that was pulled from the iterator is counted once, as unchanged, submitted, failed, uncertain
or not sent. When the run ends early, records that were never pulled are still in the iterator: the caller
drains it and counts them as not sent.
"""

from __future__ import annotations

import asyncio
import random as random_module
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import TypeAlias

from opusmap.delivery.attempts import Dispatch
from opusmap.delivery.batcher import Intake, Load
from opusmap.delivery.early_abort import UNREADABLE_RECORDS, Trial
from opusmap.delivery.key_order import KeyLock, KeyLocks
from opusmap.delivery.rate_limit import Pacer, Surroundings
from opusmap.delivery.results import Ledger, SubmitTotals
from opusmap.delivery.retry_policy import GiveUp, RetryPolicy, Split
from opusmap.delivery.stop_signal import Halt
from opusmap.delivery.unknown_outcomes import ResumePolicy
from opusmap.errors import OpusmapError, StoppedEarly
from opusmap.journal import Commits, Journal, Offload, Run, State
from opusmap.opus.exchange import Sender
from opusmap.opus.payload import Batch, Conflict, ConflictKey, split_batch
from opusmap.opus.replies import Reply
from opusmap.records import Record

__all__ = ["SubmitTotals", "submit_records"]

_SILENT = 3
"""Records that are sent alone, one after the other, without Opus dealing with anything, until it is away."""


async def submit_records(
    records: Iterable[Record],
    *,
    client: Sender,
    journal: Journal,
    run: Run,
    conflict: Conflict,
    conflict_key: ConflictKey = "both",
    concurrency: int = 8,
    resume: ResumePolicy | None = None,
    retries: RetryPolicy | None = None,
    key_locks: KeyLocks | None = None,
    trust_status: bool = False,
    on_progress: Callable[[SubmitTotals], None] | None = None,
    on_reply: Callable[[Reply, int], object] | None = None,
    on_failed: Callable[[Record, str], object] | None = None,
    stop: asyncio.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
    random: Callable[[], float] = random_module.random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    offload: Offload | None = None,
) -> SubmitTotals:
    """Send records to the connection of `run` and return what became of them.

    The iterable is pulled in the event loop, some batches ahead of what is sent.

    Args:
        records: what the mapper made; an `OpusmapError` that it raises ends the input.
        client: what sends requests.
        journal: where intents and settlements are kept.
        run: the journal's run; it names the connection.
        conflict: whether Opus overwrites or skips a record that it has.
        conflict_key: the spelling of that option.
        concurrency: requests in flight at most; how many there are adapts to what Opus bears.
        resume: decides what is sent at all, and what waits for an earlier request's late effect.
        retries: decides what follows a request that did not settle its records.
        key_locks: keeps the versions of a rowKey in order; no other run uses it.
        trust_status: believe an HTTP status of success that comes without a body; what it took is counted.
        on_progress: called after each settled request with the totals so far.
        on_reply: called after each request with what it came to, and how many times its records were sent.
        on_failed: called with each record that Opus refused, and its reason, once that is journalled.
        stop: set it to drain: requests in flight end, nothing new is sent.
        clock: seconds that never run backwards while the machine is up.
        wall_clock: seconds since 1970.
        random: gives numbers in [0, 1).
        sleep: waits for some seconds.
        offload: waits for the disk; by default a thread does, where the disk is slow.

    Raises:
        JournalError: the journal can't be written; requests in flight were dropped, and stay intended.
    """
    around, halt = Surroundings(clock, wall_clock, random, sleep), Halt()
    resume, retries = resume or ResumePolicy(), retries or RetryPolicy()
    try:
        async with Commits(journal, offload) as commits:
            pacer = Pacer(concurrency, around, halt, retries)
            ledger = Ledger(
                journal,
                run,
                commits,
                resume=resume,
                now=around.now,
                on_progress=_with_pace(on_progress, pacer),
                on_failed=on_failed,
            )
            dispatch = Dispatch(
                client,
                ledger,
                pacer,
                halt,
                around,
                conflict=conflict,
                conflict_key=conflict_key,
                retries=retries,
                trust_status=trust_status,
                on_reply=on_reply,
            )
            engine = _Engine(ledger, dispatch, pacer, halt, around, resume, key_locks or KeyLocks())
            intake = Intake(
                records,
                conflict=conflict,
                resume=resume,
                look_up=ledger.look_up,
                is_under_way=engine.is_under_way,
                on_unchanged=engine.pass_over,
                is_over=lambda: halt.is_set,
                trusted_from=run.trusted_from,
            )
            await engine.run(intake, concurrency, stop)
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        if len(errors) == 1 or all(isinstance(error, OpusmapError) for error in errors):
            raise errors[0] from None
        raise
    return replace(ledger.totals, stopped=halt.reason)


def _with_pace(
    on_progress: Callable[[SubmitTotals], None] | None, pacer: Pacer
) -> Callable[[SubmitTotals], None] | None:
    """Return the function that is told of totals, so that it learns the pace as well."""
    if on_progress is None:
        return None
    return lambda totals: on_progress(replace(totals, concurrency=pacer.allowed, waiting=pacer.waiting))


_Loads: TypeAlias = "asyncio.Queue[tuple[Load, KeyLock] | None]"


class _Engine:
    """One run under way. All of it is touched by one event loop, and never across an await."""

    def __init__(
        self,
        ledger: Ledger,
        dispatch: Dispatch,
        pacer: Pacer,
        halt: Halt,
        around: Surroundings,
        resume: ResumePolicy,
        key_locks: KeyLocks,
    ) -> None:
        self._key_locks = key_locks
        self._trial = Trial()
        self._ledger = ledger
        self._dispatch = dispatch
        self._pacer = pacer
        self._halt = halt
        self._around = around
        self._resume = resume
        self._broken_off: OpusmapError | None = None  # what the source said last
        self._splitting = asyncio.Lock()  # one splits at a time until the trial is over

    async def run(self, intake: Intake, concurrency: int, stop: asyncio.Event | None) -> None:
        """Work until the records end or the run is stopped."""
        if stop is not None and stop.is_set():
            self._drain()
        loads: _Loads = asyncio.Queue(concurrency)  # mapping runs ahead by a load for each worker
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch(stop)) if stop is not None else None
            group.create_task(self._feed(intake, loads))
            group.create_task(self._ledger.keep_books())
            workers = [group.create_task(self._work(loads)) for _ in range(concurrency)]
            await asyncio.wait(workers)
            self._ledger.close_books()
            if watcher is not None:
                watcher.cancel()
        if self._broken_off is not None:
            self._halt.stop(self._broken_off)
        self._ledger.count(not_sent=intake.waiting)

    def is_under_way(self, key: str) -> bool:
        """Tell whether a record with this rowKey is being sent, or waits for that."""
        return self._key_locks.is_taken(key)

    def pass_over(self, count: int) -> None:
        """Count records that Opus holds as they are."""
        self._trial.note_taken()
        self._ledger.note_unchanged(count)

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._drain()

    def _drain(self) -> None:
        self._halt.stop(StoppedEarly("the run was stopped"))

    async def _feed(self, intake: Intake, loads: _Loads) -> None:
        """Make loads ahead of the workers; what they find after a halt, they count as not sent."""
        while (load := await self._pull(intake)) is not None:
            await loads.put((load, self._key_locks.take(load.entries)))  # granted in the order of the rows
            await asyncio.sleep(0)  # what is under way comes first
        await loads.put(None)

    async def _pull(self, intake: Intake) -> Load | None:
        """Return the next load. A source that breaks off ends the input, not what was read before."""
        try:
            return await intake.next()
        except OpusmapError as error:
            self._broken_off = error
            return None

    async def _work(self, loads: _Loads) -> None:
        """Send one load after the other.

        Once it is planned what the journal is to say of one, the next may go: its intent goes to the disk
        together with that or after it, so what the journal has as under way is never more than a load for
        each worker.
        """
        while (ready := await loads.get()) is not None:
            if self._trial.lost:
                self._stop_trial()
            load, lock = ready
            try:
                await lock.wait()
                heard = self._dispatch.heard
                await self._deliver_load(load)
                if self._dispatch.heard == heard and not load.unwritable:
                    self._dispatch.give_up()
                if load.unreadable and self._dispatch.unknown.clear == load.clear:
                    self._count_unreadable()
            finally:
                self._ledger.follow(lock.end)  # who comes after it looks up what the journal says
        loads.put_nowait(None)  # for the next worker

    def _count_unreadable(self) -> None:
        self._dispatch.unknown.note_batch()
        if self._dispatch.unknown.lost:
            self._dispatch.give_up_unreadable()

    async def _deliver_load(self, load: Load) -> None:
        """Send a load when it may be: what must wait for a late effect goes after the rest."""
        if load.unwritable:
            return await self._fail_unwritable(load)
        if load.stale:
            load.known = self._ledger.look_up(list(load.entries))
        if not load.known:
            return await self._deliver(load, load.batch)
        now, waits = self._around.now(), dict[str, float]()
        for key, entry in load.entries.items():
            known = load.known.get(key)
            waits[key] = self._resume.count_wait(entry, known, now)
            if unanswered := self._resume.find_unanswered(entry, known, now):
                load.unanswered[key] = unanswered
        for wait, part in _by_wait(load.batch, waits):
            await self._dispatch.wait_for_late_effects(wait)
            await self._deliver(load, part)
        return None

    async def _fail_unwritable(self, load: Load) -> None:
        """Note that a record failed before it could be sent."""
        if self._halt.is_set:
            return self._ledger.count(not_sent=1)
        await self._ledger.intend(load, tuple(load.entries), self._around.now())
        return self._ledger.settle(load, State.FAILED, dict.fromkeys(load.entries, load.unwritable))

    async def _deliver(
        self,
        load: Load,
        batch: Batch,
        *,
        part: bool = False,
        alone: bool = False,
        once: bool = False,
        maybe: bool = False,
    ) -> None:
        """Send a batch until it is settled, in parts where that is what it takes.

        `part`: it is a part of what was sent before; `maybe`: a request before this one may have been
        processed; `alone`, `once`: see `RetryPolicy.decide`.
        """
        end = await self._dispatch.send(load, batch, alone=alone, once=once, maybe=maybe)
        match end.decision:
            case Split(count, alone):
                parts = split_batch(batch, count)
                if alone and load.unreadable:
                    async with self._dispatch.unknown.one_at_a_time():
                        await self._deliver_parts(load, parts, alone=True, maybe=end.maybe)
                elif part or alone or self._trial.over:
                    await self._deliver_parts(load, parts, alone=alone, maybe=end.maybe)
                else:
                    await self._deliver_on_trial(load, parts, maybe=end.maybe)
            case GiveUp(refused=True):
                self._settle_refused(load, dict.fromkeys(batch.keys, end.words))
            case None if end.outcome is not None:
                if end.outcome.trusted:
                    self._ledger.count(trusted=len(end.outcome.taken))
                self._settle_taken(load, end.outcome.taken)
                self._settle_refused(load, end.outcome.failed)
            case _ if end.maybe:
                words = end.words if end.decision else load.unreadable or end.words
                self._ledger.settle(load, State.UNCERTAIN, dict.fromkeys(batch.keys, words))
            case _:
                await self._ledger.release(load, batch)

    async def _deliver_on_trial(self, load: Load, parts: Sequence[Batch], *, maybe: bool) -> None:
        """Split a batch while Opus has taken nothing yet: one batch at a time, for it may be no use."""
        async with self._splitting:
            if self._trial.lost:
                self._stop_trial()
            if not self._trial.over:
                return await self._deliver_parts(load, parts, maybe=maybe)
        return await self._deliver_parts(load, parts, maybe=maybe)

    async def _deliver_parts(
        self, load: Load, parts: Sequence[Batch], *, maybe: bool, alone: bool = False
    ) -> None:
        silent = unreadable = 0
        for part in parts:
            heard, clear = self._dispatch.heard, self._dispatch.unknown.clear
            once = alone and unreadable >= UNREADABLE_RECORDS
            await self._deliver(load, part, part=True, alone=alone, once=once, maybe=maybe)
            silent = silent + 1 if self._dispatch.heard == heard else 0
            unreadable = unreadable + 1 if load.unreadable and self._dispatch.unknown.clear == clear else 0
            if silent == _SILENT:
                self._dispatch.give_up()

    def _settle_taken(self, load: Load, keys: Iterable[str]) -> None:
        if reasons := dict.fromkeys(keys, ""):
            self._trial.note_taken()
            self._ledger.settle(load, State.TAKEN, reasons)

    def _settle_refused(self, load: Load, reasons: Mapping[str, str]) -> None:
        """Settle records that Opus refused; one that it refused before as it is tells nothing new."""
        for key, reason in reasons.items():
            known = load.known.get(key)
            before = known is not None and known.state is State.FAILED
            if known is None or not before or known.content != load.entries[key].content:
                self._trial.note_refused(key, reason)
        self._ledger.settle(load, State.FAILED, reasons)

    def _stop_trial(self) -> None:
        count, reason = self._trial.refused, self._trial.reason
        self._halt.stop(
            StoppedEarly(
                f"Opus refused each of the first {count} records for the same reason: {reason}",
                "correct the mapping or the connection, and run the same command again",
            )
        )


def _by_wait(batch: Batch, waits: Mapping[str, float]) -> Iterator[tuple[float, Batch]]:
    """Yield what of a batch may go at once, then what must wait, with the seconds."""
    for late in (False, True):
        records = tuple(record for record in batch.records if (waits[record.key] > 0.0) is late)
        if records:
            yield max(waits[record.key] for record in records), replace(batch, records=records)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
