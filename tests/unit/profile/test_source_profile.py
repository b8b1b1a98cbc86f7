"""The profile of a source: nested values, samples, unreadable rows, bounded memory."""

import io
import tracemalloc

from opusmap.profile import profile_source
from opusmap.sources import from_rows, open_source


def test_nested_values_have_the_dotted_name_that_a_mapping_reads():
    rows = [{"author": {"email": "ann@example.org", "unit": {"name": "HR"}}, "id": 1}, {"id": 2}]
    profile = profile_source(from_rows(rows))
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
    profile = profile_source(open_source(io.StringIO("A,B,C\n1,x,y\n2,z\n"), format="csv"))
    assert (profile.rows, profile.rejected) == (1, 1)


def test_memory_does_not_grow_with_the_rows():
    def peak(count):
        rows = (
            {"key": f"{n:020}", "text": f"{n} " + "long text " * 60, "few": str(n % 7)} for n in range(count)
        )
        tracemalloc.start()
        profile_source(from_rows(rows))
        found = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return found

    assert peak(6_000) < 1.2 * peak(3_000) + 6_000 * 300  # hashes, and nothing of the texts
