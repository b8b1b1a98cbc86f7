"""Options that may be one and the same: spelled alike, or one slip of the pen apart.

Owns what counts as alike. It is for warnings only: nothing is ever matched by it. Options that people number
(`Class 1`, `Class 2`; `Type A`, `Type B`; `Q1`, `Q2`; `Part I`, `Part II`) are not alike.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TypeVar

__all__ = ["find_similar"]

OPTIONS_COMPARED, LENGTH_COMPARED = 2_000, 100
"""Options and characters beyond which slips are not looked for: the work stays within a second."""

_INSIDE, _SUBSTITUTED, _PLURAL = 5, 6, 3
"""Letters that a word has at least for one letter more or less, another letter, or a plural to be a slip."""

_LOOKS = str.maketrans(
    "авекмнорстухіјѕԁԛԝһαβεικνορτυχıɡ",
    "abekmhopctyxijsdqwhabeiknoptyxig",
)
"""Small letters of other scripts that look like Latin ones."""

_DASHES = re.compile(r"[\u2010-\u2015\u2212_-]+")
_QUOTES = str.maketrans("‘’ʼ`´“”„«»", "'''''\"\"\"\"\"")  # noqa: RUF001 - these are meant
_INNER_DASH = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_LOOSE_BLANK = re.compile(r"(?<![0-9]) | (?![0-9])")
_TRAILING = " .,;:!?'\""
_ROMAN = re.compile("[ivxlcdm]+")

Option = TypeVar("Option", bound=str)


def find_similar(options: Sequence[Option], *, ignore_case: bool) -> Iterator[tuple[Option, Option, str]]:
    """Yield each option that is like an earlier one, that one, and in words how they differ.

    Options that are equal (with `ignore_case`: but for letter case) are no matter of this.
    """
    fold = str.casefold if ignore_case else str
    plain: dict[str, Option] = {}
    slips = _Slips()
    careful = len(options) <= OPTIONS_COMPARED
    equal: set[str] = set()
    for option in options:
        text = option.strip()
        if not text or fold(text) in equal:
            continue
        equal.add(fold(text))
        shape = _shape(text)
        if not shape:
            continue
        if (first := plain.get(shape)) is not None:
            by = _difference(first.strip(), text)
            yield option, first, f"differ only by {by}"
            continue
        near = slips.find(shape) if careful and len(shape) <= LENGTH_COMPARED else None
        if near is not None:
            yield option, plain[near], "differ by no more than one letter, blank or ending"
        plain[shape] = option


def _difference(first: str, second: str) -> str:
    if first.casefold() == second.casefold():
        return "letter case"
    if " ".join(first.split()) == " ".join(second.split()):
        return "blanks"
    return "blanks, signs, accents, letter case or letters that look the same"


def _shape(text: str) -> str:
    """Return what is left of a text without that which the eye passes over."""
    compatible = unicodedata.normalize("NFKC", text.translate(_QUOTES)).casefold()
    letters = unicodedata.normalize("NFKD", compatible.translate(_LOOKS))
    seen = "".join(char for char in letters if not _is_unseen(char))
    dashed = _INNER_DASH.sub(" ", _DASHES.sub("-", seen))
    return " ".join(dashed.replace(" & ", " and ").split()).rstrip(_TRAILING)


def _is_unseen(char: str) -> bool:
    return unicodedata.category(char) in ("Mn", "Cf")


class _Slips:
    """Texts seen so far, found again by a text that is one slip away.

    Each text is kept under what is left of its words without one letter: two texts that are an insertion, a
    deletion, a substitution or a transposition apart share such a remainder.
    """

    def __init__(self) -> None:
        self._kept: dict[str, list[str]] = {}

    def find(self, shape: str) -> str | None:
        """Return an earlier text that is one slip away, and keep this one."""
        remainders = dict.fromkeys(self._remainders(shape))
        found = None
        for remainder in remainders:
            kept = self._kept.setdefault(remainder, [])
            found = found or next((other for other in kept if _is_slip(other, shape)), None)
            if len(kept) < _KEPT:
                kept.append(shape)
        return found

    @staticmethod
    def _remainders(shape: str) -> Iterator[str]:
        yield _LOOSE_BLANK.sub("", shape)
        yield shape
        for place in range(len(shape)):
            yield shape[:place] + shape[place + 1 :]
        for ending in _ENDINGS:
            for word in re.finditer(rf"\b\w+{ending}\b", shape):
                yield shape[: word.end() - len(ending)] + shape[word.end() :]


_KEPT = 8
_ENDINGS = ("es", "ies", "y")


def _is_slip(first: str, second: str) -> bool:
    """Tell whether two texts are the same but for one slip in one word."""
    if _LOOSE_BLANK.sub("", first) == _LOOSE_BLANK.sub("", second):
        return True
    words = list(zip(first.split(" "), second.split(" "), strict=False))
    if first.count(" ") != second.count(" "):
        return False
    different = [pair for pair in words if pair[0] != pair[1]]
    return len(different) == 1 and _is_slip_of_word(*sorted(different[0], key=len))


def _is_slip_of_word(short: str, long: str) -> bool:
    if not short.isalpha() or not long.isalpha() or (_ROMAN.fullmatch(short) and _ROMAN.fullmatch(long)):
        return False
    if _is_plural(short, long):
        return len(short) >= _PLURAL
    begin = _common(short, long)
    end = _common(short[begin:][::-1], long[begin:][::-1])
    left, right = short[begin : len(short) - end], long[begin : len(long) - end]
    if begin == 0:  # another first letter makes another word: Import, Export
        return False
    if not left and len(right) == 1:
        return len(short) >= _INSIDE
    if len(left) == len(right) == 2:  # noqa: PLR2004 - two letters change places
        return left == right[::-1] and len(short) >= _INSIDE
    # Another last letter does, too: Trainer, Trainee.
    return len(left) == len(right) == 1 and end > 0 and len(short) >= _SUBSTITUTED


def _is_plural(short: str, long: str) -> bool:
    return long in (f"{short}s", f"{short}es") or (short.endswith("y") and long == f"{short[:-1]}ies")


def _common(first: str, second: str) -> int:
    """Return how many characters two texts have in common at their beginning."""
    for place, (one, other) in enumerate(zip(first, second, strict=False)):
        if one != other:
            return place
    return min(len(first), len(second))
