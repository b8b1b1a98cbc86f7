"""The values that a source has for a choice column, for a person who decides which of them are options."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from opusmap.compiler.similar import find_similar
from opusmap.connection import CHOICE_TYPES, Column, ColumnType
from opusmap.drafting.bindings import describe_confidence, list_same_names
from opusmap.drafting.matching import WORTH_TELLING, Match
from opusmap.drafting.value_scores import MANY_OPTIONS
from opusmap.profile import SourceProfile


@dataclass(frozen=True, slots=True)
class SeenValue:
    """A value that the source holds for a choice column: whether it is an option, only a person can tell.

    `like` is a value, as frequent or more, that may be the same, written in another way.
    """

    text: str
    count: int
    like: str = ""


@dataclass(frozen=True, slots=True)
class DraftChoices:
    """The values seen for a choice column; `ignore_case` where letter case varies.

    `more` says that there are too many of them to be options, so that none is given. `nearest` is the source
    column that has them, with how sure that is, where it is not near enough to be bound unasked.
    """

    column: Column
    values: tuple[SeenValue, ...]
    ignore_case: bool = False
    more: bool = False
    nearest: str = ""


def draft_choices(match: Match, source: SourceProfile, used: AbstractSet[str]) -> DraftChoices | None:
    """Return the values seen for a choice column, in alphabetical order.

    They are those of its source column or, without one, of the nearest, if that is not `used` for another
    column. None for a column of another kind, and where none is near.
    """
    near = [one for one in match.candidates[:1] if one.confidence >= WORTH_TELLING and one.source not in used]
    chosen = next(iter(near), None) if match.chosen is None else match.chosen
    profile = None if chosen is None else source.find(chosen.source)
    if match.column.type not in CHOICE_TYPES or chosen is None or profile is None:
        return None
    nearest = f"{chosen.source} ({describe_confidence(chosen.confidence)})" if match.chosen is None else ""
    is_list = match.column.type is ColumnType.MULTIPLE_CHOICE
    lists = profile.lists if is_list else None
    if lists is not None:
        spelt, more = lists.elements, lists.more
    else:
        names = list_same_names(profile.name, source) if is_list else [profile.name]
        profiles = [one for one in map(source.find, names) if one is not None]
        spelt = tuple(value for one in profiles for value in one.values)
        more = any(one.more for one in profiles)
    options: dict[str, tuple[str, int]] = {}
    for one in spelt:
        spelling, count = options.get(one.text.casefold(), (one.text, 0))
        options[one.text.casefold()] = spelling, count + one.count
    if more or len(options) > MANY_OPTIONS:
        return DraftChoices(match.column, (), more=True, nearest=nearest)
    ordered = sorted(options.values(), key=lambda one: (one[0].casefold(), one[0]))
    counts = dict(ordered)
    like = {}
    for second, first, _ in find_similar([text for text, _ in ordered], ignore_case=True):
        rare, frequent = (first, second) if counts[second] > counts[first] else (second, first)
        like[rare] = frequent
    values = tuple(SeenValue(text, count, like.get(text, "")) for text, count in ordered)
    spellings = {one.text for one in spelt}
    return DraftChoices(match.column, values, len(options) < len(spellings), nearest=nearest)
