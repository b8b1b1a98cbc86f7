"""The one-to-one assignment with the largest sum of scores (the Hungarian algorithm, with potentials).

Written here because it is twenty lines: of the libraries, SciPy and lapx bring NumPy to everyone who installs
opusmap, and munkres changed hands and was rewritten a month before this was.
"""

from __future__ import annotations

from collections.abc import Sequence


def assign(scores: Sequence[Sequence[float]], threshold: float) -> list[int | None]:
    """Return for each row the column that it is given, or None; each column is given once at most.

    Args:
        scores: a row for each taker, a number for each thing to take; higher is better.
        threshold: what no pair may be below; a row rather stays without.
    """
    if not scores:
        return []
    count, things = len(scores), len(scores[0])
    # Each row has one extra column that means "none", which costs as much as a pair at the threshold.
    costs = [
        [-score if score >= threshold else 0.0 for score in row]
        + [-threshold if place == index else 0.0 for place in range(count)]
        for index, row in enumerate(scores)
    ]
    given = _cheapest(costs)
    return [
        place if place < things and scores[index][place] >= threshold else None
        for index, place in enumerate(given)
    ]


def _cheapest(costs: list[list[float]]) -> list[int]:
    """Return the column of each row, so that the costs' sum is the smallest; no more rows than columns.

    Row by row an augmenting path of the least reduced cost is sought (see R. Burkard, M. Dell'Amico,
    S. Martello, "Assignment Problems", 2009, chapter 4). Rows and columns count from 1; 0 is "none yet".
    """
    rows, columns = len(costs), len(costs[0])
    of_row, of_column = [0.0] * (rows + 1), [0.0] * (columns + 1)
    owner = [0] * (columns + 1)
    for row in range(1, rows + 1):
        owner[0] = row
        at, before = _path(costs, owner, of_row, of_column)
        while at:
            owner[at], at = owner[before[at]], before[at]
    found = {row: column for column, row in enumerate(owner) if row and column}
    return [found[row] - 1 for row in range(1, rows + 1)]


def _path(
    costs: list[list[float]], owner: list[int], of_row: list[float], of_column: list[float]
) -> tuple[int, list[int]]:
    """Return a free column and, for each column, the one before it on the way there; adapt the potentials."""
    columns = range(len(owner))
    least, before = [float("inf")] * len(owner), [0] * len(owner)
    done: set[int] = set()
    at = 0
    while owner[at]:
        done.add(at)
        for column in columns[1:]:
            reduced = costs[owner[at] - 1][column - 1] - of_row[owner[at]] - of_column[column]
            if column not in done and reduced < least[column]:
                least[column], before[column] = reduced, at
        following = min((column for column in columns[1:] if column not in done), key=least.__getitem__)
        step = least[following]
        for column in columns:
            if column in done:
                of_row[owner[column]] += step
                of_column[column] -= step
            else:
                least[column] -= step
        at = following
    return at, before
