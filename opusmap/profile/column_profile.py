"""The profile of one column, counted value by value in bounded memory.

Kept are some values with their counts, the elements of lists, and hashes that show whether a value repeats.
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

VALUES_KEPT = 1_000
"""Distinct values of a column, and elements of its lists, that are counted separately."""

WINDOW_CHARACTERS = 1 << 18
"""Characters of the values that a column collects before it examines them, at most."""

VALUE_LENGTH = 200
"""Characters of a value that may be an option, a tag or a term; longer ones are prose and are not kept."""

EXAMPLES_KEPT = 5
SEPARATORS = (";#", ";", "|", "\n", ",")
"""What may separate the elements of a list; `;#` is SharePoint's."""

_NEARLY_ALL = 0.95


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


@dataclass(frozen=True, slots=True)
class ColumnProfile:
    """What one column of a source holds.

    Attributes:
        name: the column's name; of nested values the dotted one.
        rows: rows examined.
        empty: rows without a value in this column.
        blank: rows with only blanks.
        no_value: texts such as N/A that mean "no value"; they are counted nowhere else.
        kinds: how many of the other values look like each kind.
        values: the distinct values, the most frequent first.
        more: whether there are further values, so that `values` is empty.
        repeats: whether any value occurs twice; None if that could not be followed to the end.
        dates: the formats of dates.
        path_separator: what separates the terms of paths, if there are any.
        lists: the shape of lists, if the cells hold lists.
        longest: characters of the longest value.
        average: characters of a value.
        padded: values with blanks around them.
        line_breaks: values with line breaks.
        leading_zeros: whole numbers that begin with 0.
        decimal_commas: numbers that must have a decimal comma.
        decimal_points: numbers that must have a decimal point.
        examples: the first values.
        nested: whether the column is a member of an object.
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
        """The number of values, without those that mean "no value"."""
        return self.rows - self.empty - self.blank - sum(one.count for one in self.no_value)

    @property
    def null_rate(self) -> float:
        """The share of rows without a value, 0 to 1."""
        return 1 - self.filled / self.rows if self.rows else 0.0

    @property
    def kind(self) -> Kind:
        """The kind that nearly all values (95 %) look like; text if there is none."""
        for kind in Kind:
            if self.filled and self.kinds.get(kind, 0) >= _NEARLY_ALL * self.filled:
                return kind
        return Kind.TEXT

    @property
    def is_key(self) -> bool:
        """Whether every examined row has a value that no other has."""
        return bool(self.rows) and self.filled == self.rows and self.repeats is False

    @property
    def distinct(self) -> int:
        """The number of distinct values; 0 if `more`."""
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
    """The number of hashes that all columns of a source may keep together to see whether values repeat."""

    left: int = 1_000_000


class ColumnProfiler:
    """Counts the values of one column.

    Distinct values are collected and examined together, so that a frequent value is examined once.
    """

    def __init__(self, name: str, budget: HashBudget | None = None, *, nested: bool = False) -> None:
        self.name = name
        self._nested = nested
        self._budget = budget or HashBudget()
        self._collected: dict[str, int] = {}
        self._characters = 0
        self._more = False
        self._hashes: set[int] | None = set()
        self._repeats: bool | None = False
        self._added = self._empty = self._longest = self._length = 0
        self._counted: Counter[str] = Counter()  # by the names of `ColumnProfile`
        self._no_value: Counter[str] = Counter()
        self._kinds: Counter[Kind] = Counter()
        self._paths: Counter[str] = Counter()
        self._dates = DateFormats()
        self._has_lists = False
        self._first: dict[str, Counter[str]] = {}  # by separator: elements alone or first in a cell
        self._later: dict[str, Counter[str]] = {}  # and the others
        self._list_rows: Counter[str] = Counter()
        self._examples: list[str] = []
        self._values: dict[str, int] = {}

    def add(self, value: object) -> None:
        """Count one value; None, an empty text and an empty list do not count as values."""
        self._added += 1
        if isinstance(value, str):
            text = value
        elif isinstance(value, list):
            text = self._add_list(value)
        else:
            text = "" if value is None else _as_text(value)
        if not text:
            self._empty += 1
            return
        count = self._collected.get(text)
        if count is not None:
            self._collected[text] = count + 1
            self._repeats, self._hashes = True, None
            return
        if len(self._collected) >= VALUES_KEPT or self._characters > WINDOW_CHARACTERS:
            self._more = True
            self._examine_collected()
        self._collected[text] = 1
        self._characters += len(text)

    def profile(self, rows: int) -> ColumnProfile:
        """Return the profile; of the number of rows, those in which the column was missing are empty."""
        self._examine_collected()
        empty = self._empty + rows - self._added
        filled = max(1, rows - empty - self._counted["blank"] - self._no_value.total())
        return ColumnProfile(
            name=self.name,
            rows=rows,
            empty=empty,
            no_value=_counts(self._no_value),
            kinds=dict(self._kinds),
            values=() if self._more else _counts(self._values),
            more=self._more,
            repeats=self._repeats,
            dates=self._dates.formats(),
            path_separator=self._paths.most_common(1)[0][0] if self._paths else None,
            lists=self._list_shape(filled),
            longest=self._longest,
            average=self._length / filled,
            examples=tuple(self._examples),
            nested=self._nested,
            **self._counted,
        )

    def _add_list(self, items: list[Any]) -> str:
        plain = (_as_text(item) for item in items if item is not None and not isinstance(item, list | dict))
        texts = [text for text in plain if text]
        # As in a text that is split: blanks around an element are ignored, and blanks alone are no element.
        elements = [element for text in texts if (element := text.strip())]
        if len(elements) > 1:
            self._list_rows[""] += 1
        self._has_lists |= bool(elements)
        self._count_elements("", elements, 1)
        return ("; " if elements else "").join(texts)

    def _examine_collected(self) -> None:
        collected, self._collected, self._characters = self._collected, {}, 0
        if self._hashes is not None and self._more:
            self._budget.left -= len(collected)
            hashes = set(map(hash, collected))
            if self._budget.left < 0:
                self._repeats, self._hashes = None, None
            elif not self._hashes.isdisjoint(hashes):
                self._repeats, self._hashes = True, None
            else:
                self._hashes |= hashes
        for text, count in collected.items():
            self._examine(text, count)

    def _examine(self, text: str, weight: int) -> None:
        plain = text.strip()
        if not plain:
            self._counted["blank"] += weight
            return
        if plain.casefold() in NO_VALUE:
            self._no_value[plain] += weight
            return
        counted, length = self._counted, len(plain)
        self._longest = max(self._longest, length)
        self._length += length * weight
        counted["padded"] += weight * (length != len(text))
        counted["line_breaks"] += weight * (len(plain.splitlines()) > 1)
        counted["leading_zeros"] += weight * (
            plain[0] == "0" and length > 1 and plain.isascii() and plain.isdigit()
        )
        if len(self._examples) < EXAMPLES_KEPT:
            self._examples.append(plain[:VALUE_LENGTH])
        if length > VALUE_LENGTH:
            self._more, self._values = True, {}
            self._kinds.update(dict.fromkeys((kind for kind in kinds_of(plain) if kind in _LONG), weight))
        else:
            if not self._more:
                self._values[plain] = self._values.get(plain, 0) + weight
            if self._dates.note(plain, weight):
                self._kinds[Kind.DATE] += weight
            else:
                self._kinds.update(dict.fromkeys(kinds_of(plain), weight))
                if (separator := path_separator(plain)) is not None:
                    self._paths[separator] += weight
                counted["decimal_commas"] += weight * has_decimal_comma(plain)
                counted["decimal_points"] += weight * has_decimal_point(plain)
        self._split(plain, weight)

    def _split(self, text: str, weight: int) -> None:
        if self._has_lists:
            return
        for separator in SEPARATORS:
            if separator in text:
                parts = [part.strip() for part in text.split(separator)]
                elements = [part for part in parts if part]
                if len(elements) > 1:
                    self._list_rows[separator] += weight
                self._count_elements(separator, elements, weight)
            elif separator in self._first:
                self._count_elements(separator, [text], weight)

    def _count_elements(self, separator: str, elements: list[str], weight: int) -> None:
        first = self._first.setdefault(separator, Counter())
        later = self._later.setdefault(separator, Counter())
        for index, element in enumerate(elements):
            counted = later if index else first
            if element in counted or len(counted) <= VALUES_KEPT:
                counted[element[: VALUE_LENGTH + 1]] += weight

    def _list_shape(self, filled: int) -> ListShape | None:
        """Return the separator by which the cells are lists, and the elements; None if there is none.

        Lists must not be taken for prose, names or references. Their elements are short; and the same
        elements occur first (or alone) and later, or most cells have the separator and it is rare in prose.
        """
        for separator in ("", *SEPARATORS):
            rows = self._list_rows[separator]
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
                return ListShape(separator, rows, _counts(counted)[:VALUES_KEPT], more)
        return None


_LONG = frozenset({Kind.EMAIL, Kind.URL, Kind.FILE})
"""Kinds that a text of any length may have."""


_ELEMENT_WORDS = 5
_LIST_SHARE = 0.02
_REPEATED = 0.3
_MOST = 0.5


def _counts(counted: dict[str, int]) -> tuple[Count, ...]:
    ordered = sorted(counted.items(), key=lambda one: (-one[1], one[0]))
    return tuple(Count(text, count) for text, count in ordered)


def _as_text(value: object) -> str:
    """Return a value as text: true, 2024-07-01, 1.50."""
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
