"""Of several rows with the same rowKey all but one are rejects, for Opus would hold only one.

Owns that rule. Only the keys' 64-bit hashes are kept, so that millions of rows fit into memory.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from opusmap.diagnostics import quote_value
from opusmap.errors import SourceError
from opusmap.records import Problem, Record, Reject
from opusmap.report import MendedSource
from opusmap.work import Work

__all__ = ["KeyWatch", "reject_repeated"]


class KeyWatch:
    """Remembers the keys of a run, and judges each record by them. One run, one watch."""

    def __init__(self, work: Work) -> None:
        """Begin; `duplicates: last` reads the source once for its keys.

        Raises:
            SourceError: that source can be read only once.
        """
        self._last = _last_rows(work) if work.mapper.spec.duplicates == "last" else None
        self._seen: set[int] = set()
        # A row that was rejected for its key and still has it would now replace what took its place.
        self._repeated = work.source.repeated if isinstance(work.source, MendedSource) else {}

    def judge(self, record: Record, values: Mapping[str, Any]) -> Record | Reject:
        """Return the record, or the reject of its row (which holds these `values`)."""
        other = self._other(record.row, record.key)
        return record if other is None else reject_repeated(record.row, record.key, values, other)

    def find_repeated(self, numbers: Iterable[int], keys: Iterable[str]) -> dict[int, str]:
        """Return which of some records, by place, are to be rejected, each with the row that has its key."""
        others = (self._other(number, key) for number, key in zip(numbers, keys, strict=True))
        return {place: other for place, other in enumerate(others) if other is not None}

    def _other(self, number: int, key: str) -> str | None:
        """Return which other row has a row's key, so that this one is a reject; else remember it."""
        if self._repeated.get(number) == key:
            return "an earlier"
        hashed = hash(key)
        if self._last is not None:
            return None if self._last[hashed] == number else "a later"
        if hashed in self._seen:
            return "an earlier"
        self._seen.add(hashed)
        return None

    def all_new(self, keys: Sequence[str]) -> bool:
        """Tell, quickly, whether these keys are new and different; they are remembered if so.

        If not, each record is to be judged.
        """
        if self._last is not None or self._repeated:
            return False
        hashes = set(map(hash, keys))
        if len(hashes) < len(keys) or not self._seen.isdisjoint(hashes):
            return False
        self._seen |= hashes
        return True


def _last_rows(work: Work) -> dict[int, int]:
    """Return the number of the last row that each rowKey has, by the key's hash."""
    if not work.source.rereadable:
        help_text = "name a file, or use `duplicates: first`"
        message = "`duplicates: last` reads the source twice, and this one can be read only once"
        raise SourceError(work.source.name, "read-once", message, help=help_text)
    mapped: Iterable[object] = work.mapper.map_rows(work.source.rows())
    return {hash(one.key): one.row for one in mapped if isinstance(one, Record)}


def reject_repeated(number: int, key: str, values: Mapping[str, Any], other: str) -> Reject:
    """Return the reject of a row whose key occurs in `other` row, too."""
    message = f"the row key {quote_value(key)} occurs in {other} row, too"
    problem = Problem("Row key", "duplicate-key", message, "make the keys unique in the source")
    return Reject(number, key, (problem,), values)
