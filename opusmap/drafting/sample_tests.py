"""Two rows of the source for a draft's tests, run through the draft itself.

Owns choosing them: one that fills most columns, and one that fills few. Expected is what the draft makes of
them, without the columns that are still open.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

from opusmap.compiler import Mapper, compile_mapping
from opusmap.compiler.plan import UNDECIDED_KEY, ColumnPlan
from opusmap.connection import Connection
from opusmap.drafting.draft import Draft, DraftTest, write_draft
from opusmap.errors import InvalidMapping
from opusmap.mapping import Text, parse_spec
from opusmap.mapping.model import DRAFTED
from opusmap.records import Record, Row

ROWS_TRIED = 200
TEXT_LIMIT = 200
"""Characters of a cell that a test may hold; longer ones are left out where the column is optional."""


def with_tests(draft: Draft, connection: Connection, rows: Iterable[Row]) -> Draft:
    """Return the draft with two tests, as far as rows are found that become records."""
    mapper = _settled_mapper(draft, connection)
    if mapper is None:
        return draft
    tried = [(row, mapper.map_row(_as_written(row), row.number)) for row in rows]
    mapped = [(row, record) for row, record in tried if isinstance(record, Record) and _is_short(row, mapper)]
    # A column that is still open may be required: a row without its cell would fail once that is decided.
    required = [one.chosen.source for one in draft.matches if one.column.required and one.chosen is not None]
    cells = (([row.values.get(name) for name in required], (row, record)) for row, record in mapped)
    mapped = [one for found, one in cells if all(cell not in (None, "", []) for cell in found)] or mapped
    mapped.sort(key=lambda one: -len(one[1].values))
    chosen = mapped[:1] + mapped[1:][-1:]
    names = {column.internal_name: column.display_name for column in connection.columns}
    tests = [_test(mapper, row, record, names) for row, record in chosen]
    return replace(draft, tests=tuple(test for test in tests if test.expect))


def _settled_mapper(draft: Draft, connection: Connection) -> Mapper | None:
    """Return the mapper of what is decided already; None if no mapping results."""
    try:
        spec = parse_spec(write_draft(draft, settled=True))
        return compile_mapping(spec, connection, columns=draft.profile.row_columns)
    except InvalidMapping:
        return None


def _as_written(row: Row) -> dict[str, Any]:
    """Return a row as a test holds it: YAML has no cells that are dates, so their ISO text must do."""
    return {name: cell.isoformat() if isinstance(cell, date) else cell for name, cell in row.values.items()}


def _is_short(row: Row, mapper: Mapper) -> bool:
    required = {name for plan in mapper.plan.columns if plan.required for name in _sources(plan)}
    return all(len(str(row.values.get(name, ""))) <= TEXT_LIMIT for name in required)


def _test(mapper: Mapper, row: Row, record: Record, names: Mapping[str, str]) -> DraftTest:
    """Take all of a row's short cells, for a person may yet bind any; expect what is made of those alone."""
    cells = {name: cell for name, cell in row.values.items() if cell not in (None, "", [])}
    needed = {_holder(row, name) for plan in mapper.plan.columns if plan.required for name in _sources(plan)}
    kept = {name: cell for name, cell in cells.items() if name in needed or len(str(cell)) <= TEXT_LIMIT}
    expect = {
        names[plan.column.internal_name]: record.values[plan.column.internal_name]
        for plan in mapper.plan.columns
        if plan.column.internal_name in record.values
        and plan.binding.const != UNDECIDED_KEY
        and all(name in kept or name not in cells for name in (_holder(row, name) for name in _sources(plan)))
    }
    return DraftTest(f"row {row.number} of the source{DRAFTED}", kept, expect)


def _sources(plan: ColumnPlan) -> list[str]:
    return [str(name) for name in plan.binding.sources if isinstance(name, Text)]


def _holder(row: Row, name: str) -> str:
    """Return the name of a row's own that holds a value: of a dotted one the first part."""
    return name if name in row.values else name.partition(".")[0]
