"""How alike two column names are, by the concepts that their words mean.

Owns the overlap of concepts: what says little counts little, what every column of the source says counts
less, and what the other name does not say takes away.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache

from rapidfuzz import fuzz

from opusmap.connection import BUILT_IN, Column, ColumnType
from opusmap.drafting.concepts import Concepts, concept_table, languages_of, read_name

_UNKNOWN, _THING, _OTHER = 0.5, 0.12, 2.0
_OFTEN, _ALWAYS = 0.2, 0.4
_ALIKE_SPELLING, _SPELLED = 0.86, 5
_ABOUT_TARGET, _ABOUT_SOURCE = 0.55, 0.45
_NEARLY, _SAID, _TAKEN_AWAY = 0.5, 0.5, 0.75
_NOT_EQUAL = 0.98
"""What names that mean the same are rated at most; 1 is for equal names."""


class NameScores:
    """The names of a connection's columns and of a source's, read as concepts, and how alike they are."""

    def __init__(self, columns: Sequence[Column], sources: Sequence[str]) -> None:
        names = [one.display_name for one in columns if one.internal_name not in BUILT_IN]
        spoken = languages_of(sources)
        self._languages = spoken
        self._own = languages_of(names)
        self._read = {name: read_name(name, _ordered(spoken)) for name in sources}
        self._shared = _shared(list(self._read.values()))

    def rate(self, column: Column, source: str, meaning: str | None = None) -> float:
        """Return how surely a source column's name means a column of the connection, 0 to 1.

        `meaning` is what the source's name is known to mean, in English.
        """
        if source.strip().casefold() in (column.internal_name.casefold(), column.display_name.casefold()):
            return 1.0
        said = self._read[source] if meaning is None else read_name(meaning, ("en",))
        if column.internal_name in BUILT_IN:
            return min(_NOT_EQUAL, self._rate_built_in(column.internal_name, said))
        return min(_NOT_EQUAL, self._rate_custom(column, said))

    def _rate_custom(self, column: Column, said: Concepts) -> float:
        best = 0.0
        for meant in _readings(column.display_name, self._own):
            implied = _IMPLIED.get(column.type, frozenset())
            target, source = _without(meant, implied), _without(said, implied)
            best = max(best, self._overlap(target, source))
        return best

    def _overlap(self, target: Concepts, source: Concepts) -> float:
        weighed = sum(map(_weight, target))
        told = sum(_weight(one) * _nearest(one, source) for one in target) / weighed
        weights = {one: _weight(one) * self._shared.get(one, 1.0) for one in source}
        near = sum(weight * _nearest(one, target) for one, weight in weights.items())
        about = near / sum(weights.values()) if weights else 0.0
        return told * (_ABOUT_TARGET + _ABOUT_SOURCE * about)

    def _rate_built_in(self, name: str, said: Concepts) -> float:
        best = 0.0
        for phrase, weight in concept_table()["builtin"][name].items():
            wanted = tuple(phrase.split())
            source = _without(said, _DATE) if name.startswith("time") and "date" not in wanted else said
            found = [_nearest(one, source) for one in wanted]
            told = sum(found) / len(found) * (1 if min(found) == 1 else _NEARLY)
            more = (one for one in source if _nearest(one, wanted) <= _SAID)
            rest = sum(_extra(one, name) * self._shared.get(one, 1.0) for one in more)
            best = max(best, weight * told / (1 + rest) ** _TAKEN_AWAY)
        return best


_DATE = frozenset({"date"})
_WHO = frozenset({"email", "name", "person", "user", "login"})
_IMPLIED = {
    ColumnType.DATE_TIME: _DATE,
    ColumnType.PEOPLE: _WHO,
    ColumnType.NUMBER: frozenset({"number"}),
}
"""What the type of a column says already, and its name need not."""


def _ordered(languages: tuple[str, ...]) -> tuple[str, ...]:
    """Return the languages with English second, if it is not first."""
    rest = tuple(one for one in languages if one not in (languages[0], "en"))
    return (languages[0], *(("en",) if languages[0] != "en" else ()), *rest)


@lru_cache(maxsize=1_000)
def _readings(name: str, connection: tuple[str, ...]) -> tuple[Concepts, ...]:
    """Return what a name may mean: by its own language, and by that of the connection's other names."""
    orders = dict.fromkeys((_ordered(languages_of([name])), _ordered(connection)))
    return tuple(dict.fromkeys(read_name(name, order) for order in orders))


def _without(concepts: Concepts, implied: frozenset[str]) -> Concepts:
    return tuple(one for one in concepts if one not in implied) or concepts


def _shared(names: Iterable[Concepts]) -> dict[str, float]:
    """Return by how much a concept counts less: of a contract register each column says "contract"."""
    names = list(names)
    counts = Counter(one for name in names for one in set(name))
    few = 3
    return {
        one: 0.15 if count >= max(few, _ALWAYS * len(names)) else 0.4
        for one, count in counts.items()
        if count >= max(few, _OFTEN * len(names))
    }


@lru_cache(maxsize=10_000)
def _weight(concept: str) -> float:
    return float(concept_table()["weights"].get(concept, 1.0))


def _extra(concept: str, built_in: str) -> float:
    """Return how far a word changes the meaning of the word beside it."""
    things = concept_table()["things"]
    if built_in.endswith("By") and concept in _WHO:
        return _THING
    if concept in things["others"]:
        return _OTHER
    if concept in things["names"] or (built_in == "rowKey" and concept in things["numbered"]):
        return _THING
    return _UNKNOWN if concept.startswith("?") else _weight(concept)


def _nearest(concept: str, others: Concepts) -> float:
    return max((_alike(concept, other) for other in others), default=0.0)


@lru_cache(maxsize=100_000)
def _alike(first: str, second: str) -> float:
    if first == second:
        return 1.0
    if first.startswith("?") and second.startswith("?"):
        spelling = fuzz.ratio(first, second) / 100
        return spelling if spelling >= _ALIKE_SPELLING and min(len(first), len(second)) > _SPELLED else 0.0
    table = concept_table()["alike"]
    return float(max(table.get(first, {}).get(second, 0.0), table.get(second, {}).get(first, 0.0)))
