"""The kinds of work of the benchmarks, and their rows.

A kind of work is a folder: `rows.py` makes its rows, `mapping.yaml` is what a user would write for opusmap,
`first_draft.py` what a competent developer writes in an afternoon, `tuned.py` the same after days of tuning.
All turn a source into records, one a line of JSON.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

__all__ = ["SEED", "WORKS", "Work", "write_source"]

FOLDER = Path(__file__).resolve().parent
BUNDLED = FOLDER.parents[1] / "mappings"
SEED = 20240701


@dataclass(frozen=True)
class Work:
    """One kind of work.

    Attributes:
        name: what it is called on the command line and in the tables.
        folder: the folder in which it is.
        suffix: of its sources: `.jsonl`, or `.csv`, of which the first row names the columns.
        aim: how many times as fast as the first draft opusmap should be; None if nothing was set.
        variant: what `make_rows` is told besides.
    """

    name: str
    folder: str
    suffix: str
    aim: float | None
    variant: dict[str, Any] = field(default_factory=dict)

    @property
    def mapping(self) -> Path:
        """The mapping file: the folder's own, or the bundled one of the same name."""
        own = FOLDER / self.folder / "mapping.yaml"
        return own if own.exists() else BUNDLED / self.folder / "mapping.yaml"

    def module(self, name: str) -> Any:
        """Import a module of the folder."""
        return import_module(f"{__name__}.{self.folder}.{name}")


WORKS = {
    work.name: work
    for work in (
        Work("register", "register", ".jsonl", 2.3),
        Work("unique", "register", ".jsonl", 1.2, {"unique": True}),
        Work("contracts", "contracts", ".csv", None),
        Work("expressions", "expressions", ".jsonl", 1.5),
        Work("wide", "wide", ".csv", 1.5),
        Work("typed", "typed", ".jsonl", 1.0),
        Work("dirty", "dirty", ".csv", 1.5),
    )
}


def write_source(work: Work, path: Path, count: int, seed: int = SEED, **variant: Any) -> None:
    """Write a source of so many rows; the same arguments give the same bytes."""
    rows = work.module("rows").make_rows(count, seed, **work.variant, **variant)
    with path.open("w", encoding="utf-8", newline="") as file:
        if work.suffix == ".csv":
            csv.writer(file).writerows(rows)
        else:
            file.writelines(json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n" for row in rows)
