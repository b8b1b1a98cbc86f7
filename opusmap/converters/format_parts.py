"""Parts of a date format that mean something only together, or that contradict each other.

Owns these rules. Python's strptime reads such formats all the same and drops what it can't use: 06:00 PM by
`%H:%M %p` is six in the morning, and a week without its weekday is the first of January.
"""

from __future__ import annotations

from collections.abc import Collection

__all__ = ["find_odd_parts"]

_NEEDS = (
    ("I", "p", "hours of a half day (%I) need AM or PM (%p); hours from 0 to 23 are %H"),
    ("p", "I", "AM or PM (%p) counts only with hours from 1 to 12 (%I)"),
    ("M", "HI", "minutes (%M) need hours (%H, or %I and %p); a month is %m"),
    ("S", "M", "seconds (%S) need minutes (%M)"),
    ("f", "S", "fractions of a second (%f) need seconds (%S)"),
    ("d", "mbB", "a day (%d) needs its month (%m, %b or %B); minutes are %M"),
    ("UW", "aAuw", "a week's number (%U, %W) needs a weekday (%u, %w, %a or %A)"),
    ("aAuw", "djUWV", "a weekday (%a, %A, %u, %w) needs a day (%d) or a week's number"),
)
"""Directives, those of which one must be there as well, and why."""

_CLASHES = (
    ("H", "I", "%H and %I both name the hour"),
    ("m", "bB", "two parts name the month"),
    ("b", "B", "two parts name the month"),
    ("j", "mbBd", "the day of the year (%j) stands beside a month or day"),
    ("jmbBd", "UWV", "a week's number (%U, %W, %V) stands beside a month or a day"),
)
"""Directives that can't stand beside each other, and why."""


def find_odd_parts(used: Collection[str]) -> str:
    """Return in a sentence why some of a format's directives can't be used as they stand; "" if they can.

    Args:
        used: the letters behind each `%`.
    """
    for parts, others, why in _NEEDS:
        if any(part in used for part in parts) and not any(other in used for other in others):
            return why
    for parts, others, why in _CLASHES:
        if any(part in used for part in parts) and any(other in used for other in others):
            return f"{why}; take one of them out"
    return ""
