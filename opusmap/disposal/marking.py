"""Marking records of a plan as destroyed in Opus: by the engine that submits, with another kind of session.

Owns what is noted of each record, and when: its intent before a request, and what came of it. Opus may refuse
what it has marked before, so a refusal alone says nothing: the record is uncertain until it is known whether
Opus still lists it as due.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Protocol, TypeAlias

import msgspec

from opusmap.delivery import Attempt, Clock, DeliveryOptions, Stopped, deliver
from opusmap.delivery.questions import DueSource
from opusmap.errors import OpusmapError
from opusmap.journal import (
    Destruction,
    DestructionState,
    Item,
    Journal,
    JournalRecord,
    Result,
    Run,
    Session,
    State,
    Timestamp,
)
from opusmap.opus.exchange import BeforeResend, EncodedRecord, Exchange

MARKED = "Opus marked it as destroyed"
NO_REQUEST = "no request was sent"
_PAUSE = 0.01
"""Seconds until it is seen that nothing more may be sent."""

FindProblem: TypeAlias = Callable[[], str]
"""Returns why nothing more may be sent, in words; nothing if there is no reason."""


class Marker(DueSource, Protocol):
    """What marks: a client."""

    async def mark_destroyed(self, body: bytes, before_resend: BeforeResend | None = None) -> Exchange:
        """Send one request; see `OpusClient.mark_destroyed`."""


@dataclass(frozen=True, slots=True)
class Target:
    """Which records: the service, the connection, the plan's hash, and who runs it."""

    origin: str
    connection: str
    plan: str
    by: str


class Ledger:
    """What the journal knows of a plan's records: each change is durable when it is noted."""

    def __init__(
        self, journal: Journal, target: Target, contents: Mapping[str, bytes], wall: Callable[[], float]
    ) -> None:
        """Begin with what is known; `contents` are the hashes of the records' contents by rowKey.

        Raises:
            JournalError: it can't be read, or another run of the connection goes on.
        """
        self._journal, self._target, self._contents, self._wall = journal, target, contents, wall
        journal.write_destructions(target.origin, target.connection, [])  # from now on no other run writes
        found = journal.destructions(target.origin, target.connection, list(contents))
        self.known = {each.key: each for each in found if each.plan == target.plan}
        self.refused = set[str]()  # by the one request that Opus can have seen

    def note(self, states: Mapping[str, tuple[DestructionState, str]]) -> None:
        """Note what became of records: rowKey -> the state, and Opus's answer in words."""
        now, target = self._wall(), self._target
        rows = [
            Destruction(key, target.plan, self._contents[key], state, now, target.by, answer)
            for key, (state, answer) in states.items()
        ]
        self.put(rows)

    def put(self, rows: Iterable[Destruction]) -> None:
        """Note rows as they are."""
        written = list(rows)
        self._journal.write_destructions(self._target.origin, self._target.connection, written)
        self.known.update((row.key, row) for row in written)

    def settle(self, listed: Collection[str], window: float) -> None:
        """Note what a list of due records, asked for now, says of those whose end is not known.

        What Opus no longer lists is destroyed. What it lists can be sent again, and was not marked if its
        last request was `window` seconds ago (until then that may still take effect), or was refused and no
        other one may have been processed.
        """
        states, now = dict[str, tuple[DestructionState, str]](), self._wall()
        refused, self.refused = self.refused, set()
        for key in self.find(DestructionState.PENDING, DestructionState.UNCERTAIN):
            row = self.known[key]
            if key not in listed:
                why = f"{row.answer or 'no answer came'}; Opus no longer lists it as due"
                states[key] = DestructionState.DESTROYED, why
            elif key in refused or now - row.at > window:
                states[key] = DestructionState.FAILED, row.answer or "no answer came, and Opus still lists it"
        self.note(states)

    async def stay_writer(self) -> None:
        """Make sure that no other process has taken over; see `Journal.stay_writer`."""
        await self._journal.stay_writer()

    def find(self, *states: DestructionState) -> list[str]:
        """Return the rowKeys of records in one of these states."""
        return [key for key, row in self.known.items() if row.state in states]


