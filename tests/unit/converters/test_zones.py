"""A zone is found by its name; what may be meant by another is named, and what misleads is described."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest

from opusmap.converters import zones
from opusmap.converters.registry import ArgumentError
from opusmap.converters.zones import describe_fixed_offset, time_zone

CITY = "name a city in the zone, such as Europe/Oslo; a zone can't be given as an offset from UTC"

CALLED = "or another city in the Windows zone"


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("BST", 'did you mean "Europe/London" or "Asia/Dhaka"? Abbreviations such as BST are ambiguous'),
        ("London", 'did you mean "Europe/London"?'),
        ("Europe London", 'did you mean "Europe/London"?'),
        ("Britain", 'did you mean "Europe/London"?'),
        ("England", 'did you mean "Europe/London"?'),
        ("New York", 'did you mean "America/New_York"?'),
        ("Europe/Londn", 'did you mean "Europe/London"?'),
        ("XEST", "use a name such as Europe/Berlin or UTC"),  # EST is another zone
        ("GMT Standard Time", f'did you mean "Europe/London", {CALLED} "GMT Standard Time"?'),
        ("w. europe daylight time", f'did you mean "Europe/Berlin", {CALLED} "w. europe daylight time"?'),
        ("FLE Standard Time", f'did you mean "Europe/Kyiv", {CALLED} "FLE Standard Time"?'),
        ("Utopia Standard Time", "use a name such as Europe/Berlin or UTC"),
        ("utc+1", CITY),
        ("GMT+1", CITY),  # Etc/GMT+1 is the opposite
        ("GMT-10", CITY),
        ("Etc/GMT+15", CITY),
    ],
)
def test_a_time_zone_that_may_be_meant_is_named_and_none_that_is_another(name: str, meant: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        time_zone(name)
    assert caught.value.help == meant


def test_each_zone_of_a_country_is_one() -> None:
    for country, meant in zones._COUNTRIES.items():
        assert time_zone(meant)
        with pytest.raises(ArgumentError, match="no time zone"):
            time_zone(country)


def test_each_zone_that_a_name_of_windows_leads_to_is_one() -> None:
    for key in zones._WINDOWS:
        with pytest.raises(ArgumentError) as caught:
            time_zone(f"{key} Standard Time")
        (meant,) = re.findall(r'did you mean "([^"]+)"', caught.value.help)
        assert datetime(2024, 1, 1, tzinfo=time_zone(meant)).utcoffset() is not None


@pytest.mark.parametrize(
    ("name", "meaning", "hours"),
    [
        ("Etc/GMT+1", "one hour behind UTC", -1),
        ("Etc/GMT-10", "10 hours ahead of UTC", 10),
        ("EST", "five hours behind UTC all year, without daylight saving", -5),
        ("MST", "seven hours behind UTC all year, without daylight saving", -7),
        ("HST", "ten hours behind UTC all year, without daylight saving", -10),
        ("GMT", "the same as UTC all year, without daylight saving", 0),
    ],
)
def test_a_fixed_zone_with_a_misleading_name_is_described_as_it_is(
    name: str, meaning: str, hours: int
) -> None:
    found = describe_fixed_offset(name)
    assert found is not None
    assert found[0].startswith(f'"{name}" is {meaning}')
    for month in (1, 7):
        assert datetime(2024, month, 1, tzinfo=time_zone(name)).utcoffset() == timedelta(hours=hours)


@pytest.mark.parametrize(
    "name", ["UTC", "Etc/UTC", "Etc/GMT+0", "Europe/Oslo", "CET", "EST5EDT", "Asia/Tokyo"]
)
def test_other_zones_need_no_description(name: str) -> None:
    assert describe_fixed_offset(name) is None
