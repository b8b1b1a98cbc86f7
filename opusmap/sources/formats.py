"""From a path, a stream, an address or `-` to a source: the table of formats and what each takes.

Registration is this table; a new format is its module, one entry here and one line in `_open_one`.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from opusmap.errors import SourceError
from opusmap.issues import quote_value, suggest
from opusmap.mapping import SourceOptions
from opusmap.sources.changes import FileWatch, is_logged_database
from opusmap.sources.globs import Pattern, is_pattern, split_pattern, walk
from opusmap.sources.remote import is_remote, remote_input
from opusmap.sources.source import Reading, Source, StreamSource
from opusmap.sources.text_io import Input

# Only the format in use is loaded: its module is imported where it is opened.

__all__ = ["FORMATS", "SUFFIXES", "find_format", "is_missing", "open_database", "open_source", "open_with"]

FORMATS = {
    "csv": ("encoding", "delimiter", "quote", "header_row", "columns"),
    "jsonl": ("encoding", "each"),
    "json": ("encoding", "items", "each"),
    "excel": ("sheet", "header_row", "columns"),
    "parquet": ("each",),
    "sqlite": ("sql",),
    "files": (),
}
"""The formats, as `format:` in a mapping names them, each with the options that are for it."""

SUFFIXES = {
    ".csv": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".xlsx": "excel",
    ".xlsm": "excel",
    ".xlsb": "excel",
    ".xls": "excel",
    ".ods": "excel",
    ".parquet": "parquet",
    ".sqlite": "sqlite",
    ".sqlite3": "sqlite",
    ".db": "sqlite",
}
"""The format that a file's suffix stands for; `.gz` behind it does not count."""

_NAMES = {
    "csv": "CSV",
    "jsonl": "JSON Lines",
    "json": "JSON",
    "excel": "a workbook",
    "parquet": "Parquet",
    "sqlite": "an SQLite database",
    "files": "a folder of files",
}
_OWN_FILES = re.compile(r"\.rejects(\.\d+)?\.(csv|xlsx|jsonl)$|\.last-run\.json$")
"""Names of what runs leave beside a mapping."""
_DEFAULTS = SourceOptions()
_OPTIONS = tuple(dict.fromkeys(option for options in FORMATS.values() for option in options))


def open_source(
    path: str | Path | IO[Any],
    *,
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    header_row: int = 1,
    columns: tuple[str, ...] = (),
    sheet: str | None = None,
    items: str | None = None,
    each: str | None = None,
    sql: str | None = None,
    file_column: str | None = None,
) -> Source:
    """Open a source and read as much of it as it takes to know its columns.

    Args:
        path: a path; a folder, or a pattern with `*`, `?`, `[` or `**` that stands for several files; `-`
            for standard input; an address such as `https://…` (extra `remote`); or an open stream, binary
            or text, which stays open.
        format: one of `FORMATS`; without it the suffix decides.
        encoding: for files that are neither UTF-8 nor begin with a byte-order mark.
        delimiter: CSV: one character; without it, a tab for `.tsv`, else the one of `,` `;` tab `|` that
            gives rows of equal width (the source's `notes` say which).
        quote: CSV: the quote character (default `"`); an empty text when nothing is quoted.
        header_row: CSV, Excel: the row with the column names; what stands above it is skipped.
        columns: CSV, Excel: the names of the columns of a file that has no header row.
        sheet: Excel: a sheet's name, or its number from 1.
        items: JSON: the path of the list whose items are the rows; without it the document is the list.
        each: JSON, JSON Lines, Parquet: the column with a list, each element of which makes a row.
        sql: SQLite: the query that gives the rows.
        file_column: the name of a column to add with the name of each row's file.

    Raises:
        SourceError: the source can't be opened, has no known format, or its header is unusable.
    """
    options = SourceOptions(
        format=format,
        encoding=encoding,
        delimiter=delimiter,
        quote=quote,
        header_row=header_row,
        columns=columns,
        sheet=sheet,
        items=items,
        each=each,
        sql=sql,
        file_column=file_column,
    )
    return open_with(path, options)


def open_with(path: str | Path | IO[Any], options: SourceOptions, inside: Path | None = None) -> Source:
    """Open a source with the options of a mapping; see `open_source`.

    `inside` is the folder that the files of a pattern must be in, links followed to their ends: that of
    the mapping, where the mapping itself names them.

    Raises:
        SourceError: as `open_source`; `outside-folder`.
    """
    many = isinstance(path, str | Path) and not is_remote(path) and is_pattern(path)
    if options.format == "files" or (isinstance(path, str | Path) and path != "-" and _is_folder(path)):
        return _open_folder(path, options)
    if many or options.file_column is not None:
        return _open_several(path, options, inside, many=many)
    source = _open_watched(_input(path), options)
    if options.each is None:
        return source
    from opusmap.sources.explode import EachSource  # noqa: PLC0415

    return EachSource(source, options.each)


