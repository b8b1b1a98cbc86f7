"""The stream of a source's rows through its mapping: chunks, in order, each row key once. Nothing is sent.

Owns the road of a chunk: rows -> mapped -> duplicates rejected -> counted. What becomes of rows is the
mapper's business, in which process the `workers`'.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import IO, Any, Self

import msgspec

from opusmap.errors import SourceError
from opusmap.records import Chunk
from opusmap.report import Report, Tally
from opusmap.run.duplicates import DuplicateFilter, RowAt
from opusmap.run.open import Work
from opusmap.run.parallel import CHUNK_ROWS, Workers, map_in_processes
from opusmap.sources import find_changes, row_parts

__all__ = ["MapStream", "PayloadWriter", "mapped_report"]

_PROGRESS_ROWS = 250


class MapStream:
    """What becomes of every row of a source, chunk by chunk. Iterate it once.

    `report` tells the totals of the chunks so far; what was mapped is `not_sent`.
    """

    def __init__(self, work: Work, workers: Workers | None = None) -> None:
        """Begin with the mapping and source of `work`; without `workers`, this process alone maps."""
        self.tally = Tally()
        self._work, self._workers = work, workers
        self._report = Report()
        self._began = time.monotonic()

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks in the order of the rows.

        Raises:
            SourceError: the source can't be read any further; the chunks before that have been yielded.
            StoppedEarly: a worker process died, and died again over the same rows; or the temporary file for
                the keys of very many rows can't be used.
        """
        work, watch = self._work, self._work.source.watch
        if watch is not None:
            watch.begin()
        try:
            with DuplicateFilter(work) as keys:
                for mapped, row_at in self._mapped():
                    chunk = keys.filter_chunk(mapped, row_at)
                    self.tally.add(chunk)
                    work.mapper.add_matched_patterns(chunk.patterns)
                    yield chunk
            changed = find_changes(watch)
        except SourceError as error:
            changed = find_changes(watch, error)
        self._report = replace(self.report(), source_changed=changed)

    def with_progress(self, on_progress: Callable[[Report], object]) -> Iterator[Chunk]:
        """Yield the chunks, and pass the totals to `on_progress` every few hundred rows."""
        told = 0
        for chunk in self:
            yield chunk
            if self.tally.read - told >= _PROGRESS_ROWS:
                told = self.tally.read
                on_progress(self.report())

    def _mapped(self) -> Iterator[tuple[Chunk, RowAt]]:
        if self._workers is not None and self._workers.count > 1:
            yield from map_in_processes(self._work, self._workers)
            return
        map_chunk = self._work.mapper.map_chunk
        for part in row_parts(self._work.source.rows(), CHUNK_ROWS):
            yield map_chunk(part.content), part.content.__getitem__

    def report(self) -> Report:
        """Return the totals so far."""
        changed = self._report.source_changed
        return replace(mapped_report(self.tally, self._began), source_changed=changed)


class PayloadWriter:
    """Writes the request bodies that `submit` would send, a line each. Use it as a context.

    Attributes:
        requests: how many were written.
    """

    def __init__(self, work: Work, file: IO[bytes]) -> None:
        from opusmap.opus import BATCH_SIZE, encode_values  # noqa: PLC0415 - few need it

        self.requests = 0
        self._size, self._encode, self._file = BATCH_SIZE, encode_values, file
        self._spec, self._connection = work.mapper.spec, work.mapper.connection.id
        self._pending = list[Any]()

    def write(self, chunk: Chunk) -> None:
        """Write the bodies that are full with a chunk's records."""
        self._pending += map(msgspec.Raw, chunk.lines.splitlines())
        size = self._size
        whole = len(self._pending) // size * size
        for start in range(0, whole, size):
            self._write(self._pending[start : start + size])
        del self._pending[:whole]

    def _write(self, values: list[Any]) -> None:
        self.requests += 1
        conflict, key = self._spec.conflict, self._spec.target.conflict_key
        body = self._encode(values, connection_id=self._connection, conflict=conflict, conflict_key=key)
        self._file.write(body + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write the last body, also where the source broke off: its records were read."""
        if self._pending:
            self._write(self._pending)
            self._pending = []


def mapped_report(tally: Tally, began: float) -> Report:
    """Return the report of a run that sent nothing, begun at this time of the monotonic clock."""
    return Report(
        read=tally.read,
        mapped=tally.mapped,
        filtered=tally.filtered,
        rejected=tally.rejected,
        not_sent=tally.mapped,
        seconds=round(time.monotonic() - began, 3),
        reasons=tally.reasons(),
        notes=tally.notes(),
        replaced=tally.replaced(),
    )
