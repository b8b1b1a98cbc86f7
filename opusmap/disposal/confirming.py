"""Confirming that the objects of a plan's records are gone: their owner destroys them, before Opus knows.

A row of the source with a record's key is an object that is still there. Where a row's key can't be read, it
might be one, so nothing is confirmed. A source without any rows confirms nothing either: a failed export
looks the same as an empty register.
"""

from __future__ import annotations

from opusmap.disposal.destruction_plan import Confirmation, PlanFile
from opusmap.disposal.source_rows import SourceRows, find_rows
from opusmap.errors import DestructionRefused
from opusmap.output_files import hash_of
from opusmap.run.open import Work
from opusmap.wording import counted, write_time

_ROWS_NAMED = 5


def confirm_by_source(file: PlanFile, work: Work, now: float) -> tuple[Confirmation, SourceRows]:
    """Look whether each record's row is gone from the source; return what that confirms, and the rows.

    Raises:
        DestructionRefused: it is another connection's mapping, or a row's key can't be read.
        SourceError: the source can't be read.
    """
    connection = work.mapper.connection.id
    if connection.lower() != file.plan.connection.lower():
        problem = f"{work.mapper.spec.path} is a mapping of the connection {connection}, not of the plan's"
        raise DestructionRefused(str(file.path), problem, "name the mapping that the plan was made with")
    rows = find_rows(work, file.plan.keys)
    if rows.unreadable:
        named = ", ".join(work.source.place(row) for row in rows.unreadable[:_ROWS_NAMED])
        problem = f"the key of {counted(len(rows.unreadable), 'row')} can't be read ({named})"
        help_text = "correct them: each might be the row of a record whose object is still there"
        raise DestructionRefused(work.source.name, problem, help_text)
    gone = tuple(record.key for record in file.plan.records if rows.read and record.key not in rows.found)
    name = work.source.name
    confirmation = Confirmation(
        file.sha256, "source", write_time(now), name, hash_of(name) or "", rows.read, gone
    )
    return confirmation, rows


def confirm_by_certificate(file: PlanFile, path: str, now: float) -> Confirmation:
    """Take a vendor's certificate, by its hash, as what confirms all records of a plan.

    Raises:
        DestructionRefused: there is no such file.
    """
    found = hash_of(path)
    if found is None:
        raise DestructionRefused(path, "there is no such file", "name the certificate of who destroyed them")
    keys = tuple(record.key for record in file.plan.records)
    return Confirmation(file.sha256, "vendor", write_time(now), path, found, 0, keys)
