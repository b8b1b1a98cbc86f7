"""Formats of dates are found as they were written, and what can't be told from the data is said."""

from datetime import date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.converters import Context
from opusmap.converters.dates import datetime_
from opusmap.profile import DateFormat
from opusmap.profile.date_formats import DateFormats

DATE_PATTERNS = [
    "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%d-%m-%y", "%Y/%m/%d", "%d %b %Y", "%d-%b-%y", "%d %B %Y",
    "%B %d, %Y", "%b %d %Y", "%A, %d %B %Y", "%a, %d %b %Y",
]  # fmt: skip
CLOCKS = ["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p", ", %H:%M", " %H:%M:%S.%f", " %H:%M %z"]

FIRST, LAST = datetime(1970, 1, 1), datetime(2068, 1, 1)  # noqa: DTZ001 - zones are added
DECEMBER = datetime(2024, 12, 31, 13, 5, 9)  # noqa: DTZ001 - the same


def formats(*texts):
    found = DateFormats()
    for text in texts:
        found.note(text)
    return found.formats()


@given(
    st.sampled_from(DATE_PATTERNS),
    st.sampled_from(CLOCKS),
    st.lists(st.datetimes(FIRST, LAST), min_size=1, max_size=8),
    st.integers(-12, 12),
)
def test_the_format_found_reads_every_date_as_it_was_meant(day, clock, moments, offset):
    zone = timezone(timedelta(hours=offset))
    # One with a day over 12 tells the order of day and month; and no other month is as short as May.
    moments = [*moments, DECEMBER]
    texts = [moment.replace(tzinfo=zone).strftime(day + clock) for moment in moments]
    best = formats(*texts)[0]
    assert best.swapped is None
    century = 1969 if "%y" in day else None
    read = datetime_(best.pattern, "UTC", century, context=Context())
    expected = datetime_(day + clock, "UTC", century, context=Context())
    for text in texts[: best.count] if best.count == len(texts) else texts[-1:]:
        assert read(text) == expected(text)


def test_may_counts_as_the_kind_of_month_name_that_the_other_dates_have():
    (long,) = formats("1 May 2000", "2 May 2000", "31 December 2024")
    assert (long.pattern, long.count) == ("%d %B %Y", 3)
    (short,) = formats("1 May 2000", "31 Dec 2024")
    assert (short.pattern, short.count) == ("%d %b %Y", 2)


@given(st.lists(st.dates(date(1950, 1, 1), date(2050, 1, 1)), min_size=1))
def test_day_and_month_are_told_apart_only_by_a_number_over_twelve(dates):
    best = formats(*(one.strftime("%d/%m/%Y") for one in dates))[0]
    assert best.count == len(dates)
    if any(one.day > 12 for one in dates):
        assert (best.pattern, best.swapped) == ("%d/%m/%Y", None)
    else:
        assert {best.pattern, best.swapped} == {"%d/%m/%Y", "%m/%d/%Y"}


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("2024-01-31", "date"),
        ("20240131", "date"),
        ("2024-01-31T10:00:00Z", "named"),
        ("2024-01-31 10:00:00.123456+02:00", "named"),
        ("2019-07-22T07:49:14.675163", "none"),
    ],
)
def test_iso_needs_no_format(text, zone):
    assert formats(text) == (DateFormat(None, 1, zone),)
    datetime_(None, "UTC", context=Context())(text)


def test_the_word_utc_is_no_zone_that_a_format_reads():
    (found,) = formats("31/01/2024 10:00 UTC")
    assert found == DateFormat("%d/%m/%Y %H:%M UTC", 1, "utc")
    assert datetime_(found.pattern, "UTC", context=Context())("31/01/2024 10:00 UTC").hour == 10


def test_the_format_that_reads_most_comes_first():
    first, second = formats("31/01/2024", "30/01/2024", "2024-01-30")
    assert (first.pattern, first.count) == ("%d/%m/%Y", 2)
    assert (second.pattern, second.count) == (None, 1)


@pytest.mark.parametrize(
    "text", ["circa 1998", "12/34/2020 x", "31/31/2024", "2024-13-01", "1.2.3", "10:30", ""]
)
def test_what_is_no_date_is_none(text):
    assert formats(text) == ()


@given(st.text())
def test_any_text_is_looked_at(text):
    formats(text)


@pytest.mark.parametrize(
    ("text", "pattern", "zone"),
    [
        ("2024-01-31 10:15:00+00", None, "named"),
        ("2024-01-31 10:15:00.123456+00", None, "named"),
        ("20240131101500", "%Y%m%d%H%M%S", "none"),
        ("Wed, 31 Jan 2024 10:15:00 +0100", "%a, %d %b %Y %H:%M:%S %z", "named"),
        ("31 Jan 2024 10:15:00 +0000 (UTC)", "%d %b %Y %H:%M:%S %z (UTC)", "named"),
    ],
)
def test_times_as_databases_and_mails_write_them_are_read(text, pattern, zone):
    (found,) = formats(text)
    assert (found.pattern, found.zone) == (pattern, zone)
    read = datetime_(pattern, "UTC", context=Context())(text)
    assert (read.year, read.month, read.day, read.minute) == (2024, 1, 31, 15)


@pytest.mark.parametrize("text", ["31.01.2024 10:15+01", "20241331101500", "99999999999999"])
def test_what_no_format_reads_is_no_date(text):
    assert formats(text) == ()


@pytest.mark.parametrize(
    "text",
    [
        "31/06/2024",
        "31/06/2024 10:00",
        "2024-02-30",
        "29/02/2023",
        "31 Jun 2024",
        "June 31, 2024",
        "20240230",
    ],
)
def test_a_day_that_the_calendar_lacks_has_no_format(text: str) -> None:
    assert not DateFormats().note(text)


@pytest.mark.parametrize("text", ["30/06/2024", "29/02/2024", "29/02/24", "30 Jun 2024", "29-Feb-00"])
def test_a_day_that_the_calendar_has_has_a_format(text: str) -> None:
    assert DateFormats().note(text)
