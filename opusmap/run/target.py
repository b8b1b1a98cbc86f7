"""Sending from its first record to its last: where records go, in words too, and a run in its own loop.

Owns what the commands and the studio share of it. Asking a person, and showing totals, is theirs.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from opusmap.report import Report
from opusmap.run.send_staged import send_staged
from opusmap.run.submit import RejectSink, SubmitOptions, submit_stream

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.emulator import FaultPlan, SeededFaults
    from opusmap.run.open import Work
    from opusmap.run.rehearsal import EmbeddedTransport
    from opusmap.settings import Settings
    from opusmap.staging import StagedRun


@dataclass(frozen=True)
class Target:
    """Where records go: the settings, what carries requests instead of the network, and the faults there."""

    settings: Settings
    transport: EmbeddedTransport | None = None
    faults: SeededFaults | None = None

    @property
    def is_rehearsal(self) -> bool:
        """Whether records go to an emulator in this process, which forgets them.

        A run to an emulator that is served on this machine is a rehearsal, too, and is in the journal.
        """
        return self.transport is not None

    @property
    def opus(self) -> str:
        """What takes the records, for a sentence, as `name_opus` names it: Opus, or the emulator."""
        return "the emulator" if self.settings.is_local else "Opus"


def make_rehearsal(mapper: Mapper, plan: FaultPlan) -> Target:
    """Return an emulator in this process as the target, with faults after a plan."""
    from opusmap.run.rehearsal import EmbeddedTransport, embedded_opus  # noqa: PLC0415 - slow to load

    emulator, settings = embedded_opus(mapper)
    return Target(settings, EmbeddedTransport(emulator), emulator.follow(plan))


def make_staged_rehearsal(staged: StagedRun, plan: FaultPlan) -> Target:
    """Return the same for a staged run."""
    from opusmap.run.rehearsal import EmbeddedTransport, embedded_staged  # noqa: PLC0415 - slow to load

    emulator, settings = embedded_staged(staged)
    return Target(settings, EmbeddedTransport(emulator), emulator.follow(plan))


def describe_host(settings: Settings) -> str:
    """Return which hosts are asked, and as which client."""
    sign_in = urlsplit(settings.token_url)
    where = f"{sign_in.scheme}://{sign_in.netloc}"
    at = "" if settings.base_url == where else f", signing in at {where}"
    return f"Opus is {settings.base_url}{at}, as client {settings.client_id}"


def describe_where(target: Target, report: Report) -> str:
    """Return where the records went, so that a rehearsal is never mistaken for a real run.

    A rehearsal goes to an emulator: one in this process, or one that is served on this machine. Reports call
    runs to the second rehearsals as well.
    """
    if target.is_rehearsal:
        return "This was a rehearsal: nothing left this machine."
    run, url = "" if report.run is None else f", run {report.run}", target.settings.base_url
    if target.settings.is_local:
        sent = "the records went" if report.requests else "nothing was sent"
        return f"This was a rehearsal{run}: {sent} to the emulator at {url}."
    return f"Sent to {url}{run}." if report.requests else f"Nothing was sent to {url}{run}."


def describe_open(keys: frozenset[str], read: int, work: Work) -> str:
    """Return what sending open records again found, so that totals of zero are not taken for a success."""
    if not keys:
        return "nothing to send again: the journal has no record that Opus refused or did not answer for"
    if read < len(keys):
        gone = len(keys) - read
        return f"{gone} of {len(keys)} records to send again are no longer in {work.source.name}"
    return f"records to send again: {len(keys)}"


def find_exit_code(report: Report) -> int:
    """Return a run's exit code: 0 if no row needs a person, 1 if some do, else that of why it stopped."""
    if report.stopped is not None:
        return report.stopped.exit_code
    return 0 if report.clean else 1


def run_submit(
    work: Work,
    target: Target,
    options: SubmitOptions,
    rejects: RejectSink,
    note: Callable[[Report], object],
    on_start: Callable[[Callable[[], object], Callable[[], object]], object],
) -> Report:
    """Submit in a new event loop of this thread; return the last report. Close source and rejects afterwards.

    Args:
        work: the mapping and its source.
        target: where the records go.
        options: how to submit; the target's transport counts.
        rejects: takes each reject.
        note: called with each report as it comes.
        on_start: called once with two functions, each for any thread while the run goes on: the first lets
            requests in flight end and then stops the run, the second cancels it at once.

    Raises:
        JournalError, SettingsError, SignInError: as `submit_stream`.
        asyncio.CancelledError: the run was cancelled.
    """
    stop = asyncio.Event()
    chosen = replace(options, transport=target.transport)
    return _read_to_end(submit_stream(work, target.settings, chosen, rejects, stop), stop, note, on_start)


def run_staged(
    staged: StagedRun,
    target: Target,
    options: SubmitOptions,
    note: Callable[[Report], object],
    on_start: Callable[[Callable[[], object], Callable[[], object]], object],
) -> Report:
    """Send a staged run as `run_submit` does a source.

    Raises:
        JournalError, SettingsError, SignInError: as `send_staged`.
        asyncio.CancelledError: the run was cancelled.
    """
    stop = asyncio.Event()
    chosen = replace(options, transport=target.transport)
    return _read_to_end(send_staged(staged, target.settings, chosen, stop), stop, note, on_start)


def _read_to_end(
    reports: AsyncIterator[Report],
    stop: asyncio.Event,
    note: Callable[[Report], object],
    on_start: Callable[[Callable[[], object], Callable[[], object]], object],
) -> Report:
    async def read() -> Report:
        loop, main, report = asyncio.get_running_loop(), asyncio.current_task(), Report()
        assert main is not None
        on_start(lambda: loop.call_soon_threadsafe(stop.set), lambda: loop.call_soon_threadsafe(main.cancel))
        async with aclosing(reports):  # type: ignore[type-var]
            async for report in reports:
                note(report)
        return report

    return asyncio.run(read())
