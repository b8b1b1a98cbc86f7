"""A fault is carried out: what is processed, what is answered, and how the answer comes."""

from __future__ import annotations

import json
from datetime import date

import httpx
import pytest

from opusmap.emulator import Delivery, FailureShape, Fault, in_turn

PATH = "/connector/records"


def held(caller) -> list[str]:
    return list(caller.emulator.records)


def three(make_record):
    return [make_record(key) for key in ("a", "b", "c")]


def test_a_connection_may_close_before_anything_is_processed(opus, make_record):
    opus.emulator.faults = in_turn(Fault(500, delivery=Delivery(lost=True)))
    with pytest.raises(httpx.RemoteProtocolError):
        opus.submit(make_record())
    assert held(opus) == []


def test_a_connection_may_close_after_all_is_processed(opus, make_record):
    opus.emulator.faults = in_turn(Fault(delivery=Delivery(lost=True)))
    with pytest.raises(httpx.RemoteProtocolError):
        opus.submit(*three(make_record))
    assert held(opus) == ["a", "b", "c"]


@pytest.mark.parametrize("first", [0, 1, 2, 3])
def test_only_the_first_records_may_be_processed(opus, make_record, first):
    opus.emulator.faults = in_turn(Fault(500, after=True, first=first))
    assert opus.submit(*three(make_record)).status_code == 500
    assert held(opus) == ["a", "b", "c"][:first]


def test_only_the_first_records_may_be_destroyed(opus, make_record):
    opus.submit(*three(make_record))
    opus.emulator.set_due("a", date(2024, 1, 1))
    opus.emulator.set_due("b", date(2024, 1, 1))
    opus.emulator.faults = in_turn(Fault(500, after=True, first=1))
    opus.ask("DELETE", json={"disposalIds": ["a", "b"]})
    assert opus.emulator.destroyed == {"a"}


def test_a_request_may_be_processed_after_its_answer(opus, make_record):
    opus.emulator.faults = in_turn(Fault(504, after=True, late=5))
    assert opus.submit(make_record("a", leafName="late")).status_code == 504
    assert opus.submit(make_record("a", leafName="soon")).status_code == 201
    assert (opus.emulator.records["a"]["leafName"], opus.emulator.pending) == ("soon", 1)
    opus.now += 5
    assert (opus.emulator.records["a"]["leafName"], opus.emulator.pending) == ("late", 0)
    assert opus.emulator.counts.replaced == 1


def test_a_late_request_is_refused_at_once_if_it_may_not_ask(opus, make_record):
    opus.emulator.faults = lambda _: Fault(504, after=True, late=5)
    assert opus.call("POST", PATH, json={}).status_code == 504
    assert opus.emulator.pending == 0


def test_records_may_fail_for_no_reason_of_theirs_and_are_not_taken(opus, make_record):
    opus.emulator.faults = in_turn(Fault(refuses=frozenset({"b"})))
    answer = opus.submit(*three(make_record))
    (item,) = answer.json()["failedItems"]
    assert (answer.status_code, item) == (
        418,
        {"rowKey": "b", "message": "refused by the emulator's faults"},
    )
    assert held(opus) == ["a", "c"]


@pytest.mark.parametrize(
    ("shape", "status", "body"),
    [
        (FailureShape(key=""), 418, {"statusCode": 418, "failedItems": ["b"]}),
        (FailureShape(key="Key", reason=""), 418, {"statusCode": 418, "failedItems": [{"Key": "b"}]}),
        (FailureShape(status=200, said=None, key=""), 200, {"failedItems": ["b"]}),
        (FailureShape(status=201, said=201, items="FailedItems", key=""), 201, {"FailedItems": ["b"]}),
    ],
)
def test_failed_records_may_be_named_in_other_shapes(opus, make_record, shape, status, body):
    opus.emulator.faults = in_turn(Fault(shape=shape))
    answer = opus.submit(make_record("a"), make_record("b", leafName=""))
    assert answer.status_code == status
    assert {**answer.json(), **body} == answer.json()
    assert held(opus) == ["a"]


def test_an_answer_may_be_slow(opus, make_record):
    opus.emulator.faults = in_turn(Fault(delivery=Delivery(wait=2.5)))
    assert opus.submit(make_record()).status_code == 201
    assert opus.waits == [2.5]


def test_an_answer_may_drip(opus, make_record):
    opus.emulator.faults = in_turn(Fault(delivery=Delivery(spread=3)))
    answer = opus.submit(make_record())
    assert answer.json() == {"statusCode": 201, "message": None}
    assert len(opus.waits) == len(answer.content)
    assert sum(opus.waits) == pytest.approx(3)


def test_an_answer_may_break_off(opus, make_record):
    opus.emulator.faults = in_turn(Fault(delivery=Delivery(cut=7)))
    with pytest.raises(httpx.RemoteProtocolError):
        opus.submit(make_record())
    assert held(opus) == ["CT-1"]


def test_all_tokens_may_be_forgotten(opus, make_record):
    opus.emulator.faults = in_turn(Fault(401, forget_tokens=True))
    assert [opus.submit(make_record()).status_code for _ in range(2)] == [401, 401]
    opus.token = opus.sign_in().json()["access_token"]
    assert opus.submit(make_record()).status_code == 201


def test_faults_are_shown_and_changed_while_the_emulator_runs(opus, make_record):
    shown = opus.call("GET", "/emulator/faults").json()
    assert (shown["plan"]["rate"], shown["met"]) == (0, {})
    changed = opus.call("POST", "/emulator/faults", json={"error-before": 1, "seed": 4}).json()
    assert (changed["plan"]["seed"], changed["plan"]["error-before"]) == (4, 1)
    assert opus.submit(make_record()).status_code >= 500
    assert opus.call("GET", "/emulator/faults").json()["met"] == {"error-before": 1}
    opus.call("POST", "/emulator/faults", json={})
    assert opus.submit(make_record()).status_code == 201


def test_a_hook_of_a_tests_own_is_no_plan(opus):
    opus.emulator.faults = in_turn()
    assert opus.call("GET", "/emulator/faults").json() == {"plan": None, "met": {}}


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"json": ["harsh"]}, 400),
        ({"json": {"level": "harsher"}}, 400),
        ({"json": {"level": ["harsh"]}}, 400),
        ({"json": {"throtle": 0.1}}, 400),
        ({"json": {"throttle": 2}}, 400),
        ({"json": {"throttle": {}}}, 400),
        ({"json": {"throttle": "0.1"}}, 400),
        ({"json": {"seed": 1.5}}, 400),
        ({"content": b"level=harsh", "headers": {"Content-Type": "text/plain"}}, 415),
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
    ],
)
def test_a_wrong_wish_for_faults_is_refused_and_changes_nothing(opus, request_, status):
    before = opus.emulator.faults
    assert opus.call("POST", "/emulator/faults", **request_).status_code == status
    assert opus.emulator.faults is before


def test_what_is_held_is_given_as_json_lines_to_who_may_ask(opus, make_record):
    opus.submit(make_record("a"), make_record("ü"))
    assert opus.call("GET", "/emulator/records").status_code == 401
    lines = opus.ask("GET", "/emulator/records").text.splitlines()
    assert [json.loads(line) for line in lines] == [*opus.emulator.records.values()]
