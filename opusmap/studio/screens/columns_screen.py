"""Columns: which column of the source becomes which column of Opus, and how its values are read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import Any
from zoneinfo import available_timezones

from opusmap.compiler.mapping_checks import is_placeholder
from opusmap.connection import CHOICE_TYPES, LIST_TYPES, Column, ColumnType
from opusmap.drafting import EXAMPLE_DATE, THRESHOLD, read_datetime_format, read_timezone
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
    SetWhere,
    Template,
)
from opusmap.errors import SettingsError
from opusmap.mapping import Binding, Text
from opusmap.profile import ColumnProfile
from opusmap.report.page_templates import shown
from opusmap.studio.column_detail import Columns, say_why
from opusmap.studio.row_condition import COMPARISONS, write_condition
from opusmap.studio.visit import Screen, Visit

_SAMPLES, _SLOTS = 3, 3
_MODES = {
    "column": "One column",
    "columns": "Several columns",
    "constant": "Always the same",
    "lookup": "Look up",
    "template": "Expression",
}
_DATES = ("format", "century", "incomplete")
_STALE = {
    "column": ("lookup", "join"),
    "columns": _DATES,
    "constant": (*_DATES, "split", "convert", "lookup", "join"),
    "lookup": (*_DATES, "join"),
    "template": ("lookup", "split", "join"),
}
"""For each way to bind, the keys of a binding that have no meaning with it."""


@dataclass(frozen=True, slots=True)
class Line:
    """A column of Opus in the list: how it is bound, or what might be bound to it."""

    name: str
    label: str
    required: bool
    status: str
    mark: str
    origin: str
    rejects: int
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
    with visit.bench.lock:
        columns = Columns(visit)
        chosen = columns.find(visit.query.get("column", ""))
        sources = tuple(_sources(visit))
        return {
            "lines": tuple(_line(column, columns, visit) for column in columns.all),
            "sources": sources,
            "unused": [one.name for one in sources if not one.used],
            "rows": len(visit.bench.sample.mapped),
            "chosen": None if chosen is None else _detail(chosen, columns, visit),
            "times": _times(columns, visit, chosen),
            "where": _where(visit),
        }


def _line(column: Column, columns: Columns, visit: Visit) -> Line:
    status = columns.status(column)
    return Line(
        column.internal_name,
        column.display_name,
        column.required,
        status.name,
        status.mark,
        status.origin,
        columns.rejects[column.display_name],
        visit.address(column=column.internal_name, mode=None, **{"from": None}),
        visit.query.get("column") == column.internal_name,
    )


def _sources(visit: Visit) -> Iterator[SourceColumn]:
    known = visit.bench.known
    if known.sample is None:
        return
    used = set(known.work.mapper.plan.cells()) if known.work is not None else set()
    if known.spec is not None:
        used |= {str(part) for one in known.spec.fields for part in one.sources if isinstance(part, Text)}
    for profile in known.sample.profile.columns:
        yield SourceColumn(profile.name, _samples(profile), 1 - profile.null_rate, profile.name in used)


def _samples(profile: ColumnProfile) -> tuple[str, ...]:
    return tuple(shown(one, 60) for one in profile.examples[:_SAMPLES])


def _detail(column: Column, columns: Columns, visit: Visit) -> dict[str, Any]:
    binding, spec = columns.binding(column), visit.bench.known.spec
    asked = columns.questions(column)
    mode = visit.query.get("mode", "column" if "from" in visit.query else "")
    mode = mode if mode in _MODES else _mode_of(binding)
    bound = tuple(str(part) for part in binding.sources if isinstance(part, Text)) if binding else ()
    first = visit.query.get("from", "") or (bound[0] if bound else "")
    known = columns.source(first)
    first = first if known is not None or bound else ""
    rate = columns.rate(column, first) if first else None
    return {
        "name": column.internal_name,
        "label": column.display_name,
        "type": str(column.type),
        "required": column.required,
        "status": columns.status(column),
        "bound": binding is not None,
        "problems": columns.problems(column),
        "reasons": columns.reasons(column),
        "modes": [(name, label, visit.address(mode=name), name == mode) for name, label in _MODES.items()],
        "mode": mode,
        "from": first,
        "pending": bool(first) and bound != (first,),
        "slots": (*bound, *[""] * max(1, _SLOTS - len(bound))),
        "join": str((binding and binding.join) or ""),
        "split": str((binding and binding.split) or ""),
        "takes_split": column.type in LIST_TYPES,
        "takes_join": column.type in (ColumnType.SINGLE_TEXT, ColumnType.MULTIPLE_TEXT),
        "template": str((binding and binding.template) or ""),
        "constant": "" if binding is None or not isinstance(binding.const, Text) else str(binding.const),
        "options": _options(column, visit),
        "tables": () if spec is None else tuple(str(one.name) for one in spec.tables),
        "table": str((binding and binding.lookup) or ""),
        "century": binding is not None and is_placeholder(str(binding.century or "")),
        "fills": None if known is None else 1 - known.null_rate,
        "samples": () if known is None else _samples(known),
        "why": "" if rate is None else say_why(rate, column),
        "candidates": [
            (one, say_why(one, column), one.confidence < THRESHOLD)
            for one in asked
            if one.source not in bound
        ],
        "dates": None if not first or mode != "column" else columns.dates(column, first),
        "formats": () if binding is None or bound != (first,) else tuple(map(str, binding.format)),
        "reading_known": bool(binding) and bound == (first,),
        "examples": [(one, visit.address(row=one.position)) for one in columns.examples(column, bound)]
        if binding is not None
        else (),
    }


def _mode_of(binding: Binding | None) -> str:
    if binding is None:
        return "column"
    if binding.template is not None:
        return "template"
    if binding.const is not None:
        return "constant"
    if binding.listed or len(binding.sources) > 1:
        return "columns"
    return "column" if binding.lookup is None else "lookup"


def _options(column: Column, visit: Visit) -> tuple[str, ...]:
    """Return the options of a choice column, as far as the mapping knows them."""
    spec = visit.bench.known.spec
    if spec is None or column.type not in CHOICE_TYPES:
        return ()
    names = (column.internal_name, column.display_name)
    found = (one.options for one in spec.choices if str(one.column) in names)
    return tuple(str(one) for one in next(found, ()))


def _times(columns: Columns, visit: Visit, chosen: Column | None) -> dict[str, Any] | None:
    """Return what is asked about times: with a column of dates, and while a bound one has no answer yet."""
    spec = visit.bench.known.spec
    if spec is None:
        return None
    bound = any(one.type is ColumnType.DATE_TIME and columns.binding(one) for one in columns.all)
    stated = spec.target_spans.get("datetime_format") is not None
    written = str(spec.timezone or ""), spec.target.datetime_format if stated else ""
    zone, pattern = ("" if is_placeholder(one) else one for one in written)
    if chosen is None and not (bound and (not zone or is_placeholder(written[1]))):
        return None
    if chosen is not None and chosen.type is not ColumnType.DATE_TIME:
        return None
    return {
        "zone": zone,
        "zone_open": not zone,
        "zones": _zones(),
        "format": pattern,
        "format_open": not pattern,
        "default": spec.target.datetime_format if not stated else "",
        "example": EXAMPLE_DATE,
    }


def _where(visit: Visit) -> dict[str, Any]:
    """Return which rows become records, and what a person may choose from to say so."""
    spec = visit.bench.known.spec
    condition = "" if spec is None or spec.where is None else str(spec.where)
    return {"condition": condition, "comparisons": tuple(COMPARISONS)}


@cache
def _zones() -> tuple[str, ...]:
    return tuple(sorted(available_timezones()))


def _column(visit: Visit, columns: Columns) -> Column:
    found = columns.find(visit.field("column"))
    if found is None:
        problem = "the connection has no such column"
        raise SettingsError(visit.field("column"), problem, "reload the page, and choose one of the list")
    return found


def _bind(visit: Visit) -> str:
    """Bind a column as the form says: `mode` is column, columns, constant, lookup or template."""
    columns = Columns(visit)
    column, mode = _column(visit, columns), visit.field("mode")
    value, key = visit.form.get("value", ""), columns.key(column)
    asked: str | None = None
    if mode == "column":
        asked = _bind_column(visit, columns, column, value)
    elif mode == "columns":
        names = tuple(filter(None, visit.lists.get("value", ())))
        if not names:
            raise SettingsError(column.display_name, "no column is chosen", "choose two or more")
        join = visit.form.get("join", "")
        keys = {"join": join} if join else {}
        _apply(visit, columns, column, Bind(key, FromColumns(names)), keys, (*_STALE[mode], "join"))
    elif mode == "constant":
        _apply(visit, columns, column, Bind(key, Constant(value)), {}, _STALE[mode])
    elif mode == "lookup":
        lookup = {"lookup": visit.field("table")}
        _apply(visit, columns, column, Bind(key, FromColumn(value)), lookup, _STALE[mode])
    elif mode == "template":
        if not value.strip():
            raise SettingsError(
                column.display_name, "the expression is empty", "write one, or choose a column"
            )
        _apply(visit, columns, column, Bind(key, Template(value)), {}, _STALE[mode])
    else:
        raise SettingsError(
            "mode", f"{mode!r} is not a way to bind a column", "reload the page, and try again"
        )
    return visit.address("columns", column=column.internal_name, mode=None, **{"from": asked})


def _bind_column(visit: Visit, columns: Columns, column: Column, source: str) -> str | None:
    """Bind a column to one of the source; return the source if it is first to be said how dates are read."""
    if columns.profile is not None and columns.source(source) is None and source not in _variables(visit):
        raise SettingsError(source, "the source has no such column", "choose one of the list")
    binding, keys = columns.binding(column), columns.drafted_keys(column, source)
    same = binding is not None and [str(one) for one in binding.sources] == [source]
    rereads, convert = "format" in visit.form or not same, keys.get("convert")
    decided = same and binding is not None and binding.format and not is_placeholder(binding.format[0])
    utc: dict[str, Any] | None = None
    if "format" in visit.form:
        chosen = visit.form["format"]
        if isinstance(convert, dict) and "datetime" in convert:
            keys["convert"] = utc = {"datetime": {**convert["datetime"], "format": chosen}}
        else:
            keys = {key: one for key, one in keys.items() if key != "format"}
            keys |= {"format": chosen} if chosen else {}
    elif is_placeholder(str(keys.get("format", ""))) and not decided:
        visit.announce("attention", f"Nothing is saved yet: say how the dates of {source} are read.")
        return source
    stale = (*_STALE["column"], *(_DATES if rereads else ()))
    if binding is not None:  # what a person has written there stays, but for how other dates were read
        keys = {
            key: one
            for key, one in keys.items()
            if (rereads and (key in _DATES or one is utc)) or not getattr(binding, key)
        }
    _apply(visit, columns, column, Bind(columns.key(column), FromColumn(source)), keys, stale)
    return None


def _variables(visit: Visit) -> set[str]:
    spec = visit.bench.known.spec
    return set() if spec is None else {str(one.name) for one in spec.let}


def _apply(
    visit: Visit,
    columns: Columns,
    column: Column,
    bind: Bind,
    keys: Mapping[str, Any],
    stale: tuple[str, ...],
) -> None:
    """Bind a column and set keys of its binding; remove those of an earlier binding that mean nothing now."""
    binding = columns.binding(column)
    unfit = [key for key in stale if key not in keys and binding is not None and getattr(binding, key)]
    intents: list[Intent] = [SetBindingKey(bind.column, key, None) for key in unfit]
    intents += [bind, *(SetBindingKey(bind.column, key, value) for key, value in keys.items())]
    visit.bench.apply(*intents)
    if unfit:
        gone = ", ".join(f"`{key}`" for key in unfit)
        visit.announce(
            "attention", f"Removed, as it has no meaning with this: {gone}.", "Undo brings it back"
        )


def _remove(visit: Visit) -> None:
    columns = Columns(visit)
    visit.bench.apply(RemoveBinding(columns.key(_column(visit, columns))))


def _set(visit: Visit) -> None:
    """Set a key of a binding, such as `split`; without a value, remove it."""
    columns = Columns(visit)
    column, key = _column(visit, columns), visit.field("key")
    binding = columns.binding(column)
    value = visit.form.get("value") or None
    if value is not None or (binding is not None and getattr(binding, key, None)):
        visit.bench.apply(SetBindingKey(columns.key(column), key, value))


def _set_where(visit: Visit) -> None:
    """Say which rows become records: by a comparison, by an expression, or all rows."""
    if "comparison" in visit.form:
        value = visit.form.get("value", "")
        condition = write_condition(visit.field("from"), visit.field("comparison"), value, visit.rows)
    else:
        condition = visit.form.get("value", "").strip()
    spec = visit.bench.known.spec
    if condition or (spec is not None and spec.where is not None):
        visit.bench.apply(SetWhere(condition or None))


def _set_zone(visit: Visit) -> None:
    visit.bench.apply(SetTimezone(_read(read_timezone, visit.field("value"), "time zone")))


def _set_target(visit: Visit) -> None:
    pattern = _read(read_datetime_format, visit.field("value"), "Opus's date format")
    visit.bench.apply(SetTargetOption("datetime_format", pattern))


def _read(read: Any, text: str, what: str) -> str:
    """Read an answer about times; what is wrong is said of the question, not of an option."""
    try:
        found: str = read(text)
    except SettingsError as error:
        raise replace(error, setting=what) from None
    return found


SCREEN = Screen(
    "columns",
    "Columns",
    _view,
    {
        "bind": _bind,
        "remove": _remove,
        "set": _set,
        "zone": _set_zone,
        "where": _set_where,
        "target": _set_target,
    },
)
