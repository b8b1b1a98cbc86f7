"""How long sending takes: bounds that no estimate may break, and the real engine on a virtual clock."""

import pytest
from drain_time import Setting, predict, simulate
from hypothesis import given, settings
from hypothesis import strategies as st

from opusmap.journal import Run
from opusmap.report.drain_time import (
    ALLOWED,
    COMMIT,
    IN_FLIGHT,
    MAPPING_RATE,
    REQUEST_CPU,
    Conditions,
    Pace,
    count_enough,
    count_requests,
    estimate,
    find_pace,
    find_rate,
    find_share_used,
    forecast_drain_time,
)

latencies = st.floats(0.01, 5.0)
in_flight = st.integers(1, 128)


def test_one_request_in_flight_waits_for_its_commit_its_answer_and_its_core():
    rate, bound = find_rate(Conditions(0.2, in_flight=1))
    assert rate == pytest.approx(1 / (0.2 + COMMIT + REQUEST_CPU))
    assert bound == "requests in flight"


@given(latencies, in_flight, st.integers(1, 20))
def test_no_rate_is_above_what_the_requests_in_flight_and_the_cores_allow(latency, count, processes):
    rate, bound = find_rate(Conditions(latency, in_flight=count, processes=processes))
    assert rate <= processes * min(count / latency, 1 / REQUEST_CPU) * 1.001
    assert rate >= 0.5 * processes * min(count / (latency + COMMIT + REQUEST_CPU), 1 / REQUEST_CPU)
    assert bound in ("requests in flight", "this machine")


@given(latencies, st.integers(1, 127))
def test_one_more_request_in_flight_is_never_slower(latency, count):
    more, rate = (find_rate(Conditions(latency, in_flight=at))[0] for at in (count + 1, count))
    assert more >= rate * (1 - 1e-9)


@settings(max_examples=12)
@given(st.floats(0.5, 40), st.floats(0.05, 1.0), st.integers(4, 64))
def test_under_a_limit_most_of_what_opus_allows_is_used_and_never_more(allowed, latency, count):
    rate, bound = find_rate(Conditions(latency, allowed, count))
    free, _ = find_rate(Conditions(latency, in_flight=count))
    assert rate <= min(allowed, free) + 1e-9
    if bound == "Opus":
        # Where one more in flight is one too many, each second one is refused; where Opus allows about one
        # a second, a refused one is waited for longer than the next would take.
        assert rate >= (0.45 if allowed >= 2 else 0.3) * allowed


def test_what_a_service_does_not_save_for_later_is_lost_while_a_process_waits():
    assert find_share_used(20.0, 0.2, 8, hold=1.0, saved=0.1) < find_share_used(20.0, 0.2, 8)
    assert find_share_used(20.0, 0.2, 8, hold=5.0) < 0.9 * find_share_used(20.0, 0.2, 8)


def test_processes_share_what_opus_allows():
    alone, together = (find_rate(Conditions(0.2, 20.0, processes=count))[0] for count in (1, 4))
    assert together == pytest.approx(alone, rel=0.3)
    assert find_rate(Conditions(0.2, processes=4))[0] == 4 * find_rate(Conditions(0.2))[0]


def test_slow_mapping_and_repeats_hold_a_run_back():
    assert find_rate(Conditions(0.2, mapping=150.0)) == (10.0, "mapping")
    plain = find_rate(Conditions(0.2))[0]
    assert find_rate(Conditions(0.2, repeats=0.25))[0] == pytest.approx(0.75 * plain)


@pytest.mark.parametrize("allowed", ALLOWED)
def test_as_many_in_flight_as_are_enough_use_a_limit_up(allowed):
    enough = count_enough(allowed, 0.2)
    free = find_rate(Conditions(0.2, in_flight=enough))[0]
    assert free >= 0.97 * allowed
    assert enough == 1 or find_rate(Conditions(0.2, in_flight=enough - 1))[0] < allowed


@pytest.mark.parametrize(
    "setting",
    [Setting(3_000, 0.2, 0, 8), Setting(9_000, 0.2, 20, 8), Setting(1_500, 0.5, 1, 4)],
    ids=["in flight", "limit", "every second one too many"],
)
def test_the_real_engine_on_a_virtual_clock_takes_as_long_as_foreseen(setting):
    assert simulate(setting) == pytest.approx(predict(setting, commit=0.0), rel=0.08)


def run(number, requests, seconds, origin="https://graph-au.example.net", connection="c", retries=0):
    finished = None if seconds is None else 1_000.0 + seconds
    counts = {"requests": requests, "retries": retries}
    return Run(number, origin, connection, "m.yaml", 1_000.0, finished, "done", counts)


def test_the_pace_is_that_of_the_latest_run_that_tells():
    runs = [
        run(6, 3, 1.0),  # too few
        run(5, 100, None),  # not finished
        run(4, 100, 10.0, origin="http://127.0.0.1:8015"),  # an emulator's
        run(3, 100, 10.0, connection="other"),
        run(2, 100, 20.0),
        run(1, 100, 1.0),
    ]
    assert find_pace(runs, "c") == Pace(5.0, 2)
    assert find_pace([], "c") is None


def test_requests_that_sent_records_again_do_not_count_as_pace():
    assert find_pace([run(1, 125, 20.0, retries=25)], "c") == Pace(5.0, 1, 0.2)
    assert find_pace([run(1, 125, 20.0, retries=120)], "c") is None


def test_an_estimate_says_what_it_rests_on():
    assert estimate(150).seconds == (0.3, 1.3)
    assert "if a request takes" in estimate(150).basis
    assert estimate(150, Pace(5.0, 2)).seconds == (2.0, 2.0)
    assert "run 2" in estimate(150, Pace(5.0, 2)).basis


def test_a_known_pace_is_the_forecast_unless_mapping_is_slower():
    known = forecast_drain_time(150_000, Pace(5.0, 2, 0.1), 40_000.0)
    assert (known.requests, known.seconds, known.limited) == (10_000, 2_000.0, ())
    assert known.as_json()["assumed"] is None
    assert forecast_drain_time(150_000, Pace(5.0, 2), 10.0).seconds == 15_000.0


def test_without_a_pace_each_limit_has_its_times_and_what_is_assumed_is_told():
    unknown = forecast_drain_time(1_000_000, None, None)
    assert (unknown.seconds, unknown.mapping, unknown.mapping_measured) == (None, MAPPING_RATE, False)
    assert [one.allowed for one in unknown.limited] == list(ALLOWED)
    for one in unknown.limited:
        assert count_requests(1_000_000) / one.allowed <= one.seconds_enough[0] <= one.seconds_enough[1]
        assert one.seconds[0] <= one.seconds[1]
    assert unknown.as_json()["assumed"]["in_flight"] == IN_FLIGHT
