"""What later runs made of the rows of a run that need attention, as far as the journal knows.

Owns the count. A retry is known by the name of the file of rejects that it read. The journal has no keys of
rejected rows, so rows are counted here, and what is not certain counts as open; `later_rows` names them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from html import escape
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from opusmap.journal import OPEN_STATES, State
from opusmap.journal.models import PRUNED
from opusmap.wording import counted, was

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run

_HEAD = 4096
"""Bytes of a page in which its title is."""
_CELLS = b'<article class="row">'
"""What a page has that shows cells of rejected rows."""


@dataclass(frozen=True, slots=True)
class Later:
    """What became later of the `of` rows of a run that were rejected, refused, or of unknown end.

    `retries` are the runs that read the run's file of rejects, or that of such a run; `others` are runs that
    sent some of the rows all the same, such as retries of an older file of rejects. Later runs `sent` so
    many rows that Opus accepted; `filtered` are those that `where` excluded after a correction. `still_open`
    are the others: at most so many if not `exact`. `deleted` of them were not in a file of rejects any more
    when a retry read it: a person deletes a row that is not to be sent.
    `rejects` is the newest file of rejects that contains some of them, or "". `whole` is the latest run that
    read the same source again, with its number of rows.
    """

    of: int
    retries: tuple[int, ...] = ()
    sent: int = 0
    filtered: int = 0
    still_open: int = 0
    deleted: int = 0
    exact: bool = True
    rejects: str = ""
    whole: tuple[int, int] | None = None
    others: tuple[int, ...] = ()

    @property
    def attention(self) -> int:
        """How many rows still need attention: of those that were deleted, a person has decided."""
        return self.still_open - self.deleted

    def describe(self) -> str:
        """Return it as the rest of a sentence, without a full stop; "" if only the source was read again.

        >>> Later(13, (2,), 11, still_open=2, deleted=1).describe().partition("; ")[2]
        '1 still needs it, and 1 row was deleted from the rejects file, so no retry sent it'
        """
        if not (self.retries or self.sent):
            return ""
        by = f" by {self.name_later()}"
        if self.of == 1 and self.sent:
            return f"the row that needed attention was sent{by}"
        rows = f"{self.sent:,} of the {self.of:,} rows that needed attention {was(self.sent)} sent"
        found = f"{'the row that needed attention was not sent' if self.of == 1 else rows}{by}"
        if self.filtered:
            found += f", and “where” excluded {self.filtered:,}"
        if not self.still_open:
            return f"{found}; none needs it any more"
        needs = "needs it" if self.attention == 1 else "need it"
        needs = f"{'' if self.exact else 'at most '}{self.attention:,} still {needs}"
        if not self.deleted:
            return f"{found}; {needs}"
        return f"{found}; {f'{needs}, and ' if self.attention else ''}{self.describe_deleted()}"

    def name_later(self) -> str:
        """Return which runs dealt with rows, for a sentence.

        >>> Later(13, (2, 3), 11).name_later()
        'runs 2 and 3'
        """
        runs = sorted({*self.retries, *self.others})
        return name_runs(runs) if runs else "a later run"

    def describe_deleted(self) -> str:
        """Return how many rows were deleted from a file of rejects, as a sentence without a full stop.

        >>> Later(13, (2,), 11, still_open=2, deleted=2).describe_deleted()
        '2 rows were deleted from the rejects file, so no retry sent them'
        """
        rows, it = counted(self.deleted, "row"), "it" if self.deleted == 1 else "them"
        return f"{rows} {was(self.deleted)} deleted from the rejects file, so no retry sent {it}"

    def describe_whole(self) -> str:
        """Return which run read the whole source again, as a sentence without a full stop; "" if none did."""
        if self.whole is None:
            return ""
        run, rows = self.whole
        return f"Run {run} read this source again ({counted(rows, 'row')}): its report says how they are now"

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return {
            "rows": self.of,
            "retries": list(self.retries),
            "sent": self.sent,
            "filtered": self.filtered,
            "still_open": self.still_open,
            "exact": self.exact,
            "read_again_by": None if self.whole is None else self.whole[0],
        }


class LaterRuns:
    """The runs from one of them on, of which each is asked what later ones made of it."""

    def __init__(self, journal: Journal, first: int, before: int | None = None) -> None:
        """Look into the journal from the run with the number `first` on, up to those `before` another."""
        self.journal = journal
        self._known = {one.id: one for one in journal.runs()}
        numbers = (one for one in self._known if one >= first and (before is None or one < before))
        self._runs = [self._known[number] for number in sorted(numbers)]

    def _after(self, run: Run) -> list[Run]:
        """Return the later runs into the same connection of the same Opus."""
        return [one for one in self._runs if one.id > run.id and _target(one) == _target(run)]

    @cached_property
    def _left(self) -> dict[int, Mapping[str, Any]]:
        """What each run left for its report, plain."""
        return {one.id: self.journal.evidence(one) for one in self._runs}

    @cached_property
    def _retries(self) -> dict[int, list[Run]]:
        """The runs that read the file of rejects of each run."""
        found: dict[int, list[Run]] = {}
        written: dict[tuple[str, ...], int] = {}
        for one in self._runs:
            key, left = (*_target(one), PurePath(one.mapping).name), self._left[one.id]
            if (source := _name(left, "source")) and (before := written.get((*key, source))):
                found.setdefault(before, []).append(one)
            if rejects := _name(left, "rejects"):
                written[*key, rejects] = one.id
        return found

    def list_retries(self) -> dict[int, int]:
        """Return the runs that read a file of rejects, each with the run that wrote it, by number."""
        return {one.id: before for before, retries in self._retries.items() for one in retries}

    def trace(self, run: Run) -> list[tuple[Run, bool]]:
        """Return a run and the retries of its rejects, in their order, each with whether none retried it."""
        found = {run.id: (run, run.id not in self._retries)}
        for retry in self._retries.get(run.id, ()):
            found |= {one.id: (one, is_last) for one, is_last in self.trace(retry)}
        return [found[number] for number in sorted(found)]

    def list_others(self, run: Run) -> list[Run]:
        """Return the later runs of the mapping, other than retries of a run's rejects, that sent records."""
        own, name = {one.id for one, _ in self.trace(run)}, PurePath(run.mapping).name
        return [
            one
            for one in self._after(run)
            if one.id not in own and PurePath(one.mapping).name == name and one.counts.get("submitted")
        ]

    def find_same_rows(self, run: Run) -> list[Run]:
        """Return the later retries of other runs' rejects that have the row numbers of the run's source.

        That source comes from files, which are the same in both, byte for byte.
        """
        own, source = {one.id for one, _ in self.trace(run)}, self._list_source(run)
        later = (one for one in self._after(run) if source and one.id not in own)
        return [
            one
            for one in later
            if self._left[one.id].get("rows_of") is not None and self._list_source(one) == source
        ]

    def _list_source(self, run: Run) -> list[tuple[str, str]]:
        """Return the files whose row numbers a run's rows have, by name and hash; [] if there are none."""
        left = self._left[run.id] if run.id in self._left else self.journal.evidence(run)
        if (number := left.get("rows_of")) is not None:
            read = self._known.get(number)
            return [] if read is None else self._list_source(read)
        files = left.get("files", ()) if left.get("retried") is None else ()
        return [(PurePath(str(one["path"])).name, one["sha256"]) for one in files if one["role"] == "source"]

    def has_newer_rejects(self, run: Run) -> bool:
        """Return whether a later run of the mapping wrote a file of rejects, which `retry` takes then."""
        name = PurePath(run.mapping).name
        return any(
            PurePath(one.mapping).name == name and _name(self._left[one.id], "rejects")
            for one in self._after(run)
        )

    def find(self, run: Run) -> Later | None:
        """Return what the counts say of what later runs made of a run's rows; None if they made nothing.

        `read_later` finds more of them.
        """
        found = self.count(run)
        return found if found is not None and (found.retries or found.sent or found.whole) else None

    def count(self, run: Run) -> Later | None:
        """Return the same, even if they made nothing; None if no row needed attention, or no run is later."""
        of = sum(run.counts.get(name, 0) for name in ("rejected", "failed", "uncertain"))
        if not of or not self._after(run):
            return None
        found, whole = self._settle(run), self._find_whole(run)
        still_open = of - found.sent - found.filtered
        deleted = min(found.deleted, still_open) if found.exact else 0
        return replace(found, of=of, still_open=still_open, deleted=deleted, whole=whole)

    def _settle(self, run: Run) -> Later:
        """Return what later runs made of a run's rows, without what is open."""
        rejected, failed, uncertain = (run.counts.get(one, 0) for one in ("rejected", "failed", "uncertain"))
        retries = [(retry, self._settle(retry)) for retry in self._retries.get(run.id, ())]
        if not retries:
            sent, exact = self._count_accepted(run, failed + uncertain, *OPEN_STATES)
            name = _name(self._left[run.id], "rejects") if rejected + failed else ""
            return Later(0, sent=sent, exact=exact, rejects=name)
        in_file = rejected + failed
        # Of several retries of one file it is not known whether they sent the same rows: the best one counts.
        retry, after = max(retries, key=lambda one: _in_opus(one[0]) + one[1].sent)
        sent = min(in_file, _in_opus(retry) + after.sent)
        filtered = min(in_file - sent, retry.counts.get("filtered", 0) + after.filtered)
        read = retry.counts.get("read", 0)
        exact = len(retries) == 1 and after.exact and (not failed or read >= in_file)
        others, sure = self._count_accepted(run, uncertain, State.UNCERTAIN, State.PENDING)
        numbers = {one.id for one, _ in retries}.union(*(each.retries for _, each in retries))
        file = next((each.rejects for _, each in reversed(retries) if each.rejects), "")
        # A retry that ended early may not have come to the rows that it did not read.
        deleted = max(0, in_file - read) if retry.ending == "done" else 0
        return Later(
            0,
            tuple(sorted(numbers)),
            sent + others,
            filtered,
            deleted=deleted + after.deleted,
            exact=(exact and sure) or sent + filtered + others == in_file + uncertain,
            rejects=file,
        )

    def _count_accepted(self, run: Run, of: int, *states: State) -> tuple[int, bool]:
        """Return how many of a run's records later runs sent, and whether that is exact.

        `of` were in one of the `states` at the run's end. A record belongs to the run that sent it last.
        The later runs' open records may be among them.
        """
        if not of:
            return 0, True
        if PRUNED in run.counts:
            return 0, False
        taken = max(0, of - sum(1 for _ in self.journal.records(run, *states)))
        later = self._after(run)
        if taken and any(PRUNED in one.counts for one in later):
            return 0, False
        unsure = sum(1 for one in later for _ in self.journal.records(one, *OPEN_STATES)) if taken else 0
        return max(0, taken - unsure), not unsure

    def _find_whole(self, run: Run) -> tuple[int, int] | None:
        """Return the latest run that read the run's source again to its end, and its number of rows."""
        key = self._left[run.id].get("source"), PurePath(run.mapping).name
        for one in reversed(self._after(run)):
            left, read = self._left[one.id], one.counts.get("read", 0)
            is_same = key[0] and (left.get("source"), PurePath(one.mapping).name) == key
            if is_same and read and one.ending == "done" and left.get("retried") is None:
                return one.id, read
        return None


