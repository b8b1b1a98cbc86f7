"""What a staged run would send, for a person to look at before it is sent. Nothing is sent or changed.

Counts come from the manifest. Records are looked at up to a limit, so that a run of any size is quick to look
at. Parts are read in their order, and each is verified before.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from heapq import nsmallest
from itertools import islice
from typing import Any

import msgspec

from opusmap.connection import CHOICE_TYPES
from opusmap.errors import SourceError
from opusmap.records import JsonValue
from opusmap.report import Reason
from opusmap.report.forecast import EmptyCells
from opusmap.staging.staged_run import StagedRecord, StagedReject, StagedRun
from opusmap.wording import quote_value

EXAMINED = 10_000
"""Records, and rejects, that are looked at, at most."""


@dataclass(frozen=True, slots=True)
class ShownRecord:
    """A record as a person reads it: its values by display name."""

    row: int | None
    key: str
    values: dict[str, JsonValue]


@dataclass(frozen=True, slots=True)
class StagedOverview:
    """A staged run to look at.

    Attributes:
        records: the first records, by their rows, of those that were examined.
        examined: how many records `columns` counts.
        columns: how many of these records have nothing in a column of Opus that the mapping fills.
        reasons: why rows were rejected, each with an example where one of the first rejects has it.
        rejects: the first rejects.
        options: what the orders of choice columns mean, by display name: 2 is the option `Deed`.
    """

    records: tuple[ShownRecord, ...]
    examined: int
    columns: tuple[EmptyCells, ...]
    reasons: tuple[Reason, ...]
    rejects: tuple[StagedReject, ...]
    options: dict[str, dict[int, str]]


def look_at(staged: StagedRun, limit: int = 5, examined: int = EXAMINED) -> StagedOverview:
    """Return a staged run to look at: its first records, and how full columns are in more of them.

    Args:
        staged: from `open_staged`.
        limit: records, and rejects, that are shown.
        examined: records that are counted, and rejects that are searched for examples, at most.

    Raises:
        SourceError: a part was changed, or can't be read.
    """
    names = {column.internal_name: column.display_name for column in staged.connection.columns}
    bound = [(line.internal_name, line.target) for line in staged.evidence.crosswalk.lines]
    present, count = Counter[str](), 0

    def examine() -> Iterator[ShownRecord]:
        nonlocal count
        for record in islice(_records(staged), examined):
            values = _decode(record, staged.name)
            present.update(values.keys())
            count += 1
            named = {names.get(name, name): value for name, value in values.items()}
            yield ShownRecord(record.row, record.key, named)

    first = nsmallest(limit, examine(), key=lambda one: one.row or 0)
    rejects = list(islice(staged.rejects(), examined))
    return StagedOverview(
        tuple(first),
        count,
        tuple(EmptyCells(target, count - present[name], count) for name, target in bound),
        tuple(_with_examples(staged.manifest.reasons, rejects)),
        tuple(rejects[:limit]),
        _name_options(staged),
    )


def _decode(record: StagedRecord, place: str) -> dict[str, JsonValue]:
    try:
        values: dict[str, JsonValue] = msgspec.json.decode(record.body, type=dict[str, Any])
    except msgspec.MsgspecError:
        problem = f"the `body` of the record {quote_value(record.key)} is not a JSON object"
        hint = "write the file with the columns of a staged run"
        raise SourceError(place, "staged-columns", problem, help=hint) from None
    return values


def _records(staged: StagedRun) -> Iterator[StagedRecord]:
    for part in staged.parts:
        yield from staged.read(part)


def _with_examples(reasons: tuple[Reason, ...], rejects: list[StagedReject]) -> Iterator[Reason]:
    found = dict[tuple[str, str], tuple[str, str]]()
    for reject in rejects:
        for one in reject.problems:
            place = one.get("column", ""), one.get("code", "")
            found.setdefault(place, (one.get("message", ""), one.get("help", "")))
    for reason in reasons:
        example, hint = found.get((reason.column, reason.code), ("", ""))
        yield replace(reason, example=example, help=hint)


def _name_options(staged: StagedRun) -> dict[str, dict[int, str]]:
    base, choices = staged.lock.choice_base, staged.lock.choices
    return {
        column.name: dict(enumerate(choices[name], base))
        for name, column in staged.lock.columns.items()
        if name in choices and column.type in CHOICE_TYPES
    }
