"""Answers that tell nothing: single ones cost little, and nothing but such ones ends a run soon, in words."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from scripted_opus import Keys, Opus, Reply, make_records, respond, submit

from opusmap.errors import OpusUnavailable
from opusmap.journal import State, open_journal

PAGE = b"<!doctype html><title>Sign in to the guest network</title>"


def page() -> Reply:
    return respond(200, PAGE, Content_Type="text/html; charset=utf-8")


UNREADABLE: dict[str, Callable[[], Reply]] = {
    "a gateway's page": page,
    "no body": lambda: respond(204, b""),
    "an empty object": lambda: respond(200, {}),
    "keys that match nothing": lambda: respond(418, {"statusCode": 418, "failedItems": ["another"]}),
    "an error": lambda: respond(201, {"statusCode": 201, "error": "boom"}),
}


@pytest.mark.parametrize("concurrency", [1, 2, 8, 32])
@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_nothing_but_unreadable_answers_stop_a_run_soon_and_leave_it_resumable(
    answer: Callable[[], Reply], concurrency: int
) -> None:
    records = iter(make_records(10_000))
    opus = Opus(lambda _opus, _keys: answer())
    done = submit(opus, records, concurrency=concurrency)
    assert isinstance(done.totals.stopped, OpusUnavailable)
    assert done.totals.stopped.exit_code == 3
    assert len(opus.requests) <= 70 + concurrency
    assert opus.clock.now <= 60.0
    assert (done.totals.submitted, done.totals.failed) == (0, 0)
    assert done.totals.uncertain + done.totals.not_sent + len(list(records)) == 10_000
    assert done.totals.uncertain <= 15 * (concurrency + 3)


def test_a_run_that_stops_for_unreadable_answers_says_what_came_and_what_to_look_at() -> None:
    done = submit(Opus(lambda _opus, _keys: page()), make_records(100))
    told = str(done.totals.stopped)
    assert "Opus answers 200 (text/html): the answer is not the documented JSON" in told
    assert "it begins: <!doctype html><title>Sign in to the guest" in told
    assert "OPUSMAP_BASE_URL" in told
    assert "gateway" in told
    assert all("it begins: <!doctype" in reason for reason in done.reasons.values() if reason)


@pytest.mark.parametrize("concurrency", [1, 4, 32])
def test_a_gateway_that_takes_over_in_the_middle_stops_the_run_as_soon(concurrency: int) -> None:
    records = iter(make_records(10_000))
    opus = Opus(lambda opus, _keys: page() if len(opus.held) >= 1500 else None)
    done = submit(opus, records, concurrency=concurrency)
    assert isinstance(done.totals.stopped, OpusUnavailable)
    assert done.totals.submitted == len(opus.held)
    assert len(opus.requests) <= 100 + 2 * concurrency + 70
    assert done.totals.submitted + done.totals.uncertain + done.totals.not_sent + len(list(records)) == 10_000


@pytest.mark.parametrize("concurrency", [1, 32])
def test_a_gateway_that_answers_for_a_moment_ends_no_run(concurrency: int) -> None:
    opus = Opus(lambda opus, _keys: page() if opus.held and 0.2 < opus.clock.now < 4.0 else None)
    opus.script = lambda opus, _keys: page() if len(opus.held) >= 300 and opus.clock.now < 4.0 else None
    done = submit(opus, make_records(3000), concurrency=concurrency)
    assert done.totals.stopped is None
    assert done.totals.submitted + done.totals.uncertain == 3000
    assert done.totals.uncertain <= 45


@pytest.mark.parametrize("concurrency", [1, 4])
@pytest.mark.parametrize("poison", [{2}, {2, 3, 4}, set(range(2, 32)), set(range(2, 600, 7))], ids=len)
def test_records_whose_answers_can_never_be_read_do_not_stop_the_others(
    poison: set[int], concurrency: int
) -> None:
    bad = {f"k{row}" for row in poison}

    def script(_opus: Opus, keys: Keys) -> Reply:
        return respond(418, {"statusCode": 418, "failedItems": ["?"]}) if bad & set(keys) else None

    done = submit(Opus(script), make_records(600), concurrency=concurrency)
    assert done.totals.stopped is None
    assert {key for key, state in done.states.items() if state is State.UNCERTAIN} == bad
    assert done.totals.submitted == 600 - len(bad)


@pytest.mark.parametrize("concurrency", [1, 8])
def test_every_other_answer_unreadable_ends_no_run(concurrency: int) -> None:
    opus = Opus(lambda opus, _keys: page() if len(opus.requests) % 2 else None)
    done = submit(opus, make_records(450), concurrency=concurrency)
    assert done.totals.stopped is None
    assert done.totals.submitted + done.totals.uncertain == 450
    assert done.totals.submitted >= 400


def test_refusals_between_are_clear_answers() -> None:
    def script(opus: Opus, _keys: Keys) -> Reply:
        return page() if len(opus.requests) % 5 else respond(400, {"message": f"no {len(opus.requests) % 7}"})

    done = submit(Opus(script), make_records(300), concurrency=2)
    assert not isinstance(done.totals.stopped, OpusUnavailable)


@pytest.mark.parametrize("other", [respond(502), None], ids=["502", "reset"])
def test_unreadable_answers_mixed_with_server_trouble_stop_the_run_too(other: Any) -> None:
    import httpx

    def script(opus: Opus, _keys: Keys) -> Reply:
        if len(opus.requests) % 2:
            return page()
        return respond(502) if other is not None else httpx.ReadError("reset")

    done = submit(opus := Opus(script), make_records(3000), concurrency=4)
    assert isinstance(done.totals.stopped, OpusUnavailable)
    assert len(opus.requests) <= 200


def test_what_was_uncertain_is_sent_by_the_next_run() -> None:
    with open_journal(":memory:") as journal:
        first = submit(Opus(lambda _opus, _keys: page()), make_records(200), journal=journal)
        again = submit(opus := Opus(), make_records(200), journal=journal)
    assert first.totals.uncertain >= 45
    assert (again.totals.submitted, again.totals.unchanged, len(opus.held)) == (200, 0, 200)


def test_fewer_records_than_that_end_as_uncertain_and_what_came_is_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    done = submit(Opus(lambda _opus, _keys: page()), make_records(20), concurrency=2)
    assert (done.totals.uncertain, done.totals.stopped) == (20, None)
    lines = [each.getMessage() for each in caplog.records if each.levelno >= logging.WARNING]
    (line,) = [each for each in lines if not each.startswith("waiting")]
    assert "it begins: <!doctype html>" in line
