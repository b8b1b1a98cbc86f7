"""Formats of dates and times: which parts they may have, and which of them go together."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime

from opusmap.converters.registry import ArgumentError, MissingCentury
from opusmap.wording import quote_value, strip_quotes

_DIRECTIVES = frozenset("aAbBdfGHIjmMpSuUVwWyYzZ%")
"""The letters that may follow a %: those that mean the same on every system."""
_FORMAT_LIMIT = 100
"""Characters of a format, at most."""
_CENTURIES = range(1000, 9901)
"""The first years of a `century`. A shorter number, such as 30, would mean the year 30."""
CENTURY_UNUSED = "remove `century`: it is for years of two digits"


def check_format(format: str) -> frozenset[str]:
    """Return the letters that follow a % in a format.

    Raises:
        ArgumentError: it has no directive, or one that means something else on another system.
    """
    used = frozenset(re.findall(r"%(.?)", format, re.DOTALL))
    if odd := sorted(used - _DIRECTIVES):
        known = "use one of %" + " %".join(sorted(_DIRECTIVES))
        raise ArgumentError(f"the format {quote_value(format)} has the unknown directive %{odd[0]}", known)
    if len(format) > _FORMAT_LIMIT or not format.isprintable() or not used - {"%"}:
        bare = strip_quotes(format)
        meant = bare.replace("%%", "%") if "%%" in bare else _from_spreadsheet(bare)
        raise ArgumentError(
            f"the format {quote_value(format)} has no part of a date, such as %d/%m/%Y",
            f'did you mean "{meant}"?' if meant else "",
        )
    return used


def writes_time(format: str) -> bool:
    """Return whether a date written in a format has a time of day."""
    return not set("HIcX").isdisjoint(re.findall("%(.)", format))


_IN_WORDS = {
    **dict.fromkeys("YG", "year"),
    **dict.fromkeys("HI", "hour"),
    **dict.fromkeys("UWV", "week"),
    **dict.fromkeys("aAuw", "weekday"),
    "y": "two-digit year",
    "m": "month",
    "b": "short name of the month",
    "B": "name of the month",
    "d": "day",
    "j": "day of the year",
    "M": "minute",
    "S": "second",
    "f": "fraction of a second",
    "p": "AM/PM",
    "z": "offset from UTC",
    "Z": "time zone",
    "%": "%",
}


def describe_format(format: str) -> str:
    """Return a format in words, for people who do not read its codes.

    Parts without a sign between them, and letters beside a part, are set apart by a space.

    >>> describe_format("%d/%m/%Y %H:%M")
    'day/month/year hour:minute'
    >>> describe_format("%Y%m%dT%H%M")
    'year month day T hour minute'
    """
    found = ""
    for part in re.findall(r"%.|[^%]+", format, re.DOTALL):
        words = _IN_WORDS.get(part[1:], part) if part[0] == "%" else part
        found += " " * (found[-1:].isalnum() and words[:1].isalnum()) + words
    return found


def check_reading_format(format: str, century: int | None, *, incomplete: bool = False) -> bool:
    """Check a format for reading dates, and the `century` of its years; tell whether it has a time of day.

    With `incomplete` it may lack the day, or the day and the month.

    Raises:
        ArgumentError: a date can't be read by it without doubt.
    """
    name, used = quote_value(format), check_format(format)
    if not used & set("yYG"):
        raise ArgumentError(f"the format {name} has no year (%Y or %y)")
    if "y" not in used and century is not None:
        raise ArgumentError(f"`century` has no effect on the format {name}", CENTURY_UNUSED)
    if "y" in used:
        _check_century(name, used, century)
    if odd := _NAMED_ZONE if "Z" in used else find_odd_parts(used):
        raise ArgumentError(f"the format {name} is ambiguous: {odd[0]}", odd[1])
    if not incomplete and not used & set("jUWV"):
        lacks = [what for what, parts in (("day", "d"), ("month", "mbB")) if not used & set(parts)]
        if lacks:
            message = f"the format {name} has no {' and no '.join(lacks)}"
            raise ArgumentError(message, "`incomplete: first_day` takes the first day of such a date")
    parts = re.findall("%(.)", format, re.DOTALL)
    if twice := [part for part in dict.fromkeys(parts) if part != "%" and parts.count(part) > 1]:
        words = f" ({_IN_WORDS[twice[0]]})" if twice[0] in _IN_WORDS else ""
        meant = correct_minutes(format)
        hint = "write each part once, as the cell has it"
        hint = hint if meant == format else f'did you mean "{meant}"? %m is the month, %M are minutes'
        raise ArgumentError(f"the format {name} has %{twice[0]}{words} twice", hint)
    try:
        datetime.strptime("", format)  # noqa: DTZ007 - only the format is tried
    except (ValueError, re.error) as error:
        if "does not match" not in str(error):
            meant = correct_minutes(format)
            hint = f'did you mean "{meant}"? %m is the month, %M are minutes' if meant != format else ""
            raise ArgumentError(f"the format {name} is not valid: {error}", hint) from None
    return bool(used & set("HIMSpfz"))


def _check_century(name: str, used: frozenset[str], century: int | None) -> None:
    if odd := used & set("YGUW"):
        message = f"the format {name} has %{min(odd)} together with a year of two digits (%y)"
        raise ArgumentError(message, "remove one of them")
    if century is None:
        raise MissingCentury(
            f"the format {name} has years of two digits (%y), and there is no `century`",
            "give the first of the hundred years they belong to: a century of 1930 reads 30 to 99 as 1930 "
            "to 1999, 00 to 29 as 2000 to 2029",
        )
    if century not in _CENTURIES:
        raise ArgumentError(
            f"`century` is a year from {_CENTURIES[0]} to {_CENTURIES[-1]}, not {century}",
            "it is the first of the hundred years that two-digit years can mean, such as 1930",
        )


_NEEDS = (
    ("I", "p", "hours from 1 to 12 (%I) need AM or PM (%p)", "hours from 0 to 23 are %H"),
    ("p", "I", "AM or PM (%p) needs hours from 1 to 12 (%I)", "remove %p, or write %I for %H"),
    ("M", "HI", "minutes (%M) need hours (%H, or %I and %p)", "a month is %m"),
    ("S", "M", "seconds (%S) need minutes (%M)", ""),
    ("f", "S", "fractions of a second (%f) need seconds (%S)", ""),
    ("d", "mbB", "a day (%d) needs its month (%m, %b or %B)", "minutes are %M"),
    ("UW", "aAuw", "a week's number (%U, %W) needs a weekday (%u, %w, %a or %A)", ""),
    ("aAuw", "djUWV", "a weekday (%a, %A, %u, %w) needs a day (%d) or a week's number", ""),
)
"""Directives, those of which at least one must be there as well, what is wrong, and what to do."""

_CLASHES = (
    ("H", "I", "%H and %I both give the hour"),
    ("m", "bB", "two parts give the month"),
    ("b", "B", "two parts give the month"),
    ("j", "mbBd", "the day of the year (%j) is used together with a month or a day"),
    ("jmbBd", "UWV", "a week's number (%U, %W, %V) is used together with a month or a day"),
)
"""Directives that can't be used together, and why."""

