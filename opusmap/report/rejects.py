"""Rejects as files that people can mend: written in the source's own shape, and read back.

Owns the shape of such a file. What a reject is stands in `opusmap.records`.
"""

from __future__ import annotations

import codecs
import csv
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO, Any, Self

import msgspec

from opusmap.records import Reject, Row
from opusmap.report.evidence import File, hash_file
from opusmap.report.outputs import create_output
from opusmap.sources import Source

__all__ = ["ERROR_COLUMNS", "MendedSource", "RejectWriter", "neutralise", "restore_cell"]

ERROR_COLUMNS = ("_row", "_key", "_error_column", "_error_code", "_error")
"""What a file of rejects has besides the source's own columns."""

_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def neutralise(cell: str) -> str:
    """Return a cell as a spreadsheet shows it without running it: an apostrophe before what begins a formula.

    `restore_cell` gives back exactly what was given.
    """
    return "'" + cell if _FORMULA.match(cell) else cell


def restore_cell(cell: str) -> str:
    """Take back what `neutralise` did."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell


class RejectWriter:
    """Writes rejects as people can mend them: in the source's own shape, each with its reasons.

    A CSV source gives CSV with the same columns and delimiter (UTF-8 with a byte-order mark, so that
    Excel opens it right; cells neutralised), any other JSON Lines. The file appears with the first
    reject.
    """

    def __init__(
        self, path: str | Path, columns: Sequence[str] | None = None, delimiter: str | None = None
    ) -> None:
        self.path = Path(path)
        self.count = 0
        self._columns = tuple(columns or ())
        self._delimiter = delimiter
        self._file: IO[bytes] | None = None
        self._cells: Any = None

    @classmethod
    def beside(cls, base: Path, source: Source, given: str | None = None) -> RejectWriter:
        """Return the writer for a source's rejects: `given`, or `base` with `.rejects.csv` or `.jsonl`."""
        suffix = ".rejects.jsonl" if source.delimiter is None else ".rejects.csv"
        return cls(given or base.with_suffix(suffix), source.columns, source.delimiter)

    def write(self, reject: Reject) -> None:
        """Write one reject, a row or line."""
        if self._file is None:
            self._file = create_output(self.path)
            self._begin()
        problems = reject.problems
        reasons = [
            str(reject.row),
            reject.key or "",
            "; ".join(dict.fromkeys(one.column for one in problems)),
            "; ".join(dict.fromkeys(one.code for one in problems)),
            "; ".join(
                dict.fromkeys(
                    f"{one.column}: {one.message}" if one.column else one.message for one in problems
                )
            ),
        ]
        if self._delimiter is None:
            line = {**reject.values, **dict(zip(ERROR_COLUMNS, reasons, strict=True))}
            self._file.write(_encode_line(_printable(line)) + b"\n")
        else:
            cells = [str(reject.values.get(column, "")) for column in self._columns]
            self._cells.writerow([_printable(neutralise(cell)) for cell in (*cells, *reasons)])
        self.count += 1

    def _begin(self) -> None:
        if self._delimiter is None:
            return
        assert self._file is not None
        self._file.write(b"\xef\xbb\xbf")
        text = codecs.getwriter("utf-8")(self._file)
        self._cells = csv.writer(text, delimiter=self._delimiter, lineterminator="\r\n")
        self._cells.writerow((*self._columns, *ERROR_COLUMNS))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> tuple[File, ...]:
        """Close the file and return it, if there is one.

        An older one, of a run that had rejects, would mislead after one that had none: it is removed.
        """
        if self._file is not None:
            if self._file.closed:
                return ()
            self._file.close()
            file = hash_file("rejects", self.path)
            return () if file is None else (file,)
        if self.path.is_file() and not self.path.is_symlink():
            self.path.unlink()
        return ()


_encode_line = msgspec.json.Encoder(enc_hook=str, decimal_format="number").encode


class MendedSource(Source):
    """A file of rejects, mended by a person, as a source: the rows that it holds are the source's own again.

    The four columns about errors are left out, rows keep the number that they had, and in CSV the
    apostrophe goes that kept a spreadsheet from running a cell.
    """

    def __init__(self, file: Source) -> None:
        """Read the rows of `file`, which is closed with this source."""
        self._file = file
        self.name = file.name
        self.notes = file.notes
        self.rereadable = file.rereadable
        self.delimiter = file.delimiter
        self.repeated: dict[int, str] = {}
        """Row number -> row key of rows that were rejected because an earlier row had that key."""
        if file.columns is not None:
            self.columns = tuple(name for name in file.columns if name not in ERROR_COLUMNS)

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows; see `Source.rows`."""
        for row in self._file.rows():
            if isinstance(row, Reject):
                yield row
                continue
            number, key, _, codes, _ = (str(row.values.get(name) or "") for name in ERROR_COLUMNS)
            values = {name: value for name, value in row.values.items() if name not in ERROR_COLUMNS}
            if self.delimiter is not None:
                values = {name: restore_cell(cell) for name, cell in values.items()}
                key = restore_cell(key)
            original = int(number) if number.isascii() and number.isdigit() else row.number
            if "duplicate-key" in codes:
                self.repeated[original] = key
            yield Row(original, values)

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def _printable(value: Any) -> Any:
    """Return plain data without lone surrogates, which no UTF-8 file can hold."""
    if isinstance(value, str):
        return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()
    if isinstance(value, dict):
        return {_printable(key): _printable(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_printable(item) for item in value]
    return value
