"""How well `opusmap init` matches columns: top-1 and top-3 accuracy on labelled headers, the misses listed.

    python -m benchmarks.automap [--misses-of-held-out]

Top-1: the source column that the one-to-one assignment gives. Top-3: it, or one of the three best candidates.
A column of Opus for which the export has no source counts apart: right is to leave it open. With
OPUSMAP_TEST_DATA the rows of the public data sets count as evidence, too; the other exports are headers only.
"""

from __future__ import annotations

import csv
import os
import sqlite3
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opusmap.connection import BUILT_IN, Column, ColumnType
from opusmap.drafting import Match, match_columns
from opusmap.profile import ColumnProfile, Profiler

BUILT_IN_TYPES = {
    "termFullPath": ColumnType.TAXONOMY,
    "timeCreated": ColumnType.DATE_TIME,
    "timeModified": ColumnType.DATE_TIME,
}


@dataclass(frozen=True, slots=True)
class Result:
    """One column of Opus: what is right (nothing: no source), what was given, and the best candidates."""

    export: str
    held_out: bool
    column: str
    right: tuple[str, ...]
    given: str
    candidates: tuple[str, ...]

    @property
    def top_1(self) -> bool:
        """Tell whether what was given is right."""
        return self.given in self.right

    @property
    def top_3(self) -> bool:
        """Tell whether what is right is at least among the candidates."""
        return self.top_1 or bool({*self.right} & {*self.candidates})

    @property
    def has_source(self) -> bool:
        """Tell whether the export has a column for it without doubt."""
        return "" not in self.right


def results(data: Path | None) -> Iterator[Result]:
    labels = tomllib.loads((Path(__file__).parent / "labels.toml").read_text("utf-8"))
    for export in labels["export"]:
        columns = [_column(name) for name in export["labels"]]
        matches = match_columns(columns, _profiles(export, data))
        for (name, right), match in zip(export["labels"].items(), matches, strict=True):
            yield _result(export, name, (right,) if isinstance(right, str) else tuple(right), match)


def _column(name: str) -> Column:
    if name in BUILT_IN:
        kind = BUILT_IN_TYPES.get(name, ColumnType.SINGLE_TEXT)
        return Column(name, BUILT_IN[name], kind, required=name != "termFullPath")
    display, _, kind_name = name.partition(": ")
    return Column("_" + display.replace(" ", "_%20_"), display, ColumnType(kind_name))


def _result(export: dict[str, Any], name: str, right: tuple[str, ...], match: Match) -> Result:
    given = "" if match.chosen is None else match.chosen.source
    candidates = tuple(one.source for one in match.candidates)
    return Result(export["name"], export.get("held_out", False), name, right, given, candidates)


def _profiles(export: dict[str, Any], data: Path | None) -> tuple[ColumnProfile, ...]:
    headers = export["headers"]
    path = None if data is None or "data" not in export else data / export["data"]
    if path is None or not path.is_file():
        return tuple(ColumnProfile(header) for header in headers)
    profiler = Profiler(export["name"], tuple(headers))
    for row in _rows(path, export.get("query")):
        profiler.add(row)
    return profiler.profile().columns


def _rows(path: Path, query: str | None) -> Iterator[dict[str, Any]]:
    if query is not None:
        with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
            cursor = database.execute(query)
            names = [one[0] for one in cursor.description]
            yield from (dict(zip(names, row, strict=True)) for row in cursor)
        return
    with path.open(encoding="utf-8-sig", newline="") as file:
        yield from csv.DictReader(file)


def _share(part: int, whole: int) -> str:
    return f"{part}/{whole} = {part / whole:.3f}" if whole else "none"


def summary(found: list[Result]) -> dict[str, str]:
    sourced = [one for one in found if one.has_source]
    open_ = [one for one in found if not one.has_source]
    return {
        "top-1": _share(sum(one.top_1 for one in sourced), len(sourced)),
        "top-3": _share(sum(one.top_3 for one in sourced), len(sourced)),
        "rightly left open": _share(sum(one.top_1 for one in open_), len(open_)),
    }


def main(arguments: list[str]) -> None:
    folder = os.environ.get("OPUSMAP_TEST_DATA")
    found = list(results(Path(folder) if folder else None))
    tuned = [one for one in found if not one.held_out]
    held_out = [one for one in found if one.held_out]
    for title, part in (("tuned on", tuned), ("held out", held_out), ("all", found)):
        exports = len(Counter(one.export for one in part))
        print(f"{title:9} {exports:3} exports, {len(part):3} columns: ", end="")
        print(", ".join(f"{name} {share}" for name, share in summary(part).items()))
    shown = found if "--misses-of-held-out" in arguments else tuned
    print("\nmisses" + ("" if shown is found else " (of those tuned on)"))
    for one in shown:
        if not one.top_1:
            mark = "held out" if one.held_out else "tuned on"
            right = " | ".join(name or "none" for name in one.right)
            print(f"  {mark}  {one.export}: {one.column}: {one.given or 'none'}, right is {right}")


if __name__ == "__main__":
    main(sys.argv[1:])
