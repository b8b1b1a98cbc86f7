"""Keys that a run has met: as a set would tell, however few of them fit into memory."""

import gc
import sqlite3
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import StoppedEarly
from opusmap.run import key_set
from opusmap.run.key_set import KeySet

SMALL = st.integers(0, 30)
ANY = st.integers(-(2**63), 2**63 - 1)


@given(st.lists(st.sets(SMALL | ANY, min_size=1, max_size=8)), st.integers(1, 20))
def test_it_tells_what_a_set_would_tell(groups, in_memory):
    known = set()
    with pytest.MonkeyPatch.context() as patch, KeySet() as seen:
        patch.setattr(key_set, "IN_MEMORY", in_memory)
        for hashes in groups:
            new = known.isdisjoint(hashes)
            assert seen.add_new(hashes) is new
            known |= hashes if new else set()


def test_more_are_asked_for_than_one_statement_takes(monkeypatch):
    monkeypatch.setattr(key_set, "IN_MEMORY", 1)
    with KeySet() as seen:
        assert seen.add_new(set(range(10_000, 12_000)))
        assert not any(seen.add_new({*range(2_000), met}) for met in range(10_000, 12_000, 97))
        assert seen.add_new(set(range(2_000)))


def test_memory_does_not_grow_with_the_keys(monkeypatch):
    held = []
    monkeypatch.setattr(key_set, "IN_MEMORY", 10_000)
    tracemalloc.start()
    with KeySet() as seen:
        for start in range(0, 60_000, 1_000):
            assert seen.add_new({(start + place) << 20 for place in range(1_000)})
            if start % 10_000 == 5_000:
                gc.collect()
                held.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert held[-1] < 1.2 * held[1]


def test_a_temporary_file_that_can_t_be_written_stops_the_run_in_words(monkeypatch):
    def refuse(*_args, **_options):
        raise sqlite3.OperationalError("unable to open database file")

    monkeypatch.setattr(sqlite3, "connect", refuse)
    monkeypatch.setattr(key_set, "IN_MEMORY", 2)
    with KeySet() as seen, pytest.raises(StoppedEarly, match=r"unable to open.*\n.*TMPDIR"):
        seen.add_new({1, 2})
