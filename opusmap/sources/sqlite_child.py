"""Runs the query of an SQLite source in a separate process, so that it can be ended at any time.

Run as a script, only by `sqlite`. It imports nothing of opusmap. Standard input brings a `Task`. Standard
output gets frames, as `child` describes them: the names of the columns, then lists of rows; of an error, what
failed and why.
"""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import sys
from typing import Any, NoReturn

import msgspec

ROWS_IN_FRAME, BYTES_IN_FRAME = 500, 1 << 18
NO_TEXT, TOO_LONG = 1, 2
"""Extension types of MessagePack: a text that is not UTF-8; a row beyond the limit."""

_COUNTED = 1_000_000
"""Steps of SQLite's virtual machine between two signs of life."""

_ALLOWED = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)
_NO_FUNCTIONS = ("load_extension", "fts3_tokenizer")
"""The first loads code, the second gives an address of memory."""


class Limits(msgspec.Struct, frozen=True):
    """Bytes of a value, a row, SQLite's memory, this process and a temporary file; millions of steps."""

    cell: int
    row: int
    heap: int
    process: int
    temporary: int
    steps: int


class Task(msgspec.Struct, frozen=True):
    """A query, and the database that it reads, as a URI."""

    address: str
    query: str
    limits: Limits


def main() -> None:
    """Read the task, run it and write its frames."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the process that started it ends it
    task = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Task)
    limits = task.limits
    try:
        database = _open(task.address, limits, on_disk=_limit_system(limits))
    except sqlite3.Error as error:
        _fail("open", str(error))
    _Query(database, limits).run(task.query)


def _limit_system(limits: Limits) -> bool:
    """Let the system refuse more memory and larger temporary files; return whether it does (POSIX)."""
    if sys.platform == "win32":
        return False
    import resource  # noqa: PLC0415 - Windows has none

    for kind, limit in (
        (resource.RLIMIT_FSIZE, limits.temporary),
        (resource.RLIMIT_AS, limits.process),
        (resource.RLIMIT_CORE, 0),
    ):
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (limit, limit))
    return resource.getrlimit(resource.RLIMIT_FSIZE)[0] == limits.temporary


def _open(address: str, limits: Limits, *, on_disk: bool) -> sqlite3.Connection:
    database = sqlite3.connect(address, uri=True, isolation_level=None)
    heap = limits.heap if on_disk else limits.heap + limits.temporary
    for pragma in (
        "query_only = ON",
        "trusted_schema = OFF",  # the file may be hostile, too
        "cell_size_check = ON",
        "mmap_size = 0",
        "cache_size = -32000",  # 32 MB: SQLite counts kibibytes below zero
        f"temp_store = {'FILE' if on_disk else 'MEMORY'}",
        f"hard_heap_limit = {heap}",
    ):
        database.execute(f"PRAGMA {pragma}").close()
    for kind, limit in (
        (sqlite3.SQLITE_LIMIT_LENGTH, limits.cell),
        (sqlite3.SQLITE_LIMIT_ATTACHED, 0),
        (sqlite3.SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1_000),
        (sqlite3.SQLITE_LIMIT_WORKER_THREADS, 0),
    ):
        database.setlimit(kind, limit)

    def authorize(action: int, _first: str | None, second: str | None, *_: Any) -> int:
        allowed = action in _ALLOWED and not (action == sqlite3.SQLITE_FUNCTION and second in _NO_FUNCTIONS)
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY

    database.set_authorizer(authorize)
    return database


class _Query:
    """Runs the query, and counts the bytes of a row while it is fetched."""

    def __init__(self, database: sqlite3.Connection, limits: Limits) -> None:
        self._database = database
        self._limits = limits
        self._held = self._steps = self._size = 0
        self._rows: list[bytes] = []
        self._encode = msgspec.msgpack.Encoder().encode
        database.text_factory = self._text
        database.set_progress_handler(self._count, _COUNTED)

    def run(self, query: str) -> None:
        """Write the frames of the query."""
        try:
            cursor = self._database.execute(query)
            _write(self._encode([str(column[0]) for column in cursor.description or ()]))
            for values in cursor:
                data = self._encode(values) if self._held <= self._limits.row else b""
                if not 0 < len(data) <= self._limits.row:
                    data = self._encode(msgspec.msgpack.Ext(TOO_LONG, b""))
                self._held = self._steps = 0
                self._rows.append(data)
                self._size += len(data)
                if len(self._rows) == ROWS_IN_FRAME or self._size > BYTES_IN_FRAME:
                    self._flush()
        except (sqlite3.Error, sqlite3.Warning, ValueError) as error:
            self._flush()
            _fail("steps" if self._steps > self._limits.steps else "query", str(error))
        except MemoryError:
            self._flush()
            _fail("memory", "")
        self._flush()
        _write(self._encode(False))

    def _flush(self) -> None:
        if self._rows:
            # An array of so many rows, as MessagePack writes it; each row is encoded already.
            _write(b"\xdd" + len(self._rows).to_bytes(4, "big") + b"".join(self._rows))
            self._rows, self._size = [], 0

    def _count(self) -> int:
        """Write a sign of life; return 1 to stop the query."""
        self._steps += 1
        self._flush()
        _write(b"\xc0")
        return int(self._steps > self._limits.steps)

    def _text(self, value: bytes) -> Any:
        self._held += len(value)
        if self._held > self._limits.row:
            return None
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return msgspec.msgpack.Ext(NO_TEXT, value)


def _fail(what: str, reason: str) -> NoReturn:
    _write(msgspec.msgpack.encode({"error": what, "reason": reason}))
    sys.exit(0)


def _write(data: bytes) -> None:
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):  # the process that started it has ended
        main()
