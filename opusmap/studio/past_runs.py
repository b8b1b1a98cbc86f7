"""What the journal knows of a mapping's runs, for the screens that send and report: read, never written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from opusmap.errors import SettingsError
from opusmap.journal import open_journal
from opusmap.journal.last_run import LastRun
from opusmap.report import Evidence
from opusmap.report.earlier_runs import ReasonChange, compare_reasons
from opusmap.report.later_rows import read_later
from opusmap.report.later_runs import LaterRuns
from opusmap.report.pages import write_run
from opusmap.report.status import Need, Status, describe_status, is_rehearsal, list_needs
from opusmap.report.summary import ENDS, label_end
from opusmap.run.history import find_journal, find_runs
from opusmap.settings import locate_journal

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run


@dataclass(frozen=True, slots=True)
class PastRun:
    """A run: what the journal has of it, what it left, how it went, and what in it needs a person."""

    run: Run
    evidence: Evidence
    status: Status
    needs: tuple[Need, ...]

    @property
    def to_emulator(self) -> bool:
        """Whether its records went to an emulator on this machine."""
        return is_rehearsal(self.run)

    @property
    def totals(self) -> tuple[tuple[str, str, int, str], ...]:
        """Where its rows ended: name, label, count, meaning."""
        return tuple(
            (name, label_end(name), self.run.counts.get(name, 0), meaning) for name, meaning in ENDS.items()
        )


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two runs side by side: label, count before, count after; and the reasons for rejects."""

    before: PastRun
    after: PastRun
    totals: tuple[tuple[str, int, int], ...]
    reasons: tuple[ReasonChange, ...]


class PastRuns:
    """The runs of one mapping, the latest first. Use it while its journal is open."""

    def __init__(self, journal: Journal | None, runs: tuple[Run, ...]) -> None:
        self._journal, self.runs = journal, runs

    @cached_property
    def _later(self) -> LaterRuns:
        assert self._journal is not None
        return LaterRuns(self._journal, self.runs[-1].id)

    def find(self, number: int | None = None) -> PastRun | None:
        """Return a run by its number, or the latest; None if there is none."""
        run = next((one for one in self.runs if number in (None, one.id)), None)
        if run is None or self._journal is None:
            return None
        evidence = Evidence.read(self._journal.evidence(run))
        later, _ = read_later(self._later, run, keys=False)
        return PastRun(run, evidence, describe_status(run, evidence, later), list_needs(run, evidence, later))

    def statuses(self) -> tuple[tuple[Run, Status], ...]:
        """Return all runs, each with how it went."""
        found = (self.find(run.id) for run in self.runs)
        return tuple((one.run, one.status) for one in found if one is not None)

    def compare(self, before: int, after: int) -> Comparison | None:
        """Return two runs side by side; None if one is not there."""
        old, new = self.find(before), self.find(after)
        if old is None or new is None:
            return None
        pairs = zip(old.totals, new.totals, strict=True)
        totals = tuple((label, count, now[2]) for (_, label, count, _), now in pairs)
        read = ("Read", old.run.counts.get("read", 0), new.run.counts.get("read", 0))
        return Comparison(old, new, (read, *totals), compare_reasons(old.evidence, new.evidence))

    def page(self, number: int, nonce: str) -> str:
        """Return the whole page of a run, as `opusmap report --html` makes it, its style with a nonce.

        Raises:
            SettingsError: there is no such run.
        """
        run = next((one for one in self.runs if one.id == number), None)
        if run is None or self._journal is None:
            raise SettingsError(
                f"run {number}",
                "the journal contains no such run of this mapping",
                "choose one from the list",
            )
        return write_run(self._journal, run, earlier=True, nonce=nonce)


@contextmanager
def open_past_runs(mapping: Path) -> Iterator[PastRuns]:
    """Open the runs of a mapping in the journal that `submit` uses for it; no run if it has none yet.

    Raises:
        JournalError: the journal can't be read, or is not there although the mapping had a run.
        SettingsError: the `.env` file beside the mapping can't be read.
    """
    journal = locate_journal({}, os.environ, mapping.parent)
    absent = isinstance(journal, Path) and not os.path.lexists(journal)
    if absent and LastRun(mapping).latest() is None:
        yield PastRuns(None, ())
        return
    with open_journal(find_journal(mapping, None, os.environ), write=False) as opened:
        yield PastRuns(opened, find_runs(opened, mapping))
