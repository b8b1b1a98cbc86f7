"""Why a value is not a date as expected, and what to do: the same for each reader of dates."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from functools import cache, lru_cache
from itertools import islice
from typing import Literal, TypeAlias

from opusmap.converters.coerce import text_of
from opusmap.converters.date_shapes import find_formats, swap_day_and_month
from opusmap.converters.datetime_fastpath import format_reader
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value

_AS_NONE = "correct the cell; if it means no date, add it to `empty`"
_IN_EXPRESSION = "(in an expression, give it to `datetime`)"
_OF_NUMBERS = (
    "if it counts days as Excel does, convert it with `excel_date`; for a number such as 20240131, "
    "write the format of its digits: %Y%m%d"
)


def no_date(value: object, formats: Sequence[str], *, incomplete: bool = False) -> ValueProblem:
    """Return the problem of a text or number that no format reads; without formats, that is not ISO.

    Args:
        value: the text or number.
        formats: the formats that were tried.
        incomplete: whether dates without a day were to be read as well.
    """
    whole = text_of(value)
    text, shown = whole.strip(), quote_value(whole)
    if _OTHER_YEARS.fullmatch(text):
        return ValueProblem("bad-date", f"{shown} is outside the years 1 to 9999", _AS_NONE)
    if _is_missing_day_of(text, tuple(formats)) if formats else _is_missing_day(text):
        return ValueProblem("bad-date", f"{shown} is not a day of the calendar", _AS_NONE)
    if not formats:
        message = f"{shown} is not an ISO date or time such as 2024-01-31 or 2024-01-31T18:15:00Z"
        return ValueProblem("bad-date", message, _find_help(text) if isinstance(value, str) else _OF_NUMBERS)
    message = f"{shown} is not a date and time like {' or '.join(formats)}"
    is_text = isinstance(value, str)
    help_text = _find_help_beside(formats, text, incomplete=incomplete) if is_text else _OF_NUMBERS
    return ValueProblem("bad-date", message, help_text)


def number_given(value: object) -> ValueProblem:
    """Return the problem of a number where dates are texts."""
    message = f"`datetime` takes a text, not the number {quote_value(value)}"
    return ValueProblem("wrong-kind", message, _OF_NUMBERS)


def first_day(text: str) -> date | None:
    """Return the first day of `1783`, `1783-02`, `1783-02-00` or `1783-00-00`, None of other texts."""
    found = _ISO_PARTS.fullmatch(text.strip())
    if found is None:
        return None
    year, month, day = map(int, found.groups(default="0"))
    try:
        return None if day else date(year, month or 1, 1)
    except ValueError:
        return None


_ISO_PARTS = re.compile(r"([0-9]{4})(?:-([0-9]{2})(?:-([0-9]{2}))?)?", re.ASCII)


def _find_help(text: str) -> str:
    """Return what to do about a text that is not ISO, where no format is given."""
    if first_day(text) is not None:
        return "`incomplete: first_day` takes the first day of such a date"
    if written := _describe_formats(text):
        return f"say how it is written: {written} {_IN_EXPRESSION}"
    if _WHOLE_DATE.search(text) or (_DIGIT.search(text) and _MONTH.search(text)):
        return (
            f"say how the whole value is written, with its time if it has one: `format: …` {_IN_EXPRESSION}"
        )
    return "no format reads it: correct the cell, or leave an optional column out with `on_error: omit`"


def _find_help_beside(formats: Sequence[str], text: str, *, incomplete: bool) -> str:
    """Return what to do about a text that none of some formats reads."""
    if (half := _HALF_OF_DAY.search(text)) is not None and (hint := _write_half(half, formats)):
        return hint
    if _DIGIT.search(text) is None:
        return _AS_NONE
    found = _find_shorter(text, tuple(formats)) if _PART_OF_DATE.fullmatch(text) else None
    if found is None:
        written = _describe_formats(text, tuple(formats))
        if len(named := _ONE_WAY.findall(written)) == 1:
            if (other := swap_day_and_month(named[0])) and any(_same_day(other, each) for each in formats):
                # To list both would be ambiguous, or read other cells with day and month swapped.
                return f"correct the cells; or, if the {_first_part(named[0])} comes first in all, {written}"
            is_taken = other is not None and can_read(other, text)  # from the formats that were tried
            first = _first_part(named[0]) if is_taken else None
            return _list_formats(tuple(formats), named[0], first) + _ONE_WAY.sub("", written)
        way = _list_formats(tuple(formats))
        return way + (f": this is written as {written}" if written else "")
    as_well = "" if incomplete else ", and `incomplete: first_day`"
    return f"for incomplete dates, add their format to the list, {quote_value(found)}{as_well}"


_IF_FIRST = ", if the {} comes first in them,"


@lru_cache(maxsize=256)
def _list_formats(formats: tuple[str, ...], another: str = "…", first: First | None = None) -> str:
    """Return what to do about a few values in another format: it alone would reject the others.

    `first` is what has to come first in them for that, where they do not show it.
    """
    listed = ", ".join(f'"{one}"' for one in (*formats, another))
    several = "both formats" if len(formats) == 1 else "all formats"
    condition = "" if first is None else _IF_FIRST.format(first)
    return f"correct the cells, or{condition} list {several} (`format: [{listed}]`)"


def _describe_formats(text: str, tried: Sequence[str] = ()) -> str:
    """Return the formats that read the whole of a text, both if day and month may be swapped; "" for none.

    Of the two, one that differs from a format that was tried by its time alone is enough. So is one with day
    and month in the order that all formats that were tried have.
    """
    parts = _NUMBERS.split(text)
    parts[1::2] = map(_LIKE.get, parts[1::2], parts[1::2])
    return _describe_formats_like("".join(parts), tuple(tried))


_NUMBERS = re.compile("([0-9]+)")
_RANGES = ((0, 1), (1, 13), (13, 24), (24, 32), (32, 60), (60, 100))
"""Numbers that may be the same parts of a date: month, day, hour, minute, year."""
_LIKE = {
    f"{value:0{digits}}": f"{first:0{digits}}"
    for first, end in _RANGES
    for value in range(first, end)
    for digits in (1, 2)
} | {str(year): "2004" for year in range(1000, 10_000)}
"""A number -> one that reads the same way, so that what is said is prepared for few dates."""


@lru_cache(maxsize=1024)
def _describe_formats_like(text: str, tried: tuple[str, ...]) -> str:
    found = [
        one for one, _ in find_formats(text) if one is not None and one not in tried and can_read(one, text)
    ]
    found = [one for one in found if any(_same_day(one, each) for each in tried)] or found
    orders = {first for one in tried if (first := _first_part(one))}
    if len(orders) == 1:
        found = [one for one in found if _first_part(one) in orders] or found
    if not found:
        return ""
    century = ", with a `century`" if "%y" in found[0] else ""
    if len(found) == 1:
        return f'`format: "{found[0]}"`{century}'
    day, month = found
    return f'`format: "{day}"` if the day comes first, `format: "{month}"` if the month does{century}'


_TWO_WAYS = re.compile(
    r'`format: "(?P<day>[^"]+)"` if the day comes first, `format: "(?P<month>[^"]+)"` if the month does'
)
_ONE_WAY = re.compile(r'`format: "([^"]+)"`')
_LISTED = re.compile(r'`format: \[.*, "([^"…]+)"\]`')

First: TypeAlias = Literal["day", "month"]


@lru_cache(maxsize=256)
def find_first(hint: str) -> First | None:
    """Return what comes first in a date of numbers, as far as the help on it says so: it names one format."""
    named = _ONE_WAY.findall(hint) or _LISTED.findall(hint)
    return _first_part(named[0]) if len(named) == 1 else None


def show_first(text: str) -> tuple[str, First] | None:
    """Return the separator of a date of numbers and what comes first in it, None where that does not show.

    >>> show_first("14.10.2024 17:52"), show_first("03.02.2024")
    (('.', 'day'), None)
    """
    found = _OF_NUMBERS_ALONE.match(text)
    if found is None:
        return None
    first, second = int(found["a"]), int(found["b"])
    if not (0 < min(first, second) <= _MONTHS < max(first, second) <= _DAYS):  # else a slip shows nothing
        return None
    return found["separator"], "day" if first > second else "month"


_OF_NUMBERS_ALONE = re.compile(
    r'\s*"?(?P<a>[0-9]{1,2})(?P<separator>[-/. ])(?P<b>[0-9]{1,2})(?P=separator)'
    r"(?:[0-9]{4}|[0-9]{2})(?![0-9])"
)
"""A date at the start of a cell, or of a message that quotes it."""
_MONTHS, _DAYS = 12, 31


def choose_help(hint: str, example: str, shown: Mapping[tuple[str, First], str]) -> str:
    """Return the help on several wrong dates of a column, as far as some of them show what comes first.

    Args:
        hint: the help on the first of them.
        example: the message about the first of them.
        shown: what `show_first` finds in any of them -> the help on the first date that shows it.
    """
    found = _OF_NUMBERS_ALONE.match(example)
    own = {first: one for (mark, first), one in shown.items() if found and mark == found["separator"]}
    among = own or {first: one for (_, first), one in shown.items()}
    named = find_first(hint)
    if len(own) > 1 and named is not None:
        return _BOTH_ORDERS
    if len(among) != 1:
        return hint
    ((first, help_on_it),) = among.items()
    if own and named is not None:
        return hint.replace(_IF_FIRST.format(first), "") if named == first else help_on_it
    return keep_first(hint, first)


_BOTH_ORDERS = (
    "correct the cells: in some the day comes first, in others the month, and no format can tell them apart"
)


def keep_first(hint: str, first: First) -> str:
    """Return the help on a date that may be read in two ways, as other values of its column are written.

    Help that does not name two formats stays as it is.
    """
    kept = rf'`format: "\g<{first}>"` (as other values of the column show, the {first} comes first)'
    return _TWO_WAYS.sub(kept, hint)


def _first_part(pattern: str) -> First | None:
    """Return what comes first in a format of numbers, day or month; None where that can't be mistaken."""
    if swap_day_and_month(pattern) is None:
        return None
    return "day" if pattern.startswith("%d") else "month"


