"""The road: source -> mapper -> batches -> submit -> journal -> report.

Owns putting the layers together: opening a mapping with its source, running rows through it, sending
the records, counting. The command line and the library call the same functions.
"""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from opusmap.compiler import Mapper, compile_mapping, read_mapping
from opusmap.compiler.lint import SAMPLE_ROWS, lint
from opusmap.compiler.lock import find_drift, lock_path, read_lock
from opusmap.diagnostics import Diagnostic, quote_value
from opusmap.errors import InvalidMapping, SourceError, StoppedEarly
from opusmap.records import Mapped, Problem, Record, Reject
from opusmap.report import Report, Tally
from opusmap.sources import SUFFIXES, Source, from_iterable, open_source
from opusmap.spec import MappingSpec, load_spec, resolve_inside

if TYPE_CHECKING:
    import httpx

    from opusmap.converters import Registry
    from opusmap.emulator import Emulator
    from opusmap.settings import Settings
    from opusmap.submission import SubmitTotals

__all__ = [
    "MaxErrors",
    "Work",
    "check_lock",
    "embedded_opus",
    "find_warnings",
    "make_emulator",
    "map_source",
    "missing_source",
    "open_work",
    "submit",
    "submit_source",
    "write_payloads",
]


@dataclass(frozen=True, slots=True)
class Work:
    """A mapping and its source, opened: the mapper knows the source's columns. Close the source."""

    mapper: Mapper
    source: Source


@dataclass(frozen=True, slots=True)
class MaxErrors:
    """When a run stops early: more than `count` rejected or failed rows, or more than `share` of them.

    The share is looked at from the hundredth row on.
    """

    count: int | None = None
    share: float | None = None

    def exceeded(self, errors: int, read: int) -> bool:
        """Tell whether there are too many errors among the rows read so far."""
        if self.count is not None and errors > self.count:
            return True
        return self.share is not None and read >= _SHARE_FROM and errors > self.share * read


_SHARE_FROM = 100


def open_work(
    mapping: str | Path, source: str | Path | None = None, converters: Registry | None = None
) -> Work:
    """Open a mapping and its source (the mapping's own, unless another is named).

    `converters` are those that it may name; by default the built-in and the installed ones.

    Raises:
        InvalidMapping: the mapping has errors, or names columns that the source lacks.
        SourceError: the source can't be read, or none is named.
    """
    spec, connection = read_mapping(mapping)
    try:
        opened = _open_source(spec, source)
    except SourceError:
        compile_mapping(spec, connection, converters)  # a mapping with errors is told first
        raise
    try:
        columns = None if opened.columns is None else frozenset(opened.columns)
        mapper = compile_mapping(spec, connection, converters, columns)
        check_lock(mapper)
        return Work(mapper, opened)
    except BaseException:
        opened.close()
        raise


def find_warnings(work: Work) -> tuple[Diagnostic, ...]:
    """Return what is odd in a mapping, and in how it meets the first rows of its source.

    A source that can be read only once is not looked at.
    """
    sample = []
    if work.source.rereadable:
        rows = islice(work.source.rows(), SAMPLE_ROWS)
        sample = [row.values for row in rows if not isinstance(row, Reject)]
    return (*work.mapper.warnings, *lint(work.mapper.plan, sample))


def check_lock(mapper: Mapper) -> None:
    """Refuse a mapping in which an order or a column means something else than when it was locked.

    Raises:
        InvalidMapping: with the differences. A mapping without a lock passes.
    """
    lock = read_lock(lock_path(mapper.spec.path))
    drift = () if lock is None else find_drift(lock, mapper.plan)
    if drift:
        raise InvalidMapping((*drift, *mapper.warnings))


def missing_source(mapping: str | Path) -> str | None:
    """Return why a mapping's own source can't be looked at (a sentence), or None if it is there.

    Raises:
        InvalidMapping: the mapping can't be read.
    """
    path = load_spec(mapping).source.path
    if path is None:
        return "It names no source"
    found = resolve_inside(Path(mapping).parent, path)
    return (
        f"Its source {quote_value(path)} is not there" if found is not None and not found.exists() else None
    )


