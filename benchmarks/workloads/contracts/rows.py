"""Rows for the work `contracts`: the bundled contract register, with drafts, flaws and repeated keys."""

from __future__ import annotations

import runpy
from collections.abc import Iterator
from pathlib import Path

GENERATE = Path(__file__).resolve().parents[3] / "mappings" / "contracts" / "generate.py"


def make_rows(count: int, seed: int) -> Iterator[list[str]]:
    """Yield the columns' names, then rows; the same seed gives the same rows."""
    generate = runpy.run_path(str(GENERATE))
    yield list(generate["COLUMNS"])
    yield from generate["make_rows"](count, seed)
