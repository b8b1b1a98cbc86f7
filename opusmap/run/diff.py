"""What a run would change: a source as it is now, beside what Opus accepted by the journal. Nothing is sent.

Rows go through the same code as in `submit`: the same rejects, the same duplicates, the same rule for what is
unchanged. So what it says is what the next run does, unless something changes in between. Which columns of a
record have changed is known by hashes that the journal keeps (`journal.column_hashes`), if it has them.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from opusmap.compiler import Mapper
from opusmap.delivery import ResumePolicy
from opusmap.errors import NoJournal, SettingsError
from opusmap.journal import Item, Journal, JournalRecord, State, hash_content, open_journal
from opusmap.journal.last_run import LastRun, describe_run
from opusmap.records import Chunk
from opusmap.report import Report
from opusmap.run.differences import CONFLICT, Diff, Difference, Kind
from opusmap.run.duplicates import KeySet
from opusmap.run.gone import count_unreadable, find_absent, has_all_rows
from opusmap.run.map import MapStream
from opusmap.run.open import Work
from opusmap.run.parallel import CHUNK_ROWS, Workers
from opusmap.run.tombstones import Tombstones
from opusmap.settings import JournalPlace, load_settings, locate_journal

EXAMPLES = 10
"""Records that are named for each kind of difference, unless another number is asked for."""
_DESTROYED = "destroyed-record"


def find_target(mapper: Mapper, environ: Mapping[str, str]) -> tuple[JournalPlace, str]:
    """Return where the journal of a mapping's next run is, and the origin of its Opus.

    Without complete settings it is the one Opus that the journal knows of the connection; "" if it knows
    none, for then all records are new.

    Raises:
        SettingsError: the settings are wrong, or incomplete and the journal knows several.
        JournalError: it can't be read.
    """
    folder = Path(mapper.spec.path).parent
    try:
        settings = load_settings({}, environ, folder)
    except SettingsError as error:
        if error.problem != "not set":
            raise
        place = locate_journal({}, environ, folder)
        origins = _origins(place, mapper.connection.id)
        if len(origins) > 1:
            raise
        return place, next(iter(origins), "")
    return settings.journal, settings.base_url


def _origins(place: JournalPlace, connection: str) -> set[str]:
    try:
        with open_journal(place, write=False) as journal:
            return {run.origin for run in journal.runs() if run.connection == connection}
    except NoJournal:
        return set()


class SourceDiff:
    """Compares a source with what Opus accepted. Iterate it once for the totals of the rows as they grow.

    `result` says then what a run would change.
    """

    def __init__(
        self,
        work: Work,
        journal: JournalPlace,
        origin: str,
        workers: Workers | None = None,
        *,
        limit: int = EXAMPLES,
        each: Callable[[Difference], object] = lambda _difference: None,
    ) -> None:
        """Begin with a mapping and its source.

        Args:
            work: what would be submitted.
            journal: where the journal is; if there is none, all records are new.
            origin: the origin of Opus (`https://host`) that they would be sent to.
            workers: as for `MapStream`.
            limit: how many records of each kind `Diff.examples` has at most.
            each: is given every difference, for one who wants more than the first.
        """
        self._work, self._place, self._origin, self._workers = work, journal, origin, workers
        self._limit, self._each = limit, each
        self._connection = work.mapper.connection.id
        self._names = {one.internal_name: one.display_name for one in work.mapper.connection.columns}
        self._counts = Counter[Kind]()
        self._columns = Counter[str]()
        self._columns_unknown = self._destroyed = self._unreadable = 0
        self._examples: dict[Kind, list[Difference]] = {kind: [] for kind in Kind}
        self._where_unknown = False
        self._known_place: str | None = None
        self._note = ""
        self._report = Report()

    def __iter__(self) -> Iterator[Report]:
        """Yield the totals after each chunk of rows, and again at the end.

        Raises:
            SourceError, StoppedEarly: as `MapStream` does.
            JournalError: the journal can't be read.
        """
        with ExitStack() as opened:
            journal = self._open(opened)
            trusted_from = 0 if journal is None else self._find_trusted(journal)
            tombstones = None if journal is None else Tombstones(journal, self._origin, self._connection)
            stream = MapStream(
                self._work,
                self._workers,
                reject_more=[tombstones.filter] if tombstones else (),
                keep_keys=journal is not None and has_all_rows(self._work.source),
            )
            opened.callback(stream.close)
            for chunk in stream:
                self._compare(chunk, journal, trusted_from)
                self._report = stream.report()
                yield self._report
            met = stream.find_met()
            if journal is not None and met is not None:
                self._find_gone(journal, met)
            self._report = stream.report()
            yield self._report

    def result(self) -> Diff:
        """Return what a run would change, as far as rows were read."""
        return Diff(
            self._report,
            {kind: self._counts[kind] for kind in Kind},
            dict(self._columns.most_common()),
            self._columns_unknown,
            self._destroyed,
            self._unreadable,
            self._where_unknown,
            not has_all_rows(self._work.source),
            {kind: tuple(found) for kind, found in self._examples.items()},
            self._known_place,
            self._note,
        )

    # -- inside

    def _open(self, opened: ExitStack) -> Journal | None:
        try:
            journal = opened.enter_context(open_journal(self._place, write=False))
        except NoJournal:
            before = LastRun(self._work.mapper.spec.path).find(self._origin, self._connection)
            if before is not None:
                self._note = (
                    f"there is no journal at {self._place}, though {self._work.mapper.spec.path} had a run "
                    f"({describe_run(before)}): what Opus has is not known, and all records count as new"
                )
            return None
        self._known_place = str(self._place)
        return journal

    def _find_trusted(self, journal: Journal) -> int:
        """Return the first run whose records may count as unchanged, as the next run would find."""
        last_run = LastRun(self._work.mapper.spec.path)
        place = self._known_place or ""
        self._note = last_run.explain_distrust(journal, place, self._origin, self._connection)
        if self._note:
            return sys.maxsize
        runs = journal.runs_of(self._origin, self._connection)
        return max((run.trusted_from for run in runs), default=0)

    def _compare(self, chunk: Chunk, journal: Journal | None, trusted_from: int) -> None:
        """Count what a chunk's records differ in from what the journal knows."""
        self._unreadable += count_unreadable(chunk)
        self._destroyed += sum(
            any(problem.code == _DESTROYED for problem in reject.problems) for reject in chunk.rejects()
        )
        known: Mapping[str, JournalRecord] = {}
        if journal is not None and chunk.keys:
            known = journal.find_records(self._origin, self._connection, chunk.keys)
        conflict, policy = self._work.mapper.spec.conflict, ResumePolicy()
        found = list[tuple[Kind, int, str, bytes]]()
        for number, key, record in zip(chunk.numbers, chunk.keys, chunk.records(), strict=True):
            entry, before = Item(number, key, hash_content(record, conflict)), known.get(key)
            if policy.is_unchanged(entry, before, trusted_from):
                self._counts[Kind.UNCHANGED] += 1
            else:
                found.append((_judge(entry, before), number, key, record))
        changed = {key: record for kind, _, key, record in found if kind is Kind.CHANGED}
        columns = {} if journal is None else self._find_columns(journal, changed, known)
        for kind, number, key, _ in found:
            self._add(kind, key, known.get(key), self._work.source.place(number), columns.get(key))

    def _find_columns(
        self, journal: Journal, changed: Mapping[str, bytes], known: Mapping[str, JournalRecord]
    ) -> dict[str, tuple[str, ...]]:
        """Return the display names of the columns in which records differ, as far as they are known."""
        if not changed:
            return {}
        conflict = self._work.mapper.spec.conflict
        other = "skip" if conflict == "overwrite" else "overwrite"
        pairs = {key: (known[key].content, record) for key, record in changed.items()}
        compared = journal.compare_columns(self._origin, self._connection, pairs)
        found = {
            key: tuple(self._names.get(name, name) for name in names)
            for key, names in compared.items()
            if names  # all hashes are the same by chance, unless it is sent with another option
        }
        for key, record in changed.items():
            if key not in found and hash_content(record, other) == known[key].content:
                found[key] = (CONFLICT,)
        return found

    def _find_gone(self, journal: Journal, met: Callable[[set[int]], set[int]]) -> None:
        """Find the records that were accepted and are not in the source."""
        target = (self._origin, self._connection)
        with KeySet() as excluded:
            if self._report.filtered and any(True for _ in find_absent(journal, *target, met)):
                self._where_unknown = not self._work.source.rereadable
                if not self._where_unknown:
                    self._read_excluded(excluded, met)
            absent = find_absent(journal, *target, met)
            while keys := list(islice(absent, CHUNK_ROWS)):
                left_out = excluded.find({hash(key) for key in keys})
                known = journal.find_records(*target, keys)
                for key in keys:
                    kind = Kind.LEFT_OUT if hash(key) in left_out else Kind.GONE
                    self._add(kind, key, known.get(key))

    def _read_excluded(self, keys: KeySet, met: Callable[[set[int]], set[int]]) -> None:
        """Read the source again, for the keys of the rows that `where` excludes."""
        mapper, rows = self._work.mapper.without_where(), iter(self._work.source.rows())
        while part := list(islice(rows, CHUNK_ROWS)):
            chunk = mapper.map_chunk(part)
            hashes = set(map(hash, chunk.keys))
            hashes |= {hash(reject.key) for reject in chunk.rejects() if reject.key is not None}
            hashes -= met(hashes)
            keys.add(hashes - keys.find(hashes))

    def _add(
        self,
        kind: Kind,
        key: str,
        before: JournalRecord | None,
        place: str = "",
        columns: tuple[str, ...] | None = None,
    ) -> None:
        run, state = (None, "") if before is None else (before.run, before.state.value)
        difference = Difference(kind, key, place, columns, run, state)
        self._counts[kind] += 1
        if kind is Kind.CHANGED:
            self._columns.update(columns or ())
            self._columns_unknown += columns is None
        if len(self._examples[kind]) < self._limit:
            self._examples[kind].append(difference)
        self._each(difference)


def _judge(entry: Item, before: JournalRecord | None) -> Kind:
    """Return why a record would be sent."""
    if before is None:
        return Kind.NEW
    if before.state is not State.ACCEPTED:
        return Kind.OPEN
    return Kind.CHANGED if before.content != entry.content else Kind.AGAIN
