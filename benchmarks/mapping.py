"""How fast opusmap maps, beside plain Python that does the same work, and what the dear rows cost.

    python benchmarks/mapping.py [ROWS] [--rounds N] [--work NAME …] [--seed N] [--json FILE]
    python benchmarks/mapping.py 1600000 --workers 2 [--rounds N]   what several processes gain

The kinds of work are those of `workloads/`:

    register    15 columns of JSON Lines, bound to source columns and converted by their types
    unique      the same, but times, people and names never repeat: caches are of no use
    contracts   the bundled contract register, 20 columns of CSV with its flaws
    expressions variables used twice, date fields, `~`, filters, inline `if`, titles in several scripts
    wide        60 columns of text, half of them empty
    typed       numbers, nested objects, lists of objects, nulls
    dirty       padded cells, three formats of dates, look-ups that miss, one row in ten that is no record

Of each, a first draft, the same tuned by hand and opusmap write all records; one that differs stops the
benchmark. Then they are timed in turn, each in a process of its own. A ratio is that of two runs of the same
round (2.0: half the CPU of the first draft); shown are medians, and from which to which ratio the rounds go.
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
from contextlib import ExitStack
from datetime import UTC, datetime
from itertools import zip_longest
from pathlib import Path
from typing import Any

from workloads import SEED, WORKS, Work, write_source
from workloads.register.rows import WRONG

ROOT = Path(__file__).resolve().parent
PROGRAMS = ("first_draft", "opusmap", "tuned")
SINGLE_ROWS = 4_000
"""Rows that are timed one by one."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--work", nargs="+", choices=WORKS, default=list(WORKS), help="these kinds only")
    parser.add_argument("--seed", type=int, default=SEED, help="of the rows; another one, other rows")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--workers", type=int, help="compare so many processes of `opusmap map` with one")
    options = parser.parse_args()
    run = (
        f"{options.rows:,} rows, seed {options.seed}, {options.rounds} rounds, {machine()}, load {load():.1f}"
    )
    if options.workers:
        print(run)
        compare_processes(options.rows, options.workers, options.rounds)
        return
    works = [WORKS[name] for name in options.work]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for work in works:
            write_source(work, source_in(folder, work), options.rows, options.seed)
            compare_records(work, folder)
        print(run)
        figures = [time_programs(work, options.rows, options.rounds, folder) for work in works]
        print_programs(figures)
        costs = measure_costs(works, options, folder)
        print_costs(costs)
    if options.json:
        found = {"run": run, "date": f"{datetime.now(UTC):%Y-%m-%d}", "works": figures, "costs": costs}
        options.json.write_text(json.dumps(found, indent=2) + "\n", "utf-8")


def source_in(folder: Path, work: Work, name: str = "") -> Path:
    return folder / f"{work.name}{name}{work.suffix}"


def in_process(work: str, who: str) -> list[str]:
    """Return the command of a contestant; its source and target come behind."""
    return [sys.executable, str(ROOT / "contestant.py"), work, who]


def run_one(command: list[str], source: Path, target: Path) -> dict[str, float]:
    """Run a contestant; return what it says of itself."""
    done = subprocess.run([*command, str(source), str(target)], capture_output=True, check=False)
    if done.returncode:
        sys.exit(f"{command}: {done.stderr.decode()}")
    return dict(json.loads(done.stdout))


def compare_records(work: Work, folder: Path) -> None:
    """Stop if the programs refuse other numbers of rows, or differ in a record or in their order."""
    targets = {who: folder / f"{work.name}.{who}" for who in PROGRAMS}
    counts = {
        (found["mapped"], found["rejected"])
        for who, target in targets.items()
        for found in (run_one(in_process(work.name, who), source_in(folder, work), target),)
    }
    if len(counts) > 1:
        sys.exit(f"{work.name}: records and rejects differ: {counts}")
    compare(targets)


def compare(targets: dict[str, Path]) -> None:
    """Stop at the first record that is not the same in all of these files."""
    with ExitStack() as stack:
        files = [stack.enter_context(target.open("rb")) for target in targets.values()]
        for number, lines in enumerate(zip_longest(*files), 1):
            records = [line and json.loads(line) for line in lines]
            if any(record != records[0] for record in records):
                texts = "\n".join(f"{name}: {record}" for name, record in zip(targets, records, strict=True))
                sys.exit(f"record {number} differs:\n{texts}")


def time_programs(work: Work, rows: int, rounds: int, folder: Path) -> dict[str, Any]:
    """Run all in turn, every other round from the last to the first."""
    runs: dict[str, list[float]] = {who: [] for who in PROGRAMS}
    for number in range(rounds):
        for who in PROGRAMS[:: -1 if number % 2 else 1]:
            taken = run_one(in_process(work.name, who), source_in(folder, work), folder / "out")
            runs[who].append(taken["cpu"] / rows * 1e6)
    times = {
        who: [draft / own for draft, own in zip(runs["first_draft"], runs[who], strict=True)] for who in runs
    }
    return {"work": work.name, "aim": work.aim, "microseconds": runs, "times": times}


