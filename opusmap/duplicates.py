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

__all__ = ["KeyWatch"]


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
        if self._repeated.get(record.row) == record.key:
            return _duplicate(record, values, "an earlier")
        key = hash(record.key)
        if self._last is not None:
            return record if self._last[key] == record.row else _duplicate(record, values, "a later")
        if key in self._seen:
            return _duplicate(record, values, "an earlier")
        self._seen.add(key)
        return record

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


def _duplicate(record: Record, values: Mapping[str, Any], other: str) -> Reject:
    message = f"the row key {quote_value(record.key)} occurs in {other} row, too"
    problem = Problem("Row key", "duplicate-key", message, "make the keys unique in the source")
    return Reject(record.row, record.key, (problem,), values)
