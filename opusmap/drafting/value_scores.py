"""What a source column's values say about a column of the connection: could they belong there?

Owns the judgement by values alone, 0 to 1. Names are `names`'; how the two are put together is `matching`'s.
"""

from __future__ import annotations

from opusmap.connection import Column, ColumnType
from opusmap.profile import ColumnProfile, Kind

MANY_OPTIONS = 100
"""Distinct values beyond which a column holds no options that someone has set up."""

NEVER = 0.02
"""What values that can't be are rated, at most: it is a veto."""

_HALF, _NEARLY_ALL_YEARS = 0.5, 0.95
_LONG_TEXT = 255
_NEARLY_UNIQUE = {0.95: 0.6, 0.8: 0.4, 0.5: 0.1}
_OFTEN, _TWICE, _FEW = 5, 2, 5
_LONG_KEY, _LONG_NAME = 80, 60
_NOBODY = frozenset({Kind.DATE, Kind.NUMBER, Kind.BOOLEAN, Kind.URL, Kind.FILE})


def rate_values(column: Column, profile: ColumnProfile) -> float | None:
    """Return how well a source column's values fit a column of the connection; None if none were seen."""
    if not profile.filled:
        return None
    return _fit(column, profile)


def _fit(column: Column, profile: ColumnProfile) -> float:
    if profile.kind is Kind.OBJECTS:
        return NEVER
    rule = _OWN.get(column.internal_name) or _RULES.get(column.type, _as_line)
    return rule(profile)


def _as_key(profile: ColumnProfile) -> float:
    """A key is never empty and does not repeat; a few that are not may be corrected."""
    if profile.kind in (Kind.DATE, Kind.BOOLEAN) or profile.longest > _LONG_TEXT or profile.line_breaks:
        return NEVER
    if (
        profile.kind is Kind.NUMBER
        and profile.decimal_points + profile.decimal_commas > _HALF * profile.filled
    ):
        return _HALF  # a depth or a latitude does not repeat either: only its name could tell
    if profile.is_key:
        return 0.8 if profile.kind in (Kind.URL, Kind.FILE, Kind.PATH) or profile.average > _LONG_KEY else 1.0
    different = 1.0 if profile.more else profile.distinct / profile.filled
    for least, fit in _NEARLY_UNIQUE.items():
        if different >= least:
            return fit if profile.null_rate < 0.1 else 0.5 * fit  # noqa: PLR2004
    return NEVER


def _as_name(profile: ColumnProfile) -> float:
    if profile.kind in (Kind.DATE, Kind.BOOLEAN, Kind.EMAIL, Kind.URL):
        return NEVER
    if profile.kind is Kind.NUMBER or profile.average < 3:  # noqa: PLR2004 - letters
        return 0.2
    if profile.average > _LONG_TEXT:
        return 0.3
    varied = profile.more or profile.distinct >= min(20, 0.2 * profile.filled)
    return 1.0 if varied else 0.3


def _as_person(profile: ColumnProfile) -> float:
    if profile.kind is Kind.EMAIL:
        return 1.0
    if profile.kind in _NOBODY or profile.average > _LONG_NAME:
        return NEVER
    named = profile.kinds.get(Kind.PERSON, 0) / profile.filled
    word = any(" " not in example for example in profile.examples)  # a login, perhaps
    return max(named, 0.8 if word else 0.6)


def _as_choice(profile: ColumnProfile) -> float:
    if profile.kind is Kind.BOOLEAN:
        return 0.8
    if profile.more or profile.distinct > MANY_OPTIONS or profile.kind in (Kind.DATE, Kind.URL, Kind.EMAIL):
        return NEVER
    repeated = profile.filled / profile.distinct
    return 1.0 if repeated >= _OFTEN or profile.distinct <= _FEW else 0.7 if repeated >= _TWICE else 0.3


def _as_choices(profile: ColumnProfile) -> float:
    if profile.lists is None:
        return 0.6 * _as_choice(profile)
    return 0.4 if profile.lists.more else 1.0


def _as_term(profile: ColumnProfile) -> float:
    if profile.kind is Kind.PATH or profile.kinds.get(Kind.PATH, 0) > _HALF * profile.filled:
        return 1.0
    if (profile.kind in _NOBODY and profile.kind is not Kind.FILE) or profile.kind is Kind.EMAIL:
        return NEVER
    return 0.3 if profile.kind is Kind.FILE else 0.8 * max(0.4, _as_choice(profile))


def _as_text(profile: ColumnProfile) -> float:
    if profile.kind in (Kind.DATE, Kind.BOOLEAN):
        return 0.2
    return 0.9 if profile.kind is not Kind.TEXT or profile.average <= _LONG_TEXT else 0.7


def _as_line(profile: ColumnProfile) -> float:
    return 0.25 if profile.line_breaks > 0.1 * profile.filled else _as_text(profile)


def _as_prose(profile: ColumnProfile) -> float:
    if profile.kind is Kind.NUMBER:
        return 0.3
    return 1.0 if profile.longest > _LONG_TEXT or profile.line_breaks else _as_text(profile)


def _as_people(profile: ColumnProfile) -> float:
    return max(profile.kinds.get(Kind.EMAIL, 0) / profile.filled, 0.7 * _as_person(profile))


def _as_date(profile: ColumnProfile) -> float:
    found = _share(profile, Kind.DATE)
    years = sum(one.count for one in profile.incomplete)
    # Four digits may be years: no veto where the names are the same.
    return 0.3 if found == NEVER and years >= _NEARLY_ALL_YEARS * profile.filled else found


def _as_number(profile: ColumnProfile) -> float:
    return _share(profile, Kind.NUMBER)


def _share(profile: ColumnProfile, kind: Kind) -> float:
    share = profile.kinds.get(kind, 0) / profile.filled
    return share if share >= _HALF else NEVER


_OWN = {"rowKey": _as_key, "leafName": _as_name, "createdBy": _as_person, "modifiedBy": _as_person}
_RULES = {
    ColumnType.DATE_TIME: _as_date,
    ColumnType.NUMBER: _as_number,
    ColumnType.PEOPLE: _as_people,
    ColumnType.SINGLE_CHOICE: _as_choice,
    ColumnType.MULTIPLE_CHOICE: _as_choices,
    ColumnType.TAXONOMY: _as_term,
    ColumnType.MULTIPLE_TEXT: _as_prose,
}