def _open_source(spec: MappingSpec, source: str | Path | None) -> Source:
    options = spec.source
    if source is None:
        if options.path is None:
            help_text = "name it on the command line, or as `source: {path: …}` in the mapping"
            raise SourceError(spec.path, "no-source", "no source is named", help=help_text)
        source = Path(spec.path).parent / options.path
        if resolve_inside(Path(spec.path).parent, options.path) is None:
            help_text = "a mapping reads only files beside or below itself; name others on the command line"
            message = f"{quote_value(options.path)} is not a file of the mapping's folder"
            raise SourceError(spec.path, "outside-folder", message, help=help_text)
    named = options.format
    if str(source) == "-" and named is None and options.path is not None:
        named = SUFFIXES.get(Path(options.path).suffix.lower())
    return open_source(
        source,
        format=named,
        encoding=options.encoding,
        delimiter=options.delimiter,
        quote=options.quote,
        header_row=options.header_row,
    )


def map_source(
    work: Work,
    *,
    on_record: Callable[[Record], object] = lambda _record: None,
    on_reject: Callable[[Reject], object] = lambda _reject: None,
    on_progress: Callable[[Report], object] = lambda _report: None,
    limit: int | None = None,
) -> Report:
    """Run every row through the mapping, offline; what was mapped is `not_sent`.

    Args:
        work: the mapping and its source.
        on_record: told of each record, in order.
        on_reject: told of each reject, in order.
        on_progress: told of the totals now and then.
        limit: records at most; the source is read no further.
    """
    began = time.monotonic()
    tally = Tally()
    for mapped in _mapped(work, tally, limit):
        if isinstance(mapped, Record):
            on_record(mapped)
        elif isinstance(mapped, Reject):
            on_reject(mapped)
        if tally.read % _PROGRESS_ROWS == 0:
            on_progress(_report(tally, began))
    return _report(tally, began)


_PROGRESS_ROWS = 500


def write_payloads(
    work: Work,
    file: IO[bytes],
    *,
    on_reject: Callable[[Reject], object] = lambda _reject: None,
    on_progress: Callable[[Report], object] = lambda _report: None,
) -> Report:
    """Write the request bodies that `submit` would send, a line each; `requests` counts them."""
    from opusmap.submission import encode_body, make_batches  # noqa: PLC0415 - `check` does without

    began, tally, requests = time.monotonic(), Tally(), 0

    def records() -> Iterator[Record]:
        for mapped in _mapped(work, tally):
            if isinstance(mapped, Record):
                yield mapped
            elif isinstance(mapped, Reject):
                on_reject(mapped)

    spec = work.mapper.spec
    for batch in make_batches(records()):
        body = encode_body(
            batch,
            connection_id=work.mapper.connection.id,
            conflict=spec.conflict,
            conflict_key=spec.target.conflict_key,
        )
        file.write(body + b"\n")
        requests += 1
        on_progress(_report(tally, began))
    return replace(_report(tally, began), requests=requests)


def _mapped(work: Work, tally: Tally, limit: int | None = None) -> Iterator[Mapped]:
    """Yield what becomes of each row, counted, each rowKey once."""
    for mapped in tally.count(_each_key_once(work)):
        yield mapped
        if limit is not None and tally.mapped >= limit:
            return


def _each_key_once(work: Work) -> Iterator[Mapped]:
    """Map rows; of several with the same rowKey all but one are rejects, for Opus would hold only one.

    Only the keys' 64-bit hashes are kept, so that millions of rows fit into memory.
    """
    last = _last_rows(work) if work.mapper.spec.duplicates == "last" else None
    seen: set[int] = set()
    for row in work.source.rows():
        mapped = row if isinstance(row, Reject) else work.mapper.map_row(row.values, row.number)
        if isinstance(mapped, Record):
            key = hash(mapped.key)
            if key in seen if last is None else last[key] != mapped.row:
                mapped = _duplicate(mapped, row.values, "an earlier" if last is None else "a later")
            elif last is None:
                seen.add(key)
        yield mapped


