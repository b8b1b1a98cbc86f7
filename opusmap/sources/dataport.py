r"""Files of OpenText Content Manager's DataPort: texts between tabs, with `\;` and `\|` for `;` and `|`.

DataPort puts a backslash before a semicolon or a vertical bar of a value, because it separates the parts of a
compound field, such as All Contacts, by these (Content Manager 23.4, "Tab Delimited Data Formatter: Field
delimiters and behavior of compound import fields"). Its files begin with a byte-order mark ("Behavior and
limitations").
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import msgspec

from opusmap.records import Reject, Row
from opusmap.source_options import SourceOptions
from opusmap.sources.batches import Part
from opusmap.sources.csv_rows import csv_reader
from opusmap.sources.source import Format, Reading, Source, StreamSource
from opusmap.sources.text_io import Block, Input

_ESCAPED = re.compile(r"\\([;|])")
_SEPARATOR = re.compile(r"(?<!\\)[;|]")


class _UnescapedPart(msgspec.Struct, frozen=True):
    """Rows whose cells have their backslashes still."""

    part: Part

    def rows(self) -> Iterator[Row | Reject]:
        """Return the rows; see `Part.rows`."""
        for row in self.part.rows():
            yield (
                Row(row.number, {n: _unescape(v) for n, v in row.values.items()})
                if isinstance(row, Row)
                else row
            )


def _unescape(cell: str) -> str:
    """Return the value of a cell; of one with several parts, the text as it is, for the mapping to split."""
    if "\\" not in cell or _SEPARATOR.search(cell):
        return cell
    return _ESCAPED.sub(r"\1", cell)


def open_dataport(input: Input, options: SourceOptions) -> Source:
    """Open a file of DataPort.

    Raises:
        SourceError: as `open_csv`.
    """
    read = csv_reader(input.name, replace(options, delimiter="\t", quote=""))

    def begin(blocks: Iterator[Block]) -> Reading:
        reading = read(blocks)
        return replace(reading, parts=map(_UnescapedPart, reading.parts))

    return StreamSource(input, begin)


FORMAT = Format(
    name="dataport",
    title="a file of DataPort",
    suffixes=(),
    options=("encoding", "header_row", "headers", "columns"),
    open=open_dataport,
)
