"""The rule of each column type: how a value is finished for Opus, and what is refused.

Owns the last step of every binding. A finisher takes a value that is not empty and returns what
goes into the request's JSON; the emulator checks the same rules separately.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, tzinfo
from decimal import Context, Decimal
from typing import Any, TypeAlias

from opusmap.connection import ColumnType
from opusmap.converters.cache import Cache
from opusmap.converters.choices import order_lookup
from opusmap.converters.coerce import number_of, text_of
from opusmap.converters.dates import PLAIN_TIME, date_writer
from opusmap.converters.datetime_fastpath import fixed_reader, read_iso, steady_offset, utc_rewriter
from opusmap.converters.numbers import parse_number
from opusmap.converters.people import email, emails
from opusmap.converters.terms import SEGMENT_LIMIT, join_path
from opusmap.errors import ValueProblem
from opusmap.mapping import ChoiceList, TargetOptions
from opusmap.records import JsonValue
from opusmap.wording import quote_value

Encode: TypeAlias = Callable[[Any], JsonValue]
Element: TypeAlias = Callable[[Any], tuple[str | int, Any]]
"""From an element to what tells it from others, and to how it is written; `("", "")` for no element."""

TEXT_TYPES = frozenset({ColumnType.SINGLE_TEXT, ColumnType.MULTIPLE_TEXT, ColumnType.UNKNOWN})
"""Types whose value is a text as it is."""

_SIGNIFICANT_DIGITS = 15
"""Significant digits that every JSON number keeps (IEEE 754 doubles)."""


@dataclass(frozen=True, slots=True)
class EncoderOptions:
    """What a finisher needs to know of its mapping and column.

    `zone` is the zone that times are written in; `read_time` makes a date or time of a text, which is
    written in `format` (None: ISO, or one of several) and, where it names no zone, in `source_zone`; years of
    two digits lie in the hundred years from `century` on. `noted` says that only `read_time` reads texts, for
    it notes something of them.
    """

    target: TargetOptions
    zone: tzinfo
    read_time: Callable[[object], date]
    format: str | None = None
    source_zone: tzinfo | None = None
    choices: ChoiceList | None = None
    century: int | None = None
    noted: bool = False


@dataclass(frozen=True, slots=True)
class Encoder:
    """The last step of a column: its name in generated code, and its function.

    `cache` says that texts are few, take longer to encode than to look up, and leave nothing to note.
    `element`, of list types, encodes one element alone (see `encode_elements`).
    """

    name: str
    function: Encode
    cache: bool = False
    element: Element | None = None

    def __call__(self, value: Any) -> JsonValue:
        """Encode a value that is not empty, the long way."""
        return self.function(value)


def make_encoder(kind: ColumnType, rules: EncoderOptions) -> Encoder:
    """Return the last step of a column."""
    match kind:
        case ColumnType.DATE_TIME:
            return Encoder("date_time", _date_time(rules), cache=_is_dated(rules.format) and not rules.noted)
        case ColumnType.SINGLE_CHOICE:
            return Encoder("choice", _single_choice(rules), cache=True)
        case ColumnType.MULTIPLE_CHOICE:
            return _multiple_choice(rules)
        case ColumnType.PEOPLE:
            return Encoder("people", _people(rules), element=_one_address)
        case ColumnType.NUMBER:
            return Encoder("json_number", json_number)
        case ColumnType.TAXONOMY:
            return Encoder("term", term, cache=True)
        case ColumnType.MULTIPLE_TEXT | ColumnType.UNKNOWN:
            return Encoder("multi_line", multi_line)
        case _:
            return Encoder("single_line", single_line)


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
    return text if text.isprintable() or text.replace("\n", "").isprintable() else _checked(text)


_BREAK = re.compile("[\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029]")
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ufeff\ud800-\udfff]")
"""Control characters (Unicode's Cc) but for tab and line breaks, halves of surrogate pairs (Cs), and U+FEFF.

U+FEFF is the byte-order mark of a file. Inside a text it comes from files that were joined, does not show,
and makes two keys of one.
"""


def _checked(text: str) -> str:
    if (found := _FORBIDDEN.search(text)) is not None:
        message = f"the text contains the character U+{ord(found[0]):04X}: {quote_value(text)}"
        hint = "remove it with `regex_replace`"
        if found[0] == "\ufeff":
            hint = (
                "it is the byte-order mark of a file that was joined to another: join them without it, "
                r"or remove it with `regex_replace('\x{FEFF}', '')`"
            )
        raise ValueProblem("control-character", message, hint)
    return text


def _column_text(value: Any) -> str:
    if isinstance(value, list):
        message = f"a list can't be written as one text: {quote_value(value)}"
        raise ValueProblem("wrong-kind", message, "join its elements: `convert: {join: ', '}`")
    return text_of(value)


def json_number(value: Any) -> int | float:
    """Return the shortest JSON number that is equal to a number, or to the text of a plain one."""
    kind = value.__class__
    if kind is int and -_EXACT < value < _EXACT:
        return int(value)
    if kind is str and len(value) <= _SIGNIFICANT_DIGITS and _is_plain_number(value) is not None:
        if value.isdigit():
            return int(value)
        exact = float(value.replace(",", "") if "," in value else value)  # so few digits are exact in it
        return int(exact) if exact.is_integer() else exact
    is_short = kind is Decimal and value.is_finite() and len(text := str(value)) <= _SIGNIFICANT_DIGITS
    if is_short and "E" not in text:
        exact = float(text)
        return int(exact) if exact.is_integer() else exact
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


_is_plain_number = re.compile(r"-?(?:[0-9]+|[0-9]{1,3}(?:,[0-9]{3})+)(?:\.[0-9]+)?", re.ASCII).fullmatch
"""Matches the numbers that need no further look, provided that they are short."""
_EXACT = 10**_SIGNIFICANT_DIGITS
"""Whole numbers below it have no more digits than a JSON number keeps."""
_WIDE = Context(prec=200)
"""Wide enough that normalising never rounds a number within the limits."""


def _date_time(rules: EncoderOptions) -> Encode:
    pattern, zone, read = rules.target.datetime_format, rules.zone, rules.read_time
    write = date_writer(pattern)

    def date_time(value: Any) -> str:
        moment = value if isinstance(value, date) else read(value)
        if not isinstance(moment, datetime):
            midnight = datetime(moment.year, moment.month, moment.day, tzinfo=zone)  # a date never shifts
            return write(midnight)
        if moment.tzinfo is None:
            moment = read(moment)
        assert isinstance(moment, datetime)
        try:
            return write(moment.astimezone(zone))
        except OverflowError:
            raise ValueProblem("bad-date", f"{quote_value(value)} is outside the years 1 to 9999") from None

    if zone is not UTC or pattern != PLAIN_TIME or rules.noted:
        return date_time
    return (
        _iso_time(rules, date_time) if rules.format is None else _format_time(rules, rules.format, date_time)
    )


def _iso_time(rules: EncoderOptions, encode: Encode) -> Encode:
    """Return the fast path of ISO texts, which leaves what it can't tell to `encode`.

    2024-01-31 and 2024-01-31T18:15:00Z are to be cut, no more, once they are known to be what they look like.
    """
    zone, read_date, read_time = rules.source_zone, date.fromisoformat, datetime.fromisoformat
    write = date_writer(PLAIN_TIME)

    def date_time(value: Any) -> JsonValue:
        if value.__class__ is not str:
            return encode(value)
        shape = value[4::3]
        try:
            if shape == "--T::Z" and len(value) == _UTC_LENGTH:
                if 1 < read_time(value).year < MAXYEAR and value[11:13] != "24":
                    return str(value[:-1].replace("T", " "))
            elif shape == "--" and len(value) == _DATE_LENGTH:
                read_date(value)
                return f"{value} 00:00:00"
        except ValueError:
            return encode(value)
        found = read_iso(value)
        if not isinstance(found, datetime) or (offset := steady_offset(found, zone)) is None:
            return encode(value)
        return write(found - offset)

    return date_time


def _format_time(rules: EncoderOptions, format: str, encode: Encode) -> Encode:
    """Return the same of texts in a format."""
    zone, read, is_dated = rules.source_zone, fixed_reader(format, rules.century), _is_dated(format)
    write = date_writer(PLAIN_TIME)
    rewrite = None if zone is None or is_dated else utc_rewriter(format, zone, rules.century)

    def date_time(value: Any) -> JsonValue:
        if value.__class__ is not str:
            return encode(value)
        if rewrite is not None and (rewritten := rewrite(value)) is not None:
            return rewritten
        found = read(value)
        if found is None:
            return encode(value)
        if is_dated:
            return write(found)
        offset = steady_offset(found, zone)
        return encode(value) if offset is None else write(found - offset)

    return date_time


_DATE_LENGTH = len("2024-01-31")
_UTC_LENGTH = len("2024-01-31T18:15:00Z")


def _is_dated(format: str | None) -> bool:
    """Return whether texts of a format are dates without a time."""
    return format is not None and re.search("%[HIMSpfz]", format) is None


def _single_choice(rules: EncoderOptions) -> Encode:
    assert rules.choices is not None
    find = order_lookup(rules.choices, rules.target.choice_base, takes_one=True)
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


def _multiple_choice(rules: EncoderOptions) -> Encoder:
    assert rules.choices is not None
    find = order_lookup(rules.choices, rules.target.choice_base)
    as_text = rules.target.list_as == "text"

    def choices(value: Any) -> JsonValue:
        options = value if isinstance(value, list) else [value]
        orders = list(dict.fromkeys(find(option) for option in options if option not in (None, "")))
        if not orders:
            raise ValueProblem(
                "no-item", f"{quote_value(value)} contains no option", "leave it empty instead"
            )
        if as_text:
            return "[" + ",".join(map(str, orders)) + "]"
        return list(orders)

    def element(option: Any) -> tuple[str | int, Any]:
        order = find(option)
        return order, str(order) if as_text else order

    return Encoder("choices", choices, element=element)


def _people(rules: EncoderOptions) -> Encode:
    as_text = rules.target.list_as == "text"

    def people(value: Any) -> JsonValue:
        addresses = emails(value if isinstance(value, list) else [value])
        if not addresses:
            raise ValueProblem("no-email", f"{quote_value(value)} has no e-mail address", "correct the cell")
        return "[" + ",".join(addresses) + "]" if as_text else list[JsonValue](addresses)

    return people


def encode_elements(
    element: Element, separator: str | None, *, as_text: bool, most: int
) -> Callable[[Any], Any]:
    """Return the fast path of a list column: each element is encoded alone, and cached.

    Lists rarely repeat, their elements often do. The function takes a list or a single element, with a
    `separator` a text of several. It returns None for what it can't tell: no element, more than `most`.
    """
    find = Cache(element).__getitem__

    def encode(value: Any) -> Any:
        if separator is not None:
            parts = value.split(separator)
        else:
            parts = value if value.__class__ is list else [value]
        if len(parts) > most:
            return None
        found = dict(map(find, parts))
        if len(found) < len(parts):  # of the same one twice, the first counts
            found = {}
            for key, written in map(find, parts):
                found.setdefault(key, written)
        found.pop("", None)
        if not found:
            return None
        return f"[{','.join(found.values())}]" if as_text else [*found.values()]

    return encode


def _one_address(text: str) -> tuple[str, str]:
    """Return an address, and before it the same without letter case; both empty for a blank text."""
    address = email(text) if text.strip() else ""
    return address.casefold(), address


def term(value: Any) -> str:
    """Check a full term path, given as one text or as a list of its terms."""
    if isinstance(value, list):
        return single_line(join_path(value))
    text = text_of(value)
    parts = [part.strip() for part in text.split("/")]
    if "" in parts:
        message = f"the path {quote_value(value)} has an empty term"
        raise ValueProblem("bad-term-path", message, "remove the extra /, or list the parts: `from: [A, B]`")
    # No part of a short text is too long.
    return single_line("/".join(parts) if len(text) <= SEGMENT_LIMIT else join_path(parts))
