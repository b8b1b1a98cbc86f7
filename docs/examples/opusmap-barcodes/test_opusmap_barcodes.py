"""The converters by example, and with whatever values hypothesis can think of."""

import pytest
from opusmap_barcodes import barcode, box_number

from opusmap import ValueProblem
from opusmap.testing import check_converter


def test_a_number_becomes_a_barcode():
    assert barcode(" 42 ") == "B00000042"
    assert barcode("42", prefix="X") == "X00000042"


def test_a_barcode_gives_its_number_back():
    assert box_number(barcode("1234567")) == 1234567


def test_what_is_no_number_is_a_problem():
    with pytest.raises(ValueProblem) as caught:
        barcode("4 2")
    assert caught.value.code == "bad-barcode"


@pytest.mark.parametrize("function", [barcode, box_number])
def test_any_value_is_converted_or_refused(function):
    check_converter(function)
