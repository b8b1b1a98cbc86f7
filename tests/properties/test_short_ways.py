"""The short ways for texts give what the long ways give, or leave it to them; memories stay bounded."""

# ruff: noqa: DTZ001, DTZ007 - naive times, as sources have them

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Context as DecimalContext
from decimal import Decimal
from itertools import pairwise
from pathlib import PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo, available_timezones
from zoneinfo._zoneinfo import ZoneInfo as PythonZone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reference import interpret
from small_mapping import compiled, rejects
from thorough import THOROUGH

from opusmap.compiler.column_types import EncoderOptions, make_encoder
from opusmap.connection import ColumnType
from opusmap.converters import Context
from opusmap.converters.cache import CACHE_SIZE, Cache
from opusmap.converters.dates import datetime_
from opusmap.converters.datetime_fastpath import fixed_reader, format_reader, steady_offset, time_reader
from opusmap.converters.limits import LIST_LIMIT
from opusmap.converters.numbers import parse_number
from opusmap.converters.text import file_name
from opusmap.errors import ValueProblem
from opusmap.mapping import TargetOptions
from opusmap.records import Record, Reject

ZONES = ("Australia/Sydney", "Europe/London", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia", "UTC")
FORMATS = (
    None,
    "%d/%m/%Y",
    "%d/%m/%y",
    "%m/%d/%Y %I:%M %p",
    "%Y-%m-%dT%H:%M",
    "%d %b %Y %H:%M:%S",
    "%d.%m.%Y %H:%M:%S.%f",
    "%Y%m%d %H%M",
    "%j.%Y %H:%M",
    "%d/%m/%y %H:%M",
    "%d-%b-%y",
    "%y%j",
)
PATTERNS = ("%Y-%m-%d %H:%M:%S", "%d.%m.%Y %H:%M", "%Y-%m-%dT%H:%M:%SZ", "%d %B %Y", "%Hh on %d %B %Y")
CENTURIES = st.sampled_from([1830, 1900, 1930, 1968, 1969, 2000, 9900]) | st.integers(1000, 9900)
TWISTS = ("{}", " {}", "{} ", "{}Z", "{}+10:00", "{}-00:30", "{}.5", "0{}", "{}\n", "x", "{}:99", "٣{}")
CHANGES = (datetime(2021, 10, 3, 2, 30), datetime(2018, 11, 4), datetime(2011, 12, 30, 12), datetime(1, 1, 1))


@st.composite
def texts(draw: Any, form: str | None) -> str:
    """Times as a source may write them: near changes of the clocks, padded, cut, twisted."""
    near = st.builds(
        lambda at, hours: at + timedelta(hours=hours), st.sampled_from(CHANGES), st.integers(0, 99)
    )
    moment = draw(st.one_of(st.datetimes(), near))
    text = moment.isoformat() if form is None else moment.strftime(form)
    if draw(st.booleans()):
        text = text.replace("0", "", 1).replace("T", draw(st.sampled_from("T t")))
    return draw(st.sampled_from(TWISTS)).format(text)


class Drawn:
    """Data of an example: the text itself."""

    def __init__(self, text: str) -> None:
        self.text = text

    def draw(self, _strategy: object) -> str:
        return self.text


@st.composite
def times(draw: Any) -> tuple[str | None, str | None, str, list[str], int | None]:
    form = draw(st.sampled_from(FORMATS))
    zone = draw(st.sampled_from([None, *ZONES]))
    century = draw(CENTURIES) if form is not None and "%y" in form else None
    read = draw(st.lists(texts(form), min_size=1, max_size=5))
    return form, zone, draw(st.sampled_from(PATTERNS)), read, century


@THOROUGH
@given(times())
@example((None, "UTC", PATTERNS[0], ["2024-W05-3T10:00:00Z", "2024-01-02T24:00", "20240102T10:00Z"], None))
@example(
    (None, "UTC", PATTERNS[0], ["2024-01-02T24:00:00Z", "2024-01-02T23:59:59Z", "2024-01-02T10.00.00Z"], None)
)
@example((None, "Australia/Sydney", PATTERNS[0], ["2021-10-03T02:30:00", "2021-04-04T02:30:00"], None))
@example(("%m/%d/%Y %I:%M %p", "UTC", PATTERNS[0], ["01/02/2024 12:00 am", "01/02/2024 00:00 AM"], None))
@example(
    (
        "%m/%d/%Y %I:%M %p",
        "Australia/Sydney",
        PATTERNS[0],
        ["09/09/2021 12:01 PM", "01/01/2021 09:00 AM"],
        None,
    )
)
@example(("%Y%m%d %H%M", "America/Sao_Paulo", PATTERNS[0], ["20240131 2230", "20231231 2359"], None))
# Clocks went back at 00:01, to 23:01 of the day before.
@example(("%Y-%m-%dT%H:%M", "America/St_Johns", PATTERNS[0], ["2010-11-06T23:30", "2010-11-06T22:30"], None))
@example(("%d/%m/%y", "UTC", PATTERNS[0], ["29/02/00", "28/02/00", "26/04/68"], 1830))
@example(("%y%j", "UTC", PATTERNS[0], ["00366", "67366", "68366", "00060"], 1830))
def test_a_time_encoded_quickly_is_the_time_read_and_written(
    case: tuple[str | None, str | None, str, list[str], int | None],
) -> None:
    form, zone_name, pattern, read, century = case
    zone = None if zone_name is None else UTC if zone_name == "UTC" else ZoneInfo(zone_name)
    warnings: list[str] = []
    context = Context(timezone=zone, warn=lambda code, _message: warnings.append(code))
    read_time = datetime_(form, century=century, context=context)
    rules = EncoderOptions(
        TargetOptions(datetime_format=pattern), UTC, read_time, form, zone, century=century
    )
    encode = make_encoder(ColumnType.DATE_TIME, rules)
    for text in [*read, *read]:
        meant, expected_warnings = careful_time(text, form, zone, century, pattern)
        warnings.clear()
        try:
            found = encode.function(text)
        except ValueProblem as problem:
            found = problem.code
        assert (found, warnings) == (meant, expected_warnings)


def careful_time(
    text: str, form: str | None, zone: Any, century: int | None, pattern: str
) -> tuple[str, list[str]]:
    """Return a time in UTC, or the code of what is wrong, and the codes of warnings; the slow way."""
    noted: list[str] = []
    try:
        moment, is_dated = careful_reading(text.strip(), form, century)
        if not is_dated:
            if moment.tzinfo is None and zone is None:
                return "no-timezone", []
            if moment.tzinfo is None:
                first, second = (moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
                if first.astimezone(UTC).astimezone(zone).replace(tzinfo=None) != moment:
                    return "skipped-time", []
                noted = ["repeated-time"] if first.utcoffset() != second.utcoffset() else []
                moment = first
            moment = (moment if zone is None else moment.astimezone(zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return "bad-date", []
    return moment.strftime(pattern.replace("%Y", f"{moment.year:04}")), noted


def careful_reading(text: str, form: str | None, century: int | None) -> tuple[datetime, bool]:
    """Return what Python reads of a time, and whether it is a date without a time."""
    if form is not None:
        moment = format_reader(form, century)(text if text.isascii() else "")
        return moment, not set("HIMSpfz") & set(re.findall("%(.)", form))
    if len(text) <= len("2024-01-31") and "T" not in text:
        return datetime.fromisoformat(text), True
    is_time = re.match(r"[0-9W-]{8,10}[Tt ](?!24)[0-9]", text, re.ASCII)
    return datetime.fromisoformat(text if is_time else ""), False


def test_no_zone_changes_its_clocks_and_back_within_two_days() -> None:
    for name in sorted(available_timezones()):
        zone = PythonZone.no_cache(name)
        offsets = [zone._tti_before, *zone._ttinfos]
        changes = [
            (at, before.utcoff, after.utcoff)
            for at, before, after in zip(zone._trans_utc, offsets, offsets[1:], strict=False)
            if before is not None and before.utcoff != after.utcoff
        ]
        for (first, before, _), (second, _, after) in pairwise(changes):
            assert second - first > 2 * 86_400 or before != after, name


@pytest.mark.parametrize("zone", ZONES)
def test_the_offset_of_a_day_without_a_change_is_its_own(zone: str) -> None:
    found = [
        (moment, steady_offset(moment, ZoneInfo(zone)))
        for moment in (datetime(2011, 1, 1) + timedelta(hours=7 * step) for step in range(5_000))
    ]
    steady = [(moment, offset) for moment, offset in found if offset is not None]
    assert all(moment.replace(tzinfo=ZoneInfo(zone)).utcoffset() == offset for moment, offset in steady)
    assert len(steady) > len(found) * 0.97


@given(
    st.sampled_from(
        [
            "%d/%m/%Y",
            "%m-%d-%y",
            "%Y%m%d",
            "%Y-%m-%d",
            "%d %b %Y",
            "%B %d, %Y",
            "%d.%m.%Y %I:%M %p",
            "%d%m%Y1",
            "%d.%m.%Y %H:%M:%S.%f",
            "%Y-%m-%d %H:%M:%S %z",
            "%m%Y",
        ]
    ),
    st.data(),
)
@example("%d%m%Y1", Drawn("1220241"))
@example("%d %b %Y", Drawn("1 Sept 2024"))
@example("%d %b %Y", Drawn("31 feb 2024"))
@example("%d %b %Y", Drawn(" 3  feb\t2024"))
@example("%Y%m%d", Drawn("2024 1 3"))
@example("%d.%m.%Y %I:%M %p", Drawn("1.2.2024 0:59 AM"))
def test_a_quick_reader_reads_what_strptime_reads(form: str, data: Any) -> None:
    text = data.draw(texts(form).flatmap(lambda text: st.sampled_from([text, text.upper(), text.lower()])))
    try:
        expected = datetime.strptime(text, form) if text.isascii() else None
    except ValueError:
        expected = None
    assert time_reader(form)(text) == expected
    assert fixed_reader(form)(text) in (expected, None)


@given(CENTURIES, st.datetimes(), st.sampled_from(["%d-%m-%y", "%d-%b-%y", "%y%j", "%H:%M %m/%d/%y"]))
@example(1830, datetime(2000, 2, 29), "%d-%m-%y")
@example(1830, datetime(2000, 2, 29), "%y%j")
@example(1930, datetime(1930, 1, 1), "%d-%m-%y")
@example(1930, datetime(2029, 12, 31), "%d-%m-%y")
def test_a_year_of_two_digits_lies_in_its_hundred_years_on_each_way(
    century: int, moment: datetime, form: str
) -> None:
    year = next(year for year in range(century, century + 100) if year % 100 == moment.year % 100)
    text = moment.strftime(form)
    try:
        digits = f"{moment.year % 100:02}"
        expected = datetime.strptime(f"{year:04} {text}", f"%Y {form.replace('%y', digits)}")
    except ValueError:  # 29 February, the 366th day
        expected = None
    else:
        expected = expected if expected.year == year else None
    try:
        careful = format_reader(form, century)(text)
    except ValueError:
        careful = None
    assert careful == expected
    assert time_reader(form, century)(text) == expected
    assert fixed_reader(form, century)(text) in (expected, None)


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("%m/%d/%Y %I:%M %p", "08/02/2009 04:40 PM"),
        ("%d/%m/%y", "31/01/24"),
        ("%Y%m%d", "20240131"),
        ("%d %b %Y", "5 Mar 2024"),
        ("%d. %B %Y", "5. March 2024"),
        ("%d.%m.%Y %H:%M:%S.%f", "31.01.2024 18:15:00.25"),
        ("%d/%b/%Y:%H:%M:%S %z", "31/Jan/2024:18:15:00 +1000"),
    ],
)
def test_times_as_people_and_programs_write_them_need_no_strptime(form: str, text: str) -> None:
    assert fixed_reader(form)(text) == datetime.strptime(text, form)


@given(st.text("0123456789,.-+ e", max_size=20) | st.decimals(allow_nan=False, allow_infinity=False).map(str))
@example("1,234.50")
@example("-0.0")
@example("0")
def test_a_number_of_json_is_the_number_that_is_read(text: str) -> None:
    options = EncoderOptions(TargetOptions(), UTC, datetime_(context=Context()))
    encode = make_encoder(ColumnType.NUMBER, options).function
    try:
        number = Decimal(parse_number(text))
    except ValueProblem as problem:
        with pytest.raises(ValueProblem, match=problem.code):
            encode(text)
        return
    if len(number.normalize(DecimalContext(prec=200)).as_tuple().digits) > 15:
        with pytest.raises(ValueProblem, match="too-precise"):
            encode(text)
        return
    expected = int(number) if number == int(number) else float(number)
    for value in (text, number):
        assert repr(encode(value)) == repr(expected)


PEOPLE = ("ann@x.org", "Ann@X.org", " ann@x.org ", "Bob <bob@x.org>", "none@x.org", "N/A", "", "zoe", "bob")


@THOROUGH
@given(
    st.lists(st.lists(st.sampled_from(PEOPLE), max_size=4), min_size=1, max_size=4),
    st.sampled_from(["", ", lookup: staff"]),
    st.sampled_from(["", "source: {empty: ['', N/A, none@x.org]}\n", "source: {empty: [bob]}\n"]),
    st.sampled_from(["text", "array"]),
    st.sampled_from([";", None]),
)
@example([["ann@x.org", "Ann@X.org"], ["Ann@X.org", "ann@x.org"]], "", "", "text", ";")
@example([["none@x.org"], ["bob", "none@x.org"], ["bob", "", "zoe"]], ", lookup: staff", "", "text", ";")
@example([["none@x.org", "ann@x.org"]], ", lookup: staff", "", "text", ";")
@example([["ann@x.org", "none@x.org"]], "", "source: {empty: ['', none@x.org]}\n", "array", ";")
@example([["", "bob"]], ", lookup: staff", "source: {empty: [N/A]}\n", "array", None)
def test_people_found_one_by_one_are_those_of_the_whole_list(
    lists: list[list[str]], lookup: str, empty: str, form: str, separator: str | None
) -> None:
    tables = "tables: {staff: {bob: Bob <bob@x.org>, none@x.org: '', zoe: N/A}}\n"
    more = f"{empty}target: {{list_as: {form}}}\n{tables if lookup else ''}"
    mapper = compiled(f"People: {{from: A{f', split: {separator!r}' if separator else ''}{lookup}}}", more)
    for people in [*lists, *lists]:
        row = {"Key": "k", "A": separator.join(people) if separator else people}
        found, meant = mapper.map_row(row), interpret(mapper.plan, row)
        problems = found.problems if isinstance(found, Reject) else ()
        assert tuple((one.column, one.code) for one in problems) == meant.problems
        assert (found.values if isinstance(found, Record) else None) == meant.values


def test_more_people_than_a_list_may_hold_are_refused() -> None:
    many = ";".join(f"p{number}@x.org" for number in range(LIST_LIMIT + 1))
    assert rejects("People: {from: A, split: ';'}", {"A": many}) == {"People": "list-too-long"}


@given(st.text("ab./\\\\:", max_size=9) | st.text(max_size=9))
@example("//server/share")
@example("C:name")
@example("folder/.")
def test_a_files_name_is_what_windows_says(text: str) -> None:
    assert file_name(text) == PureWindowsPath(text).name


def test_a_memory_forgets_all_when_it_is_full_and_keeps_no_long_text() -> None:
    asked: list[str] = []
    memo = Cache(lambda text: asked.append(text) or len(text))
    for number in range(CACHE_SIZE + 1):
        assert memo[str(number)] == memo[str(number)] == len(str(number))
    assert len(asked) == CACHE_SIZE + 1
    assert len(memo) == 1
    assert memo["x" * 1_000] == memo["x" * 1_000] == 1_000
    assert len(memo) == 1


def test_a_memory_does_not_keep_what_failed() -> None:
    def refuse(text: str) -> str:
        raise ValueProblem("wrong-value", text)

    memo = Cache(refuse)
    with pytest.raises(ValueProblem):
        memo["x"]
    assert not memo
