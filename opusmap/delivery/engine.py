"""The engine: keeps requests in flight, and sees to it that each record comes to an end.

Owns concurrency, order and splitting. What is sent at all is decided in `batcher` and `unknown_outcomes`;
`attempts` sends one body as often as it takes, at the pace of `rate_limit` and as `retry_policy` decides;
`results` journals what came of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from opusmap.delivery.attempts import Dispatch
from opusmap.delivery.batcher import Batcher, Load
from opusmap.delivery.early_abort import UNREADABLE_RECORDS, Trial
from opusmap.delivery.key_order import KeyLock, KeyLocks
from opusmap.delivery.rate_limit import Clock, Pacer
from opusmap.delivery.results import Event, Ledger, Stopped
from opusmap.delivery.retry_policy import GiveUp, RetryPolicy, Split
from opusmap.delivery.stop_signal import Halt
from opusmap.delivery.unknown_outcomes import ResumePolicy
from opusmap.errors import OpusmapError, StoppedEarly
from opusmap.journal import Journal, Run, State
from opusmap.opus.exchange import Sender
from opusmap.opus.payload import Batch, Conflict, ConflictKey, EncodedRecord, split_batch
from opusmap.opus.responses import Verdict

__all__ = ["DeliveryOptions", "deliver"]

_SILENT = 3
"""Records that are sent alone, one after the other, without Opus dealing with anything, until it is away."""


@dataclass(frozen=True, slots=True)
class DeliveryOptions:
    """How records are sent.

    Attributes:
        conflict: whether Opus overwrites or skips a record that it has.
        conflict_key: the spelling of that option.
        concurrency: requests in flight at most; how many there are adapts to what Opus bears.
        resume: decides what is sent at all, and what waits for an earlier request's late effect.
        retries: decides what follows a request that did not settle its records.
        key_locks: makes what keeps the versions of a rowKey in order, for one run.
        trust_status: believe an HTTP status of success that comes without a body; what it took is counted.
    """

    conflict: Conflict
    conflict_key: ConflictKey = "both"
    concurrency: int = 8
    resume: ResumePolicy = field(default_factory=ResumePolicy)
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    key_locks: Callable[[], KeyLocks] = KeyLocks
    trust_status: bool = False


async def deliver(
    records: AsyncIterable[EncodedRecord],
    client: Sender,
    journal: Journal,
    run: Run,
    options: DeliveryOptions,
    *,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
) -> AsyncIterator[Event]:
    """Send records to the connection of `run`, and yield what becomes of each once that is durable.

    Every record that was taken from `records` has one `RecordResult`. Some batches ahead of what is sent are
    taken, in the event loop. When the run ends early, records that were never taken are still in `records`.
    Close the iterator (`contextlib.aclosing`) where it is not read to its end: requests in flight are dropped
    then, and stay pending.

    Args:
        records: what to send; an `OpusmapError` that it raises ends the input.
        client: what sends requests.
        journal: where intents and settlements are kept.
        run: the journal's run; it names the connection.
        options: how to send them.
        stop: set it to drain: requests in flight end, nothing new is sent.
        clock: time and chance.

    Raises:
        JournalError: the journal can't be written; requests in flight were dropped, and stay pending.
    """
    clock = clock or Clock()
    async with journal.session(run) as session:
        ledger = Ledger(session, resume=options.resume, now=clock.now)
        engine = asyncio.create_task(_Engine(client, ledger, options, clock).run(records, stop))
        engine.add_done_callback(lambda _engine: ledger.end())
        try:
            while events := await ledger.next_events():
                for event in events:
                    yield event
        finally:
            engine.cancel()  # no more than a word where it has ended
            try:
                await engine
            except asyncio.CancelledError:
                if not engine.cancelled():
                    raise
            except BaseExceptionGroup as group:
                errors = list(_leaves(group))
                if len(errors) == 1 or all(isinstance(error, OpusmapError) for error in errors):
                    raise errors[0] from None
                raise


_Loads: TypeAlias = "asyncio.Queue[tuple[Load, KeyLock] | None]"


class _Engine:
    """One run under way. All of it is touched by one event loop, and never across an await."""

    def __init__(self, client: Sender, ledger: Ledger, options: DeliveryOptions, clock: Clock) -> None:
        self._options = options
        self._key_locks = options.key_locks()
        self._trial = Trial()
        self._ledger = ledger
        self._halt = Halt()
        self._clock = clock
        self._dispatch = Dispatch(
            client,
            ledger,
            Pacer(options.concurrency, clock, self._halt, options.retries),
            self._halt,
            clock,
            conflict=options.conflict,
            conflict_key=options.conflict_key,
            retries=options.retries,
            trust_status=options.trust_status,
        )
        self._broken_off: OpusmapError | None = None  # what the source said last
        self._splitting = asyncio.Lock()  # one splits at a time until the trial is over

    async def run(self, records: AsyncIterable[EncodedRecord], stop: asyncio.Event | None) -> None:
        """Work until the records end or the run is stopped."""
        if stop is not None and stop.is_set():
            self._drain()
        concurrency = self._options.concurrency
        batcher = Batcher(
            records,
            conflict=self._options.conflict,
            resume=self._options.resume,
            look_up=self._ledger.look_up,
            is_under_way=self._key_locks.is_taken,
            trusted_from=self._ledger.run.trusted_from,
        )
        loads: _Loads = asyncio.Queue(concurrency)  # mapping runs ahead by a batch for each worker
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch(stop)) if stop is not None else None
            group.create_task(self._feed(batcher, loads))
            group.create_task(self._ledger.keep_books())
            workers = [group.create_task(self._work(loads)) for _ in range(concurrency)]
            await asyncio.wait(workers)
            self._ledger.close_books()
            if watcher is not None:
                watcher.cancel()
        if self._broken_off is not None:
            self._halt.stop(self._broken_off)
        self._ledger.pass_over(batcher.waiting(), "not_sent")
        if self._halt.reason is not None:
            self._ledger.note(Stopped(self._halt.reason))

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._drain()

    def _drain(self) -> None:
        self._halt.stop(StoppedEarly("the run was stopped"))

    async def _feed(self, batcher: Batcher, loads: _Loads) -> None:
        """Make batches ahead of the workers; what they find after a halt, they count as not sent.

        A source that breaks off ends the input, not what was read before.
        """
        while not batcher.ended and not self._halt.is_set:
            try:
                load = await batcher.next()
            except OpusmapError as error:
                self._broken_off, load = error, None
                batcher.ended = True
            if unchanged := batcher.take_unchanged():
                self._trial.note_taken()
                self._ledger.pass_over(unchanged, "unchanged")
            if load is not None:
                await loads.put((load, self._key_locks.take(load.entries)))  # in the order of the rows
            await self._ledger.room()
            await asyncio.sleep(0)  # what is under way comes first
        await loads.put(None)

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
                if self._dispatch.heard == heard:
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
        if load.stale:
            load.known = await self._ledger.look_up(list(load.entries))
        if not load.known:
            return await self._deliver(load, load.batch)
        now, waits = self._clock.now(), dict[str, float]()
        for key, entry in load.entries.items():
            known = load.known.get(key)
            waits[key] = self._options.resume.count_wait(entry, known, now)
            if unanswered := self._options.resume.find_unanswered(entry, known, now):
                load.unanswered[key] = unanswered
        for wait, part in _by_wait(load.batch, waits):
            await self._dispatch.wait_for_late_effects(wait)
            await self._deliver(load, part)
        return None

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
        result, decision = await self._dispatch.send(load, batch, alone=alone, once=once, maybe=maybe)
        maybe = result.verdict is Verdict.UNKNOWN
        match decision:
            case Split(count, alone):
                parts = split_batch(batch, count)
                if alone and load.unreadable:
                    async with self._dispatch.unknown.one_at_a_time():
                        await self._deliver_parts(load, parts, alone=True, maybe=maybe)
                elif part or alone or self._trial.over:
                    await self._deliver_parts(load, parts, alone=alone, maybe=maybe)
                else:
                    await self._deliver_on_trial(load, parts, maybe=maybe)
            case GiveUp(refused=True):
                self._settle_refused(load, dict.fromkeys(batch.keys, result.message))
            case None if result.verdict is Verdict.ACCEPTED:
                self._settle_taken(load, result.accepted, trusted=result.trusted)
                self._settle_refused(load, result.failed)
            case _ if maybe:
                words = result.message if decision else load.unreadable or result.message
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

    def _settle_taken(self, load: Load, keys: Iterable[str], *, trusted: bool) -> None:
        if reasons := dict.fromkeys(keys, ""):
            self._trial.note_taken()
            self._ledger.settle(load, State.ACCEPTED, reasons, trusted=trusted)

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
