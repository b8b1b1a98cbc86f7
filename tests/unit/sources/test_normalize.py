"""What readers and programs give becomes what a mapping knows, and nothing is guessed."""

from __future__ import annotations

import struct
import uuid
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from math import isfinite
from typing import Any, Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.sources import from_rows
from opusmap.sources.normalize import plain_number, plain_value, shortest_number


class Scalar:
    """A number as NumPy has it: not Python's, with a method that gives Python's."""

    def item(self) -> float:
        return 2.5


class Itself:
    """A scalar that gives nothing but itself."""

    def item(self) -> Itself:
        return self

    def __str__(self) -> str:
        return "itself"


class NAType:
    """As pandas marks a missing value: no comparison with it is true or false."""

    def __eq__(self, other: object) -> bool:
        raise TypeError

    __hash__ = None  # type: ignore[assignment]


class Stamp(datetime):
    """A time as pandas has it."""

    def to_pydatetime(self, *, warn: bool) -> datetime:  # noqa: ARG002 - as pandas has it
        return datetime(self.year, self.month, self.day, tzinfo=self.tzinfo)


class NaT(datetime):
    """No time as pandas has it: a time that equals nothing."""

    def __eq__(self, other: object) -> bool:
        return False

    def __ne__(self, other: object) -> bool:
        return True

    __hash__ = None  # type: ignore[assignment]


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ("007", "007"),
        (True, True),
        (1.0, 1),
        (0.1, Decimal("0.1")),
        (1e300, Decimal("1e300")),
        (float("nan"), "NaN"),
        (float("inf"), "Infinity"),
        ([float("-inf")], ["-Infinity"]),
        (time(9, 30), "09:30:00"),
        (timedelta(hours=30), "1 day, 6:00:00"),
        (b"caf\xc3\xa9", "café"),
        (b"\xff", "ff"),
        (memoryview(b"a"), "a"),
        (uuid.UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        ((1.5, "x"), [Decimal("1.5"), "x"]),
        ({"a": {1: 0.5}}, {"a": {"1": Decimal("0.5")}}),
        (Scalar(), Decimal("2.5")),
        (Itself(), "itself"),
        (NAType(), None),
        (NaT(2024, 1, 1), None),
        (Stamp(2024, 7, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)),
    ],
)
def test_a_value_becomes_a_plain_one(value: Any, plain: Any) -> None:
    found = plain_value(value)
    assert found == plain
    assert type(found) is type(plain)


@given(st.floats())
def test_a_float_becomes_the_number_that_it_shows_or_a_text(value: float) -> None:
    found = plain_number(value)
    assert isinstance(found, str) == (not isfinite(value))
    assert float(found) == value or found == "NaN"


@pytest.mark.parametrize(("width", "code"), [(16, "<e"), (32, "<f")])
@given(data=st.data())
def test_a_narrow_float_becomes_the_shortest_number_that_it_reads_as(
    width: Literal[16, 32], code: str, data: st.DataObject
) -> None:
    value = data.draw(st.floats(width=width, allow_nan=False, allow_infinity=False))
    found = shortest_number(value, width)
    assert struct.unpack(code, struct.pack(code, float(found)))[0] == value
    digits = len(Decimal(found).normalize().as_tuple().digits)
    for fewer in range(1, digits):
        assert narrow(code, float(format(value, f".{fewer - 1}e"))) != value


def narrow(code: str, value: float) -> float | None:
    try:
        found: float = struct.unpack(code, struct.pack(code, value))[0]
    except OverflowError:
        return None
    return found


def test_nan_of_a_program_is_a_missing_value_and_infinity_is_not() -> None:
    (row,) = from_rows([{"a": float("nan"), "b": [float("nan")], "c": float("inf")}]).rows()
    assert row.values == {"a": None, "b": [None], "c": "Infinity"}


def test_scalars_of_narrow_floats_are_as_short() -> None:
    arrow = pytest.importorskip("pyarrow")
    assert plain_value(arrow.scalar(0.1, arrow.float32())) == Decimal("0.1")
    assert plain_value(arrow.scalar(0.1, arrow.float16())) == Decimal("0.1")
    assert plain_value(arrow.scalar(float("inf"), arrow.float32())) == "Infinity"
    numpy = pytest.importorskip("numpy")
    assert plain_value(numpy.float32(0.1)) == plain_value(numpy.float16(0.1)) == Decimal("0.1")


def test_rows_of_a_program_are_made_plain_only_where_they_are_not() -> None:
    plain = {"a": "1", "b": None, "c": date(2024, 7, 1)}
    first, second = from_rows([plain, {"a": 1.5}]).rows()
    assert first.values is plain
    assert second.values == {"a": Decimal("1.5")}
