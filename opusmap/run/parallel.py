"""Worker processes: parts of a source go out, chunks of records come back, in order.

Owns the processes, and what happens when one dies. A worker compiles the mapping for itself (custom
converters from their files) and maps parts; keys, counts and files stay with the process that asked, so that
totals are exact and the order is the source's.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import BrokenExecutor, Executor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from multiprocessing import resource_tracker
from typing import TYPE_CHECKING, Any, Self

from opusmap.errors import StoppedEarly
from opusmap.records import Chunk, Reject, Row
from opusmap.run.duplicates import RowAt
from opusmap.sources.batches import CellPart

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

    from opusmap.compiler import Mapper
    from opusmap.run.open import Work
    from opusmap.sources import Part

CHUNK_ROWS = 50
"""Rows mapped at a time: enough to make a chunk cost little, few enough for rows of a million characters."""

_LOG = logging.getLogger("opusmap.run")
_AHEAD = 4
"""Parts for each process that are out, or wait for an earlier one, at most: so memory stays bounded."""
_MOST_PROCESSES = 61
"""What Windows can wait for."""


class Workers:
    """Processes that map parts, for one run; use them as a context. They start with the first part.

    Attributes:
        count: how many there are. With one, the calling process maps.
        as_needed: whether it is to use one process more as soon as mapping fills its core.
    """

    def __init__(
        self,
        count: int | None,
        converters: Iterable[str] = (),
        make: Callable[[int, Callable[..., None], tuple[Any, ...]], Executor] | None = None,
    ) -> None:
        """Make them.

        Args:
            count: how many; None for one as needed.
            converters: files with custom converters, which a worker loads.
            make: makes the executor of so many processes, which begin with a function and its arguments.
        """
        self.count = 1 if count is None or _FOLDER_COMES_FIRST else min(count, _MOST_PROCESSES)
        self.as_needed = count is None and not _FOLDER_COMES_FIRST and _count_cores() > 1
        self._converters = tuple(converters)
        self._make = make or make_processes
        self._executor: Executor | None = None

    def map_parts(self, work: Work, parts: Iterator[Part] | None = None) -> MappedParts:
        """Return the parts of a source as they are mapped: all, or those that are left of them."""
        return MappedParts(work, self, iter(work.source.parts()) if parts is None else parts)

    def submit(self, mapper: Mapper, part: Part) -> Future[list[Chunk]]:
        """Let a worker map a part.

        Raises:
            BrokenExecutor: a worker has died; `restart` them.
        """
        with _modules_of_folder_hidden():  # a process may start
            if self._executor is None:
                begin = (mapper.compile_args(), self._converters)
                self._executor = self._make(self.count, _begin, begin)
                if sys.platform != "win32":
                    # Else the first start of a worker does that, and lets Ctrl-C through again.
                    resource_tracker.ensure_running()
            with _interrupts_held():
                return self._executor.submit(_map_whole, part)

    def restart(self) -> None:
        """Send the workers away; the next part starts others."""
        if self._executor is not None:
            self._executor.shutdown(cancel_futures=True)
            self._executor = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.restart()


def _count_cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def make_processes(count: int, begin: Callable[..., None], args: tuple[Any, ...]) -> Executor:
    """Return an executor of so many processes."""
    # "spawn" is what Windows and macOS have; a fork of a process with threads may hang.
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(count, context, begin, args)


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
    if sys.platform == "win32":
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@dataclass(eq=False)
class MappedPart:
    """A part that a worker maps."""

    part: Part
    future: Future[list[Chunk]]

    @cached_property
    def rows(self) -> list[Row | Reject]:
        """The part's rows, made again."""
        return list(self.part.rows())

    def row(self, place: int) -> Row | Reject:
        """Return one row, by its place in the part: of a duplicate, or of a record that Opus refused."""
        return self.part.row(place) if isinstance(self.part, CellPart) else self.rows[place]


class NoWorkerError(Exception):
    """No worker maps a part: this process does."""


