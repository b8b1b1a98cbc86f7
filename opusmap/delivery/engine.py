"""The engine: keeps requests in flight, and sees to it that each record comes to an end.

Owns concurrency, order and splitting. What is sent at all is decided in `batcher`;
`attempts` sends one body as often as it takes, at the pace of `rate_limit` and as `retry_policy` decides;
`results` journals what came of it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Protocol, TypeAlias

from msgspec.structs import replace

from opusmap.delivery.attempts import Attempts, DeliveryOptions
from opusmap.delivery.batcher import Batch, Batcher, KeyLock
from opusmap.delivery.early_abort import UNREADABLE_RECORDS, EarlyAbort, StopSignal
from opusmap.delivery.rate_limit import Clock, RateLimiter
from opusmap.delivery.results import Event, Results, Stopped
from opusmap.delivery.retry_policy import GiveUp, Split
from opusmap.errors import OpusmapError, StoppedEarly
from opusmap.journal import Run, Session, State
from opusmap.opus.exchange import EncodedRecord, Sender
from opusmap.opus.responses import Verdict

_SILENT = 3
"""Records that are sent alone, one after the other, without Opus dealing with anything, until it is away."""


_REFUSED = "correct the mapping or the connection, and run the same command again"
_UNMARKED = "look at these records in Opus: are they approved there? Then run the same command again"


class Sessions(Protocol):
    """What gives sessions: a journal, or what notes elsewhere what is sent."""

    def session(self, run: Run) -> AbstractAsyncContextManager[Session]:
        """Let a run send; see `Journal.session`."""


async def deliver(
    records: AsyncIterable[EncodedRecord],
    client: Sender,
    journal: Sessions,
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
        journal: where it is noted what is sent, and what became of it.
        run: the journal's run; it names the connection.
        options: how to send them.
        stop: set it to drain: requests in flight end, nothing new is sent.
        clock: time and chance.

    Raises:
        JournalError: the journal can't be written; requests in flight were dropped, and stay pending.
    """
    clock = clock or Clock()
    async with journal.session(run) as session:
        results = Results(session, resume=options.resume, now=clock.now)
        engine = asyncio.create_task(_Engine(client, results, options, clock).run(records, stop))
        engine.add_done_callback(lambda _engine: results.end())
        try:
            while events := await results.next_events():
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


_Batches: TypeAlias = "asyncio.Queue[tuple[Batch, KeyLock] | None]"


