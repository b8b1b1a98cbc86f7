"""Counting a run: what became of each row, and why rows were rejected.

Owns the totals and their one law: every row read ends in exactly one place. Printing is the command
line's; what a page looks like is a later module's.
"""

from __future__ import annotations

import re
from bisect import insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import lru_cache
from typing import Any

from opusmap.converters.date_problems import First, choose_help, show_first
from opusmap.errors import OpusmapError
from opusmap.issues import Issue
from opusmap.records import Chunk, Reject
from opusmap.sources import FileChange
from opusmap.wording import counted, was

COUNTS = (
    "read",
    "mapped",
    "filtered",
    "rejected",
    "unchanged",
    "submitted",
    "failed",
    "uncertain",
    "not_sent",
    "requests",
    "retries",
    "trusted",
)
ENDS = {
    "submitted": "Opus accepted the record",
    "unchanged": "Opus already has the same record",
    "filtered": "the mapping's “where” excludes the row",
    "rejected": "the row can't become a record",
    "failed": "Opus refused the record",
    "uncertain": "it is not known whether Opus accepted it; the next run sends it again",
    "not_sent": "the run ended before its turn",
}
"""Where rows end: the name of the total, and what it means."""


def explain_end(name: str, opus: str) -> str:
    """Return what a total means where records went to `opus`: Opus, or the emulator.

    >>> explain_end("failed", "the emulator")
    'the emulator refused the record'
    """
    return ENDS[name].replace("Opus", opus)


MEANINGS = {
    "read": "rows of the source",
    "mapped": "rows that became a record",
    **ENDS,
    "requests": "calls of Opus; each takes up to 15 records",
    "retries": "requests that were sent again",
}
"""What each total means that a terminal shows."""


def label_end(name: str) -> str:
    """Return the label of a total on a page.

    >>> label_end("not_sent")
    'Not sent'
    """
    return name.replace("_", " ").capitalize()


NOT_OWN_RECORD = frozenset({"duplicate-key", "destroyed-record"})
"""Codes of rejected rows whose row key is that of another row's record, or of a record that is no more."""
FIRST_ROWS = 50
"""Row numbers that are kept for each reason."""


@dataclass(frozen=True, slots=True)
class Example:
    """What was wrong in a row, and what to do, where that is not what is to be done about the others."""

    row: int
    example: str
    help: str = ""


@dataclass(frozen=True, slots=True)
class Reason:
    """Why rows were rejected, or values replaced (or, as a note, what was odd): one column and code.

    `count` is how many rows, `rows` the first of them, `example` what was wrong in the first one. `others`
    are up to two more about values that are written in other ways.
    """

    column: str
    code: str
    count: int
    rows: tuple[int, ...]
    example: str
    help: str = ""
    others: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Shared:
    """How far a staged run has been sent: parts by what is with them, and how many processes send it now.

    `own` is what this process has counted, by the names of the report's totals, which are the whole run's.
    """

    done: int
    leased: int
    free: int
    processes: int
    own: Mapping[str, int]

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        parts = {"done": self.done, "leased": self.leased, "free": self.free}
        return {"parts": parts, "processes": self.processes, "process": dict(self.own)}


GONE_KEYS = 50
"""RowKeys of records that are gone that are kept for a run, at most."""


