"""The long figures: simulated stories and lives, real kills, power losses, rows through Spark.

`make soak` runs it; CI runs a part of each.

    python tests/soak.py [--seeds 10000] [--lives 10000] [--lives-with-power-losses 1000]
        [--lives-in-database 300] [--kills 500] [--power-losses 500] [--rows 200000] [--workers 2]

What is 0 is left out. So are the rows where pyspark, Java or PostgreSQL is not installed, and the lives in a
database where PostgreSQL is not.

Exits with 1 if anything was lost, doubled beyond what is promised, or a planted bug went unseen.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "benchmarks"))
sys.path.insert(0, str(Path(__file__).resolve().parent / "support"))

import pytest
from crashes import live_through_crashes
from disposal_lives import MakeHome, live
from life_journals import DatabaseHome, DiskHome
from postgres import run_server
from scale_proof import drain, stage_on_cluster
from simulation import Variant, tell_story
from spark_session import require_spark

CHUNK = 50


def tell(job: tuple[int, int, bool]) -> tuple[Counter[str], list[str]]:
    """Tell a chunk of stories; return what happened, counted, and what broke."""
    first, count, power_loss = job
    happened, broken = Counter[str](), list[str]()
    for seed in range(first, first + count):
        with tempfile.TemporaryDirectory() as folder:
            try:
                story = tell_story(seed, Path(folder), Variant(power_loss=power_loss))
            except AssertionError as error:
                broken.append(str(error))
                continue
        happened += story.troubles
        happened.update(stories=1, runs=story.runs, kills=story.kills, requests=story.requests)
        happened.update(resent=story.resent)
    return happened, broken


def live_all(job: tuple[int, int, str]) -> tuple[Counter[str], list[str]]:
    """Live a chunk of lives: of journals in a `file`, on a `disk` that loses power, or at an address."""
    first, count, place = job
    happened, broken = Counter[str](), list[str]()
    for seed in range(first, first + count):
        make_home: MakeHome | None = None
        if place == "disk":
            make_home = partial(_make_disk_home, random.Random(f"disk {seed}"))
        elif place != "file":
            make_home = partial(_make_database_home, place)
        try:
            happened += live(seed, make_home).met
        except AssertionError as error:
            broken.append(str(error))
        happened["lives"] += 1
    return happened, broken


def _make_disk_home(draw: random.Random, folder: Path, _: Callable[[], float]) -> DiskHome:
    return DiskHome(folder, draw)


def _make_database_home(address: str, _: Path, now: Callable[[], float]) -> DatabaseHome:
    return DatabaseHome(address, now)


def kill(job: tuple[int, int]) -> tuple[Counter[str], list[str]]:
    """Live through a chunk of real kills."""
    seed, kills = job
    with tempfile.TemporaryDirectory() as folder:
        crashes = live_through_crashes(kills, seed, Path(folder))
    happened = Counter(
        kills=crashes.kills, ended=crashes.ended, requests=crashes.requests, resent=crashes.resent
    )
    problems = [f"chain {seed}: {problem}" for problem in crashes.problems]
    happened[f"most {crashes.most_resent}"] = 1
    return happened, problems


def run(
    name: str, work: Callable[[Any], tuple[Counter[str], list[str]]], jobs: Iterable[Any], workers: int
) -> tuple[Counter[str], list[str]]:
    """Do the jobs in several processes; print how long it took and what broke."""
    began, happened, broken = time.monotonic(), Counter[str](), list[str]()
    with ProcessPoolExecutor(workers) as pool:
        for part, problems in pool.map(work, jobs):
            happened += part
            broken += problems
    print(f"\n{name}: {time.monotonic() - began:.0f} s, {len(broken)} broken", flush=True)
    for problem in broken:
        print(f"  BROKEN {problem}")
    return happened, broken


def send_at_scale(rows: int) -> list[str]:
    """Map, stage and send many rows, see `scale_proof`; print the figures, and return what broke."""
    print(f"\n{rows:,} rows of the register through Spark and three processes:", flush=True)
    with ExitStack() as stack:
        try:
            require_spark()
            server = stack.enter_context(run_server())
        except pytest.skip.Exception as reason:
            print(f"  left out: {reason}")
            return []
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        staged = stage_on_cluster(folder, rows)
        print(f"  {len(staged.values):,} records staged in {staged.seconds:.0f} s", flush=True)
        drained = drain(staged, server, seed=1)
    print(f"  {drained}\n  faults met: {dict(sorted(drained.met.items()))}")
    for problem in drained.problems[:20]:
        print(f"  BROKEN {problem}")
    return drained.problems


def live_on(name: str, place: str, lives: int, workers: int) -> list[str]:
    """Live many lives; print what happened, and return what broke."""
    chunks = [(first, min(CHUNK, lives - first), place) for first in range(0, lives, CHUNK)]
    happened, broken = run(name, live_all, chunks, workers)
    print("  " + ", ".join(f"{what or 'no trouble'} {number:,}" for what, number in happened.most_common()))
    return broken


def live_in_database(lives: int) -> list[str]:
    """Live lives whose journal is in PostgreSQL; return what broke."""
    try:
        with run_server() as server:
            return live_on("lives with PostgreSQL", server.make_database(), lives, 1)
    except pytest.skip.Exception as reason:
        print(f"\nlives with PostgreSQL: left out: {reason}")
        return []


def count(happened: Counter[str], *names: str) -> str:
    return ", ".join(f"{happened[name]:,} {name}" for name in names)


def tell_stories(seeds: int, workers: int) -> list[str]:
    """Tell many stories; print what happened, and return what broke."""
    chunks = [(first, min(CHUNK, seeds - first), False) for first in range(0, seeds, CHUNK)]
    stories, broken = run("simulated stories", tell, chunks, workers)
    print(f"  {count(stories, 'stories', 'runs', 'kills', 'requests')}")
    print(f"  confirmed records sent again after kills: {stories['resent']:,}")
    skip = {"stories", "runs", "kills", "requests", "resent"}
    named = (f"{name} {number:,}" for name, number in stories.most_common() if name not in skip)
    print("  " + ", ".join(named))
    return broken


def lose_power(power_losses: int, workers: int) -> list[str]:
    """Tell stories until so many have lost power; print what happened, and return what broke."""
    losses, broken, first = Counter[str](), list[str](), 0
    while losses["kills"] < power_losses:
        need = power_losses - losses["kills"]
        jobs = [(first + place, 10, True) for place in range(0, max(10, need // 2), 10)]
        first += 10 * len(jobs)
        part, problems = run("power losses in simulated stories", tell, jobs, workers)
        losses, broken = losses + part, broken + problems
    print(f"  {losses['kills']:,} power losses; {count(losses, 'stories', 'runs', 'requests')}")
    return broken


def kill_processes(number: int, workers: int) -> list[str]:
    """Live through real kills; print what happened, and return what broke."""
    chains = [(seed, min(25, number - 25 * seed)) for seed in range(-(-number // 25))]
    kills, broken = run("real kill -9", kill, chains, workers)
    most = max((int(name.split()[1]) for name in kills if name.startswith("most")), default=0)
    ended = f"{kills['ended']:,} processes were through before their kill"
    print(f"  {count(kills, 'kills', 'requests')}; {ended}")
    print(
        f"  records sent again: {kills['resent']:,}, at most {most} owed to one kill (8 x 15 = 120 allowed)"
    )
    return broken


def main() -> int:
    parser = argparse.ArgumentParser(description="The long figures.")
    parser.add_argument("--seeds", type=int, default=10_000)
    parser.add_argument("--lives", type=int, default=10_000)
    parser.add_argument("--lives-with-power-losses", type=int, default=1_000)
    parser.add_argument("--lives-in-database", type=int, default=300)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--power-losses", type=int, default=500)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    options = parser.parse_args()
    broken = list[str]()
    if options.seeds:
        broken += tell_stories(options.seeds, options.workers)
    if options.lives:
        broken += live_on("lives of records", "file", options.lives, options.workers)
    if options.lives_with_power_losses:
        lives = options.lives_with_power_losses
        broken += live_on("lives with power losses", "disk", lives, options.workers)
    if options.lives_in_database:
        broken += live_in_database(options.lives_in_database)
    if options.power_losses:
        broken += lose_power(options.power_losses, options.workers)
    if options.kills:
        broken += kill_processes(options.kills, options.workers)
    if options.rows:
        broken += send_at_scale(options.rows)
    print(f"\n{'all held' if not broken else f'{len(broken)} BROKEN'}")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
