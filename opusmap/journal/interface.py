"""What a journal does, whatever keeps it: runs, and for each record what was sent and what became of it.

The engine and the jobs use nothing else of a journal. `SqliteJournal` is one, and the state machine of the
tests holds each store to this interface.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Self

from opusmap.journal.destruction import Destruction
from opusmap.journal.models import (
    Item,
    JournalRecord,
    Progress,
    Pruned,
    Result,
    Run,
    StagedParts,
    State,
    Timestamp,
)


class Session(ABC):
    """What one run writes while it sends, and what it asks before.

    What is written counts for this session as soon as it is called. It is durable, so that no crash takes it
    away, once the awaitable that is returned is done; that raises a `JournalError` if it can't be written.
    Writes become durable in the order of the calls, several together: let those go on that need not wait.
    """

    run: Run

    @abstractmethod
    async def look_up(self, keys: Sequence[str]) -> dict[str, JournalRecord]:
        """Return what is known of records of the run's connection, whichever run sent them last.

        A record whose result is not durable yet may be known as it was before.
        """

    def hash_columns(self, record: bytes, content: bytes) -> bytes:  # noqa: ARG002 - where none are kept
        """Return the `Item.columns` of a record (JSON) whose content has this hash; nothing if not kept."""
        return b""

    @abstractmethod
    def begin(self, items: Iterable[Item], sent: Timestamp) -> Awaitable[None]:
        """Write the intent to send these records, in one request, at this moment. Await it, then send.

        Until they are finished or cancelled they are pending, and a crash leaves them so. Nothing that was
        known of them is lost before that. Records of this run that are already in flight are sent again.
        """

    @abstractmethod
    def finish(self, results: Iterable[Result]) -> Awaitable[None]:
        """Write what became of records that this run began. Await it before a result is handed on.

        Raises:
            ValueError: one of them is not in flight in this run; nothing is written.
        """

    @abstractmethod
    def cancel(self, keys: Iterable[str]) -> Awaitable[None]:
        """Write that certainly nothing came of an intent. What was known before is known again.

        Raises:
            ValueError: one of them is not in flight in this run; nothing is written.
        """

    async def may_send(self) -> float:
        """Await this last before a request leaves: return for how many seconds none may, 0 if it may.

        Where another process may take over, this makes sure that none has. Each wait that another process
        was asked for by Opus is returned once.

        Raises:
            JournalError: another process has taken over, or it can't be known.
        """
        return 0.0

    def hold(self, seconds: float) -> None:  # noqa: B027 - where one process sends, no other needs to know
        """Tell the connection's other processes to send nothing for so long: Opus asked for it."""


class Share(ABC):
    """What one process takes of a run that any number of processes send together, part by part.

    A part is taken by one process at a time, and is that one's until it is done or given back. If a process
    is gone, its parts are free after some time, and what it had in flight is pending.
    All methods raise a `JournalError` if the journal can't be used, or another process has taken over.
    """

    run: Run

    @abstractmethod
    async def take(self) -> int | None:
        """Take the first part that is free; None if none is free now."""

    @abstractmethod
    async def finish(self, part: int, counts: Mapping[str, int]) -> None:
        """Write that a part that was taken is done, and what became of its records, by `PART_COUNTS`."""

    @abstractmethod
    async def look(self) -> Progress:
        """Return how far the run has come by all processes. When the last part is done, the run ends."""

    @abstractmethod
    def note_requests(self, requests: int, retries: int) -> None:
        """Note how many requests this process has sent so far; it is written now and then."""

    @abstractmethod
    async def leave(self, ending: str, counts: Mapping[int, Mapping[str, int]]) -> Progress:
        """Give back the parts that are not done, with what became of their records so far.

        If no other process is left, the run has ended for now, with this word; it can be joined again.
        """


