"""CSV: texts between delimiters, read by the standard library, with checks where that is lax.

Cells stay the texts that they are. Rows are counted as a spreadsheet counts them: a quoted cell with line
breaks is one row, and so is a blank line, which is skipped.
"""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from itertools import chain, islice
from typing import Literal, NoReturn, TypeAlias, TypedDict

from opusmap.errors import SourceError
from opusmap.records import Reject
from opusmap.source_options import SourceOptions
from opusmap.sources.batches import cell_parts
from opusmap.sources.cut_rows import Record, judge
from opusmap.sources.header import (
    FIND,
    SAMPLE_ROWS,
    Header,
    choose_row,
    given_header,
    needs_sample,
    read_header,
)
from opusmap.sources.source import Format, Reading, Source, StreamSource, reject_row
from opusmap.sources.text_io import Block, Input, decode_blocks, whole_lines
from opusmap.wording import quote_value

FIELD_LIMIT = 1_000_000
"""Characters of one cell, at most."""

DELIMITERS = (",", ";", "\t", "|")
"""The delimiters that are proposed if none is stated, in this order of preference."""

CUT_ROWS = 100
"""Rows that are examined together, at most: they may be the pieces of one row."""

_MOST = 0.5
DELIMITER_NAMES = {",": "comma", ";": "semicolon", "\t": "tab", "|": "vertical bar"}


_Numbered: TypeAlias = tuple[int, list[str]]


class _Dialect(TypedDict):
    delimiter: str
    quotechar: str | None
    quoting: Literal[0, 3]
    strict: bool


def open_csv(input: Input, options: SourceOptions) -> Source:
    """Open CSV: decode it, find the delimiter, check the header.

    Raises:
        SourceError: as `csv_reader`, and what reading the header raises.
    """
    return StreamSource(input, csv_reader(input.name, options))


def stated_delimiter(name: str, options: SourceOptions) -> str | None:
    """Return the delimiter that the mapping says, or the file's suffix; None where the rows must show it."""
    if options.delimiter is None and name.lower().removesuffix(".gz").endswith(".tsv"):
        return "\t"
    return options.delimiter


def csv_reader(name: str, options: SourceOptions) -> Callable[[Iterator[Block]], Reading]:
    """Return what reads the blocks of a file of CSV.

    It raises `no-header`, `duplicate-header`, `empty-header`, `nul-byte`, `encoding`, `unclosed-quote`; the
    last two also while the rows are read.

    Raises:
        SourceError: `wrong-option`.
    """
    quote, stated = options.quote, stated_delimiter(name, options)
    problem = wrong_dialect(stated, quote)
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
            delimiter = propose_delimiter(first, quote, options.header_row)
            notes = (f"{DELIMITER_NAMES[delimiter]} was used as the delimiter",)
        sample = read_sample(first, delimiter, quote) if needs_sample(options) else []
        if sample and not options.columns:
            _refuse_other_format(name, first)
        row = choose_row(name, options, sample)
        if stated is not None and 0 < row <= len(sample):
            _refuse_delimiter(name, row, sample[row - 1], stated)
        reader = _Reader(name, _Lines(chain([first], texts)), _dialect(delimiter, quote))
        header = read_header(name, options, row, reader.skip_to(row)) if row else given_header(name, options)
        if header.note:
            notes = (*notes, header.note)
        rows = reader.read_rows(header)
        parts = cell_parts(header.columns, _without_unnamed(rows, header) if header.unnamed else rows)
        return Reading(header.columns, parts, notes, delimiter, header_row=row)

    return begin


def wrong_dialect(delimiter: str | None, quote: str | None) -> str:
    """Return what is wrong with a delimiter and a quote; an empty text if nothing is."""
    if delimiter is not None and (len(delimiter) != 1 or delimiter in "\r\n\0"):
        return '`delimiter` must be one character, such as ";" or "\\t"'
    if delimiter == '"' and quote is None:
        return "`delimiter` can't be the double quote, which encloses cells"
    if quote is not None and (len(quote) > 1 or quote in ("\r", "\n", "\0", delimiter)):
        return "`quote` must be one character other than the delimiter, or empty when nothing is quoted"
    return ""


_JSON = re.compile(r'\s*(?:\{\s*"|\[\s*\{)')
_PAGE = re.compile(r"\s*<(?:!doctype\s|html[\s>]|\?xml\s)", re.IGNORECASE)
_SINGER = re.compile(r'"type"\s*:\s*"(?:SCHEMA|RECORD|STATE)"')


