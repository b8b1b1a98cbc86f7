"""`check` foresees what sending would meet: counted as by hand, in bounded memory, with its reasons."""

from collections import Counter
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_mapping import compiled

from opusmap.report.forecast import KEPT
from opusmap.run.check import SourceCheck
from opusmap.run.open import Work
from opusmap.sources import from_rows

MAPPER = compiled('Choice: Colour\nChoices: {from: Colours, split: ";"}', 'source: {empty: ["", "N/A"]}\n')
COLOURS = ["Red", "Green", "Blue", "red", "Grren", "Mauve", "", "N/A"]
OPTIONS = {"Red", "Green", "Blue"}
EMPTY = {"", "N/A"}
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "Key": st.sampled_from(["k1", "k2", "k3", ""]),
            "Colour": st.sampled_from(COLOURS),
            "Colours": st.lists(st.sampled_from(COLOURS), max_size=3).map(";".join),
        }
    ),
    max_size=30,
)


NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
PATTERNS = ["%Y-%m-%d %H:%M:%S", "%d/%m/%Y %H:%M", "%Y%m%d", "%H:%M %d %B %Y"]


def checked(rows, mapper=MAPPER, now=NOON):
    check = SourceCheck(Work(mapper, from_rows(rows)), clock=lambda: now)
    for _ in check:
        pass
    return check.report(), check.forecast()


@given(ROWS)
def test_values_without_an_option_are_counted_in_every_row(rows):
    _, forecast = checked(rows)
    expected = Counter()
    for row in rows:
        single = {row["Colour"]} - OPTIONS - EMPTY
        elements = set(row["Colours"].split(";")) - OPTIONS - EMPTY
        several = elements if row["Colours"] not in EMPTY else set()
        expected.update(("Choice", value) for value in single)
        expected.update(("Choices", value) for value in several)
    assert {(one.column, one.value): one.count for one in forecast.unmatched} == expected


