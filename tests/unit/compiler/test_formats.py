"""Dates in one of several formats, and dates that are not whole."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from evaluation import evaluate
from small_mapping import compiled, mapped, problems, record, rejects

from opusmap.errors import InvalidMapping, ValueProblem
from opusmap.issues import Severity
from opusmap.records import Record, Row
from opusmap.run.check import SourceCheck
from opusmap.run.open import open_work

SEVERAL = 'When: {from: A, format: ["%Y-%m-%d", "%d/%m/%Y", "%Y%m%d"]}'


@pytest.mark.parametrize(
    ("text", "day"),
    [
        ("2024-01-31", "2024-01-31"),
        (" 31/01/2024 ", "2024-01-31"),
        (20240131, "2024-01-31"),
        (Decimal(20240131), "2024-01-31"),
    ],
)
def test_formats_are_tried_in_order(text: Any, day: str) -> None:
    assert record(SEVERAL, {"A": text}) == {"_When": f"{day} 00:00:00"}


def test_what_no_format_reads_is_a_problem_that_names_them_all() -> None:
    for value in ("31.01.2024", 2024):
        assert rejects(SEVERAL, {"A": value}) == {"When": "bad-date"}
    found = mapped(SEVERAL, {"A": "x"})
    assert "%Y-%m-%d or %d/%m/%Y or %Y%m%d" in found.problems[0].message  # type: ignore[union-attr]
    assert rejects('When: {from: A, format: ["%Y-%m-%d", "%d/%m/%Y"]}', {"A": 20240131}) == {
        "When": "wrong-kind"
    }


def test_several_formats_may_have_times_and_a_century() -> None:
    line = 'When: {from: A, format: ["%d/%m/%Y %H:%M", "%d-%b-%y"], century: 1930}'
    more = "timezone: Australia/Sydney\n"
    assert record(line, {"A": "15/07/2024 09:05"}, more) == {"_When": "2024-07-14 23:05:00"}
    assert record(line, {"A": "26-Apr-68"}, more) == {"_When": "1968-04-26 00:00:00"}
    assert [one.code for one in problems(line.replace(", century: 1930", ""))] == ["missing-century"]
    (problem,) = problems('When: {from: A, format: ["%Y-%m-%d", "%H"]}')
    assert (problem.code, problem.span.column) == ("bad-format", 40)


@pytest.mark.parametrize(
    ("formats", "shown"),
    [
        (["%d/%m/%Y", "%m/%d/%Y"], "both read"),
        (["%d%m%Y", "%Y%m%d"], "both read"),
        (["%Y-%m-%d", "%Y-%m-%d"], "given twice"),
        (["%Y-%m-%d", "%d/%m/%Y"], None),
        (["%d %b %Y", "%d %B %Y"], None),  # May is one day in both
        (["%Y-%m-%d", "%Y-%m-%d %H:%M"], None),
    ],
)
def test_formats_that_can_both_read_one_text_are_a_warning(formats: list[str], shown: str | None) -> None:
    warnings = compiled(f"When: {{from: A, format: {formats}}}", "timezone: UTC\n").warnings
    assert [one.code for one in warnings] == ([] if shown is None else ["ambiguous-format"])
    assert all(one.severity is Severity.WARNING and str(shown) in one.message for one in warnings)


INCOMPLETE = "When: {from: A, incomplete: first_day}"
AS_YEAR = 'When: {from: A, format: ["%d.%m.%Y", "%m.%Y", "%Y"], incomplete: first_day}'


@pytest.mark.parametrize(
    ("line", "text", "day"),
    [
        (INCOMPLETE, "1783-02", "1783-02-01"),
        (INCOMPLETE, "1783", "1783-01-01"),
        (INCOMPLETE, "1783-02-00", "1783-02-01"),
        (INCOMPLETE, "1783-00-00", "1783-01-01"),
        (AS_YEAR, "00.02.1783", "1783-02-01"),
        (AS_YEAR, "00.00.1783", "1783-01-01"),
        (AS_YEAR, "02.1783", "1783-02-01"),
        (AS_YEAR, "00.1783", "1783-01-01"),
        (AS_YEAR, "1783", "1783-01-01"),
        (AS_YEAR, 1783, "1783-01-01"),
        ('When: {from: A, format: "%Y%m%d", incomplete: first_day}', 17830200, "1783-02-01"),
    ],
)
def test_a_date_that_is_not_whole_is_its_first_day_and_noted(line: str, text: Any, day: str) -> None:
    found = mapped(line, {"A": text})
    assert isinstance(found, Record)
    assert found.values["_When"] == f"{day} 00:00:00"
    assert [(one.place, one.code) for one in found.notes] == [("When", "incomplete-date")]


@pytest.mark.parametrize("zone", ["Australia/Sydney", "America/New_York"])
@pytest.mark.parametrize(
    ("format", "text"), [("%d/%m/%Y %H:%M", "00/00/1783 10:00"), ("%Y %H:%M", "1783 10:00")]
)
def test_a_day_that_is_made_up_is_the_same_in_every_zone(zone: str, format: str, text: str) -> None:
    line = f'When: {{from: A, format: "{format}", incomplete: first_day}}'
    assert record(line, {"A": text}, f"timezone: {zone}\n") == {"_When": "1783-01-01 00:00:00"}
    expression = f"A | datetime('{format}', incomplete='first_day')"
    assert str(evaluate(expression, {"A": text}, timezone=zone)) == "1783-01-01"


@pytest.mark.parametrize(("line", "text"), [(INCOMPLETE, "1783-02-03"), (AS_YEAR, "03.02.1783")])
def test_a_whole_date_is_not_noted(line: str, text: str) -> None:
    found = mapped(line, {"A": text})
    assert isinstance(found, Record)
    assert (found.values["_When"], found.notes) == ("1783-02-03 00:00:00", ())


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (INCOMPLETE, "1783-13"),
        (INCOMPLETE, "1783-00-05"),
        (AS_YEAR, "05.00.1783"),
        (INCOMPLETE, "0000-00-00"),
        ("When: A", "1783-02"),
    ],
)
def test_a_day_of_no_month_is_still_a_problem(line: str, text: str) -> None:
    assert rejects(line, {"A": text}) == {"When": "bad-date"}


@pytest.mark.parametrize(
    ("format", "lacks"), [("%Y", "no day and no month"), ("%m/%Y", "no day"), ("%B %Y", "no day")]
)
def test_a_format_without_a_day_or_a_month_is_an_error(format: str, lacks: str) -> None:
    (problem,) = problems(f'When: {{from: A, format: "{format}"}}')
    assert (problem.code, problem.help.partition(" takes")[0]) == ("bad-format", "`incomplete: first_day`")
    assert lacks in problem.message
    with pytest.raises(InvalidMapping):
        evaluate(f"A | datetime('{format}')", {"A": "x"})
    assert problems(f'When: {{from: A, format: "{format}", incomplete: first_day}}') == ()


def test_only_dates_have_formats_and_may_be_incomplete() -> None:
    assert [one.code for one in problems("Line: {from: A, incomplete: first_day}")] == ["format-not-date"]
    assert [one.code for one in problems("Line: {from: A, format: ['%Y-%m-%d']}")] == ["format-not-date"]
    assert [one.code for one in problems("When: {from: A, incomplete: last_day}")] == ["unknown-value"]
    assert [one.code for one in problems("When: {from: A, format: []}")] == ["empty-value"]


def test_expressions_read_them_too() -> None:
    assert str(evaluate("A | datetime(['%Y-%m-%d', '%d/%m/%Y'])", {"A": "31/01/2024"})) == "2024-01-31"
    assert str(evaluate("A | datetime('%Y', incomplete='first_day')", {"A": "1783"})) == "1783-01-01"
    with pytest.raises(ValueProblem, match="not a date and time like"):
        evaluate("A | datetime(['%Y-%m-%d', '%d/%m/%Y'])", {"A": "x"})


def test_how_often_each_format_is_used_is_counted_by_records(tmp_path: Path) -> None:
    mapper = compiled(SEVERAL)
    texts = ["2024-01-31", "31/01/2024", "01/02/2024", "x", ""]
    chunk = mapper.map_chunk([Row(at, {"Key": str(at), "A": text}) for at, text in enumerate(texts)])
    assert chunk.formats == {("When", "%Y-%m-%d"): 1, ("When", "%d/%m/%Y"): 2}
    assert mapper.map_chunk([Row(9, {"Key": "9", "A": "2024-01-31"})]).formats == {("When", "%Y-%m-%d"): 1}
    (tmp_path / "c.json").write_text(
        '{"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",'
        ' "data": [{"rowKey": "SingleText", "_When": "DateTime"}]}'
    )
    (tmp_path / "a.csv").write_text("Key,A\n" + "".join(f"{at},{text}\n" for at, text in enumerate(texts)))
    text = f"opusmap: 1\nconnection: c.json\nsource: {{path: a.csv}}\nfields:\n  rowKey: Key\n  {SEVERAL}\n"
    (tmp_path / "m.yaml").write_text(text)
    with (work := open_work(tmp_path / "m.yaml")).source:
        checked = SourceCheck(work)
        list(checked)
    found = [(one.column, one.format, one.count) for one in checked.forecast().formats]
    assert found == [("When", "%Y-%m-%d", 1), ("When", "%d/%m/%Y", 2), ("When", "%Y%m%d", 0)]


LIST = "['%d/%m/%Y', '%m/%d/%Y']"
WAYS = [
    (f"When: {{from: A, format: {LIST}}}", "", "When"),
    (f'When: "{{{{ A | datetime({LIST}) }}}}"', "", "When"),
    (f'When: "{{{{ A | datetime(format={LIST}) }}}}"', "", "When"),
    (f"When: {{from: A, convert: {{datetime: {{format: {LIST}}}}}}}", "", "When"),
    (f'When: {{from: B, default: "{{{{ A | datetime({LIST}) }}}}"}}', "", "When"),
    ("When: day", f'let: {{day: "{{{{ A | datetime({LIST}) }}}}"}}\n', "let day"),
    ("Line: {const: x}", f'where: "{{{{ (A | datetime({LIST})).year > 1 }}}}"\n', "where"),
]


@pytest.mark.parametrize(("fields", "more", "place"), WAYS)
def test_formats_are_checked_and_counted_wherever_they_are_given(fields: str, more: str, place: str) -> None:
    mapper = compiled(fields, more)
    (warning,) = mapper.warnings
    assert (warning.code, warning.severity) == ("ambiguous-format", Severity.WARNING)
    assert "both read" in warning.message
    texts = ["31/01/2024", "12/31/2024", "30/01/2024", "x"]
    rows = [Row(at, {"Key": str(at), "A": text, "B": ""}) for at, text in enumerate(texts)]
    assert mapper.map_chunk(rows).formats == {(place, "%d/%m/%Y"): 2, (place, "%m/%d/%Y"): 1}
    assert mapper.map_chunk([]).formats == {}


def test_two_lists_of_formats_in_one_column_are_told_apart() -> None:
    first, second = "A | datetime(['%Y-%m-%d', '%Y%m%d'])", "B | datetime(['%d.%m.%Y', '%Y/%m/%d'])"
    line = f'When: "{{{{ {first} if A else {second} }}}}"'
    mapper = compiled(line, columns=("Key", "A", "B"))
    rows = [{"Key": "a", "A": "20240131", "B": ""}, {"Key": "b", "A": "", "B": "31.01.2024"}]
    chunk = mapper.map_chunk([Row(at, row) for at, row in enumerate(rows)])
    assert chunk.formats == {("When", "%Y%m%d"): 1, ("When", "%d.%m.%Y"): 1}
    assert mapper.warnings == ()