class Journal(ABC):
    """A journal. One run of a connection writes at a time, and any process may read; a store may be stricter.

    A record is known by service origin, connection and rowKey, and the journal holds the last that
    happened to it: a run's own records are those that no later run has finished.

    All methods raise a `JournalError` if the journal can't be read or written. What writes returns when it is
    durable.
    """

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @abstractmethod
    def close(self) -> None:
        """Close the journal and let another writer in."""

    @property
    @abstractmethod
    def in_memory(self) -> bool:
        """Whether the journal is thrown away when it is closed."""

    @abstractmethod
    def identity(self) -> str:
        """Return the journal's random id: copies share it, another journal has another."""

    @abstractmethod
    def start_run(self, *, origin: str, connection: str, mapping: str, distrust: bool = False) -> Run:
        """Begin a run against a service's origin (`https://host`) and a connection's id.

        With `distrust`, nothing that earlier runs sent to this connection counts as unchanged from now on:
        the journal may not know what replaced it since.
        """

    async def wait_to_write(self, *, origin: str, connection: str) -> None:  # noqa: B027 - few stores have to
        """Wait until `start_run` need not wait for a process that is gone. It may be cancelled at any time.

        Raises:
            JournalError: another run of the connection is alive.
        """

    async def stay_writer(self) -> None:  # noqa: B027 - few stores have to
        """Await this last before a request leaves: make sure that no other process has taken over.

        Raises:
            JournalError: another process has taken over, or it can't be known.
        """

    @abstractmethod
    async def share_run(
        self, *, origin: str, connection: str, mapping: str, staged: StagedParts, distrust: bool = False
    ) -> Share:
        """Join the run that sends a staged run to a connection, or begin it; `session` then lets it send.

        The connection's latest run is joined if it sends the same content, and processes still send it, or
        parts are left, or all records were accepted. `distrust` is as for `start_run`: only a run that was
        begun so is joined. It may be cancelled while it waits for a process that is gone.

        Raises:
            JournalError: another run of the connection is alive.
        """

    @abstractmethod
    def session(self, run: Run) -> AbstractAsyncContextManager[Session]:
        """Let a run that was started send. At the session's end all that was written is durable."""

    @abstractmethod
    def finish_run(self, run: Run, *, ending: str, counts: Mapping[str, int], whole: bool = True) -> Run:
        """Write how a run ended and what it counted; return the run as it is known now.

        `whole`: all rows of the source were to be sent, so that after this run none has an older hash.
        """

    @abstractmethod
    def keep_evidence(self, run: Run, evidence: Mapping[str, Any]) -> None:
        """Write what a run leaves for its report, plain data, in place of what it left before."""

    @abstractmethod
    def evidence(self, run: Run) -> dict[str, Any]:
        """Return what `keep_evidence` kept of a run, or nothing."""

    @abstractmethod
    def prune(self, before: float, only: Collection[int] | None = None) -> Pruned:
        """Forget the records of runs that ended before a moment (seconds since 1970), and leave no trace.

        Counts, times and evidence of these runs stay. A record that is forgotten is one that was never sent.
        `only` are the numbers of the runs that are meant; all runs if None.
        """

    @abstractmethod
    def runs(self) -> tuple[Run, ...]:
        """Return all runs, the latest first."""

    def runs_of(self, origin: str, connection: str) -> tuple[Run, ...]:
        """Return the runs that sent to a connection of an Opus, the latest first."""
        return tuple(run for run in self.runs() if (run.origin, run.connection) == (origin, connection))

    @abstractmethod
    def records(self, run: Run, *states: State) -> Iterator[JournalRecord]:
        """Yield what is known of a run's records, by row; only those in one of `states` if any is given.

        Accepted records are looked for in the whole journal; all others are few, and found at once.
        """

    @abstractmethod
    def find_records(self, origin: str, connection: str, keys: Collection[str]) -> dict[str, JournalRecord]:
        """Return what is known of records of a connection, by rowKey; a request in flight is pending."""

    @abstractmethod
    def find_accepted(self, origin: str, connection: str, keys: Collection[str]) -> dict[str, JournalRecord]:
        """Return by rowKey the version of each record that Opus accepted last, whatever became of later ones.

        A later version that Opus refused, say, is what `find_records` returns.
        """

    @abstractmethod
    def compare_columns(
        self, origin: str, connection: str, records: Mapping[str, tuple[bytes, bytes]]
    ) -> dict[str, tuple[str, ...]]:
        """Return by rowKey which columns of records differ from what Opus accepted, by their internal names.

        A record is missing where that is not known: an older opusmap sent it, say. A difference of which all
        hashes are the same by chance (1 in 4 billion) is none.

        Args:
            origin: of Opus.
            connection: its id.
            records: by rowKey the hash of the content that was accepted, and the JSON of the record now.
        """

    @abstractmethod
    def accepted_keys(self, origin: str, connection: str) -> Iterator[str]:
        """Yield the rowKeys of a connection's records of which Opus accepted a version, in their order."""

    @abstractmethod
    def keep_gone(self, run: Run, keys: Iterable[str]) -> None:
        """Write which records (the first rowKeys) were absent from a run's source; pruning forgets them."""

    @abstractmethod
    def gone(self, run: Run) -> tuple[str, ...]:
        """Return the rowKeys that `keep_gone` kept of a run, in their order."""

    def find_connections(self, origin: str, keys: Collection[str]) -> dict[str, frozenset[str]]:
        """Return the ids of the service's connections under which each of these rowKeys is known."""
        found: dict[str, frozenset[str]] = {}
        for connection in {run.connection for run in self.runs() if run.origin == origin}:
            for key in self.find_records(origin, connection, keys):
                found[key] = found.get(key, frozenset()) | {connection}
        return found

    @abstractmethod
    def destructions(
        self, origin: str, connection: str, keys: Collection[str] | None = None
    ) -> Iterator[Destruction]:
        """Yield the destructions of a connection's records, those of some rowKeys or all, by time."""

    @abstractmethod
    def write_destructions(
        self, origin: str, connection: str, rows: Iterable[Destruction], *, forget: Collection[str] = ()
    ) -> None:
        """Write destructions, each in place of what was known of its rowKey and plan; `prune` leaves them.

        The records with the rowKeys `forget` are as if they had never been submitted.

        Raises:
            JournalError: no run has submitted to this connection, or another one is submitting to it now.
        """