def _refuse_other_format(name: str, text: str) -> None:
    """Refuse text that begins as JSON, or as a web page: often an error message that was saved as the export.

    Raises:
        SourceError: `no-header`.
    """
    if _PAGE.match(text):
        hint = "open the file in a browser to see what it says, and export again as CSV; "
        hint += "or write `header_row: 1` under `source:` if row 1 really contains the names"
        problem = "the file contains a web page or XML, not the rows of a CSV file"
        raise SourceError(name, "no-header", problem, 1, hint)
    if not _JSON.match(text):
        return
    line = text.lstrip().partition("\n")[0].rstrip()
    found = "jsonl" if line.startswith("{") and line.endswith("}") else "json"
    found = "singer" if _SINGER.search(line) else found
    hint = f"write `format: {found}` under `source:`; or `header_row: 1` if row 1 really contains the names"
    raise SourceError(name, "no-header", "the file contains JSON, not the rows of a CSV file", 1, hint)


def _refuse_delimiter(name: str, row: int, cells: list[str], stated: str) -> None:
    """Refuse a delimiter that does not cut the header, where another one would.

    Raises:
        SourceError: `wrong-option`.
    """
    if len(cells) != 1:
        return
    for other in DELIMITERS:
        if other != stated and other in cells[0]:
            problem = (
                f"the delimiter {_shown(stated)} is not in row {row}, which should have the column names"
            )
            hint = f"write `delimiter: {_shown(other)}` under `source:`"
            hint += f"; or `header_row: {row}` if there is one column"
            raise SourceError(name, "wrong-option", problem, row, hint)


def _shown(delimiter: str) -> str:
    return r'"\t"' if delimiter == "\t" else quote_value(delimiter)


def _dialect(delimiter: str, quote: str | None, *, strict: bool = True) -> _Dialect:
    quoting: Literal[0, 3] = csv.QUOTE_NONE if quote == "" else csv.QUOTE_MINIMAL
    quotechar = None if quote == "" else quote or '"'
    return {"delimiter": delimiter, "quotechar": quotechar, "quoting": quoting, "strict": strict}


def propose_delimiter(sample: str, quote: str | None, header_row: int | None) -> str:
    """Return the delimiter that cuts most rows of a sample into equally many cells, two at least.

    They must be as many as the header has, if its row is known; where the first row may be a title, as many
    as most rows have. A header with several of one delimiter and none of another decides: cells below it may
    have the delimiter without quotes.
    """
    candidates = [one for one in DELIMITERS if one != quote]
    first = 0 if header_row == FIND else (header_row or 1) - 1
    alone = _only_in_header({one: _widths(sample, one, quote, first) for one in candidates})
    if alone is not None:
        return alone

    def score(candidate: str, start: int | None) -> tuple[float, int]:
        """Return the share of rows that are as wide as row `start` (None: as most), and that width."""
        widths = _widths(sample, candidate, quote, start or 0)
        counted = Counter(widths if start is None else widths[:1])
        width, _ = max(counted.items(), key=lambda one: (one[1], one[0]), default=(0, 0))
        if width < 2:  # noqa: PLR2004 - two cells have a delimiter between them
            return 0.0, 0
        return widths.count(width) / len(widths), width

    def best(start: int | None) -> tuple[tuple[float, int], str]:
        scores = [(score(one, start), one) for one in candidates]
        return max(scores, key=lambda scored: scored[0])

    if header_row == FIND:
        return best(None)[1]
    found, delimiter = best(first)
    return best(None)[1] if header_row is None and found[0] < _MOST else delimiter


def _widths(sample: str, delimiter: str, quote: str | None, first: int) -> list[int]:
    """Return how many cells a delimiter makes of the rows from the index `first`, without blank ones."""
    rows = csv.reader(io.StringIO(sample, newline=""), **_dialect(delimiter, quote, strict=False))
    try:
        widths = [len(cells) for cells in islice(rows, first, first + SAMPLE_ROWS + 1) if cells]
    except csv.Error:
        return []
    return widths[:-1] if len(widths) > 2 else widths  # noqa: PLR2004 - the sample's last row may be cut off


def _only_in_header(widths: Mapping[str, list[int]]) -> str | None:
    """Return the delimiter that alone cuts the header, if most rows below have as many cells or more.

    `widths` are those of the header and the rows below, by delimiter.
    """
    filled = ((one, found) for one, found in widths.items() if found)
    cuts = [(one, header, below) for one, (header, *below) in filled if header > 1]
    for delimiter, header, below in cuts if len(cuts) == 1 else ():
        if header > 2 and sum(width >= header for width in below) >= _MOST * len(below):  # noqa: PLR2004
            return delimiter
    return None


