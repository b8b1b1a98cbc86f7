"""A row of the source as a test of the mapping: the cells that it reads, and what they become now."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time
from decimal import Decimal
from typing import Any

from opusmap.compiler import Mapper
from opusmap.edits import AddTest
from opusmap.errors import SettingsError
from opusmap.records import Mapped, Record, Reject
from opusmap.testing.mapping_tests import run_row


def make_test(mapper: Mapper, values: Mapping[str, Any], name: str) -> AddTest:
    """Return the test of a row.

    Args:
        mapper: the mapping as it is now.
        values: the row.
        name: the test's name.

    Raises:
        SettingsError: a test of this row would not show what becomes of it.
    """
    read = {name.partition(".")[0] if dotted else name for name, dotted in mapper.plan.cells().items()}
    row = {name: _as_yaml(value) for name, value in values.items() if name in read and value is not None}
    mapped = run_row(mapper, row)
    if _summary(mapped) != _summary(mapper.map_row(values)):
        problem = "a test can't hold this row: its cells mean something else when they are written in YAML"
        raise SettingsError(name, problem, "keep another row as test")
    if isinstance(mapped, Record):
        names = {column.internal_name: column.display_name for column in mapper.connection.columns}
        expect = {names.get(one, one): _as_yaml(value) for one, value in mapped.values.items()}
        return AddTest(row, name, expect=expect)
    if isinstance(mapped, Reject):
        return AddTest(row, name, reject={one.place: one.code for one in mapped.problems})
    return AddTest(row, name, filtered=True)


def _summary(mapped: Mapped) -> object:
    if isinstance(mapped, Record):
        return mapped.values
    if isinstance(mapped, Reject):
        return {(one.place, one.code) for one in mapped.problems}
    return None


def _as_yaml(value: Any) -> Any:
    """Return a value as YAML can hold it."""
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, float | Decimal):
        return int(value) if value == int(value) else str(value)  # YAML's numbers with a point are texts
    if isinstance(value, list | tuple):
        return [_as_yaml(one) for one in value]
    if isinstance(value, dict):
        return {str(name): _as_yaml(one) for name, one in value.items()}
    return value
