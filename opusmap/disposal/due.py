"""What is due: Opus's list, joined with the journal and with the source as it is now.

Owns what a person must look at before a record may be destroyed: keys that the journal does not know, or
knows under two connections, and records that are not what was submitted.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from opusmap.delivery.questions import ask_all_due
from opusmap.delivery.retry_policy import RetryPolicy
from opusmap.disposal.source_rows import SourceRow, SourceRows, find_rows
from opusmap.errors import SettingsError
from opusmap.journal import Journal, JournalRecord, State, open_journal
from opusmap.opus.due_pages import DueRecord
from opusmap.run.open import Work
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.settings import Settings


class DueState(StrEnum):
    """What is known of a record that is due. Only those that are `known` can be destroyed by a plan."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    TWO_CONNECTIONS = "two-connections"
    CHANGED = "changed"
    UNCERTAIN = "uncertain"
    DESTROYED = "destroyed"


MEANINGS = {
    DueState.KNOWN: "submitted as it is now",
    DueState.UNKNOWN: "not in the journal: submitted by another program, or pruned",
    DueState.TWO_CONNECTIONS: "known under two connections, both of which Opus may mark",
    DueState.CHANGED: "changed since it was submitted",
    DueState.UNCERTAIN: "it is not certain that Opus has what was sent last",
    DueState.DESTROYED: "marked as destroyed before, yet Opus still lists it",
}
"""What each state means, for a person."""


@dataclass(frozen=True, slots=True)
class DueEntry(DueRecord):
    """A record that is due, with what the journal and the source say of it.

    Attributes:
        state: what is known of it; `why` says more in words.
        place: where its row is in the source, such as `row 7`; empty where there is none.
        run: the journal's run that submitted it; None where it is not known.
        content: the hash of what Opus accepted, in hexadecimal digits.
    """

    state: DueState
    why: str = ""
    place: str = ""
    run: int | None = None
    content: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class DueList:
    """What is due by a day, which is included, in Opus's order."""

    until: date
    entries: tuple[DueEntry, ...]
    rows_read: int = 0

    @property
    def counts(self) -> dict[str, int]:
        """How many records there are of each state, in the order of `DueState`."""
        found = Counter(entry.state for entry in self.entries)
        return {state.value: found[state] for state in DueState if found[state]}


def read_day(text: str | None, option: str) -> date:
    """Read a day such as 2026-06-30; today if none is given.

    Raises:
        SettingsError: it is something else.
    """
    if text is None:
        return datetime.now().astimezone().date()
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise SettingsError(option, "this is not a day", "write it as 2026-06-30") from None


def day_after(day: date) -> str:
    """Return the time that Opus is asked with, so that a day is included: the day after, at 0:00."""
    return f"{day + timedelta(1) if day < date.max else day}T00:00:00"


def find_due(
    work: Work,
    settings: Settings,
    until: date,
    note: Callable[[int, int], None] = lambda _listed, _read: None,
) -> DueList:
    """Ask Opus what is due by a day, and join it with the journal and the source, which is read to its end.

    Args:
        work: the mapping and the source.
        settings: of Opus, and of the journal.
        until: the last day that counts.
        note: is called now and then with how many records are listed, and how many rows were read;
            what it raises ends the question.

    Raises:
        OpusUnavailable, SignInError, SettingsError: as `ask_due`.
        JournalError, SourceError: they can't be read. `NoJournal` if nothing was submitted from here yet.
    """
    with open_journal(settings.journal, write=False) as journal:
        asked = ask_due(settings, work.mapper.connection.id, until, lambda listed: note(listed, 0))
        records = asyncio.run(asked)
        return join_due(records, journal, work, settings.base_url, until, partial(note, len(records)))


async def ask_due(
    settings: Settings, connection: str, until: date, note: Callable[[int], None] = lambda _listed: None
) -> tuple[DueRecord, ...]:
    """Ask Opus for all records of a connection that are due by a day.

    Raises:
        OpusUnavailable, SignInError: Opus does not answer, or refuses.
        SettingsError: the certificate can't be used.
    """
    from opusmap.opus.client import OpusClient  # noqa: PLC0415 - httpx is slow to load

    async with OpusClient(settings) as client:
        retries = RetryPolicy(settings.retry_timeout)
        return await ask_all_due(client, connection, day_after(until), retries=retries, note=note)


def join_due(
    records: Sequence[DueRecord],
    journal: Journal,
    work: Work,
    origin: str,
    until: date,
    note: Callable[[int], None] = lambda _read: None,
) -> DueList:
    """Join what Opus lists with the journal and the source's rows.

    Raises:
        JournalError, SourceError: one of them can't be read.
    """
    keys = [record.key for record in records]
    rows = find_rows(work, keys, note) if keys else SourceRows({}, 0, ())
    known = journal.find_records(origin, work.mapper.connection.id, keys)
    connections = journal.find_connections(origin, keys)
    destroyed = {
        each.key
        for each in journal.destructions(origin, work.mapper.connection.id, keys)
        if each.is_tombstone
    }
    entries = []
    for record in records:
        state, why = _judge(
            record,
            known.get(record.key),
            rows.found.get(record.key),
            len(connections.get(record.key, ())),
            is_destroyed=record.key in destroyed,
        )
        entries.append(_make_entry(record, state, why, known.get(record.key), rows.found, work))
    return DueList(until, tuple(entries), rows.read)


def _judge(
    record: DueRecord,
    known: JournalRecord | None,
    row: SourceRow | None,
    connections: int,
    *,
    is_destroyed: bool,
) -> tuple[DueState, str]:
    """Return what is known of a record, and in words what was found."""
    if is_destroyed:
        return DueState.DESTROYED, "the journal has its destruction, or an attempt whose end is not known"
    if connections > 1:
        return DueState.TWO_CONNECTIONS, f"the journal knows the key under {connections} connections"
    if known is None:
        return DueState.UNKNOWN, "the journal does not know the key"
    if known.state is not State.ACCEPTED:
        return DueState.UNCERTAIN, f"in the journal its state is {known.state.name.lower()}"
    if row is None:
        return DueState.KNOWN, ""
    if row.content is None:
        return DueState.CHANGED, "its row is rejected now"
    if row.content != known.content:
        return DueState.CHANGED, "its row is not what was submitted"
    for name, said in (("leafName", record.name), ("termFullPath", record.term)):
        ours = (row.values or {}).get(name)
        if isinstance(ours, str) and ours.strip() != said.strip():
            return DueState.CHANGED, f"{name} in Opus is not what was submitted"
    return DueState.KNOWN, ""


def _make_entry(
    record: DueRecord,
    state: DueState,
    why: str,
    known: JournalRecord | None,
    rows: Mapping[str, SourceRow],
    work: Work,
) -> DueEntry:
    row = rows.get(record.key)
    return DueEntry(
        **{name: getattr(record, name) for name in DueRecord.__slots__},
        state=state,
        why=why,
        place="" if row is None else work.source.place(row.number),
        run=None if known is None else known.run,
        content="" if known is None else known.content.hex(),
    )


def describe_counts(due: DueList) -> str:
    """Return in one line how many records are due, and of which states."""
    if not due.entries:
        return f"Nothing is due by {due.until}."
    states = ", ".join(f"{count} {state}" for state, count in due.counts.items())
    return f"{counted(len(due.entries), 'record')} due by {due.until}: {states}"
