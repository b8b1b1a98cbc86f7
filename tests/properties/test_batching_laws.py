"""Batches are the records that changed, in order and within the limits, however the source comes to its end.

The laws are held by what makes a run's batches, and by the requests that a run sends.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from itertools import pairwise
from random import Random
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st
from sending import encode_all, send_records

from opusmap.delivery import ResumePolicy, SubmitTotals
from opusmap.delivery.batcher import Batch, Batcher
from opusmap.errors import OpusmapError, SourceError
from opusmap.journal import Journal, JournalRecord, State, hash_content, open_journal
from opusmap.opus import Answer, EncodedRecord, encode_records
from opusmap.records import Record

LIMIT = 15
"""Records that a request may hold."""


class Source(NamedTuple):
    """Records; the version that the journal calls taken, by rowKey; and the rowKeys under way."""

    records: list[Record]
    known: dict[str, str]
    under_way: set[str]


def make_record(row: int, key: str, version: str) -> Record:
    return Record(row, key, {"rowKey": key, "leafName": version})


def as_item(record: Record) -> EncodedRecord:
    (item,) = encode_records([record])
    return item


@st.composite
def draw_source(draw: st.DrawFn) -> Source:
    """Draw a source of up to 80 records, whose rowKeys repeat seldom, often, or never."""
    size = draw(st.integers(0, 80))
    numbers = st.integers(1, draw(st.sampled_from([5, 60, 10_000])))
    keys = [str(number) for number in draw(st.lists(numbers, min_size=size, max_size=size))]
    pick = Random(draw(st.integers(0, 1 << 32)))
    share = draw(st.sampled_from([0.0, 0.3, 0.9]))
    return Source(
        [make_record(place + 2, key, pick.choice(("old", "new"))) for place, key in enumerate(keys)],
        {key: pick.choice(("old", "new")) for key in dict.fromkeys(keys) if pick.random() < share},
        {key for key in dict.fromkeys(keys) if pick.random() < 0.1},
    )


class Made(NamedTuple):
    """What was made of a source: its batches with their loads' notes, and what else became of its records."""

    batches: list[Batch]
    stale: list[bool]
    unchanged: int
    waiting: int
    error: OpusmapError | None

    @property
    def records(self) -> list[EncodedRecord]:
        return [item for batch in self.batches for item in batch.records]


def make_all(source: Source, *, resend: bool = False, stop_after: int | None = None) -> Made:
    """Make batches, none of which is ever done, until the records end, or the run after so many."""
    taken = {
        key: JournalRecord(
            1, 2, key, hash_content(as_item(make_record(2, key, version)).json, "skip"), State.ACCEPTED
        )
        for key, version in source.known.items()
    }
    batches, stale, unchanged = list[Batch](), list[bool](), 0

    async def look_up(keys: Sequence[str]) -> dict[str, JournalRecord]:
        return {key: taken[key] for key in keys if key in taken}

    batcher = Batcher(
        encode_all(source.records),
        conflict="skip",
        resume=ResumePolicy(resend=resend),
        look_up=look_up,
        is_taken=lambda key: key in source.under_way or any(key in batch.keys for batch in batches),
    )

    async def make() -> OpusmapError | None:
        nonlocal unchanged
        try:
            while not batcher.ended and len(batches) != stop_after:
                if (batch := await batcher.next()) is not None:
                    batches.append(batch)
                    stale.append(batch.state.stale)
        except OpusmapError as error:
            return error
        finally:
            unchanged = len(batcher.take_unchanged())
        return None

    error = asyncio.run(make())
    return Made(batches, stale, unchanged, len(batcher.waiting()), error)


@given(draw_source())
def test_batches_hold_each_row_key_once_and_are_as_full_as_that_allows(source: Source) -> None:
    made = make_all(source)
    assert [batch.number for batch in made.batches] == list(range(1, len(made.batches) + 1))
    for batch in made.batches:
        assert 1 <= len(batch.records) <= LIMIT
        assert len(set(batch.keys)) == len(batch.keys)
    for batch, following in pairwise(made.batches):
        assert len(batch.records) == LIMIT or following.keys[0] in batch.keys


@given(draw_source())
def test_batches_are_in_order_the_records_that_opus_does_not_hold_or_may_not_hold_soon(
    source: Source,
) -> None:
    made, on_its_way, due = make_all(source), set(source.under_way), list[Record]()
    for record in source.records:
        if source.known.get(record.key) != record.values["leafName"] or record.key in on_its_way:
            due.append(record)
            on_its_way.add(record.key)
    assert made.records == list(map(as_item, due))
    assert (made.unchanged, made.waiting) == (len(source.records) - len(due), 0)


