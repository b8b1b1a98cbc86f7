"""One seed's story: bad weather, kills and restarts over a changing source, then a calm run; and the laws.

Owns the plot and what must hold. The world (time, the service, what is under way to it, the journal's
file) lives through a kill; the process (its loop, its memory, what it had not committed) does not.
"""

from __future__ import annotations

import asyncio
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import blake2b
from pathlib import Path

import msgspec
from journal_steps import count_states
from postgres import cut_off, empty_database, let_leases_run_out
from sending import send_records

from opusmap.delivery import Event, KeyLocks, ResumePolicy, RetryPolicy, SubmitTotals
from opusmap.errors import JournalError
from opusmap.journal import Journal, Run, SqliteJournal, State, hash_content
from opusmap.journal.in_flight import InFlight
from opusmap.journal.journal_file import Storage
from opusmap.opus import Sender
from opusmap.opus.client import OpusClient
from opusmap.records import Record
from opusmap.settings import PostgresAddress, Secret, Settings
from simulation.disk import Disk, DiskStorage, UnsyncedStorage
from simulation.loop import Killed, Timeline, VirtualLoop
from simulation.opus import FAILS, MOOD, POISON, Opus, is_refused
from simulation.weather import CALM, Weather, draw_weather
from simulation.wire import BASE_URL, LATE_EFFECT_WINDOW, Wire, WireTransport

_encode = msgspec.json.encode
CONNECTION = "d9da492f-cc67-4920-99f9-6fbaae1f1410"
BATCH = 15
RETRIES_SAVED = 10


class Broken(AssertionError):
    """A law does not hold."""


@dataclass(frozen=True, slots=True)
class Variant:
    """How the engine is run: a client around the story's own, a journal, policies and locks of these kinds.

    `in_flight` plans what the journal writes.

    `pauses`: a retry waits some time by chance; else for the retry budget alone. `power_loss`: a kill takes
    the power, too, and with it what was not synced; `pragma` is then a setting of the journal's database, in
    place of the journal's own. `slow`: in each run many requests take effect late, and sign-ins are long and
    many, so that much time lies between an intent and its request; and a kill comes at a moment of time, for
    those between two steps are seldom amid a long wait.

    `database`: the address of one that is emptied, and has the journal in place of the file; its server's
    clock is the world's own time, which never jumps. In some runs its connections are cut off.
    """

    journal: type[SqliteJournal] = SqliteJournal
    in_flight: type[InFlight] = InFlight
    client: Callable[[Sender], Sender] = lambda client: client
    resume: ResumePolicy = field(default_factory=lambda: ResumePolicy(late_effect_window=LATE_EFFECT_WINDOW))
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    key_locks: type[KeyLocks] = KeyLocks
    pauses: bool = True
    power_loss: bool = False
    pragma: str = ""
    slow: bool = False
    database: str = ""

    @property
    def sound(self) -> Variant:
        """The same world, and the engine as it is."""
        return Variant(pauses=self.pauses, power_loss=self.power_loss, slow=self.slow, database=self.database)


@dataclass(slots=True)
class Story:
    """What came of a seed. `digest` stands for every request with its time, its content and its fate.

    `troubles` counts what went wrong, by its kind; `resent` the confirmed records that were sent again.
    """

    seed: int
    digest: str = ""
    runs: int = 0
    kills: int = 0
    requests: int = 0
    resent: int = 0
    troubles: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class _Ended:
    """One run, as the world saw it; `totals` is None when it was killed."""

    wire: Wire
    totals: SubmitTotals | None = None


def tell_story(seed: int, folder: Path, variant: Variant | None = None) -> Story:
    """Live through the seed's story in an empty folder and hold it to the laws.

    Raises:
        Broken: a law does not hold, or the run never ends; the text names the seed.
    """
    try:
        return _Plot(seed, folder, variant or Variant()).live()
    except Broken as broken:
        raise Broken(f"seed {seed}: {broken}") from None
    except Exception as error:  # whatever the engine raises is a story gone wrong
        raise Broken(f"seed {seed}: {type(error).__name__}: {error}") from error


