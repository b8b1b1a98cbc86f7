"""What mapping costs as the work grows: in rows, in columns, in rejects.

    python benchmarks/growth.py [--most ROWS] [--rows N] [--json FILE]

Rows go from 1,000 to `--most` (a million by default), as CSV and as JSON Lines, with the most memory that the
process held; columns from 5 to 200, with what compiling the mapping takes; the share of rejects from none to
all, in `--rows` rows (100,000 by default; medians of three), each with three texts that no other row has.
Figures are CPU time; each figure comes from a process of its own.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from mapping import in_process, machine, run_one
from workloads import WORKS, write_source

COLUMNS = (5, 15, 50, 100, 200)
ROUNDS = 3
SHARES = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Of rejects; of fewer the cost drowns in that of the good rows."""
KINDS: tuple[tuple[str, str, str], ...] = (
    ("SingleText", "text {n} of row {row}", ""),
    ("Number", "{row},{n:03}.25", ""),
    ("DateTime", "{day:02}/{month:02}/2019", "%d/%m/%Y"),
    ("SingleChoice", "Option {choice}", ""),
    ("MultipleText", "note {n}", ""),
)


def main() -> None:
    if sys.argv[1:2] == ["columns"]:  # one figure, in this process
        print(json.dumps(measure_columns(int(sys.argv[2]), int(sys.argv[3]))))
        return
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--most", type=int, default=1_000_000)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    print(machine())
    with tempfile.TemporaryDirectory() as name:
        found = {
            "rows": grow_rows(options.most, Path(name)),
            "columns": grow_columns(options.rows // 5),
            "rejects": grow_rejects(options.rows, Path(name)),
        }
    if options.json:
        options.json.write_text(json.dumps({"machine": machine(), **found}, indent=2) + "\n", "utf-8")


def grow_rows(most: int, folder: Path) -> list[dict[str, Any]]:
    print("\nrows            JSON Lines µs/row      MB     CSV µs/row      MB")
    found = []
    for count in (10**power for power in range(3, 8) if 10**power <= most):
        figures = []
        for work in (WORKS["register"], WORKS["contracts"]):
            source = folder / f"rows{work.suffix}"
            write_source(work, source, count)
            figures.append(run_one(in_process(work.name, "opusmap"), source, folder / "out"))
        found.append({"rows": count, "jsonl": figures[0], "csv": figures[1]})
        each = [(one["cpu"] / count * 1e6, one["peak"]) for one in figures]
        print(f"{count:>9,} {each[0][0]:>23.1f} {each[0][1]:>7.0f} {each[1][0]:>14.1f} {each[1][1]:>7.0f}")
    return found


def grow_columns(rows: int) -> list[dict[str, Any]]:
    print("\ncolumns   compile ms   µs/row   µs/cell")
    found = []
    for count in COLUMNS:
        command = [sys.executable, __file__, "columns", str(count), str(max(500, rows * 5 // count))]
        one = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
        found.append(one)
        per_row = one["cpu"] / one["rows"] * 1e6
        print(f"{count:>7} {one['compile'] * 1e3:>12.1f} {per_row:>8.1f} {per_row / count:>9.2f}")
    return found


def grow_rejects(rows: int, folder: Path) -> list[dict[str, Any]]:
    """Count what a row costs beyond the first fifth of them, which bears the start and fills the memories."""
    print("\nrejects   µs/row   a reject costs, times a good row")
    found: list[dict[str, Any]] = []
    for share in SHARES:
        runs = []
        for count in (rows // 5, rows):
            source = folder / "rejects.jsonl"
            write_source(WORKS["register"], source, count, rejects=share)
            command = in_process("register", "opusmap")
            tries = [run_one(command, source, folder / "out") for _ in range(ROUNDS)]
            runs.append(sorted(tries, key=lambda one: one["cpu"])[ROUNDS // 2])
        spent, mapped, rejected = (runs[1][name] - runs[0][name] for name in ("cpu", "mapped", "rejected"))
        each = spent / (mapped + rejected)
        found.append({"share": share, "rows": rows, "each": each, "runs": runs})
        good = found[0]["each"]
        bad = (spent - good * mapped) / rejected if rejected else 0.0
        print(f"{share:>7.0%} {each * 1e6:>8.1f} {bad / good:>8.1f}")
    return found


def measure_columns(count: int, rows: int) -> dict[str, float]:
    """Compile and run a mapping of so many columns; return CPU seconds."""
    from opusmap.compiler import load_mapping

    with tempfile.TemporaryDirectory() as name:
        path, make_row = _write_mapping(Path(name), count)
        load_mapping(path)  # imports, and the schema's validator
        began = time.process_time()
        mapper = load_mapping(path)
        compiled = time.process_time() - began
    values = [make_row(row) for row in range(rows)]
    began = time.process_time()
    for number, row in enumerate(values):
        mapper.map_row(row, number)
    return {"columns": count, "rows": rows, "compile": compiled, "cpu": time.process_time() - began}


def _write_mapping(folder: Path, count: int) -> tuple[Path, Callable[[int], dict[str, str]]]:
    kinds = [KINDS[number % len(KINDS)] for number in range(count - 1)]
    columns = {"rowKey": "SingleText"} | {f"_C{n}": kind for n, (kind, _, _) in enumerate(kinds)}
    connection = {"id": "0e4c9f5d-52a1-4a0c-9a30-6d2d2f3f7b15", "data": [columns]}
    (folder / "connection.json").write_text(json.dumps(connection), "utf-8")
    lines = ["opusmap: 1", "connection: connection.json", "choices:"]
    options = "[" + ", ".join(f"Option {number}" for number in range(9)) + "]"
    lines += [f"  _C{n}: {options}" for n, (kind, _, _) in enumerate(kinds) if kind == "SingleChoice"]
    lines = [line for line in lines if line != "choices:" or len(kinds) > 3]  # noqa: PLR2004 - the first choice
    lines += ["fields:", '  rowKey: "K-{{ Key }}"']
    for n, (_, _, form) in enumerate(kinds):
        lines.append(f'  _C{n}: {{from: S{n}, format: "{form}"}}' if form else f"  _C{n}: S{n}")
    (folder / "mapping.yaml").write_text("\n".join(lines) + "\n", "utf-8")

    def make_row(row: int) -> dict[str, str]:
        place = {"row": row % 900 + 1, "day": row % 28 + 1, "month": row % 12 + 1, "choice": row % 9}
        return {"Key": str(row)} | {
            f"S{n}": text.format(n=n % 1000, **place) for n, (_, text, _) in enumerate(kinds)
        }

    return folder / "mapping.yaml", make_row


if __name__ == "__main__":
    main()
