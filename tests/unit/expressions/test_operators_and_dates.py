"""The rules of the language page about operators and dates' fields, one test a rule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from evaluation import evaluate
from one_expression import MOMENT, ROW, problem

# Operators.


@pytest.mark.parametrize(
    "expression",
    ["Code + 1", "1 + Code", "Code + Title", "Code * 2", "2 * Code", "Code - 1", "Code / 1"],
)
def test_plus_and_times_on_texts_are_errors(expression: str) -> None:
    found = problem(expression)
    assert found.code == "text-arithmetic"
    assert "`~`" in found.help
    assert "| number" in found.help


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("-3", -3),
        ("- 3", -3),
        ("-Amount", -12),
        ("+3", 3),
        ("{{ -3 }}", -3),
        ("{{- -3 -}}", -3),
        ("1 + 2 * 3", 7),
        ("(1 + 2) * 3", 9),
        ("7 // 2", 3),
        ("-7 // 2", -4),
        ("7 % 3", 1),
        ("-7 % 3", 2),
        ("7.5 % -2", Decimal("-0.5")),
        ("1 / 4", Decimal("0.25")),
        ("0.1 + 0.2", Decimal("0.3")),
        ("0.12345678901234567890123456789", Decimal("0.12345678901234567890123456789")),
        ("9999999999999999999999999999999999 // 1.1", 9090909090909090909090909090909090),
        ("1 < 2 < 3", True),
        ("1 < 3 < 2", False),
        ("3 > 2 >= 2 != 1", True),
        ("'a' < 'b'", True),
        ("1 == 1.0", True),
        ("'1' == 1", False),
        ("'a' in 'cat'", True),
        ("1 not in [2, 3]", True),
        ("'a' ~ 1 ~ 1.50 ~ true", "a11.5true"),
        ("1 if true else 2", 1),
        ("'abcdef'[1:3]", "bc"),
        ("'abcdef'[:-1]", "abcde"),
        ("'abcdef'[2:]", "cdef"),
        ("[1, 2, 3][1:]", [2, 3]),
        ("'abc'[-1]", "c"),
        ("[1, [2, 3]][1][0]", 2),
        ("1, 2", [1, 2]),
        ("'a' 'b'", "ab"),
        (r"'a\nb'", "a\nb"),
        ("1_000", 1000),
        ("0x1F", 31),
        ("not 1 == 2", True),
        ("true and 'x'", "x"),
        ("0 or ''", ""),
    ],
)
def test_operators_do_what_jinjas_do(expression: str, expected: Any) -> None:
    value = evaluate(expression, ROW)
    assert value == expected
    assert isinstance(value, bool) == isinstance(expected, bool)


@pytest.mark.parametrize(
    ("expression", "code"),
    [
        ("1 / 0", "division-by-zero"),
        ("1 // 0", "division-by-zero"),
        ("1 % 0.0", "division-by-zero"),
        ("1 < 'a'", "wrong-kind"),
        ("Code < 11", "wrong-kind"),
        ("[1] < [2]", "wrong-kind"),
        ("'2024-01-01' | date < 1", "wrong-kind"),
        ("true + 1", "wrong-kind"),
        ("[1] + [2]", "wrong-kind"),
        ("1 in 'a'", "wrong-kind"),
        ("1 in 5", "wrong-kind"),
        ("[1][5]", "no-item"),
        ("'a'['x']", "wrong-kind"),
        ("5[0]", "wrong-kind"),
        ("'abc'[1:'x']", "wrong-kind"),
        ("9999999999999999999999999999999999 * 9999999999999999999999999999999999", "number-too-large"),
        ("[1] ~ 'a'", "wrong-kind"),
        ("5 | map('trim')", "wrong-kind"),
        ("[] | first", "no-item"),
    ],
)
def test_operands_of_the_wrong_kind_are_problems(expression: str, code: str) -> None:
    assert problem(expression).code == code


def test_a_chained_comparison_evaluates_each_operand_once_and_stops_at_the_first_false_link() -> None:
    assert evaluate("2 < 1 < Middle", ROW) is False
    assert problem("1 < 2 < Middle").code == "empty-operand"


def test_inline_if_without_else_is_none() -> None:
    assert evaluate("'x' if false") is None
    assert evaluate("'x' if true") == "x"
    assert problem("a{{ 'x' if false }}").code == "empty-in-template"


# Dates.


@pytest.mark.parametrize(
    ("field", "expected"),
    [("year", 2024), ("month", 7), ("day", 1), ("hour", 0), ("minute", 30), ("second", 5), ("weekday", 1)],
)
def test_the_fields_of_a_time_are_those_of_the_sources_zone(field: str, expected: int) -> None:
    assert evaluate(f"(t | datetime).{field}", {"t": MOMENT}) == expected
    assert evaluate(f"(t | datetime).{field}", {"t": "2024-06-30T14:30:05Z"}) == expected


@pytest.mark.parametrize("day", range(1, 8))
def test_weekdays_count_from_monday_1_to_sunday_7(day: int) -> None:
    assert evaluate(f"('2024-01-0{day}' | date).weekday") == day  # 1 January 2024 was a Monday


@pytest.mark.parametrize("field", ["hour", "minute", "second"])
def test_a_date_has_zero_hours_minutes_and_seconds(field: str) -> None:
    assert evaluate(f"('2024-01-31' | date).{field}") == 0


def test_dates_and_times_compare_with_their_like() -> None:
    assert evaluate("'2024-01-31' | date < '2024-02-01' | date") is True
    assert evaluate("t | datetime == '2024-06-30T14:30:05Z' | datetime", {"t": MOMENT}) is True
    assert problem("('2024-01-31' | date) < (t | datetime)", {"t": MOMENT}).code == "wrong-kind"
    assert evaluate("t | datetime | date", {"t": MOMENT}) == date(2024, 7, 1)
    assert evaluate("t | datetime", {"t": MOMENT}) == datetime(2024, 6, 30, 14, 30, 5, tzinfo=UTC)


@pytest.mark.parametrize("field", ["tzinfo", "isoformat", "microsecond", "strftime", "max"])
def test_a_time_has_no_other_fields(field: str) -> None:
    assert problem(f"(t | datetime).{field}", {"t": MOMENT}).code == "unknown-field"
    assert "make it a date first" in problem(f"t.{field}", {"t": MOMENT}).help
