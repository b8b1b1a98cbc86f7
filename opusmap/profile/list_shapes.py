"""Cells that hold several elements: by what separator, and which elements.

Owns telling lists from prose, names and references, in bounded memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

VALUES_KEPT = 1_000
"""Distinct values of a column, and elements of its lists, that are counted separately."""

VALUE_LENGTH = 200
"""Characters of a value that may be an option, a tag or a term; longer ones are prose and are not kept."""

SEPARATORS = (";#", ";", "|", "\n", ",")
"""What may separate the elements of a list; `;#` is SharePoint's."""

_ELEMENT_WORDS = 5
_LIST_SHARE = 0.02
_REPEATED = 0.3
_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Count:
    """A text and how often it was seen."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class ListShape:
    """A column whose cells hold several elements.

    Attributes:
        separator: what separates them; empty if the source itself has lists.
        rows: cells with more than one element.
        elements: the elements seen, the most frequent first.
        more: whether there are further elements.
    """

    separator: str
    rows: int
    elements: tuple[Count, ...]
    more: bool = False


class ListShapes:
    """Counts the elements of a column's cells by each separator that they may have."""

    def __init__(self) -> None:
        self.whole: Counter[str] = Counter()
        """Cells as they are, as far as they are short and there are not too many."""
        self._has_lists = False
        self._first: dict[str, Counter[str]] = {}  # by separator: elements alone or first in a cell
        self._later: dict[str, Counter[str]] = {}  # and the others
        self._rows: Counter[str] = Counter()

    def add_list(self, elements: Sequence[str]) -> None:
        """Count a list that the source itself has."""
        if len(elements) > 1:
            self._rows[""] += 1
        self._has_lists |= bool(elements)
        self._count("", elements, 1)

    def add(self, text: str, weight: int) -> None:
        """Count a cell, and its elements by each separator."""
        if len(text) <= VALUE_LENGTH and (text in self.whole or len(self.whole) <= VALUES_KEPT):
            self.whole[text] += weight
        for separator in () if self._has_lists else SEPARATORS:
            if separator in text:
                if separator not in self._first:  # what came before was alone in its cell
                    alone = {one: count for one, count in self.whole.items() if separator not in one}
                    self._first[separator] = Counter(alone)
                elements = [part.strip() for part in text.split(separator) if part.strip()]
                if len(elements) > 1:
                    self._rows[separator] += weight
                self._count(separator, elements, weight)
            elif separator in self._first:
                self._count(separator, [text], weight)

    def shape(self, filled: int) -> ListShape | None:
        """Return the separator by which the cells are lists, and the elements; None if there is none.

        Lists must not be taken for prose, names or references. Their elements are short; and the same
        elements occur first (or alone) and later, or most cells have the separator and it is rare in prose.
        """
        for separator in ("", *SEPARATORS):
            rows = self._rows[separator]
            if not rows:
                continue
            first, later = self._first[separator], self._later[separator]
            counted = first + later
            words = sum(len(element.split()) * count for element, count in counted.items()) / counted.total()
            short = max(map(len, counted)) <= VALUE_LENGTH and words <= _ELEMENT_WORDS
            repeated = sum(count for element, count in later.items() if element in first) / later.total()
            common = separator not in (",", "\n") and rows / filled >= _MOST
            listed = short and rows / filled >= _LIST_SHARE and (repeated >= _REPEATED or common)
            if not separator or listed:
                more = max(len(first), len(later)) > VALUES_KEPT
                return ListShape(separator, rows, most_frequent(counted)[:VALUES_KEPT], more)
        return None

    def _count(self, separator: str, elements: Sequence[str], weight: int) -> None:
        first = self._first.setdefault(separator, Counter())
        later = self._later.setdefault(separator, Counter())
        for index, element in enumerate(elements):
            counted = later if index else first
            if element in counted or len(counted) <= VALUES_KEPT:
                counted[element[: VALUE_LENGTH + 1]] += weight


def most_frequent(counted: Mapping[str, int]) -> tuple[Count, ...]:
    """Return texts with their counts, the most frequent first."""
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Count(text, count) for text, count in ordered)
