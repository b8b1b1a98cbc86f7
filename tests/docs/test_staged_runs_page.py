"""The page on staged runs is true: DuckDB reads them as it says."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from documentation import ROOT, blocks
from staged_runs import CONTRACTS, stage_source

duckdb = pytest.importorskip("duckdb", reason="duckdb is not installed")

TERMS, WRONG, CHANGED = (block.text for block in blocks(ROOT / "docs" / "howto" / "staged-runs.md", "sql"))


@pytest.fixture(scope="module")
def staged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Stage the bundled register, and before that without its last rows."""
    folder = tmp_path_factory.mktemp("staged")
    with (CONTRACTS.parent / "contracts.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.reader(file))
    with (folder / "earlier.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows[:-100])
    stage_source(CONTRACTS, folder / "run-6", folder / "earlier.csv")
    stage_source(CONTRACTS, folder / "run-7")
    return folder


@pytest.fixture(autouse=True)
def here(staged: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(staged)


def test_records_are_counted_by_term() -> None:
    found = duckdb.sql(TERMS).fetchall()
    assert sum(count for _, count in found) == 971
    assert found[0][1] == max(count for _, count in found)
    assert all("/" in term for term, _ in found if term is not None)


def test_wrong_rows_are_listed_with_their_cells() -> None:
    found = duckdb.sql(WRONG).fetchall()
    assert len({row for row, *_ in found}) == 86
    assert (41, "Doc Type", "unknown-choice", "Memo") in found


def test_a_difference_of_two_runs_is_what_is_new() -> None:
    found = duckdb.sql(CHANGED).fetchall()
    new = duckdb.sql(
        "SELECT key FROM 'run-7/records/*.parquet' EXCEPT SELECT key FROM 'run-6/records/*.parquet'"
    )
    assert 0 < len(found) <= 100
    assert {key for key, _ in found} >= {key for (key,) in new.fetchall()}