@given(draw_source())
def test_a_resend_leaves_nothing_out(source: Source) -> None:
    assert make_all(source, resend=True).records == list(map(as_item, source.records))


@given(draw_source())
def test_the_journal_is_asked_again_for_a_row_key_that_is_on_its_way(source: Source) -> None:
    made, on_its_way = make_all(source), set(source.under_way)
    for batch, stale in zip(made.batches, made.stale, strict=True):
        assert stale is not on_its_way.isdisjoint(batch.keys)
        on_its_way |= set(batch.keys)


@given(draw_source(), st.integers(0, 100), st.none() | st.integers(0, 6))
def test_however_it_ends_each_record_that_was_pulled_is_in_one_place(
    source: Source, breaks_at: int, stop_after: int | None
) -> None:
    pulled = 0

    def pull() -> Iterator[Record]:
        nonlocal pulled
        for record in source.records:
            if pulled == breaks_at:
                raise SourceError("rows.csv", "source-broken", "it breaks off")
            pulled += 1
            yield record

    made = make_all(source._replace(records=pull()), stop_after=stop_after)
    assert pulled == len(made.records) + made.unchanged + made.waiting
    if made.error is not None:
        assert pulled == breaks_at
    elif stop_after is None or len(made.batches) < stop_after:
        assert (pulled, made.waiting) == (len(source.records), 0)


@given(draw_source(), st.integers(1, 6))
def test_no_more_is_pulled_than_fills_the_next_batch(source: Source, stop_after: int) -> None:
    made = make_all(source, stop_after=stop_after)
    assert made.waiting < 2 * LIMIT
    nothing_known = make_all(source._replace(known={}, under_way=set()), stop_after=1)
    assert len(nothing_known.records) + nothing_known.waiting == min(LIMIT, len(source.records))


class Accepting:
    """A client whose service takes all that it is sent."""

    url = "https://opus.example.com"

    def __init__(self) -> None:
        self.bodies: list[list[dict[str, Any]]] = []

    async def send(self, body: bytes, _before_resend: object = None) -> Answer:
        self.bodies.append(json.loads(body)["data"])
        await asyncio.sleep(0)
        return Answer(201, b'{"statusCode": 201}', "/connector/records")


@given(draw_source(), st.integers(1, 5))
def test_a_run_s_requests_are_batches_and_each_row_key_s_versions_arrive_in_order(
    source: Source, concurrency: int
) -> None:
    before = [make_record(2, key, version) for key, version in source.known.items()]
    with open_journal(":memory:") as journal:
        _, totals = send(before, journal, concurrency)
        assert totals.submitted == len(before)
        bodies, totals = send(source.records, journal, concurrency)
    held = dict(source.known)
    for body in bodies:
        keys = [values["rowKey"] for values in body]
        assert 1 <= len(keys) <= LIMIT
        assert len(set(keys)) == len(keys)
        held |= {values["rowKey"]: values["leafName"] for values in body}
    assert held == source.known | {record.key: record.values["leafName"] for record in source.records}
    assert totals.submitted == sum(map(len, bodies))
    assert totals.submitted + totals.unchanged == len(source.records)


def send(
    records: list[Record], journal: Journal, concurrency: int
) -> tuple[list[list[dict[str, Any]]], SubmitTotals]:
    """Send records in a run of their own; return what its requests held, and the totals."""
    client = Accepting()
    run = journal.start_run(origin=client.url, connection="c-1", mapping="m.yaml")
    sending = send_records(records, client, journal, run, conflict="overwrite", concurrency=concurrency)
    return client.bodies, asyncio.run(sending)


@given(st.integers(2, 15).flatmap(lambda size: st.tuples(st.just(size), st.integers(2, size))))
def test_parts_concatenate_to_their_batch_and_are_of_nearly_one_size(case: tuple[int, int]) -> None:
    size, parts = case
    batch = Batch(7, tuple(EncodedRecord(row, str(row), b"{}") for row in range(size)))
    split = batch.split(parts)
    assert tuple(item for part in split for item in part.records) == batch.records
    sizes = [len(part.records) for part in split]
    assert len(split) == parts
    assert max(sizes) - min(sizes) <= 1
    assert min(sizes) >= 1
    assert {part.number for part in split} == {7}
