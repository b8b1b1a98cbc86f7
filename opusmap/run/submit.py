"""Submitting: a source's rows on one stream to Opus, what became of them on another one back.

    source -> chunks of records and rejects -> batches -> requests -> durable results -> report

Owns putting the two streams together, and what looks at them: rejects, the timeline, limits, the journal's
notes and evidence. The command line and the library call the same functions.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from opusmap.compiler import Mapper
from opusmap.delivery import (
    Attempt,
    DeliveryOptions,
    Event,
    Outlook,
    RecordResult,
    ResumePolicy,
    RetryPolicy,
    SubmitTotals,
    deliver,
)
from opusmap.errors import OpusmapError, StoppedEarly
from opusmap.issues import Issue
from opusmap.journal import Journal, Run, open_journal
from opusmap.journal.last_run import LastRun
from opusmap.opus import EncodedRecord
from opusmap.output_files import File
from opusmap.records import Chunk, Reject
from opusmap.report import GONE_KEYS, Evidence, Gone, Report, Timeline, gather_evidence
from opusmap.report.later_rows import RetriedRows, find_earlier_records, find_retried_rows
from opusmap.run.checkpoints import Checkpoints
from opusmap.run.gone import count_unreadable, find_absent, find_from_rejects, has_all_rows
from opusmap.run.map import MapStream
from opusmap.run.open import Work, open_rows
from opusmap.run.parallel import Workers
from opusmap.run.sent_keys import SentKeys
from opusmap.run.tombstones import Tombstones
from opusmap.sources import ArrowStream

if TYPE_CHECKING:
    import httpx

    from opusmap.settings import Settings

_T = TypeVar("_T")
_OLDER_HASH = (
    "an older version of opusmap wrote the journal {}, and its notes on accepted records can't be "
    "compared with what is sent now: each one is sent again, once"
)
_SELDOM = 0.1
"""Seconds between two reports, at least."""
_SHARE_FROM = 100


@dataclass(frozen=True, slots=True)
class MaxErrors:
    """When a run stops early: more than `count` rejected or failed rows, or more than `share` of them.

    The share is looked at from the hundredth row on.
    """

    count: int | None = None
    share: float | None = None

    def exceeded(self, errors: int, read: int) -> bool:
        """Return whether there are too many errors among the rows read so far."""
        if self.count is not None and errors > self.count:
            return True
        return self.share is not None and read >= _SHARE_FROM and errors > self.share * read


class RejectSink(Protocol):
    """Takes a run's rejects, such as a `RejectWriter`."""

    def belong_to(self, run: int) -> None:
        """Learn the run's number in the journal, before its first row."""

    def write(self, reject: Reject) -> None:
        """Take a reject: a row that gave no record, or the row of a record that Opus refused."""

    def close(self) -> Iterable[File]:
        """End; return the files that were written, for the run's evidence."""


@dataclass(frozen=True, slots=True)
class SubmitOptions:
    """How to submit.

    Attributes:
        transport: what carries requests instead of the network (an emulator in this process).
        concurrency: requests in flight at most.
        limit: records at most; the source is read no further.
        resend: send records, too, that Opus holds already as they are.
        only: the row keys to send; other rows are not looked at.
        max_errors: when to stop early.
        workers: processes that map; this one does without them.
    """

    transport: httpx.AsyncBaseTransport | None = None
    concurrency: int = 8
    limit: int | None = None
    resend: bool = False
    only: frozenset[str] | None = None
    max_errors: MaxErrors | None = None
    workers: Workers | None = None


def submit(
    mapper: Mapper,
    rows: Iterable[Mapping[str, Any]] | ArrowStream,
    settings: Settings,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    concurrency: int = 8,
    rejects: RejectSink | None = None,
) -> Report:
    """Map rows and send their records, in one call.

    Args:
        mapper: from `load_mapping`.
        rows: any iterable of mappings, column name to value; or a table that Arrow can read, such as a data
            frame of polars or pandas, which is read batch by batch (the extra `parquet`).
        settings: from `load_settings`.
        transport: what carries requests instead of the network.
        concurrency: requests in flight at most.
        rejects: takes each row that gave no record, or whose record Opus refused.

    Raises:
        InvalidMapping: the mapping names columns that the table does not have.
        OpusmapError: why the run ended early, if it did; the same call goes on.
    """
    work = open_rows(mapper, rows)
    options = SubmitOptions(transport=transport, concurrency=concurrency)
    report = submit_source(work, settings, options, rejects)
    if report.stopped is not None:
        raise report.stopped
    return report


