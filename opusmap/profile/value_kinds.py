"""What a single value looks like: a number, an e-mail address, a path, yes or no.

A value may look like several things ("1" is a number and a yes); `column_profile` decides over all values
of a column.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import StrEnum

from opusmap.converters.number_shapes import CURRENCY_SIGN
from opusmap.converters.people import email, find_separator
from opusmap.errors import ValueProblem


class Kind(StrEnum):
    """What values look like; a column is of the first kind that nearly all its values have."""

    EMAIL = "e-mail"
    URL = "url"
    DATE = "date"
    BOOLEAN = "boolean"
    NUMBER = "number"
    OBJECTS = "list of objects"
    FILE = "file path"
    PATH = "term path"
    PERSON = "person"
    TEXT = "text"


NO_VALUE = frozenset(
    {"n/a", "#n/a", "null", "(null)", "nil", "(blank)", "(empty)", "-", "--", "\u2013", "\\n"}
)
"""Texts, in lower case, that systems write for "no value". "None" is not among them: it may be an option."""

NO_VALUE |= frozenset(
    {
        "not available", "not applicable", "n.a.", "n. a.", "no data", "not specified", "not provided",
        "nicht verfügbar", "keine angabe", "k. a.", "k.a.", "entfällt",
        "non disponible", "non renseigné", "sans objet", "no disponible", "no aplica", "sin datos",
        "não disponível", "não informado", "não se aplica", "non disponibile", "non applicabile",
        "niet beschikbaar", "niet van toepassing", "n.v.t.", "ej tillgänglig", "uppgift saknas",
        "brak danych", "nie dotyczy", "該当なし", "未設定", "不明", "不详", "暂无",
    }
)  # fmt: skip

_TRUTH = re.compile(r"true|false|yes|no|on|off|ja|nein|oui|non|s[ií]|[yntf10x]")
_EMAIL_LIST = re.compile(r"[;,\n]")
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]{1,15}://\S+|www\.\S+\.\S+")
_NUMBER = re.compile(
    r"[+-]?(?:0|[1-9][0-9]*|[1-9][0-9]{0,2}(?:,[0-9]{3})+)(?:\.[0-9]+)?|[+-]?\.[0-9]+", re.ASCII
)
_DECIMAL_COMMA = re.compile(
    r"[+-]?(?:(?:0|[1-9][0-9]*),[0-9]{1,2}|[1-9][0-9]{0,2}(?:\.[0-9]{3})+(?:,[0-9]+)?"
    r"|[1-9][0-9]{0,2}(?:[ \u00a0\u202f][0-9]{3})+(?:,[0-9]+)?)",
    re.ASCII,
)
_BLANK_GROUPS = re.compile(r"[0-9][ \u00a0\u202f][0-9]{3}", re.ASCII)
_CURRENCY = re.compile(
    rf"(?P<before>{CURRENCY_SIGN})?\s*(?P<number>[+-]?[0-9][0-9.,\s]*?)\s*(?P<after>{CURRENCY_SIGN}\.?)?"
)
_AMOUNT_LENGTH = 40
_DRIVE = re.compile(r"[A-Za-z]:[\\/]|\\\\[^\\]|/[^/\s]+/|~/|\./")
_SUFFIX = re.compile(r"[^\\/]\.[A-Za-z][A-Za-z0-9]{1,4}$")
_PATH_SEPARATORS = (" > ", " / ", "/", "\\", " » ", ">", " :: ", "::")
_NAME_WORD = r"[^\W\d_](?:[^\W\d_]|['\u2019.-])*\.?"
_PERSON = re.compile(
    rf"(?:{_NAME_WORD}(?: {_NAME_WORD}){{0,2}}, {_NAME_WORD}(?: {_NAME_WORD}){{0,2}}"
    rf"|{_NAME_WORD}(?: {_NAME_WORD}){{1,3}})"
)


def kinds_of(text: str) -> Iterator[Kind]:
    """Yield what a text looks like, except a date (see `date_formats`); nothing if it is only a text.

    `text` has no blanks around it and is not empty.
    """
    if "@" in text and all(map(_is_address, _part_addresses(text)[1])):
        yield Kind.EMAIL
        return
    if _URL.fullmatch(text):
        yield Kind.URL
        return
    if _TRUTH.fullmatch(text.casefold()):
        yield Kind.BOOLEAN
    _, text = split_currency(text)
    if _NUMBER.fullmatch(text) or has_decimal_comma(text):
        yield Kind.NUMBER
    elif _DRIVE.match(text) or (("/" in text or "\\" in text) and _SUFFIX.search(text)):
        yield Kind.FILE
    elif path_separator(text) is not None:
        yield Kind.PATH
    elif _is_person(text):
        yield Kind.PERSON


def split_currency(text: str) -> tuple[str, str]:
    """Return an amount's currency sign and its number; an empty text and the text for anything else.

    >>> split_currency("1.234,50 €"), split_currency("USD 7"), split_currency("Hall 7")
    (('€', '1.234,50'), ('USD', '7'), ('', 'Hall 7'))
    """
    unsigned = text.lstrip("+-")
    if len(text) > _AMOUNT_LENGTH or not unsigned or unsigned[0].isdigit() == text[-1].isdigit():
        return "", text
    found = _CURRENCY.fullmatch(text)
    if found is None or bool(found["before"]) == bool(found["after"]):
        return "", text
    return found["before"] or found["after"], found["number"].strip()


def has_blank_groups(text: str) -> bool:
    """Return whether a number has blanks between its thousands."""
    return _BLANK_GROUPS.search(text) is not None and has_decimal_comma(text)


def address_separator(text: str) -> str:
    """Return what separates the e-mail addresses of a text; "" if it has only one."""
    separator, parts = _part_addresses(text)
    return separator if len(parts) > 1 else ""


def _part_addresses(text: str) -> tuple[str, list[str]]:
    """Return the parts of a text that may each be an address, and what separates the first two."""
    separator = find_separator(text)
    if separator is not None:
        parts = text.split(separator)
    elif _is_address(text):  # a comma may be part of the name: "Okafor, Ada" <a@b.org>
        separator, parts = "", [text]
    else:
        parts, found = _EMAIL_LIST.split(text), _EMAIL_LIST.search(text)
        separator = "" if found is None else found[0]
    return separator, [part for part in parts if part.strip()]


def has_decimal_comma(text: str) -> bool:
    """Return whether a text is a number only if the comma in it is a decimal comma."""
    return _DECIMAL_COMMA.fullmatch(text) is not None and _NUMBER.fullmatch(text) is None


def has_decimal_point(text: str) -> bool:
    """Return whether a text is a number only if the point in it is a decimal point."""
    return _NUMBER.fullmatch(text) is not None and "." in text and _DECIMAL_COMMA.fullmatch(text) is None


def path_separator(text: str) -> str | None:
    """Return the separator of a path such as `HR/Leave`, or None if the text is not a path.

    Prose, fractions and dates have slashes, too, so a term has one to six words, and a letter.
    """
    for separator in _PATH_SEPARATORS:
        terms = text.strip("/\\").split(separator) if separator in text else ()
        if len(terms) > 1 and all(
            0 < len(term.split()) <= _TERM_WORDS and any(map(str.isalpha, term)) for term in terms
        ):
            return separator
    return None


_TERM_WORDS = 6


def _is_address(text: str) -> bool:
    """Return whether the converter of people reads a text as an e-mail address."""
    try:
        return bool(email(text))
    except ValueProblem:
        return False


def _is_person(text: str) -> bool:
    """Return whether a text may be a person's name: two to four capitalised words without other signs.

    A single letter at its end is an initial only after a comma: "Section A" is not one, "Smith, A" may be.
    """
    if len(text) > _NAME_LENGTH or text.isupper() or _PERSON.fullmatch(text) is None:
        return False
    words = text.replace(",", " ").split()
    if len(words[-1]) == 1 and "," not in text:
        return False
    return all(word[0].isupper() or word.lower() in _NAME_PARTICLES for word in words)


_NAME_LENGTH = 60
_NAME_PARTICLES = frozenset(
    ["van", "der", "den", "de", "da", "di", "du", "von", "zu", "la", "le", "el", "al", "bin"]
)
