"""Many records against an Opus that has a harsh day, the program killed again and again: is everything right?

    python benchmarks/harsh.py [RECORDS] [--kills N] [--seed N] [--faults LEVEL]
    python benchmarks/harsh.py [RECORDS] --throughput

The emulator is served on a port and does what `--faults` says. `opusmap submit` runs as a process, is killed
(kill -9) at random moments, and is run again until it leaves nothing open. Then what Opus holds is compared
with what the mapping makes, record by record, and the same command is run once more: it must send nothing.
Exits with 1 if anything differs.

With `--throughput` one run each, without kills, shows how quick it is under no, mild, harsh and heavy faults.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opusmap.emulator import TOKEN_PATH, Client, Emulator, read_plan, served
from opusmap.run.map import MapStream
from opusmap.run.open import open_work
from opusmap.run.rehearsal import make_emulator

ROOT = Path(__file__).resolve().parents[1]
CONTRACTS = ROOT / "mappings" / "contracts"
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
SECRET = "rehearsal-secret"  # noqa: S105 - of an emulator that lives as long as this script
ROWS_PER_RECORD = 1.3
"""The generated register has drafts and flawed rows besides."""

HEAVY = "harsh,lost-after=5%,cut=5%,error-halfway=5%,throttle=5%,refuse=5%,seconds=0.2,retry-after=0"
"""A fourth of the requests meets a fault, most of which ask for more requests."""

MOST_RUNS = 60


@dataclass(frozen=True)
class Ended:
    """One run of the program: whether it was killed, its exit code and JSON if not, and its seconds."""

    killed: bool
    code: int
    result: dict[str, Any] | None
    seconds: float

    @property
    def whole(self) -> bool:
        """Whether nothing is left open: rejected rows aside, every record is in."""
        left = ("failed", "uncertain", "not_sent")
        return self.result is not None and not any(self.result.get(name) for name in (*left, "stopped"))


def prepare(folder: Path, records: int) -> None:
    """Put a mapping and a register with enough rows into a folder."""
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (folder / name).write_bytes((CONTRACTS / name).read_bytes())
    rows = int(records * ROWS_PER_RECORD) + 100
    generate = (sys.executable, CONTRACTS / "generate.py", str(rows), "-o", folder / "contracts.csv")
    subprocess.run(generate, check=True, stdout=subprocess.DEVNULL)


def map_records(folder: Path, records: int) -> tuple[Emulator, dict[str, Any]]:
    """Return an Opus for the mapping, and the records that it should hold in the end."""
    expected: dict[str, Any] = {}

    work = open_work(folder / "mapping.yaml")
    with work.source:
        for chunk in MapStream(work):
            expected |= zip(chunk.keys[: records - len(expected)], chunk.values())  # noqa: B905 - cut
    if len(expected) != records:
        raise SystemExit(f"the register gives {len(expected)} records only")
    return make_emulator(work.mapper, Client("rehearsal", SECRET)), expected


class Program:
    """`opusmap submit` in a folder, against a URL."""

    def __init__(self, folder: Path, url: str, records: int, concurrency: int) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("OPUSMAP_")}
        self._environ = {
            **clean,
            "OPUSMAP_BASE_URL": url,
            "OPUSMAP_TOKEN_URL": url + TOKEN_PATH,
            "OPUSMAP_CLIENT_ID": "rehearsal",
            "OPUSMAP_CLIENT_SECRET": SECRET,
            "PYTHONUTF8": "1",
        }
        options = ("--json", "--limit", str(records), "--concurrency", str(concurrency))
        self._command = (*OPUSMAP, "submit", "mapping.yaml", *options)
        self._folder = folder

    def run(self, kill_when: threading.Event | None = None) -> Ended:
        """Run it to its end, or until it is to be killed."""
        began, killed = time.monotonic(), False
        process = subprocess.Popen(
            self._command,
            cwd=self._folder,
            env=self._environ,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            encoding="utf-8",
        )
        if kill_when is not None:
            while process.poll() is None and not kill_when.wait(0.05):
                pass
            killed = process.poll() is None
            process.kill()
        out, _ = process.communicate()
        result = json.loads(out) if out.strip() and not killed else None
        return Ended(killed, process.returncode, result, time.monotonic() - began)


class Trap:
    """Tells when Opus has been sent so many records, and a moment more."""

    def __init__(self, emulator: Emulator, records: int, more: float) -> None:
        self.sprung = threading.Event()
        self._emulator = emulator
        self._records = records
        self._more = more
        threading.Thread(target=self._watch, daemon=True).start()

    def _watch(self) -> None:
        while self._emulator.counts.created < self._records:
            time.sleep(0.02)
        time.sleep(self._more)
        self.sprung.set()


def count_requests(emulator: Emulator) -> dict[str, int]:
    """Count what came to Opus: requests, those sent once more, records, and those sent again."""
    sent = [each.request.keys for each in emulator.requests if each.request.keys]
    keys = Counter(key for request in sent for key in request)
    return {
        "requests": len(sent),
        "retries": len(sent) - len(set(sent)),
        "records sent": keys.total(),
        "records sent again": keys.total() - len(keys),
    }


def find_differences(held: dict[str, Any], expected: dict[str, Any]) -> list[str]:
    """Compare what Opus holds with what it should."""
    found = [f"{key}: lost" for key in expected.keys() - held.keys()]
    found += [f"{key}: nobody sent it" for key in held.keys() - expected.keys()]
    return found + [f"{key}: another value" for key in held.keys() & expected if held[key] != expected[key]]


def submit_all(
    program: Program, emulator: Emulator, records: int, kills: int, draw: random.Random
) -> list[Ended]:
    """Run the program, killed so many times, until it leaves nothing open."""
    runs = []
    moments = sorted(draw.randint(records // 50, records * 9 // 10) for _ in range(kills))
    while len(runs) < MOST_RUNS:
        trap = Trap(emulator, moments.pop(0), draw.uniform(0, 0.5)).sprung if moments else None
        ended = program.run(trap)
        runs.append(ended)
        print(f"run {len(runs)}: {_describe(ended)}; Opus holds {emulator.counts.created:,}", flush=True)
        if ended.whole and not moments:
            break
    return runs


def _describe(ended: Ended) -> str:
    if ended.result is None:
        return f"killed after {ended.seconds:.1f} s" if ended.killed else f"exit {ended.code}"
    counts = (f"{name} {ended.result[name]:,}" for name in _SHOWN if ended.result.get(name))
    return f"exit {ended.code} after {ended.seconds:.1f} s: {', '.join(counts)}"


_SHOWN = ("unchanged", "submitted", "failed", "uncertain", "not_sent", "requests", "retries")


def rehearse(records: int, kills: int, seed: int, faults: str, concurrency: int) -> int:
    """Do it all in a throw-away folder; return the exit code."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        prepare(folder, records)
        emulator, expected = map_records(folder, records)
        hook = emulator.follow(read_plan(f"{faults},seed={seed}"))
        with served(emulator) as url:
            program = Program(folder, url, records, concurrency)
            began = time.monotonic()
            runs = submit_all(program, emulator, records, kills, random.Random(seed))
            seconds = time.monotonic() - began
            while emulator.pending:
                time.sleep(0.05)  # what takes effect late must not harm either
            differences = find_differences(emulator.records, expected)
            counted = count_requests(emulator)
            before = os.times()
            again = program.run()
            after = os.times()
            more = count_requests(emulator)["requests"] - counted["requests"]
    killed = sum(ended.killed for ended in runs)
    print(f"{records:,} records, faults {faults}, {killed} kills, {len(runs)} runs, {seconds:.0f} s")
    print(", ".join(f"{what} {count:,}" for what, count in counted.items()))
    print("faults met: " + ", ".join(f"{kind} {count:,}" for kind, count in sorted(hook.met.items())))
    print(f"wrong in the end: {len(differences)}", *differences[:10], sep="\n  ")
    unchanged = again.result["unchanged"] if again.result else 0
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    print(
        f"the same again: {more} requests, {unchanged:,} unchanged, {again.seconds:.1f} s (CPU {cpu:.1f} s)"
    )
    right = not differences and not more and unchanged == records and killed == kills and runs[-1].whole
    return 0 if right else 1


