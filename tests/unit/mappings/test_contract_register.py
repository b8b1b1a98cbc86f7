"""The bundled register: generated to the byte, and the inline tests of its mapping are rows of it."""

from __future__ import annotations

import csv
import runpy
from pathlib import Path

from opusmap.mapping import load_spec
from opusmap.records import Reject
from opusmap.sources import open_source

FOLDER = Path(__file__).parents[3] / "mappings" / "contracts"


def test_the_committed_register_is_what_the_generator_writes(tmp_path: Path) -> None:
    script = runpy.run_path(str(FOLDER / "generate.py"))
    script["write_register"](tmp_path / "again.csv", script["ROWS"])
    assert (tmp_path / "again.csv").read_bytes() == (FOLDER / "contracts.csv").read_bytes()


def test_a_larger_register_begins_with_the_same_rows() -> None:
    make_rows = runpy.run_path(str(FOLDER / "generate.py"))["make_rows"]
    assert list(make_rows(1_300))[:200] == list(make_rows(200))


def test_the_register_holds_every_flaw_and_mostly_sound_rows() -> None:
    with open_source(FOLDER / "contracts.csv") as source:
        rows = list(source.rows())
    assert len(rows) == 1_200
    assert {row.problems[0].code for row in rows if isinstance(row, Reject)} == {"ragged-row"}


def test_inline_tests_of_the_mapping_are_rows_of_the_register() -> None:
    with (FOLDER / "contracts.csv").open(encoding="utf-8", newline="") as file:
        register = list(csv.DictReader(file))
    for test in load_spec(FOLDER / "mapping.yaml").tests:
        assert {name: test.row.get(name, "") for name in register[0]} in register, test.name
