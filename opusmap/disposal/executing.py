"""Executing a plan: everything is checked again, then Opus is asked to mark its records as destroyed.

One flaw stops it before the first request: a record that is no longer due, is held, changed or not confirmed,
or a plan that is not approved. What is newly due is named, and stays as it is. A record that is held while
requests go on stops what has not left.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from typing import TYPE_CHECKING, Any

from opusmap.delivery import Clock, DeliveryOptions, RetryPolicy
from opusmap.delivery.questions import ask_all_due
from opusmap.disposal.approvals import find_flaws
from opusmap.disposal.destruction_plan import (
    Execution,
    Plan,
    PlanFile,
    PlannedRecord,
    find_held,
    list_holds,
    update_plan_file,
)
from opusmap.disposal.due import day_after
from opusmap.disposal.holds import NAMED, HoldWatch
from opusmap.disposal.marking import NO_REQUEST, Ledger, Marker, Target, mark_records
from opusmap.errors import DestructionRefused, OpusmapError, OpusUnavailable, StoppedEarly
from opusmap.journal import DestructionState, Journal, State, open_journal
from opusmap.opus.due_pages import DueRecord
from opusmap.wording import counted, quote_value, show_command, write_time

if TYPE_CHECKING:
    from opusmap.settings import Settings

_FIELDS = ("name", "term", "created", "modified", "created_by", "modified_by")


@dataclass(frozen=True, slots=True)
class ExecutionOptions:
    """How a plan is executed.

    Attributes:
        by: who runs it, `Name <address>`.
        limit: records to mark at most.
        holds: files of holds in addition to the plan's.
        concurrency: requests in flight at most.
        late_effect_window: seconds after which a request without an answer has no effect any more.
        retries: decides what follows a request that did not settle its records.
    """

    by: str
    limit: int | None = None
    holds: tuple[str, ...] = ()
    concurrency: int = 8
    late_effect_window: float = 30.0
    retries: RetryPolicy = RetryPolicy()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class RecordState:
    """What became of a planned record (`destroyed`, `failed`, `uncertain`, `not_sent`), and Opus's answer."""

    key: str
    state: str
    answer: str = ""
    at: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an execution came to; `stopped` is why it ended early, if it did."""

    file: PlanFile
    records: tuple[RecordState, ...]
    requests: int = 0
    newly_due: tuple[str, ...] = ()
    stopped: OpusmapError | None = None

    @property
    def counts(self) -> dict[str, int]:
        """How many records the plan has, and how many there are of each state."""
        return count_states(self.records)

    def as_json(self) -> dict[str, Any]:
        """Return all of it as plain data."""
        return {
            "plan": self.file.sha256,
            **self.counts,
            "requests": self.requests,
            "newly_due": list(self.newly_due),
            "stopped": None if self.stopped is None else str(self.stopped),
            "records": [asdict(record) for record in self.records],
        }


def count_states(records: Sequence[RecordState]) -> dict[str, int]:
    """Return how many records there are, and how many of each state; the states add up to all."""
    found = dict.fromkeys(("destroyed", "failed", "uncertain", "not_sent"), 0)
    for record in records:
        found[record.state] += 1
    return {"planned": len(records), **found}


def run_execution(
    file: PlanFile,
    settings: Settings,
    options: ExecutionOptions,
    on_start: Callable[[Callable[[], object], Callable[[], object]], object],
) -> Outcome:
    """Execute a plan; see `execute`.

    Args:
        file: the plan.
        settings: where Opus is, how to sign in, and where the journal is.
        options: how to execute it.
        on_start: called with two functions, for any thread: the first lets requests in flight end and then
            stops, the second stops at once.

    Raises:
        DestructionRefused: the settings are of another service than the plan; or as `execute`.
        OpusUnavailable, SignInError, JournalError, SettingsError: as `execute`.
    """
    if settings.base_url != file.plan.origin:
        problem = f"the plan is for {file.plan.origin}, and the settings name {settings.base_url}"
        raise DestructionRefused(str(file.path), problem, "use the settings that the plan was made with")

    async def go() -> Outcome:
        from opusmap.opus.client import OpusClient  # noqa: PLC0415 - httpx is slow to load

        loop, main, stop = asyncio.get_running_loop(), asyncio.current_task(), asyncio.Event()
        assert main is not None
        on_start(lambda: loop.call_soon_threadsafe(stop.set), lambda: loop.call_soon_threadsafe(main.cancel))
        with open_journal(settings.journal) as journal:
            async with OpusClient(settings) as client:
                return await execute(file, journal, client, options, stop=stop)

    try:
        return asyncio.run(go())
    except asyncio.CancelledError:
        raise KeyboardInterrupt from None


async def execute(
    file: PlanFile,
    journal: Journal,
    client: Marker,
    options: ExecutionOptions,
    *,
    stop: asyncio.Event | None = None,
    clock: Clock | None = None,
) -> Outcome:
    """Check a plan again and execute it; its file has the execution before the first request, and at the end.

    What others add to the file meanwhile is kept.

    Raises:
        DestructionRefused: something about it is not in order; nothing was sent.
        OpusUnavailable, SignInError: Opus does not say what is due; nothing was sent.
        JournalError: the journal can't be used, or another run of the connection goes on.
    """
    clock = clock or Clock()
    plan = file.plan
    watch = HoldWatch(list_holds(file, options.holds), plan.keys)
    refuse_flaws(file, options.by, options.holds)
    target = Target(plan.origin, plan.connection, file.sha256, options.by)
    contents = {record.key: bytes.fromhex(record.content) for record in plan.records}
    ledger = Ledger(journal, target, contents, clock.wall_clock)
    due = await _ask_due(file, client, options, clock)
    ledger.settle(due.keys(), options.late_effect_window)
    done = set(ledger.find(DestructionState.DESTROYED))
    to_do = [record for record in plan.records if record.key not in done]
    _refuse(file, find_changes(to_do, due, journal, file), _NEW_PLAN)
    considered = plan.considered
    newly_due = tuple(key for key in due if key not in considered)
    keys = [record.key for record in to_do][: options.limit]
    execution = Execution(options.by, write_time(clock.wall_clock()), newly_due=newly_due)

    def begin(latest: PlanFile) -> PlanFile:
        refuse_flaws(latest, options.by, options.holds)  # others may have added to it since it was read
        return latest.executed(execution)

    file = update_plan_file(file, begin)
    marked = await mark_records(
        keys,
        client,
        ledger,
        target,
        DeliveryOptions("overwrite", concurrency=options.concurrency, retries=options.retries),
        stop=stop,
        find_problem=watch.find_problem,
        clock=clock,
    )
    stopped = marked.stopped
    if watch.problem:
        stopped = DestructionRefused(str(file.path), f"stopped midway: {watch.problem}", _NEW_PLAN)
    if (stopped is None or isinstance(stopped, StoppedEarly | DestructionRefused)) and ledger.find(
        DestructionState.UNCERTAIN, DestructionState.PENDING
    ):
        try:
            due = await _ask_due(file, client, options, clock)
        except OpusUnavailable as error:
            stopped = stopped or error
        else:
            ledger.settle(due.keys(), options.late_effect_window)
    records = list_states(plan, journal, file.sha256)
    ended = replace(
        execution,
        ended=write_time(clock.wall_clock()),
        counts=count_states(records),
        stopped="" if stopped is None else str(stopped).partition("\n")[0],
    )
    try:
        file = update_plan_file(file, lambda latest: latest.executed(ended))
    except OpusmapError as error:  # the journal has it all; what was done must be shown
        stopped = stopped or error
    return Outcome(file, records, marked.requests, newly_due, stopped)


async def _ask_due(
    file: PlanFile, client: Marker, options: ExecutionOptions, clock: Clock
) -> dict[str, DueRecord]:
    before = day_after(date.fromisoformat(file.plan.until))
    found = await ask_all_due(client, file.plan.connection, before, retries=options.retries, clock=clock)
    return {record.key: record for record in found}


def refuse_flaws(file: PlanFile, by: str, holds: Iterable[str] = ()) -> None:
    """Refuse a plan that is not approved, not confirmed, or has a record that is held.

    Raises:
        DestructionRefused: with everything that is wrong.
    """
    plan = file.plan
    unapproved = find_flaws(
        file.approvals,
        sha256=file.sha256,
        records=len(plan.records),
        needed=plan.approvals_needed,
        executors=[by],
    )
    held = [f"{quote_value(key)} is held by {path}" for key, path in find_held(file, holds).items()]
    confirmed = file.confirmed
    open_keys = [record.key for record in plan.records if record.key not in confirmed]
    unconfirmed = [f"{quote_value(key)} is not confirmed to be gone from the source" for key in open_keys]
    ways = []
    if held:
        ways.append(_NEW_PLAN)
    if unapproved:
        approve = show_command("destroy", "approve", str(file.path), "--as", "Name <address>")
        ways.append(f"it must be approved by other people than the one who runs it: {approve}")
    if unconfirmed:
        confirm = show_command("destroy", "confirm", str(file.path), "MAPPING")
        ways.append(f"once the objects are destroyed in the source: {confirm}")
    _refuse(file, [*unapproved, *held, *unconfirmed], "; ".join(ways))


def find_changes(
    records: Sequence[PlannedRecord], due: Mapping[str, DueRecord], journal: Journal, file: PlanFile
) -> list[str]:
    """Return, as sentences, which planned records are not what they were when the plan was made."""
    plan, keys = file.plan, [record.key for record in records]
    known = journal.find_records(plan.origin, plan.connection, keys)
    connections = journal.find_connections(plan.origin, keys)
    others = {
        each.key
        for each in journal.destructions(plan.origin, plan.connection, keys)
        if each.is_tombstone and each.plan != file.sha256
    }
    flaws = []
    for record in records:
        now, ours = due.get(record.key), known.get(record.key)
        flaw = ""
        if now is None:
            flaw = "is no longer due"
        elif any(getattr(now, name) != getattr(record, name) for name in _FIELDS):
            flaw = "was changed in Opus since the plan was made"
        elif ours is None:
            flaw = "is no longer in the journal"
        elif ours.state is not State.ACCEPTED or ours.content.hex() != record.content:
            flaw = "was submitted again since the plan was made"
        elif len(connections.get(record.key, ())) > 1:
            flaw = "is known under two connections"
        elif record.key in others:
            flaw = "was marked as destroyed by another plan"
        if flaw:
            flaws.append(f"{quote_value(record.key)} {flaw}")
    return flaws


def list_states(plan: Plan, journal: Journal, sha256: str) -> tuple[RecordState, ...]:
    """Return what became of each record of a plan, by the journal."""
    keys = [record.key for record in plan.records]
    rows = journal.destructions(plan.origin, plan.connection, keys)
    found = {each.key: each for each in rows if each.plan == sha256}
    states = []
    for key in keys:
        row = found.get(key)
        if row is None or row.answer == NO_REQUEST:
            states.append(RecordState(key, "not_sent"))
            continue
        state = "uncertain" if row.state is DestructionState.PENDING else row.state.value
        answer = row.answer or "no answer came"
        states.append(RecordState(key, state, answer, write_time(row.at), row.by))
    return tuple(states)


_NEW_PLAN = "a plan does not change: make a new one without these records, and have it approved"


def _refuse(file: PlanFile, flaws: Sequence[str], help_text: str) -> None:
    if not flaws:
        return
    more = [f"and {counted(len(flaws) - NAMED, 'more problem')}"] if len(flaws) > NAMED else []
    problem = "this run destroyed nothing: " + "; ".join([*flaws[:NAMED], *more])
    raise DestructionRefused(str(file.path), problem, help_text)
