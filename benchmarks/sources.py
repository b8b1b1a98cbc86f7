"""How fast each kind of source goes through `opusmap map`, and how much memory that takes.

    python benchmarks/sources.py [--rows N] [--sheet-rows N] [--only NAME …] [--json FILE]

The contract register that the project generates (20 columns, with its flaws) is written in each format,
then mapped by its own mapping in a process of its own; the records go to a file, the rejects to another.
Shown are rows a second of wall-clock time and of CPU time, and the most memory that the process had; of a
workbook the process that reads it besides. The files are not timed as they are written.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import itertools
import json
import os
import platform
import runpy
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
REGISTER = ROOT / "mappings" / "contracts"
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--sheet-rows", type=int, default=200_000)
    parser.add_argument("--only", nargs="*", choices=list(WRITERS), default=list(WRITERS))
    parser.add_argument("--json", type=Path, help="write the figures to this file")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        figures = [measure(name, place, options) for name in options.only]
    print(f"{platform.python_version()}, {os.cpu_count()} cores, {platform.machine()}")
    print(
        f"{'source':10} {'rows':>10} {'rows/s':>9} {'rows/CPU s':>11} {'MB':>6}"
        f" {'reader MB':>10} {'file MB':>8}"
    )
    for one in figures:
        print(
            f"{one['source']:10} {one['rows']:>10,} {one['rate']:>9,.0f} {one['cpu_rate']:>11,.0f}"
            f" {one['peak']:>6,.0f} {one['reader_peak'] or '':>10} {one['file']:>8,.1f}"
        )
    if options.json:
        options.json.write_text(json.dumps(figures, indent=2), "utf-8")


def measure(name: str, folder: Path, options: argparse.Namespace) -> dict[str, Any]:
    """Write the register in one format, map it, and return the figures."""
    count = options.sheet_rows if name == "xlsx" else options.rows
    for file in ("contracts.connection.json", "staff.csv"):
        shutil.copy(REGISTER / file, folder)
    path, keys = WRITERS[name](folder, count)
    mapping = (REGISTER / "mapping.yaml").read_text("utf-8")
    head, _, rest = mapping.partition("source:\n")
    # What a format needs besides its path comes in place of the register's own `path`.
    old = rest.splitlines()[0]
    text = f"{head}source:\n  path: {path.name}\n{keys}{rest[len(old) + 1 :]}"
    (folder / "mapping.yaml").write_text(text, "utf-8")
    report, seconds, usage, own, reader = run(folder)
    cpu = usage.ru_utime + usage.ru_stime
    size = path.stat().st_size / 1e6
    path.unlink()
    (folder / "out.jsonl").unlink()
    return {
        "source": name,
        "rows": report["read"],
        "mapped": report["mapped"],
        "seconds": round(seconds, 2),
        "rate": report["read"] / seconds,
        "cpu_rate": report["read"] / cpu,
        "peak": own,
        "reader_peak": reader,
        "file": size,
    }


def run(folder: Path) -> tuple[dict[str, Any], float, Any, int, int]:
    """Map the file; return the report, the seconds, all usage, the process's and its reader's peak in MB."""
    command = [*OPUSMAP, "map", "mapping.yaml", "-o", "out.jsonl", "--json", "-q"]
    began = time.perf_counter()
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said)
        own, reader = watch(process.pid)
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.perf_counter() - began
        assert process.returncode in (0, 1), process.returncode
        said.seek(0)
        report: dict[str, Any] = json.loads(said.read())
    return report, seconds, usage, own or usage.ru_maxrss // 1024, reader


def watch(pid: int) -> tuple[int, int]:
    """Wait for a process to end; return the peaks (MB) of it and of the child that reads a workbook.

    Zeros where there is no /proc, or no child.
    """
    own = reader = 0
    while not _ended(pid):
        own = max(own, _peak(pid))
        for child in _lines(Path(f"/proc/{pid}/task/{pid}/children")):
            reader = max([reader, *(_peak(int(one)) for one in child.split())])
        time.sleep(0.05)
    return own, reader


def _peak(pid: int) -> int:
    for line in _lines(Path(f"/proc/{pid}/status")):
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) // 1024
    return 0


def _ended(pid: int) -> bool:
    state = [line for line in _lines(Path(f"/proc/{pid}/status")) if line.startswith("State:")]
    return not state or "Z" in state[0].split()[1]


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text().splitlines()
    except OSError:
        return []


def rows(count: int) -> Iterator[list[str]]:
    """Return the register's header and rows, as the project generates them."""
    script = runpy.run_path(str(REGISTER / "generate.py"))
    with (REGISTER / "contracts.csv").open(encoding="utf-8", newline="") as file:
        header = next(csv.reader(file))
    yield header
    yield from script["make_rows"](count)


