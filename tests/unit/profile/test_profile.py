"""A profile says what a source holds, the same for every reader, in bounded memory."""

import io
import tracemalloc
from collections import Counter
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.profile import Count, Kind, ListShape, profile_source
from opusmap.profile.column_profile import ColumnProfiler, HashBudget
from opusmap.sources import from_iterable, open_source

CELLS = st.one_of(st.none(), st.sampled_from(["", " ", "N/A", "Deed", " Deed", "Lease"]), st.text(max_size=9))


def column(*values, **budget):
    profiler = ColumnProfiler("Column", HashBudget(**budget))
    for value in values:
        profiler.add(value)
    return profiler.profile(len(values))


@given(st.lists(CELLS, max_size=60))
def test_every_row_is_counted_once(cells):
    found = column(*cells)
    texts = [cell for cell in cells if cell]
    values = Counter(text.strip() for text in texts if text.strip())
    said = {one.text: one.count for one in found.no_value}
    assert found.empty == len(cells) - len(texts)
    assert found.blank == sum(not text.strip() for text in texts)
    assert {one.text: one.count for one in found.values} | said == values
    assert found.filled == sum(one.count for one in found.values)
    assert found.repeats is (len(set(texts)) < len(texts))


@given(st.lists(st.integers(0, 3_000), max_size=50).map(lambda extra: [*range(2_500), *extra]))
def test_a_key_is_unique_however_many_values_there_are(numbers):
    found = column(*(f"CT-{number}" for number in numbers))
    assert found.more
    assert found.is_key is (len(set(numbers)) == len(numbers))


def test_what_could_not_be_followed_is_not_claimed():
    found = column(*map(str, range(5_000)), left=2_000)
    assert found.repeats is None
    assert not found.is_key
    assert found.as_json()["unique"] is None


def test_a_column_is_what_nearly_all_of_its_values_are():
    assert column(*["2024-01-31"] * 96, *["circa 1998"] * 4).kind is Kind.DATE
    assert column(*["2024-01-31"] * 90, *["circa 1998"] * 10).kind is Kind.TEXT
    assert column("", None).kind is Kind.TEXT


@pytest.mark.parametrize(
    ("values", "separator"),
    [
        (["Legal", "HR;Legal", "Finance; HR", "Legal;Finance;HR"], ";"),
        (["CWE-59, CWE-436", "CWE-436", "CWE-59", "CWE-79, CWE-59"], ","),
        ([";#Red;#Blue;#", ";#Blue;#"], ";#"),
        (["Ann|Ben", "Cleo|Dan"], "|"),
        (["Smith, Ann", "Jones, Ben", "Chan, Cleo"], None),
        (["Lease, part 1", "Deed, part 1", "Lease, part 2"], None),
        (
            ["First year free; then the price index, as agreed by both parties", "Deed", "Deed"],
            None,
        ),
    ],
)
def test_lists_are_told_from_prose_and_names(values, separator):
    found = column(*values).lists
    assert (found and found.separator) == separator


def test_lists_of_the_source_itself_need_no_separator():
    found = column(["Legal", "HR"], ["HR"], [])
    assert found.lists == ListShape("", 1, (Count("HR", 2), Count("Legal", 1)))
    assert found.empty == 1


def test_blanks_in_a_list_of_the_source_itself_are_no_element():
    found = column(["Legal ", " "], [" Legal", "HR"], [" "], ["\t", " "])
    assert found.lists == ListShape("", 1, (Count("Legal", 2), Count("HR", 1)))
    assert found.blank == 2


def test_values_of_any_kind_are_looked_at_by_their_text():
    found = column(1, Decimal("2.5"), 3.25)
    assert found.kind is Kind.NUMBER
    assert column(True, False).kind is Kind.BOOLEAN


def test_nested_values_have_the_dotted_name_that_a_mapping_reads():
    rows = [{"author": {"email": "ann@example.org", "unit": {"name": "HR"}}, "id": 1}, {"id": 2}]
    profile = profile_source(from_iterable(rows))
    assert [one.name for one in profile.columns] == ["author.email", "author.unit.name", "id"]
    assert profile.find("author.email").null_rate == 0.5
    assert [one.name for one in profile.columns if one.is_key] == ["id"]


def test_a_sample_says_that_it_is_one():
    text = "A,B\n1,x\n2,y\n3,y\n"
    whole = profile_source(open_source(io.StringIO(text), format="csv"), 3)
    part = profile_source(open_source(io.StringIO(text), format="csv"), 2)
    assert (whole.rows, whole.whole) == (3, True)
    assert (part.rows, part.whole) == (2, False)
    assert [one.name for one in part.columns if one.is_key] == ["A", "B"]


def test_rows_that_cannot_be_read_are_counted_apart():
    profile = profile_source(open_source(io.StringIO("A,B\n1,x\n2\n"), format="csv"))
    assert (profile.rows, profile.rejected) == (1, 1)


def test_memory_does_not_grow_with_the_rows():
    def peak(count):
        rows = (
            {"key": f"{n:020}", "text": f"{n} " + "long text " * 60, "few": str(n % 7)} for n in range(count)
        )
        tracemalloc.start()
        profile_source(from_iterable(rows))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(6_000) < 1.2 * peak(3_000) + 6_000 * 300  # hashes, and nothing of the texts