@dataclass(frozen=True, slots=True)
class Gone:
    """How many records that Opus accepted earlier were absent from the whole source, and the first rowKeys.

    Those whose row `where` excludes are among them. `unreadable` rejected rows have a key that can't be read,
    so that each of them may be the row of one of these records. `corrected` of the first records were sent
    from a file of rejects, in which a person may have corrected their keys. `rekeyed` of these are certainly
    the records of rows that the run rejected: there, a person gave them other row keys. `corrected_keys` and
    `rekeyed_keys` are the row keys of both, as far as they are known.
    """

    records: int
    keys: tuple[str, ...] = ()
    unreadable: int = 0
    corrected: int = 0
    rekeyed: int = 0
    corrected_keys: tuple[str, ...] = ()
    rekeyed_keys: tuple[str, ...] = ()

    def without_keys(self) -> Gone:
        """Return it as it may be kept with a run: without any row key."""
        return replace(self, keys=(), corrected_keys=(), rekeyed_keys=())

    def describe(self) -> str:
        """Return it as a sentence for a person."""
        named = f": {_show_first(self.keys, self.records)}" if self.keys else ""
        records = f"{counted(self.records, 'record')} accepted earlier {was(self.records)}"
        return f"{records} absent from the source{named}"

    def advise(self, opus: str = "Opus") -> str:
        """Return why a record may only seem to be gone, and what to do then, in sentences.

        `opus` is what took the records: Opus, or the emulator.

        >>> Gone(2, ("CT-7", "CT-8"), corrected=2).advise().partition(".")[0]
        'They were sent from a rejects file'
        >>> Gone(2, ("CT-7", "CT-8"), corrected=1, rekeyed=1).advise().partition(":")[0]
        '1 of them is right'
        >>> Gone(2, ("7", "8"), 0, 2, 1, ("7", "8"), ("8",)).advise()[:40]
        '1 of them (8) is right: the record of a '
        """
        found = []
        if self.rekeyed:
            is_one = self.rekeyed == 1
            are, rows = ("is", "a rejected row") if is_one else ("are", "rejected rows")
            record, key = ("the record", "row key was") if is_one else ("records", "row keys were")
            whose = f"{record} of {rows} whose {key} corrected in a rejects file"
            found.append(f"{self._name(self.rekeyed, self.rekeyed_keys)} {are} right: {whose}.")
        if perhaps := self.corrected - self.rekeyed:
            is_one = perhaps == 1
            if_corrected = "its row key was" if is_one else "their row keys were"
            right = "the record is right" if is_one else "these records are right"
            keys = tuple(key for key in self.corrected_keys if key not in self.rekeyed_keys)
            found.append(
                f"{self._name(perhaps, keys)} {was(perhaps)} sent from a rejects file. "
                f"If {if_corrected} corrected there, {right}: correct the source as well."
            )
        if self.records > self.corrected:
            found.append(advise_on_changed_key(opus, "one of the others" if found else "a row"))
        return " ".join(found)

    def _name(self, count: int, keys: Sequence[str]) -> str:
        if count < self.records:
            return f"{count:,} of them" + (f" ({_show_first(keys, count)})" if len(keys) == count else "")
        return "It" if count == 1 else "They"


def _show_first(keys: Sequence[str], count: int) -> str:
    return ", ".join(keys[:_GONE_SHOWN]) + (" …" if count > _GONE_SHOWN else "")


_GONE_SHOWN = 5


def advise_on_changed_key(opus: str, row: str = "a row") -> str:
    """Return what it means if the row key of a row changed, and what to do then, as a sentence."""
    has = f"If the row key of {row} changed, {opus} has a record under each of its keys"
    remove = ": have the wrong record removed in Opus, and" if opus == "Opus" else ", as Opus would:"
    return f"{has}{remove} keep the right key in the source."


