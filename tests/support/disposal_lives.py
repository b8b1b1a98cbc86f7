"""Lives of records: submitted, changed, due, destroyed by plans, submitted again; with faults and kills.

Owns the plot and the laws. What happens to Opus is known from the emulator, which is a witness of its own:
every request to mark records is held to what had been approved when it was sent.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from jsonschema import Draft202012Validator
from life_journals import LEASE, FileHome
from simulation import Broken

from opusmap import submit
from opusmap.compiler import compile_mapping
from opusmap.connection import parse_connection
from opusmap.delivery import Clock
from opusmap.delivery.questions import ask_all_due
from opusmap.disposal.approvals import Approval
from opusmap.disposal.confirming import confirm_by_source
from opusmap.disposal.destruction_certificate import SCHEMA, write_certificate
from opusmap.disposal.destruction_plan import PlanFile, read_plan_file
from opusmap.disposal.due import DueList, day_after, join_due
from opusmap.disposal.executing import ExecutionOptions, count_states, execute, list_states
from opusmap.disposal.planning import PlanTerms, make_plan
from opusmap.disposal.verifying import verify
from opusmap.emulator import TOKEN_PATH, Client, Emulator, Fault, Readings, RequestInfo, Time
from opusmap.emulator import make_plan as make_faults
from opusmap.errors import DestructionRefused, OpusmapError
from opusmap.journal import DestructionState
from opusmap.mapping import parse_spec
from opusmap.opus.client import OpusClient
from opusmap.run.open import Work, open_rows
from opusmap.run.rehearsal import EmbeddedTransport
from opusmap.settings import Secret, Settings

MakeHome: TypeAlias = "Callable[[Path, Callable[[], float]], FileHome]"
"""Makes the home of a life's journal, in a folder, by the life's clock."""

GUID = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
ORIGIN = "http://127.0.0.1"
ANN, BOB, CY, DI = "Ann <a@x.org>", "Bob <b@x.org>", "Cy <c@x.org>", "Di <d@x.org>"
UNTIL = date(2020, 1, 1)
COLUMNS = ("rowKey", "leafName", "termFullPath", "timeCreated", "timeModified", "createdBy", "modifiedBy")
TYPES = {"termFullPath": "Taxonomy", "timeCreated": "DateTime", "timeModified": "DateTime"}
CONNECTION = parse_connection(
    json.dumps({"id": GUID, "data": [{name: TYPES.get(name, "SingleText") for name in COLUMNS}]})
)
MAPPING = """opusmap: 1
connection: c.json
timezone: UTC
fields:
  rowKey: Key
  leafName: Name
  termFullPath: {const: Records}
  timeCreated: {const: 2010-01-01}
  timeModified: {const: 2010-01-01}
  createdBy: {const: Ann}
  modifiedBy: {const: Ann}
