"""Dates and times: what is read, in which zone, and what is refused."""

# ruff: noqa: DTZ001, PT017, RUF001 - times without a zone, and digits that look like others, are the subject

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from evaluation import evaluate
from hypothesis import given
from hypothesis import strategies as st

from opusmap.converters import ArgumentError, Context
from opusmap.converters.dates import (
    datetime_,
    excel_date,
    fiscal_year,
    format_date,
    only_date,
    unix_time,
)
from opusmap.errors import InvalidMapping, ValueProblem

SYDNEY = ZoneInfo("Australia/Sydney")
NO_ZONE = Context()
IN_UTC = Context(timezone=UTC)
IN_SYDNEY = Context(timezone=SYDNEY)


def reading(zone: Context, warnings: list[tuple[str, str]]) -> Context:
    return Context(timezone=zone.timezone, warn=lambda code, message: warnings.append((code, message)))


@given(st.datetimes(timezones=st.sampled_from([UTC, SYDNEY])))
def test_an_iso_time_with_an_offset_is_read_as_python_reads_it(time: datetime) -> None:
    text = time.isoformat()
    assert datetime_(context=NO_ZONE)(text) == datetime.fromisoformat(text)
    assert datetime_(context=NO_ZONE)(text.replace("T", " ")) == datetime.fromisoformat(text)


@given(st.datetimes(min_value=datetime(1000, 1, 1)))
def test_a_format_reads_as_strptime_does(time: datetime) -> None:
    pattern = "%d/%m/%Y %H:%M:%S.%f"
    text = time.strftime(pattern)
    assert datetime_(pattern, context=IN_UTC)(text) == datetime.strptime(text, pattern).replace(tzinfo=UTC)


@given(st.dates().filter(lambda day: day.isocalendar().year >= 1), st.integers(0, 3))
def test_a_date_without_a_time_is_a_date_and_never_shifts(day: date, shape: int) -> None:
    year, week, weekday = day.isocalendar()
    text = (
        day.isoformat(),
        day.isoformat().replace("-", ""),
        f"{year:04}-W{week:02}-{weekday}",
        f"{year:04}W{week:02}{weekday}",
    )[shape]
    for context in (NO_ZONE, IN_UTC, IN_SYDNEY):
        found = datetime_(context=context)(text)
        assert type(found) is date
        assert found == day == only_date(context=context)(text)
        assert datetime_(context=context)(found) == day


@pytest.mark.parametrize(
    "text",
    [
        *("2024-01-31+10:00", "2024-01-31x10:00", "2024-01-31T25:00", "31/01/2024", "2024", ""),
        *("٢٠٢٤-٠١-٣١", "2024-01-31T", "2024-1-31", "20240131T1x", "now", "2024-01-31T10:00 UTC", "12:30"),
    ],
)
def test_what_is_not_iso_is_refused_without_a_format(text: str) -> None:
    for convert in (datetime_(context=IN_UTC), only_date(context=IN_UTC)):
        with pytest.raises(ValueProblem, match="ISO"):
            convert(text)


@pytest.mark.parametrize("text", ["٣١/٠١/٢٠٢٤", "31/01/2024 ", " 31/01/2024x", "31-01-2024", "31/13/2024"])
def test_a_format_reads_nothing_else(text: str) -> None:
    convert = datetime_("%d/%m/%Y", context=IN_UTC)
    if text.strip() == "31/01/2024":
        assert convert(text) == date(2024, 1, 31)
    else:
        with pytest.raises(ValueProblem, match="%d/%m/%Y"):
            convert(text)


@pytest.mark.parametrize(
    "pattern",
    ["%d/%m", "%H:%M", "", "%", "x", "%Y" * 60, "%d%d%Y", "%c", "%x", "%Q", "%Y%é", "%-d %Y"],
)
def test_a_format_that_says_no_full_date_is_refused_when_the_mapping_is_compiled(pattern: str) -> None:
    with pytest.raises(ArgumentError):
        datetime_(pattern, context=IN_UTC)
    with pytest.raises(InvalidMapping):
        evaluate(f"x | datetime('{pattern}')", {"x": ""})


def test_a_time_without_a_zone_needs_one() -> None:
    with pytest.raises(ValueProblem, match="no time zone") as caught:
        datetime_(context=NO_ZONE)("2024-01-31T10:00")
    assert caught.value.code == "no-timezone"
    assert datetime_(context=IN_SYDNEY)("2024-01-31T10:00") == datetime(2024, 1, 31, 10, tzinfo=SYDNEY)


def test_a_time_that_daylight_saving_skips_is_a_problem() -> None:
    with pytest.raises(ValueProblem) as caught:
        datetime_(context=IN_SYDNEY)("2024-10-06T02:30:00")
    assert caught.value.code == "skipped-time"
    assert "the zone may be wrong, or the export in UTC" in caught.value.help


def test_a_time_that_daylight_saving_repeats_is_the_first_with_a_warning() -> None:
    warnings: list[tuple[str, str]] = []
    found = datetime_(context=reading(IN_SYDNEY, warnings))("2024-04-07T02:30:00")
    assert isinstance(found, datetime)
    assert found.astimezone(UTC) == datetime(2024, 4, 6, 15, 30, tzinfo=UTC)
    assert [code for code, _ in warnings] == ["repeated-time"]


