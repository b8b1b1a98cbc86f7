"""What `opusmap diff` takes as rows grow: seconds, CPU time, and the most memory that its process holds.

    python benchmarks/diff.py [--most ROWS] [--changed SHARE] [--database ADDRESS]

Rows go from 10,000 to `--most` (a million by default), as CSV with ten columns. The journal has them as Opus
accepted them; then one row in fifty is new, as many are gone, and `--changed` (a tenth) have another text in
one column. The journal is filled through its own methods, as a run fills it, without an Opus. With
`--database postgresql://…` (its role signs in without a password), it is there. Each figure is of the command
from start to end, in a process of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from mapping import load, machine

from opusmap.compiler import load_mapping
from opusmap.journal import Item, Result, State, Timestamp, hash_content, open_journal
from opusmap.run.parallel import CHUNK_ROWS
from opusmap.settings import JournalPlace, PostgresAddress
from opusmap.sources import open_source

ORIGIN = "https://opus.example.com"
GUID = "0e4c9f5d-52a1-4a0c-9a30-6d2d2f3f7b15"
COLUMNS = {
    "rowKey": "SingleText",
    "leafName": "SingleText",
    "timeCreated": "DateTime",
    "timeModified": "DateTime",
    "createdBy": "SingleText",
    "_Office": "SingleText",
    "_Amount": "Number",
    "_Pages": "Number",
    "_Subject": "SingleText",
    "_Note": "SingleText",
}
MAPPING = """opusmap: 1
connection: connection.json
source: {path: rows.csv}
timezone: UTC
fields:
  rowKey: No
  leafName: Name
  timeCreated: Created
  timeModified: Modified
  createdBy: By
  Office: Office
  Amount: Amount
  Pages: Pages
  Subject: Subject
  Note: Note
"""
HEAD = "No,Name,Created,Modified,By,Office,Amount,Pages,Subject,Note\n"
ONE_IN = 50
BATCH = 15
BATCHES = 8
RUN = """
import resource, sys
from opusmap.cli import main
code = main(sys.argv[1:])
used = resource.getrusage(resource.RUSAGE_SELF)
print(used.ru_utime + used.ru_stime, used.ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def write_rows(path: Path, first: int, rows: int, changed: float) -> None:
    """Write rows with the numbers from `first` on; a share of them has another text in one column."""
    every = round(1 / changed) if changed else 0
    with path.open("w", encoding="utf-8") as file:
        file.write(HEAD)
        for number in range(first, first + rows):
            day = f"20{number % 24:02}-{number % 12 + 1:02}-{number % 28 + 1:02}"
            note = "another" if every and number % every == 0 else "none"
            file.write(
                f"R-{number:09},Contract {number} of {number % 977},{day},{day},Ann Lee,Office {number % 40},"
                f"{number % 9999}.25,{number % 300},Subject {number % 4001},{note}\n"
            )


async def fill(folder: Path, place: JournalPlace) -> None:
    """Write the folder's rows into a journal, as what Opus accepted."""
    mapper = load_mapping(folder / "mapping.yaml")
    now = Timestamp(time.time(), time.monotonic())
    with open_source(folder / "rows.csv") as source, open_journal(place) as journal:
        run = journal.start_run(origin=ORIGIN, connection=GUID, mapping="mapping.yaml")
        rows = iter(source.rows())
        async with journal.session(run) as session:

            def items() -> Iterator[Item]:
                while part := list(islice(rows, CHUNK_ROWS)):
                    chunk = mapper.map_chunk(part)
                    for row, key, record in zip(chunk.numbers, chunk.keys, chunk.records(), strict=True):
                        content = hash_content(record, "overwrite")
                        yield Item(row, key, content, session.hash_columns(record, content))

            found = items()
            while block := list(islice(found, BATCH * BATCHES)):
                batches = [block[at : at + BATCH] for at in range(0, len(block), BATCH)]
                await asyncio.gather(*(session.begin(batch, now) for batch in batches))
                results = [[Result(each.key, State.ACCEPTED) for each in batch] for batch in batches]
                await asyncio.gather(*(session.finish(each) for each in results))
        journal.finish_run(run, ending="finished", counts={})


def measure(rows: int, changed: float, database: str | None) -> dict[str, Any]:
    """Return what the command takes for so many rows."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "connection.json").write_text(json.dumps({"id": GUID, "data": [COLUMNS]}), "utf-8")
        (folder / "mapping.yaml").write_text(MAPPING, "utf-8")
        write_rows(folder / "rows.csv", 0, rows, 0.0)
        asyncio.run(fill(folder, PostgresAddress(database) if database else folder / "opusmap-journal.db"))
        write_rows(folder / "rows.csv", rows // ONE_IN, rows, changed)
        environ = {**os.environ, **({"OPUSMAP_JOURNAL": database} if database else {})}
        began = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", RUN, "diff", "mapping.yaml", "--json", "--quiet"],
            cwd=folder,
            env=environ,
            capture_output=True,
            check=False,
        )
        seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(done.stderr.decode())
    counts = json.loads(done.stdout)
    if (counts["new"], counts["gone"]) != (rows // ONE_IN, rows // ONE_IN) or counts["columns_unknown"]:
        sys.exit(f"this is not what was written: {counts}")
    cpu, peak = map(float, done.stderr.split()[-2:])
    return {"seconds": seconds, "cpu": cpu, "peak": peak / 1024, "changed": counts["changed"]}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--changed", type=float, default=0.1)
    parser.add_argument("--database", help="address of a PostgreSQL database without a journal")
    options = parser.parse_args()
    print(f"{machine()}, load {load():.1f}")
    print("\n     rows   seconds   CPU µs/row      MB   changed")
    for count in (10**power for power in range(4, 8) if 10**power <= options.most):
        one = measure(count, options.changed, options.database)
        each = one["cpu"] / count * 1e6
        print(f"{count:>9,} {one['seconds']:>9.1f} {each:>12.1f} {one['peak']:>7.0f} {one['changed']:>9,}")


if __name__ == "__main__":
    main()
