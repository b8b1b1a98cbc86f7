"""Bugs that a submit engine could have, to be planted: each must be caught by the laws of some story.

A bug is a variant of the engine: a client, a journal, a policy or locks of another class take the place of
the engine's own. Nothing here is used outside tests.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial

from opusmap.delivery import KeyLocks, ResumePolicy, RetryPolicy
from opusmap.delivery.key_order import KeyLock
from opusmap.delivery.retry_policy import may_be_processed
from opusmap.journal import (
    Item,
    Journal,
    JournalRecord,
    Request,
    Result,
    Run,
    State,
    Timestamp,
    WriteSet,
    merge_writes,
)
from opusmap.opus import Answer, NoAnswer, Sender, TransportError, read_answer
from opusmap.opus.exchange import Exchange
from simulation.story import Variant

__all__ = ["BUGS", "Bug"]


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

    async def send(self, body: bytes) -> Exchange:
        exchange = await self._client.send(body)
        if isinstance(exchange, NoAnswer):
            return self.misread_silence(exchange)
        return self.misread(exchange, [record["rowKey"] for record in json.loads(body)["data"]])

    def refuse_token(self, generation: int) -> None:
        self._client.refuse_token(generation)

    def change_path(self, path: str) -> bool:
        return self._client.change_path(path)

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
        return _accept(answer) if read_answer(answer.status, answer.body, keys).uncertain else answer


class _FailedItemsUnread(_Misreads):
    def misread(self, answer: Answer, keys: Sequence[str]) -> Answer:
        return _accept(answer) if read_answer(answer.status, answer.body, keys).failed else answer


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
        lost = nothing.trouble in (TransportError.LOST, TransportError.TIMEOUT)
        return replace(nothing, trouble=TransportError.UNREACHED) if lost else nothing


class _GatewayHasNoEffect(_Misreads):
    def misread(self, answer: Answer, _keys: Sequence[str]) -> Answer:
        return replace(answer, status=429) if may_be_processed(answer.status) else answer


# -- journals that say what is not so


class _LosesIntents(Journal):
    """Keeps what is under way in memory alone."""

    def plan_begin(self, run: Run, entries: Iterable[Item], sent: Timestamp) -> WriteSet:
        super().plan_begin(run, entries, sent)
        return WriteSet()


class _SettlesTooEarly(Journal):
    """Calls a record taken when it is about to be sent."""

    def plan_begin(self, run: Run, entries: Iterable[Item], sent: Timestamp) -> WriteSet:
        listed = list(entries)
        intent = super().plan_begin(run, listed, sent)
        settled = self.plan_finish(run, [Result(each.key, State.ACCEPTED) for each in listed])
        again = super().plan_begin(run, listed, sent)
        return merge_writes([intent, settled, again])


class _ForgetsTheKilled(Journal):
    """Throws away what a killed run had under way."""

    def plan_recovery(self, killed: Iterable[Request], now: Timestamp) -> WriteSet:
        return WriteSet(flights=super().plan_recovery(killed, now).flights)


class _ForgetsLateEffects(Journal):
    """Takes a clear answer to a second request for the end of the first."""

    def plan_finish(self, run: Run, settlements: Iterable[Result]) -> WriteSet:
        certain = [Result(each.key, each.state, each.reason) for each in settlements]
        return super().plan_finish(run, certain)


class _CountsTheWindowFromTheIntent(Journal):
    """Takes the moment of the intent for that of the request, whatever came in between."""

    def plan_recovery(self, killed: Iterable[Request], _now: Timestamp) -> WriteSet:
        plan = super().plan_recovery
        return merge_writes(plan([flight], flight.sent) for flight in killed)


class _LosesOutcomes(Journal):
    """Says that an outcome is written, and does not write it."""

    def plan_finish(self, run: Run, settlements: Iterable[Result]) -> WriteSet:
        super().plan_finish(run, settlements)
        return WriteSet()


class _NeverSyncs(Journal):
    """Takes what was written for safe."""

    def sync(self) -> None:
        pass


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


class _IntendedCounts(ResumePolicy):
    def is_unchanged(self, entry: Item, known: JournalRecord | None, trusted_from: int = 0) -> bool:
        same = known is not None and known.state is State.PENDING and known.content == entry.content
        return same or super().is_unchanged(entry, known, trusted_from)


def _resume_by_position() -> Variant:
    """Go on after the last row that was taken, whatever stands before it."""
    rows, last = dict[str, int](), [0]

    class NotesTheRow(Journal):
        def plan_begin(self, run: Run, entries: Iterable[Item], sent: Timestamp) -> WriteSet:
            listed = list(entries)
            rows.update((each.key, each.row) for each in listed)
            return super().plan_begin(run, listed, sent)

        def plan_finish(self, run: Run, settlements: Iterable[Result]) -> WriteSet:
            listed = list(settlements)
            last.extend(rows[each.key] for each in listed if each.state is State.ACCEPTED)
            return super().plan_finish(run, listed)

    class ByPosition(ResumePolicy):
        def is_unchanged(self, entry: Item, _known: JournalRecord | None, _trusted_from: int = 0) -> bool:
            return entry.row <= max(last)

    return Variant(journal=NotesTheRow, resume=ByPosition())


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
    "settles uncertain as done": Bug(10, partial(Variant, client=_UncertainIsDone)),
    "does not read failedItems": Bug(10, partial(Variant, client=_FailedItemsUnread)),
    "believes the status and not the body": Bug(10, partial(Variant, client=_BodyUnread)),
    "fails a refused batch as a whole": Bug(10, partial(Variant, client=_BatchFailsWhole)),
    "takes a lost answer for no effect": Bug(12, partial(Variant, client=_LostHasNoEffect)),
    "takes a gateway's answer for no effect": Bug(32, partial(Variant, client=_GatewayHasNoEffect)),
    "drops the late-effect window": Bug(26, partial(Variant, resume=ResumePolicy(late_effect_window=0.0))),
    "shortens the late-effect window": Bug(
        26, partial(Variant, resume=ResumePolicy(late_effect_window=10.0))
    ),
    "counts the window by the wall clock": Bug(0, partial(Variant, slow=True, resume=_CountsByTheWall())),
    "counts the window by the other clock": Bug(50, partial(Variant, resume=_CountsByTheTicks())),
    "counts the window from the intent": Bug(
        23, partial(Variant, journal=_CountsTheWindowFromTheIntent, slow=True)
    ),
    "forgets late effects": Bug(26, partial(Variant, journal=_ForgetsLateEffects)),
    "resumes by position": Bug(0, _resume_by_position),
    "knows a record by its key alone": Bug(0, partial(Variant, resume=_KnownByKey())),
    "takes uncertain for unchanged": Bug(16, partial(Variant, resume=_UncertainCounts())),
    "takes intended for unchanged": Bug(1, partial(Variant, resume=_IntendedCounts())),
    "lets two of one rowKey go at once": Bug(5, partial(Variant, key_locks=_LocksNothing)),
    "asks the journal too early": Bug(7, partial(Variant, key_locks=_SaysNothingIsTaken)),
    "retries as often as it likes": Bug(
        14, partial(Variant, pauses=False, retries=RetryPolicy(burst=math.inf))
    ),
    "loses the intent": Bug(26, partial(Variant, journal=_LosesIntents)),
    "settles before it sends": Bug(4, partial(Variant, journal=_SettlesTooEarly)),
    "forgets what a killed run had under way": Bug(26, partial(Variant, journal=_ForgetsTheKilled)),
    "loses outcomes": Bug(0, partial(Variant, journal=_LosesOutcomes)),
    "does not sync": Bug(31, partial(Variant, journal=_NeverSyncs, power_loss=True)),
}
