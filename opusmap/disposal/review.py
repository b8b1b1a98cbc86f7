"""The list of due records for those who review it: a CSV file, a workbook, or a page to print and sign."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path, PurePath
from typing import IO

from opusmap.disposal.due import MEANINGS, DueList
from opusmap.errors import SettingsError
from opusmap.output_files import write_whole
from opusmap.rejects.file_formats import CellShape, Shape, WorkbookShape
from opusmap.report.pages import render_page
from opusmap.wording import show_extra

COLUMNS = (
    *("key", "name", "term", "created", "modified", "created_by", "modified_by"),
    *("state", "why", "place", "run"),
)
"""The columns of the files; `docs/command-line.md` says what each is."""

_REVIEW = ("decision", "reviewer", "note")
"""Columns that are left empty for those who review."""


@dataclass(frozen=True, slots=True)
class SignedReview:
    """A review that a person has signed, for its page.

    Attributes:
        name, role, declaration: of the person.
        at: when.
        decisions: what was decided about each record, in words, by rowKey.
        counts: how many records there are of each decision.
        holds, sha256: the file of what must be kept, and its hash.
    """

    name: str
    role: str
    declaration: str
    at: datetime
    decisions: Mapping[str, str]
    counts: Mapping[str, int]
    holds: str
    sha256: str


def check_review(path: str) -> None:
    """Refuse a file for a list whose ending does not say how it is to be written, before Opus is asked.

    Raises:
        SettingsError: with the endings that do.
    """
    if Path(path).suffix.lower() not in (".html", ".htm", ".csv", ".xlsx"):
        problem = f"{path} does not end in .csv, .xlsx or .html"
        raise SettingsError("--output", problem, "the ending says how the list is written")


def write_review(due: DueList, path: str, mapping: str) -> None:
    """Write a list into a file whose ending says how: `.csv`, `.xlsx` or `.html`.

    Raises:
        SettingsError: it can't be written, or the extra for workbooks is not installed.
    """
    kind = Path(path).suffix.lower()
    if kind in (".html", ".htm"):
        _write_page(path, render_review(due, mapping))
        return
    content = _Content()
    shape = _open_shape(content, kind)
    for entry in due.entries:
        shape.write(entry.as_json(), dict.fromkeys(_REVIEW, ""))
    shape.close()
    with write_whole(path) as file:
        file.write(content.written)


def write_signed_review(due: DueList, path: str, mapping: str, signed: SignedReview) -> None:
    """Write the page of a signed review.

    Raises:
        SettingsError: it can't be written.
    """
    _write_page(path, render_review(due, mapping, signed.at, signed))


def _write_page(path: str, page: str) -> None:
    with write_whole(path) as file:
        file.write(page.encode("utf-8", "backslashreplace"))


class _Content(BytesIO):
    """A file in memory, whose content stays after it is closed."""

    written = b""

    def close(self) -> None:
        """Close it."""
        if not self.closed:
            self.written = self.getvalue()
        super().close()


def _open_shape(file: IO[bytes], kind: str) -> Shape:
    if kind == ".csv":
        return CellShape(file, COLUMNS, _REVIEW, ",")
    try:
        return WorkbookShape(file, COLUMNS, _REVIEW)
    except ImportError:
        problem = "the package xlsxwriter is not installed, which a workbook needs"
        raise SettingsError("--output", problem, show_extra("excel")) from None


def render_review(
    due: DueList, mapping: str, made: datetime | None = None, signed: SignedReview | None = None
) -> str:
    """Return the list as one page that can be printed and signed; or with what was signed in the studio."""
    name = PurePath(mapping).name
    return render_page(
        "due.html",
        f"Records of {name} due by {due.until}",
        name=name,
        due=due,
        meanings={state.value: meaning for state, meaning in MEANINGS.items()},
        made=made or datetime.now(UTC),
        signed=signed,
        nonce="",
    )
