"""Numbers are read exactly, or not at all."""

# ruff: noqa: RUF001 - digits that look like others are the subject

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal

import pytest
import yaml
from evaluation import evaluate
from hypothesis import given
from hypothesis import strategies as st

from opusmap.converters import ArgumentError
from opusmap.converters.coerce import decimal_text
from opusmap.converters.numbers import abs_, integer, number, parse_number, round_
from opusmap.errors import ValueProblem

decimals = st.decimals(min_value=-(10**20), max_value=10**20, places=6)


@given(decimals)
def test_a_number_written_as_text_is_read_back_exactly(value: Decimal) -> None:
    assert parse_number(decimal_text(value)) == value


@given(decimals)
def test_marks_between_thousands_change_nothing(value: Decimal) -> None:
    assert parse_number(f"{value:,f}") == value
    swapped = f"{value:,f}".translate(str.maketrans(".,", ",."))
    assert number(",", ".")(swapped) == value


@pytest.mark.parametrize(
    "text",
    [
        *("٣", "１２", "²", "1_000", "1e5", "1E5", "1e10000000", "0x10", "NaN", "Infinity", "-inf"),
        *("", " ", "-", ".5", "5.", "1,23", "1,2345", "1.2.3", "1 000", "--1", "1-"),
        *("9" * 5_000, "1" * 35, "0." + "0" * 40 + "1", "1" * 34 + "." + "1" * 35),
    ],
)
def test_what_is_no_plain_decimal_number_is_refused(text: str) -> None:
    with pytest.raises(ValueProblem):
        parse_number(text)


@pytest.mark.parametrize(
    ("decimal", "thousands"),
    [("5", ","), (",", ","), ("-", ""), ("+", "."), ("", ","), (".", "0"), (".", "٣")],
)
def test_marks_that_could_be_part_of_a_number_are_refused(decimal: str, thousands: str) -> None:
    with pytest.raises(ArgumentError):
        number(decimal, thousands)


@given(st.integers(-(10**33), 10**33))
def test_integer_reads_every_whole_number_within_the_limit(value: int) -> None:
    assert integer(str(value)) == value
    assert integer(f"{value}.000") == value


@pytest.mark.parametrize("text", ["1.5", "0.00001", "-2.25"])
def test_integer_refuses_decimals_instead_of_cutting_them(text: str) -> None:
    with pytest.raises(ValueProblem, match="not a whole number"):
        integer(text)


@given(decimals, st.integers(1, 5))
def test_round_takes_halves_away_from_zero(value: Decimal, precision: int) -> None:
    assert round_(value, precision) == value.quantize(Decimal(1).scaleb(-precision), ROUND_HALF_UP)


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**33), max_value=10**33, places=30))
def test_signs_never_cost_digits(value: Decimal) -> None:
    try:
        assert abs_(value) == value.copy_abs()
    except ValueProblem:
        return
    assert evaluate("-x", {"x": value}) == value.copy_negate()


def test_a_sum_keeps_more_digits_than_a_float() -> None:
    assert evaluate("[0.1, 0.2] | sum") == Decimal("0.3")
    assert evaluate("[12345678901234567890123.1, 0.000000001] | sum") == Decimal(
        "12345678901234567890123.100000001"
    )


def test_zero_is_written_without_a_sign() -> None:
    assert evaluate("'-0.00' | number | string") == "0"


@pytest.mark.parametrize("value", [True, "maybe", "2", 2, Decimal(1), [], ""])
def test_boolean_reads_its_words_only(value: object) -> None:
    if value is True:
        assert evaluate("x | boolean", {"x": value}) is True
    else:
        with pytest.raises(ValueProblem):
            evaluate("x | boolean", {"x": value})


@pytest.mark.parametrize("blank", [" ", "\u00a0", "\u202f"])
def test_a_blank_between_thousands_may_be_a_narrow_one_or_one_that_keeps_lines_whole(blank: str) -> None:
    assert number(decimal=",", thousands=" ")(f"1{blank}234,5") == Decimal("1234.5")
    with pytest.raises(ValueProblem, match="bad-number"):
        number(decimal=",", thousands=".")(f"1{blank}234,5")


def advice(cell: str, decimal: str = ".", thousands: str = ",") -> str:
    with pytest.raises(ValueProblem) as raised:
        number(decimal, thousands)(cell)
    return raised.value.help


