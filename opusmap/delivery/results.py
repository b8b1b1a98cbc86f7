"""Results: what happened to each record of a run, in the journal first, then as an event to read.

Owns noting what is sent, and the stream of results. It decides nothing: the engine says what came of a
request.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias

import msgspec

from opusmap.delivery.batcher import Batch
from opusmap.delivery.retry_policy import ResumePolicy
from opusmap.errors import OpusmapError
from opusmap.journal import Result, Session, State, Timestamp
from opusmap.opus.exchange import EncodedRecord

Fate: TypeAlias = Literal["submitted", "failed", "uncertain", "unchanged", "not_sent"]


class RecordResult(msgspec.Struct, frozen=True, gc=False):
    """What became of a record; the journal says so by now, and would after a loss of power.

    `reason` is Opus's, or why it is not known what Opus did. `trusted`: nothing but an HTTP status says that
    it was accepted.
    """

    record: EncodedRecord
    fate: Fate
    reason: str = ""
    trusted: bool = False


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """A request to Opus that has ended after so many seconds; `again`: its records were sent before."""

    seconds: float
    again: bool


class Outlook(msgspec.Struct, frozen=True, gc=False):
    """How many requests may be in flight just now, and why nothing is sent just now, if so."""

    concurrency: int
    waiting: str = ""


class Stopped(msgspec.Struct, frozen=True):
    """Why the run ended before its input did, or the error of the source that ended it."""

    reason: OpusmapError


Event: TypeAlias = RecordResult | Attempt | Outlook | Stopped


@dataclass(slots=True)
class SubmitTotals:
    """What became of the records that were taken, and how many requests it took.

    `requests` counts those sent to Opus (not to the identity service), `retries` those among them that
    sent the same records again. `trusted` are those of the submitted that nothing but an HTTP status
    says were accepted. `stopped` is why the run ended before its input did, or None.
    """

    submitted: int = 0
    failed: int = 0
    uncertain: int = 0
    not_sent: int = 0
    unchanged: int = 0
    requests: int = 0
    retries: int = 0
    stopped: OpusmapError | None = None
    trusted: int = 0

    def add(self, event: Event) -> None:
        """Count an event."""
        match event:
            case RecordResult():
                setattr(self, event.fate, getattr(self, event.fate) + 1)
                self.trusted += event.trusted
            case Attempt(_, again):
                self.requests += 1
                self.retries += again
            case Stopped(reason):
                self.stopped = reason
            case Outlook():
                pass


_FATES: dict[State, Fate] = {
    State.ACCEPTED: "submitted",
    State.FAILED: "failed",
    State.UNCERTAIN: "uncertain",
}
_UNREAD = 1_000
"""What may wait to be read before no more records are taken."""


class Results:
    """One run's accounts. What is noted can be read by one who asks for `next_events` until they end."""

    def __init__(
        self,
        session: Session,
        *,
        resume: ResumePolicy,
        now: Callable[[], Timestamp],
    ) -> None:
        self.run = session.run
        self.look_up = session.look_up
        self.hash_columns = session.hash_columns
        self.may_send = session.may_send
        self.hold = session.hold
        self.requests = 0
        self._events = asyncio.Queue[Sequence[Event]]()
        self._room = asyncio.Event()
        self._room.set()
        self._to_do = asyncio.Queue[tuple[Awaitable[None] | None, Callable[[], object]] | None]()
        self._session = session
        self._resume = resume
        self._now = now

    async def begin(self, batch: Batch, sent: Timestamp) -> None:
        """Note, durably, that a batch's records are about to be sent (again) at this moment."""
        keys, items = batch.keys, batch.state.items
        batch.state.pending.update(keys)
        await self._session.begin([items[key] for key in keys], sent)

    def record_results(
        self, batch: Batch, state: State, reasons: Mapping[str, str], *, trusted: bool = False
    ) -> None:
        """Plan to note what became of records (rowKey -> reason); once that is durable, they are results."""
        if not reasons:
            return
        batch.state.pending.difference_update(reasons)
        unanswered = self._find_unanswered(batch, state) if batch.state.unanswered else {}
        durable = self._session.finish(
            [Result(key, state, reason, unanswered.get(key)) for key, reason in reasons.items()]
        )
        fate = _FATES[state]
        results = [
            RecordResult(record, fate, reasons[record.key], trusted)
            for record in batch.records
            if record.key in reasons
        ]
        self._to_do.put_nowait((durable, partial(self.note, *results)))

    def follow(self, then: Callable[[], object]) -> None:
        """Do something once all that is planned so far is durable, and its results can be read."""
        self._to_do.put_nowait((None, then))

    async def follow_commits(self) -> None:
        """Do what follows what is durable, in order, until `end_commits`: one task for all workers.

        Raises:
            JournalError: the journal can't be written.
        """
        while (todo := await self._to_do.get()) is not None:
            durable, then = todo
            if durable is not None:
                await durable
            then()

    def end_commits(self) -> None:
        """Say that nothing more will be planned."""
        self._to_do.put_nowait(None)

    def _find_unanswered(self, batch: Batch, state: State) -> Mapping[str, Timestamp]:
        """Return when the last request of each record ended that may still take effect."""
        unanswered, now = batch.state.unanswered, self._now()
        if state is State.UNCERTAIN:
            return unanswered
        return {key: ended for key, ended in unanswered.items() if self._resume.may_take_effect(ended, now)}

    async def cancel(self, batch: Batch) -> None:
        """Count records as not sent; an intent that certainly came to nothing is taken back."""
        if keys := batch.state.pending.intersection(batch.keys):
            await self._session.cancel(keys)
            batch.state.pending -= keys
        self.pass_over(batch.records, "not_sent")

    def pass_over(self, records: Sequence[EncodedRecord], fate: Fate) -> None:
        """Give the results of records about which the journal has nothing new to say."""
        if records:
            self.note(*[RecordResult(record, fate) for record in records])

    def note(self, *events: Event) -> None:
        """Add events for the reader."""
        self._events.put_nowait(events)
        if self._events.qsize() > _UNREAD:
            self._room.clear()

    def note_attempt(self, seconds: float, *, again: bool) -> None:
        """Give a request that has ended."""
        self.requests += 1
        self.note(Attempt(seconds, again))

    def end(self) -> None:
        """Say that there is nothing more to be read."""
        self._events.put_nowait(())

    async def next_events(self) -> Sequence[Event]:
        """Return what comes next, some events at a time; none at the end."""
        events = await self._events.get()
        if self._events.qsize() <= _UNREAD:
            self._room.set()
        return events

    async def room(self) -> None:
        """Wait as long as too much has not been read."""
        await self._room.wait()
