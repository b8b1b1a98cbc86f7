"""The road: source -> mapper -> batches -> submit -> journal -> report.

Owns putting the layers together: running rows through a mapping, sending the records, counting. The
command line and the library call the same functions.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from opusmap.compiler import Mapper
from opusmap.connection import ColumnType
from opusmap.converters.dates import time_zone
from opusmap.errors import OpusmapError, SourceError, StoppedEarly
from opusmap.issues import Issue
from opusmap.journal.last_run import LastRun
from opusmap.output_files import File
from opusmap.profile import FarDates
from opusmap.records import Mapped, Record, Reject
from opusmap.report import (
    Evidence,
    Forecast,
    Forecaster,
    Pace,
    ProfilingSource,
    Report,
    Tally,
    Timeline,
    gather_evidence,
)
from opusmap.run.duplicates import DuplicateFilter
from opusmap.run.map import MapStream, mapped_report
from opusmap.run.open import Work
from opusmap.run.parallel import Workers
from opusmap.sources import FileChange, find_changes, from_iterable

if TYPE_CHECKING:
    import httpx

    from opusmap.delivery import SubmitTotals
    from opusmap.journal import Journal, Run
    from opusmap.settings import Settings

__all__ = [
    "MaxErrors",
    "SubmitOptions",
    "rehearse_source",
    "submit",
    "submit_source",
    "submit_source_async",
]


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
_LOG = logging.getLogger("opusmap.run")


def rehearse_source(
    work: Work,
    *,
    on_progress: Callable[[Report], object] = lambda _report: None,
    pace: Pace | None = None,
    workers: Workers | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> tuple[Report, Forecast]:
    """Run every row through the mapping, offline, and foresee what sending them would meet.

    `pace` is what an earlier run reached, for the time that it takes; `workers` are as for `MapStream`.
    `clock` tells the time, with a zone: dates after today are noted, as today is where times are written.
    """
    watched = ProfilingSource(work.source, work.mapper.spec.source.empty)
    forecaster = Forecaster(work.mapper, _far_dates(work.mapper, clock()))
    stream = MapStream(Work(work.mapper, watched), workers)
    for chunk in stream.with_progress(on_progress):
        forecaster.add(chunk)
    return stream.report(), forecaster.forecast(watched, pace)


def _far_dates(mapper: Mapper, now: datetime) -> FarDates:
    target, columns = mapper.spec.target, mapper.plan.columns
    dated = [one.column.internal_name for one in columns if one.column.type is ColumnType.DATE_TIME]
    today = now.astimezone(time_zone(target.timezone)).date()
    return FarDates(tuple(dated), target.datetime_format, today)


def _mapped(
    work: Work,
    tally: Tally,
    limit: int | None = None,
    only: frozenset[str] | None = None,
    *,
    keep_rows: bool = False,
) -> Iterator[Mapped]:
    """Yield what becomes of each row, counted, each rowKey once; of `only` these row keys, if given."""
    rows = _each_key_once(work, keep_rows=keep_rows)
    if only is not None:
        rows = (one for one in rows if isinstance(one, Record) and one.key in only)
    for mapped in tally.count(rows):
        yield mapped
        if limit is not None and tally.mapped >= limit:
            return


def _each_key_once(work: Work, *, keep_rows: bool) -> Iterator[Mapped]:
    """Map rows; of several with the same rowKey all but one are rejects, for Opus would hold only one.

    With `keep_rows`, a record holds the row that it was made of, as long as the record itself is needed.
    """
    with DuplicateFilter(work) as watch:
        for row in work.source.rows():
            mapped = row if isinstance(row, Reject) else work.mapper.map_row(row.values, row.number)
            if isinstance(mapped, Record):
                mapped = watch.filter(mapped, row.values)
                if keep_rows and isinstance(mapped, Record):
                    mapped = Record(
                        mapped.row, mapped.key, mapped.values, mapped.notes, row.values, mapped.replaced
                    )
            yield mapped


def _refused(record: Record, reason: str) -> Reject:
    """Return a record that Opus refused as the reject of its row, for a person to correct."""
    problem = Issue("refused-by-opus", f"Opus refused the record: {reason}", "")
    return Reject(record.row, record.key, (problem,), record.source or {})


@dataclass
class _Sending:
    """What a submission has come to so far."""

    tally: Tally
    began: float
    run: int | None = None
    sent: SubmitTotals | None = None
    broken: OpusmapError | None = None
    changed: tuple[FileChange, ...] | None = None
    journal_note: str = ""

    def check(self) -> None:
        """End the input where telling of a failed record has failed."""
        if self.broken is not None:
            raise self.broken

    def report(self) -> Report:
        report = _report(self.tally, self.began, self.sent, self.run)
        return replace(report, journal_note=self.journal_note) if self.journal_note else report

    def note(self, sentence: str, tell: Callable[[str], object]) -> None:
        """Keep what is odd about the journal, and tell it."""
        self.journal_note = f"{self.journal_note}. {sentence}" if self.journal_note else sentence
        tell(sentence)


def _tell_failed(sending: _Sending, tell: Callable[[Reject], object], record: Record, reason: str) -> None:
    """Tell of a record that Opus refused. If that fails, the input ends: what Opus said is journalled."""
    try:
        tell(_refused(record, reason))
    except OpusmapError as error:
        sending.broken = sending.broken or error


def _end(sending: _Sending, on_end: Callable[[], Iterable[File]]) -> Iterable[File]:
    """Return the files that a run wrote; one that can't be written whole is why the run stopped."""
    try:
        return on_end()
    except OpusmapError as error:
        sending.broken = sending.broken or error
        return ()


