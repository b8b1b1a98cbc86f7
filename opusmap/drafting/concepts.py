"""What the words of a column name mean: concepts such as `created` and `date`, in any of the known languages.

Owns reading a name as words and the words as concepts: camelCase, words written together, compounds,
inflected and misspelt words, Chinese and Japanese without blanks. The tables are data: one file a language
beside `vocabulary/concepts.toml`, which tells how to extend them.
"""

from __future__ import annotations

import re
import tomllib
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any, TypeAlias

from rapidfuzz import fuzz, process

Concepts: TypeAlias = tuple[str, ...]
"""Concepts in the order of the words; a word that no table has is returned after a `?`."""

_ENCODED = re.compile(r"_x([0-9a-fA-F]{4})_")
_NAMESPACE = re.compile(r"^[A-Za-z]{1,10}:(?=\S)")
_CAMEL = re.compile(r"(?<=[^\W\d_A-Z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_CJK = "\u3005\u3040-\u30ff\u3400-\u9fff"
_WORD = re.compile(rf"[{_CJK}]+|(?:(?![{_CJK}])[^\W\d_])+|\d+|[#%°]")
_KANA = re.compile("[\u3040-\u30ff]")
_HAS_CJK = re.compile(f"[{_CJK}]")
_LETTERS = str.maketrans({"ł": "l", "ø": "o", "đ": "d", "æ": "ae", "œ": "oe", "ß": "ss"})
_UMLAUTS = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa", "ø": "oe"})

_PHRASE, _LONGEST, _NAME_LENGTH = 4, 40, 200
_ASIAN = ("ja", "zh")
_SHORT_PARTS = frozenset({"id", "nr", "no"})
_PART, _SURE_PART, _COMPOUND = 3, 4, 6
_REST, _REST_ALONE = 3, 4
"""Letters of an unknown part, at least: in a language of compounds, and in others."""

_MISSPELT, _MISSPELT_FROM = 88, 6
_UNKNOWN_PART, _UNKNOWN_LETTER, _UNKNOWN_CHARACTER = 1.5, 0.3, 1.2


@dataclass(frozen=True, slots=True)
class _Language:
    """The words of one language, folded; phrases are words with blanks."""

    code: str
    words: dict[str, Concepts]
    endings: tuple[str, ...]
    links: tuple[str, ...]
    empty: frozenset[str]

    def find(self, word: str) -> Concepts | None:
        """Return what a word means, with an ending or without."""
        found = self.words.get(word)
        for ending in self.endings if found is None else ():
            if word.endswith(ending) and len(word) - len(ending) >= _PART:
                found = found or self.words.get(word[: -len(ending)])
        return found


def words_of(name: str) -> list[str]:
    """Return the words of a column name, folded: in lower case, without accents.

    >>> words_of("Modified_x0020_By"), words_of("DateFin"), words_of("Größe (kB)"), words_of("企業ID")
    (['modified', 'by'], ['date', 'fin'], ['grosse', 'k', 'b'], ['企業', 'id'])
    """
    text = _ENCODED.sub(lambda match: chr(int(match[1], 16)), name[:_NAME_LENGTH])
    text = _CAMEL.sub(" ", _NAMESPACE.sub("", unicodedata.normalize("NFKC", text).strip()))
    words = [_folded(word) for word in _WORD.findall(text)]
    return words[1:] if len(words) > 1 and len(words[0]) == 1 and re.match(r"[a-z]_", name) else words


def _folded(text: str) -> str:
    if _HAS_CJK.search(text):
        return text.lower()
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(char for char in plain if not unicodedata.combining(char))


def languages_of(names: Sequence[str]) -> tuple[str, ...]:
    """Return the codes of all known languages: first those that most of the names' words are of."""
    score = dict.fromkeys(_languages(), 0.0)
    for name in names:
        for word in words_of(name):
            knowing = _knowing(word)
            for code in knowing:
                score[code] += 1 / len(knowing)
    score["en"] += 0.5  # the language of most systems, where nothing tells
    return tuple(sorted(score, key=lambda code: -score[code]))


@lru_cache(maxsize=10_000)
def _knowing(word: str) -> tuple[str, ...]:
    """Return the languages that have a word; if none has, those that it is a compound of."""
    known = _languages().values()
    if _KANA.search(word):
        return ("ja",)
    if _HAS_CJK.match(word):
        unknown = {
            one.code: sum(map(len, _unknown(_cjk(word, (one,))))) for one in known if one.code in _ASIAN
        }
        return tuple(code for code, count in unknown.items() if count == min(unknown.values()))
    direct = tuple(one.code for one in known if one.find(word) is not None or word in one.empty)
    if direct:
        return direct
    parts = {one.code: _compound(word, one) for one in known}
    whole = tuple(code for code, found in parts.items() if found is not None and not _unknown(found))
    return whole or tuple(code for code, found in parts.items() if found is not None)


def _unknown(concepts: Concepts) -> list[str]:
    return [one for one in concepts if one.startswith("?")]


@lru_cache(maxsize=10_000)
def read_name(name: str, languages: tuple[str, ...]) -> Concepts:
    """Return the concepts of a column name; the first languages are asked first.

    >>> read_name("Vertragsbeginn", ("de", "en"))
    ('contract', 'start')
    """
    known = [_languages()[code] for code in languages]
    found: list[str] = []
    words, at = words_of(name), 0
    kept = [word for word in words if word not in known[0].empty] or words
    while at < len(kept):
        length, concepts = _phrase(kept[at : at + _PHRASE], known)
        found += concepts
        at += length
    return tuple(dict.fromkeys(found))


def names_place(name: str, languages: tuple[str, ...]) -> bool:
    """Return whether a name is that of places or parts of an organisation, whose values are not people.

    >>> names_place("Ward", ("en",)), names_place("Standort", ("de", "en")), names_place("Officer", ("en",))
    (True, True, False)
    """
    return not _PLACES.isdisjoint([*words_of(name), *read_name(name, languages)])


_PLACES = frozenset(
    [
        "location",
        "department",
        "section",
        "plot",
        "area",
        "ward",
        "zone",
        "block",
        "lot",
        "district",
        "region",
        "building",
        "street",
        "road",
    ]
)
"""Concepts, and words that no concept has."""


def _phrase(words: Sequence[str], known: Sequence[_Language]) -> tuple[int, Concepts]:
    for length in range(len(words), 1, -1):
        text = " ".join(words[:length])
        for language in known:
            if text in language.words:
                return length, language.words[text]
    return 1, _word(words[0], known)


def _word(word: str, known: Sequence[_Language]) -> Concepts:
    if _HAS_CJK.match(word):
        return _cjk(word, known)
    # In the languages of the other names first, then in English, then in any: Italian "data" is a date.
    likely = [*known[:2], *(one for one in known[2:] if one.code == "en")]
    for language in known:
        meaning = language.find(word) if language in likely or len(word) >= _SURE_PART else None
        if meaning is not None:
            return meaning
    if any(word in language.empty for language in known[:2]):
        return ()
    found = [parts for one in likely if (parts := _compound(word, one)) is not None]
    whole = next((parts for parts in found if not _unknown(parts)), None) or _misspelt(word, likely)
    if whole is not None:
        return whole
    return found[0] if found else () if word.isdigit() else (f"?{word}",)


def _misspelt(word: str, likely: Sequence[_Language]) -> Concepts | None:
    for language in likely if len(word) >= _MISSPELT_FROM else ():
        near = process.extractOne(word, language.words.keys(), scorer=fuzz.ratio, score_cutoff=_MISSPELT)
        if near is not None:
            return language.words[near[0]]
    return None


_Step: TypeAlias = tuple[float, Concepts, bool]
"""The cost of a way into a word, what its parts mean, and whether one of them is sure."""

_Place: TypeAlias = tuple[int, bool]
"""How far into a word, and whether an unknown part lies behind."""


def _compound(word: str, language: _Language) -> Concepts | None:
    """Return the concepts of words written together; one part may be unknown beside a sure one.

    The cheapest way through the word: each part costs one, so that the longest parts win.
    """
    if not _COMPOUND <= len(word) <= _LONGEST:
        return None
    best: dict[_Place, _Step] = {(0, False): (0.0, (), False)}
    for start in range(len(word)):
        for place in ((start, False), (start, True)):
            for end, step in _steps(word, place, best[place], language) if place in best else ():
                if end not in best or step[0] < best[end][0]:
                    best[end] = step
    if (len(word), False) in best:
        return best[len(word), False][1]
    _, concepts, sure = best.get((len(word), True), (0.0, (), False))
    return concepts if sure else None


def _steps(word: str, place: _Place, behind: _Step, language: _Language) -> Iterator[tuple[_Place, _Step]]:
    """Yield the ways on from a place: by a known word and a link, or by an unknown one."""
    (start, unknown), (cost, concepts, sure) = place, behind
    rest = _REST if language.links else _REST_ALONE
    for end in range(start + 2, len(word) + 1):
        part, last = word[start:end], end == len(word)
        meaning = _meaning(part, language, alone=last or not start, last=last)
        if meaning is not None:
            step = (cost + 1, concepts + meaning, sure or (bool(meaning) and len(part) >= _SURE_PART))
            yield (end, unknown), step
            for link in language.links:
                if word.startswith(link, end) and end + len(link) < len(word):
                    yield (end + len(link), unknown), step
        elif not unknown and rest <= len(part) < len(word):
            dear = cost + _UNKNOWN_PART + _UNKNOWN_LETTER * len(part)
            yield (end, True), (dear, (*concepts, f"?{part}"), sure)


def _meaning(part: str, language: _Language, *, alone: bool, last: bool) -> Concepts | None:
    """Return what a part of a compound means; the shortest are known only where the word begins or ends."""
    if len(part) < _PART and not (alone and part in _SHORT_PARTS):
        return None
    if part in language.empty:
        return ()
    return language.find(part) if last else language.words.get(part)


def _cjk(text: str, known: Sequence[_Language]) -> Concepts:
    """Return the concepts of a text without blanks: the fewest known words, the fewest signs left over."""
    tables = [one.words for one in known if one.code in _ASIAN]
    if _KANA.search(text):
        tables.sort(key=lambda words: words is not _languages()["ja"].words)
    words = tables[0] if tables else {}
    empty = next((one.empty for one in known if one.words is words), frozenset())
    best: list[tuple[float, Concepts]] = [(0.0, ())]
    for end in range(1, len(text) + 1):
        ways = [(best[end - 1][0] + _UNKNOWN_CHARACTER, (*best[end - 1][1], f"?{text[end - 1]}"))]
        for start in range(max(0, end - 8), end):
            part = text[start:end]
            cost, concepts = best[start]
            if part in words:
                ways.append((cost + 1 + 0.1 * (len(part) == 1), concepts + words[part]))
            elif part in empty:
                ways.append((cost + 0.5, concepts))
        best.append(min(ways))
    return _joined(best[-1][1])


def _joined(concepts: Concepts) -> Concepts:
    """Put unknown signs that follow each other together."""
    found: list[str] = []
    for one in concepts:
        if one.startswith("?") and found and found[-1].startswith("?"):
            found[-1] += one[1:]
        else:
            found.append(one)
    return tuple(found)


def _read(file: str) -> dict[str, Any]:
    return tomllib.loads(files("opusmap.drafting").joinpath("vocabulary", file).read_text("utf-8"))


@cache
def concept_table() -> dict[str, Any]:
    """Return `concepts.toml`: weights, what is alike, and what says Opus's own columns."""
    return _read("concepts.toml")


@cache
def _languages() -> dict[str, _Language]:
    names = sorted(one.name for one in files("opusmap.drafting").joinpath("vocabulary").iterdir())
    codes = [name.removesuffix(".toml") for name in names if name.endswith(".toml")]
    return {code: _language(code, _read(f"{code}.toml")) for code in codes if code != "concepts"}


def _language(code: str, data: dict[str, Any]) -> _Language:
    words: dict[str, Concepts] = {}
    for concepts, spellings in data["words"].items():
        for word in spellings:
            for spelling in _spellings(word):
                words.setdefault(spelling, tuple(concepts.split()))
    empty = frozenset(_each(data["empty"]))
    return _Language(code, words, tuple(_each(data["endings"])), tuple(_each(data["links"])), empty)


def _spellings(word: str) -> set[str]:
    """Return a word as names have it: without accents, or with `ae` for `ä`; a phrase by its words."""
    return {" ".join(words_of(text)) for text in (word, word.casefold().translate(_UMLAUTS))} | (
        {_folded(word)} if _HAS_CJK.search(word) else set()
    )


def _each(words: Iterable[str]) -> list[str]:
    return [_folded(word) for word in words]
