"""What the journal's knowledge means: unchanged or not, and how long a change has to wait."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.delivery import ResumePolicy
from opusmap.journal import Item, JournalRecord, State, Timestamp

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
