"""Lookup tables of an open mapping: where each is written, who reads it, and which values it lacks.

Owns changing a table's entries where they are: in the mapping, or in a CSV file beside it. A people column
without a table is listed with the values that are not e-mail addresses.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from opusmap.compiler.plan import ColumnPlan, Plan
from opusmap.connection import ColumnType
from opusmap.converters.coerce import text_of
from opusmap.converters.people import email
from opusmap.edits import SetBindingKey, SetTableEntry, SetTableFile
from opusmap.errors import SettingsError, ValueProblem
from opusmap.expressions.nodes import Node
from opusmap.records import Reject, Row
from opusmap.safe_files import resolve_inside
from opusmap.studio.arrivals import count_arrivals, find_lookup
from opusmap.studio.table_files import CsvTable, make_csv_table
from opusmap.studio.workbench import Workbench

_IN_PLACE = frozenset({"path", "key", "value", "delimiter", "quote", "encoding"})
"""Keys of a table in a CSV file that can be edited here."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """A value that is not in a table (or is not an e-mail address), how often it arrives, and from where.

    `replaced` says that the column's `default` replaces it.
    """

    value: str
    count: int
    code: Literal["not-in-table", "no-email"]
    columns: tuple[str, ...]
    replaced: bool = False


@dataclass(frozen=True, slots=True)
class LookupTable:
    """A table, or a people column that has none yet (`kind` is `missing`, `name` its internal name).

    `kind` is `inline` (written in the mapping), `csv` (in a CSV file that can be edited here), or `elsewhere`
    (`where` says in which file or query). `arriving` are all the values that arrive, with their counts.
    """

    name: str
    label: str
    kind: Literal["inline", "csv", "elsewhere", "missing"]
    where: str
    columns: tuple[str, ...]
    entries: Mapping[str, str]
    lacking: tuple[Lacking, ...]
    arriving: Mapping[str, int]
    people: bool = False
    named: tuple[str, str] = ("key", "value")
    file: CsvTable | None = None


@dataclass
class _Use:
    """How a table is used: by which columns, and what arrives there."""

    columns: list[ColumnPlan] = field(default_factory=list)
    arriving: dict[str, dict[str, int]] = field(default_factory=dict)


def find_lookups(bench: Workbench, plan: Plan, rows: list[Row | Reject]) -> tuple[LookupTable, ...]:
    """Return the lookup tables of a mapping, then the people columns that have none, if they need one."""
    uses: dict[str, _Use] = {str(name): _Use() for name in plan.tables}
    nodes: dict[str, Node] = {}
    people = []
    for column in plan.columns:
        lookup = find_lookup(column)
        if lookup is not None:
            nodes[column.column.internal_name] = lookup.value
            uses[lookup.table].columns.append(column)
        elif column.column.type is ColumnType.PEOPLE:
            nodes[column.column.internal_name] = column.tree
            people.append(column)
    arrivals = count_arrivals(plan, nodes, rows)
    for use in uses.values():
        for column in use.columns:
            use.arriving[column.column.display_name] = dict(arrivals[column.column.internal_name].values)
    found = [_describe(bench, plan, name, use) for name, use in uses.items()]
    for column in people:
        name, label = column.column.internal_name, column.column.display_name
        values = arrivals[name].values
        lacking = tuple(
            Lacking(value, count, "no-email", (label,))
            for value, count in values.items()
            if not _is_email(value)
        )
        if lacking:
            found.append(
                LookupTable(name, label, "missing", "", (label,), {}, lacking, values, people=True,
                            named=("login", "email"))
            )  # fmt: skip
    return tuple(found)


def _describe(bench: Workbench, plan: Plan, name: str, use: _Use) -> LookupTable:
    entries = {key: _shown(value) for key, value in plan.tables[name].entries.items()}
    labels = tuple(one.column.display_name for one in use.columns)
    people = any(one.column.type is ColumnType.PEOPLE and not one.converts for one in use.columns)
    defaults = {one.column.display_name for one in use.columns if one.default is not None}
    counts: dict[str, tuple[int, list[str]]] = {}
    arriving: dict[str, int] = {}
    for label, values in use.arriving.items():
        for value, count in values.items():
            arriving[value] = arriving.get(value, 0) + count
            before, columns = counts.get(value, (0, []))
            counts[value] = before + count, [*columns, label]
    lacking = []
    for value, (count, columns) in sorted(counts.items(), key=lambda one: (-one[1][0], one[0])):
        if value not in entries:
            replaced = all(label in defaults for label in columns)
            lacking.append(Lacking(value, count, "not-in-table", tuple(columns), replaced))
        elif people and not _is_email(entries[value]):
            lacking.append(Lacking(value, count, "no-email", tuple(columns)))
    kind, where, named, file = _place(bench, plan, name)
    return LookupTable(
        name, name, kind, where, labels, entries, tuple(lacking), arriving, people, named, file
    )


def _place(
    bench: Workbench, plan: Plan, name: str
) -> tuple[Literal["inline", "csv", "elsewhere"], str, tuple[str, str], CsvTable | None]:
    """Return where a table's entries are, in words, and its file if it can be edited here."""
    named = ("key", "value")
    written = plan.tables[name].name.span.file
    if written != str(bench.path):
        return "elsewhere", f"{Path(written).name}, which other mappings may share", named, None
    given = plan.tables[name].origin
    if not given:
        return "inline", "this mapping", named, None
    if "database" in given:
        return "elsewhere", f"the database in {given['database']}", named, None
    where = str(given["path"])
    named = str(given.get("key", "key")), str(given.get("value", "value"))
    path = resolve_inside(bench.path.parent, where)
    if path is None or path.suffix.lower() != ".csv" or not set(given) <= _IN_PLACE or not path.is_file():
        return "elsewhere", where, named, None
    options = {key: str(given[key]) for key in ("delimiter", "quote", "encoding") if key in given}
    return "csv", where, named, CsvTable.read(path, *named, **options)


