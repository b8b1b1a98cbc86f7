"""What a person says of times is read as it was meant, or refused."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.drafting import read_datetime_format, read_timezone
from opusmap.errors import SettingsError

DATES = st.sampled_from(["%Y-%m-%d", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d", "%d %b %Y", "%B %d, %Y"])
TIMES = st.sampled_from(["", " %H:%M", " %H:%M:%S", " %I:%M %p", " %I:%M:%S %p"])


@given(DATES, TIMES)
def test_the_date_as_opus_writes_it_gives_its_format(day, time):
    pattern = day + time
    moment = datetime(2024, 12, 19, 18, 15)  # noqa: DTZ001 - an example has no zone
    assert read_datetime_format(f" {moment.strftime(pattern)} ") == read_datetime_format(pattern) == pattern


@pytest.mark.parametrize("text", ["19/12/24 18:15", "18/12/2024", "dd/MM/yyyy", "%m/%d", "%d/%m/%y", "x", ""])
def test_what_names_no_date_or_loses_a_part_of_it_is_refused(text):
    with pytest.raises(SettingsError) as raised:
        read_datetime_format(text)
    assert raised.value.help


@pytest.mark.parametrize("text", ["dd/mm/yyyy", "DD-MM-YYYY hh:mm", "yyyy-mm-dd"])
def test_the_letters_of_other_programs_are_answered_with_what_to_copy(text):
    with pytest.raises(SettingsError) as raised:
        read_datetime_format(text)
    assert raised.value.help == "copy it as your Opus shows it, such as 19/12/2024 18:15"


def test_a_zone_is_one_that_there_is():
    assert read_timezone(" Europe/London ") == "Europe/London"
    with pytest.raises(SettingsError, match="no time zone"):
        read_timezone("London time")
