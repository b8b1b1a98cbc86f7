"""The stream of a source's rows through its mapping: chunks, in order, each row key once. Nothing is sent.

Owns the road of a chunk: rows -> mapped -> duplicates rejected -> counted. What becomes of rows is the
mapper's business, in which process the `workers`'.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import IO, Any, Self, TypeAlias

from opusmap.compiler import Mapper
from opusmap.errors import SourceError
from opusmap.opus import BATCH_SIZE, encode_body
from opusmap.records import Chunk, Mapped, Reject
from opusmap.report import Report, Tally
from opusmap.run.duplicates import DuplicateFilter, RowAt
from opusmap.run.open import Work, open_rows
from opusmap.run.parallel import CHUNK_ROWS, Workers
from opusmap.run.total_row import advise_on_total
from opusmap.sources import ArrowStream, FileChange, Part, find_changes, row_parts
from opusmap.sources.batches import RowPart


def map_rows(mapper: Mapper, rows: Iterable[Mapping[str, Any]] | ArrowStream) -> Iterator[Mapped]:
    """Map rows and send nothing: yield what becomes of each, a `Record`, a `Reject` or a `Filtered`.

    Each row is examined separately: `submit` also rejects a row whose row key another one has.

    Args:
        mapper: from `load_mapping`.
        rows: any iterable of mappings, column name to value; or a table that Arrow can read, such as a data
            frame of polars or pandas, which is read batch by batch (the extra `parquet`).

    Raises:
        InvalidMapping: the mapping names columns that the table does not have.
        SourceError: the table can't be read.
    """
    work = open_rows(mapper, rows)
    return work.mapper.map_rows(work.source.rows())


class MapStream:
    """What becomes of every row of a source, chunk by chunk. Iterate it once.

    `report` tells the totals of the chunks so far; what was mapped is `not_sent`.
    """

    def __init__(
        self,
        work: Work,
        workers: Workers | None = None,
        *,
        limit: int | None = None,
        only: frozenset[str] | None = None,
        too_many: Callable[[int, int], bool] = lambda _rejected, _read: False,
        reject_more: Iterable[Callable[[Chunk, RowAt], Chunk]] = (),
        keep_keys: bool = False,
    ) -> None:
        """Begin with the mapping and source of `work`.

        Args:
            work: what is mapped.
            workers: processes that map; without them, and with only one, this process does.
            limit: records at most; the source is read no further.
            only: the row keys that count; other rows are passed over.
            too_many: tells by the numbers of rejected and of read rows, after each reject, whether to end.
            reject_more: each rejects records for what is known beyond the source.
            keep_keys: be able to tell which row keys the source has; `close` forgets them.
        """
        self.tally = Tally()
        self._work, self._workers = work, workers
        self._limit, self._only, self._too_many = limit, only, too_many
        self._reject_more = tuple(reject_more)
        self._is_over = self._is_whole = False
        self._keep_keys = keep_keys
        self._last: Reject | None = None  # the last row so far, if it is rejected
        self._keys: DuplicateFilter | None = None
        self._changed: tuple[FileChange, ...] | None = None
        self._began = time.monotonic()

    def __iter__(self) -> Iterator[Chunk]:
        """Yield the chunks in the order of the rows.

        Raises:
            SourceError: the source can't be read any further; the chunks before that have been yielded.
            StoppedEarly: a worker process died, and died again over the same rows; or the temporary file for
                the keys of very many rows can't be used.
        """
        with self._watched(), self._remembered() as keys:
            for mapped, row_at in self._mapped():
                yield self._counted(self._filtered(keys, mapped, row_at))
                if self._is_over:
                    return
            self._is_whole = True

    async def with_rows(self) -> AsyncIterator[_Found]:
        """Yield the chunks, each with what gives its rows, and leave the event loop free where others map.

        A second process maps as soon as mapping takes much of this one's time, unless `workers` say how many.

        Raises:
            SourceError, StoppedEarly: as iterating does.
        """
        with self._watched(), self._remembered() as keys:
            async for mapped, row_at in self._mapped_beside():
                yield self._counted(self._filtered(keys, mapped, row_at)), row_at
                if self._is_over:
                    return
            self._is_whole = True

    def find_met(self) -> Callable[[set[int]], set[int]] | None:
        """Return what tells which hashes of row keys (`hash`) are those of rows, whatever became of them.

        None unless the source was read to its end and the keys are kept. It can't know the keys of rows that
        `where` excludes, and of those rejected for their key.
        """
        return self._keys.find_met if self._keys is not None and self._is_whole else None

    def close(self) -> None:
        """Forget the row keys that were kept."""
        if self._keys is not None:
            self._keys.__exit__()
            self._keys = None

    @contextmanager
    def _remembered(self) -> Iterator[DuplicateFilter]:
        """Lend what knows the row keys so far."""
        if self._keep_keys:
            self._keys = DuplicateFilter(self._work)
            yield self._keys
        else:
            with DuplicateFilter(self._work) as keys:
                yield keys

    @contextmanager
    def _watched(self) -> Iterator[None]:
        """Look what changed in the source's files meanwhile; what changes after the last row does no harm."""
        watch = self._work.source.watch
        if watch is not None:
            watch.begin()
        try:
            yield
        except SourceError as error:
            find_changes(watch, error)
        self._changed = find_changes(watch)

    def find_changes(self) -> tuple[FileChange, ...]:
        """Return the files of the source that changed while it was read, so far or in all."""
        return find_changes(self._work.source.watch) if self._changed is None else self._changed

    def _filtered(self, keys: DuplicateFilter, mapped: Chunk, row_at: RowAt) -> Chunk:
        chunk = keys.filter(mapped, row_at)
        for reject_more in self._reject_more:
            chunk = reject_more(chunk, row_at)
        return chunk

    def _counted(self, chunk: Chunk) -> Chunk:
        """Return what counts of a chunk, counted."""
        if self._only is not None:
            chunk = chunk.only(self._only)
        if self._limit is not None and self.tally.mapped + len(chunk.keys) >= self._limit:
            chunk, self._is_over = chunk.first(self._limit - self.tally.mapped), True
        for rejected, (place, _) in enumerate(chunk.placed_rejects(), self.tally.rejected + 1):
            if self._too_many(rejected, self.tally.read + place + 1):
                chunk, self._is_over = chunk.before(place + 1), True
                break
        self.tally.add(chunk)
        place, last = chunk.others[-1] if chunk.others else (-1, None)
        if len(chunk):
            self._last = last if isinstance(last, Reject) and place == len(chunk) - 1 else None
        self._work.mapper.add_matched_patterns(chunk.patterns)
        return chunk

    def _mapped(self) -> Iterator[_Found]:
        if self._workers is None or self._workers.count == 1:
            yield from self._mapped_here(row_parts(self._work.source.rows(), CHUNK_ROWS))
            return
        parts = self._workers.map_parts(self._work)
        while parts.head() is not None:
            yield from parts.take()

    async def _mapped_beside(self) -> AsyncIterator[_Found]:
        workers, parts = self._workers, iter(self._work.source.parts())
        if workers is None or workers.count == 1:
            ready, load = None, _Load()
            for part in parts:
                for found in load.measured(self._mapped_here([part])):
                    yield found
                if ready is None and workers is not None and workers.as_needed and load.fills_the_core():
                    ready = workers.submit(self._work.mapper, RowPart([]))
                if ready is not None and ready.done() and ready.exception() is None:
                    break
            else:
                return
        assert workers is not None
        ahead = workers.map_parts(self._work, parts)
        while (head := ahead.head()) is not None:
            await asyncio.wait([asyncio.wrap_future(head.future)])
            for found in ahead.take():
                yield found

    def _mapped_here(self, parts: Iterable[Part]) -> Iterator[_Found]:
        for part in parts:
            rows = iter(part.rows())
            while content := list(islice(rows, CHUNK_ROWS)):
                yield self._work.mapper.map_chunk(content), content.__getitem__

    def report(self) -> Report:
        """Return the totals so far."""
        reasons, total_row = self.tally.reasons(), ""
        if self._is_whole and self._last is not None:
            where = self._work.mapper.spec.where
            reasons, total_row = advise_on_total(reasons, self._last, where)
        return Report(
            read=self.tally.read,
            mapped=self.tally.mapped,
            filtered=self.tally.filtered,
            rejected=self.tally.rejected,
            not_sent=self.tally.mapped,
            seconds=round(time.monotonic() - self._began, 3),
            reasons=reasons,
            notes=self.tally.notes(),
            replaced=self.tally.replaced(),
            total_row=total_row,
            source_changed=self._changed or (),
        )


