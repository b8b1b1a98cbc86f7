"""A staged run that one process sends comes to the same counts in each store, however far it comes.

`test_share_machine.py` has several processes at once, which a file lets no journal have.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from postgres import Server, empty_database
from shares import Machines, join

from opusmap.journal import Journal, Progress, open_journal
from opusmap.journal.models import PART_COUNTS

FATES = ("submitted", "unchanged", "failed", "uncertain")
PART_RECORDS = 10
NOTHING = dict.fromkeys(PART_COUNTS, 0)


class Story(NamedTuple):
    """What becomes of the records of each part that is done, and of the one that is given back, if one is."""

    parts: int
    done: list[Mapping[str, int]]
    given_back: Mapping[str, int] | None
    requests: int


@st.composite
def draw_counts(draw: st.DrawFn, records: int) -> Mapping[str, int]:
    fates = draw(st.lists(st.sampled_from(FATES), min_size=records, max_size=records))
    return {**NOTHING, **Counter(fates)}


@st.composite
def draw_story(draw: st.DrawFn) -> Story:
    parts = draw(st.integers(1, 5))
    done = draw(st.lists(draw_counts(PART_RECORDS), max_size=parts))
    some = st.integers(0, PART_RECORDS - 1).flatmap(draw_counts)
    given_back = draw(st.none() | some) if len(done) < parts else None
    return Story(parts, done, given_back, draw(st.integers(0, 50)))


async def tell(journal: Journal, story: Story) -> tuple[list[Progress], Progress]:
    """Live through a story; return how far the run was after each part, and at its end."""
    share = await join(journal, story.parts, records=story.parts * PART_RECORDS)
    looks = []
    for number, counts in enumerate(story.done):
        assert await share.take() == number
        await share.finish(number, counts)
        share.note_requests(story.requests, 0)
        looks.append(await share.look())
    left: dict[int, Mapping[str, int]] = {}
    if story.given_back is not None:
        number = await share.take()
        assert number == len(story.done)
        left = {number: story.given_back}
    elif len(story.done) == story.parts:
        assert await share.take() is None
    share.note_requests(story.requests, 0)
    return looks, await share.leave("stopped", left)


def check(journal: Journal, story: Story) -> None:
    looks, end = asyncio.run(tell(journal, story))
    for number, progress in enumerate(looks, 1):
        assert (progress.done, progress.taken, progress.free) == (number, 0, story.parts - number)
        assert progress.processes == 1
        assert (progress.run.finished is not None) is (number == story.parts)
    sent = Counter(NOTHING)
    for counts in (*story.done, story.given_back or {}):
        sent.update(counts)
    whole = story.parts * PART_RECORDS
    [run] = journal.runs()
    assert run == end.run
    assert run.ending == ("done" if len(story.done) == story.parts else "stopped")
    assert {name: run.counts[name] for name in PART_COUNTS} == dict(sent)
    assert run.counts["not_sent"] == whole - sum(sent[name] for name in FATES)
    assert (run.counts["read"], run.counts["requests"]) == (whole, story.requests)
    assert (end.done, end.taken, end.processes) == (len(story.done), 0, 0)
    assert end.free == story.parts - len(story.done)


@given(draw_story())
def test_it_does_in_a_file(story: Story) -> None:
    with open_journal(":memory:") as journal:
        check(journal, story)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(draw_story())
def test_it_does_in_a_database(address: str, story: Story) -> None:
    empty_database(address)
    machines = Machines(address)
    try:
        check(machines.open(), story)
    finally:
        machines.close()


@pytest.fixture(scope="module")
def address(postgres: Server) -> str:
    return postgres.make_database()
