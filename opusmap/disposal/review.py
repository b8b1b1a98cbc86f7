"""The list of due records for those who review it: a CSV file, a workbook, or a page to print and sign."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import PurePath

from opusmap.disposal.due import MEANINGS, DueEntry, DueList
from opusmap.report.list_files import is_page, write_page, write_rows
from opusmap.report.pages import render_page

COLUMNS = (
    *("key", "name", "term", "created", "modified", "created_by", "modified_by"),
    *("state", "why", "place", "run"),
)
"""The columns of the files; `docs/command-line.md` says what each is."""

_NOTED = 1000
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


def write_review(due: DueList, path: str, mapping: str) -> None:
    """Write a list into a file whose ending says how: `.csv`, `.xlsx` or `.html`.

    Raises:
        SettingsError: it can't be written.
    """
    if is_page(path):
        write_page(path, render_review(due, mapping))
        return
    with write_rows(path, COLUMNS, _REVIEW) as write:
        for entry in due.entries:
            write(entry.as_json())


def render_review(
    due: DueList,
    mapping: str,
    signed: SignedReview | None = None,
    note: Callable[[int], None] = lambda _done: None,
) -> str:
    """Return the list as one page that can be printed and signed; or with what was signed in the studio.

    `note` is called now and then with how many records are on the page so far.
    """
    name = PurePath(mapping).name
    return render_page(
        "due.html",
        f"Records of {name} due by {due.until}",
        name=name,
        due=due,
        entries=_note_each(due.entries, note),
        meanings={state.value: meaning for state, meaning in MEANINGS.items()},
        made=datetime.now(UTC) if signed is None else signed.at,
        signed=signed,
        nonce="",
    )


def _note_each(entries: Sequence[DueEntry], note: Callable[[int], None]) -> Iterator[DueEntry]:
    for done, entry in enumerate(entries):
        if done % _NOTED == 0:
            note(done)
        yield entry