def _same_day(one: str, other: str) -> bool:
    return one.startswith(other) or other.startswith(one)


def can_read(format: str, text: str) -> bool:
    """Return whether a format reads a text, whatever the century of its years is."""
    try:
        _prepared_reader(format)(text)
    except (ValueError, OverflowError):
        return False
    return True


@cache
def _prepared_reader(format: str) -> Callable[[str], date]:
    return format_reader(format, _ANY_CENTURY if "%y" in format else None)


_ANY_CENTURY = 1930
"""Whether a format reads a text does not depend on it."""

# Each row with a wrong date comes here: patterns are compiled, and formats prepared once.
_WHOLE_DATE = re.compile(r"[0-9][^0-9]+[0-9]|(?:[0-9][^0-9]*){6}")
_DIGIT = re.compile("[0-9]")
_MONTH = re.compile(r"\b(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)", re.IGNORECASE)


def _is_missing_day(text: str) -> bool:
    """Return whether a text is written as an ISO date of a day that no month has, such as 2024-02-30."""
    found = _ISO_DAY.match(text)
    if found is None:
        return False
    year, month, day = map(int, found.groups())
    if month > _MONTHS >= day:  # the day may come before the month
        return False
    try:
        date(year, month, day)
    except ValueError:
        return first_day(text) is None
    return False