class _Load:
    """How much of a process's time goes into mapping."""

    def __init__(self) -> None:
        self._mapping = 0.0
        self._began, self._worked = time.monotonic(), time.process_time()

    def measured(self, chunks: Iterator[_Found]) -> Iterator[_Found]:
        """Yield what comes, and count the time that it takes."""
        while True:
            began = time.perf_counter()
            found = next(chunks, None)
            self._mapping += time.perf_counter() - began
            if found is None:
                return
            yield found

    def fills_the_core(self) -> bool:
        """Return whether the process has nothing to spare, and would gain from another one that maps."""
        elapsed = time.monotonic() - self._began
        worked = time.process_time() - self._worked
        return elapsed >= _MEASURED and worked > _BUSY * elapsed and self._mapping > _WORTH_IT * elapsed


_Found: TypeAlias = tuple[Chunk, RowAt]
_MEASURED, _BUSY, _WORTH_IT = 1.0, 0.85, 0.15
"""Seconds to look, and the shares of them that a process is busy, and maps, where another one is a gain."""


class PayloadWriter:
    """Writes the request bodies that `submit` would send, a line each. Use it as a context.

    Attributes:
        requests: how many were written.
    """

    def __init__(self, work: Work, file: IO[bytes]) -> None:
        self.requests = 0
        self._file = file
        self._spec, self._connection = work.mapper.spec, work.mapper.connection.id
        self._pending = list[bytes]()

    def write(self, chunk: Chunk) -> None:
        """Write the bodies that are full with a chunk's records."""
        self._pending += chunk.records()
        whole = len(self._pending) // BATCH_SIZE * BATCH_SIZE
        for start in range(0, whole, BATCH_SIZE):
            self._write(self._pending[start : start + BATCH_SIZE])
        del self._pending[:whole]

    def _write(self, records: list[bytes]) -> None:
        self.requests += 1
        conflict, key = self._spec.conflict, self._spec.target.conflict_key
        body = encode_body(records, connection_id=self._connection, conflict=conflict, conflict_key=key)
        self._file.write(body + b"\n")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Write the last body, also where the source broke off: its records were read."""
        if self._pending:
            self._write(self._pending)
            self._pending = []
