"""The rules of the language page about operators and dates' fields, one test a rule."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pytest
from evaluation import compiled, evaluate
from one_expression import MOMENT, ROW, problem, refused

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
        ("Code < 11", "wrong-kind"),
        ("List < List", "wrong-kind"),
        ("'2024-01-01' | date < Amount", "wrong-kind"),
        ("Flag + 1", "wrong-kind"),
        ("List + List", "wrong-kind"),
        ("Amount in 'a'", "wrong-kind"),
        ("1 in Amount", "wrong-kind"),
        ("[1][5]", "no-item"),
        ("'a'[Code]", "wrong-kind"),
        ("Amount[0]", "wrong-kind"),
        ("'abc'[1:Code]", "wrong-kind"),
        ("9999999999999999999999999999999999 * 9999999999999999999999999999999999", "number-too-large"),
        ("List ~ 'a'", "wrong-kind"),
        ("Amount | map('trim')", "wrong-kind"),
        ("[] | first", "no-item"),
    ],
)
def test_operands_of_the_wrong_kind_are_problems(expression: str, code: str) -> None:
    assert problem(expression, ROW | {"List": [1]}).code == code


@pytest.mark.parametrize(
    ("expression", "code", "message"),
    [
        ("1 < 'a'", "wrong-kind", "`<` can't compare a whole number with a text"),
        ("Code | upper >= 5", "wrong-kind", "`>=` can't compare a text with a whole number"),
        ("Code | datetime > 5", "wrong-kind", "`>` can't compare a date with a whole number"),
        ("[1] < [2]", "wrong-kind", "`<` can't compare a list with a list"),
        ("[1] < Code", "wrong-kind", "`<` can't compare a list with any value"),
        ("(Code | upper) + Amount", "text-arithmetic", "`+` takes numbers, not a text"),
        ("none < 1", "empty-operand", "`<` is given an empty value"),
        ("true + 1", "wrong-kind", "`+` takes numbers, not true or false"),
        ("(Code | date) - 1", "wrong-kind", "`-` takes numbers, not a date"),
        ("(Code ~ 'a') * 2", "text-arithmetic", "`*` takes numbers, not a text"),
        ("-(Code | upper)", "wrong-kind", "`-` takes numbers, not a text"),
        ("1 in 'a'", "wrong-kind", "`in` takes a text to look for in a text, not a whole number"),
        ("1 in 5", "wrong-kind", "`in` takes lists and texts, not a whole number"),
        ("'a'['x']", "wrong-kind", "`[…]` takes a whole number, not a text"),
        ("5[0]", "wrong-kind", "`[…]` takes a text, a list or an object, not a whole number"),
        ("(Code | split)[0] > 5", "wrong-kind", "`>` can't compare a text with a whole number"),
        ("(Code | split | sort | first) + 1", "text-arithmetic", "`+` takes numbers, not a text"),
        ("([1, 2] | max) | upper", "wrong-kind", "`upper` takes a text, not a whole number"),
        ("'abc'[1:'x']", "wrong-kind", "`[:]` takes a whole number, not a text"),
        ("(Code | length)[1:]", "wrong-kind", "`[:]` takes a text or a list, not a whole number"),
        ("[1] ~ 'a'", "wrong-kind", "`~` takes a text or another single value, not a list"),
        ("a{{ Code | split }}", "wrong-kind", "`{{ … }}` takes a text or another single value, not a list"),
        ("a{{ none }}", "empty-in-template", "a value within a text is empty"),
        ("5 | map('trim')", "wrong-kind", "`map` takes a list, not a whole number"),
        ("Code | split | upper", "wrong-kind", "`upper` takes a text, not a list"),
        ("none | upper", "empty-operand", "`upper` is given an empty value"),
        ("(Code | upper).year", "unknown-field", 'a text has no field "year"'),
        ("(Code | date).century", "unknown-field", 'a date has no field "century"'),
        ("(Code | upper) is even", "wrong-kind", "`is even` takes numbers, not a text"),
        ("[Code] is lower", "wrong-kind", "`is lower` takes a text, not a list"),
        ("Code | upper is gt 5", "wrong-kind", "`>` can't compare a text with a whole number"),
    ],
)
def test_what_can_give_a_value_in_no_row_is_an_error_of_the_mapping(
    expression: str, code: str, message: str
) -> None:
    found = refused(expression)
    assert (found.code, found.message) == (code, message)


@pytest.mark.parametrize(
    "expression",
    [
        *(
            "Code < 11",
            "Code + 1",
            "Amount.year",
            "(Code or 5) > 5",
            "('a' if Code else 5) > 5",
            "Code in Title",
        ),
        *("(Code | first) + 1", "1 == 'a'", "Middle ~ 'a'", "(Code | datetime) > (Code | date)"),
        *(
            "2 < 1 < 'a'",
            "false and 1 + Code",
            "[Code, 5][1] > 5",
            "([Code, 5] | last) > 5",
            "(5 if Code) + 1",
        ),
    ],
)
def test_what_some_row_could_give_a_value_for_is_none(expression: str) -> None:
    compiled(expression, ROW)


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
    assert refused(f"(t | datetime).{field}", {"t": MOMENT}).code == "unknown-field"
    assert problem(f"coalesce(t | datetime, t).{field}", {"t": MOMENT}).code == "unknown-field"
    assert "date" not in problem(f"t.{field}", {"t": MOMENT}).help


@pytest.mark.parametrize("field", ["year", "month", "day", "hour", "minute", "second", "weekday"])
def test_a_text_has_no_fields_of_a_date(field: str) -> None:
    assert "make it a date first" in problem(f"t.{field}", {"t": MOMENT}).help
    assert "make it a date first" in refused(f"(t | upper).{field}", {"t": MOMENT}).help
    assert refused("(t | upper).license", {"t": MOMENT}).help == ""
