"""The list: the folder's mappings, the last runs, and a new mapping from two files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from opusmap.errors import OpusmapError, SettingsError
from opusmap.run.history import latest_runs
from opusmap.studio.opening import draft_mapping, tell_apart
from opusmap.studio.uploads import ROUTES
from opusmap.studio.visit import Screen, Visit
from opusmap.wording import show_minute

_RUNS = 8
_OUTPUT = "mapping.yaml"


@dataclass(frozen=True, slots=True)
class RunLine:
    """A run in the list; times are UTC, as `opusmap report` shows them."""

    number: int
    started: str
    ending: str
    counts: str
    mapping: str
    address: str


def _view(visit: Visit) -> Mapping[str, Any]:
    folder = visit.studio.folder
    names = folder.mappings()
    files = folder.files(".json") + tuple(one for one in folder.sources() if not one.endswith(".json"))
    chosen = tuple(name for key in ("one", "other") if (name := visit.query.get(key, "")) in files)
    return {
        "folder": folder.path,
        "mappings": [(name, _address("columns", name)) for name in names],
        "runs": tuple(_runs(visit, names)),
        "files": tuple(name for name in files if not name.endswith((".lock.json", ".last-run.json"))),
        "chosen": (*chosen, "", "")[:2],
        "output": visit.query.get("output") or folder.name_of(folder.free_name(_OUTPUT)),
        "taken": _OUTPUT in names,
    }


def _address(screen: str, mapping: str, **more: Any) -> str:
    return f"/{screen}?{urlencode({'mapping': mapping, **more})}"


def _runs(visit: Visit, names: tuple[str, ...]) -> Iterator[RunLine]:
    folder = visit.studio.folder
    for run, mapping in latest_runs([folder.path / name for name in names], os.environ, _RUNS):
        name = folder.name_of(mapping)
        counts = [f"{run.counts[one]:,} {one}" for one in _COUNTED if run.counts.get(one)]
        yield RunLine(
            run.id,
            show_minute(run.started),
            run.ending or ("unfinished" if run.finished is None else ""),
            ", ".join(counts) or "no records",
            name,
            _address("report", name, run=run.id),
        )


_COUNTED = ("submitted", "unchanged", "failed", "rejected", "uncertain", "not_sent")


def _draft(visit: Visit) -> str:
    """Draft a mapping from two files of the folder; if that fails, they stay chosen."""
    one, other, name = (visit.field(key).strip() for key in ("one", "other", "output"))
    try:
        return _address("columns", _draft_from(visit, one, other, name))
    except OpusmapError as error:
        visit.announce_error(error)
        return f"/home?{urlencode({'one': one, 'other': other, 'output': name})}"


def _draft_from(visit: Visit, one: str, other: str, name: str) -> str:
    folder = visit.studio.folder
    if not one or not other or one == other:
        raise SettingsError("new mapping", "two files are needed", "choose a connection, and its records")
    connection, source = tell_apart(folder.resolve(one), folder.resolve(other))
    if Path(name).suffix.lower() not in (".yaml", ".yml"):
        name += ".yaml"
    output = folder.resolve(name)
    if os.path.lexists(output):
        free = folder.name_of(folder.free_name(name))
        raise SettingsError(name, "a file of this name is there already", f"choose another, such as {free}")
    path = draft_mapping(connection, source, output, visit.studio.converters)
    return folder.name_of(path)


SCREEN = Screen("home", "Mappings", _view, {"draft": _draft}, needs_mapping=False, routes=ROUTES)