def open_database(variable: str, sql: str | None, name: str) -> Source:
    """Open the database whose address an environment variable holds; `name` is for messages.

    Raises:
        SourceError: `no-database`, `no-query`, `bad-query`, `missing-extra`, `source-unreadable`.
    """
    from opusmap.sources.database import DatabaseSource, database_url, sqlite_path  # noqa: PLC0415
    from opusmap.sources.sqlite import SqliteSource  # noqa: PLC0415

    url = database_url(variable, name)
    query = _query(sql, name)
    file = sqlite_path(url)
    if file is None:
        return DatabaseSource(url, query, variable)
    watch = FileWatch([file], snapshot=is_logged_database(file))
    source = SqliteSource(file, query, variable)
    source.watch = watch
    return source


def find_format(path: str | Path, stated: str | None = None) -> str | None:
    """Return the format of a file: the stated one, else what its name ends in; None if that tells nothing."""
    return stated or SUFFIXES.get(_suffix(str(path)))


def is_missing(path: str | Path) -> bool:
    """Tell whether nothing is where a source should be: no file, no folder, no file that a pattern matches.

    Of standard input and addresses that can't be told: False.
    """
    if path == "-" or is_remote(path):
        return False
    if is_pattern(path):
        pattern = split_pattern(path)
        found = (one for one in walk(pattern.folder) if not isinstance(one, OSError))
        return not any(pattern.matches(names) for _, names in found)
    try:
        Path(path).stat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except (OSError, ValueError):  # it may be there, and opening it says what is wrong
        return False
    return False


def _open_watched(input: Input, options: SourceOptions) -> Source:
    """Open a source whose file is watched from before it is opened."""
    watch = None
    if isinstance(input.origin, Path):
        snapshot = find_format(input.name, options.format) == "sqlite" and is_logged_database(input.origin)
        watch = FileWatch([input.origin], snapshot=snapshot)
    source = _open_one(input, options)
    source.watch = watch
    return source


def _open_one(input: Input, options: SourceOptions) -> Source:
    kind = _format(input.name, options.format)
    _refuse_others(input.name, kind, options)
    begin: partial[Reading]
    match kind:
        case "csv":
            from opusmap.sources.csv_rows import read_csv  # noqa: PLC0415

            begin = partial(
                read_csv,
                encoding=options.encoding,
                delimiter="\t"
                if options.delimiter is None and _suffix(input.name) == ".tsv"
                else options.delimiter,
                quote=options.quote,
                header_row=options.header_row,
                given=options.columns,
            )
        case "jsonl":
            from opusmap.sources.jsonlines import read_json_lines  # noqa: PLC0415

            begin = partial(read_json_lines, encoding=options.encoding)
        case "json":
            from opusmap.sources.json_items import read_json_items  # noqa: PLC0415

            begin = partial(read_json_items, encoding=options.encoding, items=options.items)
        case "excel":
            from opusmap.sources.workbook import WorkbookSource  # noqa: PLC0415

            return WorkbookSource(
                input, sheet=options.sheet, header_row=options.header_row, columns=options.columns
            )
        case "parquet":
            from opusmap.sources.parquet import ParquetSource  # noqa: PLC0415

            return ParquetSource(input)
        case _:
            return _open_sqlite(input, options)
    return StreamSource(input, partial(begin, name=input.name))


def _open_sqlite(input: Input, options: SourceOptions) -> Source:
    from opusmap.sources.sqlite import SqliteSource  # noqa: PLC0415

    query = _query(options.sql, input.name)
    if not isinstance(input.origin, Path):
        problem = "a database can't be read from a stream or an address"
        raise SourceError(input.name, "source-unreadable", problem, help="save it as a file first")
    return SqliteSource(input.origin, query, input.name)


def _query(sql: str | None, name: str) -> str:
    if sql is None or not sql.strip():
        hint = "say it as `sql:` under `source:`, for example SELECT Id, Title FROM Contract"
        raise SourceError(name, "no-query", "a database needs a query that gives the rows", help=hint)
    return sql


def _open_folder(path: str | Path | IO[Any], options: SourceOptions) -> Source:
    from opusmap.sources.folder import FolderSource  # noqa: PLC0415

    name = str(path)
    if not isinstance(path, str | Path) or path == "-" or is_remote(path):
        problem = "the files of a stream or an address can't be listed"
        raise SourceError(name, "source-unreadable", problem, help="name a folder")
    if options.format not in (None, "files"):
        problem = "this is a folder"
        hint = f"name the files in it by a pattern, such as {Path(name) / '*.csv'}"
        raise SourceError(name, "source-unreadable", problem, help=hint)
    _refuse_others(name, "files", options)
    if options.file_column is not None:
        problem = "`file_column` is for rows out of files; a folder's rows have `path` and `name`"
        raise SourceError(name, "wrong-option", problem, help="take `file_column` out of `source:`")
    return FolderSource(name, split_pattern(path) if is_pattern(path) else Pattern(Path(path)))


