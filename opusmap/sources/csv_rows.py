"""CSV: texts between delimiters, read by the standard library, with checks where that is lax.

Cells stay the texts that they are. Rows are counted as a spreadsheet counts them: a quoted cell with line
breaks is one row, and so is a blank line, which is skipped.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, islice
from typing import Literal, NoReturn, TypedDict

from opusmap.errors import SourceError
from opusmap.issues import Issue
from opusmap.mapping import SourceOptions
from opusmap.records import Reject, Row
from opusmap.sources.batches import cell_parts
from opusmap.sources.source import Format, Reading, Source, StreamSource, check_columns
from opusmap.sources.text_io import Block, Input, decode_blocks, whole_lines
from opusmap.wording import quote_value

FIELD_LIMIT = 1_000_000
"""Characters of one cell, at most."""

DELIMITERS = (",", ";", "\t", "|")
"""The delimiters that are proposed if none is stated, in this order of preference."""

SAMPLE_ROWS = 100

_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


class _Dialect(TypedDict):
    delimiter: str
    quotechar: str | None
    quoting: Literal[0, 3]
    strict: bool


def open_csv(input: Input, options: SourceOptions) -> Source:
    """Open CSV: decode it, find the delimiter, check the header.

    Raises:
        SourceError: `wrong-option`, `no-header`, `duplicate-header`, `empty-header`, `nul-byte`,
            `encoding`, `unclosed-quote`; the last two also while the rows are read.
    """
    name, quote, header_row = input.name, options.quote, options.header_row
    stated = options.delimiter
    if stated is None and name.lower().removesuffix(".gz").endswith(".tsv"):
        stated = "\t"
    problem = ""
    if stated is not None and (len(stated) != 1 or stated in "\r\n\0"):
        problem = '`delimiter` must be one character, such as ";" or "\\t"'
    elif quote is not None and (len(quote) > 1 or quote in ("\r", "\n", "\0", stated)):
        problem = "`quote` must be one character other than the delimiter, or empty when nothing is quoted"
    if problem:
        raise SourceError(name, "wrong-option", problem, help="see `source:`")
    if csv.field_size_limit() < FIELD_LIMIT:  # it is the process's: a program's larger one stays
        csv.field_size_limit(FIELD_LIMIT)

    def begin(blocks: Iterator[Block]) -> Reading:
        texts = whole_lines(decode_blocks(blocks, options.encoding, name), ("\n", "\r"), name)
        notes: tuple[str, ...] = ()
        try:
            first = next(texts, "")
        except SourceError as error:
            raise replace(error, row=1) from None
        delimiter = stated
        if delimiter is None:
            delimiter = _propose_delimiter(first, quote, header_row)
            notes = (f"{_DELIMITER_NAMES[delimiter]} was taken for the delimiter",)
        reader = _Reader(name, _Lines(chain([first], texts)), _dialect(delimiter, quote))
        if options.columns:
            check_columns(name, options.columns)
            columns, number = options.columns, 0
        else:
            columns, number = reader.read_header(header_row), header_row
        parts = cell_parts(columns, reader.read_rows(columns, number))
        return Reading(columns, parts, notes, delimiter)

    return StreamSource(input, begin)


def _dialect(delimiter: str, quote: str | None, *, strict: bool = True) -> _Dialect:
    quoting: Literal[0, 3] = csv.QUOTE_NONE if quote == "" else csv.QUOTE_MINIMAL
    quotechar = None if quote == "" else quote or '"'
    return {"delimiter": delimiter, "quotechar": quotechar, "quoting": quoting, "strict": strict}


def _propose_delimiter(sample: str, quote: str | None, header_row: int) -> str:
    """Return the delimiter that cuts most rows of a sample as wide as the header, of two cells at least."""

    def score(candidate: str) -> tuple[float, int]:
        """Return the share of rows that are as wide as the header, and that width; zeros for one column."""
        rows = csv.reader(io.StringIO(sample, newline=""), **_dialect(candidate, quote, strict=False))
        try:
            widths = [len(cells) for cells in islice(rows, header_row - 1, header_row + SAMPLE_ROWS) if cells]
        except csv.Error:
            return 0.0, 0
        if not widths or widths[0] < 2:  # noqa: PLR2004 - two cells have a delimiter between them
            return 0.0, 0
        if len(widths) > 2:  # noqa: PLR2004 - the sample's last row may be cut off
            widths.pop()
        return widths.count(widths[0]) / len(widths), widths[0]

    return max((candidate for candidate in DELIMITERS if candidate != quote), key=score)


class _Lines:
    """Lines with their ends, one by one at the speed of C; notes the last one, and if there was a NUL."""

    def __init__(self, texts: Iterator[str]) -> None:
        self.has_nul = False
        self._block = io.StringIO()
        self.iterator = chain.from_iterable(self._watch(text) for text in texts)

    def _watch(self, text: str) -> io.StringIO:
        self.has_nul = self.has_nul or "\0" in text
        self._block = io.StringIO(text, newline="")
        return self._block

    def last(self) -> str:
        """Return the last line that was read."""
        end = self._block.tell()
        text = self._block.getvalue()
        body = len(text[max(0, end - 2) : end].rstrip("\r\n")) + max(0, end - 2)
        return text[max(text.rfind("\n", 0, body), text.rfind("\r", 0, body)) + 1 : end]


class _Reader:
    """The standard library's reader over the lines of a file, and what to do when it fails."""

    def __init__(self, name: str, lines: _Lines, dialect: _Dialect) -> None:
        self._name = name
        self._lines = lines
        self._dialect = dialect
        self._records = csv.reader(lines.iterator, **dialect)

    def read_header(self, header_row: int) -> tuple[str, ...]:
        """Read up to the row with the column names, and return them."""
        cells: list[str] = []
        for number in range(1, header_row + 1):
            line = self._records.line_num
            try:
                found = next(self._records, None)
            except csv.Error as error:
                reject = self._recover(number, error, spans=self._records.line_num - line > 1)
                if number == header_row:
                    (cause,) = reject.problems
                    raise SourceError(self._name, cause.code, cause.message, number, cause.hint) from None
                continue
            except SourceError as error:
                raise replace(error, row=number) from None
            if found is None:
                problem = "the file is empty" if number == 1 else f"the file ends before row {header_row}"
                hint = "the first row (or `header_row` under `source:`) must hold the column names"
                raise SourceError(self._name, "no-header", problem, help=hint)
            cells = found
        check_columns(self._name, cells, header_row)
        return tuple(cells)

    def read_rows(
        self, columns: tuple[str, ...], number: int
    ) -> Iterator[tuple[int, list[str]] | Row | Reject]:
        """Yield numbered cells of the rows after row `number`, and unusual rows and rejects among them."""
        records, lines, width = self._records, self._lines, len(columns)
        while True:
            line = records.line_num
            try:
                for number, cells in enumerate(records, number + 1):  # noqa: B020, PLR1704 - it counts on
                    if len(cells) == width and not lines.has_nul:
                        yield number, cells
                    elif unusual := _check_cells(number, columns, cells, records.line_num - line):
                        yield unusual
                    line = records.line_num
            except csv.Error as error:
                number += 1
                yield self._recover(number, error, spans=records.line_num - line > 1)
            except SourceError as error:
                raise replace(error, row=error.row or number + 1) from None
            else:
                return

    def _recover(self, number: int, error: csv.Error, *, spans: bool) -> Reject:
        """Return the reject for a row that the reader refused, and go to the next row.

        `spans` says that the row covers several lines; then the reader stopped inside quotes.

        Raises:
            SourceError: `unclosed-quote`: where the next row begins is unknown.
        """
        line = self._lines.last()
        if str(error).startswith("field larger"):
            self._skip_record(number, line, spans=spans)
            message = f"a cell is longer than {csv.field_size_limit():,} characters"
            return _reject(number, "field-too-long", message)
        try:  # a lenient reader, such as a spreadsheet's, must end the row at the end of the line
            lenient: _Dialect = {**self._dialect, "strict": False}
            ends = len(list(csv.reader([line, "next"], **lenient))) > 1
        except csv.Error:
            ends = False
        if spans or "unexpected end" in str(error) or not ends:
            self._refuse_quote(number)
        message = f"text after the closing quote of a cell: {quote_value(line.rstrip())}"
        return _reject(number, "quote-syntax", message, "write a quote inside a quoted cell twice")

    def _skip_record(self, number: int, line: str, *, spans: bool) -> None:
        inside = self._ends_inside_quotes(number, line, inside=spans)
        while inside:
            try:
                following = next(self._lines.iterator, None)
            except SourceError as error:
                raise replace(error, row=number) from None
            if following is None:
                self._refuse_quote(number)
            inside = self._ends_inside_quotes(number, following, inside=True)

    def _ends_inside_quotes(self, number: int, line: str, *, inside: bool) -> bool:
        quote = self._dialect["quotechar"]
        if quote is None:
            return False
        try:
            next(csv.reader([quote + line if inside else line], **self._dialect), None)
        except csv.Error as error:
            if "unexpected end" in str(error):
                return True
            if str(error).startswith("field larger"):
                return (line.count(quote) + inside) % 2 == 1
            self._refuse_quote(number)
        return False

    def _refuse_quote(self, number: int) -> NoReturn:
        problem = "unterminated quoted field"
        hint = (
            "correct the row; or, if quotes have no meaning in this file, write `quote: ''` under `source:`"
        )
        raise SourceError(self._name, "unclosed-quote", problem, number, hint) from None