@dataclass(frozen=True, slots=True)
class Report:
    """What became of every row of a run.

    `read = filtered + rejected + unchanged + submitted + failed + uncertain + not_sent`, always; where
    nothing is sent (`map`, `check`), what was mapped is `not_sent`. `seconds` is wall-clock time;
    `stopped` is why the run ended before its source did; `concurrency`, while it goes on, how many requests
    may be in flight. `replaced` tells in how many of the rows that were `mapped` `on_error` or a `default`
    replaced a wrong value. `trusted` are those of the submitted that nothing but an HTTP status
    says were taken. `source_changed` are files of the source that changed while it was read.
    `journal_note` is what was odd about the journal, in sentences: it is older than the last run, say.
    `waiting`, while a run goes on, says why nothing is sent just now. `state` is the newest state of a Singer
    tap, as JSON, that may be kept: all rows before it have been dealt with. `shared`: a staged run is sent.
    `gone` is known at the end of a run that read a whole source, and None otherwise. `rejected_in_opus` are
    those of the rejected rows whose record Opus accepted in an earlier run, perhaps under a key that was
    corrected in a rejects file: it stays as it was. `rejected_deleted` are those that a person deleted there.
    `total_row` is how to exclude the last row, where that was rejected and looks like a total.
    """

    read: int = 0
    mapped: int = 0
    filtered: int = 0
    rejected: int = 0
    unchanged: int = 0
    submitted: int = 0
    failed: int = 0
    uncertain: int = 0
    not_sent: int = 0
    requests: int = 0
    retries: int = 0
    run: int | None = None
    seconds: float = 0.0
    reasons: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
    replaced: tuple[Reason, ...] = ()
    stopped: OpusmapError | None = None
    concurrency: int = 0
    trusted: int = 0
    source_changed: tuple[FileChange, ...] = ()
    journal_note: str = ""
    waiting: str = ""
    state: str = ""
    shared: Shared | None = None
    gone: Gone | None = None
    rejected_in_opus: int = 0
    rejected_deleted: int = 0
    total_row: str = ""

    @property
    def adds_up(self) -> bool:
        """Return whether every row read is accounted for."""
        ends = self.filtered + self.rejected + self.unchanged + self.submitted
        return self.read == ends + self.failed + self.uncertain + self.not_sent

    @property
    def clean(self) -> bool:
        """Return whether nothing was rejected, failed, or left open, and the source stayed as it was."""
        return not (self.rejected or self.failed or self.uncertain or self.source_changed)

    @property
    def all_filtered(self) -> bool:
        """Return whether rows were read, and `where` excluded all of them."""
        return bool(self.read) and self.filtered == self.read

    def as_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        names = ("reasons", "notes", "replaced")
        lists = {name: [asdict(reason) for reason in getattr(self, name)] for name in names}
        ending = {"run": self.run, "seconds": self.seconds, "stopped": self.stopped and str(self.stopped)}
        changed = [asdict(change) for change in self.source_changed]
        told: dict[str, Any] = {"source_changed": changed, "journal_note": self.journal_note or None}
        told["gone"] = None if self.gone is None else asdict(self.gone)
        told["rejected_in_opus"] = self.rejected_in_opus
        told["rejected_deleted"] = self.rejected_deleted
        shared = {} if self.shared is None else self.shared.as_json()
        return {**self.counts(), **ending, **lists, **told, **shared}

    def counts(self) -> dict[str, int]:
        """Return the totals by name."""
        return {name: getattr(self, name) for name in COUNTS}


@dataclass
class Tally:
    """Counts rows as their chunks pass by."""

    read: int = 0
    mapped: int = 0
    filtered: int = 0
    rejected: int = 0
    _reasons: dict[tuple[str, str], _Counted] = field(default_factory=dict)
    _notes: dict[tuple[str, str], _Counted] = field(default_factory=dict)
    _replaced: dict[tuple[str, str], _Counted] = field(default_factory=dict)

    def add(self, chunk: Chunk) -> None:
        """Count what became of the rows of a chunk."""
        self.read += len(chunk)
        self.mapped += len(chunk.keys)
        for place, notes in chunk.notes.items():
            _count_all(self._notes, chunk.numbers[place], notes)
        for place, replaced in chunk.replaced.items():
            _count_all(self._replaced, chunk.numbers[place], replaced)
        for _, one in chunk.others:
            if isinstance(one, Reject):
                self.rejected += 1
                _count_all(self._reasons, one.row, one.problems)
            else:
                self.filtered += 1

    def add_issues(self, kind: str, row: int | None, issues: Iterable[Issue[str]]) -> None:
        """Count the `problems` of a row that was counted elsewhere, or what was `replaced`, or its `notes`.

        Rows may come in any order; the first ones are kept.
        """
        counted = {"problems": self._reasons, "replaced": self._replaced, "notes": self._notes}[kind]
        for issue in issues:
            _count_all(counted, None, [issue])
            if row is not None:
                found = counted[issue.place, issue.code]
                insort(found.rows, row)
                del found.rows[FIRST_ROWS:]
                found.keep_other(issue, row)

    def reasons(self) -> tuple[Reason, ...]:
        """Return why rows were rejected, the most frequent reason first."""
        return _sorted(self._reasons)

    def notes(self) -> tuple[Reason, ...]:
        """Return what was odd in records, the most frequent first."""
        return _sorted(self._notes)

    def replaced(self) -> tuple[Reason, ...]:
        """Return which wrong values were replaced in records, the most frequent first."""
        return _sorted(self._replaced)