"""
_SCHEMA = Draft202012Validator(json.loads(SCHEMA.read_text("utf-8")))
LATE_EFFECT_WINDOW = 30.0
MEMORY = "/dev/shm" if Path("/dev/shm").is_dir() else None
TROUBLES = ("approval", "twice", "executor", "hold", "change", "copy")
FAULTS = {"level": "harsh", "refuse": 0.1, "late": 0.1, "lost-after": 0.1, "seconds": 25}


@dataclass(slots=True)
class Life:
    """What came of a seed: how often each kind of trouble was met."""

    met: Counter[str] = field(default_factory=Counter)


class Mortal(httpx.AsyncBaseTransport):
    """The way to Opus of a process: no request leaves one that was killed.

    It is killed when the answer to the request with this number, of those that mark, is on its way.
    """

    def __init__(self, emulator: Emulator, last: int | None) -> None:
        self.dead = self.replaced = False
        self._way, self._last, self._marking = EmbeddedTransport(emulator), last, 0

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        if self.replaced and request.method == "DELETE":
            raise Broken("a process asks Opus to mark records although another one has taken over")
        if not self.dead:
            answer = await self._way.handle_async_request(request)
            self._marking += request.method == "DELETE"
            self.dead = self.dead or self._marking == self._last
        if self.dead:
            await asyncio.Event().wait()
        return answer


class _Plot:
    def __init__(self, seed: int, folder: Path, make_home: MakeHome) -> None:
        self.life, self._folder = Life(), folder
        self._now, self._draw = 1.7e9, random.Random(f"life {seed}")
        self._home = make_home(folder, lambda: self._now)
        draw = self._draw
        self._mapper = compile_mapping(parse_spec(MAPPING, str(folder / "m.yaml")), CONNECTION)
        readings = Readings(no_content=draw.random() < 0.5, marked_once=draw.random() < 0.5)
        time = Time(lambda: self._now, lambda: self._now, self._sleep)
        self._emulator = Emulator(CONNECTION, Client("app", "s"), readings=readings, time=time)
        self._settings = Settings(ORIGIN, ORIGIN + TOKEN_PATH, "app", Secret("s"), self._home.place)
        self._source = {f"k{number:02}": "a" for number in range(draw.choice((1, 3, 18, 40)))}
        self._allowed: frozenset[str] = frozenset()  # rowKeys that a request may ask to mark now
        self._wrong = set[str]()  # those that one asked to mark, and may not
        self._may = set[str]()  # rowKeys of all plans that could be run, when they were
        self._intents = 0
        self._ends: dict[tuple[str, str], Any] = {}

    def live(self) -> Life:
        try:
            return self._live()
        finally:
            self._home.close()

    def _live(self) -> Life:
        self._submit()
        for key in self._source:
            if self._draw.random() < 0.8:
                self._emulator.set_due(key, UNTIL)
        everything = dict(self._source)
        for number in range(self._draw.choice((1, 2, 3))):
            file = self._plan(number)
            if file is None:
                break
            self._execute_with_troubles(file)
            self._source = {**everything, **self._source}  # somebody restores a copy
            self._prune()
            self._submit()
        return self.life

    # -- the plot

    def _plan(self, number: int) -> PlanFile | None:
        """Make a plan that two people approve and the source confirms; None if nothing is left for one."""
        draw, holds = self._draw, self._folder / "holds.txt"
        self._hold([key for key in self._source if draw.random() < 0.1])
        due = join_due(asyncio.run(self._ask()), self._home.read(), self._work(), ORIGIN, UNTIL)
        path = self._folder / f"plan-{number}.json"
        terms = PlanTerms(ORIGIN, GUID, str(self._folder / "m.yaml"))
        try:
            file = make_plan(DueList(UNTIL, due.entries), path, terms, holds=[str(holds)], now=self._now)
        except DestructionRefused:
            return None
        self._source = {key: name for key, name in self._source.items() if key not in file.plan.keys}
        confirmation, _ = confirm_by_source(file, self._work(), self._now)
        return file.confirm(confirmation)

    def _execute_with_troubles(self, file: PlanFile) -> None:
        draw, held = self._draw, self._held
        records = self._emulator.records
        names = {key: records[key]["leafName"] for key in file.plan.keys}
        right = replace(file, approvals=(self._approve(file, ANN), self._approve(file, BOB)))
        for _ in range(draw.choice((1, 2, 4))):
            self._hold(held)
            trouble = draw.choice(TROUBLES) if draw.random() < 0.55 else ""
            self.life.met[trouble] += 1
            approved, by = self._meet(trouble, right, names)
            may = trouble in ("", "change", "copy") and not self._changed(file, names)
            self._faults = self._emulator.follow(make_faults({**FAULTS, "seed": draw.randrange(10**6)}))
            self._run(approved, by, may=may, names=names)
            self._now += draw.choice((0.0, 1.0, 100.0))
        self._hold(held)
        self._certify(right)
        self._end_calmly(right, names)

    def _meet(self, trouble: str, file: PlanFile, names: dict[str, Any]) -> tuple[PlanFile, str]:
        """Let something happen between plan and run; return the plan as it is then, and who runs it."""
        draw, (first, second) = self._draw, file.approvals
        key = draw.choice(sorted(file.plan.keys))
        match trouble:
            case "approval":
                return replace(file, approvals=(first, replace(second, sha256="0" * 64))), CY
            case "twice":
                return replace(file, approvals=(first, first)), CY
            case "executor":
                return file, BOB
            case "hold":
                self._hold([*self._held, key])
            case "change" | "copy":
                if draw.random() < 0.3:
                    self._prune()
                self._source[key] = "b" if trouble == "change" else str(names[key])
                self._submit()
                del self._source[key]
        return file, CY

    def _end_calmly(self, file: PlanFile, names: dict[str, Any]) -> None:
        """Execute a plan in calm weather: all of it is destroyed, or it may no longer be and nothing is."""
        self._faults, self._now = None, self._now + 100.0
        may = not self._changed(file, names)
        ended = self._run(file, CY, may=may)
        if ended != may:
            raise Broken(f"in calm weather the plan ended: {ended}, it could be executed: {may}")
        known = count_states(list_states(file.plan, self._home.read(), file.sha256))
        wanted = len(file.plan.keys if may else file.plan.keys & self._emulator.destroyed)
        if known["uncertain"] or known["destroyed"] != wanted:
            raise Broken(f"in calm weather the plan came to {known}")
        self._certify(file)

    def _certify(self, file: PlanFile) -> None:
        """Certify what a plan came to so far, and have that verified."""
        file = self._with_executions(file)
        states = list_states(file.plan, self._home.read(), file.sha256)
        page, data, _ = write_certificate(file, states, str(self._folder / file.sha256), self._now)
        whole = json.loads(Path(data).read_bytes())
        if errors := [error.message for error in _SCHEMA.iter_errors(whole)]:
            raise Broken(f"the certificate is not as its schema says: {errors[0]}")
        if flaws := verify(Path(page)).flaws:
            raise Broken(f"the certificate is not verified: {flaws}")
        destroyed = {one["key"] for one in whole["certificate"]["records"] if one["state"] == "destroyed"}
        if wrong := destroyed - self._emulator.destroyed:
            raise Broken(f"it is certified that {sorted(wrong)[:5]} are destroyed, and they are not")

    def _with_executions(self, file: PlanFile) -> PlanFile:
        """Return a plan with the executions that its file has."""
        if not file.path.exists():
            return file
        return replace(file, executions=read_plan_file(file.path).executions)

    def _changed(self, file: PlanFile, names: dict[str, Any]) -> bool:
        """Tell whether a record of a plan is not what was approved, or no longer in the journal."""
        left = file.plan.keys - self._emulator.destroyed
        known = self._home.read().find_records(ORIGIN, GUID, left)
        held = self._emulator.records
        return not left <= known.keys() or any(held[key]["leafName"] != names[key] for key in left)

    def _run(self, file: PlanFile, by: str, *, may: bool, names: dict[str, Any] | None = None) -> bool:
        """Execute a plan once, in calm weather without `names`; tell whether it came to its end."""
        self._wrong, self._allowed = set(), file.plan.keys if may else frozenset()
        self._may |= self._allowed
        self._with_executions(file).write()
        self._emulator.faults = self._watch
        try:
            asyncio.run(self._run_process(file, by, names))
            ended = True
        except asyncio.CancelledError:
            self.life.met["killed"] += 1
            ended = False
        except DestructionRefused:
            self.life.met["refused"] += 1
            ended = False
        except OpusmapError as error:
            self.life.met[type(error).__name__] += 1
            ended = False
        self._emulator.faults = None
        if self._wrong:
            raise Broken(f"Opus was asked to mark {sorted(self._wrong)[:5]}, which was not approved")
        self._check()
        return ended

    async def _run_process(self, file: PlanFile, by: str, names: dict[str, Any] | None) -> None:
        """Execute a plan in a process, which may be killed: nothing of it reaches anything then."""
        draw = self._draw
        death = "" if names is None else draw.choice(self._home.deaths)
        way = Mortal(self._emulator, draw.randint(1, 3) if death == "answer" else None)

        def kill() -> None:
            way.dead = journal.dead = True

        with self._home.open(death, kill) as journal:
            options = ExecutionOptions(
                by, concurrency=draw.randint(1, 4), late_effect_window=LATE_EFFECT_WINDOW
            )
            if death == "hang" and names is not None:
                # Of several requests, others may be between their last look at the lease and the way out.
                options = replace(options, concurrency=1)
                journal.on_intent = partial(self._hang, draw.randrange(3), way, file, names)
            async with OpusClient(self._settings, transport=way, clock=lambda: self._now) as client:
                task = asyncio.ensure_future(execute(file, journal, client, options, clock=self._clock()))
                for _ in range(draw.randrange(400) if death in ("turns", "cut") else 10**6):
                    if task.done() or way.dead:
                        break
                    await asyncio.sleep(0)
                if death == "cut":
                    self.life.met["cut"] += not task.done()
                    self._home.disturb()
                elif not task.done():
                    kill()
                    task.cancel()
                await task

    def _hang(self, after: int, way: Mortal, file: PlanFile, names: dict[str, Any]) -> None:
        """Hang, when so many intents are durable, until another process has taken over and is through."""
        self._intents += 1
        if self._intents != after + 1 or way.replaced:
            return
        way.replaced = True
        self.life.met["hung"] += 1
        self._now += LEASE + 1.0
        other = threading.Thread(target=self._take_over, args=(file, names))
        other.start()
        other.join()

    def _take_over(self, file: PlanFile, names: dict[str, Any]) -> None:
        """Execute a plan in another process, before which a record may have changed."""
        self._meet(self._draw.choice(("", "change")), file, names)
        if self._changed(file, names):
            self._allowed = frozenset()

        async def run() -> None:
            options = ExecutionOptions(DI, late_effect_window=LATE_EFFECT_WINDOW)
            way = EmbeddedTransport(self._emulator)
            with self._home.open() as journal:
                async with OpusClient(self._settings, transport=way, clock=lambda: self._now) as client:
                    await execute(file, journal, client, options, clock=self._clock())

        try:
            asyncio.run(run())
        except OpusmapError as error:
            self.life.met[f"other {type(error).__name__}"] += 1

    def _clock(self) -> Clock:
        return Clock(lambda: self._now, lambda: self._now, self._draw.random, self._sleep)

    def _watch(self, request: RequestInfo) -> Fault | None:
        if request.method == "DELETE":
            self._wrong.update(set(request.keys) - self._allowed)
        return None if self._faults is None else self._faults(request)

    def _submit(self) -> None:
        rows = [{"Key": key, "Name": name} for key, name in self._source.items()]
        submit(self._mapper, rows, self._settings, transport=EmbeddedTransport(self._emulator))
        self._check()

    def _prune(self) -> None:
        with self._home.open() as journal:
            journal.prune(9e10)

    def _approve(self, file: PlanFile, by: str) -> Approval:
        return Approval(file.sha256, by, len(file.plan.records), "2024-01-01T00:00:00+00:00")

    def _hold(self, keys: list[str]) -> None:
        self._held = keys
        (self._folder / "holds.txt").write_text("\n".join([*keys, "another"]), "utf-8")

    async def _ask(self) -> Any:
        way = EmbeddedTransport(self._emulator)
        async with OpusClient(self._settings, transport=way, clock=lambda: self._now) as client:
            return await ask_all_due(client, GUID, day_after(UNTIL))

    async def _sleep(self, seconds: float) -> None:
        self._now += seconds
        await asyncio.sleep(0)

    def _work(self) -> Work:
        """Open the source; if nothing is left in it, a later row, for an empty one confirms nothing."""
        source = self._source or {"later": "a"}
        return open_rows(self._mapper, [{"Key": key, "Name": name} for key, name in source.items()])

    # -- the laws

    def _check(self) -> None:
        rows = list(self._home.read().destructions(ORIGIN, GUID))
        destroyed = self._emulator.destroyed
        if more := destroyed - self._may:
            raise Broken(f"{sorted(more)[:5]} are destroyed, and in no plan that was approved")
        if back := self._emulator.disposal.returned:
            raise Broken(f"{sorted(back)[:5]} came back")
        if free := destroyed - {row.key for row in rows if row.is_tombstone}:
            raise Broken(f"{sorted(free)[:5]} could come back: the journal has no tombstone")
        done = {(row.key, row.plan): row for row in rows if row.state is DestructionState.DESTROYED}
        if wrong := {key for key, _ in done} - destroyed:
            raise Broken(f"{sorted(wrong)[:5]} count as destroyed, and are not")
        if len({key for key, _ in done}) < len(done):
            raise Broken("a record is destroyed by two plans")
        if any(done.get(place) != row for place, row in self._ends.items()):
            raise Broken("a record that was destroyed has another result now")
        self._ends = done


def live(seed: int, make_home: MakeHome | None = None) -> Life:
    """Live one life; `make_home` makes the home of its journal, in a folder, and by the life's clock.

    Raises:
        Broken: a law does not hold.
    """
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        try:
            return _Plot(seed, Path(folder), make_home or (lambda place, _: FileHome(place))).live()
        except Broken as broken:
            raise Broken(f"life {seed}: {broken}") from None
