"""Sending a staged run: its parts, one after the other, by this process and any others that share the run.

    part -> records -> batches -> requests -> durable results -> the part is done -> the next one that is free

Owns which parts this process sends and when one is done, and the totals over all processes. A process ends
when every part is done; while others have the last ones, it waits, for they may be gone.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import aclosing, suppress
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from opusmap.delivery import (
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
from opusmap.journal import Journal, Progress, Share, StagedParts, open_journal
from opusmap.opus import EncodedRecord
from opusmap.report import Evidence, Report, Shared, staged_evidence
from opusmap.run.submit import SubmitOptions, or_stopped
from opusmap.run.tombstones import refuse_destroyed

if TYPE_CHECKING:
    from opusmap.settings import Settings
    from opusmap.staging import StagedPart, StagedRun

_SELDOM = 0.1
"""Seconds between two reports, at least."""
_LOOK = 5.0
"""Seconds between two looks at how far the other processes are."""
_PAUSE = 1.0
"""Seconds between two looks while other processes have all parts that are left."""
_OPEN = ("submitted", "unchanged", "failed", "uncertain")


async def send_staged(
    staged: StagedRun, settings: Settings, options: SubmitOptions, stop: asyncio.Event | None = None
) -> AsyncIterator[Report]:
    """Send what is left of a staged run, with other processes; yield the whole run's totals now and then.

    A report's `shared` has the parts, of the processes, and what this one has counted. The last report's
    `stopped` is why this process ended before the run did, if so.

    Args:
        staged: the staged run.
        settings: where Opus is, how to sign in, where the journal is.
        options: how to send: `transport`, `concurrency`, and `resend`, which counts for all processes.
        stop: set it to stop this process gracefully: its parts are given back.

    Raises:
        SourceError: a record of it was destroyed (`destroyed-record`), or a part is not what it was.
        JournalError: the journal can't be used, another run of the connection is alive, or another process
            has taken over what this one was sending, because it did not answer.
        SettingsError, SignInError: the certificate can't be used, or is out of its time.
    """
    from opusmap.opus.client import OpusClient  # noqa: PLC0415 - httpx is slow to load

    stop = stop or asyncio.Event()
    client = OpusClient(settings, transport=options.transport)  # a bad certificate is reported first
    counts = staged.counts
    rows = {"read": counts.read, "mapped": counts.staged}
    rows |= {"filtered": counts.filtered, "rejected": counts.rejected}
    parts = StagedParts(staged.content_hash, len(staged.parts), rows)
    with open_journal(settings.journal) as journal:
        tombstones = tuple(journal.destructions(settings.base_url, staged.connection.id))
        await asyncio.to_thread(refuse_destroyed, staged, tombstones)
        share = await or_stopped(
            journal.share_run(
                origin=settings.base_url,
                connection=staged.connection.id,
                mapping=staged.rules.mapping.name,
                staged=parts,
                distrust=options.resend,
            ),
            stop,
        )
        if not journal.evidence(share.run):  # a run that is killed has a report, too
            evidence = staged_evidence(staged.evidence, staged.name)
            evidence = replace(evidence, trust_status=settings.trust_status)
            journal.keep_evidence(share.run, evidence.as_json())
        run = _SharedRun(staged, parts, share, journal, stop)
        async with client:
            delivery = DeliveryOptions(
                conflict=staged.spec.conflict,
                conflict_key=staged.spec.target.conflict_key,
                concurrency=options.concurrency,
                resume=ResumePolicy(settings.late_effect_window),
                retries=RetryPolicy(settings.retry_timeout),
                trust_status=settings.trust_status,
                shared=True,
            )
            yield await run.look()
            while await run.take_first():
                events = deliver(run.records(), client, journal, share.run, delivery, stop=stop)
                told = looked = time.monotonic()
                async with aclosing(events):  # type: ignore[type-var]
                    async for event in events:
                        run.add(event)
                        now = time.monotonic()
                        if run.has_ended_parts or now - looked >= _LOOK:
                            await run.finish_parts()
                            looked = time.monotonic()
                            yield run.report()
                        elif isinstance(event, Outlook) or now - told >= _SELDOM:
                            yield run.report()
                            told = now
                await run.finish_parts()
                yield run.report()
                if run.stopped:
                    break
        yield await run.end()


class _PartRecord(EncodedRecord, frozen=True, gc=False):
    """A record, and the number of the part that it is in."""

    part: int = 0


@dataclass(slots=True)
class _OpenPart:
    """A part that this process has: how many records it has, and what became of them."""

    records: int
    counts: Counter[str] = field(default_factory=Counter)

    @property
    def has_ended(self) -> bool:
        return sum(self.counts[name] for name in _OPEN) == self.records


class _SharedRun:
    """What this process does of a run, and what it knows of the others."""

    def __init__(
        self, staged: StagedRun, parts: StagedParts, share: Share, journal: Journal, stop: asyncio.Event
    ) -> None:
        self._staged, self._parts, self._share, self._journal = staged, parts, share, journal
        self._stop = stop
        self._open: dict[int, _OpenPart] = {}
        self._ended: list[int] = []
        self._first: int | None = None
        self._totals, self._outlook = SubmitTotals(), Outlook(0)
        self._progress: Progress | None = None
        self._seen = 0, 0  # requests and retries that the last look counted
        self._waiting = ""
        self._began = time.monotonic()

    @property
    def stopped(self) -> OpusmapError | None:
        return self._totals.stopped

    @property
    def has_ended_parts(self) -> bool:
        return bool(self._ended)

    async def look(self) -> Report:
        """Look how far the run has come."""
        sent = self._totals.requests, self._totals.retries
        self._share.note_requests(*sent)
        self._progress = await self._share.look()
        self._seen = sent
        return self.report()

    async def take_first(self) -> bool:
        """Take a part to begin with, waiting for one if others have all; False if there will be none."""
        while not self._stop.is_set():
            await self.look()
            assert self._progress is not None
            if self._progress.done == self._parts.parts:
                return False
            self._first = await self._share.take()
            if self._first is not None:
                self._waiting = ""
                return True
            self._waiting = "waiting for the parts of other processes"
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _PAUSE)
        self._totals.stopped = self._totals.stopped or StoppedEarly("the run was stopped")
        return False

    async def records(self) -> AsyncIterator[EncodedRecord]:
        """Yield the records of one part after the other, as long as one is free.

        Raises:
            SourceError: a part is not what the manifest says.
            JournalError: another process has taken over.
        """
        number, self._first = self._first, None
        while number is not None:
            part = self._staged.parts[number]
            self._open[number] = _OpenPart(part.records)
            if not part.records:
                self._ended.append(number)
            async for record in self._records(part, number):
                yield record
            number = None if self._stop.is_set() else await self._share.take()

    async def _records(self, part: StagedPart, number: int) -> AsyncIterator[EncodedRecord]:
        opened = self._staged.open_part(part)
        records = await asyncio.to_thread(opened.__enter__)  # it may be fetched from far away
        try:
            for one in records:
                yield _PartRecord(one.row or 0, one.key, one.body, None, number)
        finally:
            opened.__exit__(None, None, None)

    def add(self, event: Event) -> None:
        """Take in what became of a record, a request that has ended, or the current state."""
        self._totals.add(event)
        match event:
            case RecordResult(_PartRecord() as record, fate):
                part = self._open[record.part]
                part.counts[fate] += 1
                part.counts["trusted"] += event.trusted
                if fate in _OPEN and part.has_ended:
                    self._ended.append(record.part)
            case Outlook():
                self._outlook = event

    async def finish_parts(self) -> None:
        """Write which parts are done, and look how far the run has come."""
        while self._ended:
            number = self._ended[0]
            await self._share.finish(number, self._open[number].counts)
            del self._ended[0], self._open[number]
        await self.look()

    def report(self) -> Report:
        """Return the whole run's totals so far, as far as this process knows them."""
        progress, own = self._progress, self._totals
        assert progress is not None
        counts = Counter(progress.counts)
        for part in self._open.values():
            counts.update({name: part.counts[name] for name in (*_OPEN, "trusted")})
        counts["requests"] += own.requests - self._seen[0]
        counts["retries"] += own.retries - self._seen[1]
        whole: dict[str, Any] = {**self._parts.total(counts)}
        names = (*_OPEN, "requests", "retries")
        shared = Shared(
            progress.done,
            progress.taken,
            progress.free,
            progress.processes,
            {name: getattr(own, name) for name in names},
        )
        return replace(
            Report(**whole),
            run=self._share.run.id,
            seconds=round(time.monotonic() - self._began, 3),
            reasons=self._staged.manifest.reasons,
            replaced=self._staged.manifest.replaced,
            notes=self._staged.manifest.notes,
            stopped=own.stopped,
            concurrency=self._outlook.concurrency,
            waiting=self._waiting or self._outlook.waiting,
            shared=shared,
        )

    async def end(self) -> Report:
        """Give back what is not done, and return the last report."""
        ending = "done" if self.stopped is None else str(self.stopped).partition("\n")[0]
        left = {number: part.counts for number, part in self._open.items()}
        sent = self._totals.requests, self._totals.retries
        self._share.note_requests(*sent)
        self._progress, self._seen = await self._share.leave(ending, left), sent
        self._open.clear()
        run = self._progress.run
        if run.finished is not None:
            evidence = Evidence.read(self._journal.evidence(run))
            evidence = replace(evidence, seconds=round(run.finished - run.started, 3))
            self._journal.keep_evidence(run, evidence.as_json())
        return replace(self.report(), concurrency=0)
