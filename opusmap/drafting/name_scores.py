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
from typing import Any

from rapidfuzz import fuzz

from opusmap.connection import BUILT_IN, Column

__all__ = ["name_words", "rate_name"]

_ENCODED = re.compile(r"_x([0-9a-fA-F]{4})_")
_NAMESPACE = re.compile(r"^[A-Za-z]{1,10}:(?=\S)")
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z])(?=[0-9])")
_WORD = re.compile(r"[^\W_]+|#")

_CERTAIN, _LIKELY, _POSSIBLE = 1.0, 0.85, 0.6
_CONCEPT = 0.8
_ALIKE = 0.86
"""How alike two spellings must be to be the same name misspelt, 0 to 1."""


@dataclass(frozen=True, slots=True)
class _Words:
    """What is written out, and words that say nothing, make another thing of a name, or go with "by"."""

    written_out: Mapping[str, str]
    empty: frozenset[str]
    roles: frozenset[str]
    people: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Synonyms:
    """Phrases of each built-in column with their weight, endings, and groups of names that mean the same."""

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
    return tuple(word for word in words if word not in _words().empty) or tuple(words)


def _written_out(word: str) -> list[str]:
    table = _words().written_out
    found = table.get(word)
    if found is None and len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):  # noqa: PLR2004
        word = _singular(word)
        found = table.get(word)
    return (found or word).split()


def _singular(word: str) -> str:
    if word.endswith("ies") and word not in ("series", "species"):
        return word[:-3] + "y"
    return word[:-2] if word.endswith(("sses", "xes", "ches", "shes")) else word[:-1]


def rate_name(column: Column, source: str) -> float:
    """Return how surely a source column's name means a column of the connection, 0 to 1."""
    if source.strip().casefold() in (column.internal_name.casefold(), column.display_name.casefold()):
        return 1.0
    ordered = name_words(source)
    words = frozenset(ordered)
    if "by" in words:  # "createdBy.user.displayName" is who created it
        words = words - _words().people or words
    if column.internal_name in BUILT_IN:
        return _rate_built_in(column.internal_name, words, ordered)
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
    """Return how well words say a phrase: all of it, more than it, or nearly its spelling."""
    if phrase == words:
        return 1.0
    roles = _words().roles
    # "created date" is spelled much like "created by".
    comparable = len(phrase) == len(words) == 1 or phrase & roles == words & roles
    spelling = fuzz.ratio("".join(sorted(phrase)), "".join(sorted(words))) / 100 if comparable else 0.0
    return max(_rate_part(phrase, words), spelling if spelling >= _ALIKE else 0.0)


def _rate_part(phrase: frozenset[str], words: frozenset[str]) -> float:
    """Return how well words say a phrase that is a part of them; other words may make another thing of it."""
    if not phrase < words:
        return 0.0
    rest = words - phrase
    return (0.35 if rest & _words().roles else 0.85) * (0.8 + 0.2 * len(phrase) / len(words))


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads(files("opusmap.drafting").joinpath("synonyms.toml").read_text("utf-8"))


@cache
def _words() -> _Words:
    data = _table()["words"]
    return _Words(
        data["written_out"], frozenset(data["empty"]), frozenset(data["roles"]), frozenset(data["people"])
    )


@cache
def _synonyms() -> _Synonyms:
    data = _table()
    weights = {"certain": _CERTAIN, "likely": _LIKELY, "possible": _POSSIBLE}
    phrases = {
        name: {
            phrase: weight for sure, weight in reversed(weights.items()) for phrase in _phrases(entry[sure])
        }
        for name, entry in data["builtin"].items()
    }
    endings = {name: entry["endings"] for name, entry in data["builtin"].items()}
    return _Synonyms(phrases, endings, tuple(frozenset(_phrases(one["names"])) for one in data["concept"]))


def _phrases(names: Iterable[str]) -> list[frozenset[str]]:
    return [frozenset(name_words(name)) for name in names]
