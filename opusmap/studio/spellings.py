"""Clusters of spellings: values without an option that look like one option, or like one another.

Owns what counts as alike, from sure to less sure: letter case, blanks, the fingerprint (letters and digits
without accents and signs, the words in any order), a small edit distance. It only proposes: nothing becomes
an option or an alias without a person. Numbers are never alike: `Class 3` is not a spelling of `Class 2`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from rapidfuzz.distance import OSA

COMPARED = 1_000
"""Values that are compared, at most: the most frequent ones."""
LENGTH_COMPARED = 100
"""Characters of a value whose edit distance is measured, at most."""
_SHORTEST = 4
"""Letters that a text must have for a typing mistake in it to count."""
_LETTERS_A_MISTAKE = 5
"""Letters of a text for each mistake that is allowed in it: `Dweling` may have one, a long text three."""
_MISTAKES = 3


@dataclass(frozen=True, slots=True)
class Member:
    """A value of a cluster, how often it occurs, and why it is in the cluster."""

    value: str
    count: int
    why: str


@dataclass(frozen=True, slots=True)
class Cluster:
    """Values that look alike. `option` is the option that they look like; empty if they look like none."""

    option: str
    members: tuple[Member, ...]

    @property
    def count(self) -> int:
        """How often its values occur, all together."""
        return sum(one.count for one in self.members)


def find_clusters(values: Mapping[str, int], options: Sequence[str]) -> tuple[Cluster, ...]:
    """Return the clusters of values that are not an option.

    Args:
        values: the values without an option, with how often each occurs.
        options: the options of the column.

    Returns:
        the clusters, that of the most frequent values first; each value is in one at most. A cluster without
        an option has at least two values.
    """
    open_ = sorted(values.items(), key=lambda one: (-one[1], one[0]))[:COMPARED]
    near_options, left = _gather(open_, {option: option for option in options})
    clusters = [Cluster(option, tuple(members)) for option, members in near_options.items()]
    leaders: dict[str, list[Member]] = {}
    for value, count in left:
        leader, why = _find_alike(value, leaders)
        if leader:
            leaders[leader].append(Member(value, count, why))
        else:
            leaders[value] = [Member(value, count, "the most frequent of these")]
    clusters += [Cluster("", tuple(members)) for members in leaders.values() if len(members) > 1]
    return tuple(sorted(clusters, key=lambda one: (-one.count, one.option)))


def fingerprint(text: str) -> str:
    """Return what is left of a text without letter case, accents, signs, and the order of its words.

    >>> fingerprint("  Café, the "), fingerprint("The cafe")
    ('cafe the', 'cafe the')
    """
    letters = unicodedata.normalize("NFKD", text.casefold())
    plain = "".join(one for one in letters if not unicodedata.combining(one))
    return " ".join(sorted(set(re.findall(r"\w+", plain.replace("_", " ")))))


def _gather(
    values: Iterable[tuple[str, int]], options: Mapping[str, str]
) -> tuple[dict[str, list[Member]], list[tuple[str, int]]]:
    """Return the values that are like an option, by option, and those that are like none."""
    found: dict[str, list[Member]] = {}
    left = []
    for value, count in values:
        option, why = _find_alike(value, options)
        if option:
            found.setdefault(option, []).append(Member(value, count, why))
        else:
            left.append((value, count))
    return found, left


def _find_alike(value: str, others: Iterable[str]) -> tuple[str, str]:
    """Return the text that a value is most surely like, and why; empty if there is none, or if two are."""
    candidates = list(others)
    for key, why in _KEYS:
        mine = key(value)
        found = [one for one in candidates if mine and key(one) == mine]
        if found:
            return (found[0], why) if len(found) == 1 else ("", "")
    if len(value) > LENGTH_COMPARED:
        return "", ""
    near = sorted((distance, one) for one in candidates if (distance := _count_mistakes(value, one)))
    if not near or (len(near) > 1 and near[0][0] == near[1][0]):
        return "", ""
    mistakes, other = near[0]
    return other, "one letter differs" if mistakes == 1 else f"{mistakes} letters differ"


def _count_mistakes(one: str, other: str) -> int:
    """Return how many letters two texts differ by; 0 if by too many, or in a digit."""
    mine, theirs = fingerprint(one), fingerprint(other)
    shorter = min(len(mine), len(theirs))
    if shorter < _SHORTEST or re.findall(r"\d", mine) != re.findall(r"\d", theirs):
        return 0
    most = min(_MISTAKES, shorter // _LETTERS_A_MISTAKE)
    plain = OSA.distance(_squeeze(one).casefold(), _squeeze(other).casefold(), score_cutoff=most)
    return plain if plain <= most else 0


def _squeeze(text: str) -> str:
    return " ".join(text.split())


_KEYS: tuple[tuple[Callable[[str], str], str], ...] = (
    (str.casefold, "only letter case differs"),
    (lambda text: "".join(text.split()).casefold(), "only blanks or letter case differ"),
    (fingerprint, "only accents, signs or the order of words differ"),
)
