"""A plan of faults as users write it: a level, names and values, a file; everything else is a clear error."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.emulator import KINDS, LEVELS, FaultPlan, make_plan, read_plan
from opusmap.errors import SettingsError


def test_a_level_alone_has_its_shares():
    for level, shares in LEVELS.items():
        assert read_plan(level) == FaultPlan(dict(shares))


def test_harsh_has_every_kind():
    assert set(LEVELS["harsh"]) == set(KINDS)


def test_what_is_said_besides_a_level_comes_on_top():
    plan = read_plan("mild, throttle=5%,slow=0, seed=7,latency=50,rate=12.5,seconds=2,retry-after=4")
    assert plan.shares == {**LEVELS["mild"], "throttle": 0.05, "slow": 0.0}
    assert (plan.seed, plan.latency, plan.rate, plan.seconds, plan.retry_after) == (7, 50.0, 12.5, 2.0, 4)


def test_no_level_is_none():
    assert read_plan("") == read_plan("none") == FaultPlan()
    assert read_plan("cut=0.5") == FaultPlan({"cut": 0.5})


def test_a_file_holds_the_same_in_lines(tmp_path):
    file = tmp_path / "monday.txt"
    file.write_text(
        "# Monday morning\nmild\nthrottle=20%  # all come back at once\n\nrate = 30\n", "utf-8-sig"
    )
    assert read_plan(f"{file},seed=3") == read_plan("mild,throttle=0.2,rate=30,seed=3")


def test_the_json_of_a_plan_makes_the_same_plan():
    plan = read_plan("harsh,seed=9,rate=5")
    assert make_plan(plan.as_json()) == plan


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("harhs", "harsh"),
        ("no/such/file", "neither a level nor a file"),
        ("thorttle=0.1", "throttle"),
        ("throttle", "neither a level nor a file"),
        ("harsh,mild", "name=value"),
        ("throttle=lots", "not a number"),
        ("throttle=-0.1", "not a number"),
        ("throttle=101%", "0% to 100%"),
        ("throttle=0.6,cut=0.6", "more than 100%"),
        ("rate=1e9", "not a number"),
        ("latency=999999999", "milliseconds"),
        ("seed=1.5", "not a whole number"),
        ("retry-after=4000", "3600"),
        ("level=rough", "none, mild, harsh"),
    ],
)
def test_what_can_not_be_is_told_with_the_way_out(text, words):
    with pytest.raises(SettingsError) as caught:
        read_plan(text)
    assert words in str(caught.value)
    assert len(str(caught.value).splitlines()) <= 2


def test_a_file_that_is_no_text_or_too_large_is_refused(tmp_path):
    for content in (b"\xff\xfd", b"#" * 70_000):
        (tmp_path / "faults").write_bytes(content)
        with pytest.raises(SettingsError):
            read_plan(str(tmp_path / "faults"))


@given(st.text())
def test_any_text_is_a_plan_or_a_settings_error(text):
    try:
        plan = read_plan(text)
    except SettingsError:
        return
    assert make_plan(plan.as_json()) == plan


@given(
    st.dictionaries(
        st.sampled_from(["level", "seed", "latency", "rate", "seconds", "retry-after", *KINDS]) | st.text(),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just([]) | st.just({}),
    )
)
def test_any_values_are_a_plan_or_a_settings_error(values):
    try:
        make_plan(values)
    except SettingsError:
        return
