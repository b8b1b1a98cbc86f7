"""Batches concatenate to their input within the limits; parts concatenate to their batch."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from opusmap.records import Record
from opusmap.submission.batching import Batch, make_batches, split_batch

RECORDS = st.lists(st.sampled_from("abcdefghijklmnopqrstuvwxyz"), max_size=80).map(
    lambda keys: [Record(row, key, {"rowKey": key}) for row, key in enumerate(keys, 2)]
)


@given(RECORDS, st.integers(1, 15))
def test_batches_concatenate_to_their_input_within_the_limits(records: list[Record], size: int) -> None:
    batches = list(make_batches(iter(records), size))
    assert [record for batch in batches for record in batch.records] == records
    assert [batch.number for batch in batches] == list(range(1, len(batches) + 1))
    for batch in batches:
        assert 1 <= len(batch.records) <= size
        assert len(set(batch.keys)) == len(batch.keys)


@given(RECORDS, st.integers(1, 15))
def test_a_batch_ends_early_only_for_a_key_that_would_repeat(records: list[Record], size: int) -> None:
    batches = list(make_batches(records, size))
    for batch, following in pairwise(batches):
        assert len(batch.records) == size or following.keys[0] in batch.keys


@given(st.integers(2, 15).flatmap(lambda size: st.tuples(st.just(size), st.integers(2, size))))
def test_parts_concatenate_to_their_batch_and_are_of_nearly_one_size(case: tuple[int, int]) -> None:
    size, parts = case
    batch = Batch(7, tuple(Record(row, str(row), {}) for row in range(size)))
    split = split_batch(batch, parts)
    assert tuple(record for part in split for record in part.records) == batch.records
    sizes = [len(part.records) for part in split]
    assert len(split) == parts
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1
    assert {part.number for part in split} == {7}
