"""How long sending takes: the model of `opusmap check --drain-time` beside measured runs.

    python benchmarks/drain_time.py measure NAME ...     # real runs, some minutes each; all without a name
    python benchmarks/drain_time.py simulate             # the real engine on a virtual clock
    python benchmarks/drain_time.py forecast             # the table from one million to a billion records

`measure` runs the plain command `opusmap submit`, in a process of its own, against a served emulator with a
latency and a limit of requests a second, or against a service that only waits and throttles (`light`): the
emulator, which checks each record, needs 4 ms of CPU a request, which would be measured, too.

`UNSEEN` was chosen, and committed, before the model was first compared with any run.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import harsh
from submit import TAKEN, Waiting, serve

from opusmap.cli.drain_time import show_duration
from opusmap.delivery import DeliveryOptions, SubmitTotals, deliver
from opusmap.delivery.rate_limit import Clock
from opusmap.emulator import Client, read_plan, served
from opusmap.journal import SqliteJournal
from opusmap.journal.group_commit import run_inline
from opusmap.opus import BATCH_SIZE, EncodedRecord, encode_records
from opusmap.opus.exchange import Answer, BeforeResend, Exchange
from opusmap.records import Record
from opusmap.report.drain_time import (
    COMMIT,
    MAPPING_RATE,
    Conditions,
    count_enough,
    count_requests,
    find_rate,
)
from opusmap.run.open import open_work
from opusmap.run.rehearsal import make_emulator

sys.path.insert(0, str(harsh.ROOT / "tests" / "support"))
from simulation.loop import Timeline, VirtualLoop


@dataclass(frozen=True)
class Setting:
    """How many records go to what kind of tenant: seconds an answer takes, requests a second (0: any)."""

    records: int
    latency: float
    rate: float
    in_flight: int
    light: bool = True


SEEN = {
    "a": Setting(100_000, 0.2, 0, 8),
    "b": Setting(100_000, 0.1, 40, 16),
}
UNSEEN = {
    "c": Setting(100_000, 0.05, 50, 8),
    "d": Setting(100_000, 0.3, 30, 32),
    "e": Setting(100_000, 0.4, 0, 16),
    "f": Setting(100_000, 0.02, 25, 4),
    "million": Setting(1_000_000, 0.1, 150, 32),
}
SETTINGS = {**SEEN, **UNSEEN}


class Throttling(Waiting):
    """A service that waits and takes so many requests a second, a second's worth of them at once."""

    rate = 0.0
    left = 0.0
    counted = 0.0

    def answer(self, *, signs_in: bool) -> bytes:
        """Return the answer; 429 for one too many."""
        kind, now = type(self), time.monotonic()
        kind.left = min(kind.rate, kind.left + (now - kind.counted) * kind.rate)
        kind.counted = now
        if signs_in or not kind.rate or kind.left >= 1.0:
            kind.left -= not signs_in
            return super().answer(signs_in=signs_in)
        return b"HTTP/1.1 429 .\r\nRetry-After: 1\r\nContent-Length: 0\r\n\r\n"


def serve_throttled(latency: float, rate: float, ready: Connection) -> None:
    """Serve for as long as the process lives."""
    Throttling.rate = rate
    serve(latency, ready, Throttling)