def read_sample(text: str, delimiter: str, quote: str | None) -> list[list[str]]:
    """Return the first rows of a text, as a lenient reader reads them; without the last, if it may be cut."""
    rows = list[list[str]]()
    with suppress(csv.Error):
        rows.extend(
            islice(
                csv.reader(io.StringIO(text, newline=""), **_dialect(delimiter, quote, strict=False)),
                SAMPLE_ROWS,
            )
        )
    return rows


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
        self._number = self._line = 0

    def skip_to(self, row: int) -> list[str]:
        """Read up to a row, and return its cells."""
        cells: list[str] = []
        for number in range(1, row + 1):
            line = self._records.line_num
            try:
                found = next(self._records, None)
            except csv.Error as error:
                reject = self._recover(number, error, spans=self._records.line_num - line > 1)
                if number == row:
                    (cause,) = reject.problems
                    raise SourceError(self._name, cause.code, cause.message, number, cause.hint) from None
                continue
            except SourceError as error:
                raise replace(error, row=number) from None
            if found is None:
                problem = "the file is empty" if number == 1 else f"the file ends before row {row}"
                last = f"its last row is row {number - 1}: give the row of the column names as `header_row`"
                hint = "is this the right file?" if number == 1 else last
                raise SourceError(self._name, "no-header", problem, help=hint)
            cells = found
        return cells

    def read_rows(self, header: Header) -> Iterator[_Numbered | Reject]:
        """Yield numbered cells of the rows below a header, and rejects among them.

        A row is kept until the next one shows that it was not cut.
        """
        records, lines, width = self._records, self._lines, header.width
        kept: _Numbered | None = None
        self._number = header.row
        while True:
            line = records.line_num
            numbered = enumerate(records, self._number + 1)
            failure: csv.Error | SourceError | None = None
            try:
                for number, cells in numbered:
                    if len(cells) == width and not lines.has_nul:
                        if kept is not None:
                            yield kept
                        kept = number, cells
                    else:
                        self._number, self._line = number, line
                        if cells:
                            above, kept = kept, None  # it is not to be given again if reading fails
                            kept = yield from self._read_odd(numbered, header, above, cells)
                    line = records.line_num
            except (csv.Error, SourceError) as error:
                failure = error
            if kept is not None:
                self._number = max(self._number, kept[0])
                yield kept
                kept = None
            if failure is None:
                return
            self._number += 1
            if isinstance(failure, SourceError):
                raise replace(failure, row=failure.row or self._number) from None
            spans = records.line_num - max(line, self._line) > 1
            yield self._recover(self._number, failure, spans=spans)

    def _read_odd(
        self,
        numbered: Iterator[_Numbered],
        header: Header,
        above: _Numbered | None,
        cells: list[str],
    ) -> Generator[_Numbered | Reject, None, _Numbered | None]:
        """Yield the result of a row that is not as wide as the header, or may contain a NUL.

        If it has too few cells, the rows below are read as well: they may be the rest of it. They are judged
        with it and with the whole row `above`. Of these, a last row that is whole is returned, to be kept.
        When reading fails, `_number` and `_line` tell how far it came.
        """
        records, failure = self._records, None
        rows = [] if above is None else [Record(*above)]
        rows.append(Record(self._number, cells, records.line_num - self._line))
        while not rows[-1].is_complete(header):
            if len(rows) > CUT_ROWS:
                yield from judge(rows[:-1], header)
                del rows[:-1]
            self._line = records.line_num
            try:
                following = next(numbered, None)
            except (csv.Error, SourceError) as error:
                failure = error
                break
            if following is None:
                break
            self._number = following[0]
            rows.append(Record(*following, records.line_num - self._line))
        judged = list(judge(rows, header))
        last = judged[-1] if judged and failure is None else None
        if not isinstance(last, tuple):
            last = None
        yield from judged if last is None else judged[:-1]
        if failure is not None:
            raise failure
        return last

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
            return reject_row(number, "field-too-long", message)
        try:  # a lenient reader, such as a spreadsheet's, must end the row at the end of the line
            lenient: _Dialect = {**self._dialect, "strict": False}
            ends = len(list(csv.reader([line, "next"], **lenient))) > 1
        except csv.Error:
            ends = False
        if spans or "unexpected end" in str(error) or not ends:
            self._refuse_quote(number)
        message = f"text after the closing quote of a cell: {quote_value(line.rstrip())}"
        return reject_row(number, "quote-syntax", message, "inside a quoted cell, write each quote twice")

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


def _without_unnamed(rows: Iterator[_Numbered | Reject], header: Header) -> Iterator[_Numbered | Reject]:
    """Yield rows without the cells that have no column; a reject for one with a value there."""
    positions = header.positions
    for row in rows:
        if not isinstance(row, tuple):
            yield row
        elif (refused := Record(*row).refuse_unnamed(header)) is not None:
            yield refused
        else:
            number, cells = row
            yield number, [cells[at] for at in positions]


FORMAT = Format(
    name="csv",
    title="CSV",
    suffixes=(".csv", ".tsv", ".txt"),
    options=("encoding", "delimiter", "quote", "header_row", "headers", "columns"),
    open=open_csv,
)
