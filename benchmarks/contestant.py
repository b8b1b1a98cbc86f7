"""One contestant's run over one source, in a process of its own; prints what it took as JSON.

    python benchmarks/contestant.py WORK WHO SOURCE TARGET       such as expressions tuned

CPU and wall-clock seconds count from when everything is imported; opusmap's include compiling the mapping.
`peak` is the most memory that the process held, in MB (imports included).
"""

from __future__ import annotations

import gc
import json
import random
import re
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from workloads import WORKS, Work

FRESH = 9
"""How many new mappers time every row: what else runs on the machine seldom meets a row in all of them."""
Run = Callable[[str, str], tuple[int, int]]
"""Maps a source to a target; returns how many rows became records and how many were refused."""


def first_draft(work: Work) -> Run:
    return work.module("first_draft").map_file  # type: ignore[no-any-return]


def tuned(work: Work) -> Run:
    return work.module("tuned").map_file  # type: ignore[no-any-return]


def opusmap(work: Work) -> Run:
    """Return the whole road of `opusmap map`: records as JSON Lines, rejects with reasons to a file."""
    from opusmap.output_files import create_output
    from opusmap.rejects import RejectWriter
    from opusmap.run.map import MapStream
    from opusmap.run.open import open_work

    def run(source: str, target: str) -> tuple[int, int]:
        job = open_work(work.mapping, source)
        rejects = RejectWriter.beside(Path(target), job.source)
        stream = MapStream(job)
        with job.source, create_output(target) as file, rejects:
            for chunk in stream:
                file.write(chunk.lines)
                for reject in chunk.rejects():
                    rejects.write(reject)
        return stream.tally.mapped, stream.tally.rejected

    return run


def payloads(work: Work) -> Run:
    """Return the whole road of `opusmap map --payloads`: request bodies of 15 records."""
    import opusmap.opus  # noqa: F401 - what `PayloadWriter` imports
    from opusmap.output_files import create_output
    from opusmap.run.map import MapStream, PayloadWriter
    from opusmap.run.open import open_work

    def run(source: str, target: str) -> tuple[int, int]:
        job = open_work(work.mapping, source)
        stream = MapStream(job)
        with job.source, create_output(target) as file, PayloadWriter(job, file) as bodies:
            for chunk in stream:
                bodies.write(chunk)
        return stream.tally.mapped, stream.tally.rejected

    return run


def parse_and_encode(_work: Work) -> Run:
    """Read JSON Lines and write request bodies, nothing between: the floor."""
    import msgspec

    def run(source: str, target: str) -> tuple[int, int]:
        decode, encode = msgspec.json.Decoder(dict[str, str]).decode, msgspec.json.Encoder().encode
        count, batch = 0, []
        with Path(source).open("rb") as lines, Path(target).open("wb") as out:
            for line in lines:
                batch.append(decode(line))
                count += 1
                if len(batch) == 15:  # noqa: PLR2004 - a request's records
                    out.write(encode({"data": batch}) + b"\n")
                    batch = []
            out.write(encode({"data": batch}) + b"\n")
        return count, 0

    return run


CONTESTANTS = {one.__name__: one for one in (first_draft, tuned, opusmap, payloads, parse_and_encode)}


def measure(run: Run, source: str, target: str) -> dict[str, float]:
    cpu, wall = time.process_time(), time.perf_counter()
    mapped, rejected = run(source, target)
    taken = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - wall}
    return {**taken, "peak": peak_memory(), "mapped": mapped, "rejected": rejected}


def measure_function(work: Work, source: str) -> dict[str, float]:
    """Run a mapping's generated function over all rows, read before; return its CPU seconds."""
    mapper, rows = read_rows(work, source)
    function, problems = mapper._function, list[Any]()  # noqa: SLF001 - what is timed is this alone
    began = time.process_time()
    for row in rows:
        function(row, problems)
    return {"cpu": time.process_time() - began}


def measure_rows(work: Work, source: str) -> dict[str, float]:
    """Time each valid row by itself; return the seconds that the dearest and the median one take.

    Of each row it is the least of several runs. Each has a new mapper and another order of rows, of which
    the first fifth bears the start and does not count: what is timed is the row, not when a memory grows.
    """
    from opusmap.compiler import load_mapping
    from opusmap.records import Record

    mapper, rows = read_rows(work, source)
    valid = [isinstance(mapper.map_row(row), Record) for row in rows]
    least: dict[int, float] = {}
    for run in range(FRESH):
        mapper = load_mapping(work.mapping, columns=mapper.plan.source_columns)
        order = random.Random(run).sample(range(len(rows)), len(rows))
        gc.collect()
        gc.disable()
        for place, at in enumerate(order):
            began = time.perf_counter()
            mapper.map_row(rows[at])
            taken = time.perf_counter() - began
            if valid[at] and place > len(rows) // 5:
                least[at] = min(taken, least.get(at, taken))
        gc.enable()
    return {"dearest": max(least.values()), "median": statistics.median(least.values())}


def read_rows(work: Work, source: str) -> tuple[Any, list[Any]]:
    """Return the mapper for a source, compiled, and the values of all rows that can be read."""
    from opusmap.records import Row
    from opusmap.run.open import open_work

    job = open_work(work.mapping, source)
    with job.source:
        return job.mapper, [row.values for row in job.source.rows() if isinstance(row, Row)]


def peak_memory() -> float:
    """Return the most memory that this process held, in MB; 0 where the system does not tell.

    Linux says it in /proc. Its `ru_maxrss` would count the process that this one was forked from, too.
    """
    status = Path("/proc/self/status")
    if status.exists():
        found = re.search(r"VmHWM:\s*(\d+) kB", status.read_text("utf-8"))
        return 0.0 if found is None else round(int(found[1]) * 1024 / 1e6, 1)
    try:
        import resource
    except ImportError:  # Windows
        return 0.0
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6, 1)


def main() -> None:
    name, who, source, target = sys.argv[1:]
    work = WORKS[name]
    if who == "function":
        found = measure_function(work, source)
    elif who == "rows":
        found = measure_rows(work, source)
    else:
        found = measure(CONTESTANTS[who](work), source, target)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
