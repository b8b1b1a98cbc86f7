"""The assignment is the best one: compared with trying every one."""

from itertools import permutations

from hypothesis import given
from hypothesis import strategies as st

from opusmap.drafting.assignment import assign

SCORES = st.integers(0, 4).flatmap(
    lambda width: st.lists(st.lists(st.integers(0, 10), min_size=width, max_size=width), max_size=4)
)


def worth(scores, given, threshold):
    """Return the sum of a solution: a row that stays without counts as much as the threshold."""
    return sum(threshold if place is None else row[place] for row, place in zip(scores, given, strict=True))


def every_solution(rows, width):
    places = [*range(width), *[None] * rows]
    return set(permutations(places, rows))


@given(SCORES, st.integers(1, 6))
def test_no_other_assignment_is_worth_more(scores, threshold):
    found = assign(scores, threshold)
    taken = [place for place in found if place is not None]
    assert len(found) == len(scores)
    assert len(set(taken)) == len(taken)
    assert all(scores[row][place] >= threshold for row, place in enumerate(found) if place is not None)
    width = len(scores[0]) if scores else 0
    best = max(
        worth(scores, tried, threshold)
        for tried in every_solution(len(scores), width)
        if all(place is None or scores[row][place] >= threshold for row, place in enumerate(tried))
    )
    assert worth(scores, found, threshold) == best


def test_one_gives_way_where_it_has_a_second_choice():
    assert assign([[0.9, 0.8], [0.9, 0.1]], 0.5) == [1, 0]