def set_entries(bench: Workbench, table: LookupTable, entries: Mapping[str, str], sha256: str = "") -> int:
    """Write entries into a table where it is, as one step to undo; return how many have changed.

    Args:
        bench: the mapping.
        table: one that is `inline` or `csv`.
        entries: the values by their keys.
        sha256: the hash of the CSV file as the person has seen it.

    Raises:
        SettingsError: the table can't be edited here, or its file was changed or can't be written.
        EditRefused: the mapping can't be edited so.
    """
    known = {key: _as_typed(value) for key, value in table.entries.items()}
    changed = {key: value for key, value in entries.items() if known.get(key) != _as_typed(value)}
    if table.kind == "inline":
        bench.apply(*(SetTableEntry(table.name, key, value) for key, value in changed.items()))
    elif table.file is not None:
        if sha256 and table.file.sha256 != sha256:
            problem = "the table's file was changed by another program since this page was shown"
            raise SettingsError(table.where, problem, "it is shown as it is now: look, and enter them again")
        if changed:
            bench.apply(file=table.file.set(changed))
    else:
        raise SettingsError(table.where, "this table can't be edited here", f"edit {table.where}")
    return len(changed)


def make_people_table(bench: Workbench, table: LookupTable, path: Path, entries: Mapping[str, str]) -> str:
    """Give a people column a table in a new CSV file beside the mapping, as one step to undo.

    Returns the table's name.

    The values that are e-mail addresses already are entries, too: a column with a table looks up all of them.

    Raises:
        SettingsError: the file is there, or can't be written. EditRefused: the mapping can't be edited so.
    """
    with bench.lock:
        spec = bench.known.spec
        taken = {str(one.name) for one in spec.tables} if spec is not None else set()
        names = ("people", *(f"people{number}" for number in range(2, len(taken) + 2)))
        name = next(one for one in names if one not in taken)
        target = next(
            str(one.target)
            for one in (() if spec is None else spec.fields)
            if str(one.target) in (table.name, table.label)
        )
        own = {value: value for value in table.arriving if _is_email(value)}
        bench.apply(
            SetTableFile(name, path.relative_to(bench.path.parent).as_posix(), *table.named),
            SetBindingKey(target, "lookup", name),
            file=make_csv_table(path, *table.named, {**own, **entries}),
        )
    return name


def _as_typed(text: str) -> str:
    """Return a value as it comes back from a field of one line, if nothing was typed into it."""
    return text.replace("\r", "").replace("\n", "").strip()


def _is_email(text: str) -> bool:
    try:
        return bool(email(text))
    except ValueProblem:
        return False


def _shown(value: Any) -> str:
    try:
        return text_of(value)
    except ValueProblem:
        return str(value)