class _Engine:
    """One run that sends. All of it is touched by one event loop, and never across an await."""

    def __init__(self, client: Sender, results: Results, options: DeliveryOptions, clock: Clock) -> None:
        self._options = options
        self._key_locks = options.key_locks()
        self._early_abort = EarlyAbort()
        self._results = results
        self._stop_signal = StopSignal()
        self._clock = clock
        self._attempts = Attempts(
            client,
            results,
            RateLimiter(options.concurrency, clock, self._stop_signal, options.retries),
            self._stop_signal,
            clock,
            options,
        )
        self._broken_off: OpusmapError | None = None  # what the source said last
        self._splitting = asyncio.Lock()  # one splits at a time until a record was accepted

    async def run(self, records: AsyncIterable[EncodedRecord], stop: asyncio.Event | None) -> None:
        """Work until the records end or the run is stopped."""
        if stop is not None and stop.is_set():
            self._drain()
        concurrency = self._options.concurrency
        batcher = Batcher(
            records,
            conflict=self._options.conflict,
            resume=self._options.resume,
            look_up=self._results.look_up,
            is_taken=self._key_locks.is_taken,
            trusted_from=self._results.run.trusted_from,
            run=self._results.run.id if self._options.shared else None,
            hash_columns=self._results.hash_columns,
        )
        batches: _Batches = asyncio.Queue(concurrency)  # mapping runs ahead by a batch for each worker
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch(stop)) if stop is not None else None
            group.create_task(self._feed(batcher, batches))
            group.create_task(self._results.follow_commits())
            workers = [group.create_task(self._work(batches)) for _ in range(concurrency)]
            await asyncio.wait(workers)
            self._results.end_commits()
            if watcher is not None:
                watcher.cancel()
        if self._broken_off is not None:
            self._stop_signal.stop(self._broken_off)
        self._results.pass_over(batcher.waiting(), "not_sent")
        if self._stop_signal.reason is not None:
            self._results.note(Stopped(self._stop_signal.reason))

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._drain()

    def _drain(self) -> None:
        self._stop_signal.stop(StoppedEarly("the run was stopped"))

    async def _feed(self, batcher: Batcher, batches: _Batches) -> None:
        """Make batches ahead of the workers; what they find once the run is stopped, they count as not sent.

        A source that breaks off ends the input, not what was read before.
        """
        while not batcher.ended and not self._stop_signal.is_set:
            try:
                batch = await batcher.next()
            except OpusmapError as error:
                self._broken_off, batch = error, None
                batcher.ended = True
            if unchanged := batcher.take_unchanged():
                self._early_abort.note_accepted()
                self._results.pass_over(unchanged, "unchanged")
            self._results.pass_over(batcher.take_accepted(), "submitted")
            if batch is not None:
                await batches.put(
                    (batch, self._key_locks.take(batch.state.items))
                )  # in the order of the rows
            await self._results.room()
            await asyncio.sleep(0)  # what is in flight comes first
        await batches.put(None)

    async def _work(self, batches: _Batches) -> None:
        """Send one batch after the other.

        Once it is planned what the journal is to say of one, the next may go: its intent goes to the disk
        together with that or after it, so what the journal has as in flight is never more than a batch for
        each worker.
        """
        while (ready := await batches.get()) is not None:
            if self._early_abort.lost:
                self._abort()
            batch, lock = ready
            try:
                await lock.wait()
                heard = self._attempts.heard
                await self._deliver_when_due(batch)
                if self._attempts.heard == heard:
                    self._attempts.give_up()
                if batch.state.unreadable and self._attempts.unknown.clear == batch.state.clear:
                    self._attempts.unknown.note_batch()
                    if self._attempts.unknown.lost:
                        self._attempts.give_up_unreadable()
            finally:
                self._results.follow(lock.end)  # who comes after it looks up what the journal says
        batches.put_nowait(None)  # for the next worker

    async def _deliver_when_due(self, batch: Batch) -> None:
        """Send a batch when it may be: what must wait for a late effect goes after the rest."""
        if batch.state.stale:
            batch.state.known = await self._results.look_up(list(batch.state.items))
        if not batch.state.known:
            return await self._deliver(batch)
        now, waits = self._clock.now(), dict[str, float]()
        for key, entry in batch.state.items.items():
            known = batch.state.known.get(key)
            waits[key] = self._options.resume.count_wait(entry, known, now)
            if unanswered := self._options.resume.find_unanswered(entry, known, now):
                batch.state.unanswered[key] = unanswered
        for wait, part in _by_wait(batch, waits):
            await self._attempts.wait_for_late_effects(wait)
            await self._deliver(part)
        return None

    async def _deliver(
        self,
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
        result, decision = await self._attempts.send(batch, alone=alone, once=once, maybe=maybe)
        maybe = result.verdict is Verdict.UNKNOWN
        match decision:
            case Split(count, alone):
                parts = batch.split(count)
                if alone and batch.state.unreadable:
                    async with self._attempts.unknown.one_at_a_time():
                        await self._deliver_parts(parts, alone=True, maybe=maybe)
                elif part or alone or self._early_abort.over:
                    await self._deliver_parts(parts, alone=alone, maybe=maybe)
                else:
                    await self._deliver_while_nothing_is_accepted(parts, maybe=maybe)
            case GiveUp(refused=True):
                self._record_refused(batch, dict.fromkeys(batch.keys, result.message))
            case None if result.verdict is Verdict.ACCEPTED:
                if result.accepted:
                    self._early_abort.note_accepted()
                reasons = dict.fromkeys(result.accepted, "")
                self._results.record_results(batch, State.ACCEPTED, reasons, trusted=result.trusted)
                self._record_refused(batch, result.failed)
            case _ if maybe:
                words = result.message if decision else batch.state.unreadable or result.message
                self._results.record_results(batch, State.UNCERTAIN, dict.fromkeys(batch.keys, words))
            case _:
                await self._results.cancel(batch)

    async def _deliver_while_nothing_is_accepted(self, parts: Sequence[Batch], *, maybe: bool) -> None:
        """Split a batch while Opus has taken nothing yet: one batch at a time, because it may be no use."""
        async with self._splitting:
            if self._early_abort.lost:
                self._abort()
            if not self._early_abort.over:
                return await self._deliver_parts(parts, maybe=maybe)
        return await self._deliver_parts(parts, maybe=maybe)

    async def _deliver_parts(self, parts: Sequence[Batch], *, maybe: bool, alone: bool = False) -> None:
        silent = unreadable = 0
        for part in parts:
            heard, clear = self._attempts.heard, self._attempts.unknown.clear
            once = alone and unreadable >= UNREADABLE_RECORDS
            await self._deliver(part, part=True, alone=alone, once=once, maybe=maybe)
            silent = silent + 1 if self._attempts.heard == heard else 0
            unreadable = (
                unreadable + 1 if part.state.unreadable and self._attempts.unknown.clear == clear else 0
            )
            if silent == _SILENT:
                self._attempts.give_up()

    def _record_refused(self, batch: Batch, reasons: Mapping[str, str]) -> None:
        """Settle records that Opus refused; one that it refused before as it is tells nothing new."""
        for key, reason in reasons.items():
            known = batch.state.known.get(key)
            before = known is not None and known.state is State.FAILED
            if known is None or not before or known.content != batch.state.items[key].content:
                self._early_abort.note_refused(key, reason)
        self._results.record_results(batch, State.FAILED, reasons)

    def _abort(self) -> None:
        count, reason = self._early_abort.refused, self._early_abort.reason
        self._stop_signal.stop(
            StoppedEarly(
                f"Opus refused each of the first {count} records for the same reason: {reason}",
                _UNMARKED if self._options.destroys else _REFUSED,
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