_NAMED_ZONE = (
    "a zone's name (%Z) does not say how far it is from UTC",
    "use %z for +1000; if the name is always the same, such as GMT, write it as it is, and set `timezone`",
)


def find_odd_parts(used: Collection[str]) -> tuple[str, str] | None:
    """Return why directives don't go together, and what to do; None if they do.

    Python's strptime accepts such formats and drops what it can't use: 06:00 PM by `%H:%M %p` is six in the
    morning, and a week without its weekday is the first of January.

    Args:
        used: the letters that follow a `%`.
    """
    for parts, others, why, help_text in _NEEDS:
        if any(part in used for part in parts) and not any(other in used for other in others):
            return why, help_text
    for parts, others, why in _CLASHES:
        if any(part in used for part in parts) and any(other in used for other in others):
            return why, "remove one of them"
    return None


def correct_minutes(format: str) -> str:
    """Return a format with month and minutes where they belong: %m beside day or year, %M after the hour.

    >>> correct_minutes("%d/%M/%Y %H:%m")
    '%d/%m/%Y %H:%M'
    """
    parts = re.findall(r"%.|[^%]+", format, re.DOTALL)
    places = [at for at, part in enumerate(parts) if part[0] == "%"]
    used = ["", *(parts[at] for at in places), ""]
    for at, before, part, after in zip(places, used, used[1:], used[2:], strict=False):
        is_time = before in _HOURS and (after not in _DATE_PARTS or parts[at - 1] == ":")
        if part == "%M" and before not in _HOURS and _DATE_PARTS & {before, after}:
            parts[at] = "%m"
        elif part == "%m" and is_time:
            parts[at] = "%M"
    return "".join(parts)


_HOURS, _DATE_PARTS = frozenset(("%H", "%I")), frozenset(("%d", "%Y", "%y"))

_SHEET_PARTS = re.compile(r"y+|m+|d+|h+|s+|am/pm|tt|[^a-z]+")
_SHEET_NAMES = {
    **dict.fromkeys(("y", "yy"), "%y"),
    **dict.fromkeys(("d", "dd"), "%d"),
    **dict.fromkeys(("s", "ss"), "%S"),
    **dict.fromkeys(("tt", "am/pm"), "%p"),
    "yyyy": "%Y",
    "mmm": "%b",
    "mmmm": "%B",
}


def _from_spreadsheet(format: str) -> str:
    """Return what `dd/mm/yyyy hh:mm`, a format as spreadsheets have it, is here; '' for other texts."""
    plain = format.lower()
    parts = _SHEET_PARTS.findall(plain[:_FORMAT_LIMIT])
    if "".join(parts) != plain or not {"y", "m"} & {part[0] for part in parts}:
        return ""
    hours = "%I" if {"tt", "am/pm"} & set(parts) else "%H"
    found = ""
    for part in parts:
        if part in ("h", "hh"):
            found += hours
        elif part in ("m", "mm"):  # minutes after hours, else the month
            found += "%M" if hours in found else "%m"
        else:
            found += _SHEET_NAMES.get(part, part)
    return found
