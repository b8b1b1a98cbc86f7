"""Faults by chance: the same seed does the same, each kind is what the page says, limits are kept."""

from __future__ import annotations

from email.utils import parsedate_to_datetime

import pytest

from opusmap.emulator import KINDS, TOKEN_PATH, FaultPlan, RequestInfo, SeededFaults, make_plan, read_plan

PATH = "/connector/records"
KEYS = tuple(f"k{number}" for number in range(15))


def request(number: int, keys: tuple[str, ...] = KEYS) -> RequestInfo:
    return RequestInfo(number, "POST", PATH, len(keys), keys)


def draw(plan: FaultPlan, count: int = 300, clock=lambda: 0.0):
    hook = SeededFaults(plan, clock, lambda: 1_700_000_000.0)
    return hook, [hook(request(number)) for number in range(1, count + 1)]


def test_the_same_seed_does_the_same_and_another_something_else():
    first, again, other = (draw(read_plan(f"harsh,seed={seed}"))[1] for seed in (1, 1, 2))
    assert first == again != other


def test_what_a_request_meets_does_not_depend_on_those_before():
    hook = SeededFaults(read_plan("harsh,expire=0,seed=1"), lambda: 0.0, lambda: 1_700_000_000.0)
    _, all_of_them = draw(read_plan("harsh,expire=0,seed=1"))
    assert [hook(request(number)) for number in (200, 7, 50)] == [all_of_them[at - 1] for at in (200, 7, 50)]


def test_each_kind_comes_about_as_often_as_its_share():
    hook, _ = draw(make_plan(dict.fromkeys(set(KINDS) - {"expire", "sign-in"}, 0.05)), 4000)
    assert set(hook.met) == set(KINDS) - {"expire", "sign-in"}
    assert all(140 <= count <= 260 for count in hook.met.values()), hook.met


def only(kind: str, count: int = 300):
    return [fault for fault in draw(make_plan({kind: 1, "seconds": 4, "retry-after": 9}), count)[1] if fault]


def test_throttling_asks_to_wait_in_seconds_by_a_date_or_not_at_all():
    faults = only("throttle")
    waits = {dict(fault.headers).get("Retry-After") for fault in faults}
    assert {fault.status for fault in faults} == {429}
    assert not any(fault.processed for fault in faults)
    assert None in waits
    assert {"0", "9"} < waits
    dates = {parsedate_to_datetime(wait).timestamp() for wait in waits if wait and wait.endswith("GMT")}
    assert max(dates) == 1_700_000_009.0


@pytest.mark.parametrize(
    ("kind", "processed", "statuses"),
    [
        ("error-before", {False}, {500, 502, 503, 504}),
        ("error-after", {True}, {500, 502, 503, 504}),
        ("error-halfway", {True, False}, {500}),
        ("lost-before", {False}, {500}),
        ("lost-after", {True}, {0}),
        ("late", {True}, {504}),
        ("slow", {True}, {0}),
        ("drip", {True}, {0}),
        ("cut", {True}, {0}),
        ("garbled", {True}, {201}),
        ("lying-status", {True, False}, {201}),
        ("unmatched", {True}, {418}),
        ("refuse", {True}, {0}),
    ],
)
def test_each_kind_processes_and_answers_as_it_says(kind, processed, statuses):
    faults = only(kind)
    assert {fault.processed for fault in faults} == processed
    assert {fault.status for fault in faults} == statuses
    assert all(fault.delivery.lost for fault in faults) == (kind.startswith("lost"))
    assert {fault.late > 0 for fault in faults} == {kind == "late"}
    assert {fault.first is not None for fault in faults} == {kind in ("error-halfway", "lying-status")}
    assert {bool(fault.refuses) for fault in faults} == {kind == "refuse"}


def test_what_takes_time_takes_no_longer_than_the_plan_says():
    times = {
        kind: [max(fault.late, fault.delivery.wait, fault.delivery.spread) for fault in only(kind)]
        for kind in ("slow", "drip", "late")
    }
    for kind, seconds in times.items():
        assert 3 < max(seconds) <= 4, kind


def test_refused_records_are_some_or_all_of_the_request_named_in_many_shapes():
    faults = only("refuse")
    assert {len(fault.refuses) for fault in faults} == {1, 2, 3, 15}
    assert all(fault.refuses <= set(KEYS) for fault in faults)
    assert len({fault.shape for fault in faults}) > 50


def test_unmatched_and_garbled_answers_have_many_forms():
    assert len({fault.body for fault in only("unmatched")}) >= 9
    assert len({fault.body for fault in only("garbled")}) == 16


def test_tokens_expire_only_now_and_then_so_that_a_fresh_one_is_used_first():
    hook, faults = draw(make_plan({"expire": 1}), 250)
    at = [number for number, fault in enumerate(faults, 1) if fault]
    assert at == [1, 101, 201]
    assert hook.met == {"expire": 3}
    assert all(fault.forget_tokens and fault.status == 401 for fault in faults if fault)


def test_sign_ins_meet_faults_of_their_own():
    hook = SeededFaults(make_plan({"sign-in": 0.5, "error-before": 1}))
    faults = [hook(RequestInfo(number, "POST", TOKEN_PATH)) for number in range(1, 201)]
    assert {fault.status for fault in faults if fault} == {429, 503}
    assert 70 < hook.met["sign-in"] < 130


def test_requests_without_records_are_left_alone():
    hook = SeededFaults(make_plan({"error-before": 1, "latency": 50}))
    assert hook(RequestInfo(1, "GET", "/")) is None


def test_each_request_takes_the_latency_and_what_its_fault_takes():
    _, faults = draw(make_plan({"latency": 50}))
    assert {(fault.status, fault.delivery.wait) for fault in faults} == {(0, 0.05)}
    _, slow = draw(make_plan({"latency": 50, "slow": 1, "seconds": 0}))
    assert {fault.delivery.wait for fault in slow} == {0.05}


def test_more_requests_than_the_rate_are_answered_with_429():
    now = 0.0
    hook = SeededFaults(FaultPlan(rate=10), lambda: now)
    passed = []
    for second in range(5):
        now = float(second)
        passed.append([hook(request(number)) for number in range(50)].count(None))
    assert passed == [10] * 5
    assert hook.met == {"rate": 200}
    assert dict(hook(request(1)).headers) == {"Retry-After": "1"}


def test_a_rate_below_one_lets_a_request_pass_now_and_then():
    now = 0.0
    hook = SeededFaults(FaultPlan(rate=0.5), lambda: now)
    passed = []
    for second in range(6):
        now = float(second)
        passed.append(hook(request(second)) is None)
    assert passed == [True, False, True, False, True, False]
