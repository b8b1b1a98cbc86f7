"""How fast `opusmap map` is beside hand-written Python that does the same, as a ratio within one run.

    python benchmarks/mapping.py [ROWS] [--rounds N] [--json]

Generates the contract register with ROWS rows (100,000 by default), maps it with
`mappings/contracts/mapping.yaml` and with `handwritten.py` in turn, each in a process of its own, and
prints the CPU seconds of both (best of N rounds) and their ratio: 2.0 means that opusmap needs half
the time. Outputs are compared before anything is timed; rows with the same row key are opusmap's to
reject, so the generated register's are left out of the comparison by key.
"""

from __future__ import annotations

import argparse
import json
import platform
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CONTRACTS = ROOT / "mappings" / "contracts"

HAND = (
    "import sys; sys.path.insert(0, sys.argv[1]); import handwritten; "
    "print(handwritten.map_file(sys.argv[2], sys.argv[3]))"
)
OURS = "from opusmap.cli import main; import sys; sys.exit(main(sys.argv[1:]) not in (0, 1))"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("rows", nargs="?", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "register.csv"
        generate = [sys.executable, str(CONTRACTS / "generate.py"), str(options.rows), "-o", str(source)]
        subprocess.run(generate, check=True, stdout=subprocess.DEVNULL)
        commands = {
            "hand-written": [
                sys.executable,
                "-c",
                HAND,
                str(ROOT / "benchmarks"),
                str(source),
                str(folder / "hand.jsonl"),
            ],
            "opusmap map": [
                *(sys.executable, "-c", OURS, "map", str(CONTRACTS / "mapping.yaml"), str(source)),
                *("-o", str(folder / "ours.jsonl"), "--quiet"),
            ],
        }
        best = {
            label: min(cpu_seconds(command) for _ in range(options.rounds))
            for label, command in commands.items()
        }
        compare(folder / "hand.jsonl", folder / "ours.jsonl")
    report(options.rows, best, as_json=options.json)


def cpu_seconds(command: list[str]) -> float:
    """Run a command; return the CPU seconds that it and its children took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def compare(hand: Path, ours: Path) -> None:
    """Fail if a record of one is not in the other, but for repeated row keys."""
    first, second = by_key(hand), by_key(ours)
    if first != second:
        keys = [key for key in {**first, **second} if first.get(key) != second.get(key)]
        sys.exit(f"the outputs differ in {len(keys)} records, first in {keys[0]}")


def by_key(path: Path) -> dict[str, object]:
    records: dict[str, object] = {}
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            record = json.loads(line)
            records.setdefault(record["rowKey"], record)
    return records


def report(rows: int, best: dict[str, float], *, as_json: bool) -> None:
    ratio = best["hand-written"] / best["opusmap map"]
    if as_json:
        print(json.dumps({"rows": rows, "cpu_seconds": best, "ratio": round(ratio, 2)}))
        return
    print(f"{rows:,} rows, Python {platform.python_version()}, {datetime.now(UTC):%Y-%m-%d}")
    for label, seconds in best.items():
        print(f"  {label:<14} {seconds:6.2f} s CPU  {seconds / rows * 1e6:6.1f} µs a row")
    print(f"  ratio          {ratio:6.2f} (CPU of hand-written / CPU of opusmap)")


if __name__ == "__main__":
    main()