class SubmitOptions(TypedDict, total=False):
    """How to submit; see `submit_source_async`."""

    transport: httpx.AsyncBaseTransport | None
    concurrency: int
    limit: int | None
    full: bool
    only: frozenset[str] | None
    max_errors: MaxErrors | None
    on_reject: Callable[[Reject], object]
    on_failed: Callable[[Reject], object] | None
    on_progress: Callable[[Report], object]
    on_start: Callable[[Callable[[], None]], object]
    on_run: Callable[[int], object]
    on_note: Callable[[str], object]
    on_end: Callable[[], Iterable[File]]


def submit_source(work: Work, settings: Settings, **options: Unpack[SubmitOptions]) -> Report:
    """Run `submit_source_async` in an event loop of its own."""
    return asyncio.run(submit_source_async(work, settings, **options))


async def submit_source_async(
    work: Work,
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    concurrency: int = 8,
    limit: int | None = None,
    full: bool = False,
    only: frozenset[str] | None = None,
    max_errors: MaxErrors | None = None,
    on_reject: Callable[[Reject], object] = lambda _reject: None,
    on_failed: Callable[[Reject], object] | None = None,
    on_progress: Callable[[Report], object] = lambda _report: None,
    on_start: Callable[[Callable[[], None]], object] = lambda _stop: None,
    on_run: Callable[[int], object] = lambda _number: None,
    on_note: Callable[[str], object] = _LOG.warning,
    on_end: Callable[[], Iterable[File]] = tuple,
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
        only: the row keys to send; other rows are not looked at.
        max_errors: when to stop early.
        on_reject: told of each reject, in order.
        on_failed: told of each record that Opus refused, as the reject of its row; rows are at hand for
            that only while their records are under way.
        on_progress: told of the totals now and then.
        on_start: given a function that stops the run gracefully; any thread or signal handler may call it.
        on_run: told the run's number in the journal before its first row; not told where none is kept.
        on_note: told in a sentence what is odd about the journal (it is older than the mapping's last run,
            say), before any record counts as unchanged. The report's `journal_note` holds it as well.
        on_end: called after the last row; returns the files that were written, for the run's evidence.

    Raises:
        JournalError: the journal can't be opened or written.
        SettingsError, SignInError: the certificate can't be used, or is out of its time.
    """
    from opusmap.delivery import ResumePolicy, RetryPolicy, submit_records  # noqa: PLC0415 - as above
    from opusmap.journal import Journal  # noqa: PLC0415 - `map` and `check` do without
    from opusmap.opus.client import OpusClient  # noqa: PLC0415 - httpx is slow to load

    spec, watch = work.mapper.spec, work.source.watch
    sending, timeline = _Sending(Tally(), time.monotonic()), Timeline()
    stop, loop = asyncio.Event(), asyncio.get_running_loop()

    def records() -> Iterator[Record]:
        try:
            for mapped in _mapped(work, sending.tally, limit, only, keep_rows=on_failed is not None):
                sending.check()
                if isinstance(mapped, Record):
                    yield mapped
                elif isinstance(mapped, Reject):
                    on_reject(mapped)
                    _check_errors(sending, max_errors)
            sending.changed = find_changes(watch)  # what is changed after the last row was read does no harm
        except SourceError as error:
            find_changes(watch, error)

    def halt() -> None:
        loop.call_soon_threadsafe(stop.set)

    def progress(sent: SubmitTotals) -> None:
        sending.sent = sent
        timeline.note_records(sent.submitted + sent.failed + sent.uncertain)
        on_progress(sending.report())

    client = OpusClient(settings, transport=transport)  # a certificate that can't serve is told first
    with Journal.open(settings.journal) as journal:
        run, last_run = _start_run(journal, work, settings, sending, on_note)
        evidence = _keep_first_evidence(journal, run, work, settings, sending)
        if not journal.in_memory:
            on_run(run.id)
        async with client:
            on_start(halt)
            sending.sent = await submit_records(
                records(),
                client=client,
                journal=journal,
                run=run,
                conflict=spec.conflict,
                conflict_key=spec.target.conflict_key,
                concurrency=concurrency,
                resume=ResumePolicy(settings.fence, resend=full),
                retries=RetryPolicy(settings.patience),
                trust_status=settings.trust_status,
                on_progress=progress,
                on_failed=None if on_failed is None else partial(_tell_failed, sending, on_failed),
                on_reply=lambda reply, attempt: timeline.note_request(reply.seconds, again=attempt > 1),
                stop=stop,
            )
        files = _end(sending, on_end)
        changed = find_changes(watch) if sending.changed is None else sending.changed
        report = replace(
            sending.report(), stopped=sending.sent.stopped or sending.broken, source_changed=changed
        )
        ending = "done" if report.stopped is None else str(report.stopped).partition("\n")[0]
        journal.keep_evidence(run, evidence.completed(report, timeline, files).as_json())
        run = journal.finish_run(run, ending=ending, counts=report.counts())
        if last_run is not None and (odd := last_run.note_end(journal.identity(), run)):
            sending.note(odd, on_note)
            report = replace(report, journal_note=sending.journal_note)
            note = replace(evidence.completed(report, timeline, files), journal_note=sending.journal_note)
            journal.keep_evidence(run, note.as_json())
    return report


def _keep_first_evidence(
    journal: Journal, run: Run, work: Work, settings: Settings, sending: _Sending
) -> Evidence:
    """Keep what is known of a run before its first row: a run that is killed has a report, too."""
    evidence = Evidence() if journal.in_memory else gather_evidence(work.mapper, work.source)
    evidence = replace(evidence, trust_status=settings.trust_status, journal_note=sending.journal_note)
    journal.keep_evidence(run, evidence.as_json())
    return evidence


def _start_run(
    journal: Journal, work: Work, settings: Settings, sending: _Sending, on_note: Callable[[str], object]
) -> tuple[Run, LastRun | None]:
    """Begin a run; tell first if its journal is another or older than the mapping's last run says."""
    if work.source.watch is not None:
        work.source.watch.begin()
    spec, connection = work.mapper.spec, work.mapper.connection.id
    last_run = None if journal.in_memory else LastRun(spec.path)
    doubt = ""
    if last_run is not None:
        doubt = last_run.find_doubt(journal, str(settings.journal), settings.base_url, connection)
    run = journal.start_run(
        origin=settings.base_url, connection=connection, mapping=spec.path, distrust=bool(doubt)
    )
    sending.run = run.id
    if doubt:
        sending.note(doubt, on_note)
    if last_run is not None and (problem := last_run.note_start(journal.identity(), run)):
        sending.note(problem, on_note)
        return run, None  # the end can't be noted, either, and once is enough to be told
    return run, last_run


def _check_errors(sending: _Sending, max_errors: MaxErrors | None) -> None:
    if max_errors is None:
        return
    failed = 0 if sending.sent is None else sending.sent.failed
    if max_errors.exceeded(sending.tally.rejected + failed, sending.tally.read):
        count = sending.tally.rejected + failed
        raise StoppedEarly(
            f"stopped after {count} rejected or failed of {sending.tally.read} rows (--max-errors)",
            "look at the rejects, correct the source or the mapping, and run the same command again",
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
    report = replace(mapped_report(tally, began), run=run)
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
        concurrency=sent.concurrency,
        trusted=sent.trusted,
        waiting=sent.waiting,
    )
