"""The rows behind a report's rejects, read back from the file of rejects that the run wrote.

Owns finding them, and saying why they can't be shown: the journal keeps row numbers alone, so that
what stood in the rows is gone when that file is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from opusmap.errors import SourceError
from opusmap.output_files import File, hash_file
from opusmap.records import Reject
from opusmap.rejects.corrected import is_neutralised, part_row
from opusmap.report.provenance import Evidence
from opusmap.sources import open_source

ROWS = 1000
"""Rejected rows that are shown at most."""


@dataclass(frozen=True, slots=True)
class RejectedRow:
    """A rejected row as it was read, with what was wrong in it, in words."""

    number: int
    key: str
    error: str
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """Rejected rows by number, and (if any are not there) why, as a sentence."""

    rows: Mapping[int, RejectedRow] = field(default_factory=dict)
    missing: str = ""


def read_rows(evidence: Evidence, limit: int = ROWS) -> RejectedRows:
    """Return the rows that the reasons of a run name, as far as its file of rejects is still as it was."""
    wanted = {row for reason in evidence.reasons for row in reason.rows}
    file = evidence.find("rejects")
    if not wanted:
        return RejectedRows()
    if file is None:
        return RejectedRows(missing="The run wrote no file of rejects, so only row numbers are known.")
    now = hash_file("rejects", file.path)
    if now is None:
        return RejectedRows(missing=f"{file.path} is not there any more, so only row numbers are known.")
    if now != file:
        return RejectedRows(
            missing=f"{file.path} was changed after the run, so its rows would be no evidence: "
            "only row numbers are shown."
        )
    try:
        return _read(file, wanted, limit)
    except SourceError as error:
        return RejectedRows(missing=f"{file.path} can't be read: {error}")


def _read(file: File, wanted: set[int], limit: int) -> RejectedRows:
    rows: dict[int, RejectedRow] = {}
    with open_source(file.path) as source:
        neutralised = is_neutralised(source)
        for row in source.rows():
            if isinstance(row, Reject):
                continue
            values, (number, key, _, _, error) = part_row(row.values, neutralised=neutralised)
            if not (number.isascii() and number.isdigit()) or int(number) not in wanted:
                continue
            if len(rows) >= limit:
                return RejectedRows(rows, f"Only {limit:,} rows are shown; all of them are in {file.path}.")
            rows[int(number)] = RejectedRow(int(number), key, error, values)
    return RejectedRows(rows)
