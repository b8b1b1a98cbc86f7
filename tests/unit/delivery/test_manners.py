"""What the engine costs Opus: bounded requests for bad records, none for what it holds, an early stop."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scripted_opus import TOKEN, Keys, Opus, Reply, make_records, respond, submit

from opusmap.delivery import ResumePolicy
from opusmap.errors import SignInError, StoppedEarly
from opusmap.journal import State, open_journal
from opusmap.records import Record

MOST = {0: 1, 1: 9, 2: 15, 3: 19, 15: 29}
"""Bad records among 15 -> requests at most."""


@given(
    st.sampled_from([0, 1, 2, 3, 15]).flatmap(lambda bad: st.permutations(range(15)).map(lambda p: p[:bad]))
)
@example([0])
@example([14])
@example([0, 14])
@example([0, 7, 14])
def test_bad_records_among_15_cost_a_bounded_number_of_requests(bad: list[int]) -> None:
    poison = {f"k{2 + place}" for place in bad}

    def script(_opus: Opus, keys: Keys) -> Reply:
        return respond(400, {"message": "bad term"}) if poison & set(keys) else None

    done = submit(opus := Opus(script), make_records(15))
    assert len(opus.requests) <= MOST[len(poison)]
    assert {key for key, state in done.states.items() if state is State.FAILED} == poison
    assert len(opus.held) == done.totals.submitted == 15 - len(poison)
    assert done.totals.retries == 0


def test_running_again_after_a_clean_run_makes_no_request() -> None:
    with open_journal(":memory:") as journal:
        first = submit(Opus(), make_records(100), journal=journal)
        again = submit(opus := Opus(), make_records(100), journal=journal)
    assert (first.totals.submitted, again.totals.unchanged) == (100, 100)
    assert (opus.requests, opus.sign_ins) == ([], 0)


def test_another_content_another_option_or_a_resend_sends_again() -> None:
    with open_journal(":memory:") as journal:
        submit(Opus(), make_records(30), journal=journal)
        changed = [*make_records(29), Record(31, "k31", {"rowKey": "k31", "leafName": "new"})]
        assert submit(Opus(), changed, journal=journal).totals.submitted == 1
        assert submit(Opus(), changed, journal=journal, conflict="skip").totals.submitted == 30
        resend = ResumePolicy(resend=True)
        done = submit(Opus(), changed, journal=journal, conflict="skip", resume=resend)
        assert done.totals.submitted == 30


def test_what_failed_is_sent_again_and_nothing_else() -> None:
    def script(opus: Opus, keys: Keys) -> Reply:
        return opus.take(set(keys) - {"k3"}, 418, failedItems=["k3"]) if "k3" in keys else None

    with open_journal(":memory:") as journal:
        submit(Opus(script), make_records(100), journal=journal)
        again = submit(opus := Opus(), make_records(100), journal=journal)
    assert (again.totals.unchanged, again.totals.submitted) == (99, 1)
    assert opus.requests == [("k3",)]


def test_records_that_are_all_refused_for_one_reason_stop_the_run_early() -> None:
    def script(_opus: Opus, keys: Keys) -> Reply:
        return respond(400, {"message": f"column Box of {keys[0]} is unknown"})

    records = iter(make_records(10_000))
    done = submit(opus := Opus(script), records, concurrency=8)
    assert isinstance(done.totals.stopped, StoppedEarly)
    assert "same reason: Opus answers 400: column Box" in str(done.totals.stopped)
    assert len(opus.requests) <= 8 + 3 * 29
    assert done.totals.failed + done.totals.not_sent + len(list(records)) == 10_000
    assert done.totals.failed <= 60


@pytest.mark.parametrize("taken", [True, False])
def test_records_that_are_refused_for_several_reasons_or_after_a_success_do_not_stop_it(
    *, taken: bool
) -> None:
    def script(_opus: Opus, keys: Keys) -> Reply:
        if taken and "k2" in keys:
            return None if len(keys) == 1 else respond(400, {"message": "bad term"})
        return respond(400, {"message": "bad term" if taken or len(keys[0]) % 2 else "no such owner"})

    done = submit(Opus(script), make_records(120), concurrency=2)
    assert done.totals.stopped is None
    assert done.totals.failed == 120 - taken


def test_a_storm_of_401_renews_the_token_once_for_all_workers() -> None:
    def script(opus: Opus, _keys: Keys) -> Reply:
        return respond(401) if opus.tokens[-1] == f"{TOKEN}1" and len(opus.held) >= 150 else None

    opus = Opus(script)
    done = submit(opus, make_records(3000), concurrency=32)
    refused = sum(token == f"{TOKEN}1" for token in opus.tokens) - 10
    assert (done.totals.submitted, done.totals.stopped) == (3000, None)
    assert opus.sign_ins == 2
    assert refused <= 32


def test_a_storm_of_401_on_each_fresh_token_stops_the_run_and_loses_nothing() -> None:
    records = iter(make_records(1000))
    done = submit(opus := Opus(lambda _opus, _keys: respond(401)), records, concurrency=16)
    assert isinstance(done.totals.stopped, SignInError)
    assert (opus.sign_ins, done.totals.submitted, done.totals.uncertain) == (2, 0, 0)
    assert done.totals.not_sent + len(list(records)) == 1000
    assert not any(state is State.PENDING for state in done.states.values())


def test_a_request_is_sent_again_with_a_new_token_only_after_the_wait_that_opus_asked_of_all() -> None:
    def script(opus: Opus, _keys: Keys) -> Reply:
        return {1: respond(429, Retry_After="30"), 2: respond(401)}.get(len(opus.requests))

    done = submit(opus := Opus(script), make_records(60), concurrency=2)
    assert [time < 30.0 for time in opus.times] == [True] * 2 + [False] * 4
    assert (done.totals.submitted, done.totals.requests, done.totals.retries) == (60, 6, 2)


@pytest.mark.parametrize("status", [401, 404])
def test_a_request_is_not_sent_again_once_the_run_stops(status: int) -> None:
    stop = asyncio.Event()

    def script(_opus: Opus, _keys: Keys) -> Reply:
        stop.set()
        return respond(status)

    done = submit(opus := Opus(script), make_records(15), concurrency=1, stop=stop)
    assert isinstance(done.totals.stopped, StoppedEarly)
    assert (len(opus.requests), done.totals.requests, done.totals.not_sent) == (1, 1, 15)
    assert not done.states


def test_a_token_that_expires_again_and_again_is_renewed_each_time() -> None:
    used = Counter[str]()

    def script(opus: Opus, _keys: Keys) -> Reply:
        used[opus.tokens[-1]] += 1
        return respond(401) if used[opus.tokens[-1]] > 20 else None

    done = submit(opus := Opus(script), make_records(3000), concurrency=4)
    assert (done.totals.submitted, done.totals.stopped) == (3000, None)
    assert 9 <= opus.sign_ins <= 13


def test_a_service_that_asks_for_an_hour_of_patience_bit_by_bit_gets_it() -> None:
    """Waits that Opus asks for are no sign that it is away: the run goes on whenever Opus does."""

    def script(opus: Opus, _keys: Keys) -> Reply:
        return respond(429, Retry_After="90") if opus.clock.now < 600 and len(opus.times) % 2 else None

    done = submit(Opus(script), make_records(300), concurrency=2)
    assert (done.totals.submitted, done.totals.stopped) == (300, None)


def test_an_opus_that_was_never_reached_is_given_up_within_ten_seconds_of_waiting() -> None:
    import httpx

    from opusmap.errors import OpusUnavailable

    opus = Opus(lambda _opus, _keys: httpx.ConnectError("refused"))
    done = submit(opus, make_records(30), concurrency=2, random=lambda: 1.0)
    assert isinstance(done.totals.stopped, OpusUnavailable)
    assert opus.clock.now <= 10.0
    gone = Opus(lambda opus, _keys: None if len(opus.requests) == 1 else httpx.ConnectError("refused"))
    submit(gone, make_records(60), concurrency=1, random=lambda: 1.0)
    assert 60.0 <= gone.clock.now <= 180.0
