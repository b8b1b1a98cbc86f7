"""Many rows on the whole way: mapped by a cluster of Spark, staged, sent by three processes, with kills.

    rows -> two executors of Spark, one is killed -> staged run -> three processes, each killed three times
    at least, while the database is restarted -> an Opus that has a harsh day

Owns the rows (the contract register that the project generates, with its flaws), the kills, and what must
hold in the end. What Opus should hold is what `opusmap map` makes of the same rows, on its own.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

from documentation import ROOT
from harsh import SECRET, find_differences
from postgres import Server, execute
from sources import OPUSMAP, REGISTER, write_parquet
from spark_session import SECRET as CLIENT_SECRET

from opusmap.converters.plugins import all_converters
from opusmap.emulator import TOKEN_PATH, Client, Emulator, Fault, RequestInfo, read_plan, served
from opusmap.journal import State, open_journal
from opusmap.report import Report
from opusmap.run.map import MapStream
from opusmap.run.open import open_work
from opusmap.run.rehearsal import make_emulator
from opusmap.settings import PostgresAddress

PARTS, PROCESSES, KILLS = 16, 3, 3
"""Parts of the staged run, processes that send it, and kills of each."""
CONCURRENCY, BATCH = 4, 15
LEASE = 3.0
"""Seconds; by the database's own row, so that no take-over waits half a minute."""
FAULTS = "harsh,seconds=0.5,retry-after=1"
TAKEN = (200, 201)
"""Statuses of an answer by which Opus has taken records."""
_PATIENCE = 600.0
_LATE = 8.0
_MOST_RUNS = 20
_OPEN = ("failed", "uncertain", "not_sent")

KILLER = """\
import os
import signal
from pathlib import Path

from opusmap import converter

KILLED = Path({killed!r})
ARMED = Path({armed!r})
calls = 0


@converter
def end_the_executor(value: str) -> str:
    \"\"\"Return a value; after some, kill the executor that this Python worker belongs to, once.\"\"\"
    global calls
    calls += 1
    if calls == 500 and ARMED.exists() and not KILLED.exists():
        daemon = os.getppid()
        executor = int(Path(f"/proc/{{daemon}}/stat").read_text().rpartition(")")[2].split()[1])
        KILLED.write_bytes(Path(f"/proc/{{executor}}/cmdline").read_bytes())
        os.kill(executor, signal.SIGKILL)
    return value
"""


@dataclass
class StagedRows:
    """What Spark staged in `folder / "run"`, and what `opusmap map` makes of the same rows.

    Attributes:
        values: rowKey -> values, as Opus should hold them.
        bodies: rowKey -> the record's JSON.
        report: of `map`.
        killed: the command line of the executor that was killed.
        opus: an empty Opus for the mapping.
        seconds: that Spark took, its start included.
    """

    folder: Path
    values: dict[str, Any]
    bodies: dict[str, bytes]
    report: Report
    killed: bytes
    opus: Emulator
    seconds: float


