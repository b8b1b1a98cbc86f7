"""How well `opusmap init` matches columns, on exports of real systems in eleven languages.

    python -m benchmarks.automap                  # all parts, by language and by field
    python -m benchmarks.automap --development    # the half to work on, with each miss

Top-1: of the columns of Opus that the export has a source for, the share whose binding is right.
Precision: of the bindings, the share that is right. Left open: of the columns of Opus without a source, the
share left to a person. Where more than one column is right, or none may be as well, all of them count as
right; a column that may be left open does not count in top-1.

`exports.toml` says where the headers are from, and what was expected before anything was matched. Nothing may
be tuned on the frozen half, nor on the exports that were found later, so that their single results are never
shown.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from opusmap.connection import BUILT_IN, Column, ColumnType
from opusmap.drafting import Match, find_preset, match_columns
from opusmap.profile import ColumnProfile, Profiler

from .cells import ROWS, cells

_BUILT_IN_TYPES = {
    "termFullPath": ColumnType.TAXONOMY,
    "timeCreated": ColumnType.DATE_TIME,
    "timeModified": ColumnType.DATE_TIME,
}
_PARTS = ("development", "frozen", "later")


@dataclass(frozen=True, slots=True)
class Result:
    """One column of Opus: what is right (an empty text: no source), and what it was bound to."""

    export: str
    half: str
    language: str
    column: str
    right: tuple[str, ...]
    given: str

    @property
    def is_right(self) -> bool:
        """Tell whether what was given, or that nothing was, is right."""
        return self.given in self.right

    @property
    def has_source(self) -> bool:
        """Tell whether the export has a column for it without doubt."""
        return "" not in self.right

    @property
    def field(self) -> str:
        """The built-in column, or the type of a custom one."""
        return self.column.partition(": ")[2] or self.column


def results(*, presets: bool) -> Iterator[Result]:
    """Match all exports, with what is known of known ones (`presets`) or without; tell what was expected."""
    data = tomllib.loads((Path(__file__).parent / "exports.toml").read_text("utf-8"))
    for export in data["export"]:
        labels = dict.fromkeys(BUILT_IN, "") | export["labels"]
        profiles = _profiles(export)
        preset = find_preset(profile.name for profile in profiles) if presets else None
        matches = match_columns([_column(name) for name in labels], profiles, preset)
        for (name, right), match in zip(labels.items(), matches, strict=True):
            yield _result(export, name, (right,) if isinstance(right, str) else tuple(right), match)


def _column(name: str) -> Column:
    if name in BUILT_IN:
        kind = _BUILT_IN_TYPES.get(name, ColumnType.SINGLE_TEXT)
        return Column(name, BUILT_IN[name], kind, required=name != "termFullPath")
    display, _, kind_name = name.partition(": ")
    return Column("_" + display.replace(" ", "_%20_"), display, ColumnType(kind_name))


def _result(export: dict[str, Any], name: str, right: tuple[str, ...], match: Match) -> Result:
    given = "" if match.chosen is None else match.chosen.source
    title = f"{export['system']} ({export['name']})"
    return Result(title, export["half"], export["language"], name, right, given)


def _profiles(export: dict[str, Any]) -> tuple[ColumnProfile, ...]:
    columns = {}
    for column in export["columns"]:
        header, _, kind = column.rpartition("|")
        columns[header] = cells(f"{export['system']}/{export['name']}/{header}", kind)
    profiler = Profiler(export["name"], tuple(columns))
    for row in range(ROWS):
        profiler.add({header: texts[row] for header, texts in columns.items()})
    return profiler.profile().columns


def summary(found: Iterable[Result]) -> dict[str, tuple[int, int]]:
    """Return for each measure how many are right, of how many."""
    found = list(found)
    measures = {
        "top-1": [one for one in found if one.has_source],
        "precision": [one for one in found if one.given],
        "left open": [one for one in found if one.right == ("",)],
    }
    return {name: (sum(one.is_right for one in part), len(part)) for name, part in measures.items()}


def _line(title: str, found: list[Result]) -> str:
    parts = (
        f"{name} {right / of:.3f} ({right}/{of})" if of else f"{name} -"
        for name, (right, of) in summary(found).items()
    )
    return f"  {title:15} {len({one.export for one in found}):3} exports   " + "   ".join(parts)


def _groups(found: list[Result], of: Callable[[Result], str]) -> Iterator[str]:
    for group in dict.fromkeys(map(of, found)):
        yield _line(group, [one for one in found if of(one) == group])


def main(arguments: list[str]) -> None:
    """Print the tables."""
    parts = _PARTS[:1] if "--development" in arguments else _PARTS
    everything, known = list(results(presets=False)), list(results(presets=True))
    for half in parts:
        found = [one for one in everything if one.half == half]
        print(f"{half}\n{_line('all', found)}")
        print(_line("with presets", [one for one in known if one.half == half]))
        print(*_groups(found, lambda one: one.language), sep="\n")
        print(*_groups(found, lambda one: one.field), sep="\n")
    if "--development" in arguments:
        for one in everything:
            if one.half == "development" and not one.is_right:
                right = " | ".join(name or "none" for name in one.right)
                print(f"  {one.export}: {one.column}: {one.given or 'none'}, right is {right}")


if __name__ == "__main__":
    main(sys.argv[1:])