def name_runs(runs: Iterable[int]) -> str:
    """Return the numbers of runs for a sentence.

    >>> name_runs([2]), name_runs([2, 3, 5])
    ('run 2', 'runs 2, 3 and 5')
    """
    *most, last = map(str, runs)
    return f"runs {', '.join(most)} and {last}" if most else f"run {last}"


def find_pages(folder: Path, runs: Iterable[int], name: str) -> dict[int, str]:
    """Return the names of the pages in a folder that are about some runs, by number.

    A page has a name that `report --html` gives it; it counts if its title has the run and the mapping. Of
    two pages of a run, it is the later one.

    Args:
        folder: where to look.
        runs: the numbers of the runs.
        name: of the mapping's file.
    """
    found = dict[int, str]()
    for run in runs:
        pages = (page_name(run, later=True), page_name(run))
        page = next((one for one in pages if _is_page_of(folder / one, run, name)), None)
        if page is not None:
            found[run] = page
    return found


def find_page_with_cells(folder: Path, run: int, name: str) -> str:
    """Return the name of a run's first page if it is in a folder and shows cells of rejected rows, or "".

    Args:
        folder: where to look.
        run: its number.
        name: of the mapping's file.
    """
    page = folder / page_name(run)
    if not _is_page_of(page, run, name):
        return ""
    try:
        return page.name if _CELLS in page.read_bytes() else ""
    except OSError:
        return ""


def _is_page_of(page: Path, run: int, name: str) -> bool:
    try:
        with page.open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except OSError:
        return False
    title = head.partition("<title>")[2].partition("</title>")[0].lower()
    return title.endswith(f" {escape(name)}".lower()) and f"run {run} " in title


def page_name(run: int, *, later: bool = False) -> str:
    """Return the name of a run's page, unless a person names another; of a `later` one, beside the first."""
    return f"opusmap-run-{run}{'-later' if later else ''}.html"


def _name(left: Mapping[str, Any], role: str) -> str:
    """Return the name of the first file with a role that a run left for its report; "" if there is none."""
    path = next((str(file["path"]) for file in left.get("files", ()) if file.get("role") == role), "")
    return PurePath(path).name


def _target(run: Run) -> tuple[str, str]:
    return run.origin, run.connection


def _in_opus(run: Run) -> int:
    return run.counts.get("submitted", 0) + run.counts.get("unchanged", 0)
