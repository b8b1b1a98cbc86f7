"""One column's profile, counted value by value.

Owns what is kept of a column, and the bounds: some values with their counts, the elements of lists, the
hashes that show whether a value ever repeats. Memory does not grow with the rows.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from opusmap.profile.date_formats import DateFormat, DateFormats
from opusmap.profile.value_kinds import (
    NO_VALUE,
    Kind,
    has_decimal_comma,
    has_decimal_point,
    kinds_of,
    path_separator,
)

__all__ = ["ColumnProfile", "ColumnProfiler", "Count", "HashBudget", "ListShape"]

VALUES_KEPT = 1_000
"""Distinct values of a column, and elements of its lists, that are counted each for itself."""

WINDOW_CHARACTERS = 1 << 18
"""Characters of values that a column holds on to at most before it looks at them."""

VALUE_LENGTH = 200
"""Characters of a value that may be an option, a tag or a term; longer ones are prose and not kept."""

EXAMPLES_KEPT = 5
SEPARATORS = (";#", ";", "|", "\n", ",")
"""What may stand between the elements of a list; `;#` is SharePoint's."""

_NEARLY_ALL = 0.95


@dataclass(frozen=True, slots=True)
class Count:
    """A text and how often it was seen."""

    text: str
    count: int


@dataclass(frozen=True, slots=True)
class ListShape:
    """A column whose cells hold several elements: what separates them (empty: the source has lists itself).

    `rows` is the number of cells with more than one; `elements` are the elements seen, the most frequent
    first, as far as `more` is false all of them.
    """

    separator: str
    rows: int
    elements: tuple[Count, ...]
    more: bool = False


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What one column of a source holds.

    `rows` were looked at, `empty` of them had nothing in this column, `blank` only blanks. `no_value` are
    texts such as N/A that mean nothing as well; they are counted nowhere else. `kinds` counts how many of
    the other values look like each kind. `values` are the distinct values, the most frequent first:
    all of them where `more` is false. `repeats` tells whether any value was seen twice, None where that
    could not be followed to the end. Lengths are in characters.
    """

    name: str
    rows: int = 0
    empty: int = 0
    blank: int = 0
    no_value: tuple[Count, ...] = ()
    kinds: dict[Kind, int] = field(default_factory=dict)
    values: tuple[Count, ...] = ()
    more: bool = False
    repeats: bool | None = False
    dates: tuple[DateFormat, ...] = ()
    path_separator: str | None = None
    lists: ListShape | None = None
    shortest: int = 0
    longest: int = 0
    average: float = 0.0
    padded: int = 0
    line_breaks: int = 0
    leading_zeros: int = 0
    decimal_commas: int = 0
    decimal_points: int = 0
    examples: tuple[str, ...] = ()
    nested: bool = False

    @property
    def filled(self) -> int:
        """Values that say something."""
        return self.rows - self.empty - self.blank - sum(one.count for one in self.no_value)

    @property
    def null_rate(self) -> float:
        """The share of rows that say nothing in this column, 0 to 1."""
        return 1 - self.filled / self.rows if self.rows else 0.0

    @property
    def kind(self) -> Kind:
        """What nearly all values (95 %) look like; text where they do not agree."""
        for kind in Kind:
            if self.filled and self.kinds.get(kind, 0) >= _NEARLY_ALL * self.filled:
                return kind
        return Kind.TEXT

    @property
    def is_key(self) -> bool:
        """Tell whether every row has a value that no other row has, as far as was looked."""
        return bool(self.rows) and self.filled == self.rows and self.repeats is False

    @property
    def distinct(self) -> int:
        """Distinct values that were counted; there are more where `more` is true."""
        return len(self.values)

    def as_json(self) -> dict[str, Any]:
        """Return the profile as plain data, with at most 20 values (they may be personal data)."""
        return {
            "column": self.name,
            "kind": self.kind.value,
            "rows": self.rows,
            "empty": self.rows - self.filled,
            "null_rate": round(self.null_rate, 4),
            "distinct": None if self.more else self.distinct,
            "unique": None if self.repeats is None else self.is_key,
            "longest": self.longest,
            "dates": [
                {"format": one.pattern or "ISO", "count": one.count, "or": one.swapped} for one in self.dates
            ],
            "separator": None if self.lists is None else self.lists.separator,
            "values": [] if self.more else [[one.text, one.count] for one in self.values[:20]],
        }


@dataclass
class HashBudget:
    """How many hashes all columns of a source may keep together to see whether a value repeats."""

    left: int = 1_000_000

    def take(self, count: int) -> bool:
        """Take from what is left; tell whether there was enough."""
        self.left -= count
        return self.left >= 0


class ColumnProfiler:
    """Counts the values of one column.

    Values are gathered in a window of distinct ones and looked at when it is full, so that a value that
    comes often is looked at once.
    """

    def __init__(self, name: str, budget: HashBudget | None = None, *, nested: bool = False) -> None:
        self.name = name
        self._nested = nested
        self._budget = budget or HashBudget()
        self._window: dict[str, int] = {}
        self._characters = 0
        self._flushed = False
        self._seen: set[int] | None = set()
        self._repeats: bool | None = False
        self._added = self._empty = self._blank = 0
        self._shortest, self._longest, self._length = 0, 0, 0
        self._padded = self._breaks = self._zeros = self._commas = self._points = 0
        self._no_value: Counter[str] = Counter()
        self._kinds: Counter[Kind] = Counter()
        self._paths: Counter[str] = Counter()
        self._dates = DateFormats()
        self._native_lists = 0
        self._elements: dict[str, Counter[str]] = {}
        self._list_rows: Counter[str] = Counter()
        self._later: dict[str, Counter[str]] = {}
        self._examples: list[str] = []
        self._values: dict[str, int] = {}

    def add(self, value: object) -> None:
        """Count one value; None, an empty text and an empty list are no value."""
        self._added += 1
        if isinstance(value, str):
            text = value
        elif isinstance(value, list):
            text = self._add_list(value)
        else:
            text = "" if value is None else _plain(value)
        if not text:
            self._empty += 1
            return
        count = self._window.get(text)
        if count is not None:
            self._window[text] = count + 1
            self._repeats, self._seen = True, None
            return
        if len(self._window) >= VALUES_KEPT or self._characters > WINDOW_CHARACTERS:
            self._look(last=False)
        self._window[text] = 1
        self._characters += len(text)

    def profile(self, rows: int) -> ColumnProfile:
        """Return what was counted in so many rows; those in which the column was missing are empty."""
        self._look(last=True)
        empty = self._empty + rows - self._added
        filled = max(1, rows - empty - self._blank - self._no_value.total())
        return ColumnProfile(
            self.name,
            rows,
            empty,
            self._blank,
            _counts(self._no_value),
            dict(self._kinds),
            () if self._flushed else _counts(self._values),
            self._flushed,
            self._repeats,
            self._dates.formats(),
            self._paths.most_common(1)[0][0] if self._paths else None,
            self._list_shape(filled),
            self._shortest,
            self._longest,
            self._length / filled,
            self._padded,
            self._breaks,
            self._zeros,
            self._commas,
            self._points,
            tuple(self._examples),
            self._nested,
        )

    def _add_list(self, items: list[Any]) -> str:
        plain = (_plain(item) for item in items if item is not None and not isinstance(item, list | dict))
        texts = [text for text in plain if text]
        # As in a text that is split: blanks around an element say nothing, and blanks alone are none.
        elements = [element for text in texts if (element := text.strip())]
        if len(elements) > 1:
            self._list_rows[""] += 1
        self._native_lists += bool(elements)
        self._count_elements("", elements, 1)
        return ("; " if elements else "").join(texts)

    def _look(self, *, last: bool) -> None:
        """Look at the window's values; before the last time it is known that there are more than are kept."""
        window, self._window, self._characters = self._window, {}, 0
        if not last:
            self._flushed = True
        self._follow_repeats(window, last=last)
        for text, count in window.items():
            self._observe(text, count)

    def _follow_repeats(self, window: dict[str, int], *, last: bool) -> None:
        if self._seen is None or (last and not self._flushed):
            return
        if not self._budget.take(len(window)):
            self._repeats, self._seen = None, None
            return
        hashes = set(map(hash, window))
        if not self._seen.isdisjoint(hashes):
            self._repeats, self._seen = True, None
        else:
            self._seen |= hashes

    def _observe(self, text: str, weight: int) -> None:
        plain = text.strip()
        if not plain:
            self._blank += weight
            return
        if plain.casefold() in NO_VALUE:
            self._no_value[plain] += weight
            return
        self._measure(text, plain, weight)
        if len(plain) <= VALUE_LENGTH and not self._flushed:
            self._values[plain] = self._values.get(plain, 0) + weight
        elif len(plain) > VALUE_LENGTH:
            self._flushed = True
            self._values = {}
        if len(self._examples) < EXAMPLES_KEPT:
            self._examples.append(plain[:VALUE_LENGTH])
        if len(plain) > VALUE_LENGTH:
            self._kinds.update(dict.fromkeys((kind for kind in kinds_of(plain) if kind in _LONG), weight))
        elif self._dates.note(plain, weight):
            self._kinds[Kind.DATE] += weight
        else:
            self._kinds.update(dict.fromkeys(kinds_of(plain), weight))
            if (separator := path_separator(plain)) is not None:
                self._paths[separator] += weight
            self._commas += weight * has_decimal_comma(plain)
            self._points += weight * has_decimal_point(plain)
        self._split(plain, weight)

    def _measure(self, text: str, plain: str, weight: int) -> None:
        length = len(plain)
        self._shortest = min(self._shortest or length, length)
        self._longest = max(self._longest, length)
        self._length += length * weight
        self._padded += weight * (length != len(text))
        self._breaks += weight * (len(plain.splitlines()) > 1)
        self._zeros += weight * (plain[0] == "0" and length > 1 and plain.isascii() and plain.isdigit())

    def _split(self, text: str, weight: int) -> None:
        if self._native_lists:
            return
        for separator in SEPARATORS:
            if separator in text:
                parts = [part.strip() for part in text.split(separator)]
                elements = [part for part in parts if part]
                if len(elements) > 1:
                    self._list_rows[separator] += weight
                self._count_elements(separator, elements, weight)
            elif separator in self._elements:
                self._count_elements(separator, [text], weight)

    def _count_elements(self, separator: str, elements: list[str], weight: int) -> None:
        # First (or alone) and behind another: in a list the same elements come in both places.
        first = self._elements.setdefault(separator, Counter())
        later = self._later.setdefault(separator, Counter())
        for place, element in enumerate(elements):
            counted = later if place else first
            if element in counted or len(counted) <= VALUES_KEPT:
                counted[element[: VALUE_LENGTH + 1]] += weight

    def _list_shape(self, filled: int) -> ListShape | None:
        """Return the separator that cuts the column into elements, if one does, and the elements."""
        for separator in ("", *SEPARATORS):
            rows = self._list_rows[separator]
            if not rows:
                continue
            first, later = self._elements[separator], self._later[separator]
            if not separator or _is_list(separator, rows / filled, first, later):
                counted = first + later
                more = max(len(first), len(later)) > VALUES_KEPT
                return ListShape(separator, rows, _counts(counted)[:VALUES_KEPT], more)
        return None