@lru_cache(maxsize=4096)
def _is_missing_day_of(text: str, formats: tuple[str, ...]) -> bool:
    """Return whether a text is written in one of some formats, but for a day that its month does not have."""
    for one in formats:
        for found in islice(_LAST_DAYS.finditer(text), _DAYS_TRIED):
            before, after = text[: found.start()], text[found.end() :]
            days = [_read_day(one, f"{before}{day:02}{after}") for day in (1, 2)]
            if days == [1, 2]:  # it is the day that was replaced, and no other part
                return True
    return False


def _read_day(format: str, text: str) -> int | None:
    try:
        return _prepared_reader(format)(text).day
    except (ValueError, OverflowError):
        return None


_LAST_DAYS = re.compile("29|30|31")
_DAYS_TRIED = 4


def _write_half(half: re.Match[str], formats: Sequence[str]) -> str:
    """Return how to read a time with `p.m.` by a format with %p; "" where that would not do."""
    text, pm = half.string, f"{half['letter']}m"
    plain = text[: half.start()] + pm + text[half.end() :]
    if len(formats) > 1 or "%p" not in formats[0] or not can_read(formats[0], plain):
        return ""
    written = half.group()
    other = {"a": "p", "p": "a", "A": "P", "P": "A"}[half["letter"]] + written[1:]
    replaced = "".join(f'{{replace: ["{one}", {one[0].upper()}M]}}, ' for one in sorted({written, other}))
    century = ", century: …" if "%y" in formats[0] else ""
    read = f'{{datetime: {{format: "{formats[0]}"{century}}}}}'
    return f"`%p` reads AM and PM, not {written}; instead of `format`, write `convert: [{replaced}{read}]`"


_HALF_OF_DAY = re.compile(r"(?P<letter>[ap])\.[ ]?m\b\.?", re.IGNORECASE)

_PART_OF_DATE = re.compile(r"(?:[^0-9]*[0-9]){2,6}[^0-9]*")
"""As many digits as a year, or a year and a month, may have."""
_ISO_DAY = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})(?![0-9])", re.ASCII)


def _find_shorter(text: str, formats: tuple[str, ...]) -> str | None:
    """Return a format like these, but without the day or the day and the month, that reads a text."""
    for short, read in _shorter_readers(formats):
        try:
            read(text)
        except (ValueError, OverflowError):
            continue
        return short
    return None


@cache
def _shorter_readers(formats: tuple[str, ...]) -> list[tuple[str, Callable[[str], object]]]:
    found = list[tuple[str, Callable[[str], object]]]()
    for whole in formats:
        short = whole[: end.end()] if (end := re.search("%[yYmbBd](?!.*%[yYmbBd])", whole)) else whole
        for part in ("%d[^%]*", "%[mbB][^%]*"):
            rest = re.sub(part, "", short, count=1)
            # What came before the last part is left over.
            short = re.sub(r"(%[yYmbB])[^%]+$", r"\1", rest) if rest != short else short
            if re.search("%[yY]", short) and short not in formats:
                found.append((short, format_reader(short)))
    return found


_OTHER_YEARS = re.compile(
    r"[+-]?infinity|(?:[+-]?[0-9]{5,}|-[0-9]{4})-[0-9]{2}-[0-9]{2}.*|[0-9]{4,}-.* BC",
    re.ASCII | re.IGNORECASE,
)
"""How sources write dates that Python and Opus don't have: PostgreSQL's own, and those of Parquet."""
