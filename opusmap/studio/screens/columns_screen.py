"""Columns: which column of the source becomes which column of Opus, and how its values are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from opusmap.connection import Column, ColumnType
from opusmap.drafting import Match, find_preset, match_columns
from opusmap.edits import (
    Bind,
    Constant,
    FromColumn,
    FromColumns,
    Intent,
    RemoveBinding,
    SetBindingKey,
    SetTargetOption,
    SetTimezone,
    Template,
)
from opusmap.errors import SettingsError
from opusmap.mapping import Binding
from opusmap.profile import ColumnProfile
from opusmap.studio.rendering import shown
from opusmap.studio.visit import Screen, Visit

_SURE = 0.6
"""Confidence below which a match is a question, and never written before it is accepted."""
_SAMPLES = 3


@dataclass(frozen=True, slots=True)
class Line:
    """A column of Opus in the list: how it is bound, or what might be bound to it."""

    name: str
    label: str
    type: str
    required: bool
    status: str
    mark: str
    origin: str
    address: str
    current: bool


@dataclass(frozen=True, slots=True)
class SourceColumn:
    """A column of the source: three samples, how full it is, and whether the mapping uses it."""

    name: str
    samples: tuple[str, ...]
    filled: float
    used: bool


def _view(visit: Visit) -> Mapping[str, Any]:
    known = visit.bench.known
    if known.connection is None:
        return {"lines": (), "sources": (), "chosen": None}
    matches = {match.column.internal_name: match for match in _matches(visit)}
    lines = tuple(
        _line(column, visit, matches.get(column.internal_name)) for column in known.connection.columns
    )
    chosen = known.connection.find(visit.query.get("column", ""))
    return {
        "lines": sorted(lines, key=lambda line: (not line.required, line.status == "open")),
        "sources": tuple(_sources(visit)),
        "chosen": None if chosen is None else _detail(chosen, visit, matches.get(chosen.internal_name)),
    }


def _binding(column: Column, visit: Visit) -> Binding | None:
    spec = visit.bench.known.spec
    names = (column.internal_name, column.display_name)
    return None if spec is None else next((one for one in spec.fields if str(one.target) in names), None)


def _matches(visit: Visit) -> tuple[Match, ...]:
    """Return which source columns might be meant by columns of Opus, as a draft would have it."""
    known = visit.bench.known
    if known.connection is None or known.sample is None:
        return ()
    profiles = known.sample.profile.columns
    return match_columns(known.connection.columns, profiles, find_preset(one.name for one in profiles))


def _line(column: Column, visit: Visit, match: Match | None) -> Line:
    binding = _binding(column, visit)
    problems = _problems_of(column, visit)
    origin, status, mark = _origin(binding), "bound", "✓"
    if binding is None:
        status, mark = ("needed", "!") if column.required else ("open", "\u2013")
        if match is not None and match.chosen is not None:
            origin = f"{match.chosen.source}? {match.chosen.confidence:.0%}"
            mark = "?"
    elif problems:
        status, mark = "problem", "!"
    return Line(
        column.internal_name,
        column.display_name,
        str(column.type),
        column.required,
        status,
        mark,
        origin,
        visit.address(column=column.internal_name),
        visit.query.get("column") == column.internal_name,
    )


def _problems_of(column: Column, visit: Visit) -> tuple[str, ...]:
    """Return what is wrong with a column: in the mapping, then in the sample's rows."""
    binding = _binding(column, visit)
    found = dict.fromkeys(
        one.message
        for one in visit.bench.problems
        if binding is not None and one.severity == "error" and binding.target.span.line == one.place.line
    )
    for mapped in visit.bench.sample.mapped:
        for one in getattr(mapped, "problems", ()):
            if one.place == column.display_name:
                found.setdefault(one.message)
    return tuple(found)


def _origin(binding: Binding | None) -> str:
    """Return where a binding's value comes from, in a few words."""
    if binding is None:
        return ""
    if binding.template is not None:
        return str(binding.template)
    if binding.sources:
        return ", ".join(str(one) for one in binding.sources)
    return "a constant"


def _sources(visit: Visit) -> Iterator[SourceColumn]:
    known = visit.bench.known
    if known.sample is None:
        return
    used = set(known.work.mapper.plan.cells()) if known.work is not None else set()
    for profile in known.sample.profile.columns:
        yield SourceColumn(profile.name, _samples(profile), 1 - profile.null_rate, profile.name in used)


def _samples(profile: ColumnProfile) -> tuple[str, ...]:
    return tuple(shown(one, 60) for one in profile.examples[:_SAMPLES])


def _detail(column: Column, visit: Visit, match: Match | None) -> dict[str, Any]:
    binding = _binding(column, visit)
    return {
        "name": column.internal_name,
        "label": column.display_name,
        "type": str(column.type),
        "required": column.required,
        "bound": binding is not None,
        "origin": _origin(binding),
        "problems": _problems_of(column, visit),
        "candidates": () if match is None else match.candidates,
        "is_date": column.type is ColumnType.DATE_TIME,
    }


def _apply(visit: Visit, *intents: Intent) -> None:
    visit.bench.apply(*intents)


def _bind(visit: Visit) -> None:
    """Bind a column as the form says: `mode` is column, columns, constant or template."""
    column, mode, value = visit.field("column"), visit.field("mode"), visit.form.get("value", "")
    if mode == "column":
        _apply(visit, Bind(column, FromColumn(value)))
    elif mode == "columns":
        _apply(visit, Bind(column, FromColumns(visit.lists.get("value", ()))))
    elif mode == "constant":
        _apply(visit, Bind(column, Constant(value)))
    elif mode == "template":
        _apply(visit, Bind(column, Template(value)))
    else:
        raise SettingsError(
            "mode", f"{mode!r} is not a way to bind a column", "reload the page, and try again"
        )


def _remove(visit: Visit) -> None:
    _apply(visit, RemoveBinding(visit.field("column")))


def _set(visit: Visit) -> None:
    _apply(visit, SetBindingKey(visit.field("column"), visit.field("key"), visit.form.get("value") or None))


def _set_zone(visit: Visit) -> None:
    _apply(visit, SetTimezone(visit.form.get("value") or None))


def _set_target(visit: Visit) -> None:
    _apply(visit, SetTargetOption(visit.field("key"), visit.form.get("value") or None))


SCREEN = Screen(
    "columns",
    "Columns",
    _view,
    {"bind": _bind, "remove": _remove, "set": _set, "zone": _set_zone, "target": _set_target},
)
