"""What sources share whose columns come from elsewhere than a header row of text: databases and the like.

Owns the check of column names, and the message for a format whose library is not installed.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from importlib import import_module
from typing import Any

from opusmap.errors import SourceError
from opusmap.issues import quote_value
from opusmap.records import Problem, Reject

__all__ = ["ROW_LIMIT", "check_columns", "load_extra", "row_too_long"]

ROW_LIMIT = 32 << 20
"""Bytes or characters of all values of a row of a database, at most; a row with more is a reject."""


def check_columns(name: str, columns: Sequence[str], row: int | None = None) -> None:
    """Refuse column names that are blank, hold NUL, or come twice.

    Raises:
        SourceError: `no-header`, `nul-byte`, `empty-header`, `duplicate-header`.
    """
    if not any(column.strip() for column in columns):
        hint = "say where the column names stand: `header_row` under `source:`, or give them as `columns`"
        raise SourceError(name, "no-header", "the header row is blank", row, hint)
    if any("\0" in column for column in columns):
        hint = "if the file is UTF-16, write `encoding: utf-16-le` under `source:`"
        raise SourceError(name, "nul-byte", "the header holds NUL bytes", row, hint)
    if empty := [str(place) for place, column in enumerate(columns, 1) if not column.strip()]:
        problem = f"the header has no name for column {', '.join(empty)} of {len(columns)}"
        hint = "name the column in the file; a comma at the end of the header makes one too many"
        raise SourceError(name, "empty-header", problem, row, hint)
    if repeated := [column for column, count in Counter(columns).items() if count > 1]:
        problem = f"the header repeats {', '.join(map(quote_value, repeated))}"
        hint = "give each column a name of its own: cells of the one would hide those of the other"
        raise SourceError(name, "duplicate-header", problem, row, hint)


def row_too_long(number: int) -> Reject:
    """Return the reject of a row that holds more than `ROW_LIMIT`; its values are not kept."""
    message = f"the row holds more than {ROW_LIMIT >> 20} MB"
    hint = "select fewer of its columns, or shorten them: substr(…)"
    return Reject(number, None, (Problem("", "field-too-long", message, hint),), {})


def load_extra(module: str, extra: str, what: str, name: str) -> Any:
    """Import a library that comes with an extra.

    Raises:
        SourceError: `missing-extra`, with the command that installs it.
    """
    try:
        return import_module(module)
    except ImportError:
        problem = f"{what} needs more than the default installation"
        raise SourceError(
            name, "missing-extra", problem, help=f'install the extra: pip install "opusmap[{extra}]"'
        ) from None
