"""Long work of the studio: a check of the whole file, a run. Each in a thread; the page may come and go.

Owns progress and stopping. The work itself is the command line's: `run.check`, `run.submit`.
"""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from opusmap.errors import OpusmapError, StoppedEarly
from opusmap.report import Report

_STOP_SECONDS = 20.0
_BUG = "this is a bug in opusmap"


@dataclass(eq=False)
class Job:
    """Work that goes on, or has ended.

    Attributes:
        number: names it.
        kind: `check`, `rehearse`, `send`, `retry`.
        mapping: the name of its mapping.
        report: the totals so far.
        error: why it did not end as it should.
        result: what it leaves for its screen.
        about: what its screen knows of it from its beginning on.
        version: grows with each change, for those who watch.
    """

    number: int
    kind: str
    mapping: str
    report: Report = field(default_factory=Report)
    error: OpusmapError | None = None
    result: Any = None
    about: Any = None
    version: int = 0
    started: float = field(default_factory=time.time)
    ended: float | None = None
    stopping: threading.Event = field(default_factory=threading.Event)
    _on_stop: list[Callable[[], object]] = field(default_factory=list)
    _thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether it still goes on."""
        return self.ended is None

    def note(self, report: Report) -> None:
        """Take the totals as they are now."""
        self.report = report
        self.version += 1

    def on_stop(self, act: Callable[[], object]) -> None:
        """Have something done when the work is to stop; at once, if it is already."""
        self._on_stop.append(act)
        if self.stopping.is_set():
            act()

    def stop(self) -> None:
        """Ask the work to stop: requests in flight end, what is done is kept."""
        self.stopping.set()
        self.version += 1
        for act in list(self._on_stop):
            act()

    def wait(self, seconds: float | None = None) -> None:
        """Wait until it has ended."""
        if self._thread is not None:
            self._thread.join(seconds)


class Jobs:
    """The jobs of a studio, the latest of each kind and mapping."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self._jobs: dict[int, Job] = {}
        self._lock = threading.Lock()

    def start(self, kind: str, mapping: str, work: Callable[[Job], Any], about: Any = None) -> Job:
        """Begin work in its own thread; `work` returns the job's result. See `Job.about`.

        A job of the same kind for the same mapping that still goes on is returned instead.
        """
        with self._lock:
            now = self.latest(mapping, kind)
            if now is not None and now.running:
                return now
            job = Job(next(self._numbers), kind, mapping, about=about)
            for old in [one for one in self._jobs.values() if (one.kind, one.mapping) == (kind, mapping)]:
                del self._jobs[old.number]
            self._jobs[job.number] = job

        def run() -> None:
            try:
                job.result = work(job)
            except OpusmapError as error:
                job.error = error
            except Exception:
                job.error = StoppedEarly(_BUG, "report it with what the terminal shows, and try again")
                raise  # the thread prints where
            finally:
                job.ended = time.time()
                job.version += 1

        job._thread = threading.Thread(target=run, name=f"opusmap-{kind}", daemon=True)  # noqa: SLF001 - its maker
        job._thread.start()  # noqa: SLF001
        return job

    def find(self, number: int) -> Job | None:
        """Return a job by its number."""
        return self._jobs.get(number)

    def latest(self, mapping: str, *kinds: str) -> Job | None:
        """Return the newest job of a mapping, of one of these kinds."""
        found = [one for one in self._jobs.values() if one.mapping == mapping and one.kind in kinds]
        return max(found, key=lambda job: job.number, default=None)

    def running(self, mapping: str | None = None) -> tuple[Job, ...]:
        """Return the jobs that go on, of one mapping or of all."""
        jobs = self._jobs.values()
        return tuple(one for one in list(jobs) if one.running and mapping in (None, one.mapping))

    def close(self) -> None:
        """Stop all jobs, and wait a little for them: a run ends its requests and writes its journal."""
        running = self.running()
        for job in running:
            job.stop()
        until = time.monotonic() + _STOP_SECONDS
        for job in running:
            job.wait(max(0.0, until - time.monotonic()))
