"""Which source column means which column of the connection: scores, and the best one-to-one assignment.

Owns putting names and values together into one confidence, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from opusmap.connection import Column, ColumnType
from opusmap.drafting.assignment import assign
from opusmap.drafting.name_scores import rate_name
from opusmap.drafting.value_scores import rate_values
from opusmap.profile import ColumnProfile

__all__ = ["Candidate", "Match", "match_columns"]

THRESHOLD = 0.4
"""The confidence below which a column rather stays without a source."""

CANDIDATES_TOLD = 3
_NAMED = 0.5
_BY_VALUES = 0.3
_WEIGHT_OF_VALUES = 0.55
_FITS, _FITS_AS_KEY, _ONLY_ONE = 0.95, 0.75, 0.45
_TELLING = frozenset(
    {
        ColumnType.DATE_TIME,
        ColumnType.PEOPLE,
        ColumnType.TAXONOMY,
        ColumnType.MULTIPLE_CHOICE,
        ColumnType.SINGLE_CHOICE,
    }
)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A source column for a column of the connection: how sure, and what name and values say, 0 to 1."""

    source: str
    confidence: float
    name: float
    values: float | None


@dataclass(frozen=True, slots=True)
class Match:
    """A column of the connection, the source column it is given (if any), and the best candidates."""

    column: Column
    chosen: Candidate | None
    candidates: tuple[Candidate, ...]


def match_columns(columns: Sequence[Column], profiles: Sequence[ColumnProfile]) -> tuple[Match, ...]:
    """Match the connection's columns to a source's, each source column once at most."""
    rated = [_lifted(column, [_rate(column, profile) for profile in profiles]) for column in columns]
    # Among equals the source's order decides.
    scores = [[one.confidence - 1e-6 * place for place, one in enumerate(row)] for row in rated]
    given = assign(scores, THRESHOLD)
    found = []
    for column, row, place in zip(columns, rated, given, strict=True):
        best = sorted(row, key=lambda one: -one.confidence)[:CANDIDATES_TOLD]
        found.append(Match(column, None if place is None else row[place], tuple(best)))
    return tuple(found)


def _lifted(column: Column, row: list[Candidate]) -> list[Candidate]:
    """Trust values alone where only one source column has such values, and none is called so."""
    least = _FITS_AS_KEY if column.internal_name == "rowKey" else _FITS
    fitting = [one for one in row if one.values is not None and one.values >= least]
    if len(fitting) != 1 or not _tells(column) or any(one.name >= _NAMED for one in row):
        return row
    return [
        replace(one, confidence=max(one.confidence, _ONLY_ONE)) if one is fitting[0] else one for one in row
    ]


def _tells(column: Column) -> bool:
    """Tell whether values that fit such a column mean something: any text could be a text."""
    return column.type in _TELLING or column.internal_name == "rowKey"


def _rate(column: Column, profile: ColumnProfile) -> Candidate:
    name, values = rate_name(column, profile.name), rate_values(column, profile)
    if values is None:
        confidence = name
    elif not profile.filled:
        confidence = 0.3 * name  # nothing would come of it
    else:
        confidence = name * (1 - _WEIGHT_OF_VALUES + _WEIGHT_OF_VALUES * values)
        if name < _NAMED and _tells(column):
            confidence = max(confidence, _BY_VALUES * values + 0.4 * name)
    return Candidate(profile.name, confidence, name, values)