class _Plot:
    """A story under way."""

    def __init__(self, seed: int, folder: Path, variant: Variant) -> None:
        self._story = Story(seed)
        self._path = folder / "journal.db"
        self._variant = variant
        self._disk = Disk(random.Random(f"disk {seed}")) if variant.power_loss else None
        self._storage: Storage = UnsyncedStorage()
        self._is_cut_off = False  # from the database with the journal
        if variant.database:
            empty_database(variant.database)
        if self._disk is not None:
            self._storage = DiskStorage(self._disk, pragma=variant.pragma)
        self._draw = draw = random.Random(f"plot {seed}")
        self._timeline, self._opus = Timeline(), Opus()
        self._boot, self._jumped = draw.choice((0.0, 0.0, 990.0)), 0.0
        self._log: list[str] = []
        self._conflict = "skip" if draw.random() < 0.15 else "overwrite"
        self._concurrency = draw.randint(1, 6)
        self._confirmed: set[tuple[str, str]] = set()
        self._told: tuple[Run, SubmitTotals] | None = None
        style = draw.choice(("k{}", "{}", "Ä/{}"))
        self._keys = [style.format(number) for number in range(2, 2 + draw.choice((3, 16, 40, 75)))]
        self._change = draw.choice((0.0, 0.1, 0.5, 1.0))
        self._refused = draw.choice((0.0, 0.0, 0.03, 0.2))
        self._repeats = draw.choice((0, 0, 0, 5))
        self._late = draw.random() < 0.25 or variant.slow
        self._contents = {key: self._draw_content() for key in self._keys}

    def live(self) -> Story:
        """Tell the whole story."""
        try:
            self._live()
        finally:
            if self._disk is not None:
                self._disk.close()
        return self._story

    def _live(self) -> None:
        draw = self._draw
        for _ in range(draw.choice((1, 2, 2, 3, 5))):
            kill = int(10 ** draw.uniform(0.5, 3.3)) if draw.random() < 0.7 else None
            stop = draw.uniform(0, 3) if draw.random() < 0.1 else None
            weather = draw_weather(draw, late=self._late, slow=self._variant.slow)
            ended = self._run(self._draw_source(), weather, kill, stop)
            self._check_resent(ended)
            self._pass_between_runs()
            self._contents = {
                key: self._draw_content() if self._late or draw.random() < self._change else content
                for key, content in self._contents.items()
            }
        last = self._draw_source()
        calm = self._run(last, CALM)
        self._check_resent(calm)
        self._check_calm(calm, last)
        self._timeline.now = max(self._timeline.now, self._opus.rest)
        self._opus.pass_time(self._timeline.now)
        self._check_held(last)
        self._check_again(self._run(last, CALM), last)
        self._story.digest = blake2b("\n".join(self._log).encode(), digest_size=16).hexdigest()

    # -- the plot

    def _draw_content(self) -> str:
        version = self._draw.choice("abc")
        if self._draw.random() < self._refused:
            return f"{self._draw.choice((FAILS, POISON))} {version}"
        return f"fine {version}"

    def _draw_source(self) -> list[Record]:
        """Return the source's records as they are now; some rowKeys stand twice, the later one counts."""
        order = list(self._contents.items())
        for _ in range(self._repeats):
            key = self._draw.choice(self._keys)
            place = self._draw.randrange(order.index((key, self._contents[key])) + 1)
            order.insert(place, (key, "fine first"))
        return [
            Record(row, key, {"rowKey": key, MOOD: content}) for row, (key, content) in enumerate(order, 2)
        ]

    def _pass_between_runs(self) -> None:
        draw = self._draw
        self._timeline.now += draw.choice((0.0, draw.uniform(0, 5), draw.uniform(0, 60)))
        self._opus.pass_time(self._timeline.now)
        if draw.random() < (0.3 if self._late else 0.1):
            self._boot = self._timeline.now - draw.uniform(0, 20)
            self._story.troubles["restarted machine"] += 1
        elif draw.random() < 0.15:
            self._jump(draw.choice((-1, 1)) * draw.choice((40.0, 7200.0)))

    def _ticks(self) -> float:
        return self._timeline.now - self._boot

    def _wall(self) -> float:
        return 1.7e9 + self._timeline.now + self._jumped

    # -- one run

    def _run(
        self, source: list[Record], weather: Weather, kill: int | None = None, stop: float | None = None
    ) -> _Ended:
        """Run one process until it ends or is killed."""
        self._story.runs += 1
        self._log.append(f"{self._timeline.now:.6f} run {self._story.runs}")
        loop = VirtualLoop(self._timeline, self._draw, kill, weather.kill_after)
        wire = Wire(self._opus, self._timeline, weather, self._draw, self._log)
        ended = _Ended(wire)
        self._plan_failures(loop, kill)
        journal = self._open_journal(loop)
        image, began = None, self._timeline.now
        try:
            self._check_journal(journal)
            for after, by in weather.jumps:
                loop.call_later(after, self._jump, by)
            sending = self._submit(iter(source), journal, wire, stop, len(source))
            ended.totals = loop.run_until_complete(sending)
            self._check_errors(loop)
            self._check_retries(wire, ended.totals, self._timeline.now - began)
            if ended.totals.stopped is not None:
                self._story.troubles[f"stopped: {type(ended.totals.stopped).__name__}"] += 1
        except JournalError as error:
            self._note_lost(error)
        except Killed:
            self._story.kills += 1
            self._log.append(f"{self._timeline.now:.6f} killed")
            if self._disk is not None:
                image = self._disk.image or self._disk.cut()
        finally:
            self._close(journal)
            if image is not None:
                image.restore()
            wire.cut_off = True
            with suppress(Exception):
                loop.cancel_all()
            loop.close()
        self._check_flying(wire)
        self._story.requests += wire.requests
        self._story.troubles += wire.troubles
        return ended

    def _plan_failures(self, loop: VirtualLoop, kill: int | None) -> None:
        """Let the disk or the database fail in some of the runs that may be killed."""
        if self._disk is not None and kill is not None:
            self._disk.on_failure = loop.kill
            self._disk.fails_at = self._disk.acts + 1 + kill % 97 if self._draw.random() < 0.5 else None
        if self._variant.database and kill is not None and self._draw.random() < 0.7:
            loop.call_later(self._draw.expovariate(4), self._cut_off)

    def _note_lost(self, error: JournalError) -> None:
        """Note that a run lost its journal: it ends as if it were killed, but its process can say why."""
        if not self._is_cut_off:
            raise error
        self._story.kills += 1
        self._story.troubles["lost the database"] += 1
        self._log.append(f"{self._timeline.now:.6f} lost the database: {error.problem}")

    def _close(self, journal: Journal) -> None:
        journal.close()
        if self._is_cut_off:  # so the lease was not given back
            let_leases_run_out(self._variant.database)
        self._is_cut_off = False
        if self._disk is not None:
            self._disk.forget()
            self._disk.fails_at = None

    def _open_journal(self, loop: VirtualLoop) -> Journal:
        variant = self._variant
        if not variant.database:
            return variant.journal(
                self._path,
                clock=self._wall,
                ticks=self._ticks,
                storage=self._storage,
                sync_executor=loop.sync_later,
                in_flight=variant.in_flight(),
            )
        from opusmap.journal.postgres_journal import PostgresJournal

        return PostgresJournal(
            PostgresAddress(variant.database),
            clock=self._wall,
            ticks=self._ticks,
            database_clock=lambda: 1.7e9 + self._timeline.now,
            sync_executor=loop.sync_later,
            in_flight=variant.in_flight(),
        )

    def _cut_off(self) -> None:
        self._is_cut_off = True
        cut_off(self._variant.database)

    def _jump(self, by: float) -> None:
        self._jumped += by
        self._story.troubles["clock set forth" if by > 0 else "clock set back"] += 1

    async def _submit(
        self, records: Iterable[Record], journal: Journal, wire: Wire, stop: float | None, count: int
    ) -> SubmitTotals:
        run = journal.start_run(origin=BASE_URL, connection=CONNECTION, mapping="m.yaml")
        event = asyncio.Event()

        def told(_event: Event, totals: SubmitTotals) -> None:
            self._told = run, replace(totals)

        if stop is not None:
            asyncio.get_running_loop().call_later(stop, event.set)
        where = Settings(BASE_URL, f"{BASE_URL}/connect/token", "app-1", Secret("s"), self._path)
        transport = WireTransport(wire)
        async with OpusClient(where, transport=transport, clock=self._ticks, wall_clock=self._wall) as client:
            totals = await send_records(
                records,
                self._variant.client(client),
                journal,
                run,
                conflict=self._conflict,
                concurrency=self._concurrency,
                resume=self._variant.resume,
                retries=self._variant.retries,
                key_locks=self._variant.key_locks,
                on_event=told,
                stop=event,
                clock=self._ticks,
                wall_clock=self._wall,
                random=self._draw.random if self._variant.pauses else lambda: 0.0,
            )
        self._check_accounting(totals, count, sum(1 for _ in records), count_states(journal, run))
        return totals

    # -- the laws

    def _check_errors(self, loop: VirtualLoop) -> None:
        if loop.errors:
            raise Broken(f"an error that nobody saw: {loop.errors[0]}")

    def _check_retries(self, wire: Wire, totals: SubmitTotals, seconds: float) -> None:
        """One retry for each success, one a second, and some saved; a new token or path is none of them."""
        others = wire.troubles["401"] + wire.troubles["refused token"] + wire.troubles["404"]
        allowed = wire.settled + seconds + RETRIES_SAVED + others
        if totals.retries > allowed:
            raise Broken(f"{totals.retries} retries, {allowed:.1f} would do")

    def _check_accounting(
        self, totals: SubmitTotals, count: int, left: int, states: dict[State, int]
    ) -> None:
        """Every record is counted once, and the journal says no more than the totals."""
        counted = totals.submitted + totals.failed + totals.uncertain + totals.unchanged + totals.not_sent
        if counted + left != count:
            raise Broken(f"{count} records, {left} never pulled, counted: {totals}")
        if states[State.ACCEPTED] > totals.submitted or states[State.FAILED] > totals.failed:
            raise Broken(f"the journal has {states}, the run counted {totals}")

    def _check_flying(self, wire: Wire) -> None:
        if wire.most_flying > self._concurrency or wire.most_of_a_key > 1:
            raise Broken(f"{wire.most_flying} requests in flight, {wire.most_of_a_key} of one rowKey")

    def _check_journal(self, journal: Journal) -> None:
        """What the journal calls accepted, Opus has processed; what the last run told is in the journal."""
        for run in journal.runs():
            for known in journal.records(run, State.ACCEPTED):
                processed = self._opus.history.get(known.key, ())
                hashes = {hash_content(_encode(values), self._conflict) for values in processed}
                if known.content not in hashes:
                    raise Broken(f"{known.key} is accepted by the journal, and Opus never had it")
        if self._told is not None and not self._repeats:  # of rows with one rowKey the last is kept
            run, told = self._told
            kept = count_states(journal, run)
            if kept[State.ACCEPTED] < told.submitted or kept[State.FAILED] < told.failed:
                raise Broken(f"the run told {told}, the journal has {kept}")
        self._told = None  # a later run takes over what it sends

    def _check_resent(self, ended: _Ended) -> None:
        """What Opus confirmed is sent again only when a kill came before it was journaled."""
        if self._repeats:
            return  # an earlier row of the same key changes what Opus holds
        sent = set(itertools.chain.from_iterable(values.items() for values in ended.wire.sent))
        again = len(self._confirmed & sent)
        self._story.resent += again
        allowed = self._concurrency * BATCH if self._story.kills else 0
        if again > allowed:
            raise Broken(f"{again} confirmed records are sent again, {allowed} would do")
        wanted = set(self._contents.items())
        self._confirmed = {pair for pair in self._confirmed | ended.wire.confirmed if pair in wanted}

    def _check_calm(self, calm: _Ended, source: list[Record]) -> None:
        """In calm weather a run comes to its end, and only what is refused fails."""
        totals, refused = calm.totals, sum(is_refused(record.values) for record in source)
        if totals is None or totals.stopped or totals.failed != refused or totals.uncertain + totals.not_sent:
            raise Broken(f"calm weather, {refused} of {len(source)} records are bad: {totals}")

    def _check_held(self, source: list[Record]) -> None:
        """Opus holds the right final value of every record that it takes."""
        lost = []
        for record in {record.key: record for record in source}.values():
            held = self._opus.held.get(record.key)
            if is_refused(record.values):
                continue
            if held is None or (self._conflict == "overwrite" and held != record.values):
                lost.append(f"{record.key}: {record.values[MOOD]!r} is due, Opus holds {held}")
            elif self._conflict == "skip" and held != self._opus.history[record.key][0]:
                lost.append(f"{record.key}: Skip replaced it")
        if lost:
            raise Broken(f"{len(lost)} records are lost: {'; '.join(lost[:3])}")

    def _check_again(self, again: _Ended, source: list[Record]) -> None:
        """A run over the same records sends those alone that are refused."""
        if self._repeats:
            return
        refused = {record.key for record in source if is_refused(record.values)}
        if sent := {key for values in again.wire.sent for key in values} - refused:
            raise Broken(f"{len(sent)} records are sent again although nothing changed")
