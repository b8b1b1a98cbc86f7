"""Each way to read a column's dates is counted on its cells; only where they can't tell is a person asked."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.profile import Profiler
from opusmap.studio.date_readings import read_dates


def readings(texts, stated=()):
    profiler = Profiler("t")
    for text in texts:
        profiler.add({"D": text})
    return read_dates(profiler.profile().columns[0], texts, stated)


@given(st.lists(st.dates(date(1900, 1, 1), date(2100, 1, 1)), min_size=1, max_size=20))
def test_it_is_ambiguous_exactly_where_no_number_is_over_12(days):
    found = readings([f"{day:%d/%m/%Y}" for day in days])
    assert found.ambiguous == all(day.day <= 12 for day in days)
    assert bool(found.undecided) == found.ambiguous
    fits = {way.format: way.fits for way in found.ways}
    assert fits["%d/%m/%Y"] == found.count == len(days)
    assert fits["%m/%d/%Y"] == sum(day.day <= 12 for day in days)


def test_each_reading_is_shown_on_the_cells_that_tell_them_apart_first():
    found = readings(["02/02/2025", "03/02/2025", "31/01/2025"])
    assert set(found.cells[:2]) == {"03/02/2025", "31/01/2025"}
    shown = {way.words: dict(zip(found.cells, way.dates, strict=True)) for way in found.ways}
    assert shown["day first"]["03/02/2025"] == "3 Feb 2025"
    assert shown["month first"]["03/02/2025"] == "2 Mar 2025"
    assert shown["month first"]["31/01/2025"] == ""


def test_times_are_shown_and_iso_needs_no_format():
    found = readings(["2025-02-03 09:15", "2025-02-04"])
    (way,) = found.ways
    assert (way.format, way.fits) == ("", 2)
    assert set(way.dates) == {"3 Feb 2025, 09:15", "4 Feb 2025"}


@pytest.mark.parametrize("stated", [("%d.%m.%y",), ("TODO: %d/%m/%Y or %m/%d/%Y",)])
def test_what_the_mapping_states_is_among_the_readings_unless_it_is_to_do(stated):
    found = readings(["03/02/2025"], stated)
    formats = {way.format for way in found.ways}
    assert formats >= {"%d/%m/%Y", "%m/%d/%Y"}
    assert (stated[0] in formats) == (not stated[0].startswith("TODO"))


def test_cells_that_are_dates_already_leave_nothing_to_read():
    day = date(2025, 1, 1)
    assert readings([day + timedelta(days=n) for n in range(3)]).count == 0
