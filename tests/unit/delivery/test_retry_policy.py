"""The retry decision as a table, the reading of `Retry-After`, and what resuming sends."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.delivery import ResumePolicy
from opusmap.delivery.retry_policy import (
    ATTEMPTS,
    Decision,
    GiveUp,
    Retry,
    RetryPolicy,
    Split,
    StopRun,
    draw_delay,
)
from opusmap.journal import Item, JournalRecord, State, Timestamp
from opusmap.opus.exchange import Answer, NoAnswer, TransportError
from opusmap.opus.responses import parse_retry_after, read_exchange

NOW = 1_800_000_000.0
SERVER_TROUBLE = [408, 500, 502, 503, 504, 520, TransportError.LOST, TransportError.TIMEOUT]
NOTHING_PROCESSED = [429, TransportError.UNREACHED, TransportError.SIGN_IN]


UNREADABLE = Answer(201, b"OK", "/records")


def decide(came: int | TransportError | Answer, retry_after: float | None = None, **changes: Any) -> Decision:
    facts: dict[str, Any] = {"attempt": 1, "size": 15, "left": 120.0, "random": lambda: 0.5, **changes}
    if isinstance(came, TransportError):
        result = read_exchange(NoAnswer(came, "it broke", retry_after), ["a"])
    else:
        answer = Answer(came, b"", "/records", retry_after) if isinstance(came, int) else came
        result = read_exchange(answer, ["a"])
    return RetryPolicy().decide(result, **facts)


@pytest.mark.parametrize("problem", [*SERVER_TROUBLE, *NOTHING_PROCESSED])
def test_trouble_is_retried_with_backoff_and_as_the_server_asks(problem: int | TransportError) -> None:
    assert decide(problem) == Retry(0.5)
    assert decide(problem, attempt=3) == Retry(2.0)
    assert decide(problem, retry_after=7.0) == Retry(7.0, everyone=True)
    assert decide(problem, retry_after=0.0) == Retry(0.5)


@pytest.mark.parametrize("problem", SERVER_TROUBLE)
def test_after_the_last_attempt_each_record_is_tried_alone(problem: int | TransportError) -> None:
    assert decide(problem, attempt=ATTEMPTS) == Split(15, alone=True)
    assert decide(problem, attempt=ATTEMPTS, heard=True) == Split(15, alone=True)
    assert decide(problem, attempt=2, size=1, alone=True) == Retry(1.0)
    assert decide(problem, attempt=3, size=1, alone=True) == GiveUp(refused=False)


@pytest.mark.parametrize("problem", NOTHING_PROCESSED)
def test_after_the_last_attempt_the_run_stops_unless_others_come_through(
    problem: int | TransportError,
) -> None:
    assert isinstance(decide(problem, attempt=ATTEMPTS), StopRun)
    assert isinstance(decide(problem, attempt=ATTEMPTS, size=1, alone=True), StopRun)
    assert isinstance(decide(problem, attempt=ATTEMPTS, heard=True), Retry)
    assert isinstance(decide(problem, attempt=3, size=1, alone=True), Retry)


def test_an_unclear_answer_makes_records_go_alone_a_few_times() -> None:
    assert decide(UNREADABLE) == Split(15, alone=True)
    assert decide(UNREADABLE, size=1, attempt=1, alone=True) == Retry(0.5)
    assert decide(UNREADABLE, size=1, attempt=3, alone=True) == GiveUp(refused=False)


@pytest.mark.parametrize("status", [400, 409, 413, 422])
def test_a_refused_batch_is_halved_until_the_record_stands_alone(status: int) -> None:
    assert decide(status) == Split(2)
    assert decide(status, size=2, attempt=ATTEMPTS) == Split(2)
    assert decide(status, size=1) == GiveUp(refused=True)


def test_what_concerns_every_request_alike_stops_the_run() -> None:
    found = {status: decide(status) for status in (401, 403, 404, 301, 307, 405, 407, 410, 415, 304, 199)}
    assert all(isinstance(decision, StopRun) for decision in found.values())
    assert {status for status, decision in found.items() if getattr(decision, "sign_in", False)} == {401, 403}


def test_an_untrusted_certificate_is_not_tried_again() -> None:
    assert isinstance(decide(TransportError.UNTRUSTED), StopRun)


@given(
    problem=st.one_of(st.integers(100, 999), st.sampled_from(TransportError)),
    size=st.integers(1, 15),
    alone=st.booleans(),
    retry_after=st.sampled_from([None, 0.0, 1.0, 300.0]),
    chance=st.floats(0, 1, exclude_max=True),
)
def test_unheard_of_nothing_is_retried_for_ever_and_every_delay_is_bounded(
    problem: int | TransportError, size: int, *, alone: bool, retry_after: float | None, chance: float
) -> None:
    for attempt in range(1, ATTEMPTS + 1):
        decision = decide(
            problem, attempt=attempt, size=size, alone=alone, retry_after=retry_after, random=lambda: chance
        )
        if not isinstance(decision, Retry):
            break
        assert 0 <= decision.delay <= 300
    assert not isinstance(decision, Retry)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_a_delay_is_anything_up_to_a_doubling_ceiling(attempt: int, chance: float) -> None:
    ceiling = draw_delay(attempt, lambda: 1.0)
    assert ceiling == min(60.0, 0.5 * 2 ** min(attempt, 100))
    assert draw_delay(attempt, lambda: chance) == pytest.approx(chance * ceiling)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0.0),
        ("7", 7.0),
        (" 7 ", 7.0),
        ("1.5", 1.5),
        ("301", 300.0),
        ("9" * 60, 300.0),
        (formatdate(NOW + 90, usegmt=True), 90.0),
        (formatdate(NOW + 9000, usegmt=True), 300.0),
        (formatdate(NOW - 90, usegmt=True), None),
        (None, None),
        ("", None),
        ("inf", None),
        ("nan", None),
        ("1e9", None),
        ("-1", None),
        ("abc", None),
        ("٣", None),
        ("9" * 5000, None),
        ("Mon, 99 Foo 2026 00:00:00 GMT", None),
        ("Fri, 31 Dec 9999 23:59:59 -2400", None),
    ],
)
def test_retry_after_is_read_and_clamped_or_ignored(text: str | None, seconds: float | None) -> None:
    assert parse_retry_after(text, NOW) == seconds


@given(st.one_of(st.text(max_size=70), st.from_regex(r"[0-9A-Za-z, :+-]{1,40}", fullmatch=True)))
def test_any_retry_after_is_within_bounds_or_ignored(text: str) -> None:
    seconds = parse_retry_after(text, NOW)
    assert seconds is None or 0 <= seconds <= 300


ENTRY = Item(2, "k", b"new")
SECONDS = st.floats(0, 1e6)
POLICY = ResumePolicy(late_effect_window=30.0)


def known(
    state: State = State.ACCEPTED, content: bytes = b"new", unanswered: Timestamp | None = None
) -> JournalRecord:
    return JournalRecord(1, 2, "k", content, state, "", unanswered)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize("content", [b"new", b"old"])
def test_only_the_same_content_that_was_taken_is_unchanged(state: State, content: bytes) -> None:
    assert POLICY.is_unchanged(ENTRY, known(state, content)) is (
        state is State.ACCEPTED and content == b"new"
    )
    assert not POLICY.is_unchanged(ENTRY, None)
    assert not ResumePolicy(resend=True).is_unchanged(ENTRY, known(state, content))


def test_a_change_waits_for_what_is_left_of_the_window_and_the_same_content_does_not() -> None:
    lost = Timestamp(1000.0, 100.0)
    now = Timestamp(1012.0, 112.0)
    assert POLICY.count_wait(ENTRY, known(State.UNCERTAIN, b"old", lost), now) == 18.0
    assert POLICY.count_wait(ENTRY, known(State.ACCEPTED, b"old", lost), now) == 18.0
    assert POLICY.count_wait(ENTRY, known(State.UNCERTAIN, b"new", lost), now) == 0.0
    assert POLICY.count_wait(ENTRY, known(State.ACCEPTED, b"old"), now) == 0.0
    assert POLICY.count_wait(ENTRY, None, now) == 0.0


def test_an_unanswered_request_with_the_same_content_is_kept_until_the_window_has_passed() -> None:
    lost = Timestamp(1000.0, 100.0)
    assert (
        POLICY.find_unanswered(ENTRY, known(State.UNCERTAIN, b"new", lost), Timestamp(1029.0, 129.0)) == lost
    )
    assert (
        POLICY.find_unanswered(ENTRY, known(State.UNCERTAIN, b"new", lost), Timestamp(1030.0, 130.0)) is None
    )
    assert (
        POLICY.find_unanswered(ENTRY, known(State.UNCERTAIN, b"old", lost), Timestamp(1001.0, 101.0)) is None
    )


@given(SECONDS, SECONDS, st.floats(-1e6, 1e6), SECONDS)
def test_no_clock_that_was_set_and_no_restart_makes_more_time_pass_than_did(
    sent: float, passed: float, set_by: float, restarted_before: float
) -> None:
    """Whatever is done to either clock, a wait is never cut short."""
    before = Timestamp(1e9 + sent, sent)
    awake = sent + passed
    restarted = Timestamp(1e9 + sent + passed + set_by, min(passed, restarted_before))
    assert POLICY.count_elapsed(before, restarted) <= passed + 1e-3
    assert (
        0.0 <= POLICY.count_elapsed(before, Timestamp(1e9 + sent + passed + set_by, awake)) <= passed + 1e-3
    )


@given(SECONDS, SECONDS)
def test_clocks_that_agree_tell_the_time(sent: float, passed: float) -> None:
    before, now = Timestamp(1e9 + sent, sent), Timestamp(1e9 + sent + passed, sent + passed)
    assert POLICY.count_elapsed(before, now) == pytest.approx(passed, abs=1e-3)
