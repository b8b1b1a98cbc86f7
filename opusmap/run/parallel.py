"""Worker processes: parts of a source go out, chunks of records come back; this process maps parts as well.

Owns the processes, what travels to and from them, and what happens when one dies. A worker compiles the
mapping for itself (custom converters from their files) and maps parts; keys, counts and files stay with
the process that asked, so that totals are exact and the order is the source's.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection, wait
from typing import TYPE_CHECKING, Any, Self

from opusmap.errors import StoppedEarly
from opusmap.records import Chunk, Reject, Row
from opusmap.run.duplicates import RowAt

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from opusmap.compiler import Mapper
    from opusmap.run.open import Work
    from opusmap.sources import Part

__all__ = ["CHUNK_ROWS", "Worker", "Workers", "answer_parts", "map_in_processes"]

CHUNK_ROWS = 50
"""Rows mapped at a time: enough to make a chunk cost little, few enough for rows of a million characters."""

_LOG = logging.getLogger("opusmap.run")
_AHEAD = 4
"""Parts for each process that are out, or wait for an earlier one, at most: so memory stays bounded."""


class Workers:
    """The processes that map: this one and, beside it, `count` - 1 workers, which get ready from now on.

    A worker loads the files with custom `converters`. For one run; close the workers, or use them as a
    context.
    """

    def __init__(self, count: int, converters: Iterable[str] = ()) -> None:
        self.count = 1 if _FOLDER_COMES_FIRST else count
        self.crew: list[Worker] = []
        self._converters = tuple(converters)
        for _ in range(self.count - 1):
            self.hire()

    def hire(self) -> Worker:
        """Start a worker, one more of the crew."""
        # "spawn" is what Windows and macOS have; a fork of a process with threads may hang.
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        process = context.Process(target=_serve, args=(there, self._converters), daemon=True)
        with _modules_of_folder_hidden(), _interrupts_held():
            process.start()
        there.close()  # so that the other end tells when the worker is gone
        self.crew.append(Worker(here, process))
        return self.crew[-1]

    def close(self) -> None:
        """Send the workers away, whatever they are at."""
        for worker in self.crew:
            worker.dismiss()
        self.crew.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_FOLDER_COMES_FIRST = bool(sys.flags.ignore_environment) and not sys.flags.safe_path
"""Whether Python, run with `-E` and without `-P`, would let no process be started safely."""


@contextmanager
def _modules_of_folder_hidden() -> Iterator[None]:
    """Keep processes that start meanwhile from importing modules of the working directory.

    `multiprocessing` starts Python with `-c`, which looks there first: a `multiprocessing.py` in a stranger's
    folder would run.
    """
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONSAFEPATH"]
        else:
            os.environ["PYTHONSAFEPATH"] = before


@contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C back, where the system can; a process that starts meanwhile will never get it."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    resource_tracker.ensure_running()  # else the first start does that, and lets Ctrl-C through again
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class Worker:
    """A worker, as seen from here: what it is at."""

    def __init__(self, connection: Connection, process: BaseProcess | None = None) -> None:
        self.connection = connection
        self.task: _Task | None = None
        self.ready = False
        """Whether it waits for a part. Only then one is sent: who writes what nobody reads may wait long."""
        self._process = process

    def begin(self, compile_args: Any) -> None:
        """Tell it what to compile."""
        self.connection.send(compile_args)

    def send(self, task: _Task) -> None:
        """Let it map a part."""
        self.task, self.ready = task, False
        self.connection.send(task.part)

    def receive(self) -> None:
        """Take what it says: that it is ready, or what became of its part (None: it could not map it)."""
        found = self.connection.recv()
        if self.task is not None:
            self.task.chunks = found or []
            self.task.ended = found is not None
        self.task, self.ready = None, True

    def dismiss(self) -> None:
        """End it."""
        self.connection.close()
        if self._process is not None:
            self._process.terminate()
            self._process.join()


@dataclass(eq=False)
class _Task:
    """A part, and what became of it; `ended` as soon as that is known."""

    part: Part
    chunks: list[Chunk] = field(default_factory=list)
    ended: bool = False
    error: Exception | None = None
    lost: bool = False
    """Whether a worker died over it."""

    @cached_property
    def rows(self) -> list[Row | Reject]:
        """The part's rows, made once more: few parts have a row that is asked for."""
        return list(self.part.rows())

    def found(self) -> Iterator[tuple[Chunk, RowAt]]:
        """Yield the chunks, each with what gives its rows.

        Raises:
            Exception: what ended the mapping of the part, once the chunks before are yielded.
        """
        start = 0
        for chunk in self.chunks:
            yield chunk, lambda place, start=start: self.rows[start + place]  # type: ignore[misc]
            start += len(chunk)
        if self.error is not None:
            raise self.error


def map_in_processes(work: Work, workers: Workers) -> Iterator[tuple[Chunk, RowAt]]:
    """Yield the chunks of the source in order, each with what gives its rows by their place.

    When a worker dies, a warning is logged and another one maps its part once more.

    Raises:
        StoppedEarly: that one died over it, too.
    """
    run = _Run(work, workers)
    while run.advance():
        while run.tasks and run.tasks[0].ended:
            yield from run.tasks.popleft().found()
    if run.failure is not None:  # the source's: the chunks before it have been yielded
        raise run.failure


