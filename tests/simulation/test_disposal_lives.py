"""Lives of records with faults: never destroyed without a plan, never done while uncertain, never back."""

from __future__ import annotations

import asyncio
import json
import random
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from journal_steps import begin, finish

from opusmap.connection import parse_connection
from opusmap.delivery import Clock
from opusmap.disposal.approvals import Approval
from opusmap.disposal.destruction_plan import Confirmation, PlanFile, make_plan
from opusmap.disposal.due import DueEntry, DueList, DueState
from opusmap.disposal.executing import ExecutionOptions, execute
from opusmap.emulator import TOKEN_PATH, Client, Emulator, Readings, Time
from opusmap.emulator import make_plan as make_faults
from opusmap.errors import OpusmapError
from opusmap.journal import Item, Result, SqliteJournal, State, Timestamp
from opusmap.opus.client import OpusClient
from opusmap.run.rehearsal import EmbeddedTransport
from opusmap.settings import Secret, Settings

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
ORIGIN = "http://127.0.0.1"
NAMES = ("name", "term", "created", "modified", "created_by", "modified_by")


class World:
    def __init__(self, seed: int) -> None:
        self.now, self.draw = 1.7e9, random.Random(seed)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds
        await asyncio.sleep(0)


async def run_once(
    file: PlanFile, settings: Settings, emulator: Emulator, world: World, kill: int | None
) -> None:
    """Execute a plan once; after `kill` turns of the event loop the process is gone."""
    clock = Clock(lambda: world.now, lambda: world.now, world.draw.random, world.sleep)
    transport = EmbeddedTransport(emulator)
    with SqliteJournal(settings.journal) as journal:
        async with OpusClient(settings, transport=transport, clock=lambda: world.now) as client:
            options = ExecutionOptions("Cy <c@x.org>", concurrency=world.draw.randint(1, 4))
            task = asyncio.ensure_future(execute(file, journal, client, options, clock=clock))
            for _ in range(10**6 if kill is None else kill):
                if task.done():
                    break
                await asyncio.sleep(0)
            task.cancel()
            await task


def check(settings: Settings, emulator: Emulator) -> None:
    with SqliteJournal(settings.journal) as journal:
        rows = {row.key: row for row in journal.destructions(ORIGIN, GUID)}
    assert emulator.destroyed <= {key for key, row in rows.items() if row.is_tombstone}, "it could come back"
    done = {key for key, row in rows.items() if row.state == "destroyed"}
    assert done <= emulator.destroyed, "an uncertain record counts as done"


def live(seed: int, folder: Path) -> None:
    world = World(seed)
    draw = world.draw
    readings = Readings(draw.random() < 0.5, marked_once=draw.random() < 0.5)
    time = Time(lambda: world.now, lambda: world.now, world.sleep)
    connection = parse_connection(json.dumps({"id": GUID, "data": {"rowKey": "SingleText"}}))
    emulator = Emulator(connection, Client("app", "s"), readings=readings, time=time)
    keys = [f"k{number:02}" for number in range(draw.choice((1, 4, 20, 40)))]
    planned = [key for key in keys if draw.random() < 0.8] or keys
    for key in keys:
        emulator._store.keep(key, {"rowKey": key}, overwrite=True)  # noqa: SLF001 - as submitted
        emulator.set_due(key, date(2020, 1, 1))
    settings = Settings(ORIGIN, ORIGIN + TOKEN_PATH, "app", Secret("s"), folder / "j.db")
    with SqliteJournal(folder / "j.db") as journal:
        run = journal.start_run(origin=ORIGIN, connection=GUID, mapping="m.yaml")
        begin(journal, run, [Item(1, key, b"c" * 16) for key in keys], Timestamp(0.0, 0.0))
        finish(journal, run, [Result(key, State.ACCEPTED) for key in keys])
    blank = dict.fromkeys(NAMES, "")
    entries = [DueEntry(key, **blank, state=DueState.KNOWN, content=(b"c" * 16).hex()) for key in planned]
    due = DueList(date(2020, 1, 1), tuple(entries))
    made = {"origin": ORIGIN, "connection": GUID, "mapping": "m.yaml", "now": world.now, "approvals": 1}
    file = make_plan(due, folder / "plan.json", **made)
    approval = Approval(file.sha256, "Ann <a@x.org>", len(planned), "2024-01-01T00:00:00+00:00")
    gone = Confirmation(file.sha256, "source", "", "s", "", 0, tuple(planned))
    file = replace(file, approvals=(approval,), confirmations=(gone,))
    for attempt in range(6):
        calm = attempt == 5
        faults = {"level": "harsh", "refuse": 0.15, "seed": seed + attempt}
        emulator.faults = None if calm else emulator.follow(make_faults(faults))
        kill = None if calm or draw.random() < 0.5 else draw.randrange(400)

        try:
            asyncio.run(run_once(file, settings, emulator, world, kill))
        except (asyncio.CancelledError, OpusmapError):
            assert not calm
        world.now += draw.choice((0.0, 100.0))
        assert emulator.destroyed <= set(planned), "destroyed without an approved plan"
        check(settings, emulator)
        if calm:
            assert emulator.destroyed == set(planned)


@pytest.mark.parametrize("seed", range(12))
def test_a_life_with_faults_and_kills_ends_as_it_was_approved(seed, tmp_path):
    live(seed, tmp_path)
