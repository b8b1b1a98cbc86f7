"""People and tables, a part of the values screen: what a table lacks, and a grid to paste it into."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from opusmap.errors import SettingsError
from opusmap.studio.lookups import LookupTable, find_lookups, make_people_table, set_entries
from opusmap.studio.visit import Visit
from opusmap.wording import counted, quote_value, them

_ENTRIES_SHOWN = 100
_LACKING_SHOWN = 200
_WHY = {
    "not-in-table": "not in the table",
    "no-email": "has no e-mail address",
}


@dataclass(frozen=True, slots=True)
class ListLine:
    """A choice column or a table in the list on the left; `open` are its values that need a decision."""

    label: str
    address: str
    current: bool
    open: int
    mark: str
    words: str
    id: str


def describe_line(visit: Visit, table: LookupTable, current: LookupTable | None) -> ListLine:
    """Return a table's line in the list on the left."""
    open_ = sum(not one.replaced for one in table.lacking)
    words = "each value that arrives is in the table"
    if table.lacking:
        words = f"{counted(len(table.lacking), 'value')} without an entry: the default is used"
    if open_:
        words = f"{counted(open_, 'value')} without an entry"
    elif not table.columns:
        words = "not the `lookup` of a column"
    label = f"{table.label}: e-mail addresses" if table.kind == "missing" else table.label
    mark = "!" if open_ else "✓"
    address = visit.address(table=table.name, column=None, new=None, find=None)
    return ListLine(label, address, table is current, open_, mark, words, f"table-{table.name}")


def describe(visit: Visit, table: LookupTable) -> dict[str, Any]:
    """Return what the template shows of a table."""
    find = visit.query.get("find", "").casefold()
    found = [one for one in table.entries.items() if find in one[0].casefold() or find in one[1].casefold()]
    return {
        "name": table.name,
        "label": table.label,
        "kind": table.kind,
        "where": table.where,
        "columns": table.columns,
        "key": table.named[0],
        "value": table.named[1],
        "people": table.people,
        "lacking": [
            (one.value, one.count, _WHY[one.code], one.replaced, table.entries.get(one.value, ""))
            for one in table.lacking[:_LACKING_SHOWN]
        ],
        "more_lacking": max(0, len(table.lacking) - _LACKING_SHOWN),
        "entries": [(key, value, table.arriving.get(key, 0)) for key, value in found[:_ENTRIES_SHOWN]],
        "more_entries": max(0, len(found) - _ENTRIES_SHOWN),
        "count": len(table.entries),
        "find": visit.query.get("find", ""),
        "sha256": "" if table.file is None else table.file.sha256,
        "addresses": sum(value not in {one.value for one in table.lacking} for value in table.arriving),
    }


def set_table(visit: Visit) -> None:
    """Write the entries of the grid that have a value."""
    table = _table(visit)
    entries = _entries(visit)
    count = set_entries(visit.bench, table, entries, visit.form.get("sha256", ""))
    if not count:
        visit.announce("attention", "Nothing to write: no entry has a new value.")
        return
    written = counted(count, "entry", "entries")
    visit.announce("good", f"{written} written into {table.where}. Undo takes {them(count)} back.")


def make_table(visit: Visit) -> str:
    """Make a people column's table in a CSV file beside the mapping, and look its values up there."""
    table, entries = _table(visit), _entries(visit)
    if not entries:
        raise SettingsError(table.label, "no e-mail address is given", "fill in at least one, or paste them")
    folder = visit.studio.folder
    path = folder.free_name(visit.form.get("file", "").strip() or "people.csv")
    path = visit.path.parent / path.name
    if path.suffix.lower() != ".csv":
        raise SettingsError(
            path.name, "this is not the name of a CSV file", "name it people.csv, for example"
        )
    name = make_people_table(visit.bench, table, path, entries)
    visit.announce(
        "good",
        f"{path.name} is written, and {quote_value(table.label)} is looked up in it: the table {name}. "
        "Undo takes both back.",
    )
    return visit.address(table=name, column=None)


def _table(visit: Visit) -> LookupTable:
    plan = visit.plan()
    rows = [] if visit.sample is None else list(visit.sample.rows())
    name = visit.field("table")
    for table in () if plan is None else find_lookups(visit.bench, plan, rows):
        if table.name == name:
            return table
    raise SettingsError(name, "the mapping has no such table", "reload the page, and try again")


def _entries(visit: Visit) -> Mapping[str, str]:
    """Return the grid's rows that have a key and a value.

    Raises:
        SettingsError: a key is there twice with different values.
    """
    keys, values = visit.lists.get("key", ()), visit.lists.get("value", ())
    found: dict[str, str] = {}
    for key, value in zip((one.strip() for one in keys), (one.strip() for one in values), strict=False):
        if not key or not value:
            continue
        if found.setdefault(key, value) != value:
            problem = f"{quote_value(key)} is there twice, with different values"
            raise SettingsError("the table", problem, "leave one of the two")
    return found
