"""The records that were absent from a run's source, sorted by what a person should do about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from opusmap.report.provenance import Evidence
from opusmap.report.status import name_opus
from opusmap.report.summary import advise_on_changed_key

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run
    from opusmap.report.later_rows import LaterRows


@dataclass(frozen=True, slots=True)
class GoneGroup:
    """Absent records that were sent alike: how, what to do, and each row key with what is known of it."""

    title: str
    advice: str
    records: tuple[tuple[str, str], ...]


def sort_gone(journal: Journal, run: Run, evidence: Evidence, rows: LaterRows) -> tuple[GoneGroup, ...]:
    """Return the absent records that a run named, by how they were sent; nothing if it named none.

    Args:
        journal: which knows the records.
        run: the run.
        evidence: what it left, with the row keys.
        rows: what became of its rows.

    Raises:
        JournalError: the journal can't be read.
    """
    keys = () if evidence.gone is None else evidence.gone.keys
    known = journal.find_accepted(run.origin, run.connection, keys) if keys else {}
    senders = {record.run for record in known.values()}
    retries = {
        one.id
        for one in journal.runs()
        if one.id in senders and Evidence.read(journal.evidence(one)).rows_of is not None
    }
    rekeyed, opus = rows.name_records(), name_opus(run)
    corrected, perhaps, others = [], [], []
    for key in keys:
        record = known.get(key)
        sent = "" if record is None else f"row {record.row}, sent by run {record.run}"
        if key in rekeyed:
            corrected.append((key, f"the row key that row {rekeyed[key]} got in a corrected rejects file"))
        elif record is not None and record.run in retries:
            perhaps.append((key, sent))
        else:
            others.append((key, sent))
    groups = (
        GoneGroup(
            "Row key corrected in a rejects file",
            "These records are right. This run rejected their rows, which have the old row keys in the "
            "source: write the new ones there.",
            tuple(corrected),
        ),
        GoneGroup(
            "Sent from a rejects file",
            "If you corrected their row keys there, these records are right: correct the source as well. If "
            "you did not, their rows were removed from the source, or got other row keys there.",
            tuple(perhaps),
        ),
        GoneGroup(
            "Sent from the source",
            f"Their rows were removed from the source, or got other row keys. {advise_on_changed_key(opus)}",
            tuple(others),
        ),
    )
    return tuple(group for group in groups if group.records)
