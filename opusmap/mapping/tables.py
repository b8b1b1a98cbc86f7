"""Reads a lookup table's file: CSV with a header, or JSON.

Which files a mapping may name is checked in `load`.
"""

from __future__ import annotations

import csv
import io
import json
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

from opusmap.converters.coerce import text_of
from opusmap.errors import ValueProblem
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.wording import quote_names, quote_value, suggest

SIZE_LIMIT = 64 << 20
"""Bytes of a table's file at most."""


def read_table(path: Path, key: str | None, value: str | None) -> dict[str, Any]:
    """Return the entries of a table's file.

    A JSON object is the table itself; of a CSV file or a list of JSON objects, `key` and `value` name
    the columns. Numbers are exact (`int`, `Decimal`).

    Raises:
        UnreadableFile: the file can't be read, lacks the columns, or has a duplicate key.
    """
    text = read_text(path, SIZE_LIMIT)
    if path.suffix.lower() == ".json":
        data = _load_json(text)
        if isinstance(data, dict):
            return data
        rows, header = data, {name for row in data for name in row}
    else:
        names, rows = _csv_rows(text)
        header = set(names)
    if key is None or value is None:
        help_text = "for example {path: staff.csv, key: login, value: email}"
        raise _refuse("`key` and `value` must name columns of the file", help_text)
    for name in (key, value):
        if name not in header:
            known = f"columns: {quote_names(sorted(header))}" if header else "the file is empty"
            help_text = suggest(name, header) or known
            raise _refuse(f"there is no column {quote_value(name)}", help_text)
    entries: dict[str, Any] = {}
    for number, row in enumerate(rows, 1):
        try:
            found = text_of(row.get(key))
        except ValueProblem:
            raise _refuse(f"entry {number} has no text or number as its {quote_value(key)}") from None
        if entries.setdefault(found, row.get(value)) != row.get(value):
            message = f"duplicate key {quote_value(found)} with different values"
            raise _refuse(message, "remove one of the two")
    return entries


def _load_json(text: str) -> dict[str, Any] | list[dict[str, Any]]:
    def refuse_constant(name: str) -> NoReturn:
        raise _refuse(f"{name} is not a JSON number")

    def unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        found = dict(pairs)
        if len(found) < len(pairs):
            twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
            raise _refuse(f"duplicate key {quote_value(twice)}", "remove one of the two")
        return found

    try:
        data = json.loads(
            text, parse_float=Decimal, parse_constant=refuse_constant, object_pairs_hook=unique_keys
        )
    except (ValueError, RecursionError) as error:
        raise _refuse(f"the file is not JSON: {error}") from None
    if isinstance(data, dict) or (isinstance(data, list) and all(isinstance(row, dict) for row in data)):
        return data
    raise _refuse("the file must contain an object, or a list of objects")


def _csv_rows(text: str) -> tuple[list[str], list[dict[str, Any]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = next(reader, [])
        if len(set(header)) < len(header):
            twice = Counter(header).most_common(1)[0][0]
            raise _refuse(f"duplicate column {quote_value(twice)}", "rename one of the two")
        rows: list[dict[str, Any]] = []
        for cells in reader:
            if cells and len(cells) != len(header):
                raise _refuse(f"line {reader.line_num} has {len(cells)} cells instead of {len(header)}")
            if cells:
                rows.append(dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise _refuse(f"line {reader.line_num}: {error}") from None
    return header, rows


def _refuse(message: str, hint: str = "") -> UnreadableFile:
    return UnreadableFile("table-unreadable", message, hint)
