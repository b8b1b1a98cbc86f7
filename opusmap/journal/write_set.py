"""Write sets: what a journal writes, as new rows of its tables, whatever keeps them.

A write set names each row's new values, or None where the row is removed. What several of them leave of a row
is what the last of them says, so they are written as one, by few statements: each statement has its price,
however few rows it takes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeAlias

import msgspec

from opusmap.journal.models import Item, Result

RequestRows: TypeAlias = "dict[int, tuple[Any, ...] | None]"
"""Rows of the table `requests` by id, as they are to be; None: the request is over."""

_Place: TypeAlias = "tuple[int, str]"  # a target's number and a rowKey


class WriteSet(msgspec.Struct, frozen=True):
    """New rows of `requests` (by id), `accepted` and `detailed` (by target and key); None removes a row.

    `layouts` are lists of columns (by target and number) to which hashes of columns in `accepted` refer.
    """

    requests: RequestRows = msgspec.field(default_factory=dict)
    accepted: dict[_Place, tuple[Any, ...]] = msgspec.field(default_factory=dict)
    detailed: dict[_Place, tuple[Any, ...] | None] = msgspec.field(default_factory=dict)
    layouts: dict[tuple[int, bytes], tuple[str, ...]] = msgspec.field(default_factory=dict)

    def __len__(self) -> int:
        """Return how many rows are written or removed."""
        return len(self.requests) + len(self.accepted) + len(self.detailed) + len(self.layouts)

    def detail(self, target: int, run: int, item: Item, result: Result) -> None:
        """Note more about a record: this counts, whatever `accepted` contains."""
        sent = result.unanswered
        times = (None, None) if sent is None else (sent.wall, sent.ticks)
        facts = target, run, item.row, item.key, item.content
        self.detailed[target, item.key] = *facts, result.state.value, result.reason, *times


def merge_writes(sets: Iterable[WriteSet]) -> WriteSet:
    """Return what write sets come to that are written one after the other."""
    listed = list(sets)
    if len(listed) == 1:
        return listed[0]
    merged = WriteSet()
    for writes in listed:
        merged.requests.update(writes.requests)
        merged.accepted.update(writes.accepted)
        merged.detailed.update(writes.detailed)
        merged.layouts.update(writes.layouts)
    return merged
