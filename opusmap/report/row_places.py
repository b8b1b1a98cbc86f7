"""What became of the rows of a run: accepted by Opus, from which run, or what else. It adds up.

Owns the sentence that the terminal and the page begin with.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from opusmap.report.later_rows import Fate, LaterRows, read_later
from opusmap.report.later_runs import Later, LaterRuns
from opusmap.report.provenance import Evidence
from opusmap.report.status import name_opus
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run


@dataclass(frozen=True, slots=True)
class Place:
    """How many rows came to one end, in words, and whether Opus accepted them.

    `older`: it accepted an older version of them, in an earlier run, and they need attention.
    """

    words: str
    count: int
    accepted: bool = False
    older: bool = False


@dataclass(frozen=True, slots=True)
class RowPlaces:
    """What became of the `read` rows of a run, as far as this run, those before and its retries tell.

    Their counts add up to `read`. If not `exact`, Opus may have accepted more rows, and fewer may be open.
    `opus` is the name of what accepts records: Opus, or the emulator. What happened to a record after that,
    such as its destruction, is left out; see `destroyed`.
    """

    places: tuple[Place, ...]
    read: int
    exact: bool = True
    opus: str = "Opus"

    @property
    def accepted(self) -> int:
        """How many rows Opus accepted, at least."""
        return sum(place.count for place in self.places if place.accepted)

    @property
    def older(self) -> int:
        """How many rows need attention of which Opus has the version that an earlier run sent."""
        return sum(place.count for place in self.places if place.older)

    def describe(self) -> str:
        """Return it as sentences.

        >>> RowPlaces((Place("sent by run 1", 2, True), Place("still open", 1)), 3).describe()
        'Opus accepted 2 of 3 rows (2 sent by run 1). Not accepted: 1 still open.'
        """
        inside, outside = (
            [place for place in self.places if place.accepted is accepted] for accepted in (True, False)
        )
        least, most = ("", "") if self.exact else ("at least ", ", at most")
        rows = counted(self.read, "row")
        found = f"{least}{self.accepted:,} of {rows}" if outside or self.read == 1 else f"all {rows}"
        how = f" ({_list(inside)})" if inside else ""
        others = f" Not accepted{most}: {_list(outside)}." if outside else ""
        return f"{self.opus[:1].upper()}{self.opus[1:]} accepted {found}{how}.{others}"


def _list(places: Iterable[Place]) -> str:
    return ", ".join(f"{place.count:,} {place.words}" for place in places)


def find_places(run: Run, evidence: Evidence, later: Later | None, rows: LaterRows) -> RowPlaces | None:
    """Return what became of the rows of a run; None if the run has not counted its rows.

    Args:
        run: the run.
        evidence: what it left for its report.
        later: what later runs made of its rows, if anything.
        rows: the same, row by row.
    """
    if not run.counts.get("read"):
        return None
    gone = evidence.gone
    exact = not rows.others and (gone is None or gone.corrected == gone.rekeyed)
    if later is None or not later.describe():
        found = [*_find_own(run, evidence, rows)]
    else:
        may_have_records = evidence.rejected_in_opus or run.counts.get("failed")
        any_earlier = may_have_records or evidence.rejected_deleted
        are_known = not (any_earlier and (rows.more or rows.numbers("unknown")))
        earlier = [len(rows.numbers(fate)) if later.exact else 0 for fate in _BEFORE]
        # A row that an earlier retry sent, and of two retries of one file one as well, is in both counts.
        fits = sum(earlier) <= later.attention
        # Of rows that were deleted from the file, some may have a record from before.
        is_told = not (later.deleted and may_have_records)
        exact = exact and later.exact and are_known and fits and is_told
        found = [*_find_later(run, later, rows, earlier if fits else [0, 0, 0])]
    places = tuple(place for place in (*_find_sent(run), *found) if place.count)
    return RowPlaces(places, run.counts["read"], exact, name_opus(run))


_BEFORE: tuple[Fate, ...] = ("kept", "rekeyed", "deleted_earlier")
"""What became of rows before the run."""


def describe_source(journal: Journal, evidence: Evidence) -> str:
    """Return what became of all rows that the run read whose rejects a retry tried again; "" for another run.

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
    later, rows = read_later(since, run, keys=False)
    places = find_places(run, Evidence.read(journal.evidence(run)), later, rows)
    return "" if places is None else f"Run {run.id} read the source. {places.describe()}"


def _find_sent(run: Run) -> Iterator[Place]:
    yield Place(f"sent by run {run.id}", run.counts.get("submitted", 0), accepted=True)
    yield Place("unchanged", run.counts.get("unchanged", 0), accepted=True)


def _find_own(run: Run, evidence: Evidence, rows: LaterRows) -> Iterator[Place]:
    """Yield what became of the other rows if no later run dealt with any."""
    rekeyed, deleted = 0 if evidence.gone is None else evidence.gone.rekeyed, evidence.rejected_deleted
    refused = rows.count_refused()
    yield from _find_earlier(evidence.rejected_in_opus - rekeyed, rekeyed)
    yield Place("refused now but sent earlier", refused, accepted=True, older=True)
    yield Place("filtered", run.counts.get("filtered", 0))
    yield Place(_DELETED_EARLIER, deleted)
    yield Place("rejected", run.counts.get("rejected", 0) - evidence.rejected_in_opus - deleted)
    yield Place("failed", run.counts.get("failed", 0) - refused)
    yield Place("uncertain", run.counts.get("uncertain", 0))
    yield Place("not sent", run.counts.get("not_sent", 0))


def _find_earlier(kept: int, rekeyed: int) -> Iterator[Place]:
    yield Place("rejected now but sent earlier", kept, accepted=True, older=True)
    yield Place("sent earlier with another row key", rekeyed, accepted=True, older=True)


_DELETED_EARLIER = "deleted from an earlier rejects file"


def _find_later(run: Run, later: Later, rows: LaterRows, earlier: Sequence[int]) -> Iterator[Place]:
    """Yield what became of the other rows by later runs; `earlier` are the numbers of those of `_BEFORE`."""
    by_run = Counter(row.run for row in rows.rows.values() if row.fate == "sent")
    if by_run.total() == later.sent and None not in by_run:
        for number in sorted(one for one in by_run if one is not None):
            yield Place(f"sent by run {number}", by_run[number], accepted=True)
    else:
        yield Place(f"sent by {later.name_later()}", later.sent, accepted=True)
    kept, rekeyed, deleted = earlier
    yield from _find_earlier(kept, rekeyed)
    yield Place("filtered", run.counts.get("filtered", 0) + later.filtered)
    yield Place(_DELETED_EARLIER, deleted)
    yield Place("still open", later.attention - kept - rekeyed - deleted)
    yield Place("deleted from the rejects file", later.deleted)
    yield Place("not sent", run.counts.get("not_sent", 0))
