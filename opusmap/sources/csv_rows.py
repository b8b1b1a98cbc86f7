"""CSV: texts between delimiters, read by the standard library's reader, checked where it is lax.

Owns header, widths, quotes, NULs and the proposal of a delimiter. Cells stay the texts they are.
Rows are counted as a spreadsheet counts them: a quoted cell with line breaks is one row, a blank line
is one as well (and is skipped).
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from itertools import chain, islice
from typing import Literal, NoReturn, TypedDict, TypeVar

from opusmap.errors import SourceError
from opusmap.issues import Issue, quote_value
from opusmap.mapping import SourceOptions
from opusmap.records import Reject, Row
from opusmap.sources.batches import cell_parts
from opusmap.sources.source import Format, Reading, Source, StreamSource, check_columns
from opusmap.sources.text_io import Block, Input, decode_blocks, whole_lines

__all__ = ["DELIMITERS", "FIELD_LIMIT", "read_csv"]

FIELD_LIMIT = 1_000_000
"""Characters of one cell, at most."""

DELIMITERS = (",", ";", "\t", "|")
"""What is proposed as delimiter where none is stated, in this order of preference."""

SAMPLE_ROWS = 100

_DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}

Made = TypeVar("Made")


class _Dialect(TypedDict):
    delimiter: str
    quotechar: str | None
    quoting: Literal[0, 3]
    strict: bool


def read_csv(
    blocks: Iterator[Block],
    *,
    name: str,
    encoding: str | None,
    delimiter: str | None,
    quote: str | None,
    header_row: int,
    given: tuple[str, ...] = (),
) -> Reading:
    """Begin to read CSV: decode, find the delimiter, check the header; `given` are the columns where none is.

    Raises:
        SourceError: `wrong-option`, `no-header`, `duplicate-header`, `empty-header`, `nul-byte`,
            `encoding`, `unclosed-quote`; the last two also while the rows are read.
    """
    _check_options(name, delimiter, quote, header_row)
    _raise_field_limit()
    texts = whole_lines(decode_blocks(blocks, encoding, name), ("\n", "\r"), name)
    notes: tuple[str, ...] = ()
    try:
        first = next(texts, "")
    except SourceError as error:
        raise replace(error, row=1) from None
    if delimiter is None:
        delimiter = _propose_delimiter(first, quote, header_row)
        notes = (f"{_DELIMITER_NAMES[delimiter]} was taken for the delimiter",)
    lines = _Lines(chain([first], texts))
    reader = _Reader(name, lines, _dialect(delimiter, quote))
    if given:
        check_columns(name, given)
        return reader.reading(given, 0, notes)
    columns = reader.read_header(header_row)
    return reader.reading(columns, header_row, notes)


def _check_options(name: str, delimiter: str | None, quote: str | None, header_row: int) -> None:
    wrong: tuple[str, str] | None = None
    if delimiter is not None and (len(delimiter) != 1 or delimiter in "\r\n\0"):
        wrong = "delimiter", 'one character, such as ";" or "\\t"'
    elif quote is not None and (len(quote) > 1 or quote in ("\r", "\n", "\0", delimiter)):
        wrong = "quote", "one character other than the delimiter, or empty when nothing is quoted"
    elif header_row < 1:
        wrong = "header_row", "1 or more"
    if wrong:
        raise SourceError(name, "wrong-option", f"`{wrong[0]}` must be {wrong[1]}", help="see `source:`")


def _dialect(delimiter: str, quote: str | None, *, strict: bool = True) -> _Dialect:
    quoting: Literal[0, 3] = csv.QUOTE_NONE if quote == "" else csv.QUOTE_MINIMAL
    quotechar = None if quote == "" else quote or '"'
    return {"delimiter": delimiter, "quotechar": quotechar, "quoting": quoting, "strict": strict}


def _raise_field_limit() -> None:
    """Let the reader take cells up to the limit. It is the process's: a host's larger one stays."""
    if csv.field_size_limit() < FIELD_LIMIT:
        csv.field_size_limit(FIELD_LIMIT)


def _propose_delimiter(sample: str, quote: str | None, header_row: int) -> str:
    """Return the candidate that cuts most rows of the sample to the header's width, of two cells at least."""
    scores = {
        candidate: _score(sample, _dialect(candidate, quote, strict=False), header_row)
        for candidate in DELIMITERS
        if candidate != quote
    }
    return max(scores, key=scores.__getitem__)


def _score(sample: str, dialect: _Dialect, header_row: int) -> tuple[float, int]:
    """Return the share of rows as wide as the header, and that width; zeros for a single column."""
    try:
        rows = list(islice(csv.reader(io.StringIO(sample, newline=""), **dialect), header_row + SAMPLE_ROWS))
    except csv.Error:
        return 0.0, 0
    widths = [len(cells) for cells in rows[header_row - 1 :] if cells]
    if not widths or widths[0] < 2:  # noqa: PLR2004 - two cells have a delimiter between them
        return 0.0, 0
    if len(widths) > 2:  # noqa: PLR2004 - the sample's last row may be cut off
        widths.pop()
    return widths.count(widths[0]) / len(widths), widths[0]


class _Lines:
    """Lines with their ends, one by one, at the speed of C; remembers the last and whether a NUL was seen."""

    def __init__(self, texts: Iterator[str]) -> None:
        self.has_nul = False
        self._block = io.StringIO()
        self.iterator = chain.from_iterable(self._watch(text) for text in texts)

    def _watch(self, text: str) -> io.StringIO:
        self.has_nul = self.has_nul or "\0" in text
        self._block = io.StringIO(text, newline="")
        return self._block

    def last(self) -> str:
        """Return the line that was read last."""
        end = self._block.tell()
        text = self._block.getvalue()
        body = len(text[max(0, end - 2) : end].rstrip("\r\n")) + max(0, end - 2)
        return text[max(text.rfind("\n", 0, body), text.rfind("\r", 0, body)) + 1 : end]


