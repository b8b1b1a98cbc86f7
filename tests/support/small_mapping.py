"""Small mappings for tests: a connection with one column of each type, and what becomes of one row."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from opusmap.compiler import Mapper, compile_mapping
from opusmap.connection import Connection, parse_connection
from opusmap.errors import InvalidMapping
from opusmap.issues import Issue, Span
from opusmap.mapping import parse_spec
from opusmap.records import Mapped, Record, Reject

COLUMNS = {
    "rowKey": "SingleText",
    "_Line": "SingleText",
    "_Text": "MultipleText",
    "_When": "DateTime",
    "_Choice": "SingleChoice",
    "_Choices": "MultipleChoice",
    "_People": "PeopleOrGroup",
    "_Number": "Number",
    "termFullPath": "Taxonomy",
}
CHOICES = "choices: {Choice: [Red, Green, Blue], Choices: [Red, Green, Blue]}\n"


def connect(columns: dict[str, str]) -> Connection:
    """Return a connection with these columns."""
    return parse_connection(json.dumps({"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [columns]}))


CONNECTION = connect(COLUMNS)


def mapping_text(fields: str, more: str = "", choices: str = CHOICES) -> str:
    """Return a mapping with these lines under `fields` (after `rowKey: Key`) and these sections besides."""
    body = "\n".join(f"  {line}" for line in fields.splitlines())
    return f"opusmap: 1\nconnection: c.json\n{choices}{more}\nfields:\n  rowKey: Key\n{body}\n"


def compiled(
    fields: str,
    more: str = "",
    *,
    columns: Iterable[str] | None = None,
    choices: str = CHOICES,
    connection: Connection = CONNECTION,
    folder: Path | None = None,
) -> Mapper:
    """Compile a small mapping."""
    spec = parse_spec(mapping_text(fields, more, choices), "m.yaml", folder)
    return compile_mapping(spec, connection, columns=None if columns is None else frozenset(columns))


def mapped(fields: str, row: dict[str, Any], more: str = "", **options: Any) -> Mapped:
    """Map one row, whose `Key` is "k" unless it says otherwise."""
    return compiled(fields, more, **options).map_row({"Key": "k", **row})


def record(fields: str, row: dict[str, Any], more: str = "", **options: Any) -> dict[str, Any]:
    """Return the values of the record that a row becomes, without its key."""
    found = mapped(fields, row, more, **options)
    assert isinstance(found, Record), found
    return {name: value for name, value in found.values.items() if name != "rowKey"}


def rejects(fields: str, row: dict[str, Any], more: str = "", **options: Any) -> dict[str, str]:
    """Return the problems of the reject that a row becomes: column -> code."""
    found = mapped(fields, row, more, **options)
    assert isinstance(found, Reject), found
    return {problem.column: problem.code for problem in found.problems}


def problems(fields: str, more: str = "", **options: Any) -> tuple[Issue[Span], ...]:
    """Return what is wrong with a small mapping; nothing if it compiles."""
    try:
        compiled(fields, more, **options)
    except InvalidMapping as error:
        return error.diagnostics
    return ()