@given(st.datetimes(min_value=datetime(1971, 1, 1), max_value=datetime(2037, 12, 31)))
def test_every_local_time_is_skipped_repeated_or_plain(time: datetime) -> None:
    time = time.replace(fold=0)  # the text says no more
    warnings: list[tuple[str, str]] = []
    try:
        found = datetime_(context=reading(IN_SYDNEY, warnings))(time.isoformat())
    except ValueProblem as problem:
        assert problem.code == "skipped-time"
        assert shifted(time, SYDNEY) != time
        return
    assert isinstance(found, datetime)
    assert found.replace(tzinfo=None) == time
    twice = time.replace(tzinfo=SYDNEY).utcoffset() != time.replace(tzinfo=SYDNEY, fold=1).utcoffset()
    assert bool(warnings) == twice


def shifted(time: datetime, zone: ZoneInfo) -> datetime:
    return time.replace(tzinfo=zone).astimezone(UTC).astimezone(zone).replace(tzinfo=None)


@pytest.mark.parametrize("text", ["0001-01-01T00:00", "9999-12-31T23:59:59Z", "0001-01-01T00:00+14:00"])
def test_times_at_the_ends_of_the_calendar_are_problems_not_crashes(text: str) -> None:
    context = IN_SYDNEY if "+" not in text else Context(timezone=ZoneInfo("America/New_York"))
    with pytest.raises(ValueProblem, match="years 1 to 9999"):
        datetime_(context=context)(text)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1), timezones=st.just(UTC)))
def test_the_date_of_a_time_is_that_of_the_mappings_zone_however_it_is_written(time: datetime) -> None:
    expected = time.astimezone(SYDNEY).date()
    assert only_date(context=IN_SYDNEY)(time.isoformat()) == expected
    assert only_date(context=IN_SYDNEY)(datetime_(context=IN_SYDNEY)(time.isoformat())) == expected


@given(st.dates(min_value=date(1900, 3, 1)))
def test_excels_1900_days_count_from_the_day_before_1900(day: date) -> None:
    assert excel_date(context=IN_UTC)((day - date(1899, 12, 30)).days) == day


@given(st.dates(min_value=date(1904, 1, 1)))
def test_excels_1904_days_count_from_1904(day: date) -> None:
    assert excel_date(1904, context=IN_UTC)(str((day - date(1904, 1, 1)).days)) == day


def test_excels_days_before_march_1900_and_the_day_that_never_was() -> None:
    assert excel_date(context=IN_UTC)(1) == date(1900, 1, 1)
    assert excel_date(context=IN_UTC)(59) == date(1900, 2, 28)
    for never in (60, -1, 2_958_466, "2958465.9999999"):
        with pytest.raises(ValueProblem, match="Excel"):
            excel_date(context=IN_UTC)(never)


@given(st.integers(-62_135_596_800, 253_402_300_799))
def test_unix_time_counts_seconds_since_1970(seconds: int) -> None:
    expected = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)
    assert unix_time(context=IN_UTC)(str(seconds)) == expected
    assert unix_time("ms", context=IN_UTC)(seconds * 1000) == expected


@given(st.dates(date(2, 1, 1), date(9997, 12, 31)), st.integers(1, 12))
def test_a_fiscal_year_has_the_name_of_the_year_it_ends_in(day: date, start: int) -> None:
    next_begin = date(day.year + (1 if start <= day.month else 0), start, 1)
    assert fiscal_year(day, start) == (next_begin - timedelta(days=1)).year


@given(st.dates())
def test_format_date_writes_what_datetime_reads(day: date) -> None:
    assert datetime_("%d.%m.%Y", context=IN_UTC)(format_date("%d.%m.%Y")(day)) == day
    assert format_date()(day) == day.isoformat()


@pytest.mark.parametrize("pattern", ["%c", "%999999d", "%", "\x00", "\ud800", "%-d", "no date", "%Y" * 60])
def test_format_date_takes_only_directives_that_mean_the_same_everywhere(pattern: str) -> None:
    with pytest.raises(ArgumentError):
        format_date(pattern)


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("dd/mm/yyyy", "%d/%m/%Y"),
        ("yyyy-MM-dd HH:mm:ss", "%Y-%m-%d %H:%M:%S"),
        ("d-mmm-yy h:mm AM/PM", "%d-%b-%y %I:%M %p"),
        ("DD.MM.YYYY hh:mm", "%d.%m.%Y %H:%M"),
        ("%%d.%%m.%%Y", "%d.%m.%Y"),
    ],
)
def test_a_format_as_spreadsheets_write_it_is_answered_with_the_right_one(written: str, meant: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        datetime_(written, context=NO_ZONE)
    assert raised.value.help == f'did you mean "{meant}"?'


@pytest.mark.parametrize("written", ["no format", "dd/mm/jjjj", "hh:ss", ""])
def test_what_is_no_format_at_all_gets_no_suggestion(written: str) -> None:
    with pytest.raises(ArgumentError) as raised:
        datetime_(written, context=NO_ZONE)
    assert "did you mean" not in raised.value.help


def test_the_hour_24_is_refused_by_every_version_of_python() -> None:
    with pytest.raises(ValueProblem, match="bad-date"):
        datetime_(context=IN_UTC)("2024-06-30T24:00:00")


@pytest.mark.parametrize(
    "text", ["infinity", "-Infinity", "29349-01-26", "-0043-08-22", "0044-03-15 09:30:00 BC"]
)
@pytest.mark.parametrize("format", [None, "%d/%m/%Y"])
def test_the_text_of_a_date_that_no_calendar_here_has_is_told_as_that(text: str, format: str | None) -> None:
    with pytest.raises(ValueProblem) as caught:
        datetime_(format, context=IN_UTC)(text)
    assert caught.value.code == "bad-date"
    assert "outside the years 1 to 9999" in caught.value.problem
    assert "`empty`" in caught.value.help
