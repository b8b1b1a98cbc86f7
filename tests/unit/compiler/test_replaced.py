"""What `on_error` or a `default` puts in the place of a wrong value is told, by column and code."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from small_mapping import compiled, mapped, record, rejects

from opusmap.errors import InvalidMapping
from opusmap.records import Record, Row
from opusmap.report import Tally
from opusmap.sources import from_rows

TABLE = "tables: {t: {a: Red, b: Blue}}\n"


def replaced(fields: str, row: dict[str, Any], more: str = "") -> list[tuple[str, str]]:
    """Return what was replaced in the record that a row becomes: column and code."""
    found = mapped(fields, row, more)
    assert isinstance(found, Record), found
    return [(problem.column, problem.code) for problem in found.replaced]


@pytest.mark.parametrize(
    ("binding", "code"),
    [
        ("Number: {from: A, on_error: omit}", "bad-number"),
        ("Number: {from: A, on_error: default, default: 7}", "bad-number"),
        ("When: {from: A, on_error: omit}", "bad-date"),
        ("When: {from: A, format: '%d/%m/%Y', on_error: default, default: '01/01/1900'}", "bad-date"),
        ("Choice: {from: A, on_error: omit}", "unknown-choice"),
        ("Choices: {from: A, split: ' ', on_error: default, default: Red}", "unknown-choice"),
        ("People: {from: A, split: ';', on_error: omit}", "no-email"),
        ("Line: {from: A, lookup: t, on_error: omit}", "not-in-table"),
        ("Line: {from: A, lookup: t, default: Other}", "not-in-table"),
        ("Line: {from: A, lookup: t, default: ''}", "not-in-table"),
        ("Line: {from: A, lookup: t, default: '{{ B }}'}", "not-in-table"),
        ("Choices: {from: A, split: ' ', lookup: t, default: Green}", "not-in-table"),
        ("Line: {value: '{{ A | number }}', on_error: omit}", "bad-number"),
        ("Line: {value: '{{ s }}', on_error: omit}", "bad-number"),
        ("Line: {value: '{{ t[A] }}', on_error: omit}", "not-in-table"),
        ("Line: {value: '{{ B ~ A }}', on_error: default, default: x}", "empty-operand"),
        ("Line: {from: A, convert: number, on_error: omit}", "bad-number"),
    ],
)
def test_a_wrong_value_that_is_replaced_is_told(binding: str, code: str) -> None:
    more = f'{TABLE}let: {{s: "{{{{ A | number }}}}"}}\n'
    name = binding.partition(":")[0]
    assert replaced(binding, {"A": "wrong one", "B": None}, more) == [(name, code)]


@pytest.mark.parametrize(
    "binding",
    [
        "Number: {from: A, on_error: omit}",
        "Number: {from: A, default: 0}",
        "Number: {from: A, on_error: default, default: 0}",
        "Line: {from: A, lookup: t, default: Other}",
        "Choices: {from: A, split: ';', lookup: t, default: Green}",
        "Line: {value: \"{{ A | default('x') }}\", on_error: omit}",
    ],
)
@pytest.mark.parametrize("empty", ["", None, []])
def test_a_default_for_an_empty_value_replaces_nothing_wrong(binding: str, empty: object) -> None:
    assert replaced(binding, {"A": empty, "B": "x"}, TABLE) == []


def test_of_a_list_each_row_counts_once_for_a_code_whatever_the_number_of_its_elements() -> None:
    binding = "Choices: {from: A, split: ';', lookup: t, default: Green}"
    assert record(binding, {"A": "a;x;y;b"}, TABLE) == {"_Choices": "[1,2,3]"}
    assert replaced(binding, {"A": "a;x;y;b"}, TABLE) == [("Choices", "not-in-table")]
    assert replaced(binding, {"A": "a;b"}, TABLE) == []


def test_a_table_value_that_is_wrong_after_a_look_up_counts_beside_a_key_that_is_missing() -> None:
    binding = "Choices: {from: A, split: ';', lookup: t, default: Pink, on_error: omit}"
    with pytest.raises(InvalidMapping):  # the constant itself is no option
        compiled(binding, TABLE)
    binding = "Choices: {from: A, split: ';', lookup: t, default: '{{ B }}', on_error: omit}"
    found = replaced(binding, {"A": "x", "B": "Pink"}, TABLE)
    assert found == [("Choices", "not-in-table"), ("Choices", "unknown-choice")]


def test_a_row_that_is_rejected_tells_its_problems_only_and_leaves_nothing_to_the_next() -> None:
    mapper = compiled("Number: {from: A, on_error: omit}\nWhen: B")
    rows = [
        {"Key": "1", "A": "x", "B": "x"},
        {"Key": "2", "A": "1", "B": ""},
        {"Key": "3", "A": "x", "B": ""},
    ]
    chunk = mapper.map_chunk([Row(number, row) for number, row in enumerate(rows, 2)])
    assert [place for place, _ in chunk.others] == [0]
    assert {at: [one.code for one in told] for at, told in chunk.replaced.items()} == {1: ["bad-number"]}


def test_a_default_that_is_wrong_itself_rejects_the_row_and_replaces_nothing() -> None:
    binding = "Number: {from: A, on_error: default, default: '{{ B }}'}"
    assert rejects(binding, {"A": "x", "B": "y"}) == {"Number": "bad-number"}


def test_replaced_values_are_counted_by_column_and_code_with_their_first_rows() -> None:
    mapper = compiled("Number: {from: A, on_error: omit}\nLine: {from: B, lookup: t, default: Other}", TABLE)
    rows = [
        {"Key": str(at), "A": "x" if at % 3 == 0 else "1", "B": "?" if at == 4 else "a"} for at in range(9)
    ]
    source = from_rows(rows)
    tally = Tally()
    records = [one for one in mapper.map_rows(source.rows()) if isinstance(one, Record)]
    tally.add(mapper.map_chunk(source.rows()))
    first = tally.replaced()
    assert [(one.column, one.code, one.count, one.rows) for one in first] == [
        ("Number", "bad-number", 3, tuple(one.row for one in records if "_Number" not in one.values)),
        ("Line", "not-in-table", 1, (records[4].row,)),
    ]
    assert first[0].example


@pytest.mark.parametrize("cell", [17850610, Decimal(17850610), Decimal("17850610.0"), "17850610"])
def test_a_format_of_digits_reads_a_whole_number(cell: Any) -> None:
    binding = 'When: {from: A, format: "%Y%m%d", on_error: default, default: "19000101"}'
    assert record(binding, {"A": cell}) == {"_When": "1785-06-10 00:00:00"}
    assert replaced(binding, {"A": cell}) == []
    assert record("When: \"{{ A | datetime('%Y%m%d') }}\"", {"A": cell}) == {"_When": "1785-06-10 00:00:00"}


@pytest.mark.parametrize(
    ("format_", "cell", "date"),
    [
        ("%d%m%Y", 1061785, "1785-06-01"),  # a number has lost the zero in front
        ("%d%m%Y", 11061785, "1785-06-11"),
        ("%Y%j", 1785032, "1785-02-01"),
    ],
)
def test_a_number_means_what_its_digits_mean(format_: str, cell: int, date: str) -> None:
    assert record(f'When: {{from: A, format: "{format_}"}}', {"A": cell}) == {"_When": f"{date} 00:00:00"}


@pytest.mark.parametrize(
    ("format_", "cell", "code"),
    [
        ("%Y-%m-%d", 17850610, "wrong-kind"),
        ("%d %b %Y", 17850610, "wrong-kind"),
        ("%Y%m%d", True, "wrong-kind"),
        ("%Y%m%d", Decimal("17850610.5"), "wrong-kind"),
        ("%Y%m%d", -17850610, "wrong-kind"),
        ("%Y%m%d", 178561, "bad-date"),  # strptime alone would read 1785-06-01
        ("%Y%m%d", 17851310, "bad-date"),
        ("%Y%m%d", 0, "bad-date"),
        ("%Y%m%d", 10**60, "number-too-large"),
        (None, 17850610, "wrong-kind"),
    ],
)
def test_any_other_number_is_a_problem_and_told_where_it_is_replaced(
    format_: str | None, cell: Any, code: str
) -> None:
    written = f'format: "{format_}", ' if format_ else ""
    assert rejects(f"When: {{from: A, {written}on_error: reject}}", {"A": cell}) == {"When": code}
    assert replaced(f"When: {{from: A, {written}on_error: omit}}", {"A": cell}) == [("When", code)]