@given(ROWS)
def test_empty_cells_and_missing_values_are_those_of_all_rows(rows):
    report, forecast = checked(rows)
    cells = {one.column: (one.empty, one.of) for one in forecast.source}
    for name, counted in cells.items():
        assert counted == (sum(row[name] in EMPTY for row in rows), len(rows))
    missing = {one.column: one for one in forecast.target}
    assert all(one.of == report.mapped for one in forecast.target)
    assert missing["rowKey" if "rowKey" in missing else "Row key"].empty == 0
    assert forecast.estimate.requests == -(-report.mapped // 15)


@given(ROWS)
def test_repeated_keys_are_the_rejects_for_them(rows):
    report, forecast = checked(rows)
    counted = sum(reason.count for reason in report.reasons if reason.code == "duplicate-key")
    assert sum(one.count for one in forecast.repeated) == counted


def test_the_nearest_option_is_that_of_the_nearest_alias_and_never_the_alias():
    mapper = compiled(
        "Choice: Colour", choices="choices: {Choice: {options: [Red, Green], aliases: {Crimson: Red}}}\n"
    )
    _, forecast = checked([{"Key": "k", "Colour": "Crimsn"}], mapper)
    assert forecast.unmatched[0].nearest == "Red"


@pytest.mark.parametrize(("value", "nearest"), [("red", "Red"), ("Grren", "Green"), ("Mauve", "")])
def test_the_nearest_option_is_named(value, nearest):
    _, forecast = checked([{"Key": "k", "Colour": value, "Colours": ""}])
    assert forecast.unmatched[0].nearest == nearest


def test_of_a_list_of_options_none_is_nearest_and_a_list_is_nearest_to_none():
    _, forecast = checked([{"Key": "k", "Colour": "Green; Mauve", "Colours": ""}])
    assert forecast.unmatched[0].nearest == ""
    mapper = compiled("Choice: Colour", choices="choices: {Choice: [Red; Green]}\n")
    _, forecast = checked([{"Key": "k", "Colour": "Red"}], mapper)
    assert forecast.unmatched[0].nearest == ""


def test_the_first_rows_are_named():
    _, forecast = checked([{"Key": f"k{n}", "Colour": "Mauve", "Colours": ""} for n in range(9)])
    assert forecast.unmatched[0].rows == (1, 2, 3, 4, 5)


def test_values_beyond_what_is_kept_are_counted_together():
    rows = [{"Key": f"k{n}", "Colour": f"Colour {n}", "Colours": ""} for n in range(KEPT + 7)]
    _, forecast = checked(rows)
    assert (len(forecast.unmatched), forecast.more_unmatched) == (KEPT, 7)


def test_the_whole_is_plain_data():
    _, forecast = checked([{"Key": "k", "Colour": "Mauve", "Colours": ""}])
    found = forecast.as_json()
    assert found["empty"]["source"][2] == {"column": "Colours", "empty": 1, "of": 1, "rate": 1.0}
    assert found["profile"]["rows"] == 1


def test_a_mapping_that_takes_the_last_of_equal_keys_counts_cells_once():
    mapper = compiled("Choice: Colour", 'duplicates: last\nsource: {empty: [""]}\n')
    rows = [{"Key": "k", "Colour": "Red"}, {"Key": "k", "Colour": ""}]
    _, forecast = checked(rows, mapper)
    assert {one.column: one.empty for one in forecast.source} == {"Key": 0, "Colour": 1}


def dated(pattern=PATTERNS[0], zone="UTC"):
    return compiled("When: When", f'target: {{datetime_format: "{pattern}", timezone: {zone}}}\n')


@given(st.lists(st.dates() | st.none(), max_size=12), st.sampled_from(PATTERNS), st.dates())
def test_dates_after_today_and_before_1600_are_noted_by_column(days, pattern, today):
    rows = [{"Key": f"k{n}", "When": day and day.isoformat()} for n, day in enumerate(days)]
    now = datetime.combine(today, NOON.timetz())
    _, forecast = checked(rows, dated(pattern), now)
    numbered = [(n, day) for n, day in enumerate(days, 1) if day is not None]
    later = [(n, day) for n, day in numbered if day > today]
    early = [(n, day) for n, day in numbered if day.year < 1600 and day <= today]
    expected = {
        kind: (len(found), tuple(number for number, _ in found[:5]))
        for kind, found in (("after-today", later), ("before-1600", early))
        if found
    }
    assert {one.kind: (one.count, one.rows) for one in forecast.dates} == expected
    assert {one.column for one in forecast.dates} <= {"When"}


def test_a_far_date_is_shown_as_it_is_written_with_the_farthest():
    rows = [
        {"Key": f"k{n}", "When": when} for n, when in enumerate(["2030-01-01", "2068-04-26", "2031-01-01"])
    ]
    _, forecast = checked(rows, dated("%d/%m/%Y"))
    assert forecast.as_json()["dates"] == [
        {
            "column": "When",
            "kind": "after-today",
            "count": 3,
            "rows": (1, 2, 3),
            "example": "01/01/2030",
            "farthest": "26/04/2068",
        }
    ]


@pytest.mark.parametrize(("zone", "count"), [("UTC", 1), ("Pacific/Auckland", 0)])
def test_today_is_the_day_where_times_are_written(zone, count):
    rows = [{"Key": "k", "When": "2024-07-02"}]
    _, forecast = checked(rows, dated(zone=zone), datetime(2024, 7, 1, 23, tzinfo=UTC))
    assert sum(one.count for one in forecast.dates) == count


def test_a_rejected_row_has_no_far_date():
    rows = [{"Key": "", "When": "2068-04-26"}, {"Key": "k", "When": "2024-01-01"}]
    report, forecast = checked(rows, dated())
    assert (report.rejected, forecast.dates) == (1, ())


def test_far_dates_leave_a_run_clean():
    report, forecast = checked([{"Key": "k", "When": "2068-04-26"}], dated())
    assert report.clean
    assert forecast.dates
