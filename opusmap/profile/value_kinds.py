"""What one value looks like: a number, a date, an e-mail address, a path, yes or no.

Owns judging a single text. A value may look like several things at once ("1" is a number and a yes);
which of them a column holds is judged over all its values.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

__all__ = ["NO_VALUE", "Kind", "kinds_of", "path_separator"]


class Kind(StrEnum):
    """What values look like, the most telling first: a column is the first that nearly all values are."""

    EMAIL = "e-mail"
    URL = "url"
    DATE = "date"
    BOOLEAN = "boolean"
    NUMBER = "number"
    FILE = "file path"
    PATH = "term path"
    PERSON = "person"
    TEXT = "text"


NO_VALUE = frozenset(
    {"n/a", "#n/a", "null", "(null)", "nil", "(blank)", "(empty)", "-", "--", "\u2013", "\\n"}
)
"""Texts, in lower case, by which systems say "nothing". "None" is not among them: it may be an option."""

_TRUTH = frozenset(
    [
        "true",
        "false",
        "yes",
        "no",
        "y",
        "n",
        "t",
        "f",
        "on",
        "off",
        "1",
        "0",
        "ja",
        "nein",
        "oui",
        "non",
        "si",
        "sí",
        "x",
    ]
)

_EMAIL = re.compile(r"[^@\s<>;,|]+@[^@\s<>;,|]+\.[A-Za-z]{2,24}")
_EMAIL_LIST = re.compile(r"[;,\n]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://\S+|www\.\S+\.\S+")
_NUMBER = re.compile(
    r"[+-]?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.[0-9]+)?|[+-]?\.[0-9]+", re.ASCII
)
_DECIMAL_COMMA = re.compile(
    r"[+-]?(?:(?:0|[1-9][0-9]*),[0-9]{1,2}|[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?)", re.ASCII
)
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\]|/[^/\s]+/|~/|\./")
_SUFFIX = re.compile(r"[^\\/]\.[A-Za-z][A-Za-z0-9]{1,4}$")
_PATH_SEPARATORS = (" > ", " / ", "/", "\\", " » ", ">", " :: ", "::")
_NAME_WORD = r"[^\W\d_](?:[^\W\d_]|['\u2019.-])*\.?"
_PERSON = re.compile(
    rf"(?:{_NAME_WORD}(?: {_NAME_WORD}){{0,2}}, {_NAME_WORD}(?: {_NAME_WORD}){{0,2}}"
    rf"|{_NAME_WORD}(?: {_NAME_WORD}){{1,3}})"
)


def kinds_of(text: str) -> Iterator[Kind]:
    """Yield what a text looks like, besides a date (see `dates`); nothing for one that is only a text.

    `text` is trimmed and not empty.
    """
    if "@" in text and all(_has_email(part) for part in _EMAIL_LIST.split(text) if part.strip()):
        yield Kind.EMAIL
        return
    if _URL.fullmatch(text):
        yield Kind.URL
        return
    if text.casefold() in _TRUTH:
        yield Kind.BOOLEAN
    if _NUMBER.fullmatch(text) or has_decimal_comma(text):
        yield Kind.NUMBER
    elif _DRIVE.match(text) or (("/" in text or "\\" in text) and _SUFFIX.search(text)):
        yield Kind.FILE
    elif path_separator(text) is not None:
        yield Kind.PATH
    elif _is_person(text):
        yield Kind.PERSON


def has_decimal_comma(text: str) -> bool:
    """Tell whether a text is a number with a comma before its decimals, and can't be one with a point."""
    return _DECIMAL_COMMA.fullmatch(text) is not None and _NUMBER.fullmatch(text) is None


def has_decimal_point(text: str) -> bool:
    """Tell whether a text is a number with a point before its decimals, and can't be one with a comma."""
    return _NUMBER.fullmatch(text) is not None and "." in text and _DECIMAL_COMMA.fullmatch(text) is None


def path_separator(text: str) -> str | None:
    """Return what stands between the terms of a path such as `HR/Leave`, or None if a text is no path.

    Prose, fractions and dates have slashes, too: a term has one to six words, and a letter.
    """
    for separator in _PATH_SEPARATORS:
        if separator not in text:
            continue
        terms = text.strip("/\\").split(separator)
        if len(terms) < 2:  # noqa: PLR2004 - a path has two terms
            continue
        if all(_is_term(term) for term in terms):
            return separator
    return None


def _is_term(text: str) -> bool:
    return 0 < len(text.split()) <= _TERM_WORDS and any(map(str.isalpha, text))


_TERM_WORDS = 6


def _has_email(part: str) -> bool:
    """Tell whether a part is an address, bare, in angle brackets, or at the end of a SharePoint claim."""
    text = part.strip()
    if text.endswith(">") and "<" in text:
        text = text[text.rindex("<") + 1 : -1]
    text = text.rpartition("|")[2].removeprefix("mailto:")
    return _EMAIL.fullmatch(text) is not None


def _is_person(text: str) -> bool:
    """Tell whether a text may be a person's name: two to four words, each with a capital, no sign in it."""
    if len(text) > _NAME_LENGTH or text.isupper() or _PERSON.fullmatch(text) is None:
        return False
    words = text.replace(",", " ").split()
    return all(word[0].isupper() or word.lower() in _NAME_PARTICLES for word in words)


_NAME_LENGTH = 60
_NAME_PARTICLES = frozenset(
    ["van", "der", "den", "de", "da", "di", "du", "von", "zu", "la", "le", "el", "al", "bin"]
)