@dataclass
class _Counted:
    example: str
    help: str
    count: int = 0
    alike: int = 0
    """How many of them have the example's message."""
    rows: list[int] = field(default_factory=list)
    shown: dict[tuple[str, First], str] = field(default_factory=dict)
    """What comes first in those of the dates that show it, by separator -> the help on the first of them."""
    compared: int = 0
    """Messages that were compared with the example and the others."""
    others: dict[str, Example] = field(default_factory=dict)
    """Shape of a message that is not the example's -> the first message of it."""

    def keep_other(self, issue: Issue[str], row: int) -> None:
        """Keep what is wrong in a row if its value is written like none of those that are kept."""
        message = issue.message
        if len(self.others) == _OTHERS or message == self.example:
            return
        self.compared += 1
        shape = str if issue.code in _TOLD_IN_FULL else _show_shape
        help_text = issue.hint if issue.code in _HELPED_ONE_BY_ONE else ""
        if shape(message) != shape(self.example):
            self.others.setdefault(shape(message), Example(row, message, help_text))


_OTHERS = 2
"""Examples that are kept of a reason, after the first."""
_COMPARED = 500
"""Messages of a reason that are compared at most: each costs a part of what mapping its row does."""


@lru_cache(maxsize=1024)
def _show_shape(message: str) -> str:
    """Return a message that is the same for all values that are written alike.

    >>> _show_shape('"02/30/2024" is not a day'), _show_shape('"circa 1998" is not a day')
    ('"9/9/9999" is not a day', '"a 9999" is not a day')
    """
    text = _VALUE.sub(lambda value: _LETTERS.sub("a", value.group()), message)
    return _DIGITS.sub(lambda run: "9" if len(run.group()) <= _SHORT_NUMBER else "9999", text)


_VALUE = re.compile('".*?"')
_LETTERS = re.compile(r"[^\W\d_]+(?:[ \t]+[^\W\d_]+)*")
_DIGITS = re.compile("[0-9]+")
_SHORT_NUMBER = 3
"""Digits of a day, or of a group of thousands, at most: 1, 31 and 310 are written alike, a year is not."""


def _count_all(
    counted: dict[tuple[str, str], _Counted], row: int | None, problems: Iterable[Issue[str]]
) -> None:
    for problem in problems:
        key = (problem.place, problem.code)
        found = counted.get(key)
        if found is None:
            found = counted[key] = _Counted(problem.message, problem.hint)
        found.count += 1
        if problem.message == found.example:
            found.alike += 1
        elif row is not None and found.compared < _COMPARED:
            found.keep_other(problem, row)
        if problem.code == "bad-date" and (first := show_first(problem.message)) is not None:
            found.shown.setdefault(first, problem.hint)
        if row is not None and len(found.rows) < FIRST_ROWS:
            found.rows.append(row)


def _sorted(counted: dict[tuple[str, str], _Counted]) -> tuple[Reason, ...]:
    reasons = [_tell(column, code, found) for (column, code), found in counted.items()]
    return tuple(sorted(reasons, key=lambda reason: (-reason.count, reason.column, reason.code)))


def _tell(column: str, code: str, found: _Counted) -> Reason:
    hint = choose_help(found.help, found.example, found.shown)
    others = list[Example]()
    for one in found.others.values():
        own = choose_help(one.help, one.example, found.shown)
        others.append(replace(one, help="" if own in (hint, *(each.help for each in others)) else own))
    example = _describe_example(code, found)
    return Reason(column, code, found.count, tuple(found.rows), example, hint, tuple(others))


_DECIDED_ONE_BY_ONE = frozenset({"unknown-choice", "not-in-table"})
"""Codes of values that a person decides one by one, so the first one says nothing about the others."""

_HELPED_ONE_BY_ONE = frozenset({"bad-date", "bad-number"})
"""Codes of values that may need different help: one another format, another one a correction."""

_TOLD_IN_FULL = _DECIDED_ONE_BY_ONE | {"empty-in-template"}
"""Codes whose messages differ by more than how a value is written: that of a gap names columns."""


def _describe_example(code: str, found: _Counted) -> str:
    """Return the example; where other rows have other values, with how many have this one."""
    if found.alike == found.count or code not in _DECIDED_ONE_BY_ONE:
        return found.example
    have = "has" if found.alike == 1 else "have"
    return f"{found.example}; {found.alike:,} of these {found.count:,} rows {have} this value"
