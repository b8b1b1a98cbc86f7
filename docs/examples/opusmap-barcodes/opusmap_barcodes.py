"""Custom converters: the barcodes of a records centre's boxes."""

from __future__ import annotations

from opusmap import ValueProblem, converter

__all__ = ["barcode", "box_number"]

DIGITS = 8


@converter(examples={"'1234567' | barcode": "B01234567", "'77' | barcode(prefix='X')": "X00000077"})
def barcode(value: str, *, prefix: str = "B") -> str:
    """Make a box's barcode of its number: a prefix and eight digits."""
    digits = value.strip()
    if not (digits.isascii() and digits.isdigit() and len(digits) <= DIGITS):
        raise ValueProblem(
            "bad-barcode", f"{value!r} is not a box number of at most {DIGITS} digits", "look at the box"
        )
    return prefix + digits.zfill(DIGITS)


@converter(examples={"'B01234567' | box_number": 1234567})
def box_number(value: str) -> int:
    """Take the number out of a barcode."""
    digits = value.strip()[1:]
    if not (digits.isascii() and digits.isdigit()):
        raise ValueProblem("bad-barcode", f"{value!r} is not a barcode such as B01234567")
    return int(digits)
