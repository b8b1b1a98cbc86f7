"""`map` and `check`: every row through the mapping, nothing sent; chunk by chunk, in one process or several.

Owns the road of a chunk: rows -> mapped -> each rowKey once -> counted -> written. What a chunk's rows
become is the mapper's business, in which process the `workers`'.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import IO, TYPE_CHECKING, Any

from opusmap.duplicates import KeyWatch, reject_repeated
from opusmap.errors import SourceError
from opusmap.mapped_parts import CHUNK_ROWS, MappedPart
from opusmap.records import Mapped, Record, RecordLines, Reject
from opusmap.report import Report, Tally
from opusmap.sources import Part, find_changes, row_parts, rows_at
from opusmap.work import Work
from opusmap.workers import Workers, map_in_processes

if TYPE_CHECKING:
    from opusmap.profile import FarDates

__all__ = ["map_source", "mapped_report", "write_payloads"]

_PROGRESS_ROWS = 250

Told = Callable[[Reject], object]


def map_source(
    work: Work,
    *,
    on_records: Callable[[Sequence[Record]], object] | None = None,
    on_reject: Told = lambda _reject: None,
    on_progress: Callable[[Report], object] = lambda _report: None,
    workers: Workers | None = None,
    encoded: bool = True,
    far: FarDates | None = None,
) -> Report:
    """Run every row through the mapping, offline; what was mapped is `not_sent`.

    Args:
        work: the mapping and its source.
        on_records: told of the records, some at a time, in order. With several workers they are JSON already
            (`RecordLines`) where they are to be `encoded`, else their values' names with None.
        on_reject: told of each reject, in order.
        on_progress: told of the totals now and then.
        workers: processes that map; this one alone by default.
        encoded: whether `on_records` encodes the values; it makes a difference to several workers only.
        far: dates that records have, too, where they are not encoded.

    Raises:
        SourceError: the source can't be read any further; what was read has been told of.
        StoppedEarly: a worker process died, and died again over the same rows; or the temporary file for the
            keys of very many rows can't be used.
    """
    began, tally, told = time.monotonic(), Tally(), 0
    encoded = encoded and on_records is not None
    watch = work.source.watch
    if watch is not None:
        watch.begin()
    try:
        for records in _map_chunks(work, tally, on_reject, workers, encoded=encoded, far=far):
            if on_records is not None and records:
                on_records(records)
            if tally.read - told >= _PROGRESS_ROWS:
                told = tally.read
                on_progress(mapped_report(tally, began))
        changed = find_changes(watch)
    except SourceError as error:
        changed = find_changes(watch, error)
    return replace(mapped_report(tally, began), source_changed=changed)


def write_payloads(
    work: Work,
    file: IO[bytes],
    *,
    on_reject: Told = lambda _reject: None,
    on_progress: Callable[[Report], object] = lambda _report: None,
    workers: Workers | None = None,
) -> Report:
    """Write the request bodies that `submit` would send, a line each; `requests` counts them."""
    from opusmap.submission import BATCH_SIZE, encode_values  # noqa: PLC0415 - `check` does without

    spec, connection = work.mapper.spec, work.mapper.connection.id
    requests, pending = 0, list[Any]()

    def write(records: Sequence[Record], least: int = BATCH_SIZE) -> None:
        nonlocal requests, pending
        pending += (
            records.raw() if isinstance(records, RecordLines) else [record.values for record in records]
        )
        start = 0
        while len(pending) - start >= least:
            requests += 1
            values = pending[start : start + BATCH_SIZE]
            conflict, key = spec.conflict, spec.target.conflict_key
            body = encode_values(values, connection_id=connection, conflict=conflict, conflict_key=key)
            file.write(body + b"\n")
            start += BATCH_SIZE
        pending = pending[start:]

    try:
        report = map_source(
            work, on_records=write, on_reject=on_reject, on_progress=on_progress, workers=workers
        )
    finally:
        if pending:
            write((), 1)
    return replace(report, requests=requests)


def _map_chunks(
    work: Work,
    tally: Tally,
    on_reject: Told,
    workers: Workers | None,
    *,
    encoded: bool,
    far: FarDates | None,
) -> Iterator[Sequence[Record]]:
    """Yield the records of each chunk; what else became of rows is counted and told."""
    with KeyWatch(work) as watch:
        if workers is not None and workers.count > 1:
            for part, found in map_in_processes(work, workers, encoded=encoded, far=far):
                judged = found if watch.all_new(found.keys) else _judge_part(watch, part, found)
                tally.count_part(judged)
                work.mapper.add_matched_patterns(found.patterns)
                _tell((one for _, one in judged.rest), on_reject)
                yield judged.records()
            return
        for chunk in row_parts(work.source.rows(), CHUNK_ROWS):
            mapped = work.mapper.map_chunk(chunk.content)
            records = [one for one in mapped if isinstance(one, Record)]
            if not watch.all_new([record.key for record in records]):
                mapped = [
                    watch.judge(one, row.values) if isinstance(one, Record) else one
                    for row, one in zip(chunk.content, mapped, strict=True)
                ]
                records = [one for one in mapped if isinstance(one, Record)]
            tally.count_chunk(mapped, records)
            if len(records) < len(mapped):
                _tell(mapped, on_reject)
            yield records


def _judge_part(watch: KeyWatch, part: Part, found: MappedPart) -> MappedPart:
    """Judge the records of a part by their keys; return it with a reject for each that may not pass."""
    repeated = watch.find_repeated(found.numbers, found.keys)
    if not repeated:
        return found
    places = found.places()
    rows = rows_at(part, {places[place] for place in repeated})
    rejects = {
        place: reject_repeated(found.numbers[place], found.keys[place], rows[places[place]].values, other)
        for place, other in repeated.items()
    }
    return found.without(rejects)


def _tell(mapped: Iterable[Mapped], on_reject: Told) -> None:
    for one in mapped:
        if isinstance(one, Reject):
            on_reject(one)


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
