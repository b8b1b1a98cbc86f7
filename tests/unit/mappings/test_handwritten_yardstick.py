"""The hand-written script of the benchmarks and the mapping make the same records of the register."""

from __future__ import annotations

import json
import runpy
from pathlib import Path

from opusmap.compiler import load_mapping
from opusmap.records import Record
from opusmap.sources import open_source

ROOT = Path(__file__).parents[3]
REGISTER = ROOT / "mappings" / "contracts" / "contracts.csv"


def test_the_yardstick_makes_the_same_records_in_the_same_order(tmp_path: Path) -> None:
    map_file = runpy.run_path(str(ROOT / "benchmarks" / "handwritten.py"))["map_file"]
    mapped, rejected = map_file(REGISTER, tmp_path / "out.jsonl")
    with (tmp_path / "out.jsonl").open(encoding="utf-8") as file:
        expected = [json.loads(line) for line in file]
    mapping = load_mapping(ROOT / "mappings" / "contracts" / "mapping.yaml")
    with open_source(REGISTER) as source:
        results = list(mapping.map_rows(source.rows()))
    records = [result.values for result in results if isinstance(result, Record)]
    assert records == expected
    assert (mapped, rejected) == (975, 82)