def _last_rows(work: Work) -> dict[int, int]:
    """Return the number of the last row that each rowKey has, by the key's hash."""
    if not work.source.rereadable:
        help_text = "name a file, or use `duplicates: first`"
        message = "`duplicates: last` reads the source twice, and this one can be read only once"
        raise SourceError(work.source.name, "read-once", message, help=help_text)
    mapped = work.mapper.map_rows(work.source.rows())
    return {hash(one.key): one.row for one in mapped if isinstance(one, Record)}


def _duplicate(record: Record, values: Mapping[str, Any], other: str) -> Reject:
    message = f"the row key {quote_value(record.key)} occurs in {other} row, too"
    problem = Problem("Row key", "duplicate-key", message, "make the keys unique in the source")
    return Reject(record.row, record.key, (problem,), values)


@dataclass
class _Sending:
    """What a submission has come to so far."""

    tally: Tally
    began: float
    run: int | None = None
    sent: SubmitTotals | None = None

    def report(self) -> Report:
        return _report(self.tally, self.began, self.sent, self.run)


def submit_source(
    work: Work,
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    concurrency: int = 8,
    limit: int | None = None,
    full: bool = False,
    max_errors: MaxErrors | None = None,
    on_reject: Callable[[Reject], object] = lambda _reject: None,
    on_progress: Callable[[Report], object] = lambda _report: None,
    on_start: Callable[[Callable[[], None]], object] = lambda _stop: None,
) -> Report:
    """Map every row and send its record; return what became of each.

    The report's `stopped` tells why the run ended early, if it did; rows that were not read by then
    are not counted as read.

    Args:
        work: the mapping and its source.
        settings: where Opus is, how to sign in, where the journal is (`:memory:` for none).
        transport: what carries requests instead of the network (an emulator in this process).
        concurrency: requests in flight at most.
        limit: records at most; the source is read no further.
        full: send records, too, that Opus holds already as they are.
        max_errors: when to stop early.
        on_reject: told of each reject, in order.
        on_progress: told of the totals now and then.
        on_start: given a function that stops the run gracefully; any thread or signal handler may call it.

    Raises:
        JournalError: the journal can't be opened or written.
    """
    return asyncio.run(
        _submit(
            work, settings, transport, concurrency, limit, full, max_errors, on_reject, on_progress, on_start
        )
    )


async def _submit(
    work: Work,
    settings: Settings,
    transport: httpx.AsyncBaseTransport | None,
    concurrency: int,
    limit: int | None,
    full: bool,  # noqa: FBT001 - one call, above
    max_errors: MaxErrors | None,
    on_reject: Callable[[Reject], object],
    on_progress: Callable[[Report], object],
    on_start: Callable[[Callable[[], None]], object],
) -> Report:
    from opusmap.journal import Journal  # noqa: PLC0415 - `map` and `check` do without
    from opusmap.submission import submit_records  # noqa: PLC0415 - as above
    from opusmap.submission.client import OpusClient  # noqa: PLC0415 - httpx is slow to load

    spec = work.mapper.spec
    sending = _Sending(Tally(), time.monotonic())
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def records() -> Iterator[Record]:
        for mapped in _mapped(work, sending.tally, limit):
            if isinstance(mapped, Record):
                yield mapped
            elif isinstance(mapped, Reject):
                on_reject(mapped)
                _check_errors(sending, max_errors)

    def halt() -> None:
        loop.call_soon_threadsafe(stop.set)

    def progress(sent: SubmitTotals) -> None:
        sending.sent = sent
        on_progress(sending.report())

    with Journal.open(settings.journal) as journal:
        run = journal.start_run(
            origin=settings.base_url, connection=work.mapper.connection.id, mapping=spec.path
        )
        sending.run = run.id
        async with OpusClient(settings, transport=transport) as client:
            on_start(halt)
            sending.sent = await submit_records(
                records(),
                client=client,
                journal=journal,
                run=run,
                conflict=spec.conflict,
                conflict_key=spec.target.conflict_key,
                concurrency=concurrency,
                full=full,
                on_progress=progress,
                stop=stop,
            )
        report = replace(sending.report(), stopped=sending.sent.stopped)
        ending = "done" if report.stopped is None else str(report.stopped).partition("\n")[0]
        journal.finish_run(run, ending=ending, counts=report.counts())
    return report


