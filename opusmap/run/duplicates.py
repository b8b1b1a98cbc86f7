"""Of several rows with the same rowKey all but one are rejects, for Opus would hold only one.

The first row owns its key, also as a reject for another reason: it is sent once that is corrected, and must
not replace a later row then. With `duplicates: last` the last record owns it. A reject whose key another row
owns says so as well, for it would be one still once its other reason is corrected.

Owns that rule, and which keys a run has met: a million in memory, all others in a temporary file, so that a
run takes as much memory for any number of rows. Of a key only its 64-bit hash is kept: of ten million
different keys, two have the same one once in 370,000 runs.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self, TypeAlias

from opusmap.errors import SourceError, StoppedEarly
from opusmap.issues import Issue
from opusmap.records import Chunk, Filtered, Record, Reject, Row
from opusmap.rejects import RejectsSource
from opusmap.run.open import Work
from opusmap.wording import quote_value

IN_MEMORY = 1_000_000
"""Keys that are kept in memory, about; they take some 75 MB."""
ROWS_REMEMBERED = 200_000
"""Keys of which it is known which row has them first, about; they take some 20 MB."""
_MARKS = 500
"""Keys of one statement, at most: older SQLite takes 999."""


class KeySet:
    """The hashes of keys. Close it, or use it as a context: a temporary file goes then."""

    def __init__(self) -> None:
        self._recent = set[int]()
        self._file: sqlite3.Connection | None = None

    def find(self, hashes: set[int]) -> set[int]:
        """Return which of these hashes are there.

        Raises:
            StoppedEarly: the temporary file can't be read.
        """
        found = self._recent & hashes
        if self._file is not None:
            with _translated():
                for block in _blocks(list(hashes)):
                    query = f"SELECT hash FROM seen WHERE hash IN ({', '.join('?' * len(block))})"  # noqa: S608 - marks
                    found.update(hashed for (hashed,) in self._file.execute(query, block))
        return found

    def add_new(self, hashes: set[int]) -> bool:
        """Add hashes if none of them is there yet; return whether that was so.

        Raises:
            StoppedEarly: the temporary file can't be read or written.
        """
        if self.find(hashes):
            return False
        self.add(hashes)
        return True

    def add(self, hashes: set[int]) -> None:
        """Add hashes of which none is there yet.

        Raises:
            StoppedEarly: the temporary file can't be written, or one of them is in it.
        """
        self._recent |= hashes
        if len(self._recent) >= IN_MEMORY:
            self._move_to_file()

    def _move_to_file(self) -> None:
        with _translated():
            if self._file is None:
                # No name: a file of SQLite's own, where temporary files go, which ends with the connection.
                self._file = sqlite3.connect("", isolation_level=None, check_same_thread=False)
                self._file.execute("PRAGMA journal_mode=OFF")
                self._file.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY)")
            self._file.execute("BEGIN")
            for block in _blocks(sorted(self._recent)):  # ordered: each page is written once
                marks = ", ".join(["(?)"] * len(block))
                self._file.execute(f"INSERT INTO seen VALUES {marks}", block)  # noqa: S608 - marks
            self._file.execute("COMMIT")
        self._recent = set()

    def close(self) -> None:
        """Forget all."""
        self._recent = set()
        if self._file is not None:
            self._file.close()
            self._file = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _blocks(hashes: Sequence[int]) -> Iterator[Sequence[int]]:
    for start in range(0, len(hashes), _MARKS):
        yield hashes[start : start + _MARKS]


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise StoppedEarly(
            f"the temporary file for the keys of so many rows can't be used: {error}",
            "free disk space in the folder for temporary files, or name another one in TMPDIR (Windows: TMP)",
        ) from None


RowAt: TypeAlias = Callable[[int], Row | Reject]
"""From a place in a chunk to the row there."""


class DuplicateFilter:
    """Remembers the keys of a run, and rejects duplicates. One run, one filter, used as a context.

    Whatever it is asked may end with StoppedEarly: there is no room for the keys of so many rows.
    """

    def __init__(self, work: Work) -> None:
        """Begin; `duplicates: last` reads the source once for its keys.

        Raises:
            SourceError: that source can be read only once.
        """
        self._work = work
        self._is_last = work.mapper.spec.duplicates == "last" and not work.lacks_key
        # A row that was rejected for its key and still has it would now replace what took its place.
        self._repeated = work.source.repeated if isinstance(work.source, RejectsSource) else {}
        self._last = _last_rows(work, self._repeated) if self._is_last else dict[int, int]()
        self._seen = KeySet()
        self._first = dict[int, int]()
        self._rejected = set[int]()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.close()

    def find_met(self, hashes: set[int]) -> set[int]:
        """Return which of these hashes are those of row keys of rows so far, whether rejected or not."""
        return self._seen.find(hashes)

    def filter(self, chunk: Chunk, row_at: RowAt) -> Chunk:
        """Return the chunk with a reject for each record that may not pass; `row_at` gives its rows.

        A reject whose key another row owns says that, too.
        """
        if self._work.lacks_key:
            return chunk
        rejects = {place: one for place, one in chunk.placed_rejects() if one.key is not None}
        if self._all_new(chunk, rejects.values()):
            return chunk
        rows = [*zip(chunk.places(), chunk.numbers, chunk.keys, strict=True)]
        rows += [(place, one.row, str(one.key)) for place, one in rejects.items()]
        found = dict[int, Reject]()
        for place, number, key in sorted(rows):
            reject = rejects.get(place)
            problem = self._find_problem(number, key, is_rejected=reject is not None)
            if problem is None:
                continue
            if reject is None:
                found[place] = Reject(number, key, (problem,), row_at(place).values)
            else:
                found[place] = replace(reject, problems=(*reject.problems, problem))
        return chunk.reject(found) if found else chunk

    def _find_problem(self, number: int, key: str, *, is_rejected: bool) -> Issue[str] | None:
        """Return the problem of a row whose key another row owns; else remember it as the owner."""
        hashed = hash(key)
        said = self._repeated.get((number, key))
        if said is not None:  # it owns nothing: another row did, wherever that is
            named = _OTHER.search(said)
            other, end = ("another row", None) if named is None else named.groups()
            return self._describe(hashed, key, other, was_rejected=end is not None)
        is_new = self._seen.add_new({hashed})
        if self._is_last and (is_rejected or hashed in self._last):
            last = self._last.get(hashed, 0)
            owns = number == last or (is_rejected and number > last)
            return None if owns else self._duplicate(key, self._work.source.place(last))
        # With `last` too: a source that is read twice may have grown meanwhile.
        if not is_new:
            return self._describe(hashed, key, "an earlier row")
        self._note_first({hashed: number}, {hashed} if is_rejected else ())
        return None

    def _describe(self, hashed: int, key: str, unknown: str, *, was_rejected: bool = False) -> Issue[str]:
        """Return the problem that another row owns a key: the first one, if it is remembered."""
        first = self._first.get(hashed)
        if first is None:
            return self._duplicate(key, unknown, is_rejected=was_rejected)
        return self._duplicate(key, self._work.source.place(first), is_rejected=hashed in self._rejected)

    def _duplicate(self, key: str, other: str, *, is_rejected: bool = False) -> Issue[str]:
        is_retry = isinstance(self._work.source, RejectsSource)
        return _duplicate(key, other, is_rejected=is_rejected, is_retry=is_retry)

    def _note_first(self, rows: Mapping[int, int], rejected: Iterable[int]) -> None:
        """Remember which row has each key first, and which of them are rejects, as long as there is room."""
        if len(self._first) < ROWS_REMEMBERED:
            self._first.update(rows)
            self._rejected.update(rejected)

    def _all_new(self, chunk: Chunk, rejects: Collection[Reject]) -> bool:
        """Return quickly whether a chunk's keys are new and different; if so, they are remembered."""
        if self._repeated:
            return False
        rows = dict(zip(map(hash, chunk.keys), chunk.numbers, strict=True))
        rejected = {hash(one.key): one.row for one in rejects}
        if rejected:
            rows |= rejected
        hashes = set(rows)
        if len(hashes) < len(chunk.keys) + len(rejects) or not self._last.keys().isdisjoint(hashes):
            return False
        is_new = self._seen.add_new(hashes)
        if is_new:
            self._note_first(rows, rejected)
        return is_new


