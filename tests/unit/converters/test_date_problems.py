"""What is said of a value that is no date."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from small_mapping import mapped, record

from opusmap.converters.date_problems import find_first
from opusmap.records import Reject


def problem_of(fields: str, value: Any) -> tuple[str, str]:
    """Return the message and the help of the one problem that a value is."""
    found = mapped(fields, {"A": value})
    assert isinstance(found, Reject)
    (problem,) = found.problems
    return problem.message, problem.hint


@pytest.mark.parametrize("text", ["1783-02-30", "2024-02-30T10:00:00", "0000-00-00", " 2023-02-29 "])
def test_a_day_that_does_not_exist_asks_for_no_format(text: str) -> None:
    message, hint = problem_of("When: A", text)
    assert "is not a day of the calendar" in message
    assert "format" not in hint


@pytest.mark.parametrize(
    ("format", "text"),
    [
        ("%d/%m/%Y", "30/02/2024"),
        ("%d/%m/%Y %H:%M", "31/04/2024 10:30"),
        ("%d-%b-%Y", "31-Apr-2024"),
        ("%Y%m%d", "20230229"),
        ("%m/%d/%Y", "02/30/2024"),
        ("%d.%m.%y", "31.06.31"),
    ],
)
def test_a_day_that_does_not_exist_is_no_fault_of_the_format(format: str, text: str) -> None:
    century = ", century: 1930" if "%y" in format else ""
    message, hint = problem_of(f'When: {{from: A, format: "{format}"{century}}}', text)
    assert message == f'"{text}" is not a day of the calendar'
    assert "format" not in hint


@pytest.mark.parametrize("text", ["30/13/2024", "32/01/2024", "31/01/2024x", "02/30/2024", "2024-02-30"])
def test_a_text_that_differs_in_more_than_its_day_is_not_like_the_format(text: str) -> None:
    assert "is not a date and time like" in problem_of('When: {from: A, format: "%d/%m/%Y"}', text)[0]


@pytest.mark.parametrize("half", ["p.m.", "P.M.", "a.m.", "p.m", "a. m."])
def test_a_half_of_the_day_with_points_is_answered_with_what_reads_it(half: str) -> None:
    text = f"31/01/2024 10:15 {half}"
    hint = problem_of('When: {from: A, format: "%d/%m/%Y %I:%M %p"}', text)[1]
    written = re.search("`(convert: .*)`", hint)
    assert written is not None
    found = record(f"When: {{from: A, {written[1]}}}", {"A": text}, "timezone: UTC\n")
    assert found == {"_When": f"2024-01-31 {'10' if half[0] in 'aA' else '22'}:15:00"}


@pytest.mark.parametrize("text", ["31/12/2024", "5 March 2024", "2024-31-12", "May 1783", "31122024"])
def test_a_date_that_is_written_in_another_way_asks_for_its_format(text: str) -> None:
    assert "`format:" in problem_of("When: A", text)[1]


@pytest.mark.parametrize(
    ("binding", "text", "offered", "not_offered"),
    [
        ("A", "03/04/2024 09:15", ["%d/%m/%Y %H:%M", "%m/%d/%Y %H:%M"], []),
        ("A", "13/04/2024 09:15", ["%d/%m/%Y %H:%M"], ["%m/%d"]),
        ("A", "04/13/2024 9:15:07 PM", ["%m/%d/%Y %I:%M:%S %p"], ["%d/%m"]),
        ("A", "3.4.2024", ["%d.%m.%Y", "%m.%d.%Y"], ["%H"]),
        ("A", "13-Apr-2024 09:15", ["%d-%b-%Y %H:%M"], ["if the day"]),
        ("A", "April 3, 2024", ["%B %d, %Y"], ["if the day"]),
        ("A", "2024/04/03 09:15:00.25", ["%Y/%m/%d %H:%M:%S.%f"], ["if the day"]),
        ("A", "03/04/24 09:15", ["%d/%m/%y %H:%M", "%m/%d/%y %H:%M", "`century`"], []),
        ("A", "03/04/2024 09:15 +1000", ["%d/%m/%Y %H:%M %z", "%m/%d/%Y %H:%M %z"], []),
        ('{from: A, format: "%d/%m/%Y"}', "03/04/2024 09:15", ["%d/%m/%Y %H:%M"], ["%m/%d"]),
        ('{from: A, format: "%m/%d/%Y %H:%M"}', "03/04/2024", ["%m/%d/%Y"], ["%d/%m", "%H"]),
        ('{from: A, format: "%m/%d/%Y"}', "13/04/2024", ["%d/%m/%Y"], ["%m/%d"]),
        ('{from: A, format: "%Y-%m-%d"}', "03/04/2024", ["%d/%m/%Y", "%m/%d/%Y"], []),
        ('{from: A, format: "%d/%m/%Y"}', "03-04-2024", ["%d-%m-%Y"], ["%m-%d"]),
        ('{from: A, format: "%m/%d/%Y"}', "03-04-2024", ["%m-%d-%Y"], ["%d-%m"]),
        ('{from: A, format: "%d/%m/%Y"}', "04-13-2024", ["%m-%d-%Y"], ["%d-%m"]),
        ('{from: A, format: ["%d/%m/%Y", "%m.%d.%Y"]}', "03-04-2024", ["%d-%m-%Y", "%m-%d-%Y"], []),
        ('{from: A, format: ["%Y-%m-%d", "%d.%m.%Y"]}', "03-04-2024", ["%d-%m-%Y"], ["%m-%d"]),
        ('"{{ A | datetime }}"', "13/04/2024 09:15", ["%d/%m/%Y %H:%M", "give it to `datetime`"], []),
        ('"{{ A | date }}"', "13/04/2024", ["%d/%m/%Y", "give it to `datetime`"], []),
    ],
)
def test_the_format_offered_reads_the_whole_value_and_both_readings_where_it_does_not_decide(
    binding: str, text: str, offered: list[str], not_offered: list[str]
) -> None:
    hint = problem_of(f"When: {binding}", text)[1]
    hint = re.sub(
        r"\(`format: \[.+, (\".+?\")\]`\)", r"`format: \1`", hint
    )  # without those that the mapping has
    hint = hint.replace('`format: "…"`', "")
    for words in offered:
        assert words in hint
    for words in not_offered:
        assert words not in hint
    formats = re.findall('format: "([^"]+)"', hint)
    assert formats
    for one in formats:
        century = ", century: 1930" if "%y" in one else ""
        assert record(f'When: {{from: A, format: "{one}"{century}}}', {"A": text}, "timezone: UTC\n")


@pytest.mark.parametrize("text", ["ca. 1783", "unknown", "18th century"])
def test_a_text_that_no_format_reads_asks_for_none(text: str) -> None:
    assert "no format reads it" in problem_of("When: A", text)[1]


@pytest.mark.parametrize("formats", ['"%d/%m/%Y"', '["%d/%m/%Y", "%d %B %Y"]'])
def test_a_text_without_a_digit_is_not_written_in_another_format(formats: str) -> None:
    hint = problem_of(f"When: {{from: A, format: {formats}}}", "unknown")[1]
    assert hint == "correct the cell; if it means no date, add it to `empty`"


@pytest.mark.parametrize("text", ["1783", "1783-02", "1783-02-00"])
def test_a_date_that_is_not_whole_names_what_reads_it(text: str) -> None:
    assert "`incomplete: first_day`" in problem_of("When: A", text)[1]
    assert record("When: {from: A, incomplete: first_day}", {"A": text})


@pytest.mark.parametrize(
    ("format", "text", "shorter"),
    [
        ("%Y-%m-%d", "1783", "%Y"),
        ("%Y-%m-%d", "1783-02", "%Y-%m"),
        ("%d/%m/%Y", "02/1783", "%m/%Y"),
        ("%d.%m.%Y", " 1783 ", "%Y"),
        ("%B %d, %Y", "May 1783", "%B %Y"),
        ("%Y%m%d", "1783", "%Y"),
    ],
)
@pytest.mark.parametrize("rest", [", incomplete: first_day", ""])
def test_the_format_of_a_date_that_is_not_whole_is_named(
    format: str, text: str, shorter: str, rest: str
) -> None:
    hint = problem_of(f'When: {{from: A, format: "{format}"{rest}}}', text)[1]
    assert f'"{shorter}"' in hint
    assert ("`incomplete: first_day`" in hint) == (not rest)
    both = f'When: {{from: A, format: ["{format}", "{shorter}"], incomplete: first_day}}'
    assert record(both, {"A": text})["_When"].startswith("1783-")  # what was said helps


def test_a_text_that_is_no_part_of_a_date_names_no_shorter_format() -> None:
    hint = problem_of('When: {from: A, format: "%Y-%m-%d", incomplete: first_day}', "circa 1783")[1]
    assert hint == 'correct the cells, or list both formats (`format: ["%Y-%m-%d", "…"]`)'


@pytest.mark.parametrize(
    ("formats", "text", "listed"),
    [
        ('"%d/%m/%Y"', "2024/01/31", 'both formats (`format: ["%d/%m/%Y", "%Y/%m/%d"]`)'),
        (
            '["%d/%m/%Y", "%d.%m.%Y"]',
            "2024/01/31",
            'all formats (`format: ["%d/%m/%Y", "%d.%m.%Y", "%Y/%m/%d"]`)',
        ),
    ],
)
def test_a_few_dates_in_another_format_don_t_replace_the_format_of_the_others(
    formats: str, text: str, listed: str
) -> None:
    hint = problem_of(f"When: {{from: A, format: {formats}}}", text)[1]
    assert hint == f"correct the cells, or list {listed}"
    fields = f"When: {{from: A, format: {listed.partition('format: ')[2].rstrip('`)')}}}"
    assert record(fields, {"A": text}) == record(fields, {"A": "31/01/2024"})  # what was said helps


def test_a_date_in_another_format_that_may_be_read_in_two_ways_names_both() -> None:
    hint = problem_of('When: {from: A, format: "%Y-%m-%d"}', "05/06/2024")[1]
    assert (
        'list both formats (`format: ["%Y-%m-%d", "…"]`): this is written as `format: "%d/%m/%Y"` if' in hint
    )
    assert find_first(problem_of('When: {from: A, format: "%Y-%m-%d"}', "25/06/2024")[1]) == "day"


def test_two_formats_that_can_read_the_same_date_are_not_to_be_listed_together() -> None:
    hint = problem_of('When: {from: A, format: "%m/%d/%Y"}', "13/04/2024")[1]
    assert hint == 'correct the cells; or, if the day comes first in all, `format: "%d/%m/%Y"`'


@pytest.mark.parametrize(
    ("text", "offered"),
    [
        (
            "14.10.2024 17:52",
            'correct the cells; or, if the day comes first in all, `format: "%d.%m.%Y %H:%M"`',
        ),
        (
            "03.02.2024 07:25",
            (
                "correct the cells, or, if the month comes first in them, list both formats "
                '(`format: ["%m.%d.%Y", "%m.%d.%Y %H:%M"]`)'
            ),
        ),
    ],
)
def test_a_format_with_day_and_month_swapped_is_not_mixed_in_for_its_time_of_day(
    text: str, offered: str
) -> None:
    assert problem_of('When: {from: A, format: "%m.%d.%Y"}', text)[1] == offered


def test_a_year_of_two_digits_in_another_format_asks_for_its_century() -> None:
    hint = problem_of('When: {from: A, format: "%Y-%m-%d"}', "26-Apr-68")[1]
    assert hint.endswith('(`format: ["%Y-%m-%d", "%d-%b-%y"]`), with a `century`')


@pytest.mark.parametrize("value", [45293, Decimal("45293.5")])
@pytest.mark.parametrize("rest", ["", ', format: "%d/%m/%Y"', ', format: ["%Y-%m-%d", "%d.%m.%Y"]'])
def test_a_number_names_the_converter_of_excel_s_days(value: Any, rest: str) -> None:
    message, hint = problem_of(f"When: {{from: A{rest}}}", value)
    assert "45293" in message
    assert "`excel_date`" in hint
    more = "timezone: UTC\n"
    found = record(f"When: {{from: A{rest}, convert: excel_date}}", {"A": value}, more)
    assert found["_When"].startswith("2024-01-02 ")  # what was said helps


def test_a_number_of_other_digits_than_its_format_names_it_too() -> None:
    assert "`excel_date`" in problem_of('When: {from: A, format: "%Y%m%d"}', 45293)[1]
