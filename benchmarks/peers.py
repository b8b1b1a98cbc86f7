"""How fast opusmap maps, beside other tools that can be told to do the same work.

    python benchmarks/peers.py [ROWS] [--long ROWS] [--rounds N] [--json FILE]

The work is `register` of `mapping.py`: a row of 15 columns becomes a record of 15 fields, JSON Lines to JSON
Lines. What each tool is told stands in `peers/`. All outputs are compared, on all rows, before anything is
timed: a field without a value may be missing, null or an empty text, anything else that differs stops the
benchmark. A tool that is not there is left out, in words.

All run in turn, in processes of their own, for N rounds; shown are medians, ratios are those within a round.
Tools in Python count as in `mapping.py`, from when everything is imported, programs as a whole; a ratio
counts both of its sides alike. opusmap runs a second time over more rows (`opusmap, long`): what it pays
once, for compiling and for days and people that it has not met before, is small there. Unix only.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mapping import compare, in_process, load, machine
from workloads import WORKS, write_source

ROOT = Path(__file__).resolve().parent
PEERS = ROOT / "peers"
ENVIRONMENTS = ROOT.parent / "build" / "peers"
OUTSIDE = {"TZ": "Australia/Sydney", "PYTHONPATH": str(ROOT)}  # jq and Singer know no other zones
FIGURES = ("cpu", "whole", "wall")


@dataclass(frozen=True)
class Contestant:
    """A tool that reads a source; a program writes to standard output, a script to its last argument."""

    name: str
    command: list[str]
    version: str = ""
    is_program: bool = False


@dataclass(frozen=True)
class Missing:
    """A tool that is not there."""

    name: str
    remedy: str


OPUSMAP = Contestant("opusmap", in_process("register", "opusmap"))
FIRST_DRAFT = Contestant("first draft", in_process("register", "first_draft"))
LONG = "opusmap, long"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="?", type=int, default=20_000)
    parser.add_argument("--long", type=int, default=200_000, help="rows for opusmap's second run")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path, help="file for the figures")
    options = parser.parse_args()
    os.environ.update(OUTSIDE)
    peers = find_peers()
    contestants = [OPUSMAP, FIRST_DRAFT, *(peer for peer in peers if isinstance(peer, Contestant))]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        short, long = ((rows, folder / f"{rows}.jsonl") for rows in (options.rows, options.long))
        for rows, source in (short, long):
            write_source(WORKS["register"], source, rows)
        compare_all(contestants, short[1], folder)
        rounds = [run_round(contestants, short, long, folder) for _ in range(options.rounds)]
    results = {name: summarise(name, rounds, contestants) for name in rounds[0]}
    print(f"{options.rows:,} rows ({LONG}: {options.long:,}), {options.rounds} rounds, {machine()}, ", end="")
    print(f"load {load():.1f}\n")
    print_table(results)
    for peer in peers:
        if isinstance(peer, Missing):
            print(f"{peer.name} is left out: {peer.remedy}")
    if options.json:
        found = {"machine": machine(), "date": f"{datetime.now(UTC):%Y-%m-%d}", "rows": options.rows}
        text = json.dumps({**found, "long": options.long, "results": results}, indent=2)
        options.json.write_text(text + "\n", "utf-8")


def find_peers() -> list[Contestant | Missing]:
    jq = ("--compact-output", "--from-file")
    miller = ("--ijsonl", "--ojsonl", "put", "-q", "-f")
    return [
        find_script("Airbyte CDK", "airbyte", package="airbyte-cdk"),
        find_script("Singer SDK", "singer", package="singer-sdk"),
        find_program("jq", [*jq, str(PEERS / "register.jq")], program="jq", package="jq"),
        find_program("jq, checked", [*jq, str(PEERS / "register.checked.jq")], program="jq", package="jq"),
        find_program("Miller", [*miller, str(PEERS / "register.mlr")], program="mlr", package="miller"),
    ]


def find_script(name: str, folder: str, *, package: str) -> Contestant | Missing:
    """Return the tool in its own environment, as `make bench-peers` installs it."""
    python = ENVIRONMENTS / folder / "bin" / "python"
    version = f"import importlib.metadata as found; print(found.version({package!r}))"
    try:
        said = subprocess.run([python, "-c", version], capture_output=True, check=True).stdout.decode()
    except (OSError, subprocess.CalledProcessError):
        return Missing(name, f"build/peers/{folder} lacks it; `make bench-peers` installs it there.")
    return Contestant(name, [str(python), str(PEERS / f"{folder}.py")], said.strip())


def find_program(name: str, arguments: list[str], *, program: str, package: str) -> Contestant | Missing:
    """Return the tool that the PATH has."""
    found = shutil.which(program)
    if not found:
        remedy = f"no `{program}` on the PATH; `apt-get install {package}` or `brew install {package}`."
        return Missing(name, remedy)
    said = subprocess.run([found, "--version"], capture_output=True, check=True).stdout.decode()
    return Contestant(name, [found, *arguments], said.split()[-1].removeprefix("jq-"), is_program=True)


def compare_all(contestants: list[Contestant], source: Path, folder: Path) -> None:
    """Stop if a record differs between two contestants."""
    for contestant in contestants:
        run(contestant, source, folder / contestant.name)
        if contestant not in (OPUSMAP, FIRST_DRAFT):
            drop_nothings(folder / contestant.name)
    compare({contestant.name: folder / contestant.name for contestant in contestants})


def drop_nothings(path: Path) -> None:
    """Drop the fields of a file of records that stand for no value."""
    records = [json.loads(line) for line in path.read_bytes().splitlines()]
    kept = ({name: value for name, value in one.items() if value not in (None, "")} for one in records)
    path.write_text("".join(json.dumps(record) + "\n" for record in kept), "utf-8")


def run_round(
    contestants: list[Contestant], short: tuple[int, Path], long: tuple[int, Path], folder: Path
) -> dict[str, dict[str, float]]:
    """Run all in turn over a number of rows, opusmap over more as well; return what each took for a row."""
    found = {one.name: run_rows(one, *short, folder) for one in contestants}
    return {**found, LONG: run_rows(OPUSMAP, *long, folder)}


def run_rows(contestant: Contestant, rows: int, source: Path, folder: Path) -> dict[str, float]:
    """Run a contestant once; return microseconds a row."""
    taken = run(contestant, source, folder / "out")
    return {name: seconds / rows * 1e6 for name, seconds in taken.items()}


def run(contestant: Contestant, source: Path, target: Path) -> dict[str, float]:
    """Run a contestant once; return CPU seconds after imports and as a whole, and seconds by the clock."""
    said = target.with_name("said")
    output, arguments = (target, [source]) if contestant.is_program else (said, [source, target])
    with output.open("wb") as file:
        start = time.perf_counter()
        process = subprocess.Popen([*contestant.command, *map(str, arguments)], stdout=file)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{contestant.name} stopped with exit code {process.returncode}")
    whole = usage.ru_utime + usage.ru_stime
    cpu = whole if contestant.is_program else json.loads(said.read_bytes())["cpu"]
    return {"cpu": cpu, "whole": whole, "wall": wall}


def summarise(
    name: str, rounds: list[dict[str, dict[str, float]]], contestants: list[Contestant]
) -> dict[str, Any]:
    """Return medians, and how many times the CPU of opusmap and of the first draft a row took."""
    (tool,) = (one for one in contestants if one.name == name.removesuffix(", long"))
    measure = "whole" if tool.is_program else "cpu"
    figures = {key: statistics.median(found[name][key] for found in rounds) for key in FIGURES}
    times = {
        other: statistics.median(found[name][measure] / found[other][measure] for found in rounds)
        for other in (OPUSMAP.name, LONG, FIRST_DRAFT.name)
    }
    return {"version": tool.version, **figures, "measure": measure, "times": times}


def print_table(results: dict[str, dict[str, Any]]) -> None:
    others = (OPUSMAP.name, LONG, FIRST_DRAFT.name)
    print(f"{'':<22} {'CPU µs a row':>17}          CPU, times that of")
    print(f"{'who':<22} {'imported':>10} {'whole':>6} {'wall':>7}", end="")
    print("".join(f" {other:>13}" for other in others))
    for name, found in results.items():
        imported = f"{found['cpu']:.1f}" if found["measure"] == "cpu" else "-"
        print(f"{name + ' ' + found['version']:<22} {imported:>10} {found['whole']:6.1f}", end="")
        print(f" {found['wall']:7.1f}", end="")
        print("".join(f" {found['times'][other]:13.3g}" for other in others))
    print()


if __name__ == "__main__":
    main()
