"""Bugs that a submit engine could have, to be planted: each must be caught by the laws of some story.

Owns one entry a bug: what of the engine is replaced by what. Nothing here is used outside tests.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass, field
from typing import Any
from unittest.mock import patch

from opusmap.journal import (
    Change,
    Entry,
    Flight,
    Journal,
    JournalRecord,
    Moment,
    Run,
    Settlement,
    State,
    merge_changes,
)
from opusmap.submission import dispatch, intake, replies, resume
from opusmap.submission.answers import Outcome, read_answer
from opusmap.submission.intake import Intake
from opusmap.submission.pacing import Pacer
from opusmap.submission.resume import is_unchanged
from opusmap.submission.turns import Turn, Turns
from simulation.story import Variant

__all__ = ["BUGS", "Bug"]


@dataclass(frozen=True, slots=True)
class Bug:
    """A bug: how the engine is run with it, and what plants it while a story is told.

    `seed` is a story that catches it, to be told first; should stories change, another one will do.
    """

    seed: int
    variant: Variant = field(default_factory=Variant)
    plant: Callable[[], AbstractContextManager[Any]] = nullcontext


def _read(change: Callable[[Outcome, int, Sequence[str]], Outcome]) -> Callable[[], Any]:
    """Plant another reading of answers."""

    def read(status: int, body: bytes, keys: Sequence[str], **options: Any) -> Outcome:
        return change(read_answer(status, body, keys, **options), status, keys)

    return lambda: patch.object(replies, "read_answer", read)


def _done_on_500(outcome: Outcome, status: int, keys: Sequence[str]) -> Outcome:
    return Outcome(201, tuple(keys)) if status == 500 else outcome


def _uncertain_is_done(outcome: Outcome, _status: int, keys: Sequence[str]) -> Outcome:
    return Outcome(201, tuple(keys)) if outcome.uncertain else outcome


def _failed_items_unread(outcome: Outcome, _status: int, keys: Sequence[str]) -> Outcome:
    return Outcome(201, tuple(keys)) if outcome.failed else outcome


def _body_unread(outcome: Outcome, status: int, keys: Sequence[str]) -> Outcome:
    return Outcome(status, tuple(keys)) if status == 201 else outcome


def _batch_fails_whole(outcome: Outcome, status: int, keys: Sequence[str]) -> Outcome:
    return Outcome(400, failed=dict.fromkeys(keys, "invalid")) if status == 400 else outcome


class _LosesIntents(Journal):
    """Keeps what is under way in memory alone."""

    def plan_intent(self, run: Run, entries: Iterable[Entry], sent: Moment) -> Change:
        super().plan_intent(run, entries, sent)
        return Change()


class _SettlesTooEarly(Journal):
    """Calls a record taken when it is about to be sent."""

    def plan_intent(self, run: Run, entries: Iterable[Entry], sent: Moment) -> Change:
        listed = list(entries)
        intent = super().plan_intent(run, listed, sent)
        settled = self.plan_settlement(run, [Settlement(each.key, State.TAKEN) for each in listed])
        again = super().plan_intent(run, listed, sent)
        return merge_changes([intent, settled, again])


class _ForgetsTheKilled(Journal):
    """Throws away what a killed run had under way."""

    def plan_recovery(self, killed: Iterable[Flight], now: Moment) -> Change:
        return Change(flights=super().plan_recovery(killed, now).flights)


class _ForgetsLateEffects(Journal):
    """Takes a clear answer to a second request for the end of the first."""

    def plan_settlement(self, run: Run, settlements: Iterable[Settlement]) -> Change:
        certain = [Settlement(each.key, each.state, each.reason) for each in settlements]
        return super().plan_settlement(run, certain)


class _CountsTheFenceFromTheIntent(Journal):
    """Takes the moment of the intent for that of the request, whatever came in between."""

    def plan_recovery(self, killed: Iterable[Flight], _now: Moment) -> Change:
        plan = super().plan_recovery
        return merge_changes(plan([flight], flight.sent) for flight in killed)


class _LosesOutcomes(Journal):
    """Says that an outcome is written, and does not write it."""

    def plan_settlement(self, run: Run, settlements: Iterable[Settlement]) -> Change:
        super().plan_settlement(run, settlements)
        return Change()


class _NeverSyncs(Journal):
    """Takes what was written for safe."""

    def sync(self) -> None:
        pass


@contextmanager
def _resume_by_position() -> Iterator[None]:
    """Go on after the last row that was taken, whatever stands before it."""
    last = [0]

    settle = Journal.plan_settlement

    def plan_settlement(journal: Journal, run: Run, settlements: Iterable[Settlement]) -> Change:
        listed = list(settlements)
        taken = [each.key for each in listed if each.state is State.TAKEN]
        last.extend(entry.row for entry in journal._under_way(run, taken))
        return settle(journal, run, listed)

    def is_done(entry: Entry, _known: JournalRecord | None, _trusted_from: int = 0) -> bool:
        return entry.row <= max(last)

    with (
        patch.object(Journal, "plan_settlement", plan_settlement),
        patch.object(intake, "is_unchanged", is_done),
    ):
        yield


def _known_by_key(entry: Entry, known: JournalRecord | None, _trusted_from: int = 0) -> bool:
    return known is not None and known.state is State.TAKEN and known.key == entry.key


def _uncertain_counts(entry: Entry, known: JournalRecord | None, trusted_from: int = 0) -> bool:
    same = known is not None and known.state is State.UNCERTAIN and known.content == entry.content
    return same or is_unchanged(entry, known, trusted_from)


def _intended_counts(entry: Entry, known: JournalRecord | None, trusted_from: int = 0) -> bool:
    same = known is not None and known.state is State.INTENDED and known.content == entry.content
    return same or is_unchanged(entry, known, trusted_from)


def _by_the_wall(sent: Moment, now: Moment) -> float:
    return abs(now.wall - sent.wall)


def _by_the_ticks(sent: Moment, now: Moment) -> float:
    return abs(now.ticks - sent.ticks)


def _take_no_turn(_turns: Turns, keys: Collection[str]) -> Turn:
    return Turn({}, keys, [])


def _never_stale(_self: Intake, *arguments: Any, **options: Any) -> None:
    INTAKE(_self, *arguments, **{**options, "is_under_way": lambda _key: False})


async def _afford_all(_pacer: Pacer) -> None:
    pass


INTAKE = Intake.__init__


def _swap(module: Any, name: str, value: Any) -> Callable[[], Any]:
    return lambda: patch.object(module, name, value)


BUGS: Mapping[str, Bug] = {
    "marks done on a 500": Bug(1, plant=_read(_done_on_500)),
    "settles uncertain as done": Bug(10, plant=_read(_uncertain_is_done)),
    "does not read failedItems": Bug(10, plant=_read(_failed_items_unread)),
    "believes the status and not the body": Bug(10, plant=_read(_body_unread)),
    "fails a refused batch as a whole": Bug(10, plant=_read(_batch_fails_whole)),
    "drops the fence": Bug(26, Variant(options={"fence": 0.0})),
    "shortens the fence": Bug(26, Variant(options={"fence": 10.0})),
    "counts the fence by the wall clock": Bug(
        0, Variant(slow=True), _swap(resume, "count_elapsed", _by_the_wall)
    ),
    "counts the fence by the other clock": Bug(32, plant=_swap(resume, "count_elapsed", _by_the_ticks)),
    "counts the fence from the intent": Bug(23, Variant(journal=_CountsTheFenceFromTheIntent, slow=True)),
    "forgets late effects": Bug(26, Variant(journal=_ForgetsLateEffects)),
    "takes a lost answer for no effect": Bug(
        12, plant=_swap(dispatch, "may_be_processed", lambda _problem: False)
    ),
    "resumes by position": Bug(0, plant=_resume_by_position),
    "knows a record by its key alone": Bug(0, plant=_swap(intake, "is_unchanged", _known_by_key)),
    "takes uncertain for unchanged": Bug(16, plant=_swap(intake, "is_unchanged", _uncertain_counts)),
    "takes intended for unchanged": Bug(1, plant=_swap(intake, "is_unchanged", _intended_counts)),
    "lets two of one rowKey go at once": Bug(5, plant=_swap(Turns, "take", _take_no_turn)),
    "asks the journal too early": Bug(318, plant=_swap(Intake, "__init__", _never_stale)),
    "retries as often as it likes": Bug(
        14, Variant(options={"random": lambda: 0.0}), _swap(Pacer, "afford_retry", _afford_all)
    ),
    "loses the intent": Bug(26, Variant(journal=_LosesIntents)),
    "settles before it sends": Bug(4, Variant(journal=_SettlesTooEarly)),
    "forgets what a killed run had under way": Bug(26, Variant(journal=_ForgetsTheKilled)),
    "loses outcomes": Bug(0, Variant(journal=_LosesOutcomes)),
    "does not sync": Bug(31, Variant(journal=_NeverSyncs, power_loss=True)),
}