def compare(records: int, seed: int, concurrency: int) -> int:
    """Print how many records a second one run sends under each level of faults; return the exit code."""
    wrong = 0
    for name, level in (("none", "none"), ("mild", "mild"), ("harsh", "harsh"), ("heavy", HEAVY)):
        with tempfile.TemporaryDirectory() as made:
            folder = Path(made)
            prepare(folder, records)
            emulator, expected = map_records(folder, records)
            emulator.follow(read_plan(f"{level},seed={seed}"))
            with served(emulator) as url:
                ended = Program(folder, url, records, concurrency).run()
            lost = len(expected.keys() - emulator.records.keys())
        counts = ended.result or {}
        wrong += lost > sum(counts.get(end, 0) for end in ("failed", "uncertain", "not_sent"))
        rate = counts.get("submitted", 0) / ended.seconds
        print(f"faults {name:<6} {rate:7.0f} records/s; {_describe(ended)}", flush=True)
    return 1 if wrong else 0


def main() -> None:
    parser = argparse.ArgumentParser(description="Many records, harsh faults, kills: is everything right?")
    parser.add_argument("records", type=int, nargs="?", default=100_000)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", default="harsh")
    parser.add_argument("--concurrency", type=int, default=16)
    parser.add_argument("--throughput", action="store_true", help="records a second under each level")
    options = parser.parse_args()
    if options.throughput:
        sys.exit(compare(options.records, options.seed, options.concurrency))
    sys.exit(rehearse(options.records, options.kills, options.seed, options.faults, options.concurrency))


if __name__ == "__main__":
    main()
