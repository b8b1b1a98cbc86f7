"""How long sending takes: the model of `opusmap check --drain-time` beside measured runs.

    python benchmarks/drain_time.py measure NAME ...     # real runs, some minutes each; all without a name
    python benchmarks/drain_time.py simulate             # the real engine on a virtual clock
    python benchmarks/drain_time.py forecast             # the table from one million to a billion records

`measure` runs the plain command `opusmap submit`, in a process of its own, against a served emulator with a
latency and a limit of requests a second. A million records go to a service that only waits and throttles,
because the emulator, which checks each record, needs 4 ms a request.

`UNSEEN` was chosen, and committed, before the model was first compared with any run.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path

import harsh
from submit import Waiting, serve

from opusmap.emulator import Client, read_plan, served
from opusmap.run.open import open_work
from opusmap.run.rehearsal import make_emulator


@dataclass(frozen=True)
class Setting:
    """How many records go to what kind of tenant: seconds an answer takes, requests a second (0: no limit)."""

    records: int
    latency: float
    rate: float
    in_flight: int
    light: bool = False


SEEN = {
    "a": Setting(100_000, 0.2, 0, 8),
    "b": Setting(100_000, 0.1, 40, 16),
}
UNSEEN = {
    "c": Setting(100_000, 0.05, 50, 8),
    "d": Setting(100_000, 0.3, 30, 32),
    "e": Setting(100_000, 0.4, 0, 16),
    "f": Setting(100_000, 0.02, 25, 4),
    "million": Setting(1_000_000, 0.1, 150, 32, light=True),
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


def measure(name: str) -> dict[str, object]:
    """Really send the records of a setting; return what the run counted, and its seconds."""
    setting = SETTINGS[name]
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        harsh.prepare(folder, setting.records)
        service = light_service(setting) if setting.light else emulated_service(setting, folder)
        with service as url:
            ended = harsh.Program(folder, url, setting.records, setting.in_flight).run()
    result = ended.result or {}
    return {"setting": name, "exit": ended.code, "whole": round(ended.seconds, 1)} | {
        key: result.get(key) for key in ("seconds", "submitted", "requests", "retries")
    }


def main() -> None:
    parser = argparse.ArgumentParser(description="How long sending takes: the model beside measured runs.")
    parser.add_argument("what", choices=("measure",))
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    for name in options.names or SETTINGS:
        print(json.dumps(measure(name)), flush=True)


if __name__ == "__main__":
    main()
