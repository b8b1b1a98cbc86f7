"""Lives of records with faults and kills: what is destroyed was approved, stays so, and is known to be."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from disposal_lives import MakeHome, live
from life_journals import DatabaseHome, DiskHome
from postgres import Server
from simulation import Broken

from opusmap.disposal import approvals, executing
from opusmap.disposal.marking import Ledger, MarkingSession
from opusmap.journal import Destruction, DestructionState, SqliteJournal
from opusmap.run.tombstones import Tombstones

SEEDS = 60


@pytest.mark.parametrize(
    "seeds",
    [
        pytest.param(range(first, first + 6), marks=pytest.mark.slow if first >= 6 else ())
        for first in range(0, SEEDS, 6)
    ],
    ids=lambda seeds: f"{seeds.start}-{seeds.stop - 1}",
)
def test_nothing_is_destroyed_that_was_not_approved_or_comes_back(seeds: range) -> None:
    for seed in seeds:
        live(seed)


@pytest.mark.slow
def test_lives_meet_every_kind_of_trouble() -> None:
    wanted = {"approval", "twice", "executor", "hold", "change", "copy", "killed", "refused"}
    met = Counter[str]()
    for seed in range(SEEDS):
        met += live(seed).met
        if wanted <= met.keys():
            break
    assert wanted <= met.keys(), f"never met: {wanted - met.keys()}"


def some(first: int, quick: int, last: int, step: int) -> list[Any]:
    """Return ranges of seeds, of which all but the first ones are slow."""
    return [
        pytest.param(range(at, at + step), marks=() if at < first + quick else pytest.mark.slow, id=f"{at}")
        for at in range(first, last, step)
    ]


@pytest.mark.parametrize("seeds", some(0, 4, 40, 4))
def test_a_power_loss_while_a_plan_runs_loses_no_intent_and_no_result(seeds: range) -> None:
    live_all(seeds, make_disk_home)


def live_all(seeds: range, make_home: Callable[[int], MakeHome]) -> Counter[str]:
    return sum((live(seed, make_home(seed)).met for seed in seeds), Counter[str]())


def make_disk_home(seed: int) -> MakeHome:
    return lambda folder, _: DiskHome(folder, random.Random(f"disk {seed}"))


@pytest.fixture(scope="module")
def address(postgres: Server) -> str:
    return postgres.make_database()


@pytest.mark.parametrize("seeds", some(6, 2, 36, 2))
def test_a_journal_in_postgresql_that_is_cut_off_or_taken_over_destroys_nothing_else(
    seeds: range, address: str
) -> None:
    live_all(seeds, lambda _: lambda _, now: DatabaseHome(address, now))


@pytest.mark.slow
def test_a_server_that_is_started_again_while_a_plan_runs_loses_no_intent_and_no_result(
    address: str, postgres: Server
) -> None:
    met = live_all(range(40, 52), lambda _: lambda _, now: DatabaseHome(address, now, postgres))
    assert met["cut"]


# -- bugs to be planted: each takes the place of what is sound

find_flaw, find_flaws = approvals._find_flaw, executing.find_flaws  # noqa: SLF001 - to be replaced
judge, prune, settle = MarkingSession._judge, SqliteJournal.prune, Ledger.settle  # noqa: SLF001


def accept_another_hash(approval: Any, sha256: str, records: int) -> str:
    flaw = find_flaw(approval, sha256, records)
    return "" if flaw == "it is of another plan" else flaw


def count_approvals_alone(given: Any, *, needed: int, **facts: Any) -> list[str]:
    return [] if len(given) >= needed else find_flaws(given, needed=needed, **facts)


def let_approvers_execute(given: Any, *, executors: Any, **facts: Any) -> list[str]:
    return find_flaws(given, **facts)


def ignore_holds(*_: Any) -> dict[str, str]:
    return {}


def ignore_changes(*_: Any) -> list[str]:
    return []


def prune_tombstones(self: SqliteJournal, *args: Any) -> Any:
    with self._durably() as database:
        database.execute("DELETE FROM destructions")
    return prune(self, *args)


def count_uncertain_as_done(self: MarkingSession, result: Any) -> tuple[DestructionState, str]:
    state, answer = judge(self, result)
    return (DestructionState.DESTROYED if state is DestructionState.UNCERTAIN else state), answer


def count_uncertain_as_failed(self: MarkingSession, result: Any) -> tuple[DestructionState, str]:
    state, answer = judge(self, result)
    return (DestructionState.FAILED if state is DestructionState.UNCERTAIN else state), answer


def believe_every_refusal(self: MarkingSession, result: Any) -> tuple[DestructionState, str]:
    if result.state.name == "FAILED":
        return DestructionState.FAILED, result.reason
    return judge(self, result)


def settle_as_all_done(self: Ledger, *_: Any) -> None:
    keys = self.find(DestructionState.PENDING, DestructionState.UNCERTAIN)
    self.note(dict.fromkeys(keys, (DestructionState.DESTROYED, "")))


def settle_without_waiting(self: Ledger, listed: Any, window: float) -> None:
    settle(self, listed, -1.0)


def note_no_intent(self: MarkingSession, items: Any, sent: Any) -> Any:
    return self.cancel([])


def let_all_pass(self: Tombstones, chunk: Any, row_at: Any) -> Any:
    return chunk


def is_surely_destroyed(self: Destruction) -> bool:
    return self.state is DestructionState.DESTROYED and not self.lifted


BUGS: list[tuple[int, Any, str, Callable[..., Any] | property]] = [
    (3, approvals, "_find_flaw", accept_another_hash),
    (1, executing, "find_flaws", count_approvals_alone),
    (3, executing, "find_flaws", let_approvers_execute),
    (0, executing, "find_held", ignore_holds),
    (2, executing, "find_changes", ignore_changes),
    (0, SqliteJournal, "prune", prune_tombstones),
    (0, MarkingSession, "_judge", count_uncertain_as_done),
    (15, MarkingSession, "_judge", count_uncertain_as_failed),
    (15, MarkingSession, "_judge", believe_every_refusal),
    (0, Ledger, "settle", settle_as_all_done),
    (28, Ledger, "settle", settle_without_waiting),
    (2, MarkingSession, "begin", note_no_intent),
    (0, Tombstones, "filter", let_all_pass),
    (2, Destruction, "is_tombstone", property(is_surely_destroyed)),
]


@pytest.mark.parametrize(
    ("first", "owner", "name", "bug"),
    BUGS,
    ids=[getattr(bug[3], "__name__", "is_surely_destroyed") for bug in BUGS],
)
def test_a_planted_bug_is_caught_by_a_life_that_holds_without_it(
    first: int, owner: Any, name: str, bug: Any
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(owner, name, bug)
        for seed in itertools.chain([first], (seed for seed in range(SEEDS) if seed != first)):
            try:
                live(seed)
            except Broken:
                break
        else:
            pytest.fail(f"{SEEDS} lives do not catch it")
    live(seed)


def test_a_journal_that_does_not_sync_is_found_out_when_the_power_fails() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SqliteJournal, "sync", lambda _: None)
        with pytest.raises(Broken, match="has no tombstone"):
            live_all(range(SEEDS), make_disk_home)


def test_a_process_that_does_not_see_that_another_one_took_over_is_found_out(address: str) -> None:
    async def look_at_nothing(_: MarkingSession) -> float:
        return 0.0

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(MarkingSession, "may_send", look_at_nothing)
        with pytest.raises(Broken, match="another one has taken over"):
            live_all(range(6, SEEDS), lambda _: lambda _, now: DatabaseHome(address, now))
