"""Public data as it comes, read whole: the same rows as the standard library gives, none rejected."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import pytest

from opusmap.records import Row
from opusmap.sources import open_source

DATA = os.environ.get("OPUSMAP_TEST_DATA", "")


@pytest.mark.skipif(not DATA, reason="OPUSMAP_TEST_DATA names no folder with the public data")
@pytest.mark.parametrize(
    ("name", "count"), [("doaj.csv", 1_001), ("phs_register.csv", 1_142), ("kev.csv", 1_404)]
)
def test_every_row_of_a_public_file_is_read(name: str, count: int) -> None:
    path = Path(DATA) / name
    if not path.is_file():
        pytest.skip(f"{name} is not in the folder")
    with path.open(encoding="utf-8-sig", newline="") as file:
        expected = [Row(number, values) for number, values in enumerate(csv.DictReader(file), 2)]
    with open_source(path) as source:
        rows = list(source.rows())
    assert len(rows) == count
    assert rows == expected
