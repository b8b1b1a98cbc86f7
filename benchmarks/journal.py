"""What a journal costs: bytes a record, and seconds until a run may go on.

    python benchmarks/journal.py [RECORDS] [--random] [--database ADDRESS]

Records go through the journal as a run sends them: 8 requests of 15 begin in one commit, and are finished
in that of the next 8. With `--random` the rowKeys come in no order, which is the worst for the file. With
`--database postgresql://…` (its role signs in without a password) the same goes through a journal there, too,
and the last line is the ratio of the two. Look-ups are one after the other, which a run's are not.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import tempfile
import time
from collections.abc import Awaitable, Sequence
from pathlib import Path

from opusmap.journal import Item, Journal, Result, Run, State, Timestamp, open_journal
from opusmap.settings import PostgresAddress

REQUESTS, SIZE = 8, 15


def start(journal: Journal) -> Run:
    return journal.start_run(origin="https://opus.example.com", connection="c-1", mapping="m.yaml")


async def fill(journal: Journal, keys: Sequence[str]) -> None:
    draw = random.Random(7)
    now = Timestamp(time.time(), time.monotonic())
    step, finished = REQUESTS * SIZE, list[Awaitable[None]]()
    async with journal.session(start(journal)) as session:
        for at in range(0, len(keys), step):
            items = [
                Item(row, key, draw.randbytes(16)) for row, key in enumerate(keys[at : at + step], at + 2)
            ]
            batches = [items[place : place + SIZE] for place in range(0, len(items), SIZE)]
            await asyncio.gather(*finished, *(session.begin(batch, now) for batch in batches))
            results = [[Result(each.key, State.ACCEPTED) for each in batch] for batch in batches]
            finished = [session.finish(each) for each in results]
        await asyncio.gather(*finished)


async def look_up(journal: Journal, keys: Sequence[str]) -> float:
    """Return the seconds that it takes until the first batch is looked up."""
    began, first = time.perf_counter(), 0.0
    async with journal.session(start(journal)) as session:
        for at in range(0, len(keys), SIZE):
            await session.look_up(keys[at : at + SIZE])
            first = first or time.perf_counter() - began
    return first


def measure(place: Path | PostgresAddress, keys: Sequence[str]) -> float:
    """Print what a journal costs at a place that has none yet; return its seconds a request."""
    with open_journal(place) as journal:
        began, cpu = time.perf_counter(), time.process_time()
        asyncio.run(fill(journal, keys))
        seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
    requests = len(keys) / SIZE
    print(
        f"written: {seconds:.1f} s, {seconds / requests * 1e6:.0f} µs a request, "
        f"of them CPU of this process {cpu / requests * 1e6:.0f}"
    )
    if isinstance(place, Path):
        print(f"file: {place.stat().st_size / len(keys):.1f} bytes a record")
    began = time.perf_counter()
    with open_journal(place) as journal:
        opened = time.perf_counter() - began
        sample = keys[: 15 * 20_000]
        began = time.perf_counter()
        first = asyncio.run(look_up(journal, sample))
        print(f"opened, and the first batch looked up: {(opened + first) * 1e3:.1f} ms")
        print(f"looked up: {(time.perf_counter() - began) / len(sample) * 1e6:.2f} µs a record")
    return seconds / requests


def main() -> None:
    parser = argparse.ArgumentParser(description="What a journal costs.")
    parser.add_argument("records", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--random", action="store_true")
    parser.add_argument("--database", help="address of a PostgreSQL database without a journal")
    options = parser.parse_args()
    keys = [f"CONTRACT-{number:011d}" for number in range(options.records)]  # 20 characters
    if options.random:
        random.Random(8).shuffle(keys)
    with tempfile.TemporaryDirectory() as folder:
        print("SQLite")
        in_file = measure(Path(folder) / "journal.db", keys)
    if options.database:
        print("PostgreSQL")
        in_database = measure(PostgresAddress(options.database), keys)
        print(f"a request in PostgreSQL / in SQLite: {in_database / in_file:.1f}")


if __name__ == "__main__":
    main()
