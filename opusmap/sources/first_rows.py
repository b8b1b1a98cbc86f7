"""The first rows of a file as it has them, before a header is read, and what its options would make of them.

Only the beginning of a file is read; a workbook's sheet up to those rows. It is for a person to see, so that
what can't be decoded is shown as far as it can be, with the error.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Literal, TypeAlias

from opusmap.errors import SourceError
from opusmap.source_options import SourceOptions
from opusmap.sources.csv_rows import (
    DELIMITER_NAMES,
    DELIMITERS,
    propose_delimiter,
    read_sample,
    stated_delimiter,
    wrong_dialect,
)
from opusmap.sources.formats import find_format
from opusmap.sources.header import SAMPLE_ROWS, find_row
from opusmap.sources.json_items import list_paths
from opusmap.sources.text_io import Block, Input, decode_blocks, find_byte_order_mark, prepare_blocks
from opusmap.sources.workbook import Workbook, texts_of_cells
from opusmap.wording import counted, visible

ENCODINGS = ("utf-8", "cp1252", "iso-8859-1", "cp850", "mac_roman", "utf-16-le", "shift_jis")
"""Encodings that are offered; a mapping may name any other."""

_ROWS = 20
"""Rows that are kept."""
_CELL = 200
"""Characters of a cell that are kept."""
_NEAR = 14

Shape: TypeAlias = Literal["cells", "lines", "none"]


@dataclass(frozen=True, slots=True)
class Reading:
    """A value that an option may have, and in words what it makes of the file."""

    value: str
    effect: str


@dataclass(frozen=True, slots=True)
class FirstRows:
    """The beginning of a file.

    Attributes:
        shape: `cells` (CSV, a sheet), `lines` of text (JSON), or `none`: the format has no such rows.
        rows: the first rows, each with its number and cells.
        header_row: the row that looks like the header; 0 where there is none.
        encodings, delimiters, sheets, lists: what may be chosen, and what it does; empty where the format has
            no such option.
        encoding_note: why the encoding needs no choice; empty if it does.
        now: the values that are in effect, by option, as far as they are known.
        problem: why not all could be read.
    """

    shape: Shape = "none"
    rows: tuple[tuple[int, tuple[str, ...]], ...] = ()
    header_row: int = 0
    encodings: tuple[Reading, ...] = ()
    encoding_note: str = ""
    delimiters: tuple[Reading, ...] = ()
    sheets: tuple[Reading, ...] = ()
    lists: tuple[Reading, ...] = ()
    now: tuple[tuple[str, str], ...] = ()
    problem: SourceError | None = None


def read_first_rows(path: Path, options: SourceOptions) -> FirstRows:
    """Return the first rows of a file.

    Args:
        path: the file.
        options: the mapping's `source`; where it says nothing, what the reader would take.

    Raises:
        SourceError: the file can't be read, or no format fits its name.
    """
    kind = find_format(str(path), options.format and options.format.lower()).name
    opened = Input(str(path), path)
    if kind == "excel":
        return _first_of_sheet(opened, options)
    if kind not in ("csv", "json", "jsonl"):
        return FirstRows()
    with opened.open() as stream:
        blocks, notes = prepare_blocks(stream, opened.name)
        head = next(blocks, b"")
        assert isinstance(head, bytes)
        text, problem = _decode(head, blocks, options, opened.name)
        encodings, certain = _encodings(head, notes)
    found = FirstRows(encodings=encodings, encoding_note=certain, problem=problem)
    if kind == "csv":
        return _first_of_csv(found, text, options, str(path))
    lines = ((number, (line,)) for number, line in enumerate(io.StringIO(text), 1))
    lists = list_paths(iter([head]), options, opened.name) if kind == "json" else ()
    effects = {"$": "the document itself is the list"}
    return replace(
        found,
        shape="lines",
        rows=_kept(lines),
        lists=tuple(Reading(one, effects.get(one, "each of its items is a row")) for one in lists),
        now=(("items", options.items or "$"),),
    )


def _decode(
    head: bytes, rest: Iterator[Block], options: SourceOptions, name: str
) -> tuple[str, SourceError | None]:
    """Return the text of a file's first block, and why not all of it could be decoded."""

    def blocks() -> Iterator[Block]:
        yield head
        yield from rest

    texts = filter(None, decode_blocks(blocks(), options.encoding, name))
    try:
        text = next(texts, "")
        next(texts, "")  # the text before a bad byte comes first, the error after it
    except SourceError as error:
        stated = options.encoding if error.code == "encoding" and options.encoding else "utf-8"
        return head.decode(stated, "replace"), error
    return text, None


