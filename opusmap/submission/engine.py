"""The engine: keeps requests in flight, and journals what becomes of each record.

Owns concurrency, order and counting. What is sent at all is decided in `intake` and `resume`, what to do
after a request in `retry`, how fast in `pacing`; what an answer says stands in `answers`, and how it is
sent in `client`. The engine carries their decisions out.

Every record that was pulled from the iterator is counted once, as unchanged, submitted, failed, uncertain
or not sent. When the run ends early, records that were never pulled are still in the iterator: the caller
drains it and counts them as not sent.
"""

from __future__ import annotations

import asyncio
import logging
import random as random_module
import time
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from opusmap.errors import OpusmapError, OpusUnavailable, SignInError, StoppedEarly
from opusmap.journal import Commits, Journal, JournalRecord, Moment, Offload, Run, Settlement, State
from opusmap.records import Record
from opusmap.submission.answers import Outcome
from opusmap.submission.batching import Batch, Conflict, ConflictKey, encode_body, split_batch
from opusmap.submission.exchange import Sender, Trouble
from opusmap.submission.intake import Intake, Load
from opusmap.submission.pacing import Pacer
from opusmap.submission.replies import Pace, Reply, read_exchange
from opusmap.submission.resume import FENCE, count_elapsed, fence_left, keep_doubt
from opusmap.submission.retry import (
    ATTEMPTS,
    PATIENCE,
    ChangePath,
    Decision,
    GiveUp,
    RenewToken,
    Retry,
    Split,
    StopRun,
    decide_retry,
    may_be_processed,
)
from opusmap.submission.trial import Trial
from opusmap.submission.turns import Turns

__all__ = ["SubmitTotals", "submit_records"]

_LATER = "run the same command again later: what was not sent will be"
_SILENT = 3
"""Records that are sent alone, one after the other, without Opus dealing with anything, until it is away."""

_log = logging.getLogger("opusmap.submission")


@dataclass(frozen=True, slots=True)
class SubmitTotals:
    """What became of the records that were pulled, and how many requests it took.

    `requests` counts those sent to Opus (not to the identity service), `retries` those among them that
    sent the same records once more. `stopped` is why the run ended before its input did, or None; the
    caller raises it once the rest is counted. It is the source's own error where the source failed.
    """

    submitted: int = 0
    failed: int = 0
    uncertain: int = 0
    not_sent: int = 0
    unchanged: int = 0
    requests: int = 0
    retries: int = 0
    stopped: OpusmapError | None = None


async def submit_records(
    records: Iterable[Record],
    *,
    client: Sender,
    journal: Journal,
    run: Run,
    conflict: Conflict,
    conflict_key: ConflictKey = "both",
    concurrency: int = 8,
    full: bool = False,
    fence: float = FENCE,
    on_progress: Callable[[SubmitTotals], None] | None = None,
    on_reply: Callable[[Reply, int], object] | None = None,
    stop: asyncio.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
    random: Callable[[], float] = random_module.random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    offload: Offload | None = None,
) -> SubmitTotals:
    """Send records to the connection of `run` and return what became of them.

    The iterable is pulled lazily, in the event loop, a batch at a time for each free worker.

    Args:
        records: what the mapper made; an `OpusmapError` that it raises ends the input.
        client: what sends requests.
        journal: where intents and settlements are kept.
        run: the journal's run; it names the connection.
        conflict: whether Opus overwrites or skips a record that it has.
        conflict_key: the spelling of that option.
        concurrency: requests in flight at most; how many there are adapts to what Opus bears.
        full: send records, too, that Opus took already as they are, by the journal.
        fence: seconds that a changed record waits after a request whose answer was lost.
        on_progress: called after each settled request with the totals so far.
        on_reply: called after each request with what it came to, and how many times its records were sent.
        stop: set it to drain: requests in flight end, nothing new is sent.
        clock: seconds that never run backwards while the machine is up.
        wall_clock: seconds since 1970.
        random: gives numbers in [0, 1).
        sleep: waits for some seconds.
        offload: runs a commit off the event loop; by default a thread, for a journal on disk.

    Raises:
        JournalError: the journal can't be written; requests in flight were dropped, and stay intended.
    """
    plan = _Plan(
        client, journal, run, conflict, conflict_key, concurrency, full, fence, on_progress, on_reply
    )
    try:
        async with Commits(journal, offload) as commits:
            engine = _Engine(plan, commits, _Surroundings(clock, wall_clock, random, sleep))
            return await engine.run(records, stop)
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        if len(errors) == 1 or all(isinstance(error, OpusmapError) for error in errors):
            raise errors[0] from None
        raise


