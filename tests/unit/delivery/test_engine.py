"""The engine against a scripted service: every record counted once, in every trouble, on a virtual clock."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from journal_steps import count_states
from scripted_opus import SECRET, TOKEN, Keys, Opus, Reply, Script, make_records, respond, submit
from sending import send_records

from opusmap.delivery import Event, RecordResult, SubmitTotals
from opusmap.errors import OpusUnavailable, SignInError
from opusmap.journal import Journal, State, open_journal
from opusmap.opus.client import OpusClient
from opusmap.records import Record
from opusmap.settings import Secret, Settings


def test_all_records_arrive_in_bodies_of_at_most_15() -> None:
    opus = Opus()
    done = submit(opus, make_records(100), concurrency=3)
    assert done.totals == SubmitTotals(submitted=100, requests=7)
    assert list(opus.held) == [record.key for record in make_records(100)]
    assert set(done.states.values()) == {State.ACCEPTED}
    assert opus.most_requests == 3
    assert (opus.bodies[0]["id"], opus.bodies[0]["conflictOption"]) == ("c-1", "Overwrite")


def test_no_records_make_no_request_and_no_sign_in() -> None:
    opus = Opus()
    assert submit(opus, []).totals == SubmitTotals()
    assert opus.sign_ins == 0


def test_records_are_pulled_a_bounded_number_of_loads_ahead() -> None:
    opus = Opus()
    pulled = 0
    ahead = []

    def source() -> Iterator[Record]:
        nonlocal pulled
        for record in make_records(600):
            pulled += 1
            yield record

    opus.script = lambda _opus, _keys: ahead.append(pulled - len(opus.held))  # type: ignore[func-returns-value]
    submit(opus, source(), concurrency=2)
    assert 2 * 15 < max(ahead) <= (2 + 2 + 1) * 15


def test_an_intent_is_journaled_before_its_request_leaves_and_settled_before_it_counts() -> None:
    seen = []

    async def main(journal: Journal) -> None:
        run = journal.start_run(origin="o", connection="c", mapping="m")

        def script(_opus: Opus, keys: Keys) -> Reply:
            seen.append({each.key for each in journal.records(run, State.PENDING)} >= set(keys))
            return None

        def progress(event: Event, totals: SubmitTotals) -> None:
            if isinstance(event, RecordResult):
                seen.append(count_states(journal, run)[State.ACCEPTED] >= totals.submitted)

        where = Settings("https://o.example", "https://o.example/connect/token", "a", Secret("s"), Path())
        client = OpusClient(where, transport=httpx.MockTransport(Opus(script)))
        await send_records(make_records(40), client, journal, run, conflict="skip", on_event=progress)

    with open_journal(":memory:") as journal:
        asyncio.run(main(journal))
    assert seen == [True] * (3 + 40)


def test_a_rate_limit_holds_all_workers_back_for_as_long_as_opus_asks() -> None:
    def script(opus: Opus, _keys: Keys) -> Reply:
        return respond(429, Retry_After="30") if len(opus.requests) == 1 else None

    opus = Opus(script)
    done = submit(opus, make_records(300), concurrency=4)
    assert done.totals == SubmitTotals(submitted=300, requests=21, retries=1)
    # Those that had left before the answer came are the only ones before the time.
    assert sum(time < 30.0 for time in opus.times) <= 4
    assert len(opus.times) == 21


@pytest.mark.parametrize(
    "trouble",
    [
        respond,
        httpx.ConnectError("refused"),
        httpx.ReadError("reset"),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("garbage"),
    ],
    ids=["500", "refused", "reset", "timeout", "garbage"],
)
def test_passing_trouble_is_waited_out(trouble: Any) -> None:
    def script(opus: Opus, _keys: Keys) -> Reply:
        if len(opus.requests) > 3:
            return None
        return respond(500) if trouble is respond else trouble

    opus = Opus(script)
    done = submit(opus, make_records(30), concurrency=1)
    assert done.totals == SubmitTotals(submitted=30, requests=5, retries=3)
    assert opus.times == [0.0, 0.5, 1.5, 3.5, 3.5]


def test_an_answer_lost_after_processing_is_asked_for_again() -> None:
    def script(opus: Opus, keys: Keys) -> Reply:
        if len(opus.requests) == 1:
            opus.take(keys)
            return httpx.ReadError("reset")
        return None

    done = submit(opus := Opus(script), make_records(15))
    assert done.totals == SubmitTotals(submitted=15, requests=2, retries=1)
    assert len(opus.held) == 15


def test_an_expired_token_is_renewed_once_for_all() -> None:
    def script(opus: Opus, _keys: Keys) -> Reply:
        return respond(401) if opus.tokens[-1] == f"{TOKEN}1" and len(opus.held) >= 60 else None

    opus = Opus(script)
    done = submit(opus, make_records(300), concurrency=4)
    assert done.totals.submitted == 300
    assert opus.sign_ins == 2


def test_a_freshly_renewed_token_that_is_refused_stops_the_run() -> None:
    done = submit(opus := Opus(lambda _opus, _keys: respond(401)), make_records(300))
    assert isinstance(done.totals.stopped, SignInError)
    assert (done.totals.submitted, opus.sign_ins) == (0, 2)


def test_a_missing_permission_stops_the_run_with_a_sign_in_error() -> None:
    done = submit(opus := Opus(lambda _opus, _keys: respond(403)), make_records(30), concurrency=1)
    assert isinstance(done.totals.stopped, SignInError)
    assert "403" in str(done.totals.stopped)
    assert replace(done.totals, stopped=None) == SubmitTotals(not_sent=30, requests=1)
    assert len(opus.requests) == 1


def test_the_newer_path_is_found_and_kept(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "opusmap")

    def script(opus: Opus, _keys: Keys) -> Reply:
        return respond(404) if opus.paths[-1] == "/connector/records" else None

    opus = Opus(script)
    done = submit(opus, make_records(60), concurrency=2)
    tried = opus.paths.count("/connector/records")
    assert 1 <= tried <= 2
    assert done.totals == SubmitTotals(submitted=60, requests=4 + tried, retries=tried)
    assert opus.paths.count("/records/connector/records") == 4
    assert "/records/connector/records" in caplog.text


@pytest.mark.parametrize(("api_path", "requests"), [("auto", 2), ("/own", 1)])
def test_a_service_that_knows_no_path_stops_the_run(api_path: str, requests: int) -> None:
    opus = Opus(lambda _opus, _keys: respond(404))
    done = submit(opus, make_records(15), concurrency=1, api_path=api_path)
    assert isinstance(done.totals.stopped, OpusUnavailable)
    assert (done.totals.not_sent, done.totals.requests) == (15, requests)


def test_failed_items_fail_alone_with_their_reason() -> None:
    def script(opus: Opus, keys: Keys) -> Reply:
        items = [{"RowKey": "k3", "errorMessage": "no such term"}, "k4"]
        return opus.take(set(keys) - {"k3", "k4"}, 418, failedItems=items)

    done = submit(Opus(script), make_records(15))
    assert done.totals == SubmitTotals(submitted=13, failed=2, requests=1)
    assert (done.states["k3"], done.reasons["k3"]) == (State.FAILED, "no such term")
    assert done.states["k5"] is State.ACCEPTED


@pytest.mark.parametrize(("bad", "requests"), [(0, 1), (1, 9), (2, 15), (3, 19), (15, 29)])
def test_poison_stands_alone_in_the_end_and_costs_a_bounded_number_of_requests(
    bad: int, requests: int
) -> None:
    poison = {f"k{2 + place * 15 // max(bad, 1)}" for place in range(bad)}

    def script(_opus: Opus, keys: Keys) -> Reply:
        return respond(400, {"statusCode": 400, "message": "bad term"}) if poison & set(keys) else None

    done = submit(opus := Opus(script), make_records(15))
    assert (done.totals.submitted, done.totals.failed) == (15 - bad, bad)
    assert len(opus.requests) <= requests
    assert {key for key, state in done.states.items() if state is State.FAILED} == poison
    assert all("bad term" in done.reasons[key] for key in poison)


def test_an_answer_that_can_not_be_read_sends_each_record_alone() -> None:
    def script(opus: Opus, keys: Keys) -> Reply:
        return respond(201, b'{"statusCode": 2') if len(keys) > 1 or keys == ("k5",) else None

    done = submit(opus := Opus(script), make_records(15))
    assert done.totals == SubmitTotals(submitted=14, uncertain=1, requests=1 + 14 + 3, retries=2)
    assert done.states["k5"] is State.UNCERTAIN
    assert len(opus.requests[0]) == 15


def test_a_record_that_breaks_the_server_is_told_apart_and_does_not_stop_the_others() -> None:
    opus = Opus(lambda _opus, keys: respond(500) if "k2" in keys else None)
    done = submit(opus, make_records(60), concurrency=1)
    assert (done.totals.submitted, done.totals.uncertain, done.totals.stopped) == (59, 1, None)
    assert done.states["k2"] is State.UNCERTAIN


def test_when_opus_can_not_be_reached_nothing_is_uncertain_and_the_rest_stays_with_the_caller() -> None:
    records = iter(make_records(1000))
    opus = Opus(lambda _opus, _keys: httpx.ConnectError("refused"))
    done = submit(opus, records, concurrency=2)
    assert isinstance(done.totals.stopped, OpusUnavailable)
    assert done.totals.not_sent + len(list(records)) == 1000
    assert done.totals.requests <= 16


def test_when_the_server_stays_in_trouble_the_run_stops_and_what_it_may_have_done_is_uncertain() -> None:
    records = iter(make_records(1000))
    done = submit(Opus(lambda _opus, _keys: respond(503)), records, concurrency=2)
    totals = done.totals
    assert isinstance(totals.stopped, OpusUnavailable)
    assert totals.submitted == 0
    assert totals.uncertain >= 15
    assert totals.uncertain + totals.not_sent + len(list(records)) == 1000


def test_a_worker_that_is_limited_for_long_goes_on_while_others_come_through() -> None:
    refused = Counter[str]()

    def script(_opus: Opus, keys: Keys) -> Reply:
        refused[keys[0]] += 1
        return respond(429) if "k2" in keys and refused["k2"] <= 20 else None

    done = submit(Opus(script), make_records(2000), concurrency=2)
    assert (done.totals.submitted, done.totals.stopped) == (2000, None)


def test_one_version_of_a_row_key_is_in_flight_and_the_later_row_wins() -> None:
    records = [Record(row, f"k{row % 3}", {"rowKey": f"k{row % 3}", "row": row}) for row in range(2, 62)]
    opus = Opus()
    done = submit(opus, records, concurrency=8)
    assert done.totals.submitted == 60
    assert opus.most_of_a_key == 1
    assert {key: values["row"] for key, values in opus.held.items()} == {"k0": 60, "k1": 61, "k2": 59}


def test_every_request_is_logged_under_an_id_and_no_secret_shows(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, logger="opusmap")
    answers = iter([respond(500), respond(401), httpx.ReadError("reset")])
    done = submit(Opus(lambda _opus, _keys: next(answers, None)), make_records(45), concurrency=1)
    lines = [each.getMessage() for each in caplog.records if each.getMessage().startswith("request ")]
    assert len({line.split(":")[0] for line in lines}) == len(lines) == done.totals.requests
    assert SECRET not in caplog.text + repr(done.totals)
    assert TOKEN not in caplog.text + repr(done.totals)


def process_then(opus: Opus, keys: Iterable[str], reply: Reply) -> Reply:
    opus.take(keys)
    return reply


ACTS: dict[str, Script] = {
    "take": lambda _opus, _keys: None,
    "limit": lambda _opus, _keys: respond(429, Retry_After="2"),
    "trouble": lambda _opus, _keys: respond(500),
    "trouble after a part": lambda opus, keys: process_then(opus, keys[::2], respond(500)),
    "lost answer": lambda opus, keys: process_then(opus, keys, httpx.ReadError("reset")),
    "unreached": lambda _opus, _keys: httpx.ConnectError("refused"),
    "expired": lambda _opus, _keys: respond(401),
    "one fails": lambda opus, keys: opus.take(keys[1:], 418, failedItems=[keys[0]]),
    "refused": lambda _opus, _keys: respond(400),
    "garbled": lambda _opus, _keys: respond(201, b"{"),
    "unmatched": lambda _opus, _keys: respond(418, {"statusCode": 418, "failedItems": ["another"]}),
}


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.sampled_from(["take", "take", *ACTS]), max_size=60), st.integers(1, 6), st.integers(0, 100)
)
def test_whatever_happens_every_record_is_counted_once_and_taken_means_held(
    script: list[str], concurrency: int, count: int
) -> None:
    plan = iter(script)

    def act(opus: Opus, keys: Keys) -> Reply:
        return ACTS[next(plan, "take")](opus, keys)

    records = iter(make_records(count))
    opus = Opus(act)
    done = submit(opus, records, concurrency=concurrency)
    totals = done.totals
    counted = totals.submitted + totals.failed + totals.uncertain + totals.not_sent
    assert counted + len(list(records)) == count
    assert totals.requests == len(opus.requests)
    states = Counter(done.states.values())
    assert (states[State.ACCEPTED], states[State.FAILED]) == (totals.submitted, totals.failed)
    assert states[State.UNCERTAIN] == totals.uncertain
    assert {key for key, state in done.states.items() if state is State.ACCEPTED} <= set(opus.held)
    assert opus.most_of_a_key <= 1
    assert opus.most_requests <= concurrency