def _check_cells(number: int, columns: tuple[str, ...], cells: list[str], lines: int) -> Row | Reject | None:
    """Return an unusual row, or a reject; None for a blank line."""
    width = len(columns)
    if not cells or (width > 1 and len(cells) == 1 and not cells[0].strip()):
        return None
    values = dict(zip(columns, cells, strict=False))
    if len(cells) != width:
        message = f"the row has {len(cells)} cells, but there are {width} columns"
        hint = "a cell that contains the delimiter must be quoted"
        if lines > 1:
            hint = f"the row covers {lines} lines: is a quote not closed?"
        return _reject(number, "ragged-row", message, hint, values)
    for column, cell in values.items():
        if "\0" in cell:
            problem = Issue("nul-byte", "the cell contains a NUL byte", column, "remove it from the file")
            return Reject(number, None, (problem,), values)
    return Row(number, values)


def _reject(
    number: int, code: str, message: str, help: str = "", values: dict[str, str] | None = None
) -> Reject:
    return Reject(number, None, (Issue(code, message, "", help),), values or {})


FORMAT = Format(
    name="csv",
    title="CSV",
    suffixes=(".csv", ".tsv", ".txt"),
    options=("encoding", "delimiter", "quote", "header_row", "columns"),
    open=open_csv,
)
