"""Which source column means which column of the connection: scores, and the best one-to-one assignment.

Owns putting names and values together into one confidence, 0 to 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opusmap.connection import Column, ColumnType
from opusmap.drafting.assignment import assign
from opusmap.drafting.evidence import rate_values
from opusmap.drafting.names import rate_name
from opusmap.profile import ColumnProfile

__all__ = ["Candidate", "Match", "match_columns"]

THRESHOLD = 0.4
"""The confidence below which a column rather stays without a source."""

CANDIDATES_TOLD = 3
_NAMED = 0.5
_BY_VALUES = 0.3
_WEIGHT_OF_VALUES = 0.55
_TELLING = frozenset(
    {ColumnType.DATE_TIME, ColumnType.PEOPLE, ColumnType.TAXONOMY, ColumnType.MULTIPLE_CHOICE}
)
"""Types whose values alone tell something: any text could be a text."""


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
    rated = [[_rate(column, profile) for profile in profiles] for column in columns]
    # Among equals the source's order decides.
    scores = [[one.confidence - 1e-6 * place for place, one in enumerate(row)] for row in rated]
    given = assign(scores, THRESHOLD)
    found = []
    for column, row, place in zip(columns, rated, given, strict=True):
        best = sorted(row, key=lambda one: -one.confidence)[:CANDIDATES_TOLD]
        found.append(Match(column, None if place is None else row[place], tuple(best)))
    return tuple(found)


def _rate(column: Column, profile: ColumnProfile) -> Candidate:
    name, values = rate_name(column, profile.name), rate_values(column, profile)
    if values is None:
        confidence = name
    elif not profile.filled:
        confidence = 0.3 * name  # nothing would come of it
    else:
        confidence = name * (1 - _WEIGHT_OF_VALUES + _WEIGHT_OF_VALUES * values)
        if name < _NAMED and (column.type in _TELLING or column.internal_name == "rowKey"):
            confidence = max(confidence, _BY_VALUES * values + 0.4 * name)
    return Candidate(profile.name, confidence, name, values)
