import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.studio.spellings import find_clusters, fingerprint

OPTIONS = ["Contract", "Deed", "Lease", "Class 1", "Class 2", "Legal Services"]
WORDS = st.text(st.sampled_from("abcDE é-12"), max_size=8)


def why(value, options=OPTIONS):
    (cluster,) = find_clusters({value: 3}, options)
    return cluster.option, cluster.members[0].why


@pytest.mark.parametrize(
    ("value", "option", "reason"),
    [
        ("LEASE", "Lease", "only letter case differs"),
        ("legalservices", "Legal Services", "only blanks or letter case differ"),
        ("Services, Légal", "Legal Services", "only accents, signs or the order of words differ"),
        ("Contarct", "Contract", "one letter differs"),
        ("Legal Servcies.", "Legal Services", "2 letters differ"),
    ],
)
def test_a_value_is_like_an_option_for_the_surest_reason(value, option, reason):
    assert why(value) == (option, reason)


@pytest.mark.parametrize("value", ["Class 3", "Class", "Dead", "Dwelling", "", "Tract", "x" * 500])
def test_numbers_short_words_and_other_words_are_not_alike(value):
    assert find_clusters({value: 3}, OPTIONS) == ()


def test_a_value_as_near_to_two_options_is_like_neither():
    assert find_clusters({"Sales West": 1}, ["Sales Wests", "Sales Westy"]) == ()


def test_values_like_one_another_are_a_cluster_without_an_option_led_by_the_most_frequent():
    (cluster,) = find_clusters({"dweling": 2, "Dweling": 5, "Other": 9}, OPTIONS)
    assert cluster.option == ""
    assert [(one.value, one.count) for one in cluster.members] == [("Dweling", 5), ("dweling", 2)]
    assert cluster.count == 7


@given(st.dictionaries(WORDS, st.integers(1, 9), max_size=12), st.lists(WORDS, max_size=6, unique=True))
def test_each_value_is_in_one_cluster_at_most_and_each_option_is_one_that_was_given(values, options):
    clusters = find_clusters(values, options)
    members = [member for cluster in clusters for member in cluster.members]
    assert len({one.value for one in members}) == len(members)
    assert all(values[one.value] == one.count and one.why for one in members)
    assert {cluster.option for cluster in clusters} <= {*options, ""}
    assert all(cluster.option or len(cluster.members) > 1 for cluster in clusters)


@given(WORDS, WORDS)
def test_a_fingerprint_knows_no_case_and_no_order_of_words(one, other):
    assert fingerprint(f"{one} {other}") == fingerprint(f"{other} {one}".upper())
