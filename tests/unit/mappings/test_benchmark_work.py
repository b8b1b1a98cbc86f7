"""In each kind of work of the benchmarks, the hand-written programs and the mapping make the same records."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

BENCHMARKS = Path(__file__).parents[3] / "benchmarks"
KINDS = {"expressions": ".jsonl", "wide": ".csv", "typed": ".jsonl", "dirty": ".csv"}


def read_records(path: Path) -> list[object]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def run(script: list[str], *, path: Path | None = None) -> bytes:
    environment = os.environ | ({} if path is None else {"PYTHONPATH": str(path)})
    return subprocess.run([sys.executable, *script], check=True, capture_output=True, env=environment).stdout


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [1, 20240701])
def test_all_contestants_make_the_same_records_in_the_same_order(
    kind: str, seed: int, tmp_path: Path
) -> None:
    source = tmp_path / f"source{KINDS[kind]}"
    write = "import sys; from pathlib import Path; from rows import write_rows; "
    write += f"write_rows(Path(sys.argv[1]), 400, {seed})"
    run(["-c", write, str(source)], path=BENCHMARKS / "workloads" / kind)
    records, counts = {}, {}
    for who in ("first_draft", "tuned", "opusmap_records"):
        said = json.loads(
            run([str(BENCHMARKS / "contestant.py"), f"{kind}/{who}", str(source), str(tmp_path / who)])
        )
        records[who], counts[who] = read_records(tmp_path / who), (said["mapped"], said["rejected"])
    assert records["tuned"] == records["first_draft"]
    assert records["opusmap_records"] == records["first_draft"]
    assert set(counts.values()) == {counts["first_draft"]}
    assert len(records["first_draft"]) > 300
