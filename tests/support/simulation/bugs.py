"""Bugs that a submit engine could have, to be planted: each must be caught by the laws of some story.

A bug is a variant of the engine: a client, a journal, a policy or locks of another class take the place of
the engine's own. Nothing here is used outside tests.
"""

from __future__ import annotations

import asyncio
import json
import math
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import partial

from opusmap.delivery import KeyLocks, ResumePolicy, RetryPolicy
from opusmap.delivery.batcher import KeyLock
from opusmap.journal import (
    Item,
    JournalRecord,
    Result,
    Run,
    Session,
    SqliteJournal,
    State,
    Timestamp,
)
from opusmap.journal.in_flight import InFlight, Request
from opusmap.journal.write_set import WriteSet, merge_writes
from opusmap.opus import Answer, NoAnswer, Sender, TransportError, read_exchange
from opusmap.opus.exchange import BeforeResend, Exchange
from simulation.story import Variant


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug: `plant` returns the engine that has it, for one story.

    `seed` is a story that catches it, to be told first; should stories change, another one will do.
    """

    seed: int
    plant: Callable[[], Variant]


# -- clients that misread what came


class _Misreads:
    """A client that reports something else than what it received."""

    def __init__(self, client: Sender) -> None:
        self._client = client

    @property
    def url(self) -> str:
        return self._client.url

    async def send(self, body: bytes, before_resend: BeforeResend | None = None) -> Exchange:
        exchange = await self._client.send(body, before_resend)
        if isinstance(exchange, NoAnswer):
            return self.misread_silence(exchange)
        return self.misread(exchange, [record["rowKey"] for record in json.loads(body)["data"]])

    def misread(self, answer: Answer, _keys: Sequence[str]) -> Answer:
        return answer

    def misread_silence(self, nothing: NoAnswer) -> NoAnswer:
        return nothing


def _accept(answer: Answer) -> Answer:
    """Return the same answer, as if it said that all was taken."""
    return replace(answer, status=201, body=b'{"statusCode": 201}', cut=False)


class _DoneOn500(_Misreads):
    def misread(self, answer: Answer, _keys: Sequence[str]) -> Answer:
        return _accept(answer) if answer.status == 500 else answer


class _UncertainIsDone(_Misreads):
    def misread(self, answer: Answer, keys: Sequence[str]) -> Answer:
        return _accept(answer) if read_exchange(answer, keys).unreadable else answer


class _FailedItemsUnread(_Misreads):
    def misread(self, answer: Answer, keys: Sequence[str]) -> Answer:
        return _accept(answer) if read_exchange(answer, keys).failed else answer


class _BodyUnread(_Misreads):
    def misread(self, answer: Answer, _keys: Sequence[str]) -> Answer:
        return _accept(answer) if answer.status == 201 else answer


class _BatchFailsWhole(_Misreads):
    def misread(self, answer: Answer, keys: Sequence[str]) -> Answer:
        if answer.status != 400:
            return answer
        failed = json.dumps({"statusCode": 418, "failedItems": list(keys)}).encode()
        return replace(answer, status=418, body=failed)


class _LostHasNoEffect(_Misreads):
    def misread_silence(self, nothing: NoAnswer) -> NoAnswer:
        lost = nothing.error in (TransportError.LOST, TransportError.TIMEOUT)
        return replace(nothing, error=TransportError.UNREACHED) if lost else nothing


class _GatewayHasNoEffect(_Misreads):
    def misread(self, answer: Answer, _keys: Sequence[str]) -> Answer:
        return replace(answer, status=429) if answer.status == 408 or answer.status >= 500 else answer


# -- journals that say what is not so


class _LosesIntents(InFlight):
    """Keeps what is in flight in memory alone."""

    def begin(self, target: int, run: int, items: Iterable[Item], sent: Timestamp) -> WriteSet:
        super().begin(target, run, items, sent)
        return WriteSet()


class _AcceptsTooEarly(InFlight):
    """Calls a record accepted when it is about to be sent."""

    def begin(self, target: int, run: int, items: Iterable[Item], sent: Timestamp) -> WriteSet:
        listed = list(items)
        intent = super().begin(target, run, listed, sent)
        accepted = self.finish(target, run, [Result(each.key, State.ACCEPTED) for each in listed])
        return merge_writes([intent, accepted, super().begin(target, run, listed, sent)])


class _HashesOtherBytes(InFlight):
    """Keeps with a record the hash of another one's bytes, of the same request."""

    def begin(self, target: int, run: int, items: Iterable[Item], sent: Timestamp) -> WriteSet:
        listed = list(items)
        others = [*listed[1:], listed[0]]
        mixed = [Item(each.row, each.key, other.content) for each, other in zip(listed, others, strict=True)]
        return super().begin(target, run, mixed, sent)


