"""The profile of one column, counted value by value in bounded memory.

Kept are some values with their counts, the elements of lists, and hashes that show whether a value repeats.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from opusmap.converters.date_shapes import find_incomplete_formats
from opusmap.profile.date_formats import DateFormat, DateFormats
from opusmap.profile.list_shapes import (
    VALUE_LENGTH,
    VALUES_KEPT,
    Count,
    ListShape,
    ListShapes,
    most_frequent,
)
from opusmap.profile.value_kinds import (
    NO_VALUE,
    Kind,
    address_separator,
    has_blank_groups,
    has_decimal_comma,
    has_decimal_point,
    kinds_of,
    path_separator,
    split_currency,
)

WINDOW_CHARACTERS = 1 << 18
"""Characters of the values that a column collects before it examines them, at most."""

EXAMPLES_KEPT = 5
_NEARLY_ALL = 0.95


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
        real_dates: values that are dates or times themselves, as in a workbook, and not texts. Their ISO text
            counts in `dates`, too.
        incomplete: the formats of dates without a day or a month. They count as `Kind.DATE`, too, where other
            values show that the column has dates, so that 1783 is a year and not a number.
        path_separator: what separates the terms of paths, if there are any.
        lists: the shape of lists, if the cells hold lists.
        longest: characters of the longest value.
        average: characters of a value.
        padded: values with blanks around them.
        line_breaks: values with line breaks.
        leading_zeros: whole numbers that begin with 0.
        decimal_commas: numbers that must have a decimal comma.
        decimal_points: numbers that must have a decimal point.
        blank_groups: numbers with blanks between thousands.
        currencies: the currency signs of amounts.
        address_separators: what separates the e-mail addresses of values that have several.
        unclear_addresses: values with an @ that are not read as e-mail addresses.
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
    real_dates: int = 0
    incomplete: tuple[Count, ...] = ()
    path_separator: str | None = None
    lists: ListShape | None = None
    longest: int = 0
    average: float = 0.0
    padded: int = 0
    line_breaks: int = 0
    leading_zeros: int = 0
    decimal_commas: int = 0
    decimal_points: int = 0
    blank_groups: int = 0
    currencies: tuple[Count, ...] = ()
    address_separators: tuple[Count, ...] = ()
    unclear_addresses: int = 0
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
        self._first_words: set[str] = set()  # of values that look like people, two at most
        self._people: set[str] = set()  # two of these values at most
        self._paths: Counter[str] = Counter()
        self._dates = DateFormats()
        self._incomplete: Counter[str] = Counter()
        self._lists = ListShapes()
        self._examples: list[str] = []
        self._values: dict[str, int] = {}
        self._currencies: Counter[str] = Counter()
        self._between_addresses: Counter[str] = Counter()
        self._objects = 0

    def add(self, value: object) -> None:
        """Count one value; None, an empty text and an empty list do not count as values."""
        self._added += 1
        if isinstance(value, str):
            text = value
        elif isinstance(value, list):
            if any(isinstance(item, dict) for item in value):
                self._objects += 1
                return
            text = self._add_list(value)
        else:
            text = "" if value is None else _as_text(value)
            self._counted["real_dates"] += isinstance(value, date)
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
        self._note_incomplete_dates()
        self._note_placeholder()
        self._note_no_people()
        if self._objects:
            self._kinds[Kind.OBJECTS], self._more, self._repeats = self._objects, True, None
        empty = self._empty + rows - self._added
        filled = max(1, rows - empty - self._counted["blank"] - self._no_value.total())
        return ColumnProfile(
            name=self.name,
            rows=rows,
            empty=empty,
            no_value=most_frequent(self._no_value),
            kinds=dict(self._kinds),
            values=() if self._more else most_frequent(self._values),
            more=self._more,
            repeats=self._repeats,
            dates=self._dates.formats(),
            incomplete=most_frequent(self._incomplete),
            path_separator=self._paths.most_common(1)[0][0] if self._paths else None,
            lists=self._lists.shape(filled),
            longest=self._longest,
            average=self._length / filled,
            currencies=most_frequent(self._currencies),
            address_separators=most_frequent(self._between_addresses),
            examples=tuple(self._examples),
            nested=self._nested,
            **self._counted,
        )

    def _add_list(self, items: list[Any]) -> str:
        plain = (_as_text(item) for item in items if item is not None and not isinstance(item, list | dict))
        texts = [text for text in plain if text]
        # As in a text that is split: blanks around an element are ignored, and a blank one does not count.
        elements = [element for text in texts if (element := text.strip())]
        self._lists.add_list(elements)
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
            kinds = [kind for kind in kinds_of(plain) if kind in _LONG]
            self._kinds.update(dict.fromkeys(kinds, weight))
            self._note_addresses(plain, kinds, weight)
        else:
            if not self._more:
                self._values[plain] = self._values.get(plain, 0) + weight
            if self._dates.note(plain, weight):
                self._kinds[Kind.DATE] += weight
            else:
                kinds = list(kinds_of(plain))
                self._note_person(plain, kinds)
                self._kinds.update(dict.fromkeys(kinds, weight))
                if Kind.NUMBER in kinds:
                    self._note_number(plain, weight)
                self._note_addresses(plain, kinds, weight)
                if (separator := path_separator(plain)) is not None:
                    self._paths[separator] += weight
                self._incomplete.update(dict.fromkeys(find_incomplete_formats(plain), weight))
        self._lists.add(plain, weight)

    def _note_number(self, text: str, weight: int) -> None:
        currency, number = split_currency(text)
        if currency:
            self._currencies[currency] += weight
        self._counted["decimal_commas"] += weight * has_decimal_comma(number)
        self._counted["decimal_points"] += weight * has_decimal_point(number)
        self._counted["blank_groups"] += weight * has_blank_groups(number)

    def _note_addresses(self, text: str, kinds: list[Kind], weight: int) -> None:
        if Kind.EMAIL not in kinds:
            self._counted["unclear_addresses"] += weight * ("@" in text)
        elif separator := address_separator(text):
            self._between_addresses[separator] += weight

    def _note_incomplete_dates(self) -> None:
        """Take years for dates where a month or a whole date shows that they are."""
        incomplete = self._incomplete.total()
        telling = self._kinds[Kind.DATE] + incomplete - self._incomplete["%Y"]
        if incomplete and telling >= _TELLING_DATES * (self._kinds[Kind.DATE] + incomplete):
            self._kinds[Kind.DATE] += incomplete

    def _note_person(self, text: str, kinds: list[Kind]) -> None:
        if Kind.PERSON in kinds and len(self._first_words) < _TWO:
            self._first_words.add(text.split(maxsplit=1)[0].casefold())
            self._people |= {text} if len(self._people) < _TWO else set()

    def _note_no_people(self) -> None:
        """Take values for no people if all begin with the same word: Section North, Section South."""
        if len(self._people) >= _TWO and len(self._first_words) == 1:
            del self._kinds[Kind.PERSON]

    def _note_placeholder(self) -> None:
        """Take for "no value" a frequent text among what else are dates or numbers."""
        whole = self._lists.whole
        words = [one for one in whole if not any(char.isdigit() or char in "@/" for char in one)]
        text = max(words, key=whole.__getitem__, default="")
        count = whole[text]
        blank = self._empty + self._counted["blank"] + self._no_value.total() + self._objects
        total = self._added - blank
        told = max((self._kinds[kind] for kind in _CERTAIN_KINDS), default=0)
        often = text not in self._no_value and count >= _OFTEN_ENOUGH * total
        if often and told and told + count >= _NEARLY_ALL * total:
            self._no_value[text] += count
            self._values.pop(text, None)


_LONG = frozenset({Kind.EMAIL, Kind.URL, Kind.FILE})
"""Kinds that a text of any length may have."""


_CERTAIN_KINDS = (Kind.DATE, Kind.NUMBER)
_TWO = 2
_OFTEN_ENOUGH = 0.3
_TELLING_DATES = 0.05


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