def print_programs(figures: list[dict[str, Any]]) -> None:
    print(
        "\n| work | first draft, µs a row | opusmap, µs | times as fast | from, to | tuned by hand | aim |"
        "\n|---|---|---|---|---|---|---|"
    )
    for one in figures:
        draft, own = (statistics.median(one["microseconds"][who]) for who in ("first_draft", "opusmap"))
        times, tuned = one["times"]["opusmap"], statistics.median(one["times"]["tuned"])
        print(
            f"| {one['work']} | {draft:.1f} | {own:.1f} | **{statistics.median(times):.2f}** |"
            f" {min(times):.2f}, {max(times):.2f} | {tuned:.2f} | {one['aim'] or ''} |"
        )


def measure_costs(works: list[Work], options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Measure what unusual rows cost, and what `map --payloads` costs outside the generated function."""
    costs = [time_single_rows(works, options.seed, folder)]
    register = WORKS["register"]
    if register in works:
        costs += time_rejects(register, options, folder)
        costs.append(time_surroundings(register, options.rounds, folder))
    return costs


def time_single_rows(works: list[Work], seed: int, folder: Path) -> dict[str, Any]:
    """Return what the dearest valid row costs, in median rows of its work: the most of all these works."""
    found = {}
    for work in works:
        source = source_in(folder, work, ".single")
        write_source(work, source, SINGLE_ROWS, seed)
        taken = run_one(in_process(work.name, "rows"), source, folder / "out")
        found[work.name] = taken["dearest"] / taken["median"]
    worst = max(found, key=found.__getitem__)
    what = f"the dearest valid row, of the median row ({worst}, the worst of these)"
    return {"cost": what, "times": [found[worst]], "aim": 3}


def time_rejects(register: Work, options: argparse.Namespace, folder: Path) -> list[dict[str, Any]]:
    """Return what a reject costs, its line in the file of rejects included, in good rows.

    Each is wrong in so many columns, in texts that no other row has. What a fifth of the rows costs is taken
    off: it bears the start.
    """
    most = max(SINGLE_ROWS, options.rows // 5)
    sources = {}
    for wrong in (0, 1, 3, len(WRONG)):
        for count in (most // 5, most):
            sources[wrong, count] = source_in(folder, register, f".{wrong}.{count}")
            share = 1.0 if wrong else 0.0
            write_source(register, sources[wrong, count], count, options.seed, rejects=share, wrong=wrong)
    command, times = in_process(register.name, "opusmap"), {wrong: list[float]() for wrong, _ in sources}
    for _ in range(options.rounds):
        cpu = {key: run_one(command, source, folder / "out")["cpu"] for key, source in sources.items()}
        good = cpu[0, most] - cpu[0, most // 5]
        for wrong, found in times.items():
            found.append((cpu[wrong, most] - cpu[wrong, most // 5]) / good)
    names = {1: "1 column wrong", 3: "3 columns wrong", len(WRONG): f"all {len(WRONG)} that can be wrong"}
    return [
        {"cost": f"a reject, {name}, of a good row (register)", "times": times[wrong], "aim": 5}
        for wrong, name in names.items()
    ]


def time_surroundings(register: Work, rounds: int, folder: Path) -> dict[str, Any]:
    """Return what `map --payloads` costs outside the generated function, the start included."""
    times = []
    for _ in range(rounds):
        whole, function, floor = (
            run_one(in_process(register.name, who), source_in(folder, register), folder / "out")["cpu"]
            for who in ("payloads", "function", "parse_and_encode")
        )
        times.append((whole - function) / floor)
    what = "`map --payloads` outside the generated function, of parsing and encoding alone (register)"
    return {"cost": what, "times": times, "aim": 2}


def print_costs(costs: list[dict[str, Any]]) -> None:
    print("\n| cost | times | from, to | at most |\n|---|---|---|---|")
    for one in costs:
        times = one["times"]
        print(
            f"| {one['cost']} | **{statistics.median(times):.1f}** | {min(times):.1f}, {max(times):.1f} |"
            f" {one['aim']} |"
        )


def compare_processes(rows: int, workers: int, rounds: int) -> None:
    """Time the command line with one process and with several, in turn; stop if one byte differs."""
    for work in (WORKS["register"], WORKS["contracts"]):
        print(f"\n{work.name}: wall and CPU seconds with one process, with {workers}; times as fast")
        with tempfile.TemporaryDirectory() as name:
            source = Path(name) / f"source{work.suffix}"
            write_source(work, source, rows)
            gains = []
            for _ in range(rounds):
                one, several = (run_processes(work, source, count) for count in (1, workers))
                if one[2] != several[2]:
                    sys.exit(f"{workers} processes wrote other bytes than one")
                gains.append(one[0] / several[0])
                figures = f"{one[0]:8.2f} {one[1]:8.2f} {several[0]:11.2f} {several[1]:8.2f}"
                print(f"{figures}   {gains[-1]:.2f}", flush=True)
            print(f"{'median':>38}   {statistics.median(gains):.2f}")


def run_processes(work: Work, source: Path, count: int) -> tuple[float, float, list[bytes]]:
    """Map with so many processes; return wall and CPU seconds, and the hashes of what was written."""
    code = "import sys; from opusmap.cli import main; sys.exit(main())"
    folder = source.parent / str(count)
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-c", code, "map", str(work.mapping), str(source), "-q"]
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
