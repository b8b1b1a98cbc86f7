"""Rejects are kept by reason, in bounded number, and a rare reason has rows in any case."""

from hypothesis import given
from hypothesis import strategies as st

from opusmap.issues import Issue
from opusmap.records import Reject
from opusmap.studio.kept_rejects import OF_EACH_REASON, KeptRejects


def reject(row, *codes, value="v"):
    problems = tuple(Issue(code, f"{code} is wrong", "Type", "hint") for code in codes)
    return Reject(row, f"k{row}", problems, {"Type": value, "Other": 7})


def keep(rejects, limit=20_000):
    kept = KeptRejects(lambda place: (place,), limit)
    for one in rejects:
        kept.add(one)
    return kept


codes = st.lists(st.sampled_from("abc"), min_size=1, max_size=3, unique=True)


@given(st.lists(codes, max_size=40), st.integers(0, 50), st.integers(0, 50))
def test_pages_of_a_reason_are_its_rejects_in_order(found, start, count):
    rejects = [reject(row, *each) for row, each in enumerate(found)]
    kept = keep(rejects)
    assert kept.page(None, start, count) == rejects[start : start + count]
    for code in "abc":
        own = [one for one in rejects if any(problem.code == code for problem in one.problems)]
        assert kept.page(("Type", code), start, count) == own[start : start + count]
        assert kept.rows_of(("Type", code)) == kept.kept_of(("Type", code)) == len(own)
    assert all(kept.find(one.row) == one for one in rejects)


def test_more_rejects_than_the_limit_are_counted_and_not_kept():
    kept = keep((reject(row, "often") for row in range(1_000)), limit=200)
    assert (kept.count, kept.rows_of(("Type", "often")), kept.kept_of(None)) == (1_000, 1_000, 200)
    kept.add(reject(5_000, "rare"))
    assert kept.find(5_000) is not None
    kept.add(reject(5_001, "often"), pin=True)
    assert kept.find(5_001) is not None
    for row in range(6_000, 7_000):
        kept.add(reject(row, "rare"))
    assert kept.kept_of(("Type", "rare")) == OF_EACH_REASON


def test_the_most_frequent_values_of_a_reason_are_counted_and_the_rest_is_a_number():
    kept = keep(reject(row, "a", value="x" if row % 2 else f"v{row}") for row in range(2_000))
    top, other = kept.top_values(("Type", "a"), 1)
    assert top == [("x", 1_000)]
    assert other == 1_000