@dataclass(frozen=True, slots=True)
class _Plan:
    """What the caller asked for; see `submit_records`."""

    client: Sender
    journal: Journal
    run: Run
    conflict: Conflict
    conflict_key: ConflictKey
    concurrency: int
    full: bool
    fence: float
    on_progress: Callable[[SubmitTotals], None] | None
    on_reply: Callable[[Reply, int], object] | None


@dataclass(frozen=True, slots=True)
class _Surroundings:
    """Time and chance; see `submit_records`."""

    clock: Callable[[], float]
    wall_clock: Callable[[], float]
    random: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]

    def now(self) -> Moment:
        return Moment(self.wall_clock(), self.clock())


@dataclass(frozen=True, slots=True)
class _End:
    """How the sending of one body ended: settled, with a last decision, or (neither) by a halt.

    `maybe`: some request so far may have been processed.
    """

    maybe: bool
    decision: Decision | None = None
    outcome: Outcome | None = None
    words: str = "the run stopped before there was an answer"


class _Engine:
    """One run's state. All of it is touched by one event loop, and never across an await."""

    def __init__(self, plan: _Plan, commits: Commits, around: _Surroundings) -> None:
        self._plan = plan
        self._commits = commits
        self._around = around
        self._totals = SubmitTotals()
        self._halt = asyncio.Event()
        self._pacer = Pacer(plan.concurrency, around.clock, around.sleep, self._halt)
        self._turns = Turns()
        self._trial = Trial()
        self._pulling = asyncio.Lock()
        self._splitting = asyncio.Lock()  # one splits at a time until the trial is over
        self._heard = 0  # answers that show that Opus is there and working
        self._trouble = ""  # the last one, in words

    async def run(self, records: Iterable[Record], stop: asyncio.Event | None) -> SubmitTotals:
        """Work until the records end or the run is stopped."""
        intake = Intake(
            records,
            conflict=self._plan.conflict,
            full=self._plan.full,
            look_up=self._look_up,
            is_under_way=self._turns.is_taken,
            on_unchanged=self._note_unchanged,
        )
        if stop is not None and stop.is_set():
            self._stop(StoppedEarly("the run was stopped"))
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch(stop)) if stop is not None else None
            workers = [group.create_task(self._work(intake)) for _ in range(self._plan.concurrency)]
            await asyncio.wait(workers)
            if watcher is not None:
                watcher.cancel()
        self._count(not_sent=intake.waiting)
        return self._totals

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stop(StoppedEarly("the run was stopped"))

    async def _work(self, intake: Intake) -> None:
        while (load := await self._pull(intake)) is not None:
            # Nobody else runs in between, so that turns come in the order of the rows.
            async with self._turns.take(load.entries):
                heard = self._heard
                await self._deliver_load(load)
                if self._heard == heard and not load.unwritable:
                    self._stop(OpusUnavailable(self._plan.client.url, self._trouble, _LATER))

    async def _pull(self, intake: Intake) -> Load | None:
        """Return the next load. A source that breaks off ends the input, not what is in flight."""
        async with self._pulling:
            if self._halt.is_set():
                return None
            try:
                load = await intake.next()
            except OpusmapError as error:
                self._stop(error)
                return None
        if load is not None and self._trial.lost:
            self._stop_trial()
        return load

    async def _deliver_load(self, load: Load) -> None:
        """Send a load when it may be: what must wait for a fence goes after the rest."""
        if load.unwritable:
            return await self._fail_unwritable(load)
        if load.stale:
            load.known = self._look_up(list(load.entries))
        now, fence = self._around.now(), self._plan.fence
        waits = dict[str, float]()
        for key, entry in load.entries.items():
            known = load.known.get(key)
            waits[key] = fence_left(entry, known, now, fence)
            if doubt := keep_doubt(entry, known, now, fence):
                load.unanswered[key] = doubt
        for wait, part in _by_wait(load.batch, waits):
            await self._pacer.wait(wait)
            await self._deliver(load, part)
        return None

    async def _fail_unwritable(self, load: Load) -> None:
        """Note that a record failed before it could be sent."""
        if self._halt.is_set():
            return self._count(not_sent=1)
        await self._intend(load, tuple(load.entries), self._around.now())
        return await self._settle(load, State.FAILED, dict.fromkeys(load.entries, load.unwritable))

    async def _deliver(
        self, load: Load, batch: Batch, *, part: bool = False, alone: bool = False, maybe: bool = False
    ) -> None:
        """Send a batch until it is settled, in parts where that is what it takes.

        `part`: it is a part of what was sent before; `maybe`: a request before this one may have been
        processed; `alone`: see `decide_retry`.
        """
        end = await self._exchange(load, batch, alone=alone, maybe=maybe)
        match end.decision:
            case Split(count, alone):
                parts = split_batch(batch, count)
                if part or alone or self._trial.over:
                    await self._deliver_parts(load, parts, alone=alone, maybe=end.maybe)
                else:
                    await self._deliver_on_trial(load, parts, maybe=end.maybe)
            case GiveUp(refused=True):
                await self._settle_refused(load, dict.fromkeys(batch.keys, end.words))
            case None if end.outcome is not None:
                await self._settle(load, State.TAKEN, dict.fromkeys(end.outcome.taken, ""))
                await self._settle_refused(load, end.outcome.failed)
            case _ if end.maybe:
                await self._settle(load, State.UNCERTAIN, dict.fromkeys(batch.keys, end.words))
            case _:
                await self._release(load, batch)

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
        silent = 0
        for part in parts:
            heard = self._heard
            await self._deliver(load, part, part=True, alone=alone, maybe=maybe)
            silent = silent + 1 if self._heard == heard else 0
            if silent == _SILENT:
                self._stop(OpusUnavailable(self._plan.client.url, self._trouble, _LATER))

    async def _exchange(self, load: Load, batch: Batch, *, alone: bool, maybe: bool) -> _End:
        """Send one body, again as long as that is what is decided."""
        plan = self._plan
        body = encode_body(
            batch, connection_id=plan.run.connection, conflict=plan.conflict, conflict_key=plan.conflict_key
        )
        end, attempt, heard, spent = _End(maybe=maybe), 0, self._heard, 0.0
        try:
            while (reply := await self._attempt(load, batch, body, attempt + 1)) is not None:
                if reply.problem is None:
                    return replace(end, outcome=reply.outcome)
                attempt, spent = attempt + 1, spent + reply.seconds
                decision = decide_retry(
                    reply.problem,
                    attempt=attempt,
                    size=len(batch.records),
                    alone=alone,
                    heard=self._heard > heard,
                    spent=spent,
                    retry_after=reply.retry_after,
                    random=self._around.random,
                )
                end = _End(maybe=end.maybe or may_be_processed(reply.problem), words=reply.words)
                waited = await self._carry_on(decision, reply)
                if waited is None:
                    return replace(end, decision=decision)
                if attempt % ATTEMPTS == 0 or spent >= PATIENCE:
                    heard, spent = self._heard, 0.0
                spent += waited
        except SignInError as error:
            self._stop(error)
        return end

    async def _attempt(self, load: Load, batch: Batch, body: bytes, attempt: int) -> Reply | None:
        """Send one request as soon as it may be, its intent durable before; None when the run halts."""
        if not await self._pacer.admit():
            return None
        began, pace = self._around.clock(), Pace.NOT_SENT
        try:
            sent = self._around.now()
            await self._intend(load, batch.keys, sent)
            if self._halt.is_set():
                return None
            began = self._around.clock()
            exchange = await self._plan.client.send(body)
            reply = read_exchange(exchange, batch.keys, self._around.clock() - began)
            pace = reply.pace
        finally:
            self._pacer.leave(began, pace)
        self._note_reply(batch, reply, attempt)
        if reply.problem is not None and may_be_processed(reply.problem):
            load.unanswered.update(dict.fromkeys(batch.keys, sent))
        return reply

    def _note_reply(self, batch: Batch, reply: Reply, attempt: int) -> None:
        """Count a request, tell of it, and log it under an id of its own."""
        if reply.problem is not Trouble.SIGN_IN:
            self._count(requests=1, retries=int(attempt > 1))
            if self._plan.on_reply is not None:
                self._plan.on_reply(reply, attempt)
        if attempt == 1:
            self._pacer.budget.earn()
        if reply.pace is Pace.KEPT:
            self._heard += 1
        if reply.problem is not None:
            self._trouble = reply.words
        _log.debug(
            "request %d-%d: batch %d, %d records, attempt %d: %s in %.0f ms",
            self._plan.run.id,
            self._totals.requests,
            batch.number,
            len(batch.records),
            attempt,
            reply.words,
            reply.seconds * 1000,
        )

    async def _carry_on(self, decision: Decision, reply: Reply) -> float | None:
        """Do what a decision asks; return the seconds waited, or None if the body is not to be sent again."""
        match decision:
            case Retry(delay, everyone):
                wait = self._pacer.budget.spend()
                if everyone:
                    self._pacer.hold(delay)
                else:
                    wait = max(wait, delay)
                await self._pacer.wait(wait)
                return wait
            case RenewToken():
                self._plan.client.refuse_token(reply.token)
                return 0.0
            case ChangePath() if self._plan.client.change_path(reply.path):
                return 0.0
            case ChangePath():
                problem = f"{reply.words}, on {reply.path}"
                self._stop(OpusUnavailable(self._plan.client.url, problem, "look at OPUSMAP_API_PATH"))
            case StopRun(sign_in, help):
                kind = SignInError if sign_in else OpusUnavailable
                self._stop(kind(self._plan.client.url, reply.words, help))
        return None

    def _look_up(self, keys: Sequence[str]) -> Mapping[str, JournalRecord]:
        return self._plan.journal.look_up(self._plan.run, keys)

    async def _intend(self, load: Load, keys: Sequence[str], sent: Moment) -> None:
        """Journal, durably, that records are about to be sent (again)."""
        load.intended.update(keys)
        entries = [load.entries[key] for key in keys]
        await self._commits.make(self._plan.journal.plan_intent(self._plan.run, entries, sent))

    async def _settle(self, load: Load, state: State, reasons: Mapping[str, str]) -> None:
        """Journal, durably, what became of records (rowKey -> reason), then count it."""
        if not reasons:
            return
        if state is State.TAKEN:
            self._trial.note_taken()
        now, settlements = self._around.now(), list[Settlement]()
        for key, reason in reasons.items():
            doubt = load.unanswered.get(key)
            if doubt is not None and state is not State.UNCERTAIN:
                doubt = doubt if count_elapsed(doubt, now) < self._plan.fence else None
            settlements.append(Settlement(key, state, reason, doubt))
        await self._commits.make(self._plan.journal.plan_settlement(self._plan.run, settlements))
        load.intended.difference_update(reasons)
        self._count(**{_COUNTED[state]: len(reasons)})
        self._report()

    async def _settle_refused(self, load: Load, reasons: Mapping[str, str]) -> None:
        """Settle records that Opus refused; one that it refused before as it is tells nothing new."""
        for key, reason in reasons.items():
            known = load.known.get(key)
            before = known is not None and known.state is State.FAILED
            if known is None or not before or known.content != load.entries[key].content:
                self._trial.note_refused(key, reason)
        await self._settle(load, State.FAILED, reasons)

    async def _release(self, load: Load, batch: Batch) -> None:
        """Count records as not sent; an intent that certainly came to nothing is taken back."""
        if keys := load.intended.intersection(batch.keys):
            await self._commits.make(self._plan.journal.plan_release(self._plan.run, keys))
            load.intended -= keys
        self._count(not_sent=len(batch.records))

    def _note_unchanged(self, count: int) -> None:
        self._trial.note_taken()
        self._count(unchanged=count)
        self._report()

    def _report(self) -> None:
        if self._plan.on_progress is not None:
            self._plan.on_progress(self._totals)

    def _count(self, **more: int) -> None:
        self._totals = replace(
            self._totals, **{name: getattr(self._totals, name) + count for name, count in more.items()}
        )

    def _stop_trial(self) -> None:
        count, reason = self._trial.refused, self._trial.reason
        self._stop(
            StoppedEarly(
                f"Opus refused each of the first {count} records for the same reason: {reason}",
                "mend the mapping or the connection, and run the same command again",
            )
        )

    def _stop(self, error: OpusmapError) -> None:
        """Let nothing new be sent. The first reason is the run's."""
        if not self._halt.is_set():
            _log.info("the run stops: %s", error)
            self._totals = replace(self._totals, stopped=error)
            self._halt.set()
            self._pacer.wake()


_COUNTED = {State.TAKEN: "submitted", State.FAILED: "failed", State.UNCERTAIN: "uncertain"}


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