def stage_on_cluster(folder: Path, rows: int) -> StagedRows:
    """Stage so many rows of the register on a cluster of Spark, one of whose two executors is killed."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    for name in ("contracts.connection.json", "staff.csv"):
        shutil.copy(REGISTER / name, folder)
    text = (REGISTER / "mapping.yaml").read_text("utf-8")
    changed = text.replace("convert: squeeze}", "convert: [squeeze, end_the_executor]}")
    assert changed != text
    mapping = folder / "mapping.yaml"
    mapping.write_text(changed, "utf-8")
    register, _ = write_parquet(folder, rows)
    source, killed, armed, converters = (
        folder / name for name in ("rows.parquet", "killed", "armed", "own.py")
    )
    # Which of several rows with one key counts needs a column: a DataFrame has no first row.
    table = pq.read_table(register)  # without some rows of the register that its flaws have torn
    numbered = table.append_column("Row", pa.array(range(table.num_rows)))
    pq.write_table(numbered, source, row_group_size=table.num_rows // 8)
    converters.write_text(KILLER.format(killed=str(killed), armed=str(armed)), "utf-8")
    values, bodies = dict[str, Any](), dict[str, bytes]()
    with (work := open_work(mapping, source, all_converters([converters]))).source:
        stream = MapStream(work)
        for chunk in stream:
            values |= zip(chunk.keys, chunk.values(), strict=True)
            bodies |= zip(chunk.keys, chunk.records(), strict=True)
    armed.touch()
    program = ROOT / "tests" / "support" / "spark_cluster_run.py"
    began = time.monotonic()
    ended = subprocess.run(
        [sys.executable, program, mapping, source, converters, folder, str(PARTS)],
        env={**os.environ, "PYTHONPATH": str(ROOT), "OPUS_CLIENT_SECRET": CLIENT_SECRET},
        capture_output=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-3000:]
    seconds = time.monotonic() - began
    opus = make_emulator(work.mapper, Client("rehearsal", SECRET))
    return StagedRows(folder, values, bodies, stream.report(), killed.read_bytes(), opus, seconds)


@dataclass
class Drained:
    """What came of sending.

    Attributes:
        problems: what did not hold; empty if all did.
        kills: of each of the processes; `holding` are those that had a part then.
        cuts: processes that lost what they had in flight: those that were killed, or cut off.
        resent: records sent again although Opus had taken them with a right answer.
        requests: with records, that came to Opus.
        met: requests that met each kind of fault.
        runs: that the journal has.
        seconds: until nothing was left open.
    """

    problems: list[str] = field(default_factory=list)
    kills: Counter[int] = field(default_factory=Counter)
    holding: int = 0
    cuts: int = 0
    resent: int = 0
    requests: int = 0
    met: dict[str, int] = field(default_factory=dict)
    runs: int = 0
    seconds: float = 0.0

    @property
    def allowed(self) -> int:
        """Records that may be sent again."""
        return self.cuts * CONCURRENCY * BATCH

    def __str__(self) -> str:
        return (
            f"{sum(self.kills.values())} kills ({self.holding} with a part), {self.cuts} cuts,"
            f" {self.runs} runs, {self.requests:,} requests, {sum(self.met.values()):,} faults,"
            f" {self.seconds:.0f} s; sent again {self.resent} ({self.allowed} allowed)"
        )


def drain(staged: StagedRows, server: Server, seed: int) -> Drained:
    """Send a staged run through kills, faults and a restart of the database; say what did not hold."""
    faults = staged.opus.faults = _Faults(staged.opus, seed)
    address = server.make_database()
    open_journal(PostgresAddress(address)).close()
    execute(address, f"UPDATE opusmap.journal SET lease = {LEASE}")
    with served(staged.opus) as url:
        drain = _Drain(staged, server, address, url, faults, random.Random(f"drain {seed}"))
        began = time.monotonic()
        try:
            drain.send()
            drain.drained.seconds = time.monotonic() - began
            _wait_for(lambda: not staged.opus.pending, "requests that are processed late")
            drain.send_again()
        finally:
            drain.end_all()
    drained = drain.drained
    drained.met = dict(faults.hook.met)
    drained.problems += find_differences(staged.opus.records, staged.values)
    settled = set[str]()
    for handled in staged.opus.requests:
        keys = handled.request.keys
        drained.requests += bool(keys)
        drained.resent += sum(key in settled for key in keys)
        # A forgotten token lets requests fail that met no fault themselves.
        if handled.request.number not in faults.met and handled.status in TAKEN:
            settled.update(keys)
    if drained.resent > drained.allowed:
        drained.problems.append(f"{drained.resent} records were sent again, {drained.allowed} may be")
    drained.problems += _check_journal(address, staged, drained)
    return drained


def _check_journal(address: str, staged: StagedRows, drained: Drained) -> list[str]:
    """Say what is wrong in the journal: each record is accepted, in one run, and all runs add up."""
    problems = []
    with open_journal(PostgresAddress(address), write=False) as journal:
        runs = journal.runs()
        drained.runs = len(runs)
        states = Counter((one.key, one.state) for run in runs for one in journal.records(run))
        wanted = Counter((key, State.ACCEPTED) for key in staged.values)
        if states != wanted:
            problems.append(
                f"the journal has other records: {list((states - wanted) | (wanted - states))[:5]}"
            )
        for run in runs:
            counts, report = run.counts, staged.report
            ends = sum(counts[name] for name in ("submitted", "unchanged", *_OPEN))
            rows = counts["read"], counts["mapped"], counts["filtered"], counts["rejected"]
            whole = ends == len(staged.values) and run.ending == "done"
            if not whole or rows != (report.read, len(staged.values), report.filtered, report.rejected):
                problems.append(f"run {run.id} ended {run.ending!r} and does not add up: {counts}")
    return problems


class _Faults:
    """The faults of an Opus. `met`: the numbers of the requests that met one.

    From `ceiling` records on, answers come late: a process takes seconds to start on a busy machine, and all
    would be sent before the last kill.
    """

    def __init__(self, opus: Emulator, seed: int) -> None:
        self.hook = opus.follow(read_plan(f"{FAULTS},seed={seed}"))
        self.met = set[int]()
        self.ceiling = float("inf")
        self._opus = opus

    def __call__(self, request: RequestInfo) -> Fault | None:
        fault = self.hook(request)
        if fault is not None:
            self.met.add(request.number)
        if not request.keys or self._opus.counts.created < self.ceiling:
            return fault
        fault = fault or Fault()
        return replace(fault, delivery=replace(fault.delivery, wait=fault.delivery.wait + _LATE))


@dataclass
class _Sender:
    """A process that sends; `writer` is its number in the journal, None if it ended before it had one."""

    process: subprocess.Popen[bytes]
    out: Path
    said: Path
    writer: int | None = None

    def end(self) -> dict[str, Any]:
        """Wait for its end; return what it printed as JSON."""
        self.process.wait(_PATIENCE)
        said = self.said.read_text("utf-8")
        assert "Traceback" not in said, said
        return dict(json.loads(self.out.read_bytes() or b"{}"))


class _Drain:
    """The processes, and what happens to them."""

    def __init__(
        self,
        staged: StagedRows,
        server: Server,
        address: str,
        url: str,
        faults: _Faults,
        draw: random.Random,
    ) -> None:
        self._staged, self._server, self._address = staged, server, address
        self._faults, self._draw = faults, draw
        self.drained = Drained()
        self._senders: list[_Sender] = []
        self._started = 0
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OPUSMAP_")}
        self._environ = {
            **clean,
            "PYTHONPATH": str(ROOT),
            "OPUSMAP_BASE_URL": url,
            "OPUSMAP_TOKEN_URL": url + TOKEN_PATH,
            "OPUSMAP_CLIENT_ID": "rehearsal",
            "OPUSMAP_CLIENT_SECRET": SECRET,
            "OPUSMAP_JOURNAL": address,
            "OPUSMAP_LATE_EFFECT_WINDOW": "1",
        }

    def send(self) -> None:
        """Send until nothing is left open."""
        self._senders = [self._start() for _ in range(PROCESSES)]
        order = [slot for _ in range(KILLS) for slot in self._draw.sample(range(PROCESSES), PROCESSES)]
        # The last kill comes while each process still finds a part to hold.
        step = 0.6 * len(self._staged.values) / len(order)
        for number, slot in enumerate(order):
            self._faults.ceiling = (number + 2) * step
            self._wait_for(partial(self._has_arrived, (number + 1) * step))
            if number == len(order) // 2:
                self._restart_database()
            self._kill(slot)
        self._faults.ceiling = float("inf")
        ended = [sender.end() for sender in self._senders]
        for _ in range(_MOST_RUNS):
            if ended and all(_is_whole(one) for one in ended):
                return
            self._senders = [self._start()]  # what Opus refused is sent again by a run of its own
            ended = [self._senders[0].end()]
        self.drained.problems.append(f"still open after {_MOST_RUNS} more runs: {ended}")

    def send_again(self) -> None:
        """Run the same command once more: it makes no request."""
        before = len(self._staged.opus.requests)
        sender = self._start()
        self._senders = [sender]
        again = sender.end()
        if len(self._staged.opus.requests) != before or again["process"]["requests"]:
            self.drained.problems.append(f"the same again made requests: {again}")
        if again["submitted"] + again["unchanged"] != len(self._staged.values):
            self.drained.problems.append(f"the same again does not add up: {again}")

    def end_all(self) -> None:
        for sender in self._senders:
            if sender.process.poll() is None:
                sender.process.kill()
                sender.process.wait()

    def _start(self) -> _Sender:
        """Start a process; wait until it has a number in the journal."""
        self._started += 1
        out, said = (self._staged.folder / f"{name}-{self._started}" for name in ("out", "said"))
        command = [*OPUSMAP, "submit", "--staged", "run", "--json", "--yes"]
        (last,) = execute(self._address, "SELECT last_writer FROM opusmap.journal")[0]
        with out.open("wb") as output, said.open("wb") as errors:
            process = subprocess.Popen(
                [*command, "--concurrency", str(CONCURRENCY)],
                cwd=self._staged.folder,
                env=self._environ,
                stdout=output,
                stderr=errors,
            )
        sender = _Sender(process, out, said)
        query = f"SELECT min(writer) FROM opusmap.leases WHERE writer > {last} AND run IS NOT NULL"

        def has_joined() -> bool:
            (sender.writer,) = execute(self._address, query)[0]
            return sender.writer is not None or process.poll() is not None

        _wait_for(has_joined, "a process that joins the run")
        return sender

    def _holds_part(self, sender: _Sender) -> bool:
        query = f"SELECT FROM opusmap.parts WHERE writer = {sender.writer} AND NOT done"
        return sender.writer is not None and bool(execute(self._address, query))

    def _kill(self, slot: int) -> None:
        """Kill a process that has a part, at any moment of a request; start another."""
        self._wait_for(lambda: self._holds_part(self._senders[slot]))
        time.sleep(self._draw.uniform(0, 0.1))
        sender = self._senders[slot]
        if sender.process.poll() is not None:
            self.drained.problems.append("a process ended before it was killed")
        sender.process.kill()
        sender.process.wait()
        self.drained.kills[slot] += 1
        self.drained.cuts += 1
        self.drained.holding += self._holds_part(sender)
        self._senders[slot] = self._start()

    def _restart_database(self) -> None:
        """End the database as a crash does; all processes end, and are started again."""
        self._server.restart()
        for slot, sender in enumerate(self._senders):
            said = sender.end()
            if sender.process.returncode != 2:
                self.drained.problems.append(f"the database went away, and a process ended with {said}")
            self.drained.cuts += 1
            self._senders[slot] = self._start()

    def _has_arrived(self, records: float) -> bool:
        return self._staged.opus.counts.created >= records

    def _wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait; start again each process that ended by itself, as a service manager does.

        One that this busy machine held up for longer than its lease has lost what it had in flight.
        """

        def holds() -> bool:
            for slot, sender in enumerate(self._senders):
                if (code := sender.process.poll()) is not None:
                    assert code in (2, 3), f"exit {code} before the kills: {sender.said.read_text('utf-8')}"
                    self.drained.cuts += code == 2
                    self._senders[slot] = self._start()
            return condition()

        _wait_for(holds, "the next kill")


def _is_whole(ended: dict[str, Any]) -> bool:
    return bool(ended) and not any(ended.get(name) for name in (*_OPEN, "stopped"))


def _wait_for(condition: Callable[[], bool], what: str) -> None:
    until = time.monotonic() + _PATIENCE
    while not condition():
        assert time.monotonic() < until, f"waited for {what}"
        time.sleep(0.02)