class _Reader:
    """The standard reader over a file's lines, and what to do when it stumbles."""

    def __init__(self, name: str, lines: _Lines, dialect: _Dialect) -> None:
        self._name = name
        self._lines = lines
        self._dialect = dialect
        self._records = csv.reader(lines.iterator, **dialect)

    def read_header(self, header_row: int) -> tuple[str, ...]:
        """Read up to the row with the column names, and return those."""
        cells: list[str] = []
        for number in range(1, header_row + 1):
            line = self._records.line_num
            try:
                found = next(self._records, None)
            except csv.Error as error:
                reject = self._stumble(number, error, spans=self._records.line_num - line > 1)
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

    def reading(self, columns: tuple[str, ...], number: int, notes: tuple[str, ...]) -> Reading:
        """Return what follows row `number`, the header: as rows, or as parts."""

        def make_row(number: int, cells: list[str]) -> Row:
            return Row(number, dict(zip(columns, cells)))  # noqa: B905 - compared by the caller

        def keep_cells(number: int, cells: list[str]) -> tuple[int, list[str]]:
            return number, cells

        rows: Iterator[Row | Reject] = self._read(columns, number, make_row)
        parts = cell_parts(columns, self._read(columns, number, keep_cells))
        return Reading(columns, rows, notes, self._dialect["delimiter"], parts=parts)

    def _read(
        self, columns: tuple[str, ...], number: int, make: Callable[[int, list[str]], Made]
    ) -> Iterator[Made | Row | Reject]:
        """Yield what `make` makes of the rows after row `number`, and what is odd as it is."""
        records, lines, width = self._records, self._lines, len(columns)
        while True:
            line = records.line_num
            try:
                for number, cells in enumerate(records, number + 1):  # noqa: B020, PLR1704 - it counts on
                    if len(cells) == width and not lines.has_nul:
                        yield make(number, cells)
                    elif odd := _judge(number, columns, cells, records.line_num - line):
                        yield odd
                    line = records.line_num
            except csv.Error as error:
                number += 1
                yield self._stumble(number, error, spans=records.line_num - line > 1)
            except SourceError as error:
                raise replace(error, row=error.row or number + 1) from None
            else:
                return

    def _stumble(self, number: int, error: csv.Error, *, spans: bool) -> Reject:
        """Return the reject for a row that the reader refused, and stand at the next one.

        `spans` says that the row covers several lines; then it broke off inside quotes.

        Raises:
            SourceError: `unclosed-quote`: where the next row begins can't be known.
        """
        line = self._lines.last()
        if str(error).startswith("field larger"):
            self._skip_record(number, line, spans=spans)
            message = f"a cell is longer than {csv.field_size_limit():,} characters"
            return _reject(number, "field-too-long", message)
        if spans or "unexpected end" in str(error) or not self._ends_with_line(line):
            self._refuse_quote(number)
        message = f"a quoted cell goes on after its closing quote: {quote_value(line.rstrip())}"
        return _reject(number, "quote-syntax", message, "a quote inside a quoted cell is written twice")

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

    def _ends_with_line(self, line: str) -> bool:
        """Whether a lenient reader, as spreadsheets have one, finds the row's end at the line's."""
        lenient: _Dialect = {**self._dialect, "strict": False}
        try:
            return len(list(csv.reader([line, "next"], **lenient))) > 1
        except csv.Error:
            return False

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
        problem = "a quote opens in this row and is not closed where a cell can end"
        hint = "mend the row; or, if quotes have no meaning in this file, write `quote: ''` under `source:`"
        raise SourceError(self._name, "unclosed-quote", problem, number, hint) from None


def _judge(number: int, columns: tuple[str, ...], cells: list[str], lines: int) -> Row | Reject | None:
    """Return what an unusual row comes to; None for a blank line, which is none."""
    width = len(columns)
    if not cells or (width > 1 and len(cells) == 1 and not cells[0].strip()):
        return None
    values = dict(zip(columns, cells, strict=False))
    if len(cells) != width:
        message = f"the row has {len(cells)} cells, and there are {width} columns"
        hint = "a cell with the delimiter inside must be quoted"
        if lines > 1:
            hint = f"the row covers {lines} lines: is a quote not closed?"
        return _reject(number, "ragged-row", message, hint, values)
    for column, cell in values.items():
        if "\0" in cell:
            problem = Issue("nul-byte", "the cell holds a NUL byte", column, "take it out of the file")
            return Reject(number, None, (problem,), values)
    return Row(number, values)


def _reject(
    number: int, code: str, message: str, help: str = "", values: dict[str, str] | None = None
) -> Reject:
    return Reject(number, None, (Issue(code, message, "", help),), values or {})


def _open(input: Input, options: SourceOptions) -> Source:
    delimiter = options.delimiter
    if delimiter is None and input.name.lower().removesuffix(".gz").endswith(".tsv"):
        delimiter = "\t"
    begin = partial(
        read_csv,
        name=input.name,
        encoding=options.encoding,
        delimiter=delimiter,
        quote=options.quote,
        header_row=options.header_row,
        given=options.columns,
    )
    return StreamSource(input, begin)


FORMAT = Format(
    name="csv",
    title="CSV",
    suffixes=(".csv", ".tsv", ".txt"),
    options=("encoding", "delimiter", "quote", "header_row", "columns"),
    open=_open,
)