class MappedParts:
    """The parts of a source that are being mapped, in order. Wait for the `head`, then take its chunks."""

    def __init__(self, work: Work, workers: Workers, parts: Iterator[Part]) -> None:
        self._mapper, self._workers, self._parts = work.mapper, workers, parts
        self._ahead = deque[MappedPart]()
        self._failure: Exception | None = None
        self._breaks = 0
        self._maps_here = False

    def head(self) -> MappedPart | None:
        """Return the part whose chunks come next, and have those after it mapped; None at the end.

        Raises:
            Exception: what the source raised, once the chunks before it are taken.
            StoppedEarly: workers die again and again.
        """
        while self._failure is None and len(self._ahead) < self._workers.count * _AHEAD:
            try:
                part = next(self._parts, None)
            except Exception as error:  # noqa: BLE001 - raised once the chunks before it are taken
                self._failure = error
                break
            if part is None:
                break
            self._ahead.append(MappedPart(part, Future()))
            self._send(self._ahead[-1])
        if self._ahead:
            return self._ahead[0]
        if self._failure is not None:
            raise self._failure
        return None

    def take(self) -> Iterator[tuple[Chunk, RowAt]]:
        """Yield the head's chunks, each with what gives its rows by their place.

        There are none where a worker died over a part: it is mapped again, and remains the head.

        Raises:
            StoppedEarly: one died again.
        """
        head = self._ahead[0]
        chunks: list[Chunk] | None
        try:
            chunks = head.future.result()
        except BrokenExecutor:
            self._restart()
            return
        except Exception:  # noqa: BLE001 - not every part and not every chunk can travel
            chunks = None
        self._ahead.popleft()
        self._breaks = 0
        found = map_part(self._mapper, head.rows) if chunks is None else iter(chunks)  # that shows why
        start = 0
        for chunk in found:
            yield chunk, lambda place, start=start: head.row(start + place)  # type: ignore[misc]
            start += len(chunk)

    def _send(self, part: MappedPart) -> None:
        part.future = Future()
        if self._maps_here:
            part.future.set_exception(NoWorkerError())
            return
        try:
            part.future = self._workers.submit(self._mapper, part.part)
        except BrokenExecutor as error:
            part.future.set_exception(error)

    def _restart(self) -> None:
        """Map what the dead workers left: by new workers, or here, if `--workers` was not given."""
        self._breaks += 1
        head = self._ahead[0]
        self._workers.restart()
        if self._breaks > 1 and not self._workers.as_needed:
            raise StoppedEarly(
                f"a worker process died twice on the rows from {_place(head)} on",
                "is there enough memory? `--workers 1` uses no workers, and shows what goes wrong",
            )
        self._maps_here = self._breaks > 1
        words = "this process maps the rest" if self._maps_here else "they are mapped again"
        _LOG.warning("a worker process died on the rows from %s on; %s", _place(head), words)
        for part in self._ahead:
            if not part.future.done() or part.future.cancelled() or part.future.exception() is not None:
                self._send(part)


def _place(part: MappedPart) -> str:
    row = next(iter(part.part.rows()), None)
    if row is None:
        return "the beginning"
    return f"row {row.number if isinstance(row, Row) else row.row}"


# In a worker.


class _Worker:
    mapper: Mapper


def _begin(compile_args: Any, converters: tuple[str, ...]) -> None:
    """Be a worker: leave Ctrl-C to the process that asked, and go when it goes."""
    # Not above, for the process that asked starts its workers before it loads these itself.
    from opusmap import sources  # noqa: F401, PLC0415 - parts that come are its
    from opusmap.compiler import Mapper  # noqa: PLC0415

    if (parent := multiprocessing.parent_process()) is not None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        threading.Thread(target=_leave_with, args=(parent,), daemon=True).start()
    _Worker.mapper = Mapper.from_compile_args(compile_args, converters)


def _leave_with(parent: BaseProcess) -> None:
    parent.join()
    os._exit(1)


def _map_whole(part: Part) -> list[Chunk]:
    return list(map_part(_Worker.mapper, part.rows()))


def map_part(mapper: Mapper, rows: Iterable[Row | Reject]) -> Iterator[Chunk]:
    """Yield the chunks of some rows."""
    left = iter(rows)
    while chunk := list(islice(left, CHUNK_ROWS)):
        yield mapper.map_chunk(chunk)
