"""Worker processes: parts of rows go out, what became of them comes back, in order.

Owns the processes, what travels to and from them, and what happens when one dies. A worker compiles the
mapping for itself (custom converters from their files), maps parts and encodes records; keys, counts and
files stay with the process that asked, so that totals are exact and the order is the source's.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import msgspec

from opusmap.compiler import Mapper
from opusmap.errors import StoppedEarly
from opusmap.records import Filtered, Mapped, Problem, Record, Reject, Row
from opusmap.sources import Part
from opusmap.work import Work

__all__ = ["Workers", "map_in_processes"]

_LOG = logging.getLogger("opusmap.workers")
_AHEAD = 4
"""Chunks that are out for each worker at most: none waits for work, and memory stays bounded."""


@dataclass(frozen=True, slots=True)
class Workers:
    """How many processes map, and the files with custom converters that each of them loads."""

    count: int
    converters: tuple[str, ...] = ()


def map_in_processes(work: Work, workers: Workers, *, encoded: bool) -> Iterator[tuple[Part, list[Mapped]]]:
    """Yield each part of the source with what became of its rows, in order.

    The values of records are JSON where `encoded`; otherwise only their names, each with None. When a
    worker dies, a warning is logged and new ones do once more what was under way.

    Raises:
        StoppedEarly: they died again over the same rows.
    """
    crew = _Crew(work.mapper, workers, encoded=encoded)
    try:
        for part in work.source.parts():
            crew.send(part)
            while crew.is_busy:
                yield crew.receive()
        while crew.pending:
            yield crew.receive()
    except Exception:  # the source's: what was read before is told of
        while crew.pending:
            yield crew.receive()
        raise
    finally:
        crew.dismiss()


class _Crew:
    """The worker processes of a run, and the parts that are with them."""

    def __init__(self, mapper: Mapper, workers: Workers, *, encoded: bool) -> None:
        self.pending: deque[tuple[Part, Future[_Answer]]] = deque()
        self._count = workers.count
        self._orders = (mapper.orders(), workers.converters, encoded)
        self._pool = self._hire()
        self._lost: Part | None = None

    def _hire(self) -> ProcessPoolExecutor:
        # "spawn" is what Windows and macOS have; a fork of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(self._count, context, initializer=_begin, initargs=self._orders)

    @property
    def is_busy(self) -> bool:
        return len(self.pending) >= self._count * _AHEAD

    def send(self, part: Part) -> None:
        try:
            self.pending.append((part, self._pool.submit(_map_part, part)))
        except BrokenProcessPool:
            self._hire_again(self.pending[0][0] if self.pending else part)
            self.pending.append((part, self._pool.submit(_map_part, part)))

    def receive(self) -> tuple[Part, list[Mapped]]:
        """Return the oldest part that is out, and what became of it."""
        while True:
            part, future = self.pending[0]
            try:
                answer = future.result()
            except BrokenProcessPool:
                self._hire_again(part)
                continue
            self.pending.popleft()
            return part, answer.mapped()

    def _hire_again(self, oldest: Part) -> None:
        """Begin anew with what was under way; `oldest` is the first of it."""
        numbers = [row.number if isinstance(row, Row) else row.row for row in oldest.rows()[:1]]
        where = f"row {numbers[0]}" if numbers else "the beginning"
        if self._lost is oldest:
            raise StoppedEarly(
                f"a worker process died twice over the rows from {where} on",
                "is there memory enough? `--workers 1` does without workers, and shows what goes wrong",
            )
        self._lost = oldest
        _LOG.warning("a worker process died; the rows from %s on are mapped once more", where)
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._pool = self._hire()
        again = [part for part, _ in self.pending]
        self.pending = deque((part, self._pool.submit(_map_part, part)) for part in again)

    def dismiss(self) -> None:
        self._pool.shutdown(cancel_futures=True)


# What comes back. Columns of values take a tenth of the time that as many objects would.


class _Answer(msgspec.Struct):
    """What became of a part: its records by parts, and the rest by place.

    `values` are the records as lines of JSON or, where only names are asked for, those by shape.
    """

    numbers: list[int]
    keys: list[str]
    values: bytes | tuple[list[tuple[str, ...]], list[int]]
    notes: dict[int, tuple[Problem, ...]]
    rest: list[tuple[int, Reject | Filtered]]

    def mapped(self) -> list[Mapped]:
        values: list[Any]
        if isinstance(self.values, bytes):
            values = [msgspec.Raw(line) for line in self.values.split(b"\n")]
        else:
            shapes = [dict.fromkeys(names) for names in self.values[0]]
            values = [shapes[index] for index in self.values[1]]
        found: list[Mapped] = list(map(Record, self.numbers, self.keys, values))
        for index, notes in self.notes.items():
            found[index] = Record(self.numbers[index], self.keys[index], values[index], notes)
        for place, one in self.rest:
            found.insert(place, one)
        return found


# In a worker.

_MAPPER: Mapper | None = None
_ENCODED = True
_encode_lines = msgspec.json.Encoder().encode_lines


def _begin(orders: Any, converters: tuple[str, ...], encoded: bool) -> None:  # noqa: FBT001 - an initializer's argument
    """Get ready: compile the mapping; leave Ctrl-C to the process that asked, and go when it goes."""
    global _MAPPER, _ENCODED
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    _MAPPER, _ENCODED = Mapper.from_orders(orders, converters), encoded


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _map_part(part: Part) -> _Answer:
    assert _MAPPER is not None
    mapped = _MAPPER.map_chunk(part.rows())
    records = [one for one in mapped if isinstance(one, Record)]
    return _Answer(
        [one.row for one in records],
        [one.key for one in records],
        _encode_lines([one.values for one in records]).rstrip(b"\n") if _ENCODED else _shapes(records),
        {index: one.notes for index, one in enumerate(records) if one.notes},
        [(place, one) for place, one in enumerate(mapped) if not isinstance(one, Record)],
    )


def _shapes(records: list[Record]) -> tuple[list[tuple[str, ...]], list[int]]:
    """Return the names that records have values for, each set of names once, and which of them each has."""
    shapes: dict[tuple[str, ...], int] = {}
    of_each = [shapes.setdefault(tuple(one.values), len(shapes)) for one in records]
    return [*shapes], of_each
