"""Which source column means which column of the connection: scores, and the best assignment.

Owns putting names and values together into one confidence, 0 to 1, and what confidence binds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from opusmap.connection import BUILT_IN, Column, ColumnType
from opusmap.drafting.assignment import assign
from opusmap.drafting.name_scores import NameScores
from opusmap.drafting.presets import Preset
from opusmap.drafting.value_scores import NEVER, rate_values
from opusmap.profile import ColumnProfile

THRESHOLD = 0.6
"""The confidence below which a column is left to a person, with its candidates."""

WORTH_TELLING = 0.4
"""The confidence from which a candidate is shown to a person."""

CANDIDATES_TOLD = 3
_WEIGHT_OF_VALUES = 0.5
_EQUAL, _AS_PRESET, _NOT_AS_PRESET = 0.99, 0.97, 0.6
_VETO, _EMPTY, _EMPTIER = 0.25, 0.7, 0.15
_SECOND_USE = 0.5
"""A column may serve twice (Created and Modified); another that says it nearly as well is better."""

_BY_VALUES, _BY_NAME = 0.45, 0.1
_TELLING = frozenset({ColumnType.DATE_TIME, ColumnType.TAXONOMY})


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


def match_columns(
    columns: Sequence[Column], profiles: Sequence[ColumnProfile], preset: Preset | None = None
) -> tuple[Match, ...]:
    """Match the connection's columns to a source's, as far as names and values are evidence enough.

    Args:
        columns: the connection's columns.
        profiles: the source's columns.
        preset: what is known of such an export, if it is a known one.
    """
    if not profiles:
        return tuple(Match(column, None, ()) for column in columns)
    names = NameScores(columns, [profile.name for profile in profiles])
    rated = [[_rate(names, column, profile, preset) for profile in profiles] for column in columns]
    # Among equals the source's order decides. Each source column is there a second time, for less.
    first = [[one.confidence - 1e-6 * place for place, one in enumerate(row)] for row in rated]
    given = assign([row + list(map(_used_again, row)) for row in first], THRESHOLD)
    found = []
    for column, row, place in zip(columns, rated, given, strict=True):
        best = sorted(row, key=lambda one: -one.confidence)[:CANDIDATES_TOLD]
        found.append(Match(column, None if place is None else row[place % len(row)], tuple(best)))
    return tuple(found)


def _used_again(score: float) -> float:
    return score if score < THRESHOLD else THRESHOLD + _SECOND_USE * (score - THRESHOLD)


def _rate(names: NameScores, column: Column, profile: ColumnProfile, preset: Preset | None) -> Candidate:
    name = names.rate(column, profile.name, None if preset is None else preset.means.get(profile.name))
    if preset is not None and column.internal_name in preset.builtin:
        known = profile.name in preset.builtin[column.internal_name]
        name = _AS_PRESET if known else name * _NOT_AS_PRESET
    values = rate_values(column, profile)
    return Candidate(profile.name, _confidence(column, profile, name, values), name, values)


def _confidence(column: Column, profile: ColumnProfile, name: float, values: float | None) -> float:
    if not profile.filled:
        if profile.rows and column.required:
            return _VETO * name  # each row would be rejected
        return name * (_EMPTY if profile.rows else 1)
    if values is None:
        return name
    if values <= NEVER:
        return _VETO * name  # people under "Created On"
    confidence = name * (1 - _WEIGHT_OF_VALUES + _WEIGHT_OF_VALUES * values)
    if name == 1:
        confidence = max(confidence, _EQUAL)
    elif name < WORTH_TELLING and _tells(column) and values == 1:
        # A hint for a person, and no more. Of several, the one of the nearest name comes first.
        confidence = max(confidence, _BY_VALUES + _BY_NAME * name)
    return confidence * (1 - _EMPTIER * profile.null_rate)


def _tells(column: Column) -> bool:
    """Return whether values that fit such a column mean something: any text could be a text."""
    return column.internal_name in BUILT_IN and (column.type in _TELLING or column.internal_name == "rowKey")
