"""How alike two column names are: `Doc No.` and `Document Number`, `sys_created_on` and `Created time`.

Owns reading a name as words, and comparing words: by equality, by the table of synonyms, and where neither
helps by the spelling (rapidfuzz).
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rapidfuzz import fuzz

from opusmap.connection import BUILT_IN, Column

__all__ = ["name_words", "rate_name"]

_ENCODED = re.compile(r"_x([0-9a-fA-F]{4})_")
_NAMESPACE = re.compile(r"^[A-Za-z]{1,10}:(?=\S)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])")
_WORD = re.compile(r"[^\W_]+|#")

_ABBREVIATIONS = {
    "no": "number", "nr": "number", "num": "number", "nbr": "number", "#": "number", "doc": "document",
    "docs": "document", "desc": "description", "descr": "description", "dt": "date", "mod": "modified",
    "upd": "updated", "dept": "department", "div": "division", "org": "organisation", "orgs": "organisation",
    "organization": "organisation", "organizational": "organisation", "organisational": "organisation",
    "ref": "reference", "cat": "category", "qty": "quantity", "amt": "amount", "addr": "address", "tel": "phone",
    "mgr": "manager", "ver": "version", "rev": "revision", "loc": "location", "usr": "user", "resp": "responsible",
    "lang": "language", "license": "licence", "catalog": "catalogue", "center": "centre", "ext": "extension",
    "cls": "class", "sec": "security", "acct": "account", "cust": "customer", "auth": "author", "kw": "keyword",
    "created": "created", "creation": "creation", "filename": "file name", "filesize": "file size",
    "filetype": "file type", "datetime": "date", "timestamp": "date", "time": "date", "on": "date", "at": "date",
    "utc": "date", "gmt": "date", "lastmodified": "modified", "createdby": "created by", "username": "user",
    "filepath": "file path", "dob": "birth date", "vendor": "vendor", "cre": "created", "chg": "changed",
    "whom": "by", "barcodes": "barcode", "colour": "color", "guids": "guid", "lastname": "name",
}  # fmt: skip
"""Abbreviations, spellings, and words for a moment, each as the table of synonyms has it."""

_EMPTY_WORDS = frozenset({"the", "of", "a", "an", "for", "in", "is", "and", "s", "last", "sys", "ows", "cm", "dc"})
"""Words that say nothing about what a column holds."""

_ROLE_WORDS = frozenset(
    ["by", "date", "user", "number", "id", "type", "size", "count", "url", "path", "code", "email", "status", "version",
     "due", "closed", "year", "format", "extension", "group", "department", "level", "amount", "parent", "phone",
     "folder", "description", "comment", "state", "reason", "site", "location", "class", "key"]
)  # fmt: skip
"""Words that make another thing of what they stand beside: "created by" is not "created"."""

_CERTAIN, _LIKELY, _POSSIBLE = 1.0, 0.85, 0.6
_CONCEPT = 0.8
_ALIKE = 0.86
"""How alike two spellings must be to be the same name misspelt, 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Synonyms:
    """The table: phrases of each built-in column with their weight, endings, and groups of names."""

    phrases: Mapping[str, Mapping[frozenset[str], float]]
    endings: Mapping[str, Mapping[str, float]]
    concepts: tuple[frozenset[frozenset[str]], ...]


def name_words(name: str) -> tuple[str, ...]:
    """Return the words of a column name: in lower case, the singular, abbreviations written out.

    >>> name_words("Doc No.")
    ('document', 'number')
    >>> name_words("sys_created_on")
    ('created', 'date')
    """
    text = _ENCODED.sub(lambda match: chr(int(match[1], 16)), name)
    text = _CAMEL.sub(" ", _NAMESPACE.sub("", text.strip()))
    words = [word for part in _WORD.findall(text) for word in _written_out(part.lower())]
    if len(words) > 1 and len(words[0]) == 1 and "_" in name:  # Documentum's r_, i_, a_
        words = words[1:]
    return tuple(word for word in words if word not in _EMPTY_WORDS) or tuple(words)


def _written_out(word: str) -> list[str]:
    found = _ABBREVIATIONS.get(word)
    if found is None and len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004
        word = word[:-3] + "y" if word.endswith("ies") and len(word) > 5 else word[:-1]  # noqa: PLR2004
        found = _ABBREVIATIONS.get(word)
    return (found or word).split()


def rate_name(column: Column, source: str) -> float:
    """Return how surely a source column's name means a column of the connection, 0 to 1."""
    if source.strip().casefold() in (column.internal_name.casefold(), column.display_name.casefold()):
        return 1.0
    words = frozenset(name_words(source))
    if column.internal_name in BUILT_IN:
        return _rate_built_in(column.internal_name, words, name_words(source))
    return _rate_custom(frozenset(name_words(column.display_name)), words)


def _rate_built_in(name: str, words: frozenset[str], ordered: tuple[str, ...]) -> float:
    table = _synonyms()
    best = max(weight * _rate_phrase(phrase, words) for phrase, weight in table.phrases[name].items())
    last = table.endings[name].get(ordered[-1], 0.0) if ordered else 0.0
    return max(best, last)


def _rate_custom(target: frozenset[str], words: frozenset[str]) -> float:
    best = max(_rate_phrase(target, words), 0.9 * _rate_part(words, target))
    for concept in _synonyms().concepts:
        if target in concept or any(phrase < target for phrase in concept if len(phrase) > 1):
            near = max(_rate_phrase(phrase, words) for phrase in concept)
            best = max(best, _CONCEPT * near)
    return best


def _rate_phrase(phrase: frozenset[str], words: frozenset[str]) -> float:
    """Return how well words say a phrase: all of it and nothing more, more than it, or nearly its spelling."""
    if phrase == words:
        return 1.0
    spelling = fuzz.ratio("".join(sorted(phrase)), "".join(sorted(words))) / 100
    return max(_rate_part(phrase, words), spelling if spelling >= _ALIKE else 0.0)


def _rate_part(phrase: frozenset[str], words: frozenset[str]) -> float:
    """Return how well words say a phrase that is a part of them; other words may make another thing of it."""
    if not phrase < words:
        return 0.0
    rest = words - phrase
    return (0.35 if rest & _ROLE_WORDS else 0.85) * (0.8 + 0.2 * len(phrase) / len(words))


@cache
def _synonyms() -> _Synonyms:
    data = tomllib.loads(files("opusmap.drafting").joinpath("synonyms.toml").read_text("utf-8"))
    weights = {"certain": _CERTAIN, "likely": _LIKELY, "possible": _POSSIBLE}
    phrases = {
        name: {phrase: weight for sure, weight in reversed(weights.items()) for phrase in _phrases(entry[sure])}
        for name, entry in data["builtin"].items()
    }
    endings = {name: entry["endings"] for name, entry in data["builtin"].items()}
    return _Synonyms(phrases, endings, tuple(frozenset(_phrases(one["names"])) for one in data["concept"]))


def _phrases(names: Iterable[str]) -> list[frozenset[str]]:
    return [frozenset(name_words(name)) for name in names]
