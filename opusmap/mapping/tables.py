"""Reads the entries of a lookup table that is a file or a query, by the readers of sources: all or none.

Which files a mapping may name is checked in `load`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from opusmap.converters.coerce import text_of
from opusmap.errors import SourceError, ValueProblem
from opusmap.records import Reject, Row
from opusmap.safe_files import UnreadableFile, read_text, refuse_irregular
from opusmap.source_options import SourceOptions
from opusmap.wording import quote_names, quote_value, suggest

if TYPE_CHECKING:
    from opusmap.sources import Source

SIZE_LIMIT = 64 << 20
"""Bytes of a table's file at most, and characters of all the texts in its rows."""

ROWS_LIMIT = 1_000_000
"""Rows of a table at most."""

_DEFAULTS = SourceOptions()
_EXAMPLE = "for example {path: staff.csv, key: login, value: email}"


def read_table(
    path: Path | None, options: SourceOptions, key: str | None, value: str | None, inside: Path | None
) -> dict[str, Any]:
    """Return the entries of a table.

    A JSON object is the table itself; of anything else, `key` and `value` name columns (of nested values,
    by their path). Numbers are exact (`int`, `Decimal`). Nothing is detected: without `delimiter`, a CSV file
    has commas.

    Args:
        path: the file; None if a database is named.
        options: the table's keys that `source` has, too.
        key: the column with the keys.
        value: the column with the values.
        inside: the folder that files of a pattern must be in.

    Raises:
        UnreadableFile: a row or the whole can't be read, there are too many, a column is missing, or a key
            occurs twice with different values.
    """
    # By the name that is written: a link's end may have another.
    if (
        path is not None
        and Path(options.path or path).suffix.lower() == ".json"
        and options == SourceOptions(path=options.path)
    ):
        data = _load_json(read_text(path, SIZE_LIMIT))
        if isinstance(data, dict):
            return data
        columns = {name for row in data for name in row}
        _check_names((key, value), columns)
        return _collect(((f"entry {number}", row) for number, row in enumerate(data, 1)), key, value)
    if key is None or value is None:
        _check_names((key, value), set())
    try:
        with _open(path, options, inside) as source:
            if source.columns is not None:
                _check_names((key, value), set(source.columns))
            empty = frozenset() if options.empty == _DEFAULTS.empty else frozenset(options.empty)
            return _collect(_rows(source, empty), key, value)
    except SourceError as error:
        where = "" if error.row is None else f"row {error.row}: "
        raise _refuse(f"{where}{error.problem}", _in_table(error.help)) from None


def _open(path: Path | None, options: SourceOptions, inside: Path | None) -> Source:
    # Not above: what reads a mapping without such a table needs none of it.
    from opusmap.sources import find_format, is_pattern, open_with  # noqa: PLC0415

    if path is None:
        from opusmap.sources.database import open_database  # noqa: PLC0415

        if options.database is None:
            raise _refuse("a table needs a `path` or a `database`", _EXAMPLE)
        return open_database(options.database, options.sql, options.database)
    if options.database is not None:
        raise _refuse("`path` and `database` can't both be named", "remove one of the two")
    if not path.is_dir():
        if not is_pattern(path):
            _check_file(path)
        found = find_format(path.name, options.format).name
        if found == "sqlite":
            hint = "give its address in a variable: {database: OPUSMAP_DATABASE, sql: SELECT …}"
            raise _refuse("a table can't be read from an SQLite file", hint)
        if found == "csv" and options.delimiter is None:
            tabs = path.name.lower().removesuffix(".gz").endswith(".tsv")
            options = replace(options, delimiter="\t" if tabs else ",")
    return open_with(path, options, inside)


def _check_file(path: Path) -> None:
    try:
        refuse_irregular(path)
        size = path.stat().st_size
    except OSError as error:
        raise UnreadableFile("file-unreadable", f"the file can't be read: {error.strerror}") from error
    if size > SIZE_LIMIT:
        raise UnreadableFile("file-too-large", f"the file is too large: more than {SIZE_LIMIT >> 20} MB")


def _rows(source: Source, empty: frozenset[str]) -> Iterable[tuple[str, Mapping[str, Any]]]:
    """Yield the place and the values of each row, cells with a text of `empty` as None."""
    weight = 0
    for count, row in enumerate(source.rows()):
        if isinstance(row, Reject):
            cause = row.problems[0]
            raise _refuse(f"{source.place(row.row)}: {cause.message}", _in_table(cause.hint))
        assert isinstance(row, Row)
        weight += sum(len(cell) for cell in row.values.values() if isinstance(cell, str))
        if count == ROWS_LIMIT or weight > SIZE_LIMIT:
            most = f"{ROWS_LIMIT:,} rows" if count == ROWS_LIMIT else f"{SIZE_LIMIT >> 20} MB"
            raise _refuse(f"the table has more than {most}", "remove the rows that are not looked up")
        values = row.values
        if empty:
            texts = (
                cell if not isinstance(cell, str) or cell not in empty else None for cell in values.values()
            )
            values = dict(zip(values, texts, strict=True))
        yield source.place(row.number), values


def _collect(rows: Iterable[tuple[str, Mapping[str, Any]]], key: Any, value: Any) -> dict[str, Any]:
    entries: dict[str, Any] = {}
    for place, row in rows:
        cell = _cell(row, key)
        try:
            found = None if cell is None else text_of(cell)
        except ValueProblem:
            found = None
        if found is None:
            raise _refuse(f"{place}: {quote_value(key)} is not a text or number")
        result = _cell(row, value)
        if entries.setdefault(found, result) != result:
            message = f"{place}: duplicate key {quote_value(found)} with different values"
            raise _refuse(message, "remove one of the two")
    return entries


def _cell(row: Mapping[str, Any], name: str) -> Any:
    """Return the value of a column, or of a path into nested values; None if there is none."""
    if name in row:
        return row[name]
    found: Any = row
    for step in name.split("."):
        found = found.get(step) if isinstance(found, Mapping) else None
    return found


def _check_names(names: tuple[str | None, ...], columns: set[str]) -> None:
    for name in names:
        if name is None:
            raise _refuse("`key` and `value` must name columns of the file", _EXAMPLE)
        if name not in columns and name.partition(".")[0] not in columns:
            known = f"columns: {quote_names(sorted(columns))}" if columns else "the file is empty"
            hint = suggest(name, columns) or known
            raise _refuse(f"there is no column {quote_value(name)}", hint)


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


def _in_table(help: str) -> str:
    """Return the help of a source's problem for a table, which has the same keys."""
    return help.replace("under `source:`", "in the table").replace("from `source:`", "from the table")


def _refuse(message: str, hint: str = "") -> UnreadableFile:
    return UnreadableFile("table-unreadable", message, hint)
