"""Which rows of a run that needed attention later runs dealt with, and which of them are still open.

Owns naming rows; `later_runs` counts them. A retry's rows have the numbers of the source, so the journal
and the reasons for rejects say what became of most. What became of the others is known where the counts leave
one answer for all of them. Row keys of rejected rows are only in the files of rejects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import PurePath
from typing import TYPE_CHECKING, Literal

from opusmap.compiler.plan import KEY_COLUMN
from opusmap.errors import SourceError
from opusmap.journal import OPEN_STATES, State
from opusmap.journal.models import PRUNED
from opusmap.output_files import hash_file
from opusmap.report.later_runs import Later, LaterRuns
from opusmap.report.provenance import Evidence
from opusmap.report.rejected_rows import read_keys_by_row
from opusmap.report.status import count_attention, name_opus
from opusmap.report.summary import NOT_OWN_RECORD
from opusmap.wording import counted

if TYPE_CHECKING:
    from opusmap.journal import Journal, JournalRecord, Run
    from opusmap.report.summary import Reason

Fate = Literal["sent", "filtered", "open", "deleted", "kept", "rekeyed", "deleted_earlier", "unknown"]

NAMED = 10
"""Rows that a sentence names at most."""
_KEYS = 200_000
"""Rows of one file of rejects whose keys are read at most."""


@dataclass(frozen=True, slots=True)
class LaterRow:
    """What became of a row: its number and row key ("" if not known), and by which run, if that is known.

    `sent_as` is the row key of its record if that is another one: a person gave the row a new key. `wrong`
    are the columns of Opus and the codes for which the latest run that rejected it did so, and `file` is the
    name of the file of rejects that this run wrote. `opus` is what took the records: Opus, or the emulator.
    """

    number: int
    key: str
    fate: Fate
    run: int | None = None
    sent_as: str = ""
    wrong: tuple[tuple[str, str], ...] = ()
    file: str = ""
    opus: str = "Opus"

    @property
    def was_refused(self) -> bool:
        """Whether Opus refused its record."""
        return any(code == "refused-by-opus" for _, code in self.wrong)

    def describe(self) -> str:
        """Return what became of it, to be put beside it.

        >>> LaterRow(3, "CT-3", "sent", 2).describe()
        'sent by run 2'
        >>> LaterRow(3, "CT-3", "sent", 2, sent_as="CT-3b").describe()
        'sent by run 2 with the row key CT-3b'
        """
        match self.fate:
            case "sent":
                sent = f"in {self.opus}" if self.run is None else f"sent by run {self.run}"
                return f"{sent}{self._name_key()}"
            case "filtered":
                return "excluded by “where”"
            case "open":
                return "still open"
            case "deleted":
                return "deleted from the rejects file"
            case "deleted_earlier":
                return "deleted from an earlier rejects file"
            case "kept":
                who = "an earlier run" if self.run is None else f"run {self.run}"
                return f"in {self.opus} as {who} sent it{self._name_key()}"
            case "rekeyed":
                return f"in {self.opus} since run {self.run}{self._name_key()}"
        return "not known whether it was sent"

    def describe_for(self, column: str, code: str) -> str:
        """Return what became of it, to be put beside one of the reasons for which its run rejected it.

        >>> LaterRow(3, "CT-3", "open", wrong=(("Amount", "bad-number"),)).describe_for("Day", "bad-date")
        'still open for another reason'
        """
        is_other = self.fate == "open" and self.wrong and (column, code) not in self.wrong
        return f"{self.describe()} for another reason" if is_other else self.describe()

    def _name_key(self) -> str:
        return f" with the row key {self.sent_as}" if self.sent_as else ""

    def name(self) -> str:
        """Return its number and key for a person, and in which columns it is wrong.

        >>> LaterRow(3, "CT-3", "open").name(), LaterRow(4, "", "open").name()
        ('row 3 (CT-3)', 'row 4')
        >>> LaterRow(3, "CT-3", "open", wrong=(("Amount", "bad-number"),)).name()
        'row 3 (CT-3: Amount)'
        """
        columns = ", ".join(dict.fromkeys(column for column, _ in self.wrong if column))
        inside = ": ".join(filter(None, (self.key, columns)))
        return f"row {self.number} ({inside})" if inside else f"row {self.number}"


@dataclass(frozen=True, slots=True)
class LaterRows:
    """What became of the rows of a run that needed attention, by number, as far as their numbers are known.

    `more` is how many rows that still need attention have no known number. `pruned`: the records of a run
    that might have shown it were pruned. `others`: later runs other than its retries sent records, which
    may be of its rows. `newer_rejects`: a later run wrote a file of rejects, which `retry` takes if it is
    given none.
    """

    rows: Mapping[int, LaterRow] = field(default_factory=dict)
    more: int = 0
    pruned: bool = False
    others: bool = False
    newer_rejects: bool = False

    def left(self) -> list[LaterRow]:
        """Return the rows that are certainly not dealt with, by number."""
        return [self.rows[number] for number in sorted(self.rows) if self.rows[number].fate in _LEFT]

    def numbers(self, fate: Fate) -> list[int]:
        """Return the numbers of the rows of which the same became."""
        return [number for number in sorted(self.rows) if self.rows[number].fate == fate]

    def count_refused(self) -> int:
        """Return how many rows Opus refused of which it has the version that an earlier run sent."""
        return sum(row.was_refused for row in self.rows.values() if row.fate in ("kept", "rekeyed"))

    def group(self, reason: Reason) -> dict[str, list[int]]:
        """Return the rows that were rejected for a reason, by what became of them."""
        found: dict[str, list[int]] = {}
        for number in reason.rows:
            if number in self.rows:
                fate = self.rows[number].describe_for(reason.column, reason.code)
                found.setdefault(fate, []).append(number)
        return found

    def name_records(self) -> dict[str, int]:
        """Return the row keys with which rows were sent and which the source lacks, each with its row."""
        found = (row for row in self.rows.values() if row.fate == "rekeyed")
        return {row.sent_as: row.number for row in found if row.sent_as}

    def describe(self) -> str:
        """Return the first rows that are left, and how many may be, in sentences.

        >>> LaterRows({4: LaterRow(4, "CT-4", "open"), 5: LaterRow(5, "", "open")}, 1).describe()
        'Still open: row 4 (CT-4), row 5, and 1 more.'
        """
        return " ".join(self.sentences())

    def sentences(self) -> Iterator[str]:
        """Yield a sentence for the rows of which the same became, with the first of them."""
        for fate, title in _LEFT.items():
            rows = [row for row in self.left() if row.fate == fate]
            names = [row.name() for row in rows]
            more = max(0, len(names) - NAMED) + (self.more if fate == "open" else 0)
            if names:
                rest = f", and {more:,} more" if more else ""
                yield f"{title.format(opus=rows[0].opus)}: {', '.join(names[:NAMED])}{rest}."
        if unknown := len(self.numbers("unknown")):
            why = ", because records were pruned" if self.pruned else ""
            yield f"Of {counted(unknown, 'row')} it is not known which were sent{why}."


_LEFT: Mapping[Fate, str] = {
    "open": "Still open",
    "deleted": "Deleted from the rejects file",
    "deleted_earlier": "Deleted from an earlier rejects file",
    "kept": "In {opus} as an earlier run sent them",
    "rekeyed": "In {opus} with another row key, which the source lacks",
}
"""What becomes of rows that are left, and how a sentence begins that names them."""


def read_later(since: LaterRuns, run: Run, *, keys: bool = True) -> tuple[Later | None, LaterRows]:
    """Return what later runs made of a run's rows: in numbers (None if nothing), and row by row.

    The numbers count what is known of each row, so both say the same.
    If they dealt with none, the rows are the rejected and refused ones of a run of which some have a record
    that an earlier run sent, and nothing for other runs.

    Args:
        since: the runs from this one on.
        run: the run.
        keys: with row keys, which are made of cells.

    Raises:
        JournalError: the journal can't be read.
    """
    later, newer = since.find(run), since.has_newer_rejects(run)
    nothing = LaterRows(others=bool(since.list_others(run)), newer_rejects=newer)
    left = Evidence.read(since.journal.evidence(run))
    is_retried = later is not None and later.describe()
    may_have_records = left.rejected_in_opus or left.rejected_deleted or run.counts.get("failed")
    if not (is_retried or may_have_records or since.find_same_rows(run)):
        return later, nothing
    search = _Search(since, run, later if is_retried else None, keys=keys)
    found = replace(search.find(), others=not search.knows_others(), newer_rejects=newer)
    if is_retried or any(row.fate != "open" for row in found.rows.values()):
        return search.later or later, found
    return later, nothing


_WITHOUT_RECORD: frozenset[Fate | None] = frozenset({"open", "deleted", "deleted_earlier"})
"""What becomes of rows without a record, whose keys are those that they had in the source."""
_RUNS = 100
"""Earlier runs that are looked at, at most, the latest ones: a journal may have thousands."""


@dataclass(frozen=True, slots=True)
class EarlierRecord:
    """A record that an earlier run sent: the run, if it is known, and the row key ("" if not known)."""

    run: int | None
    key: str


@dataclass(frozen=True, slots=True)
class RetriedRows:
    """Rows of a source that retries of its rejects dealt with before, by number.

    Those that retries `sent` have a record, perhaps under a row key that a person gave them in a file of
    rejects. Those that are `deleted` were not in that file any more.
    """

    sent: Mapping[int, EarlierRecord] = field(default_factory=dict)
    deleted: frozenset[int] = frozenset()


def find_retried_rows(journal: Journal, run: Run, evidence: Evidence) -> RetriedRows:
    """Return what retries made of the rows that a run reads again, before it began.

    A row is known by its number, since a person may have corrected its key. So it is known only of a source
    that comes from files, and whose files are those of the earlier run, byte for byte. Of a retry's rows,
    none counts as deleted: its file still has them.

    Args:
        journal: which knows the earlier runs.
        run: the run.
        evidence: what it leaves, with the files of its source, or the run that read the source.

    Raises:
        JournalError: the journal can't be read.
    """
    is_retry = evidence.rows_of is not None
    before = [one for one in journal.runs() if one.id < run.id and _target(one) == _target(run)][:_RUNS]
    left = {one.id: Evidence.read(journal.evidence(one)) for one in before}
    read = left.get(evidence.rows_of or 0) if is_retry else evidence
    source = None if read is None or evidence.retried is not None else _list_source(read)
    same = [one for one in before if source and _list_source(left[one.id]) == source]
    since = LaterRuns(journal, min((one.id for one in same), default=run.id), before=run.id)
    sent, deleted = dict[int, EarlierRecord](), set[int]()
    for one in sorted(same, key=lambda each: each.id):
        later = since.find(one)
        if later is None or not later.describe():
            continue
        rows = _Search(since, one, later, keys=True, earlier=False).find().rows.values()
        deleted |= {row.number for row in rows if row.fate == "deleted"}
        for row in rows:
            if row.fate == "sent" and (row.run is not None or row.number not in sent):
                key = "" if row.run is None else row.sent_as or row.key
                sent[row.number] = EarlierRecord(row.run, key)
    return RetriedRows(sent, frozenset() if is_retry else frozenset(deleted - sent.keys()))


def find_earlier_records(
    journal: Journal, run: Run, rejected: Mapping[int, tuple[str, Collection[str]]], retried: RetriedRows
) -> dict[int, EarlierRecord]:
    """Return the records of rejected rows that earlier runs sent, by the numbers of the rows.

    Args:
        journal: which knows the records.
        run: that rejected the rows.
        rejected: the row key ("" if not known) and the codes of each row, by number.
        retried: what retries made of the rows before. The record of one of them is not that of another row.

    Raises:
        JournalError: the journal can't be read.
    """
    found = {
        number: retried.sent[number]
        for number in rejected.keys() & retried.sent.keys()
        if "destroyed-record" not in rejected[number][1]
    }
    keys = {
        number: key
        for number, (key, codes) in rejected.items()
        if key and number not in found and NOT_OWN_RECORD.isdisjoint(codes)
    }
    known = journal.find_accepted(run.origin, run.connection, set(keys.values())) if keys else {}
    for number, key in keys.items():
        record = known.get(key)
        if record is None or record.run >= run.id:
            continue
        if record.row == number or record.row not in retried.sent:
            found[number] = EarlierRecord(record.run, key)
    return found


def _list_source(evidence: Evidence) -> list[tuple[str, str]]:
    return [(PurePath(file.path).name, file.sha256) for file in evidence.files if file.role == "source"]


def _describe_key(evidence: Evidence) -> object:
    """Return how a run made row keys, to be compared with another run."""
    lines = [line for line in evidence.crosswalk.lines if line.internal_name == KEY_COLUMN]
    return [(line.sources, line.rules) for line in lines], evidence.crosswalk.general


def _target(run: Run) -> tuple[str, str, str]:
    return run.origin, run.connection, PurePath(run.mapping).name


def list_wrong(evidence: Evidence) -> dict[int, tuple[tuple[str, str], ...]]:
    """Return the columns of Opus and the codes for which a run rejected rows, by the rows that it names."""
    found: dict[int, tuple[tuple[str, str], ...]] = {}
    for reason in evidence.reasons:
        for number in reason.rows:
            found[number] = (*found.get(number, ()), (reason.column, reason.code))
    return found


class _Search:
    """One search for the rows of a run."""

    def __init__(
        self, since: LaterRuns, run: Run, later: Later | None, *, keys: bool, earlier: bool = True
    ) -> None:
        self._since, self._journal, self._with_earlier = since, since.journal, earlier
        self._run, self.later, self._with_keys = run, later, keys
        self.others = dict[int, int]()  # rows that runs other than retries sent later, each with its run
        self._traced = [(run, True)] if later is None else since.trace(run)
        self._keys = dict[int, str]()
        self._sent_as = dict[int, str]()
        self._wrong = dict[int, tuple[tuple[str, str], ...]]()
        self._files = dict[int, str]()
        self._wanted = set[int]()
        self._sent = dict[int, int | None]()
        self._open = set[int]()
        self._uncertain = set[int]()
        self._rejected = dict[int, tuple[str, Collection[str]]]()
        self._earlier = dict[int, EarlierRecord]()

    def find(self) -> LaterRows:
        for run, is_last in self._traced:
            self._read(run, is_last=is_last)
        self._open -= self._sent.keys()
        rest = self._wanted - self._sent.keys() - self._open
        fates: dict[int, Fate] = dict.fromkeys(self._sent, "sent")
        fates |= {**dict.fromkeys(rest, self._decide()), **dict.fromkeys(self._open, "open")}
        self.others = self._find_sent_by_others()
        self._count_sent(fates)
        self._sent |= self.others
        fates |= dict.fromkeys(self.others, "sent")
        if self._with_earlier:
            fates |= self._find_earlier({number for number, one in fates.items() if one == "open"})
            sent = {number for number, one in fates.items() if one == "sent"} - self._sent.keys()
            self._correct_keys(sent | {number for number, one in self._earlier.items() if not one.key})
        if self._with_keys and self._with_earlier:
            self._find_keys({number for number in self._wanted if fates.get(number) in _WITHOUT_RECORD})
        keys = self._keys if self._with_keys else {}
        rows = {
            number: self._describe(number, fate, keys.get(number, ""))
            for number, fate in sorted(fates.items())
            if number in self._wanted
        }
        named = sum(row.fate in ("open", "kept", "rekeyed", "deleted_earlier") for row in rows.values())
        unknown = any(row.fate == "unknown" for row in rows.values())
        more = self._count_open() - named if not unknown else 0
        pruned = any(PRUNED in run.counts for run, _ in self._traced)
        return LaterRows(rows, max(0, more), pruned)

    def _count_open(self) -> int:
        """Return how many rows are open; 0 if that is not certain."""
        if self.later is None:
            return count_attention(self._run.counts)
        return self.later.attention if self.later.exact else 0

    def _describe(self, number: int, fate: Fate, key: str) -> LaterRow:
        sent_as = self._sent_as.get(number, "") if self._with_keys else ""
        wrong, file = self._wrong.get(number, ()), self._files.get(number, "")
        run = self._earlier[number].run if fate in ("kept", "rekeyed") else self._sent.get(number)
        opus = name_opus(self._run)
        return LaterRow(number, key, fate, run, sent_as if sent_as != key else "", wrong, file, opus)

    def _read(self, run: Run, *, is_last: bool) -> None:
        """Note what the journal and the file of rejects know of the rows of a run."""
        evidence = Evidence.read(self._journal.evidence(run))
        rejected = {number for reason in evidence.reasons for number in reason.rows}
        in_file, refused = self._read_file(evidence)
        left = list(self._journal.records(run, *OPEN_STATES))
        pending = {one.row: one.key for one in left}
        refused = {one.row: one.key for one in left if one.state is State.FAILED} | refused
        self._uncertain |= {one.row for one in left if one.state is not State.FAILED}
        if run.id == self._run.id:
            self._wanted |= rejected | in_file | pending.keys() | refused.keys()
        else:
            for one in self._journal.records(run, State.ACCEPTED):
                self._sent[one.row] = run.id
                self._sent_as[one.row] = one.key
                self._keys.setdefault(one.row, one.key)
        self._find_refused(run, refused)
        self._wrong |= dict.fromkeys(refused, (("", "refused-by-opus"),)) | list_wrong(evidence)
        if (file := evidence.find("rejects")) is not None:
            self._files |= dict.fromkeys(rejected | in_file | refused.keys(), PurePath(file.path).name)
        self._open |= pending.keys()
        if is_last:
            self._open |= rejected | in_file
        self._keys = {**pending, **self._keys}

    def _read_file(self, evidence: Evidence) -> tuple[set[int], dict[int, str]]:
        """Return the rows of a run's file of rejects, if it is as it was, and the keys that Opus refused."""
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
                self._rejected.setdefault(number, (key, codes))
        except SourceError:  # a person has made something else of it
            return set(), refused
        return (in_file if now == file else set()), refused

    def _find_refused(self, run: Run, refused: Mapping[int, str]) -> None:
        """Note which rows that Opus refused in a run a later one sent: their records have these keys."""
        known = self._journal.find_accepted(run.origin, run.connection, set(refused.values()))
        for number, key in refused.items():
            record = known.get(key)
            if record is not None and record.run > run.id:
                self._sent[number] = record.run

    def _find_sent_by_others(self) -> dict[int, int]:
        """Return the rejected rows that runs other than retries sent later, each with its run.

        They sent them under the same key, or read rows that have the same numbers as those of this run.
        """
        left = self._wanted - self._sent.keys()
        keys = {
            number: key
            for number, (key, codes) in self._rejected.items()
            if key and number in left and NOT_OWN_RECORD.isdisjoint(codes)
        }
        known = self._find_accepted(keys)
        records = [known[key] for number, key in keys.items() if key in known and known[key].row == number]
        found = {record.row: record.run for record in records if record.run > self._run.id}
        for one in self._since.find_same_rows(self._run):
            for record in self._journal.records(one, State.ACCEPTED):
                if record.row in left:
                    found[record.row] = one.id
                    self._sent_as[record.row] = record.key
        return found

    def _count_sent(self, fates: Mapping[int, Fate]) -> None:
        """Count also the rows that other runs sent, which have these `fates` by what is known of retries."""
        any_sent = self.others or self._wanted & self._sent.keys()
        later = self.later or (self._since.count(self._run) if any_sent else None)
        if later is None:
            return
        moved = Counter(fates[number] for number in self.others)
        known = sum(fates.get(number) == "sent" for number in self._wanted) + moved.total() - moved["sent"]
        sent, filtered, deleted = max(later.sent, known), later.filtered, later.deleted
        if later.exact:
            # Of two retries of one file, one may have left a row open that the other has sent.
            was_open = min(moved["open"], later.attention)
            was_filtered, was_deleted = min(moved["filtered"], filtered), min(moved["deleted"], deleted)
            sent = max(sent, later.sent + was_open + was_deleted + was_filtered)
            filtered, deleted = filtered - was_filtered, deleted - was_deleted
        filtered = min(filtered, later.of - sent)
        others = {run for number, run in self.others.items() if fates[number] != "sent"}
        if self.later is None:
            others |= {run for number, run in self._sent.items() if number in self._wanted and run}
        self.later = replace(
            later,
            sent=sent,
            filtered=filtered,
            still_open=later.of - sent - filtered,
            deleted=deleted,
            exact=(later.exact and not moved["unknown"]) or sent == later.of,
            others=tuple(sorted(others)),
        )

    def knows_others(self) -> bool:
        """Return whether all that other runs sent are rows that this run has rejected, and that are known."""
        others = Counter(self.others.values())
        return all(one.counts["submitted"] == others[one.id] for one in self._since.list_others(self._run))

    def _find_accepted(self, keys: Mapping[int, str]) -> dict[str, JournalRecord]:
        return self._journal.find_accepted(self._run.origin, self._run.connection, set(keys.values()))

    def _correct_keys(self, numbers: set[int]) -> None:
        """Note the row keys of rows that a retry sent as they were before, so that it found them unchanged.

        No record of the retry tells them. If Opus has no record with a row's own key, a person gave it
        another one: that of the record that an earlier retry sent, or one that is not known.
        """
        keys = {number: self._keys.get(number, "") for number in numbers}
        known = self._find_accepted(keys) if any(keys.values()) else {}
        if others := {number for number, key in keys.items() if key and key not in known}:
            evidence = Evidence.read(self._journal.evidence(self._run))
            retried = find_retried_rows(self._journal, self._run, evidence).sent
            for number in others:
                if number in retried and retried[number].key:
                    self._sent_as[number] = retried[number].key
                else:
                    del self._keys[number]

    def _find_keys(self, numbers: set[int]) -> None:
        """Note row keys that the files of rejects lack now, such as those of rows that were deleted there.

        Another run that read the same rows, and made their keys by the same rule, may have them in its file.
        """
        numbers -= self._keys.keys()
        if not numbers:
            return
        runs = {one.id: one for one in self._journal.runs() if _target(one) == _target(self._run)}
        own = Evidence.read(self._journal.evidence(self._run))
        if own.rows_of in runs:
            own = Evidence.read(self._journal.evidence(runs[own.rows_of]))
        source, rule = _list_source(own), _describe_key(own)
        for one in [*runs.values()][:_RUNS] if source else ():
            evidence = Evidence.read(self._journal.evidence(one))
            is_same = evidence.rows_of is None and _list_source(evidence) == source
            file = evidence.find("rejects")
            if not is_same or file is None or _describe_key(evidence) != rule:
                continue
            with suppress(SourceError):  # a person has made something else of it, or removed it
                for number, key, _ in islice(read_keys_by_row(file), _KEYS):
                    if number in numbers:
                        self._keys.setdefault(number, key)
            numbers -= self._keys.keys()
            if not numbers:
                return

    def _find_earlier(self, numbers: set[int]) -> dict[int, Fate]:
        """Return what became of open rows in earlier runs; note their records.

        A row of unknown end is left out: Opus may have taken its newer version.
        """
        numbers -= self._uncertain
        evidence = Evidence.read(self._journal.evidence(self._run))
        any_rejected = evidence.rejected_in_opus or evidence.rejected_deleted
        if not (any_rejected or self._run.counts.get("failed")):
            return {}
        retried = find_retried_rows(self._journal, self._run, evidence)
        codes = {number: {code for _, code in wrong} for number, wrong in list_wrong(evidence).items()}
        rejected = {
            one: self._rejected.get(one, (self._keys.get(one, ""), codes.get(one, ()))) for one in numbers
        }
        self._earlier = find_earlier_records(self._journal, self._run, rejected, retried)
        absent = set(self._journal.gone(self._run))
        fates: dict[int, Fate] = dict.fromkeys(numbers & retried.deleted, "deleted_earlier")
        for number, record in self._earlier.items():
            fates[number] = "rekeyed" if record.key in absent else "kept"
            self._sent_as[number] = record.key
        return fates

    def _decide(self) -> Fate:
        """Return what became of all rows of which nothing else is known, if the counts leave one answer."""
        later = self.later
        if later is None:
            return "open"
        left: dict[Fate, int] = {
            "sent": later.sent - len(self._sent),
            "filtered": later.filtered,
            "deleted": later.deleted,
            "open": later.attention - len(self._open),
        }
        found = [fate for fate, count in left.items() if count]
        return found[0] if later.exact and len(found) == 1 and left[found[0]] > 0 else "unknown"