def submit_source(
    work: Work,
    settings: Settings,
    options: SubmitOptions | None = None,
    rejects: RejectSink | None = None,
) -> Report:
    """Read `submit_stream` to its end, in a new event loop, and return the last report."""

    async def read() -> Report:
        report = Report()
        async for report in submit_stream(work, settings, options or SubmitOptions(), rejects):  # noqa: B007
            pass
        return report

    return asyncio.run(read())


async def submit_stream(
    work: Work,
    settings: Settings,
    options: SubmitOptions,
    rejects: RejectSink | None = None,
    stop: asyncio.Event | None = None,
) -> AsyncIterator[Report]:
    """Map every row and send its record; yield the totals now and then, and what became of each row at last.

    A report's `run` is the number in the journal, `journal_note` a warning about the journal (it is older
    than the mapping's last run, say), before any record counts as unchanged. The last report's `stopped` is
    why the run ended early, if it did; rows that were not read by then are not counted as read.

    Args:
        work: the mapping and its source.
        settings: where Opus is, how to sign in, where the journal is (`:memory:` for none).
        options: how to submit.
        rejects: takes each reject. If it fails, the run ends: what Opus said is in the journal.
        stop: set it to stop the run gracefully.

    Raises:
        JournalError: the journal can't be opened or written.
        SettingsError, SignInError: the certificate can't be used, or is out of its time.
    """
    from opusmap.opus.client import OpusClient  # noqa: PLC0415 - httpx is slow to load

    client = OpusClient(settings, transport=options.transport)  # a bad certificate is reported first
    with open_journal(settings.journal) as journal:
        connection = work.mapper.connection.id
        await or_stopped(journal.wait_to_write(origin=settings.base_url, connection=connection), stop)
        run = _Run(work, settings, options, rejects, journal)
        yield run.report()
        async with client:
            events = deliver(
                run.records(),
                client,
                journal,
                run.begun,
                DeliveryOptions(
                    conflict=work.mapper.spec.conflict,
                    conflict_key=work.mapper.spec.target.conflict_key,
                    concurrency=options.concurrency,
                    resume=ResumePolicy(settings.late_effect_window, resend=options.resend),
                    retries=RetryPolicy(settings.retry_timeout),
                    trust_status=settings.trust_status,
                ),
                stop=stop,
            )
            told = time.monotonic()
            async with aclosing(events):  # type: ignore[type-var]
                async for event in events:
                    run.add(event)
                    if isinstance(event, Outlook) or time.monotonic() - told >= _SELDOM:
                        yield run.report()
                        told = time.monotonic()
        yield run.end()


async def or_stopped(wait: Awaitable[_T], stop: asyncio.Event | None) -> _T:
    """Return what comes of waiting.

    Raises:
        StoppedEarly: the run was stopped before.
    """
    waiting = asyncio.ensure_future(wait)
    stopping = asyncio.ensure_future((stop or asyncio.Event()).wait())
    try:
        await asyncio.wait((waiting, stopping), return_when=asyncio.FIRST_COMPLETED)
        if waiting.done():
            return waiting.result()
        raise StoppedEarly("the run was stopped")
    finally:
        for each in (waiting, stopping):
            each.cancel()
        await asyncio.gather(waiting, stopping, return_exceptions=True)