class _Run:
    """The parts of a run that are under way, and who is at which.

    Whoever is free takes the next part: a worker first, else this process. This one maps chunk by chunk,
    and sees between two whether a worker has something; so nobody waits long for anybody.
    """

    def __init__(self, work: Work, workers: Workers) -> None:
        self.tasks: deque[_Task] = deque()
        self.failure: Exception | None = None
        self._parts = iter(work.source.parts())
        self._mapper = work.mapper
        self._workers, self._crew = workers, workers.crew
        self._lost: deque[_Task] = deque()
        self._refused: deque[_Task] = deque()
        self._own: _Task | None = None
        self._chunks: Iterator[Chunk] = iter(())
        for worker in tuple(self._crew):
            self._begin(worker)

    def advance(self) -> bool:
        """Take a step: hand out a part, or map a chunk, or wait; tell whether there was anything to do."""
        self._listen(0)
        free = next((worker for worker in self._crew if worker.ready), None)
        if free is not None and (task := self._lost.popleft() if self._lost else self._read()):
            self._send(free, task)
        elif self._own or self._take():
            self._map_chunk()
        elif self.tasks and not self.tasks[0].ended:
            self._listen(None)
        return bool(self.tasks)

    def _read(self) -> _Task | None:
        """Return a new task, or None at the source's end, and where too many wait for an earlier one."""
        if len(self.tasks) >= self._workers.count * _AHEAD:
            return None
        try:
            part = next(self._parts, None)
        except Exception as error:  # noqa: BLE001 - raised once the chunks before it are yielded
            self.failure, part = error, None
        if part is None:
            self._parts = iter(())
            return None
        self.tasks.append(_Task(part))
        return self.tasks[-1]

    def _take(self) -> bool:
        """Begin with a part in this process, if there is one."""
        self._own = self._refused.popleft() if self._refused else self._read()
        if self._own is None:
            return False
        self._chunks = map_part(self._mapper, self._own.part)
        return True

    def _map_chunk(self) -> None:
        assert self._own is not None
        try:
            if (chunk := next(self._chunks, None)) is not None:
                self._own.chunks.append(chunk)
                return
        except Exception as error:  # noqa: BLE001 - raised when it is the part's turn
            self._own.error = error
        self._own.ended, self._own = True, None

    # Workers.

    def _begin(self, worker: Worker) -> None:
        try:
            worker.begin(self._mapper.compile_args())
        except OSError:
            self._lose(worker)

    def _send(self, worker: Worker, task: _Task) -> None:
        try:
            worker.send(task)
        except OSError:
            self._lose(worker)

    def _listen(self, seconds: float | None) -> None:
        """Take what workers have to say; wait so long for it (None: until there is something)."""
        heard = wait([worker.connection for worker in self._crew], seconds)
        for worker in [one for one in self._crew if one.connection in heard]:
            task = worker.task
            try:
                worker.receive()
            except (EOFError, OSError):
                self._lose(worker)
                continue
            if task is not None and not task.ended:
                self._refused.append(task)

    def _lose(self, worker: Worker) -> None:
        """Let another worker do what one that died was at."""
        self._crew.remove(worker)
        worker.dismiss()
        task = worker.task
        if task is None:
            _LOG.warning("a worker process died before it mapped a row; the run goes on without it")
        elif task.lost:
            task.error, task.ended = _died_twice(task), True
        else:
            task.lost = True
            self._lost.append(task)
            _LOG.warning("a worker process died; the rows from %s on are mapped once more", _place(task))
            self._begin(self._workers.hire())
        if not self._crew:
            for left in self._lost:
                left.error, left.ended = _died_twice(left), True
            self._lost.clear()


def _died_twice(task: _Task) -> StoppedEarly:
    return StoppedEarly(
        f"a worker process died twice over the rows from {_place(task)} on",
        "is there memory enough? `--workers 1` does without workers, and shows what goes wrong",
    )


def _place(task: _Task) -> str:
    row = next(iter(task.part.rows()), None)
    if row is None:
        return "the beginning"
    return f"row {row.number if isinstance(row, Row) else row.row}"


# In a worker.


def _serve(connection: Connection, converters: tuple[str, ...]) -> None:
    """Be a worker: leave Ctrl-C to the process that asked, and go when it goes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_leave_with_parent, daemon=True).start()
    answer_parts(connection, converters)


def _leave_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def answer_parts(connection: Connection, converters: tuple[str, ...] = ()) -> None:
    """Compile the mapping that comes first, then map the parts that come, until nobody is there any more."""
    # Not above, for the process that asked starts its workers before it loads these itself.
    from opusmap import sources  # noqa: F401, PLC0415 - parts that come are its
    from opusmap.compiler import Mapper  # noqa: PLC0415

    try:
        mapper = Mapper.from_compile_args(connection.recv(), converters)
        connection.send(None)
        while True:
            part = connection.recv()
            connection.send(_map_whole(mapper, part))
    except (EOFError, OSError):
        return


def _map_whole(mapper: Mapper, part: Part) -> list[Chunk] | None:
    """Map a part; None where that fails: the process that asked maps it itself then, and sees why."""
    try:
        return list(map_part(mapper, part))
    except Exception:  # noqa: BLE001 - not every exception can travel
        return None


def map_part(mapper: Mapper, part: Part) -> Iterator[Chunk]:
    """Yield the chunks of a part."""
    rows = iter(part.rows())
    while chunk := list(islice(rows, CHUNK_ROWS)):
        yield mapper.map_chunk(chunk)