def _encodings(head: bytes, notes: tuple[str, ...]) -> tuple[tuple[Reading, ...], str]:
    """Return how encodings read what is not ASCII, and why it is certain that it is UTF-8, if it is."""
    if find_byte_order_mark(head) is not None:
        return (), notes[-1] if notes else "its byte-order mark names the encoding"
    at = next((at for at, byte in enumerate(head) if byte > 0x7F), None)  # noqa: PLR2004 - ASCII
    nul = b"\0" in head[:_CELL]
    if at is None and not nul:
        return tuple(Reading(one, "") for one in ENCODINGS), "the beginning is plain ASCII"
    if not nul and _is_utf8(head):
        return (), "it is UTF-8"
    start = max(0, (at or 0) - _NEAR)
    near = head[start - start % 2 : (at or 0) + _NEAR]
    return tuple(Reading(one, _piece(near, one)) for one in ENCODINGS), ""


def _is_utf8(head: bytes) -> bool:
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        return error.end >= len(head) and error.reason == "unexpected end of data"  # cut by the block's end
    return True


def _piece(near: bytes, encoding: str) -> str:
    lines = near.decode(encoding, "replace").splitlines() or [""]
    return "reads “" + visible(max(lines, key=lambda line: sum(char > "\x7f" for char in line))) + "”"


def _first_of_csv(found: FirstRows, text: str, options: SourceOptions, name: str) -> FirstRows:
    stated, quote = stated_delimiter(name, options), options.quote
    if wrong_dialect(stated, quote):  # reading the source says what is wrong
        stated, quote = None, None
    used = stated or propose_delimiter(text, quote, options.header_row)
    sample = read_sample(text, used, quote)
    offered = [one for one in dict.fromkeys((*DELIMITERS, used)) if one != quote]
    return replace(
        found,
        shape="cells",
        rows=_kept(enumerate(sample, 1)),
        header_row=find_row(sample) if sample else 0,
        delimiters=tuple(Reading(one, _cut_by(one, text, quote)) for one in offered),
        now=(("delimiter", used),),
    )


def _cut_by(delimiter: str, text: str, quote: str | None) -> str:
    widths = Counter(len(cells) for cells in read_sample(text, delimiter, quote) if cells)
    width = max(widths, key=lambda one: (widths[one], one), default=0)
    return f"{DELIMITER_NAMES.get(delimiter, delimiter)}: splits most rows into {counted(width, 'column')}"


def _first_of_sheet(input: Input, options: SourceOptions) -> FirstRows:
    problem = None
    try:
        return _read_sheet(input, options.sheet or "")
    except SourceError as error:
        if error.code != "unknown-sheet" or not options.sheet:
            raise
        problem = error
    return replace(_read_sheet(input, ""), problem=problem)


def _read_sheet(input: Input, wanted: str) -> FirstRows:
    with closing(Workbook(input, wanted)) as workbook:
        sheet, sheets, rows = workbook.open()
        sample = [(number, texts_of_cells(cells)) for number, cells in islice(rows, SAMPLE_ROWS)]
    return FirstRows(
        shape="cells",
        rows=_kept(sample),
        header_row=find_row([cells for _, cells in sample]) if sample else 0,
        sheets=tuple(
            Reading(one, "the first" if number == 1 else f"number {number}")
            for number, one in enumerate(sheets, 1)
        ),
        now=(("sheet", sheet),),
    )


def _kept(rows: Iterable[tuple[int, Sequence[str]]]) -> tuple[tuple[int, tuple[str, ...]], ...]:
    first = islice(rows, _ROWS)
    return tuple((number, tuple(cell[:_CELL].rstrip("\r\n") for cell in cells)) for number, cells in first)