class _ForgetsTheKilled(InFlight):
    """Throws away what a killed run had in flight."""

    def recover(self, killed: Iterable[Request], now: Timestamp) -> WriteSet:
        return WriteSet(super().recover(killed, now).requests)


class _ForgetsLateEffects(InFlight):
    """Takes a clear answer to a second request for the end of the first."""

    def finish(self, target: int, run: int, results: Iterable[Result]) -> WriteSet:
        certain = [Result(each.key, each.state, each.reason) for each in results]
        return super().finish(target, run, certain)


class _CountsTheWindowFromTheIntent(InFlight):
    """Takes the moment of the intent for that of the request, whatever came in between."""

    def recover(self, killed: Iterable[Request], _now: Timestamp) -> WriteSet:
        recover = super().recover
        return merge_writes(recover([request], request.sent) for request in killed)


class _LosesResults(InFlight):
    """Says that a result is written, and does not write it."""

    def finish(self, target: int, run: int, results: Iterable[Result]) -> WriteSet:
        super().finish(target, run, results)
        return WriteSet()


class _NeverSyncs(SqliteJournal):
    """Takes what was written for safe."""

    def sync(self) -> None:
        pass


class _HandsOnTooEarly(SqliteJournal):
    """Says that a result is durable as soon as it is to be written."""

    @asynccontextmanager
    async def session(self, run: Run) -> AsyncIterator[Session]:
        async with super().session(run) as session:
            yield _TooEarly(session)


class _TooEarly(Session):
    def __init__(self, session: Session) -> None:
        self._session = session
        self.run = session.run

    async def look_up(self, keys: Sequence[str]) -> dict[str, JournalRecord]:
        return await self._session.look_up(keys)

    def begin(self, items: Iterable[Item], sent: Timestamp) -> Awaitable[None]:
        return self._session.begin(items, sent)

    def finish(self, results: Iterable[Result]) -> Awaitable[None]:
        self._session.finish(results)
        done = asyncio.get_running_loop().create_future()
        done.set_result(None)
        return done

    def cancel(self, keys: Iterable[str]) -> Awaitable[None]:
        return self._session.cancel(keys)


# -- policies that decide otherwise


class _CountsByTheWall(ResumePolicy):
    def count_elapsed(self, since: Timestamp, now: Timestamp) -> float:
        return abs(now.wall - since.wall)


class _CountsByTheTicks(ResumePolicy):
    def count_elapsed(self, since: Timestamp, now: Timestamp) -> float:
        return abs(now.ticks - since.ticks)


class _KnownByKey(ResumePolicy):
    def is_unchanged(self, entry: Item, known: JournalRecord | None, _trusted_from: int = 0) -> bool:
        return known is not None and known.state is State.ACCEPTED and known.key == entry.key


class _UncertainCounts(ResumePolicy):
    def is_unchanged(self, entry: Item, known: JournalRecord | None, trusted_from: int = 0) -> bool:
        same = known is not None and known.state is State.UNCERTAIN and known.content == entry.content
        return same or super().is_unchanged(entry, known, trusted_from)


class _PendingCounts(ResumePolicy):
    def is_unchanged(self, entry: Item, known: JournalRecord | None, trusted_from: int = 0) -> bool:
        same = known is not None and known.state is State.PENDING and known.content == entry.content
        return same or super().is_unchanged(entry, known, trusted_from)


