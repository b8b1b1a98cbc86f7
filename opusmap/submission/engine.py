"""The engine: pulls records, keeps requests in flight, and journals what becomes of each record.

Owns concurrency, order and counting. What to do after a request is decided in `retry`, what an answer
says in `answers`, how it is sent in `client`; the engine carries their decisions out.

Every record that was pulled from the iterator is counted once, as submitted, failed, uncertain or not
sent. When the run ends early, records that were never pulled are still in the iterator: the caller
drains it and counts them as not sent.
"""

from __future__ import annotations

import asyncio
import logging
import random as random_module
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from opusmap.diagnostics import quote_value
from opusmap.errors import OpusmapError, OpusUnavailable, SignInError, StoppedEarly
from opusmap.journal import Entry, Journal, Moment, Run, Settlement, State, hash_content
from opusmap.records import Record
from opusmap.submission.answers import Outcome, read_answer
from opusmap.submission.batching import Batch, Conflict, ConflictKey, encode_body, make_batches, split_batch
from opusmap.submission.exchange import Exchange, NoAnswer, Sender, Trouble
from opusmap.submission.retry import (
    ATTEMPTS,
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
from opusmap.submission.turns import Turns

__all__ = ["SubmitTotals", "submit_records"]

_LATER = "run the same command again later: what was not sent will be"

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
    on_progress: Callable[[SubmitTotals], None] | None = None,
    stop: asyncio.Event | None = None,
    clock: Callable[[], float] = time.monotonic,
    wall_clock: Callable[[], float] = time.time,
    random: Callable[[], float] = random_module.random,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
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
        concurrency: requests in flight at most.
        full: send records, too, that Opus took already as they are, by the journal.
        on_progress: called after each settled request with the totals so far.
        stop: set it to drain: requests in flight end, nothing new is sent.
        clock: seconds that never run backwards.
        wall_clock: seconds since 1970.
        random: gives numbers in [0, 1).
        sleep: waits for some seconds.

    Raises:
        JournalError: the journal can't be written; requests in flight were dropped, and stay intended.
    """
    engine = _Engine(
        client, journal, run, conflict, conflict_key, full, on_progress, clock, wall_clock, random, sleep
    )
    try:
        return await engine.run(records, concurrency, stop)
    except BaseExceptionGroup as group:
        errors = list(_leaves(group))
        if len(errors) == 1 or all(isinstance(error, OpusmapError) for error in errors):
            raise errors[0] from None
        raise


@dataclass(frozen=True, slots=True)
class _Reply:
    """One request's result. `problem` is None when `outcome` is settled; `words` says it for a person."""

    problem: int | Trouble | None
    words: str
    outcome: Outcome | None = None
    retry_after: float | None = None
    token: int = 0
    path: str = ""


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

    def __init__(
        self,
        client: Sender,
        journal: Journal,
        run: Run,
        conflict: Conflict,
        conflict_key: ConflictKey,
        full: bool,  # noqa: FBT001 - made in one place, above
        on_progress: Callable[[SubmitTotals], None] | None,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
        random: Callable[[], float],
        sleep: Callable[[float], Awaitable[None]],
    ) -> None:
        self._client = client
        self._journal = journal
        self._run = run
        self._conflict: Conflict = conflict
        self._conflict_key: ConflictKey = conflict_key
        self._full = full
        self._on_progress = on_progress or (lambda _totals: None)
        self._clock = clock
        self._wall_clock = wall_clock
        self._random = random
        self._sleep = sleep
        self._totals = SubmitTotals()
        self._halt = asyncio.Event()
        self._not_before = float("-inf")  # until then nobody sends: Opus asked for it
        self._pulled = 0  # records pulled that no batch has brought yet
        self._heard = 0  # answers that show that Opus is there and working
        self._trouble = ""  # the last one, in words
        self._turns = Turns()

    async def run(
        self, records: Iterable[Record], concurrency: int, stop: asyncio.Event | None
    ) -> SubmitTotals:
        """Work until the records end or the run is stopped."""
        batches = make_batches(self._counted(records))
        if stop is not None and stop.is_set():
            self._stop(StoppedEarly("the run was stopped"))
        async with asyncio.TaskGroup() as group:
            watcher = group.create_task(self._watch(stop)) if stop is not None else None
            workers = [group.create_task(self._work(batches)) for _ in range(concurrency)]
            await asyncio.wait(workers)
            if watcher is not None:
                watcher.cancel()
        self._count(not_sent=self._pulled)
        return self._totals

    def _counted(self, records: Iterable[Record]) -> Iterator[Record]:
        for record in records:
            self._pulled += 1
            yield record

    async def _watch(self, stop: asyncio.Event) -> None:
        await stop.wait()
        self._stop(StoppedEarly("the run was stopped"))

    async def _work(self, batches: Iterator[Batch]) -> None:
        while (batch := self._pull(batches)) is not None:
            async with self._turns.take(batch.keys):
                if writable := self._intend(batch):
                    heard = self._heard
                    await self._deliver(writable)
                    if self._heard == heard:
                        self._stop(OpusUnavailable(self._client.url, self._trouble, _LATER))

    def _pull(self, batches: Iterator[Batch]) -> Batch | None:
        """Return the next batch. A source that breaks off ends the input, not what is in flight."""
        if self._halt.is_set():
            return None
        try:
            batch = next(batches, None)
        except OpusmapError as error:
            self._stop(error)
            return None
        if batch is not None:
            self._pulled -= len(batch.records)
        return batch

    def _intend(self, batch: Batch) -> Batch | None:
        """Journal a batch before it is sent; return what of it is to be sent.

        Left out is what can't be written as JSON at all, and what Opus took before as it is now.
        """
        if self._halt.is_set():
            self._count(not_sent=len(batch.records))
            return None
        entries: list[Entry] = []
        records: list[Record] = []
        for record in batch.records:
            try:
                record.key.encode()
                entries.append(Entry(record.row, record.key, hash_content(record.values, self._conflict)))
                records.append(record)
            except (UnicodeEncodeError, TypeError, RecursionError) as error:
                self._fail_unwritable(record, error)
        known = {} if self._full else self._journal.look_up(self._run, [entry.key for entry in entries])
        unchanged = {
            entry.key
            for entry in entries
            if (found := known.get(entry.key))
            and (found.state, found.content) == (State.TAKEN, entry.content)
        }
        if unchanged:
            self._count(unchanged=len(unchanged))
            entries = [entry for entry in entries if entry.key not in unchanged]
            records = [record for record in records if record.key not in unchanged]
        self._journal.intend(self._run, entries, self._now())
        return replace(batch, records=tuple(records)) if records else None

    def _now(self) -> Moment:
        return Moment(self._wall_clock(), self._clock())

    def _fail_unwritable(self, record: Record, error: Exception) -> None:
        key = record.key.encode(errors="backslashreplace").decode()
        self._journal.intend(self._run, [Entry(record.row, key, b"")], self._now())
        reason = f"the record can't be written as JSON: {quote_value(str(error), 200)}"
        self._journal.settle(self._run, [Settlement(key, State.FAILED, reason)])
        self._count(failed=1)

    async def _deliver(self, batch: Batch, *, alone: bool = False, maybe: bool = False) -> None:
        """Send a batch until it is settled, in parts where that is what it takes.

        `maybe`: a request before this one may have been processed; `alone`: see `decide_retry`.
        """
        end = await self._exchange(batch, alone=alone, maybe=maybe)
        match end.decision:
            case Split(parts, alone):
                for part in split_batch(batch, parts):
                    await self._deliver(part, alone=alone, maybe=end.maybe)
            case GiveUp(refused=True):
                self._settle([Settlement(key, State.FAILED, end.words) for key in batch.keys])
            case None if end.outcome is not None:
                self._settle(
                    [Settlement(key, State.TAKEN) for key in end.outcome.taken]
                    + [Settlement(key, State.FAILED, why) for key, why in end.outcome.failed.items()]
                )
            case _ if end.maybe:
                self._settle([Settlement(key, State.UNCERTAIN, end.words) for key in batch.keys])
            case _:
                self._count(not_sent=len(batch.records))

    async def _exchange(self, batch: Batch, *, alone: bool, maybe: bool) -> _End:
        """Send one body, again as long as that is what is decided."""
        body = encode_body(
            batch,
            connection_id=self._run.connection,
            conflict=self._conflict,
            conflict_key=self._conflict_key,
        )
        end, attempt, heard = _End(maybe=maybe), 0, self._heard
        while await self._may_send():
            attempt += 1
            try:
                reply = await self._send(batch, body, attempt)
                if reply.problem is None:
                    return replace(end, outcome=reply.outcome)
                decision = decide_retry(
                    reply.problem,
                    attempt=attempt,
                    size=len(batch.records),
                    alone=alone,
                    heard=self._heard > heard,
                    retry_after=reply.retry_after,
                    random=self._random,
                )
                maybe = end.maybe or may_be_processed(reply.problem)
                end = _End(maybe=maybe, words=reply.words)
                if not await self._carry_on(decision, reply):
                    return replace(end, decision=decision)
            except SignInError as error:
                self._stop(error)
            if attempt % ATTEMPTS == 0:
                heard = self._heard
        return end

    async def _send(self, batch: Batch, body: bytes, attempt: int) -> _Reply:
        """Send one request, count it, and log it under an id of its own."""
        began = self._clock()
        exchange = await self._client.send(body)
        reply = _read_exchange(exchange, batch.keys)
        if reply.problem is not Trouble.SIGN_IN:
            self._count(requests=1, retries=int(attempt > 1))
        if not isinstance(exchange, NoAnswer) and exchange.status < 500 and exchange.status not in (408, 429):  # noqa: PLR2004
            self._heard += 1
        if reply.problem is not None:
            self._trouble = reply.words
        _log.debug(
            "request %d-%d: batch %d, %d records, attempt %d: %s in %.0f ms",
            self._run.id,
            self._totals.requests,
            batch.number,
            len(batch.records),
            attempt,
            reply.words,
            (self._clock() - began) * 1000,
        )
        return reply

    async def _carry_on(self, decision: Decision, reply: _Reply) -> bool:
        """Do what a decision asks; tell whether the same body is to be sent again."""
        match decision:
            case Retry(delay, everyone=True):
                self._not_before = max(self._not_before, self._clock() + delay)
            case Retry(delay):
                await self._pause(delay)
            case RenewToken():
                self._client.refuse_token(reply.token)
            case ChangePath() if self._client.change_path(reply.path):
                pass
            case ChangePath():
                self._stop(
                    OpusUnavailable(
                        self._client.url, f"{reply.words}, on {reply.path}", "look at OPUSMAP_API_PATH"
                    )
                )
                return False
            case StopRun(sign_in, help):
                kind = SignInError if sign_in else OpusUnavailable
                self._stop(kind(self._client.url, reply.words, help))
                return False
            case _:
                return False
        return True

    async def _may_send(self) -> bool:
        """Wait until Opus lets anybody send; tell whether the run still goes on."""
        while not self._halt.is_set() and (wait := self._not_before - self._clock()) > 0:
            await self._pause(wait)
        return not self._halt.is_set()

    async def _pause(self, seconds: float) -> None:
        """Wait some seconds, or until the run is halted."""
        waits = {asyncio.ensure_future(self._sleep(seconds)), asyncio.ensure_future(self._halt.wait())}
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    def _settle(self, settlements: list[Settlement]) -> None:
        """Journal what became of records, then count it."""
        self._journal.settle(self._run, settlements)
        states = Counter(settlement.state for settlement in settlements)
        self._count(
            submitted=states[State.TAKEN], failed=states[State.FAILED], uncertain=states[State.UNCERTAIN]
        )
        self._on_progress(self._totals)

    def _count(self, **more: int) -> None:
        self._totals = replace(
            self._totals, **{name: getattr(self._totals, name) + count for name, count in more.items()}
        )

    def _stop(self, error: OpusmapError) -> None:
        """Let nothing new be sent. The first reason is the run's."""
        if not self._halt.is_set():
            _log.info("the run stops: %s", error)
            self._totals = replace(self._totals, stopped=error)
            self._halt.set()


def _read_exchange(exchange: Exchange, keys: Sequence[str]) -> _Reply:
    if isinstance(exchange, NoAnswer):
        return _Reply(exchange.trouble, exchange.detail, retry_after=exchange.retry_after)
    outcome = read_answer(exchange.status, exchange.body, keys)
    words = f"Opus answers {outcome.status}" + (f": {outcome.message}" if outcome.message else "")
    problem = None if outcome.settled else Trouble.UNCLEAR if outcome.uncertain else outcome.status
    return _Reply(problem, words, outcome, exchange.retry_after, exchange.token, exchange.path)


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error