class _Run:
    """A run: what looks at its two streams, and what it leaves in the journal."""

    def __init__(
        self,
        work: Work,
        settings: Settings,
        options: SubmitOptions,
        rejects: RejectSink | None,
        journal: Journal,
    ) -> None:
        self._work, self._options, self._rejects, self._journal = work, options, rejects, journal
        tombstones = Tombstones(journal, settings.base_url, work.mapper.connection.id)
        sent = SentKeys(work, journal, settings.base_url)
        self._stream = MapStream(
            work,
            options.workers,
            limit=options.limit,
            only=options.only,
            too_many=self._too_many,
            reject_more=[each.filter for each in (tombstones, sent) if each],
            keep_keys=self._can_tell_gone(settings),
        )
        self._unreadable = self._rejected_in_opus = self._rejected_deleted = 0
        self._retried_keys = set[str]()  # of the records of rejected rows that a retry sent
        self._totals, self._timeline, self._outlook = SubmitTotals(), Timeline(), Outlook(0)
        self._failure: OpusmapError | None = None  # of what takes the rejects
        # A rehearsal, and a run over a part of the rows, confirm nothing.
        confirms = not journal.in_memory and options.only is None
        self._checkpoints = Checkpoints(work.source if confirms else None)
        self._note = ""
        self._last_run = None if journal.in_memory else LastRun(work.mapper.spec.path)
        self.begun = self._begin(settings)
        # What is known before the first row: a run that is killed has a report, too.
        evidence = Evidence() if journal.in_memory else gather_evidence(work.mapper, work.source)
        self._evidence = replace(
            evidence,
            trust_status=settings.trust_status,
            journal_note=self._note,
            retried=None if options.only is None else len(options.only),
            rows_of=sent.rows_of,
        )
        journal.keep_evidence(self.begun, self._evidence.as_json())
        # Before the first request, for it may read all records of earlier runs.
        self._retried = (
            RetriedRows() if journal.in_memory else find_retried_rows(journal, self.begun, self._evidence)
        )
        if rejects is not None and not journal.in_memory:
            rejects.belong_to(self.begun.id)

    def _begin(self, settings: Settings) -> Run:
        """Begin the run; note first if its journal is another or older than the mapping's last run says."""
        if self._work.source.watch is not None:
            self._work.source.watch.begin()
        journal, connection = self._journal, self._work.mapper.connection.id
        doubt = ""
        if self._last_run is not None:
            doubt = self._last_run.explain_distrust(
                journal, str(settings.journal), settings.base_url, connection
            )
        run = journal.start_run(
            origin=settings.base_url,
            connection=connection,
            mapping=self._work.mapper.spec.path,
            distrust=bool(doubt),
        )
        self._note_journal(doubt or (_OLDER_HASH.format(settings.journal) if run.older_hash else ""))
        if self._last_run is not None and (problem := self._last_run.note_start(journal.identity(), run)):
            self._note_journal(problem)
            self._last_run = None  # the end can't be noted either, and one report is enough
        return run

    def _note_journal(self, sentence: str) -> None:
        self._note = f"{self._note}. {sentence}" if self._note and sentence else self._note or sentence

    async def records(self) -> AsyncIterator[EncodedRecord]:
        """Yield the records as they are sent, and hand the rejects on.

        Raises:
            OpusmapError: the source can't be read any further, there are too many errors, or a reject can't
                be written.
        """
        async for chunk, row_at in self._stream.with_rows():
            self._unreadable += count_unreadable(chunk)
            self._count_retried(chunk)
            for reject in chunk.rejects():
                if self._rejects is not None:
                    self._rejects.write(reject)
                self._checkpoints.hold(reject.row)
            places = chunk.places() if chunk.others else range(len(chunk.keys))
            placed = zip(chunk.numbers, chunk.keys, chunk.records(), places, strict=True)
            for number, key, encoded, place in placed:
                if self._failure is not None:
                    raise self._failure
                self._checkpoints.begin(number)
                yield EncodedRecord(number, key, encoded, partial(row_at, place))
            tally = self._stream.tally
            self._checkpoints.note_read(tally.read)
            if self._too_many(tally.rejected, tally.read):
                count = tally.rejected + self._totals.failed
                raise StoppedEarly(
                    f"stopped after {count} rejected or failed of {tally.read} rows (--max-errors)",
                    "check the rejects, correct the source or the mapping, and run the same command again",
                )

    def _count_retried(self, chunk: Chunk) -> None:
        """Count the rejected rows that have a record, and those that a person deleted from a rejects file."""
        rejected = {
            one.row: (one.key or "", {problem.code for problem in one.problems}) for one in chunk.rejects()
        }
        if rejected and not self._journal.in_memory:
            records = find_earlier_records(self._journal, self.begun, rejected, self._retried)
            self._rejected_in_opus += len(records)
            self._rejected_deleted += len((rejected.keys() & self._retried.deleted) - records.keys())
            self._retried_keys |= {records[row].key for row in records.keys() & self._retried.sent.keys()}

    def _too_many(self, rejected: int, read: int) -> bool:
        limit = self._options.max_errors
        return limit is not None and limit.exceeded(rejected + self._totals.failed, read)

    def add(self, event: Event) -> None:
        """Take in what became of a record, a request that has ended, or the current state."""
        match event:
            case RecordResult(record, fate, reason):
                if fate == "failed":
                    self._write_refused(record, reason)
                self._checkpoints.end(record.row, fate)
            case Attempt(seconds, again):
                self._timeline.note_request(seconds, again=again)
                self._note_records()
            case Outlook():
                self._outlook = event
        self._totals.add(event)

    def _note_records(self) -> None:
        sent = self._totals
        self._timeline.note_records(sent.submitted + sent.failed + sent.uncertain)

    def _write_refused(self, record: EncodedRecord, reason: str) -> None:
        """Hand on a record that Opus refused as the reject of its row, for a person to correct."""
        if self._rejects is None or self._failure is not None:
            return
        problem = Issue("refused-by-opus", f"Opus refused the record: {reason}", "")
        values = {} if record.source is None else record.source().values
        try:
            self._rejects.write(Reject(record.row, record.key, (problem,), values))
        except OpusmapError as error:
            self._failure = error

    def report(self) -> Report:
        """Return the totals so far."""
        report, sent = self._stream.report(), self._totals
        ended = sent.submitted + sent.failed + sent.uncertain + sent.unchanged
        return replace(
            report,
            run=self.begun.id,
            unchanged=sent.unchanged,
            submitted=sent.submitted,
            failed=sent.failed,
            uncertain=sent.uncertain,
            not_sent=report.mapped - ended,
            requests=sent.requests,
            retries=sent.retries,
            trusted=sent.trusted,
            concurrency=self._outlook.concurrency,
            waiting=self._outlook.waiting,
            journal_note=self._note,
            state=self._checkpoints.state(),
            rejected_in_opus=self._rejected_in_opus,
            rejected_deleted=self._rejected_deleted,
        )

    def end(self) -> Report:
        """Write down how the run ended; return its report."""
        files = self._close_rejects()
        if self._rejects is not None and self._failure is None:
            self._checkpoints.release()
        self._note_records()
        report = replace(
            self.report(),
            stopped=self._totals.stopped or self._failure,
            source_changed=self._stream.find_changes(),
        )
        report = replace(report, gone=self._find_gone(report))
        ending = "done" if report.stopped is None else str(report.stopped).partition("\n")[0]
        evidence = self._evidence.completed(report, self._timeline, files)
        self._journal.keep_evidence(self.begun, evidence.as_json())
        run = self._journal.finish_run(
            self.begun,
            ending=ending,
            counts=report.counts(),
            whole=self._options.limit is None and self._options.only is None,
        )
        if self._last_run is not None and (odd := self._last_run.note_end(self._journal.identity(), run)):
            self._note_journal(odd)
            report = replace(report, journal_note=self._note)
            note = replace(evidence, journal_note=self._note)
            self._journal.keep_evidence(run, note.as_json())
        return report

    def _can_tell_gone(self, settings: Settings) -> bool:
        """Return whether earlier runs may have sent records of which this one would read no row."""
        if self._options.limit is not None or self._options.only is not None:
            return False
        if self._journal.in_memory or not has_all_rows(self._work.source):
            return False
        return bool(self._journal.runs_of(settings.base_url, self._work.mapper.connection.id))

    def _find_gone(self, report: Report) -> Gone | None:
        """Return what was accepted earlier and is absent from the source, if known; keep the first."""
        met = self._stream.find_met()
        if met is None or report.stopped is not None:
            self._stream.close()
            return None
        absent = find_absent(self._journal, self.begun.origin, self.begun.connection, met)
        keys = tuple(islice(absent, GONE_KEYS))
        count = len(keys) + sum(1 for _ in absent)
        self._stream.close()
        self._journal.keep_gone(self.begun, keys)
        found = find_from_rejects(self._journal, self.begun, keys)
        corrected = tuple(key for key in keys if key in found)
        rekeyed = tuple(key for key in keys if key in self._retried_keys)
        return Gone(count, keys, self._unreadable, len(corrected), len(rekeyed), corrected, rekeyed)

    def _close_rejects(self) -> Iterable[File]:
        """Return the files that were written; one that can't be written whole is why the run stopped."""
        try:
            return () if self._rejects is None else self._rejects.close()
        except OpusmapError as error:
            self._failure = self._failure or error
            return ()