def _open_several(
    path: str | Path | IO[Any], options: SourceOptions, inside: Path | None, *, many: bool
) -> Source:
    from dataclasses import replace  # noqa: PLC0415

    from opusmap.sources.multi_file import OneFile, SeveralSource  # noqa: PLC0415

    each = replace(options, file_column=None)
    if not many:
        only = _input(path)
        watch = FileWatch([only.origin]) if isinstance(only.origin, Path) else None
        name = only.name
        files = [OneFile(name if is_remote(path) else Path(name).name, lambda: open_with(path, each))]
        one = SeveralSource(name, files, options.file_column, same_columns=True)
        one.watch = watch
        return one
    assert isinstance(path, str | Path)
    left_out = list[str]()
    found = list(_found_files(path, inside, left_out))
    watch = FileWatch([file for _, file in found], partial(_list_files, path, inside))
    files = [OneFile(name, partial(open_with, file, each)) for name, file in found]
    kinds = {_format(str(file), options.format) for _, file in found}
    alike = not kinds & {"json", "jsonl"}
    several = SeveralSource(str(path), files, options.file_column, same_columns=alike)
    several.files = tuple(str(file) for _, file in found)
    several.watch = watch
    if left_out:
        several.notes = (*several.notes, f"what runs left there was left out: {', '.join(left_out[:3])}")
    return several


def _list_files(path: str | Path, inside: Path | None) -> list[Path]:
    """Return the files that a pattern meets by now."""
    try:
        return [file for _, file in _found_files(path, inside, [])]
    except SourceError:  # none is left, or a link leads elsewhere
        return []


def _found_files(path: str | Path, inside: Path | None, left_out: list[str]) -> Iterator[tuple[str, Path]]:
    """Yield the files that a pattern meets, by name: the name from the pattern's folder on, and the path.

    What runs left there is `left_out`: rejects are rows of the source already. Not where it is asked for.
    """
    wanted = "rejects" in Path(path).name
    pattern = split_pattern(path)
    none = True
    for found in walk(pattern.folder):
        if isinstance(found, OSError):
            continue  # what can't be listed is named below, if nothing else is found
        entry, names = found
        if not pattern.matches(names) or not entry.is_file():
            continue
        if _OWN_FILES.search(entry.name) and not wanted:
            left_out.append("/".join(names))
            continue
        none = False
        file = Path(entry.path)
        if inside is not None and not file.resolve().is_relative_to(inside.resolve()):
            problem = f"{quote_value('/'.join(names))} is a link that leads out of the mapping's folder"
            hint = "a mapping reads only files beside or below itself; name others on the command line"
            raise SourceError(str(path), "outside-folder", problem, help=hint)
        yield "/".join(names), file
    if none:
        problem = "no file matches this pattern"
        hint = "* stands for any part of one name, ** for any folders: export/**/*.csv"
        raise SourceError(str(path), "source-unreadable", problem, help=hint)


def _input(path: str | Path | IO[Any]) -> Input:
    if path == "-":
        return Input("<stdin>", sys.stdin.buffer)
    if isinstance(path, str) and is_remote(path):
        return remote_input(path)
    if isinstance(path, str | Path):
        return Input(str(path), Path(path))
    name = getattr(path, "name", None)
    return Input(name if isinstance(name, str) else "<stream>", path)


def _is_folder(path: str | Path) -> bool:
    try:
        return Path(path).is_dir()
    except (OSError, ValueError):
        return False


def _suffix(name: str) -> str:
    """Return a file's suffix in lower case, the one before `.gz` if that is behind it."""
    path = Path(name)
    return Path(path.stem).suffix.lower() if path.suffix.lower() == ".gz" else path.suffix.lower()


def _format(name: str, stated: str | None) -> str:
    known = ", ".join(FORMATS)
    if stated is not None:
        if stated.lower() in FORMATS:
            return stated.lower()
        problem = f"there is no format {quote_value(stated)}"
        raise SourceError(
            name, "unknown-format", problem, help=suggest(stated, FORMATS) or f"the formats are {known}"
        )
    suffix = _suffix(name)
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    problem = f"the suffix {quote_value(suffix)} is of no known format" if suffix else "the format is unknown"
    raise SourceError(
        name,
        "unknown-format",
        problem,
        help=f"known are {' '.join(SUFFIXES)}; for another name write `format:` under `source:` ({known})",
    )


def _refuse_others(name: str, kind: str, options: SourceOptions) -> None:
    """Refuse options that are for another format: the mapping was made for another file."""
    for option in _OPTIONS:
        if option in FORMATS[kind] or getattr(options, option) == getattr(_DEFAULTS, option):
            continue
        takers = [_NAMES[other] for other, taken in FORMATS.items() if option in taken]
        problem = f"`{option}` is for {' and '.join(takers)}; this source is {_NAMES[kind]}"
        raise SourceError(name, "wrong-option", problem, help=f"take `{option}` out of `source:`")
    if options.columns and options.header_row != 1:
        problem = "`columns` names the columns of a file without a header, and `header_row` says where it is"
        raise SourceError(name, "wrong-option", problem, help="take one of the two out of `source:`")