def follow(advice: str, cell: str, marks: tuple[str, str]) -> int | Decimal:
    """Return the number of a cell once the mapping has what is advised."""
    way = advice.rpartition(": `")[2].removesuffix("`")
    if way.startswith("number("):
        found = evaluate(f"x | {way}", {"x": cell})
        assert isinstance(found, Decimal)
        return found
    steps = yaml.safe_load(advice[advice.index("`convert: ") + 1 : -1])["convert"]
    for step in steps if isinstance(steps, list) else [steps]:
        if "number" in step:
            return number(**step["number"])(cell)
        cell = cell.replace(*step["replace"])
    return number(*marks)(cell)


MARKS = [(".", ","), (",", "."), (",", " "), (".", "'"), (".", "")]


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize(
    ("cell", "amount"),
    [
        ("$45.00", "45"),
        ("-$45", "-45"),
        ("$-45", "-45"),
        ("45 EUR", "45"),
        ("€45,00", "45"),
        ("€ 1.234,50", "1234.5"),
        ("US$ 1,234.50 net", "1234.5"),
        ("approx 12", "12"),
        ("£45 £", "45"),
        ("5\u00a0000\u00a0000 Ft", "5000000"),
        ("1'234.50", "1234.5"),
        ("12 345", "12345"),
        ("1.234,50", "1234.5"),
        ('about "7"', "7"),
    ],
)
def test_what_is_advised_about_a_cell_makes_it_the_number_that_it_means(
    cell: str, amount: str, marks: tuple[str, str]
) -> None:
    try:
        found = number(*marks)(cell)
    except ValueProblem as problem:
        found = follow(problem.help, cell, marks)
    assert found == Decimal(amount)


@pytest.mark.parametrize("marks", MARKS)
@pytest.mark.parametrize(
    "cell",
    ["(45.00)", "45-", "45.-", "EUR - 45", "12 of 15", "1.2.3", "5.", "1e5", "($45)", "\u221245", "$4 $5"],
)
def test_nothing_is_advised_that_does_not_make_the_cell_a_number_or_that_may_change_it(
    cell: str, marks: tuple[str, str]
) -> None:
    assert advice(cell, *marks) == "correct the cell"


@given(
    st.text(st.sampled_from("0123456789.,' -+$€EURk()\u00a0"), min_size=1, max_size=12),
    st.sampled_from(MARKS),
)
def test_no_advice_leaves_the_cell_rejected(cell: str, marks: tuple[str, str]) -> None:
    try:
        number(*marks)(cell)
    except ValueProblem as problem:
        if "`convert" in problem.help or "`number" in problem.help:
            follow(problem.help, cell, marks)


def test_the_sign_of_a_currency_is_told_from_words_that_may_change_the_amount() -> None:
    assert advice("$45.00") == 'remove the currency sign: `convert: {replace: ["$", ""]}`'
    assert advice("45 k") == (
        'correct the cell; or if "k" does not change the amount, remove it: `convert: {replace: ["k", ""]}`'
    )
    assert advice("€45,00") == (
        "correct the cell; or remove the currency sign, and give the marks if all cells have them: "
        '`convert: [{replace: ["€", ""]}, {number: {decimal: ",", thousands: "."}}]`'
    )


def test_a_mark_that_may_be_between_thousands_is_not_taken_for_the_decimal_mark_without_a_word() -> None:
    assert advice("€ 1.234") == (
        'correct the cell; or if "." is before its decimals, remove the currency sign: '
        '`convert: {replace: ["€", ""]}`'
    )
    assert advice("-1,234 kg", ",", ".") == (
        'correct the cell; or if "kg" does not change the amount and "," is before its decimals, remove it: '
        '`convert: {replace: ["kg", ""]}`'
    )
    for sure in ("€ 1,234", "€ 1.23", "€ 1234.567", "€ 1,234.567", "€ 0.125"):
        assert advice(sure).startswith("remove the currency sign: ")


@pytest.mark.parametrize("text", ["TBA", "n/k", "-"])
def test_a_cell_without_a_digit_is_advised_to_be_empty_and_one_with_digits_to_have_marks(text: str) -> None:
    assert "add it to `empty`" in advice(text)
    assert "give the marks" not in advice(text)
    assert "give the marks" in advice("1.234,50")
