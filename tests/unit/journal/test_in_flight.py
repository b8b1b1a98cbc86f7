"""What is in flight, in memory alone: what each step of a request writes, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from opusmap.journal import Item, Result, State, Timestamp
from opusmap.journal.in_flight import InFlight, Request
from opusmap.journal.write_set import WriteSet, merge_writes

SENT, LATER = Timestamp(100.0, 10.0), Timestamp(200.0, 20.0)
TARGET, RUN = 1, 7


def items(keys: str) -> list[Item]:
    return [Item(row, key, b"h") for row, key in enumerate(keys, 2)]


def accepted(keys: str) -> list[Result]:
    return [Result(key, State.ACCEPTED) for key in keys]


def requests(writes: WriteSet) -> dict[int, str | None]:
    """Return the keys of each request that is written, by its id."""
    return {
        number: None if row is None else "".join(Request.from_row(row).items)
        for number, row in writes.requests.items()
    }


def test_a_request_is_one_row_until_all_of_it_has_its_result() -> None:
    state = InFlight()
    begun = state.begin(TARGET, RUN, items("abc"), SENT)
    assert requests(begun) == {1: "abc"}
    assert (begun.accepted, begun.detailed) == ({}, {})
    assert requests(state.finish(TARGET, RUN, accepted("ac"))) == {1: "b"}
    assert requests(state.cancel(TARGET, RUN, "b")) == {1: None}
    assert not state.find(TARGET)


def test_the_same_records_sent_again_are_the_same_request_at_a_later_time() -> None:
    state = InFlight()
    state.begin(TARGET, RUN, items("ab"), SENT)
    (row,) = state.begin(TARGET, RUN, items("ab"), LATER).requests.values()
    assert row is not None
    assert (row[0], Request.from_row(row).sent) == (1, LATER)


def test_a_part_that_is_sent_again_leaves_the_request_and_takes_the_place_of_one_that_is_over() -> None:
    state = InFlight()
    state.begin(TARGET, RUN, items("ab"), SENT)
    assert requests(state.begin(TARGET, RUN, items("ab")[:1], LATER)) == {1: "b", 2: "a"}
    state.finish(TARGET, RUN, accepted("b"))
    assert requests(state.begin(TARGET, RUN, items("c"), LATER)) == {1: "c"}


def test_an_accepted_record_removes_what_was_detailed_only_where_there_may_be_something() -> None:
    state = InFlight()
    state.any_detailed = False
    state.begin(TARGET, RUN, items("abc"), SENT)
    assert state.finish(TARGET, RUN, accepted("a")).detailed == {}
    failed = state.finish(TARGET, RUN, [Result("b", State.FAILED, "no")])
    assert (failed.accepted, list(failed.detailed)) == ({}, [(TARGET, "b")])
    later = state.finish(TARGET, RUN, accepted("c"))
    assert (list(later.accepted), later.detailed) == ([(TARGET, "c")], {(TARGET, "c"): None})


@pytest.mark.parametrize(
    "end",
    [
        lambda state: state.finish(TARGET, RUN, accepted("ab")),
        lambda state: state.finish(TARGET, RUN, accepted("aa")),
        lambda state: state.finish(TARGET, RUN + 1, accepted("a")),
        lambda state: state.finish(TARGET + 1, RUN, accepted("a")),
        lambda state: state.cancel(TARGET, RUN, "ab"),
    ],
    ids=["never begun", "twice", "another run", "another connection", "cancelled"],
)
def test_what_is_not_in_flight_is_refused_and_nothing_has_changed(end: Callable[[InFlight], object]) -> None:
    state = InFlight()
    state.begin(TARGET, RUN, items("a"), SENT)
    with pytest.raises(ValueError, match="not in flight"):
        end(state)
    assert list(state.find(TARGET)) == ["a"]


def test_what_a_killed_run_had_in_flight_is_pending_from_now_on() -> None:
    killed = Request(3, TARGET, RUN, SENT, {item.key: item for item in items("a")})
    writes = InFlight().recover([killed], LATER)
    assert writes.requests == {3: None}
    assert list(writes.detailed.values()) == [(TARGET, RUN, 2, "a", b"h", "intended", "", 200.0, 20.0)]


def test_write_sets_merge_to_what_the_last_says_of_each_row() -> None:
    state = InFlight()
    sets = [
        state.begin(TARGET, RUN, items("ab"), SENT),
        state.finish(TARGET, RUN, [Result("a", State.FAILED, "no")]),
        state.begin(TARGET, RUN, items("a"), LATER),
        state.finish(TARGET, RUN, accepted("a")),
    ]
    merged = merge_writes(sets)
    assert requests(merged) == {1: "b", 2: None}
    assert (list(merged.accepted), merged.detailed) == ([(TARGET, "a")], {(TARGET, "a"): None})
    assert len(merged) == 4