class MarkingSession(Session):
    """A session that keeps destructions; see `Session`. Each call is durable when it returns."""

    def __init__(self, ledger: Ledger, run: Run, stop: asyncio.Event, find_problem: FindProblem) -> None:
        self.run = run
        self._stop, self._find_problem = stop, find_problem
        self._ledger = ledger
        self._before: dict[str, Destruction | None] = {}
        open_states = (DestructionState.PENDING, DestructionState.UNCERTAIN)
        self._begun = Counter(ledger.find(*open_states))  # requests that may have been processed

    async def look_up(self, keys: Sequence[str]) -> dict[str, JournalRecord]:  # noqa: ARG002
        """Return nothing: what is done is not given to the engine."""
        return {}

    def begin(self, items: Iterable[Item], sent: Timestamp) -> Awaitable[None]:  # noqa: ARG002
        """Note the intent to mark these records; the ledger knows the time."""
        keys = [item.key for item in items]
        for key in keys:
            self._before.setdefault(key, self._ledger.known.get(key))
        self._begun.update(keys)
        self._ledger.note(dict.fromkeys(keys, (DestructionState.PENDING, "")))
        return _done()

    def finish(self, results: Iterable[Result]) -> Awaitable[None]:
        """Note what became of records."""
        self._ledger.note({result.key: self._judge(result) for result in results})
        return _done()

    def cancel(self, keys: Iterable[str]) -> Awaitable[None]:
        """Note that nothing came of an intent: what was known before is known again."""
        cancelled = list(keys)
        known = {key: self._before.get(key) for key in cancelled}
        self._ledger.put([row for row in known.values() if row is not None])
        unknown = [key for key, row in known.items() if row is None]
        self._ledger.note(dict.fromkeys(unknown, (DestructionState.FAILED, NO_REQUEST)))
        self._begun.subtract(cancelled)
        return _done()

    async def may_send(self) -> float:
        """Make sure that nothing has come up since, and that no other process has taken over.

        What was found to be in order at the beginning may not be so now.
        """
        if self._find_problem():
            self._stop.set()
            return _PAUSE
        await self._ledger.stay_writer()
        return 0.0

    def _judge(self, result: Result) -> tuple[DestructionState, str]:
        if result.state is State.ACCEPTED:
            return DestructionState.DESTROYED, MARKED
        if result.state is State.FAILED and self._begun[result.key] == 1:
            self._ledger.refused.add(result.key)
        return DestructionState.UNCERTAIN, result.reason


class _Sessions:
    def __init__(self, make: Callable[[Run], Session]) -> None:
        self._make = make

    @asynccontextmanager
    async def session(self, run: Run) -> AsyncIterator[Session]:
        yield self._make(run)


class _Sender:
    """A client of which a request marks records."""

    def __init__(self, client: Marker) -> None:
        self._client = client

    @property
    def url(self) -> str:
        return self._client.url

    async def send(self, body: bytes, before_resend: BeforeResend | None = None) -> Exchange:
        return await self._client.mark_destroyed(body, before_resend)


@dataclass(slots=True)
class Marked:
    """What a run of requests came to: how many, and why they ended before all records were dealt with."""

    requests: int = 0
    stopped: OpusmapError | None = None


async def mark_records(
    keys: Sequence[str],
    client: Marker,
    ledger: Ledger,
    target: Target,
    options: DeliveryOptions,
    *,
    stop: asyncio.Event | None = None,
    find_problem: FindProblem = lambda: "",
    clock: Clock | None = None,
) -> Marked:
    """Ask Opus to mark records as destroyed, 15 with a request; the ledger has what became of each.

    `options` say how requests are sent; `find_problem` is asked before each: if it returns one, nothing more
    is sent.

    Raises:
        JournalError: it can't be written; requests in flight were dropped, and their records stay pending.
    """
    clock, stop = clock or Clock(), stop or asyncio.Event()
    run = Run(0, target.origin, target.connection, "", clock.wall_clock())
    options = replace(options, destroys=True)

    async def encode() -> AsyncIterator[EncodedRecord]:
        for place, key in enumerate(keys, 1):
            yield EncodedRecord(place, key, msgspec.json.encode(key))

    marked = Marked()
    sessions = _Sessions(lambda run: MarkingSession(ledger, run, stop, find_problem))
    events = deliver(encode(), _Sender(client), sessions, run, options, stop=stop, clock=clock)
    async with aclosing(events):  # type: ignore[type-var]
        async for event in events:
            match event:
                case Attempt():
                    marked.requests += 1
                case Stopped(reason):
                    marked.stopped = reason
                case _:
                    pass  # the ledger has what became of each record
    return marked


def _done() -> Awaitable[None]:
    """Return what is done already, to be awaited or not."""
    future = asyncio.get_running_loop().create_future()
    future.set_result(None)
    return future