def whole_rows(count: int) -> tuple[list[str], Iterator[list[str]]]:
    """Return the header and the rows as wide as it: other formats than CSV can't have ragged ones."""
    every = rows(count)
    header = next(every)
    return header, (cells for cells in every if len(cells) == len(header))


def write_csv(folder: Path, count: int) -> tuple[Path, str]:
    path = folder / "register.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows(count))
    return path, ""


def write_csv_gz(folder: Path, count: int) -> tuple[Path, str]:
    path = folder / "register.csv.gz"
    with gzip.open(path, "wt", encoding="utf-8", newline="", compresslevel=4) as file:
        csv.writer(file).writerows(rows(count))
    return path, ""


def write_jsonl(folder: Path, count: int) -> tuple[Path, str]:
    path = folder / "register.jsonl"
    header, cells = whole_rows(count)
    with path.open("w", encoding="utf-8") as file:
        for row in cells:
            file.write(json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False) + "\n")
    return path, ""


def write_json(folder: Path, count: int) -> tuple[Path, str]:
    path = folder / "register.json"
    header, cells = whole_rows(count)
    with path.open("w", encoding="utf-8") as file:
        file.write('{"result": {"records": [\n')
        for number, row in enumerate(cells):
            item = json.dumps(dict(zip(header, row, strict=True)), ensure_ascii=False)
            file.write((",\n" if number else "") + item)
        file.write("\n]}}\n")
    return path, "  items: $.result.records\n"


def quoted(name: str) -> str:
    return f'"{name}"'


def write_sqlite(folder: Path, count: int) -> tuple[Path, str]:
    path = folder / "register.sqlite"
    header, cells = whole_rows(count)
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"CREATE TABLE register ({', '.join(map(quoted, header))})")
        database.executemany(f"INSERT INTO register VALUES ({', '.join('?' * len(header))})", cells)  # noqa: S608
        database.commit()
    return path, "  sql: SELECT * FROM register\n"


def write_parquet(folder: Path, count: int) -> tuple[Path, str]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = folder / "register.parquet"
    header, cells = whole_rows(count)
    schema = pa.schema([(name, pa.string()) for name in header])
    with pq.ParquetWriter(path, schema) as writer:
        while part := list(itertools.islice(cells, 50_000)):
            columns = dict(zip(header, zip(*part, strict=True), strict=True))
            writer.write_table(pa.table(columns, schema))
    return path, ""


def write_xlsx(folder: Path, count: int) -> tuple[Path, str]:
    import xlsxwriter

    path = folder / "register.xlsx"
    header, cells = whole_rows(count)
    with xlsxwriter.Workbook(path, {"constant_memory": True, "strings_to_urls": False}) as book:
        sheet = book.add_worksheet("Register")
        for number, row in enumerate(itertools.chain([header], cells)):
            for place, cell in enumerate(row):
                if cell:
                    sheet.write_string(number, place, cell)
    return path, ""


WRITERS = {
    "csv": write_csv,
    "csv.gz": write_csv_gz,
    "jsonl": write_jsonl,
    "json": write_json,
    "sqlite": write_sqlite,
    "parquet": write_parquet,
    "xlsx": write_xlsx,
}


if __name__ == "__main__":
    main()
