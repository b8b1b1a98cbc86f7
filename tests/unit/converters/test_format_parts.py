"""Formats with parts that strptime would drop without a word are refused, by each way to give a format."""

from __future__ import annotations

import pytest
from small_mapping import compiled, problems

from opusmap.converters.format_parts import check_format, correct_minutes, describe_format

FORMS = (
    'When: {{from: A, format: "{format}"}}',
    'When: {{from: A, convert: {{datetime: "{format}"}}}}',
    "Line: \"{{{{ [A] | map('datetime', format='{format}') | first | format_date }}}}\"",
)
ODD = {
    "%d/%m/%Y %H:%M %p": "%I",
    "%d/%m/%Y %I:%M": "%p",
    "%d/%m/%Y %H %I %p": "%H and %I",
    "%d/%m/%Y %M": "%H",
    "%d/%m/%Y %H:%S": "%M",
    "%d/%m/%Y %H:%M %f": "%S",
    "%d/%M/%Y": "month is %m",
    "%d %Y": "%m",
    "%Y-%W": "weekday",
    "%Y-%U": "weekday",
    "%Y %A": "%d",
    "%m/%Y %a": "%d",
    "%d %b %m %Y": "month",
    "%Y-%m-%d %j": "%j",
    "%Y-%m-%d %W %w": "week",
    "%d/%m/%Y %H:%M %Z": "%z",
    "%d.%m.%Y %d": "%d (day) twice",
    "%Y-%m-%d %H:%m": "%m (month) twice",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("format", ODD)
def test_parts_that_would_not_count_are_told(form: str, format: str) -> None:
    (found,) = problems(form.format(format=format), "timezone: UTC")
    assert found.code in ("bad-format", "wrong-argument")
    assert ODD[format] in f"{found.message} {found.help}"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "format",
    [
        "%d/%m/%Y %I:%M %p",
        "%A, %d %B %Y",
        "%Y%j",
        "%Y-%W-%w",
        "%G-%V-%u",
        "%Y-%m-%d %H",
        "%%p %d.%m.%Y",
    ],
)
def test_parts_that_count_are_taken(form: str, format: str) -> None:
    assert compiled(form.format(format=format), "timezone: UTC")


@pytest.mark.parametrize("form", FORMS)
def test_an_empty_format_is_told(form: str) -> None:
    (found,) = problems(form.format(format=""), "timezone: UTC")
    assert found.code in ("bad-format", "wrong-argument")


@pytest.mark.parametrize("format", ["%d/%m/%Y %I:%M", "%d/%m/%Y %H:%M %p", "%d/%m/%Y %M", "%d/%m/%Y %H:%S"])
def test_times_are_not_written_by_a_format_that_loses_half_of_the_day(format: str) -> None:
    found = problems("When: A", f'timezone: UTC\ntarget: {{datetime_format: "{format}"}}')
    assert [one.code for one in found] == ["bad-format"]


@pytest.mark.parametrize(
    ("format", "corrected"),
    [
        ("%d/%M/%Y", "%d/%m/%Y"),
        ("%Y-%M-%d %H:%m:%S", "%Y-%m-%d %H:%M:%S"),
        ("%M/%d/%Y %I:%M %p", "%m/%d/%Y %I:%M %p"),
        ("%d/%m/%Y %H:%m", "%d/%m/%Y %H:%M"),
        ("%H:%m %d.%M.%y", "%H:%M %d.%m.%y"),
        *(
            (right, right)
            for right in ("%d/%m/%Y %H:%M", "%H %m/%d/%Y", "%Y%m%d%H%M", "%I:%M %p %d %b %Y", "%H:%M")
        ),
    ],
)
def test_minutes_and_month_belong_beside_their_neighbours(format: str, corrected: str) -> None:
    assert correct_minutes(format) == corrected


@pytest.mark.parametrize(
    ("format", "words"),
    [
        ("%d/%m/%Y %H:%M", "day/month/year hour:minute"),
        ("%Y-%m-%d %H:%M:%S", "year-month-day hour:minute:second"),
        ("%Y-%m-%dT%H:%M%z", "year-month-day T hour:minute offset from UTC"),
        ("%d de %B %y", "day de name of the month two-digit year"),
        ("%I:%M %p on %d.%m.%Y", "hour:minute AM/PM on day.month.year"),
    ],
)
def test_a_format_is_described_in_words(format: str, words: str) -> None:
    assert describe_format(format) == words


@pytest.mark.parametrize("letter", "aAbBdfGHIjmMpSuUVwWyYzZ")
def test_each_part_that_a_format_may_have_has_words(letter: str) -> None:
    assert check_format(f"%{letter}")
    assert "%" not in describe_format(f"%{letter}")
