"""Several engines over one journal in a real PostgreSQL, in virtual time: one hangs, Opus asks one to wait.

A process hangs here at its journal, the only place where it can hang while the others go on in the same loop:
what it waits for comes later than its lease lasts. The laws look at each request as it leaves.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing, closing
from dataclasses import dataclass, field

import pytest
from postgres import Server, empty_database, execute
from sending import encode_all
from shares import LEASE, SHARE_BUGS, Machines, join
from simulation.loop import Timeline, VirtualLoop

from opusmap.delivery import Clock, DeliveryOptions, RecordResult, deliver
from opusmap.errors import JournalError
from opusmap.journal import Journal, Share, State
from opusmap.journal.postgres_journal import PostgresJournal
from opusmap.opus import Answer
from opusmap.opus.exchange import BeforeResend, Exchange
from opusmap.records import Record
from opusmap.settings import PostgresAddress

PARTS, SIZE = 4, 40
ASKED = 6.0
"""Seconds that Opus asks a process to wait."""


class Broken(AssertionError):
    """A law does not hold."""


@dataclass
class World:
    """Time, Opus and the processes of a seed."""

    address: str
    draw: random.Random
    timeline: Timeline = field(default_factory=Timeline)
    held: set[str] = field(default_factory=set)
    arrived: Counter[str] = field(default_factory=Counter)
    not_before: tuple[float, float] = (0.0, 0.0)
    asked: int = 0
    lost: int = 0


@dataclass
class Process:
    """One process: a client of Opus, and how it waits for the journal."""

    world: World
    loop: VirtualLoop
    hangs_at: float = float("inf")
    hangs_until: float = 0.0
    writer: int = 0
    url: str = "https://o"

    def wait_for_server(self, work: Callable[[], None], then: Callable[[BaseException | None], None]) -> None:
        def late(error: BaseException | None) -> None:
            if self.is_hanging():
                self.loop.call_at(self.hangs_until, then, error)
            else:
                then(error)

        self.loop.sync_later(work, late)

    def is_hanging(self) -> bool:
        now = self.world.timeline.now
        if now >= self.hangs_at:
            self.hangs_at, self.hangs_until = float("inf"), now + LEASE + 10
        return now < self.hangs_until

    async def beat(self, journal: PostgresJournal) -> None:
        """Renew the lease now and then, as the thread does that a simulation has not."""
        while True:
            await asyncio.sleep(LEASE / 3)
            if not self.is_hanging():
                journal.leases.renew()

    async def send(self, body: bytes, before_resend: BeforeResend | None = None) -> Exchange:  # noqa: ARG002 - none
        world = self.world
        found = execute(
            world.address, f"SELECT expires IS NOT NULL FROM opusmap.leases WHERE writer = {self.writer}"
        )
        if found != [(True,)]:
            raise Broken("a process without a lease sends")
        first, until = world.not_before
        if first + 0.5 < world.timeline.now < until:
            raise Broken("a process sends while Opus has asked another one to wait")
        await asyncio.sleep(world.draw.uniform(0.05, 0.4))
        if world.asked == 0 and len(world.held) > PARTS * SIZE / 3:
            world.asked += 1
            world.not_before = world.timeline.now, world.timeline.now + ASKED
            return Answer(429, b"", "/x", retry_after=ASKED)
        keys = [record["rowKey"] for record in json.loads(body)["data"]]
        world.held.update(keys)
        world.arrived.update(keys)
        return Answer(201, b'{"statusCode": 201}', "/x")


def records_of(part: int) -> list[Record]:
    return [Record(row, f"{part}-{row}", {"rowKey": f"{part}-{row}"}) for row in range(SIZE)]


async def drain(process: Process, journal: Journal, share: Share) -> None:
    world = process.world
    clock = Clock(lambda: world.timeline.now, lambda: world.timeline.now, world.draw.random)
    while True:
        part = await share.take()
        if part is None:
            if (await share.look()).run.finished is not None:
                return
            await asyncio.sleep(1.0)
            continue
        counts: Counter[str] = Counter()
        options = DeliveryOptions(conflict="overwrite", concurrency=2, shared=True)
        events = deliver(encode_all(records_of(part)), process, journal, share.run, options, clock=clock)
        async with aclosing(events):  # type: ignore[type-var]
            async for event in events:
                if isinstance(event, RecordResult):
                    counts[event.fate] += 1
        await share.finish(part, counts)


def live(seed: int, address: str, journal_type: type[PostgresJournal] = PostgresJournal) -> World:
    """Live through a seed's story.

    Raises:
        Broken: a law does not hold.
    """
    empty_database(address)
    world = World(address, random.Random(f"shared {seed}"))
    loop = VirtualLoop(world.timeline, world.draw)
    journals: list[Journal] = []

    async def live_one(number: int) -> None:
        process = Process(world, loop)
        if number == 0:
            process.hangs_at = world.timeline.now + world.draw.uniform(0.1, 1.5)
        journal = journal_type(
            PostgresAddress(address),
            clock=lambda: world.timeline.now,
            ticks=lambda: world.timeline.now,
            database_clock=lambda: world.timeline.now,
            lease=LEASE,
            sync_executor=process.wait_for_server,
        )
        journals.append(journal)
        process.writer = journal.leases.writer
        try:
            share = await join(journal, PARTS, records=PARTS * SIZE)
            heart = asyncio.ensure_future(process.beat(journal))
            try:
                await drain(process, journal, share)
            finally:
                heart.cancel()
        except JournalError as error:
            if "taken the journal over" not in error.problem:
                raise
            world.lost += 1

    async def main() -> None:
        await asyncio.wait_for(asyncio.gather(*map(live_one, range(3))), 10 * LEASE)

    try:
        loop.run_until_complete(main())
    except TimeoutError:
        raise Broken("the run does not come to its end") from None
    finally:
        loop.cancel_all()
        loop.close()
        for journal in journals:
            journal.close()
    _check(world)
    return world


def _check(world: World) -> None:
    if len(world.held) != PARTS * SIZE:
        raise Broken(f"{PARTS * SIZE - len(world.held)} records are lost")
    resent = sum((world.arrived - Counter(world.arrived.keys())).values())
    if resent > world.lost * 2 * 15:
        raise Broken(f"{resent} records are sent again")
    with closing(Machines(world.address).open()) as reader:
        [run] = reader.runs()
        accepted = sum(1 for _ in reader.records(run, State.ACCEPTED))
    if (run.ending, run.counts.get("submitted"), run.counts.get("not_sent")) != ("done", PARTS * SIZE, 0):
        raise Broken(f"the run ended with {run}")
    if accepted != PARTS * SIZE:
        raise Broken("the journal does not have all records as accepted")


SEEDS = [1, 2, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3, 30))]


@pytest.fixture(scope="module")
def address(postgres: Server) -> str:
    return postgres.make_database()


@pytest.mark.parametrize("seed", SEEDS)
def test_processes_that_share_a_run_lose_nothing_and_send_nothing_late(seed: int, address: str) -> None:
    world = live(seed, address)
    assert world.asked == 1


@pytest.mark.parametrize(
    "bug", ["leases a part twice", "does not share a hold", "sends without a look at its lease"]
)
def test_a_planted_bug_is_caught(bug: str, address: str) -> None:
    for seed in range(1, 20):
        try:
            live(seed, address, SHARE_BUGS[bug])
        except (Broken, ExceptionGroup, JournalError):
            return
    pytest.fail(f"no story catches a journal that {bug}")
