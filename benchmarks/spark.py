"""How fast a DataFrame of Spark is mapped and staged on two threads, beside `map --workers 2`.

    python benchmarks/spark.py [--rows N] [--json FILE]

The rows are the contract register that the project generates (20 columns, with its flaws), as Parquet, and
both map it by the register's mapping. Spark's start, and the first rows of its Python workers, are timed
apart. Seconds are wall-clock time. Peaks are those of a process in MB: the largest of opusmap's, and of
Spark's Python workers.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sources import OPUSMAP, REGISTER, write_parquet

PARTS = 8


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=500_000)
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        for file in ("contracts.connection.json", "staff.csv", "mapping.yaml"):
            shutil.copy(REGISTER / file, folder)
        path, _ = write_parquet(folder, options.rows)
        figures = [*by_processes(folder, path), *by_spark(folder, path)]
    print(f"{platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}, {options.rows:,} rows")
    print(f"{'step':46} {'seconds':>8} {'rows/s':>9} {'peak MB':>8}")
    for one in figures:
        rate = f"{options.rows / one['seconds']:,.0f}" if one["whole"] else ""
        print(f"{one['step']:46} {one['seconds']:>8.1f} {rate:>9} {one['peak'] or '':>8}")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2), "utf-8")


def by_processes(folder: Path, path: Path) -> Iterator[dict[str, Any]]:
    """Yield what the command line takes, its start included."""
    commands = {
        "opusmap map --workers 2": ("map", "mapping.yaml", path, "-o", "out.jsonl", "-q", "--workers", "2"),
        "opusmap stage --workers 2": ("stage", "mapping.yaml", path, "-o", "run", "-q", "--workers", "2"),
    }
    for step, command in commands.items():
        run = subprocess.Popen([*OPUSMAP, *map(str, command)], cwd=folder)
        yield measure(step, run.wait)
        assert run.returncode in (0, 1)


def by_spark(folder: Path, path: Path) -> Iterator[dict[str, Any]]:
    """Yield what each step takes in Spark on two threads."""
    from pyspark.sql import SparkSession

    from opusmap.spark import map_dataframe, stage

    os.environ["PYSPARK_PYTHON"] = sys.executable
    settings = {
        "spark.driver.memory": "1g",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.sql.shuffle.partitions": str(PARTS),
        "spark.local.dir": str(folder / "local"),
        "spark.log.level": "ERROR",
    }
    builder = SparkSession.builder.master("local[2]")
    for name, value in settings.items():
        builder = builder.config(name, value)
    made = list[Any]()
    yield measure("Spark: start", lambda: made.append(builder.getOrCreate()), whole=False)
    (session,) = made
    df = session.read.parquet(path.as_uri()).repartition(PARTS).persist()
    df.count()
    mapping = folder / "mapping.yaml"

    def write(frame: Any) -> None:
        frame.write.format("noop").mode("overwrite").save()

    first = map_dataframe(df.limit(100).repartition(2), mapping).dataframe
    yield measure("Spark: first rows", lambda: write(first), whole=False)
    yield measure("Spark: map_dataframe", lambda: write(map_dataframe(df, mapping).dataframe))
    run = str(folder / "spark-run")
    yield measure("Spark: stage", lambda: stage(map_dataframe(df, mapping), run, PARTS))
    session.stop()


def measure(step: str, do: Callable[[], Any], *, whole: bool = True) -> dict[str, Any]:
    """Return the seconds of a step, and the peak of the Python processes below this one."""
    peaks, ended = [0], threading.Event()

    def watch() -> None:
        while not ended.wait(0.1):
            peaks.append(max(map(peak_of, below(os.getpid())), default=0))

    watcher = threading.Thread(target=watch)
    watcher.start()
    began = time.perf_counter()
    do()
    seconds = time.perf_counter() - began
    ended.set()
    watcher.join()
    return {"step": step, "seconds": round(seconds, 2), "peak": max(peaks), "whole": whole}


def below(pid: int) -> Iterator[int]:
    """Yield the processes that a process has started, and those that they have, on Linux."""
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in read(task).split():
            yield int(child)
            yield from below(int(child))


def peak_of(pid: int) -> int:
    """Return the peak of a Python process in MB; 0 of any other."""
    if b"python" not in read(Path(f"/proc/{pid}/cmdline")).split(b"\0")[0]:
        return 0
    lines = read(Path(f"/proc/{pid}/status")).split(b"\n")
    return next((int(line.split()[1]) // 1024 for line in lines if line.startswith(b"VmHWM:")), 0)


def read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:  # it has ended
        return b""


if __name__ == "__main__":
    main()
