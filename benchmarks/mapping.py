"""How fast opusmap maps, beside hand-written Python that does the same work.

    python benchmarks/mapping.py [ROWS] [--rounds N] [--json FILE] [--work NAME …] [--seed N]
    python benchmarks/mapping.py 1600000 --workers 2 [--rounds N]   what several processes gain

Each contestant runs in a process of its own, in turn, for N rounds; shown are medians, and ratios to the
hand-written first draft within the round (2.0: half its CPU). Outputs are compared before anything is
timed: a contestant whose bodies differ in one value stops the benchmark. The workloads:

    repeating   15 columns of JSON Lines -> request bodies; people, days and tags repeat as in a register
    unique      the same, but times, people and names never repeat: caches are of no use
    csv         the bundled contract register, 20 columns of CSV with its flaws -> records

and those in `workloads/`, JSON Lines or CSV -> records, whose rows follow from --seed:

    expressions variables used twice, date fields, `~`, filters, inline `if`, titles in several scripts
    wide        60 columns of text, half of them empty
    typed       numbers, nested objects, lists of objects, nulls
    dirty       padded cells, three formats of dates, look-ups that miss, one row in ten that is no record
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from contestant import MAPPINGS, WORK
from register import write_rows

ROOT = Path(__file__).resolve().parent
GENERATE = ROOT.parent / "mappings" / "contracts" / "generate.py"
ROUNDS = 5
SEED = 20240701


@dataclass(frozen=True)
class Workload:
    """One kind of work: who does it, the yardstick first."""

    name: str
    suffix: str
    contestants: tuple[str, ...]
    folder: Path | None = None


def _in_folder(name: str, suffix: str) -> Workload:
    names = ("first_draft", "tuned", "opusmap_records")
    return Workload(name, suffix, tuple(f"{name}/{one}" for one in names), WORK / name)


WORKLOADS = (
    Workload("repeating", ".jsonl", ("first_draft", "tuned", "parse_only", "opusmap", "opusmap_records")),
    Workload("unique", ".jsonl", ("first_draft", "tuned", "opusmap")),
    Workload("csv", ".csv", ("handwritten", "opusmap_records")),
    _in_folder("expressions", ".jsonl"),
    _in_folder("wide", ".csv"),
    _in_folder("typed", ".jsonl"),
    _in_folder("dirty", ".csv"),
)
NO_MAPPERS = ("parse_only",)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, help="file for the figures")
    names = [one.name for one in WORKLOADS]
    parser.add_argument("--work", nargs="+", choices=names, default=names, help="these kinds only")
    parser.add_argument("--seed", type=int, default=SEED, help="of the rows of the kinds in workloads/")
    parser.add_argument("--workers", type=int, help="compare so many processes of `opusmap map` with one")
    options = parser.parse_args()
    if options.workers:
        compare_processes(options.rows, options.workers, options.rounds)
        return
    with tempfile.TemporaryDirectory() as folder:
        chosen = [one for one in WORKLOADS if one.name in options.work]
        results = [run_workload(one, options, Path(folder)) for one in chosen]
    print(f"{options.rows:,} rows, {options.rounds} rounds, {machine()}, load {load():.1f}\n")
    for result in results:
        print_table(result)
    if options.json:
        found = {"machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "workloads": results}
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def run_workload(workload: Workload, options: argparse.Namespace, folder: Path) -> dict[str, Any]:
    """Compare the contestants' outputs on a tenth of the rows, then time them on all."""
    rows = options.rows
    small, source = (folder / f"{workload.name}.{size}{workload.suffix}" for size in ("small", "all"))
    make_source(workload, small, max(1_500, rows // 10), options.seed)
    make_source(workload, source, rows, options.seed)
    mappers = {name.rpartition("/")[2]: name for name in workload.contestants if name not in NO_MAPPERS}
    compare({name: run_one(in_process(who), small, folder / name) for name, who in mappers.items()}, folder)
    commands = {name.rpartition("/")[2]: in_process(name) for name in workload.contestants}
    figures = time_all(commands, source, options.rounds, folder)
    return figures | {"workload": workload.name, "rows": rows}


def make_source(workload: Workload, path: Path, rows: int, seed: int = SEED) -> None:
    if workload.folder is not None:
        code = "import sys; from pathlib import Path; from rows import write_rows"
        write = f"{code}; write_rows(Path(sys.argv[1]), {rows}, {seed})"
        command = [sys.executable, "-c", write, str(path)]
        subprocess.run(command, check=True, env=os.environ | {"PYTHONPATH": str(workload.folder)})
    elif workload.suffix == ".csv":
        command = [sys.executable, str(GENERATE), str(rows), "-o", str(path)]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    else:
        write_rows(path, rows, unique=workload.name == "unique")


def in_process(name: str) -> list[str]:
    return [sys.executable, str(ROOT / "contestant.py"), name]


def run_one(command: list[str], source: Path, target: Path) -> dict[str, float]:
    """Run a contestant; return what it says of itself."""
    done = subprocess.run([*command, str(source), str(target)], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr.decode()}")
    return dict(json.loads(done.stdout))


def compare(names: dict[str, Any], folder: Path) -> None:
    """Stop if a record differs between two contestants; rows that repeat a key are opusmap's to reject."""
    records = {name: dict(read_records(folder / name)) for name in names}
    (first, expected), *others = records.items()
    for name, found in others:
        keys = [key for key in {**expected, **found} if expected.get(key) != found.get(key)]
        if keys:
            sys.exit(
                f"{first} and {name} differ in {len(keys)} records, first in {keys[0]}:\n"
                f"{expected.get(keys[0])}\n{found.get(keys[0])}"
            )


def read_records(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield row key and record, the first of each key, from lines of records or of request bodies."""
    seen: set[str] = set()
    with path.open("rb") as lines:
        for line in lines:
            body = json.loads(line)
            for record in body.get("data", [body]):
                if record["rowKey"] not in seen:
                    seen.add(record["rowKey"])
                    yield record["rowKey"], record


def time_all(commands: dict[str, list[str]], source: Path, rounds: int, folder: Path) -> dict[str, Any]:
    """Run all in turn, round by round; return medians and the median of each round's ratio."""
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in commands}
    for _ in range(rounds):
        for name, command in commands.items():
            runs[name].append(run_one(command, source, folder / "out"))
    yardstick = next(iter(commands))
    results = {name: medians(found, runs[yardstick]) for name, found in runs.items()}
    return {"yardstick": yardstick, "results": results}


def medians(runs: list[dict[str, float]], yardstick: list[dict[str, float]]) -> dict[str, float]:
    found = {key: statistics.median(run[key] for run in runs) for key in ("cpu", "wall", "peak")}
    ratios = [other["cpu"] / run["cpu"] for run, other in zip(runs, yardstick, strict=True)]
    return {**found, "ratio": statistics.median(ratios)}


def print_table(result: dict[str, Any]) -> None:
    rows = result["rows"]
    print(f"{result['workload']}, {rows:,} rows")
    print(f"  {'who':<16} {'CPU µs/row':>10} {'wall µs/row':>12} {'peak MB':>8}  times {result['yardstick']}")
    for name, found in result["results"].items():
        per_row = found["cpu"] / rows * 1e6, found["wall"] / rows * 1e6
        print(
            f"  {name:<16} {per_row[0]:10.1f} {per_row[1]:12.1f} {found['peak']:8.0f}  {found['ratio']:.3g}"
        )
    print()


def compare_processes(rows: int, workers: int, rounds: int) -> None:
    """Time the command line with one process and with several, in turn; stop if one byte differs."""
    print(f"{rows:,} rows, {rounds} rounds, {machine()}, load {load():.1f}")
    for workload in (WORKLOADS[0], WORKLOADS[2]):
        print(
            f"\n{workload.suffix[1:]}: wall and CPU seconds with one process, with {workers}; times as fast"
        )
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / f"source{workload.suffix}"
            make_source(workload, source, rows)
            gains = []
            for _ in range(rounds):
                one, several = (run_processes(source, count) for count in (1, workers))
                if one[2] != several[2]:
                    sys.exit(f"{workers} processes wrote other bytes than one")
                gains.append(one[0] / several[0])
                figures = f"{one[0]:8.2f} {one[1]:8.2f} {several[0]:11.2f} {several[1]:8.2f}"
                print(f"{figures}   {gains[-1]:.2f}", flush=True)
            print(f"{'median':>38}   {statistics.median(gains):.2f}")


def run_processes(source: Path, count: int) -> tuple[float, float, list[bytes]]:
    """Map with so many processes; return wall and CPU seconds, and the hashes of what was written."""
    code = "import sys; from opusmap.cli import main; sys.exit(main())"
    folder = source.parent / str(count)
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", code, "map", str(MAPPINGS[source.suffix]), str(source), "-q"]
    before, began = os.times(), time.perf_counter()
    subprocess.run([*command, "-o", str(folder / "out"), "--workers", str(count)], check=False)
    wall, after = time.perf_counter() - began, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return wall, cpu, [hash_file(path) for path in sorted(folder.iterdir())]


def hash_file(path: Path) -> bytes:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def machine() -> str:
    kind = f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}"
    return f"{os.cpu_count()} cores, {kind}"


def load() -> float:
    """Return how many processes wanted the processor in the last minute; 0 where the system does not tell."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0


if __name__ == "__main__":
    main()
