"""The short ways for texts give what the long ways give, or leave it to them; memories stay bounded."""

# ruff: noqa: DTZ001, DTZ007 - naive times, as sources have them

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Context as DecimalContext
from decimal import Decimal
from pathlib import PureWindowsPath
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from reference import interpret
from small_mapping import compiled, rejects
from thorough import THOROUGH

from opusmap.compiler.column_types import EncoderOptions, make_encoder
from opusmap.connection import ColumnType
from opusmap.converters import Context
from opusmap.converters.cache import MEMO_SIZE, Memo
from opusmap.converters.dates import datetime_
from opusmap.converters.datetime_fastpath import day_reader, format_reader, time_reader
from opusmap.converters.file_paths import file_name
from opusmap.converters.limits import LIST_LIMIT
from opusmap.converters.numbers import parse_number
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
@example(("%d/%m/%y", "UTC", PATTERNS[0], ["29/02/00", "28/02/00", "26/04/68"], 1830))
@example(("%y%j", "UTC", PATTERNS[0], ["00366", "67366", "68366", "00060"], 1830))
def test_a_time_rewritten_by_its_parts_is_the_time_read_and_written(
    case: tuple[str | None, str | None, str, list[str], int | None],
) -> None:
    form, zone_name, pattern, read, century = case
    zone = None if zone_name is None else UTC if zone_name == "UTC" else ZoneInfo(zone_name)
    warnings: list[str] = []
    context = Context(timezone=zone, warn=lambda code, _message: warnings.append(code))
    target = TargetOptions(datetime_format=pattern)
    read_time = datetime_(form, century=century, context=context)
    rules = EncoderOptions(target, UTC, read_time, form, zone, century=century)
    finish = make_encoder(ColumnType.DATE_TIME, rules)
    if finish.quick is None:
        assert pattern.startswith("%H") or pattern.endswith("%Y") or form in (FORMATS[6], FORMATS[7])
        return
    for text in [*read, *read]:  # once found out, once remembered
        quick = finish.quick[text] if isinstance(finish.quick, Memo) else finish.quick(text)
        if quick is not None:
            assert quick == finish.function(text)
            assert not warnings  # of a time that exists twice only the long way tells


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
        ]
    ),
    st.data(),
)
@example("%d%m%Y1", Drawn("1220241"))
@example("%d %b %Y", Drawn("1 Sept 2024"))
@example("%d %b %Y", Drawn("31 feb 2024"))
@example("%d.%m.%Y %I:%M %p", Drawn("1.2.2024 0:59 AM"))
def test_a_quick_reader_reads_what_strptime_reads(form: str, data: Any) -> None:
    text = data.draw(texts(form).flatmap(lambda text: st.sampled_from([text, text.upper(), text.lower()])))
    try:
        expected = datetime.strptime(text, form) if text.isascii() else None
    except ValueError:
        expected = None
    assert time_reader(form)(text) == expected
    assert day_reader(form)(text) == (expected and expected.date())


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
    assert day_reader(form, century)(text) == (expected and expected.date())


def test_most_times_of_a_register_take_the_short_way() -> None:
    zone = ZoneInfo("Australia/Sydney")
    form = "%m/%d/%Y %I:%M %p"
    for given_form, text in (
        (form, "08/02/2009 04:40 AM"),
        (None, "2008-10-10T04:15:46Z"),
        (None, "2008-10-10"),
    ):
        rules = EncoderOptions(
            TargetOptions(), UTC, datetime_(given_form, context=Context(zone)), given_form, zone
        )
        quick = make_encoder(ColumnType.DATE_TIME, rules).quick
        assert callable(quick)
        assert quick(text) is not None


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
    memo = Memo(lambda text: asked.append(text) or len(text))
    for number in range(MEMO_SIZE + 1):
        assert memo[str(number)] == memo[str(number)] == len(str(number))
    assert len(asked) == MEMO_SIZE + 1
    assert len(memo) == 1
    assert memo["x" * 1_000] == memo["x" * 1_000] == 1_000
    assert len(memo) == 1


def test_a_memory_does_not_keep_what_failed() -> None:
    def refuse(text: str) -> str:
        raise ValueProblem("wrong-value", text)

    memo = Memo(refuse)
    with pytest.raises(ValueProblem):
        memo["x"]
    assert not memo
