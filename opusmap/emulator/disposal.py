"""The end of a record's life in this Opus: when it is due, who may be marked as destroyed, and what was.

Owns due dates, by a term's retention or set by a test; approvals; marks. A request to mark carries no
connection, so a rowKey that another connection has, too, is marked there as well: that is what happens to a
client that does not look. Nothing here removes a record.
"""

from __future__ import annotations

import re
from calendar import isleap
from collections.abc import Collection, Iterable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock_time

from opusmap.emulator.store import RecordStore
from opusmap.emulator.tokens import Time
from opusmap.emulator.validation import ROW_KEY, Readings
from opusmap.emulator.values import TargetFormat
from opusmap.errors import SettingsError
from opusmap.records import JsonValue
from opusmap.wording import quote_value

APPROVALS_PATH = "/emulator/approvals"
"""Where due records are approved, in place of people and of Opus's nightly job; no part of the contract."""

_LONGEST = 1000
_PERIOD = re.compile(r"([0-9]{1,4})([dy])")


@dataclass(frozen=True, slots=True)
class Retention:
    """How long records are kept after `timeModified` (or `timeCreated`): calendar years and days."""

    years: int = 0
    days: int = 0

    def end(self, start: datetime) -> datetime | None:
        """Return when a record is due that was modified at `start`; None beyond the calendar."""
        year = start.year + self.years
        if year > date.max.year:
            return None
        leap_day = (start.month, start.day) == (2, 29) and not isleap(year)
        moved = start.replace(year=year, month=3, day=1) if leap_day else start.replace(year=year)
        try:
            return moved + timedelta(self.days)
        except OverflowError:
            return None


def read_retention(texts: Iterable[str]) -> dict[str, Retention]:
    """Read `TERM=7y` or `TERM=30d`: a term's path, or how it begins, and how long its records are kept.

    Raises:
        SettingsError: one of them is something else.
    """
    rules = {}
    for text in texts:
        term, _, period = text.rpartition("=")
        found = _PERIOD.fullmatch(period.strip())
        if not term.strip() or found is None or int(found[1]) > _LONGEST * (365 if found[2] == "d" else 1):
            problem = f"{quote_value(text)} is not a term and a period"
            raise SettingsError("--retention", problem, 'write it as "Records/Permits=7y" or "Records=30d"')
        number = int(found[1])
        rules[term.strip().strip("/")] = Retention(days=number) if found[2] == "d" else Retention(number)
    return rules


class Disposal:
    """What is due of the records in a store, and what was marked as destroyed.

    Attributes:
        retention: the beginning of a term's path -> how long; the longest that fits counts.
        destroyed: the rowKeys that were marked.
        returned: those of them that were submitted again afterwards.
        elsewhere: the other connections that have a rowKey, too: rowKey -> their ids.
        destroyed_elsewhere: the pairs of connection and rowKey that a request marked there.
    """

    def __init__(self, store: RecordStore, readings: Readings, target: TargetFormat, time: Time) -> None:
        self.retention: Mapping[str, Retention] = {}
        self.destroyed = set[str]()
        self.returned = set[str]()
        self.elsewhere: dict[str, set[str]] = {}
        self.destroyed_elsewhere = set[tuple[str, str]]()
        self._store, self._readings, self._time = store, readings, time
        self._format = target.datetime_format
        self._set: dict[str, datetime] = {}
        self._approved = set[str]()

    def set_due(self, key: str, due: date) -> None:
        """Say when a record is due, whatever its term says; it may arrive later."""
        moment = due if isinstance(due, datetime) else datetime.combine(due, clock_time())
        self._set[key] = moment.replace(tzinfo=None)

    def note_kept(self, key: str) -> None:
        """Note that a record was submitted: an approval was of what it was before."""
        self._approved.discard(key)
        if key in self.destroyed:
            self.returned.add(key)

    def approve(self, keys: Collection[str] | None = None) -> list[str]:
        """Approve those of these records that are due by now, or all that are; return which."""
        due = [str(record[ROW_KEY]) for record in self.find_due(self._now())]
        approved = [key for key in due if keys is None or key in keys]
        self._approved.update(approved)
        return approved

    def find_due(self, before: datetime, after: str = "") -> list[dict[str, JsonValue]]:
        """Return the records due earlier than a time, sorted by rowKey, those after a rowKey alone."""
        keys = []
        for key, record in self._store.items():
            due = None if key <= after or key in self.destroyed else self._due(key, record)
            if due is not None and due < before:
                keys.append(key)
        held = dict(self._store.items())
        return [deepcopy(held[key]) for key in sorted(keys)]

    def mark(self, key: str) -> str:
        """Mark a record as destroyed, for ever; or return, with nothing changed, why it can't be."""
        record, others = self._store.find(key), self.elsewhere.get(key, ())
        self.destroyed_elsewhere.update((other, key) for other in others)
        if record is None:
            return "" if others else "there is no such record"
        if key in self.destroyed:
            return "it was marked as destroyed before" if self._readings.marked_once else ""
        due = self._due(key, record)
        if due is None or due >= self._now():
            return "it is not due"
        if self._readings.approval and key not in self._approved:
            return "it is not approved"
        self.destroyed.add(key)
        return ""

    def _due(self, key: str, record: Mapping[str, JsonValue]) -> datetime | None:
        """Return when a record is due; None where no rule says it."""
        if key in self._set:
            return self._set[key]
        term = record.get("termFullPath")
        if not isinstance(term, str):
            return None
        fitting = [rule for rule in self.retention if term == rule or term.startswith(f"{rule}/")]
        start = self._read_time(record.get("timeModified")) or self._read_time(record.get("timeCreated"))
        return self.retention[max(fitting, key=len)].end(start) if fitting and start else None

    def _read_time(self, value: JsonValue) -> datetime | None:
        try:
            moment = datetime.strptime(str(value), self._format)  # noqa: DTZ007 - the contract's have none
        except ValueError:
            return None
        return moment.replace(tzinfo=None)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._time.wall_clock(), UTC).replace(tzinfo=None)
