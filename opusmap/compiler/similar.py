"""Similar options: two spellings of one, or one typing mistake apart.

This is for warnings only, never for matching. Numbered options (`Class 1`,
`Class 2`; `Type A`, `Type B`; `Q1`, `Q2`; `Part I`, `Part II`) are not similar.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import TypeVar

OPTIONS_COMPARED, LENGTH_COMPARED = 2_000, 100
"""Options, and characters of one, up to which typing mistakes are looked for: it takes a second at most."""

_INSERTED, _REPLACED, _PLURAL = 5, 6, 3
"""Letters a word needs for an inserted letter, a replaced letter, or a plural to count as a mistake."""

_LOOKALIKES = str.maketrans(
    "авекмнорстухіјѕԁԛԝһαβεικνορτυχıɡ",
    "abekmhopctyxijsdqwhabeiknoptyxig",
)
"""Small letters of other scripts that look like Latin ones."""

_DASHES = re.compile(r"[\u2010-\u2015\u2212_-]+")
_QUOTES = str.maketrans("‘’ʼ`´“”„«»", "'''''\"\"\"\"\"")  # noqa: RUF001 - these are meant
_INNER_DASH = re.compile(r"(?<=[^\W\d_])-(?=[^\W\d_])")
_SPACE = re.compile(r"(?<![0-9]) | (?![0-9])")
_TRAILING = " .,;:!?'\""
_ROMAN = re.compile("[ivxlcdm]+")

Option = TypeVar("Option", bound=str)


def find_similar(options: Sequence[Option], *, ignore_case: bool) -> Iterator[tuple[Option, Option, str]]:
    """Yield each option that is similar to an earlier one, the earlier one, and how they differ.

    Equal options (with `ignore_case`, also those that differ in letter case only) are left out.
    """
    fold = str.casefold if ignore_case else str
    first_of: dict[str, Option] = {}
    mistakes = _Mistakes()
    seen: set[str] = set()
    for option in options:
        text = option.strip()
        shape = _shape(text)
        if not shape or fold(text) in seen:
            continue
        seen.add(fold(text))
        if (first := first_of.get(shape)) is not None:
            yield option, first, f"differ only by {_difference(first.strip(), text)}"
            continue
        if len(options) <= OPTIONS_COMPARED and len(shape) <= LENGTH_COMPARED:
            near = mistakes.find(shape)
            if near is not None:
                yield option, first_of[near], "differ by no more than one letter, space or ending"
        first_of[shape] = option


def _difference(first: str, second: str) -> str:
    if first.casefold() == second.casefold():
        return "letter case"
    if " ".join(first.split()) == " ".join(second.split()):
        return "spaces"
    return "spaces, signs, accents, letter case or letters that look the same"


def _shape(text: str) -> str:
    """Return a text without what a reader overlooks: letter case, accents, kinds of dashes and blanks."""
    compatible = unicodedata.normalize("NFKC", text.translate(_QUOTES)).casefold()
    letters = unicodedata.normalize("NFKD", compatible.translate(_LOOKALIKES))
    visible = "".join(char for char in letters if unicodedata.category(char) not in ("Mn", "Cf"))
    dashed = _INNER_DASH.sub(" ", _DASHES.sub("-", visible))
    return " ".join(dashed.replace(" & ", " and ").split()).rstrip(_TRAILING)


class _Mistakes:
    """An index of texts, which finds one that is a typing mistake away from another.

    Each text is indexed by what is left of it without one letter: two texts of which one has a letter
    inserted, removed, replaced or exchanged with the next one share such a key.
    """

    def __init__(self) -> None:
        self._texts: dict[str, list[str]] = {}

    def find(self, shape: str) -> str | None:
        """Return an earlier text that is one mistake away, and add this one."""
        found = None
        for key in dict.fromkeys(self._keys(shape)):
            texts = self._texts.setdefault(key, [])
            found = found or next((other for other in texts if _is_mistake(other, shape)), None)
            if len(texts) < _KEPT:
                texts.append(shape)
        return found

    @staticmethod
    def _keys(shape: str) -> Iterator[str]:
        yield _SPACE.sub("", shape)
        yield shape
        for place in range(len(shape)):
            yield shape[:place] + shape[place + 1 :]
        for ending in _ENDINGS:
            for word in re.finditer(rf"\b\w+{ending}\b", shape):
                yield shape[: word.end() - len(ending)] + shape[word.end() :]


_KEPT = 8
_ENDINGS = ("es", "ies", "y")


def _is_mistake(first: str, second: str) -> bool:
    """Return whether two texts differ by one typing mistake in one word."""
    if _SPACE.sub("", first) == _SPACE.sub("", second):
        return True
    if first.count(" ") != second.count(" "):
        return False
    words = zip(first.split(" "), second.split(" "), strict=True)
    different = [pair for pair in words if pair[0] != pair[1]]
    return len(different) == 1 and _is_mistake_in_word(*sorted(different[0], key=len))


def _is_mistake_in_word(short: str, long: str) -> bool:
    if not short.isalpha() or not long.isalpha() or (_ROMAN.fullmatch(short) and _ROMAN.fullmatch(long)):
        return False
    if long in (f"{short}s", f"{short}es") or (short.endswith("y") and long == f"{short[:-1]}ies"):
        return len(short) >= _PLURAL
    begin = _common_length(short, long)
    end = _common_length(short[begin:][::-1], long[begin:][::-1])
    left, right = short[begin : len(short) - end], long[begin : len(long) - end]
    if begin == 0:  # a different first letter makes a different word: Import, Export
        return False
    if not left and len(right) == 1:
        return len(short) >= _INSERTED
    if len(left) == len(right) == 2:  # noqa: PLR2004 - two letters exchanged
        return left == right[::-1] and len(short) >= _INSERTED
    # So does a different last letter: Trainer, Trainee.
    return len(left) == len(right) == 1 and end > 0 and len(short) >= _REPLACED


def _common_length(first: str, second: str) -> int:
    """Return how many characters two texts share at their beginning."""
    pairs = zip(first, second, strict=False)
    return next((n for n, (one, other) in enumerate(pairs) if one != other), min(len(first), len(second)))
