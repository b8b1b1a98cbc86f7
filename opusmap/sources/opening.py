"""From a path, a stream or `-` to a source: the table of formats and the suffixes they go by.

Registration is this table; a new format is its module and one entry here.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import IO, Any

from opusmap.diagnostics import quote_value, suggest
from opusmap.errors import SourceError
from opusmap.sources.blocks import Block, Input
from opusmap.sources.source import Reading, Source, StreamSource

__all__ = ["FORMATS", "SUFFIXES", "open_source"]

FORMATS = ("csv", "jsonl")
"""The formats, as `format:` in a mapping names them."""

SUFFIXES = {".csv": "csv", ".tsv": "csv", ".txt": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""The format that a file's suffix stands for."""


def open_source(
    path: str | Path | IO[Any],
    *,
    format: str | None = None,
    encoding: str | None = None,
    delimiter: str | None = None,
    quote: str | None = None,
    header_row: int = 1,
) -> Source:
    """Open a source and read as much of it as it takes to know its columns.

    Args:
        path: a path; `-` for standard input; or an open stream, binary or text, which stays open.
        format: one of `FORMATS`; without it the suffix decides.
        encoding: for files that are neither UTF-8 nor begin with a byte-order mark.
        delimiter: CSV: one character; without it, a tab for `.tsv`, else the one of `,` `;` tab `|` that
            gives rows of equal width (the source's `notes` say which).
        quote: CSV: the quote character (default `"`); an empty text when nothing is quoted.
        header_row: CSV: the row with the column names; what stands above it is skipped.

    Raises:
        SourceError: the source can't be opened, has no known format, or its header is unusable.
    """
    found = _input(path)
    kind = _format(found, format)
    begin: Callable[[Iterator[Block]], Reading]
    if kind == "csv":
        from opusmap.sources.delimited import read_csv  # noqa: PLC0415 - only the format in use is loaded

        if delimiter is None and _suffix(found) == ".tsv":
            delimiter = "\t"
        begin = partial(
            read_csv,
            name=found.name,
            encoding=encoding,
            delimiter=delimiter,
            quote=quote,
            header_row=header_row,
        )
    else:
        from opusmap.sources.jsonlines import read_json_lines  # noqa: PLC0415 - the same

        _refuse_csv_options(found.name, delimiter=delimiter, quote=quote, header_row=header_row)
        begin = partial(read_json_lines, name=found.name, encoding=encoding)
    return StreamSource(found, begin)


def _input(path: str | Path | IO[Any]) -> Input:
    if path == "-":
        return Input("<stdin>", sys.stdin.buffer)
    if isinstance(path, str | Path):
        return Input(str(path), Path(path))
    name = getattr(path, "name", None)
    return Input(name if isinstance(name, str) else "<stream>", path)


def _suffix(input: Input) -> str:
    return Path(input.name).suffix.lower()


def _format(input: Input, stated: str | None) -> str:
    known = ", ".join(FORMATS)
    if stated is not None:
        if stated.lower() in FORMATS:
            return stated.lower()
        problem = f"there is no format {quote_value(stated)}"
        raise SourceError(
            input.name, "unknown-format", problem, help=suggest(stated, FORMATS) or f"the formats are {known}"
        )
    suffix = _suffix(input)
    if suffix in SUFFIXES:
        return SUFFIXES[suffix]
    problem = f"the suffix {quote_value(suffix)} is of no known format" if suffix else "the format is unknown"
    raise SourceError(
        input.name,
        "unknown-format",
        problem,
        help=f"known are {' '.join(SUFFIXES)}; for another name write `format:` under `source:` ({known})",
    )


def _refuse_csv_options(name: str, *, delimiter: str | None, quote: str | None, header_row: int) -> None:
    options = {"delimiter": delimiter is not None, "quote": quote is not None, "header_row": header_row != 1}
    for option, given in options.items():
        if given:
            problem = f"`{option}` is for CSV; this source is JSON Lines"
            raise SourceError(name, "wrong-option", problem, help=f"take `{option}` out of `source:`")
