"""Where the rows of a run are now: in Opus, by which run, or where else. All lines add up to the rows read.

Owns the sentence that the terminal and the page begin with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opusmap.report.later_rows import Fate, LaterRows, find_rows
from opusmap.report.later_runs import Later, LaterRuns
from opusmap.report.provenance import Evidence
from opusmap.report.status import is_rehearsal
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run


@dataclass(frozen=True, slots=True)
class Place:
    """How many rows are in one place, in words, and whether that is Opus."""

    words: str
    count: int
    in_opus: bool = False


@dataclass(frozen=True, slots=True)
class RowPlaces:
    """Where the `read` rows of a run are now.

    Their counts add up to `read`. If not `exact`, more rows may be in Opus, and fewer may be open. `opus` is
    the name of what has the records: Opus, or the emulator.
    """

    places: tuple[Place, ...]
    read: int
    exact: bool = True
    opus: str = "Opus"

    @property
    def in_opus(self) -> int:
        """How many rows are in Opus, at least."""
        return sum(place.count for place in self.places if place.in_opus)

    def describe(self) -> str:
        """Return it as sentences.

        >>> RowPlaces((Place("sent by run 1", 2, True), Place("still open", 1)), 3).describe()
        'In Opus: 2 of 3 rows (2 sent by run 1). Not in Opus: 1 still open.'
        """
        inside, outside = (
            [place for place in self.places if place.in_opus is in_opus] for in_opus in (True, False)
        )
        least, rows = "" if self.exact else "at least ", counted(self.read, "row")
        found = f"{least}{self.in_opus:,} of {rows}" if outside or self.read == 1 else f"all {rows}"
        how = f" ({_list(inside)})" if inside else ""
        others = f" Not in {self.opus}: {_list(outside)}." if outside else ""
        return f"In {self.opus}: {found}{how}.{others}"


def _list(places: Iterable[Place]) -> str:
    return ", ".join(f"{place.count:,} {place.words}" for place in places)


def find_places(run: Run, evidence: Evidence, later: Later | None, rows: LaterRows) -> RowPlaces | None:
    """Return where the rows of a run are now; None if the run has not counted its rows.

    Args:
        run: the run.
        evidence: what it left for its report.
        later: what later runs made of its rows, if anything.
        rows: the same, row by row.
    """
    if not run.counts.get("read"):
        return None
    by_later = None if later is None or not later.describe() else later
    any_earlier = evidence.rejected_in_opus or evidence.rejected_deleted
    are_known = not (any_earlier and (rows.more or rows.numbers("unknown")))
    exact = by_later is None or (by_later.exact and are_known)
    found = _find_own(run, evidence) if by_later is None else _find_later(run, by_later, rows, exact=exact)
    places = tuple(place for place in (*_find_sent(run), *found) if place.count)
    return RowPlaces(places, run.counts["read"], exact, "the emulator" if is_rehearsal(run) else "Opus")


def describe_source(journal: Journal, evidence: Evidence) -> str:
    """Return where all rows are that the run read whose rejects a retry tried again; "" for another run.

    Args:
        journal: which knows the runs.
        evidence: what the retry left for its report.

    Raises:
        JournalError: the journal can't be read.
    """
    run = next((one for one in journal.runs() if one.id == evidence.rows_of), None)
    if run is None:
        return ""
    since = LaterRuns(journal, run.id)
    later = since.find(run)
    places = find_places(
        run, Evidence.read(journal.evidence(run)), later, find_rows(since, run, later, keys=False)
    )
    return "" if places is None else f"Run {run.id} read the source. {places.describe()}"


def _find_sent(run: Run) -> Iterator[Place]:
    yield Place(f"sent by run {run.id}", run.counts.get("submitted", 0), in_opus=True)
    yield Place("unchanged", run.counts.get("unchanged", 0), in_opus=True)


def _find_own(run: Run, evidence: Evidence) -> Iterator[Place]:
    """Yield where the other rows are if no later run dealt with any."""
    rekeyed, deleted = 0 if evidence.gone is None else evidence.gone.rekeyed, evidence.rejected_deleted
    yield from _find_earlier(evidence.rejected_in_opus - rekeyed, rekeyed)
    yield Place("filtered", run.counts.get("filtered", 0))
    yield Place(_DELETED_EARLIER, deleted)
    yield Place("rejected", run.counts.get("rejected", 0) - evidence.rejected_in_opus - deleted)
    yield Place("failed", run.counts.get("failed", 0))
    yield Place("uncertain", run.counts.get("uncertain", 0))
    yield Place("not sent", run.counts.get("not_sent", 0))


def _find_earlier(kept: int, rekeyed: int) -> Iterator[Place]:
    yield Place("rejected now but sent earlier", kept, in_opus=True)
    yield Place("sent earlier with another row key", rekeyed, in_opus=True)


_DELETED_EARLIER = "deleted from an earlier rejects file"


def _find_later(run: Run, later: Later, rows: LaterRows, *, exact: bool) -> Iterator[Place]:
    """Yield where the other rows are after later runs."""
    by_run = Counter(row.run for row in rows.rows.values() if row.fate == "sent")
    if by_run.total() == later.sent and None not in by_run:
        for number in sorted(one for one in by_run if one is not None):
            yield Place(f"sent by run {number}", by_run[number], in_opus=True)
    else:
        yield Place(f"sent by {later.name_later()}", later.sent, in_opus=True)
    fates: tuple[Fate, ...] = ("kept", "rekeyed", "deleted_earlier")
    kept, rekeyed, deleted = (len(rows.numbers(fate)) if later.exact else 0 for fate in fates)
    yield from _find_earlier(kept, rekeyed)
    yield Place("filtered", run.counts.get("filtered", 0) + later.filtered)
    yield Place(_DELETED_EARLIER, deleted)
    yield Place("still open" if exact else "still open at most", later.attention - kept - rekeyed - deleted)
    yield Place("deleted from the rejects file", later.deleted)
    yield Place("not sent", run.counts.get("not_sent", 0))