def _check_errors(sending: _Sending, max_errors: MaxErrors | None) -> None:
    if max_errors is None:
        return
    failed = 0 if sending.sent is None else sending.sent.failed
    if max_errors.exceeded(sending.tally.rejected + failed, sending.tally.read):
        count = sending.tally.rejected + failed
        raise StoppedEarly(
            f"stopped after {count} rejected or failed of {sending.tally.read} rows (--max-errors)",
            "look at the rejects, mend the source or the mapping, and run the same command again",
        )


def embedded_opus(mapper: Mapper) -> tuple[Emulator, Settings]:
    """Return an emulator of the mapping's connection, and the settings that reach it in this process.

    It judges what it is sent by the connection file and the mapping's options; the journal is thrown away.
    """
    from opusmap.emulator import Emulator  # noqa: PLC0415 - only rehearsals need it
    from opusmap.settings import Secret, Settings  # noqa: PLC0415

    secret = secrets.token_urlsafe(16)
    emulator = make_emulator(mapper, "rehearsal", secret)
    assert isinstance(emulator, Emulator)
    url = "http://127.0.0.1"
    settings = Settings(url, f"{url}/connect/token", "rehearsal", Secret(secret), Path(":memory:"))
    return emulator, settings


def make_emulator(mapper: Mapper, client_id: str, client_secret: str) -> Emulator:
    """Return an Opus with the mapping's connection that lets this client sign in."""
    from opusmap.emulator import Emulator, TargetFormat  # noqa: PLC0415 - only rehearsals need it

    target = mapper.spec.target
    return Emulator(
        mapper.connection,
        client_id=client_id,
        client_secret=client_secret,
        options={name: len(choices.options) for name, choices in mapper.plan.context.choices.items()},
        target=TargetFormat(
            datetime_format=target.datetime_format,
            choice_base=target.choice_base,
            choice_as=target.choice_as,
            list_as=target.list_as,
            empty=target.empty,
            conflict_key=target.conflict_key,
        ),
    )


def submit(
    mapper: Mapper,
    rows: Iterable[Mapping[str, Any]],
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    concurrency: int = 8,
    on_reject: Callable[[Reject], object] = lambda _reject: None,
) -> Report:
    """Map rows and send their records; the library's one call for the whole road.

    Args:
        mapper: from `load_mapping`.
        rows: any iterable of mappings, column name to value.
        settings: from `load_settings`.
        transport: what carries requests instead of the network.
        concurrency: requests in flight at most.
        on_reject: told of each reject, in order.

    Raises:
        OpusmapError: why the run ended early, if it did; the same call goes on.
    """
    work = Work(mapper, from_iterable(rows))
    report = submit_source(work, settings, transport=transport, concurrency=concurrency, on_reject=on_reject)
    if report.stopped is not None:
        raise report.stopped
    return report


def _report(tally: Tally, began: float, sent: SubmitTotals | None = None, run: int | None = None) -> Report:
    report = Report(
        read=tally.read,
        mapped=tally.mapped,
        filtered=tally.filtered,
        rejected=tally.rejected,
        not_sent=tally.mapped,
        run=run,
        seconds=round(time.monotonic() - began, 3),
        reasons=tally.reasons(),
        notes=tally.notes(),
    )
    if sent is None:
        return report
    ended = sent.submitted + sent.failed + sent.uncertain + sent.unchanged
    return replace(
        report,
        unchanged=sent.unchanged,
        submitted=sent.submitted,
        failed=sent.failed,
        uncertain=sent.uncertain,
        not_sent=tally.mapped - ended,
        requests=sent.requests,
        retries=sent.retries,
    )
