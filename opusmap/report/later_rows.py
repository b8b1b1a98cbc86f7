"""Which rows of a run that needed attention later runs dealt with, and which of them are still open.

Owns naming rows; `later_runs` counts them. A retry's rows have the numbers of the source, so the journal
and the reasons for rejects say what became of most. What became of the others is known where the counts leave
one answer for all of them. Row keys of rejected rows are only in the files of rejects.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from opusmap.errors import SourceError
from opusmap.journal import OPEN_STATES, State
from opusmap.journal.models import PRUNED
from opusmap.output_files import hash_file
from opusmap.report.later_runs import Later, LaterRuns
from opusmap.report.provenance import Evidence
from opusmap.report.rejected_rows import read_keys_by_row
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.journal import Run

Fate = Literal["sent", "filtered", "open", "deleted", "unknown"]

NAMED = 10
"""Rows that a sentence names at most."""
_KEYS = 200_000
"""Rows of one file of rejects whose keys are read at most."""


@dataclass(frozen=True, slots=True)
class LaterRow:
    """What became of a row: its number and row key ("" if not known), and by which run, if that is known."""

    number: int
    key: str
    fate: Fate
    run: int | None = None

    def describe(self) -> str:
        """Return what became of it, to be put beside it.

        >>> LaterRow(3, "CT-3", "sent", 2).describe()
        'sent by run 2'
        """
        match self.fate:
            case "sent":
                return "in Opus" if self.run is None else f"sent by run {self.run}"
            case "filtered":
                return "excluded by “where”"
            case "open":
                return "still open"
            case "deleted":
                return "deleted from the rejects file"
        return "not known whether it was sent"

    def name(self) -> str:
        """Return its number and key for a person.

        >>> LaterRow(3, "CT-3", "open").name(), LaterRow(4, "", "open").name()
        ('row 3 (CT-3)', 'row 4')
        """
        return f"row {self.number} ({self.key})" if self.key else f"row {self.number}"


@dataclass(frozen=True, slots=True)
class LaterRows:
    """What became of the rows of a run that needed attention, by number, as far as their numbers are known.

    `more` is how many rows that still need attention have no known number. `pruned`: the records of a run
    that might have shown it were pruned.
    """

    rows: Mapping[int, LaterRow] = field(default_factory=dict)
    more: int = 0
    pruned: bool = False

    def left(self) -> list[LaterRow]:
        """Return the rows that are certainly not dealt with, by number."""
        return [self.rows[number] for number in sorted(self.rows) if self.rows[number].fate in _LEFT]

    def numbers(self, fate: Fate) -> list[int]:
        """Return the numbers of the rows of which the same became."""
        return [number for number in sorted(self.rows) if self.rows[number].fate == fate]

    def group(self, numbers: Iterable[int]) -> dict[str, list[int]]:
        """Return those of some rows that needed attention, by what became of them."""
        found: dict[str, list[int]] = {}
        for number in numbers:
            if number in self.rows:
                found.setdefault(self.rows[number].describe(), []).append(number)
        return found

    def describe(self) -> str:
        """Return the first rows that are left, and how many may be, in sentences.

        >>> LaterRows({4: LaterRow(4, "CT-4", "open"), 5: LaterRow(5, "", "open")}, 1).describe()
        'Still open: row 4 (CT-4), row 5, and 1 more.'
        """
        return " ".join(self._sentences())

    def _sentences(self) -> Iterator[str]:
        for fate, title in _LEFT.items():
            names = [row.name() for row in self.left() if row.fate == fate]
            more = max(0, len(names) - NAMED) + (self.more if fate == "open" else 0)
            if names:
                rest = f", and {more:,} more" if more else ""
                yield f"{title}: {', '.join(names[:NAMED])}{rest}."
        if unknown := len(self.numbers("unknown")):
            why = ", because records were pruned" if self.pruned else ""
            yield f"Of {counted(unknown, 'row')} it is not known which were sent{why}."


_LEFT: Mapping[Fate, str] = {"open": "Still open", "deleted": "Deleted from the rejects file"}
"""What becomes of rows that are left, and how a sentence begins that names them."""


def find_rows(since: LaterRuns, run: Run, later: Later | None, *, keys: bool = True) -> LaterRows:
    """Return what later runs made of a run's rows, row by row; nothing if they dealt with none.

    Args:
        since: the runs from this one on.
        run: the run.
        later: what `since` has counted of it.
        keys: with row keys, which are made of cells.

    Raises:
        JournalError: the journal can't be read.
    """
    if later is None or not later.describe():
        return LaterRows()
    return _Search(since, run, later, keys=keys).find()


class _Search:
    """One search for the rows of a run."""

    def __init__(self, since: LaterRuns, run: Run, later: Later, *, keys: bool) -> None:
        self._journal = since.journal
        self._run, self._later, self._with_keys = run, later, keys
        self._traced = since.trace(run)
        self._keys = dict[int, str]()
        self._wanted = set[int]()
        self._sent = dict[int, int | None]()
        self._open = set[int]()

    def find(self) -> LaterRows:
        for run, is_last in self._traced:
            self._read(run, is_last=is_last)
        self._open -= self._sent.keys()
        rest = self._wanted - self._sent.keys() - self._open
        fate = self._decide()
        fates: dict[int, Fate] = {**dict.fromkeys(rest, fate), **dict.fromkeys(self._open, "open")}
        fates |= dict.fromkeys(self._sent, "sent")
        keys = self._keys if self._with_keys else {}
        rows = {
            number: LaterRow(number, keys.get(number, ""), fate, self._sent.get(number))
            for number, fate in sorted(fates.items())
            if number in self._wanted
        }
        named = sum(row.fate == "open" for row in rows.values())
        unknown = any(row.fate == "unknown" for row in rows.values())
        more = self._later.attention - named if self._later.exact and not unknown else 0
        pruned = any(PRUNED in run.counts for run, _ in self._traced)
        return LaterRows(rows, max(0, more), pruned)

    def _read(self, run: Run, *, is_last: bool) -> None:
        """Note what the journal and the file of rejects know of the rows of a run."""
        evidence = Evidence.read(self._journal.evidence(run))
        rejected = {number for reason in evidence.reasons for number in reason.rows}
        in_file, refused = self._read_file(evidence)
        pending = {one.row: one.key for one in self._journal.records(run, *OPEN_STATES)}
        if run.id == self._run.id:
            self._wanted |= rejected | in_file | pending.keys() | refused.keys()
        else:
            for one in self._journal.records(run, State.ACCEPTED):
                self._sent[one.row] = run.id
                self._keys.setdefault(one.row, one.key)
        self._find_refused(run, refused)
        self._open |= pending.keys()
        if is_last:
            self._open |= rejected | in_file
        self._keys = {**pending, **self._keys}

    def _read_file(self, evidence: Evidence) -> tuple[set[int], dict[int, str]]:
        """Return the rows of a run's file of rejects, if it is as it was, and the keys of those refused."""
        file = evidence.find("rejects")
        now = None if file is None else hash_file("rejects", file.path)
        in_file, refused = set[int](), dict[int, str]()
        if file is None or now is None:
            return in_file, refused
        try:
            for at, (number, key, codes) in enumerate(read_keys_by_row(file)):
                if at >= _KEYS:
                    return set(), refused
                in_file.add(number)
                self._keys.setdefault(number, key)
                if "refused-by-opus" in codes:
                    refused[number] = key
        except SourceError:  # a person has made something else of it
            return set(), refused
        return (in_file if now == file else set()), refused

    def _find_refused(self, run: Run, refused: Mapping[int, str]) -> None:
        """Note which rows that Opus refused in a run a later one sent: their records have these keys."""
        known = self._journal.find_records(run.origin, run.connection, set(refused.values()))
        for number, key in refused.items():
            record = known.get(key)
            if record is not None and record.state is State.ACCEPTED and record.run > run.id:
                self._sent[number] = record.run

    def _decide(self) -> Fate:
        """Return what became of all rows of which nothing else is known, if the counts leave one answer."""
        later = self._later
        left: dict[Fate, int] = {
            "sent": later.sent - len(self._sent),
            "filtered": later.filtered,
            "deleted": later.deleted,
            "open": later.attention - len(self._open),
        }
        found = [fate for fate, count in left.items() if count]
        return found[0] if later.exact and len(found) == 1 and left[found[0]] > 0 else "unknown"