def _resume_by_position() -> Variant:
    """Go on after the last row that was taken, whatever stands before it."""
    rows, last = dict[str, int](), [0]

    class NotesTheRow(InFlight):
        def begin(self, target: int, run: int, items: Iterable[Item], sent: Timestamp) -> WriteSet:
            listed = list(items)
            rows.update((each.key, each.row) for each in listed)
            return super().begin(target, run, listed, sent)

        def finish(self, target: int, run: int, results: Iterable[Result]) -> WriteSet:
            listed = list(results)
            last.extend(rows[each.key] for each in listed if each.state is State.ACCEPTED)
            return super().finish(target, run, listed)

    class ByPosition(ResumePolicy):
        def is_unchanged(self, entry: Item, _known: JournalRecord | None, _trusted_from: int = 0) -> bool:
            return entry.row <= max(last)

    return Variant(in_flight=NotesTheRow, resume=ByPosition())


class _LocksNothing(KeyLocks):
    """Lets two versions of a rowKey go at once."""

    def take(self, keys: Collection[str]) -> KeyLock:
        return KeyLocks().take(keys)


class _SaysNothingIsTaken(KeyLocks):
    """Hides that a record with the same rowKey is under way, so that the journal is asked too early."""

    def is_taken(self, _key: str) -> bool:
        return False


BUGS: Mapping[str, Bug] = {
    "marks done on a 500": Bug(1, partial(Variant, client=_DoneOn500)),
    "finishes uncertain as done": Bug(10, partial(Variant, client=_UncertainIsDone)),
    "does not read failedItems": Bug(10, partial(Variant, client=_FailedItemsUnread)),
    "believes the status and not the body": Bug(10, partial(Variant, client=_BodyUnread)),
    "fails a refused batch as a whole": Bug(10, partial(Variant, client=_BatchFailsWhole)),
    "takes a lost answer for no effect": Bug(12, partial(Variant, client=_LostHasNoEffect)),
    "takes a gateway's answer for no effect": Bug(32, partial(Variant, client=_GatewayHasNoEffect)),
    "drops the late-effect window": Bug(32, partial(Variant, resume=ResumePolicy(late_effect_window=0.0))),
    "shortens the late-effect window": Bug(
        32, partial(Variant, resume=ResumePolicy(late_effect_window=10.0))
    ),
    "counts the window by the wall clock": Bug(118, partial(Variant, slow=True, resume=_CountsByTheWall())),
    "counts the window by the other clock": Bug(61, partial(Variant, resume=_CountsByTheTicks())),
    "counts the window from the intent": Bug(
        110, partial(Variant, in_flight=_CountsTheWindowFromTheIntent, slow=True)
    ),
    "forgets late effects": Bug(15, partial(Variant, in_flight=_ForgetsLateEffects)),
    "resumes by position": Bug(0, _resume_by_position),
    "knows a record by its key alone": Bug(0, partial(Variant, resume=_KnownByKey())),
    "takes uncertain for unchanged": Bug(4, partial(Variant, resume=_UncertainCounts())),
    "takes pending for unchanged": Bug(1, partial(Variant, resume=_PendingCounts())),
    "lets two of one rowKey go at once": Bug(17, partial(Variant, key_locks=_LocksNothing)),
    "asks the journal too early": Bug(52, partial(Variant, key_locks=_SaysNothingIsTaken)),
    "retries as often as it likes": Bug(
        42, partial(Variant, pauses=False, retries=RetryPolicy(burst=math.inf))
    ),
    "loses the intent": Bug(46, partial(Variant, in_flight=_LosesIntents)),
    "accepts before it sends": Bug(14, partial(Variant, in_flight=_AcceptsTooEarly)),
    "forgets what a killed run had under way": Bug(46, partial(Variant, in_flight=_ForgetsTheKilled)),
    "hashes other bytes than it sends": Bug(0, partial(Variant, in_flight=_HashesOtherBytes)),
    "loses results": Bug(0, partial(Variant, in_flight=_LosesResults)),
    "hands a result on before it is durable": Bug(6, partial(Variant, journal=_HandsOnTooEarly)),
    "does not sync": Bug(2, partial(Variant, journal=_NeverSyncs, power_loss=True)),
}
