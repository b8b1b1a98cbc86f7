"""What a run would change, as plain facts: the kinds of differences, one difference, and all of them.

`opusmap.run.diff` finds them; they are printed, written as a list and shown in the studio.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Self

from opusmap.report import Report
from opusmap.wording import counted

CONFLICT = "conflict"
"""What a change is called where the record is the same and would be sent with another `conflict`."""


class Kind(StrEnum):
    """What a run would do with a record, or why it has none to send. The values are those of the JSON.

    `NEW`, `CHANGED`, `AGAIN` and `OPEN` would be sent. `AGAIN` was accepted as it is, but the journal may not
    know what came after that; of `OPEN`, Opus refused the latest version, or its answer is not known. `GONE`
    and `LEFT_OUT` were accepted earlier; the source has no row of one that is gone, and `where` excludes the
    row of one that is left out.
    """

    NEW = "new"
    CHANGED = "changed"
    AGAIN = "again"
    OPEN = "open"
    UNCHANGED = "unchanged"
    GONE = "gone"
    LEFT_OUT = "left_out"


MEANINGS = {
    Kind.NEW: "not submitted before, as far as the journal knows",
    Kind.CHANGED: "accepted earlier with other values",
    Kind.AGAIN: "accepted as they are, but something newer may have replaced them",
    Kind.OPEN: "refused by Opus, or its answer is not known",
    Kind.UNCHANGED: "accepted as they are, so not sent",
    Kind.GONE: "accepted earlier, and absent from the source now",
    Kind.LEFT_OUT: "accepted earlier, and excluded by `where` now",
}
"""What each kind means, for a person."""

TITLES = {
    Kind.NEW: "New",
    Kind.CHANGED: "Changed",
    Kind.AGAIN: "To be sent again unchanged",
    Kind.OPEN: "Not accepted yet",
    Kind.UNCHANGED: "Unchanged",
    Kind.GONE: "Gone from the source",
    Kind.LEFT_OUT: "Left out by `where` now",
}
"""What a list of the records of each kind is called."""

SENT = (Kind.NEW, Kind.CHANGED, Kind.AGAIN, Kind.OPEN)
"""The kinds of records that a run would send."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One record that differs.

    Attributes:
        kind: how.
        key: its rowKey.
        place: where its row is, such as `row 7`; empty for one that has none.
        columns: of a changed one, the columns of Opus that differ, by display name; None where that is not
            known.
        run: the run that sent it last, as far as the journal knows.
        state: what the journal knows of that: `failed`, `uncertain`, `intended` or `taken`.
    """

    kind: Kind
    key: str
    place: str = ""
    columns: tuple[str, ...] | None = None
    run: int | None = None
    state: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        columns = None if self.columns is None else list(self.columns)
        facts = {"key": self.key, "place": self.place or None, "run": self.run, "state": self.state or None}
        return {**facts, "columns": columns}

    def as_row(self) -> dict[str, Any]:
        """Return it as a row of a list; see `ROW`."""
        facts = {"kind": self.kind.value, "key": self.key, "place": self.place, "run": self.run}
        return {**facts, "state": self.state, "columns": self.describe_columns()}

    def describe_columns(self) -> str:
        """Return which columns differ, for a person; nothing of a record that has not changed."""
        if self.columns is None:
            return "not known" if self.kind is Kind.CHANGED else ""
        return ", ".join(self.columns)


ROW = ("kind", "key", "place", "columns", "run", "state")
"""The columns of a list of differences; `docs/command-line.md` says what each is."""


@dataclass(frozen=True, slots=True)
class Diff:
    """What a run would change.

    `read = filtered + rejected + new + changed + again + open + unchanged`, always.

    Attributes:
        report: what became of each row, as `check` has it.
        counts: how many records there are of each kind.
        columns: in how many changed records each column of Opus differs, the most frequent first, by display
            name.
        columns_unknown: changed records of which it is not known which columns differ.
        destroyed: rejected rows whose record was destroyed.
        unreadable: rejected rows whose key is not known: each may be the row of a record that is gone.
        where_unknown: rows that `where` excludes may be those of records that are gone, for the source can be
            read only once.
        gone_unknown: it is not known what is gone, for the source gives no more than what has changed.
        examples: the first records of each kind.
        journal: where the journal is; None if there is none yet.
        note: what is odd about the journal, in sentences.
    """

    report: Report
    counts: Mapping[Kind, int]
    columns: Mapping[str, int]
    columns_unknown: int
    destroyed: int
    unreadable: int
    where_unknown: bool
    gone_unknown: bool
    examples: Mapping[Kind, tuple[Difference, ...]]
    journal: str | None
    note: str = ""

    @property
    def to_send(self) -> int:
        """How many records a run would send."""
        return sum(self.counts[kind] for kind in SENT)

    def first(self, limit: int) -> Self:
        """Return it with so many records of each kind at most."""
        return replace(self, examples={kind: found[:limit] for kind, found in self.examples.items()})

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        rows = {name: getattr(self.report, name) for name in ("read", "filtered", "rejected")}
        shown = {
            kind.value: [one.as_json() for one in self.examples[kind]]
            for kind in Kind
            if kind is not Kind.UNCHANGED
        }
        return {
            **rows,
            **{kind.value: self.counts[kind] for kind in Kind},
            "destroyed": self.destroyed,
            "columns": dict(self.columns),
            "columns_unknown": self.columns_unknown,
            "unreadable": self.unreadable,
            "where_unknown": self.where_unknown,
            "gone_unknown": self.gone_unknown,
            "records": shown,
            "journal": self.journal,
            "journal_note": self.note or None,
            "seconds": self.report.seconds,
        }


def describe_notes(found: Diff, origin: str) -> list[str]:
    """Return in sentences what a person must know to read the totals; `origin` is that of Opus."""
    notes, gone = [], found.counts[Kind.GONE]
    if found.journal is None:
        notes.append("There is no journal yet, so all records are new.")
    else:
        notes.append(
            f"Compared with what {origin or 'Opus'} accepted, according to the journal {found.journal}."
        )
    if found.note:
        notes.append(f"warning: {found.note}")
    if found.gone_unknown:
        notes.append("What is gone is not known: this source does not give all its rows.")
    if found.destroyed:
        are = "is" if found.destroyed == 1 else "are"
        rows = counted(found.destroyed, "rejected row")
        notes.append(f"{rows} {are} of records that were marked as destroyed.")
    if gone and found.unreadable:
        rows = counted(found.unreadable, "rejected row")
        notes.append(f"The row key of {rows} can't be read, so some records may not be gone.")
    if gone and found.where_unknown:
        notes.append("Records that seem gone may be left out by `where`: this source can be read only once.")
    if gone and found.counts[Kind.NEW]:
        notes.append(
            "A row whose row key changed counts twice: as gone under the old key, and as new under the new "
            "one. If it is the same record, put the old key back before you send."
        )
    if gone:
        notes.append("opusmap deletes nothing in Opus: it only lists what is gone.")
    return notes