@contextmanager
def light_service(setting: Setting) -> Iterator[str]:
    """Serve in a process of its own; yield the base URL."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(
        target=serve_throttled, args=(setting.latency, setting.rate, there), daemon=True
    )
    process.start()
    try:
        yield f"http://127.0.0.1:{here.recv()}"
    finally:
        process.terminate()
        process.join()


@contextmanager
def emulated_service(setting: Setting, folder: Path) -> Iterator[str]:
    """Serve an emulator from this process; yield the base URL."""
    work = open_work(folder / "mapping.yaml")
    work.source.close()
    emulator = make_emulator(work.mapper, Client("rehearsal", harsh.SECRET))
    emulator.follow(read_plan(f"none,latency={setting.latency * 1000:.0f},rate={setting.rate:g}"))
    with served(emulator) as url:
        yield url


def time_commits(path: Path, count: int = 100) -> float:
    """Return how many seconds it takes on average until a page is on the disk."""
    spent = 0.0
    with path.open("wb", buffering=0) as file:
        for _ in range(count):
            file.write(bytes(4096))
            began = time.perf_counter()
            os.fsync(file.fileno())
            spent += time.perf_counter() - began
    return round(spent / count, 5)


def measure(name: str) -> dict[str, object]:
    """Really send the records of a setting; return what the run counted, and its seconds."""
    setting = SETTINGS[name]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        harsh.prepare(folder, setting.records)
        commit = time_commits(folder / "commits")
        service = light_service(setting) if setting.light else emulated_service(setting, folder)
        with service as url:
            ended = harsh.Program(folder, url, setting.records, setting.in_flight).run()
    result = ended.result or {}
    told = {"setting": name, "exit": ended.code, "whole": round(ended.seconds, 1), "commit": commit}
    return told | {key: result.get(key) for key in ("seconds", "submitted", "requests", "retries")}


class VirtualOpus:
    """A service on a virtual clock: answers after the latency, takes so many requests a second."""

    url = "https://opus.example.com"

    def __init__(self, setting: Setting, loop: VirtualLoop) -> None:
        self._setting = setting
        self._loop = loop
        self._left, self._counted = max(1.0, setting.rate), loop.time()

    async def send(self, _body: bytes, _before_resend: BeforeResend | None = None) -> Exchange:
        """Take a request, or refuse it."""
        now, rate = self._loop.time(), self._setting.rate
        self._left = min(max(1.0, rate), self._left + (now - self._counted) * rate)
        self._counted = now
        fits = not rate or self._left >= 1.0
        self._left -= fits
        await asyncio.sleep(self._setting.latency)
        return Answer(201, TAKEN, "/") if fits else Answer(429, b"", "/", retry_after=1.0)


def simulate(setting: Setting) -> float:
    """Return the virtual seconds that the real engine takes to send records, with the journal in memory."""
    timeline = Timeline()
    loop = VirtualLoop(timeline, random.Random(1), steps_limit=10**12)
    opus, began = VirtualOpus(setting, loop), timeline.now
    options = DeliveryOptions("overwrite", concurrency=setting.in_flight)
    clock = Clock(loop.time, loop.time, random.Random(1).random)

    async def records() -> AsyncIterator[EncodedRecord]:
        for start in range(0, setting.records, BATCH_SIZE):
            keys = (f"k{row}" for row in range(start, min(start + BATCH_SIZE, setting.records)))
            for one in encode_records(Record(0, key, {"rowKey": key}) for key in keys):
                yield one

    async def submit() -> SubmitTotals:
        totals = SubmitTotals()
        run = journal.start_run(origin=opus.url, connection="c", mapping="m.yaml")
        async for event in deliver(records(), opus, journal, run, options, clock=clock):
            totals.add(event)
        return totals

    with SqliteJournal(":memory:", sync_executor=run_inline) as journal:
        totals = loop.run_until_complete(submit())
    loop.close()
    assert totals.submitted == setting.records
    return timeline.now - began


def predict(setting: Setting, commit: float = COMMIT) -> float:
    """Return the seconds that the model says."""
    conditions = Conditions(setting.latency, setting.rate or None, setting.in_flight, commit=commit)
    return count_requests(setting.records) / find_rate(conditions)[0]


SIMULATED = (
    Setting(100_000, 0.2, 20, 8),
    Setting(100_000, 1.0, 20, 32),
    Setting(100_000, 0.2, 5, 8),
    Setting(100_000, 0.2, 100, 32),
    Setting(100_000, 0.2, 0, 8),
    Setting(1_000_000, 0.2, 20, 8),
    Setting(1_000_000, 0.5, 100, 64),
)


def print_simulated() -> None:
    """Print the simulated settings beside the model; no commit takes time on the virtual clock."""
    for setting in SIMULATED:
        found, said = simulate(setting), predict(setting, commit=0.0)
        print(
            f"{setting} simulated {found:,.0f} s, model {said:,.0f} s ({said / found - 1:+.1%})", flush=True
        )


SIZES = (1_000_000, 10_000_000, 50_000_000, 1_000_000_000)


def print_forecast() -> None:
    """Print the table of docs/performance.md: as many in flight as use a limit up, answers in 0.2 s."""
    print("| Opus takes | " + " | ".join(f"{size:,} records" for size in SIZES) + " |")
    print("|---" * (len(SIZES) + 1) + "|")
    for allowed in (1.0, 5.0, 20.0, 100.0, 400.0):
        rate, _ = find_rate(Conditions(0.2, allowed, count_enough(allowed, 0.2), mapping=MAPPING_RATE))
        times = (show_duration(count_requests(size) / rate) for size in SIZES)
        print(f"| {allowed:g} requests/s | " + " | ".join(times) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description="How long sending takes: the model beside measured runs.")
    parser.add_argument("what", choices=("measure", "simulate", "forecast"))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    if options.what == "simulate":
        print_simulated()
    elif options.what == "forecast":
        print_forecast()
    else:
        for name in options.names or SETTINGS:
            print(json.dumps(measure(name)), flush=True)


if __name__ == "__main__":
    main()
