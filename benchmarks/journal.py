"""What a journal costs: bytes a record, and seconds until a run may go on.

    python benchmarks/journal.py [RECORDS] [--random]

Records go through the journal as a run sends them: 8 requests of 15 intended, then settled, in one
commit each. With `--random` the rowKeys come in no order, which is the worst for the file.
"""

from __future__ import annotations

import argparse
import random
import tempfile
import time
from pathlib import Path

from opusmap.journal import Item, Journal, Result, State, Timestamp

REQUESTS, SIZE = 8, 15


def fill(journal: Journal, keys: list[str]) -> None:
    run = journal.start_run(origin="https://opus.example.com", connection="c-1", mapping="m.yaml")
    draw = random.Random(7)
    now = Timestamp(time.time(), time.monotonic())
    step = REQUESTS * SIZE
    for start in range(0, len(keys), step):
        entries = [
            Item(row, key, draw.randbytes(16))
            for row, key in enumerate(keys[start : start + step], start + 2)
        ]
        batches = [entries[place : place + SIZE] for place in range(0, len(entries), SIZE)]
        journal.commit([journal.plan_begin(run, batch, now) for batch in batches])
        journal.commit(
            [
                journal.plan_finish(run, [Result(each.key, State.ACCEPTED) for each in batch])
                for batch in batches
            ]
        )


def main() -> None:
    parser = argparse.ArgumentParser(description="What a journal costs.")
    parser.add_argument("records", type=int, nargs="?", default=1_000_000)
    parser.add_argument("--random", action="store_true")
    options = parser.parse_args()
    keys = [f"CONTRACT-{number:011d}" for number in range(options.records)]  # 20 characters
    if options.random:
        random.Random(8).shuffle(keys)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "journal.db"
        with Journal.open(path) as journal:
            began, cpu = time.perf_counter(), time.process_time()
            fill(journal, keys)
            seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
        requests = options.records / SIZE
        print(f"written: {seconds:.1f} s, CPU {cpu / requests * 1e6:.0f} µs a request")
        print(f"file: {path.stat().st_size / options.records:.1f} bytes a record")
        began = time.perf_counter()
        with Journal.open(path) as journal:
            run = journal.start_run(origin="https://opus.example.com", connection="c-1", mapping="m.yaml")
            journal.look_up(run, keys[:SIZE])
            print(f"opened, and the first batch looked up: {(time.perf_counter() - began) * 1e3:.1f} ms")
            began = time.perf_counter()
            sample = keys[: 15 * 20_000]
            for start in range(0, len(sample), SIZE):
                journal.look_up(run, sample[start : start + SIZE])
            print(f"looked up: {(time.perf_counter() - began) / len(sample) * 1e6:.2f} µs a record")


if __name__ == "__main__":
    main()
