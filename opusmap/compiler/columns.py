"""The rule of each column type: how a value is finished for Opus, and what is refused.

Owns the last step of every binding. A finisher takes a value that is not empty and returns what
stands in the request's JSON; the emulator checks the same rules on its own.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Context, Decimal
from typing import Any, TypeAlias

from opusmap.connection import ColumnType
from opusmap.converters.choices import order_lookup
from opusmap.converters.dates import format_datetime
from opusmap.converters.memo import Memo
from opusmap.converters.numbers import parse_number
from opusmap.converters.people import email, emails
from opusmap.converters.terms import join_path
from opusmap.converters.times import time_rewriter
from opusmap.converters.values import number_of, text_of
from opusmap.diagnostics import quote_value
from opusmap.errors import ValueProblem
from opusmap.records import JsonValue
from opusmap.spec import ChoiceList, TargetOptions

__all__ = ["LIST_TYPES", "TEXT_TYPES", "Finisher", "TypeRules", "make_finisher"]

Finisher: TypeAlias = Callable[[Any], JsonValue]

LIST_TYPES = frozenset({ColumnType.MULTIPLE_CHOICE, ColumnType.PEOPLE})
"""Types whose value is a list."""

TEXT_TYPES = frozenset({ColumnType.SINGLE_TEXT, ColumnType.MULTIPLE_TEXT, ColumnType.UNKNOWN})
"""Types whose value is a text as it is."""

_SIGNIFICANT_DIGITS = 15
"""Significant digits that every JSON number keeps (IEEE 754 doubles)."""


@dataclass(frozen=True, slots=True)
class TypeRules:
    """What a finisher needs to know of its mapping and column.

    `zone` is the zone that times are written in; `read_time` makes a date or time of a text, which is
    written in `format` and, where it names no zone, in `source_zone`.
    """

    target: TargetOptions
    zone: tzinfo
    read_time: Callable[[object], date]
    format: str | None = None
    source_zone: tzinfo | None = None
    choices: ChoiceList | None = None


def make_finisher(kind: ColumnType, rules: TypeRules) -> tuple[str, Finisher]:
    """Return the finisher of a column, and the name it has in generated code."""
    match kind:
        case ColumnType.MULTIPLE_TEXT:
            return "multi_line", multi_line
        case ColumnType.DATE_TIME:
            return "date_time", _date_time(rules)
        case ColumnType.SINGLE_CHOICE:
            return "choice", _single_choice(rules)
        case ColumnType.MULTIPLE_CHOICE:
            return "choices", _multiple_choice(rules)
        case ColumnType.PEOPLE:
            return "people", _people(rules)
        case ColumnType.NUMBER:
            return "json_number", json_number
        case ColumnType.TAXONOMY:
            return "term", term
        case ColumnType.UNKNOWN:
            return "multi_line", multi_line
        case _:
            return "single_line", single_line


def single_line(value: Any) -> str:
    """Check a single line of text: no line breaks, no control characters but tabs."""
    text = value if value.__class__ is str else _column_text(value)
    if text.isprintable():
        return text
    if len(text.splitlines()) > 1 or _BREAK.search(text):
        message = f"the text has line breaks: {quote_value(text)}"
        raise ValueProblem("line-break", message, "`convert: single_line` or `squeeze` makes one line of it")
    return _checked(text)


def multi_line(value: Any) -> str:
    """Check a text of several lines: no control characters but tabs and line breaks."""
    text = value if value.__class__ is str else _column_text(value)
    return text if text.isprintable() else _checked(text)


_BREAK = re.compile("[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_ALLOWED_CONTROLS = frozenset("\t\n\r")


def _checked(text: str) -> str:
    for char in text:
        category = unicodedata.category(char)
        if category == "Cs" or (category == "Cc" and char not in _ALLOWED_CONTROLS):
            message = f"the text holds the character U+{ord(char):04X}: {quote_value(text)}"
            raise ValueProblem("control-character", message, "take it out with `regex_replace`")
    return text


def _column_text(value: Any) -> str:
    if isinstance(value, list):
        message = f"a list can't be one text: {quote_value(value)}"
        raise ValueProblem("wrong-kind", message, "put it together: `convert: {join: ', '}`")
    return text_of(value)


def json_number(value: Any) -> int | float:
    """Return the shortest JSON number that is equal to a number, or to the text of a plain one."""
    if value.__class__ is str and len(value) <= _SIGNIFICANT_DIGITS and _PLAIN_NUMBER.fullmatch(value):
        plain = float(value.replace(",", ""))  # so few digits are exact in it
        return int(plain) if plain.is_integer() else plain
    if isinstance(value, bool):
        raise ValueProblem("bad-number", f"{text_of(value)} is not a number")
    number = parse_number(value) if isinstance(value, str) else number_of(value)
    if isinstance(number, Decimal):
        number = number.normalize(_WIDE)
    significant = len(Decimal(number).normalize(_WIDE).as_tuple().digits)
    if significant > _SIGNIFICANT_DIGITS:
        kept = f"JSON numbers keep {_SIGNIFICANT_DIGITS}"
        message = f"{quote_value(value)} has {significant} significant digits; {kept}"
        raise ValueProblem("too-precise", message, "round it (`| number | round(2)`), or use a text column")
    return int(number) if number == int(number) else float(number)


_PLAIN_NUMBER = re.compile(r"-?(?:[0-9]{1,3}(?:,[0-9]{3})+|[0-9]+)(?:\.[0-9]+)?", re.ASCII)
"""Numbers that need no further look, provided that they are short."""
_WIDE = Context(prec=200)
"""Wide enough that normalising never rounds a number within the limits."""


def _date_time(rules: TypeRules) -> Finisher:
    pattern, zone, read = rules.target.datetime_format, rules.zone, rules.read_time
    rewrite = time_rewriter(rules.format, rules.source_zone, pattern, format_datetime) if zone is UTC else None

    def date_time(value: Any) -> str:
        if rewrite is not None and value.__class__ is str and (written := rewrite(value)) is not None:
            return written
        moment = value if isinstance(value, date) else read(value)
        if not isinstance(moment, datetime):
            midnight = datetime(moment.year, moment.month, moment.day, tzinfo=zone)  # a date never shifts
            return format_datetime(midnight, pattern)
        if moment.tzinfo is None:
            moment = read(moment)
        assert isinstance(moment, datetime)
        try:
            return format_datetime(moment.astimezone(zone), pattern)
        except OverflowError:
            raise ValueProblem("bad-date", f"{quote_value(value)} is outside the years 1 to 9999") from None

    return date_time


def _single_choice(rules: TypeRules) -> Finisher:
    assert rules.choices is not None
    find = order_lookup(rules.choices, rules.target.choice_base)
    if rules.target.choice_as == "number":
        return lambda value: find(_only(value))
    return lambda value: str(find(_only(value)))


def _only(value: Any) -> Any:
    """Return the one element of a list of one; a single choice takes no more."""
    if isinstance(value, list):
        if len(value) != 1:
            message = f"a single choice takes one option, not {len(value)}: {quote_value(value)}"
            raise ValueProblem("wrong-kind", message, "take one: `convert: first`")
        return value[0]
    return value


def _multiple_choice(rules: TypeRules) -> Finisher:
    assert rules.choices is not None
    find = order_lookup(rules.choices, rules.target.choice_base)
    as_text = rules.target.list_as == "text"

    def choices(value: Any) -> JsonValue:
        options = value if isinstance(value, list) else [value]
        orders = list(dict.fromkeys(find(option) for option in options if option not in (None, "")))
        if not orders:
            raise ValueProblem("no-item", f"{quote_value(value)} holds no option", "leave it empty instead")
        if as_text:
            return "[" + ",".join(map(str, orders)) + "]"
        return list(orders)

    return choices


def _people(rules: TypeRules) -> Finisher:
    as_text = rules.target.list_as == "text"
    known = Memo(_one_address)

    def people(value: Any) -> JsonValue:
        found: dict[str, str] = {}
        for item in value if value.__class__ is list else [value]:
            if item.__class__ is not str:
                addresses = emails(value if isinstance(value, list) else [value])
                break
            folded, address = known[item]
            found.setdefault(folded, address)
        else:
            found.pop("", None)
            addresses = list(found.values())
        if not addresses:
            raise ValueProblem("no-email", f"{quote_value(value)} has no e-mail address", "mend the source")
        return "[" + ",".join(addresses) + "]" if as_text else list[JsonValue](addresses)

    return people


def _one_address(text: str) -> tuple[str, str]:
    """Return an address, and before it the same without letter case; both empty for a blank text."""
    address = email(text) if text.strip() else ""
    return address.casefold(), address


def term(value: Any) -> str:
    """Check a full term path, given as one text or as a list of its terms."""
    if isinstance(value, list):
        return single_line(join_path(value))
    parts = text_of(value).split("/")
    if any(not part.strip() for part in parts):
        message = f"the path {quote_value(value)} has an empty term"
        raise ValueProblem("bad-term-path", message, "remove the extra /, or list the parts: `from: [A, B]`")
    return single_line(join_path(parts))
