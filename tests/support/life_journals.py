"""The journals of lives: in a file, on a disk whose power may fail, in PostgreSQL; how their processes die.

Each opens for one process at a time. What a process that is dead tries to write is not written.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from postgres import Server, cut_off, empty_database, let_leases_run_out
from simulation.disk import Disk, DiskStorage, UnsyncedStorage

from opusmap.journal import Destruction, DestructionState, Journal, SqliteJournal, open_journal
from opusmap.journal.group_commit import run_inline
from opusmap.settings import JournalPlace, PostgresAddress

if TYPE_CHECKING:
    from opusmap.journal.postgres_journal import PostgresJournal

LEASE = 20.0
"""Seconds after which another process may write if one does not answer, in PostgreSQL."""


class Mortal:
    """Beside a journal: that of a process which may die. `on_intent` comes when an intent is durable."""

    dead = False
    on_intent: Callable[[], None] = staticmethod(lambda: None)

    def write_destructions(
        self, origin: str, connection: str, rows: Iterable[Destruction], **more: Any
    ) -> None:
        written = list(rows)
        if not self.dead:
            super().write_destructions(origin, connection, written, **more)  # type: ignore[misc]
        if self.dead:
            raise asyncio.CancelledError
        if any(row.state is DestructionState.PENDING for row in written):
            self.on_intent()


class MortalFile(Mortal, SqliteJournal):
    """A journal in a file."""


class FileHome:
    """A journal in a file, in a folder: a process that is killed loses nothing of it."""

    deaths: tuple[str, ...] = ("", "", "turns", "answer", "answer")
    """How a process may end; `""` is by itself."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "j.db"
        self._reader: Journal | None = None

    @property
    def place(self) -> JournalPlace:
        return self._path

    @contextmanager
    def open(self, death: str = "", kill: Callable[[], None] = lambda: None) -> Iterator[Any]:
        """Open it for a process that dies so, or of which `kill` ends all it does."""
        del death, kill
        with MortalFile(self._path, storage=UnsyncedStorage()) as journal:
            yield journal

    def read(self) -> Journal:
        """Return it for reading; it stays open."""
        if self._reader is None:
            self._reader = open_journal(self.place, write=False)
        return self._reader

    def disturb(self) -> None:
        """Let happen to it what a process may survive."""

    def close(self) -> None:
        if self._reader is not None:
            self._reader.close()
        self._reader = None


class DiskHome(FileHome):
    """A journal on a disk whose power may fail: what was not synced may be lost."""

    deaths = ("", "answer", "power", "power", "power")

    def __init__(self, folder: Path, draw: random.Random) -> None:
        super().__init__(folder)
        self._draw = draw
        self.lost = 0

    @contextmanager
    def open(self, death: str = "", kill: Callable[[], None] = lambda: None) -> Iterator[Any]:
        # The simulated disk has an SQLite of its own, and two in one process would drop each other's locks.
        self.close()
        disk = Disk(self._draw)
        journal = MortalFile(self._path, storage=DiskStorage(disk), sync_executor=run_inline)
        try:
            if death == "power":
                disk.fails_at = disk.acts + self._draw.randint(1, 24)
                disk.on_failure = kill
            yield journal
        finally:
            journal.close()
            if disk.image is not None:
                self.lost += 1
                disk.image.restore()
            disk.close()


class DatabaseHome(FileHome):
    """A journal in PostgreSQL, whose clock is the life's own time.

    `cut`: at some moment its connections are lost, or the server is started again; the process goes on.
    `hang`: once an intent is durable, the process hangs until another one has taken over.
    """

    deaths = ("", "turns", "answer", "cut", "cut", "hang", "hang")

    def __init__(self, address: str, now: Callable[[], float], server: Server | None = None) -> None:
        self._address, self._now, self._server = PostgresAddress(address), now, server
        self._reader = None
        empty_database(address)

    @property
    def place(self) -> JournalPlace:
        return self._address

    @contextmanager
    def open(self, death: str = "", kill: Callable[[], None] = lambda: None) -> Iterator[Any]:
        del kill
        journal = _mortal_database()(
            self._address,
            clock=self._now,
            ticks=self._now,
            database_clock=self._now,
            lease=LEASE,
            sync_executor=run_inline,
        )
        try:
            yield journal
        finally:
            if death or journal.dead:  # a process that is gone gives nothing back
                self.disturb()
            journal.close()
            if death or journal.dead:
                let_leases_run_out(self._address.url)

    def disturb(self) -> None:
        """Cut all connections, or start the server again."""
        self.close()
        if self._server is None:
            cut_off(self._address.url)
        else:
            self._server.restart()


def _mortal_database() -> type[PostgresJournal]:
    from opusmap.journal.postgres_journal import PostgresJournal

    class MortalDatabase(Mortal, PostgresJournal):
        """A journal in PostgreSQL."""

    return MortalDatabase