def _last_rows(work: Work, repeated: Container[tuple[int, str]]) -> dict[int, int]:
    """Return by its hash, of each rowKey that was met before, the number of the last row that is a record.

    Rows that are `repeated` don't count; see `RejectsSource`.
    """
    if not work.source.rereadable:
        help_text = "name a file, or use `duplicates: first`"
        message = "`duplicates: last` reads the source twice, and this one can be read only once"
        raise SourceError(work.source.name, "read-once", message, help=help_text)
    last = dict[int, int]()
    with KeySet() as seen:
        for one in work.mapper.map_rows(work.source.rows()):
            if isinstance(one, Filtered) or one.key is None or (one.row, one.key) in repeated:
                continue
            if not seen.add_new({hashed := hash(one.key)}) and isinstance(one, Record):
                last[hashed] = one.row
    return last


def reject_duplicate(
    number: int, key: str, values: Mapping[str, Any], other: str, *, is_retry: bool
) -> Reject:
    """Return the reject of a row whose key `other`, such as `row 7`, has as well.

    `is_retry`: the row comes from a file of rejects, from which it may be deleted.
    """
    return Reject(number, key, (_duplicate(key, other, is_retry=is_retry),), values)


def owns_key(reject: Reject) -> bool:
    """Return whether a rejected row has its row key for itself, so that no other row may be sent with it."""
    return reject.key is not None and all(one.code != "duplicate-key" for one in reject.problems)


def _duplicate(key: str, other: str, *, is_rejected: bool = False, is_retry: bool) -> Issue[str]:
    message, hint = f"{other} has the same row key, {quote_value(key)}", "give each row its own key"
    if is_retry:
        hint += "; a row that is not to be sent may be deleted from the rejects file"
    if is_rejected:
        message += ", and is itself rejected"
        hint += f"; to send this row instead, delete {other} from the rejects, and empty _error_code here"
    return Issue("duplicate-key", message, "Row key", hint)


_OTHER = re.compile(
    r"(?:^|; )Row key: ([^;]+?) has the same row key, [^\n]*?(, and is itself rejected)?$", re.DOTALL
)
"""Which row had the key, as `_duplicate` says it, last of all problems, in a file of rejects."""
