"""The share of the only process that a journal lets write: all parts of a staged run, one after the other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from opusmap.journal.interface import Journal, Share
from opusmap.journal.models import PART_COUNTS, Progress, Run, StagedParts


class LoneShare(Share):
    """All parts, in order, for a run that has just been started. Which ones are done is known here alone."""

    def __init__(self, journal: Journal, run: Run, staged: StagedParts) -> None:
        self.run = run
        self._journal, self._staged = journal, staged
        self._next, self._done = 0, 0
        self._counts: Counter[str] = Counter(dict.fromkeys(PART_COUNTS, 0))
        self._requests = {"requests": 0, "retries": 0}

    async def take(self) -> int | None:
        if self._next == self._staged.parts:
            return None
        self._next += 1
        return self._next - 1

    async def finish(self, part: int, counts: Mapping[str, int]) -> None:  # noqa: ARG002 - it knows them all
        self._done += 1
        self._counts.update(counts)

    def note_requests(self, requests: int, retries: int) -> None:
        self._requests = {"requests": requests, "retries": retries}

    async def look(self) -> Progress:
        if self._done == self._staged.parts and self.run.finished is None:
            self._end("done")
        return self._progress(processes=1)

    async def leave(self, ending: str, counts: Mapping[int, Mapping[str, int]]) -> Progress:
        for part in counts.values():
            self._counts.update(part)
        if self.run.finished is None:
            self._end(ending)
        return self._progress(processes=0)

    def _end(self, ending: str) -> None:
        counts = self._staged.total({**self._counts, **self._requests})
        self.run = self._journal.finish_run(self.run, ending=ending, counts=counts)

    def _progress(self, processes: int) -> Progress:
        taken = self._next - self._done if processes else 0
        free = self._staged.parts - self._done - taken
        return Progress(self.run, self._done, taken, free, processes, {**self._counts, **self._requests})
