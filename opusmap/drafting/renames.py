"""Which column of a new source is which of an earlier mapping, where names have changed.

Owns the decision, by the matcher that drafts use: renamed, open with candidates, or gone.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from opusmap.connection import Column, ColumnType, Connection
from opusmap.drafting.bindings import describe_confidence
from opusmap.drafting.matching import WORTH_TELLING, Candidate, match_columns
from opusmap.drafting.presets import find_preset
from opusmap.drafting.source_names import NameUse
from opusmap.profile import ColumnProfile, Kind, SourceProfile, profile_source
from opusmap.sources import from_rows

_AS_WRITTEN = 0.98
"""The confidence where two names differ by letter case, blanks and signs alone."""
_TOO_NEAR = 0.03
"""Two candidates nearer to each other than this are for a person to tell apart."""
_SEEN_AGAIN = 0.5
_TYPES = {
    Kind.DATE: ColumnType.DATE_TIME,
    Kind.NUMBER: ColumnType.NUMBER,
    Kind.EMAIL: ColumnType.PEOPLE,
}


@dataclass(frozen=True, slots=True)
class Missing:
    """A column that a mapping reads and a source lacks; `bound` are columns of Opus made of it alone."""

    name: str
    bound: tuple[Column, ...] = ()
    needed: bool = True


@dataclass(frozen=True, slots=True)
class Fate:
    """What became of such a column: its new name and how sure that is, or the candidates for a person."""

    name: str
    now: str | None = None
    confidence: float = 0.0
    candidates: tuple[tuple[str, str], ...] = ()
    needed: bool = True


def is_known(name: str, profile: SourceProfile) -> bool:
    """Return whether a source has a column, or a path into one, as far as its rows show."""
    root, dot, _ = name.partition(".")
    nested = [one.name for one in profile.columns if one.nested and one.name.startswith(f"{root}.")]
    if name in profile.row_columns or not dot:
        return name in profile.row_columns
    if not nested:
        return root in profile.row_columns
    return any(f"{one}.".startswith(f"{name}.") or name.startswith(f"{one}.") for one in nested)


def find_missing(uses: Sequence[NameUse], profile: SourceProfile, connection: Connection) -> list[Missing]:
    """Return the columns that a source lacks; of a `first_of`, only where it lacks them all."""
    satisfied = {one.group for one in uses if one.group and is_known(one.name, profile)}
    found: dict[str, Missing] = {}
    for use in uses:
        if is_known(use.name, profile) or (use.group and use.group in satisfied):
            continue
        before = found.get(use.name, Missing(use.name, needed=False))
        column = connection.find(use.owner) if use.alone else None
        found[use.name] = replace(
            before,
            bound=(*before.bound, column) if column is not None else before.bound,
            needed=before.needed or not use.optional or bool(use.group),
        )
    return list(found.values())


def find_fates(
    missing: Sequence[Missing],
    used: Iterable[str],
    profile: SourceProfile,
    rows: Iterable[Mapping[str, Any]],
) -> list[Fate]:
    """Say of each missing column what became of it.

    Args:
        missing: the columns that the source lacks.
        used: the columns that the mapping reads and the source still has: none of them has a new name.
        profile: the source's profile.
        rows: rows of the earlier source, such as the mapping's tests have.
    """
    taken = set(used)
    free = [one for one in profile.columns if one.name not in taken]
    earlier = profile_source(from_rows([dict(row) for row in rows]))
    found: dict[str, Candidate] = {}
    told: dict[str, list[Candidate]] = {one.name: [] for one in missing}
    for one in missing:
        same = [other for other in free if _squashed(other.name) == _squashed(one.name)]
        if len(same) == 1:
            found[one.name] = Candidate(same[0].name, _AS_WRITTEN, 1.0, None)
    for by_target in (False, True):
        rest = [one for one in missing if one.name not in found and (one.bound or not by_target)]
        left = [one for one in free if one.name not in {given.source for given in found.values()}]
        columns = [_as_column(one, earlier, by_target=by_target) for one in rest]
        preset = find_preset(one.name for one in profile.columns) if by_target else None
        matches = match_columns(columns, left, preset)
        sure: dict[str, tuple[float, str]] = {}
        for one, match in zip(rest, matches, strict=True):
            told[one.name] += match.candidates
            if (
                match.chosen is not None
                and not _numbered_otherwise(one.name, match.chosen.source)
                and _stands_out(match.chosen, match.candidates, matches)
            ):
                given = match.chosen.confidence, one.name
                sure[match.chosen.source] = max(given, sure.get(match.chosen.source, given))
        for source, (confidence, name) in sure.items():
            found[name] = Candidate(source, confidence, confidence, None)
    gone = {given.source for given in found.values()}
    return [_fate(one, found.get(one.name), told[one.name], earlier, free, gone) for one in missing]


def _stands_out(chosen: Candidate, candidates: Iterable[Candidate], matches: Iterable[Any]) -> bool:
    """Return whether no other column that is still free would do nearly as well."""
    given = {match.chosen.source for match in matches if match.chosen is not None}
    return not any(
        one.source not in given and one.confidence > chosen.confidence - _TOO_NEAR for one in candidates
    )


def _numbered_otherwise(old: str, new: str) -> bool:
    """Return whether two names have other numbers: Class1 is not Class3."""
    numbers = [re.findall(r"\d+", name) for name in (old, new)]
    return all(numbers) and numbers[0] != numbers[1]


def _as_column(one: Missing, earlier: SourceProfile, *, by_target: bool) -> Column:
    """Return what the matcher is to find: a column of the old name, or the column of Opus itself."""
    if by_target:
        return one.bound[0]
    known = earlier.find(one.name)
    kind = _TYPES.get(known.kind, ColumnType.SINGLE_TEXT) if known else ColumnType.SINGLE_TEXT
    types = [column.type for column in one.bound]
    return Column(f"_{one.name}", one.name, types[0] if types else kind)


def _fate(
    one: Missing,
    found: Candidate | None,
    told: Sequence[Candidate],
    earlier: SourceProfile,
    free: Sequence[ColumnProfile],
    gone: set[str],
) -> Fate:
    if found is not None:
        return Fate(one.name, found.source, found.confidence, needed=one.needed)
    near = {
        other.source: describe_confidence(other.confidence)
        for other in sorted(told, key=lambda each: each.confidence)
        if other.confidence >= WORTH_TELLING and other.source not in gone
    }
    before = earlier.find(one.name)
    seen = {value.text for value in before.values} if before is not None else set()
    for other in free:
        again = sum(value.text in seen for value in other.values)
        if other.name not in gone and seen and again >= _SEEN_AGAIN * len(seen):
            near.setdefault(other.name, "it has the values of the tests")
    return Fate(one.name, candidates=tuple(reversed(near.items())), needed=one.needed)


def _squashed(name: str) -> str:
    return "".join(char for char in name.casefold() if char.isalnum())