_LONG = frozenset({Kind.EMAIL, Kind.URL, Kind.FILE})
"""Kinds that a text of any length may have."""


def _is_list(separator: str, share: float, first: Counter[str], later: Counter[str]) -> bool:
    """Tell lists from prose, names and references.

    Elements are short. What stands behind a separator stands before one (or alone) elsewhere; or most cells
    have the separator, and it is one that prose seldom has.
    """
    counted = first + later
    words = sum(len(element.split()) * count for element, count in counted.items()) / counted.total()
    if max(map(len, counted)) > VALUE_LENGTH or words > _ELEMENT_WORDS or share < _LIST_SHARE:
        return False
    again = sum(count for element, count in later.items() if element in first) / later.total()
    return again >= _AGAIN or (separator not in (",", "\n") and share >= _MOST)


_ELEMENT_WORDS = 5
_LIST_SHARE = 0.02
_AGAIN = 0.3
_MOST = 0.5


def _counts(counted: dict[str, int]) -> tuple[Count, ...]:
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Count(text, count) for text, count in ordered)


def _plain(value: object) -> str:
    """Return a value that a source knows the kind of as the text that says the same."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal) and value.is_finite() and abs(value.adjusted()) < _PLAIN_DIGITS:
        return format(value, "f")
    try:
        return str(value)
    except ValueError:  # Python writes no number of more than 4,300 digits
        return "a huge number"


_PLAIN_DIGITS = 50
