"""Of several rows with the same rowKey all but one are rejects, for Opus would hold only one.

A row that is a reject for another reason says so as well, for it would be one still once that is corrected.

Owns that rule, and which keys a run has met: a million in memory, all others in a temporary file, so that a
run takes as much memory for any number of rows. Of a key only its 64-bit hash is kept: of ten million
different keys, two have the same one once in 370,000 runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Self, TypeAlias

from opusmap.errors import SourceError, StoppedEarly
from opusmap.issues import Issue
from opusmap.records import Chunk, Record, Reject, Row
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
        is_last = work.mapper.spec.duplicates == "last" and not work.lacks_key
        self._last = _last_rows(work) if is_last else dict[int, int]()
        self._seen, self._rejected = KeySet(), KeySet()
        self._first = dict[int, int]()
        # A row that was rejected for its key and still has it would now replace what took its place.
        self._repeated = work.source.repeated if isinstance(work.source, RejectsSource) else {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._seen.close()
        self._rejected.close()

    def find_met(self, hashes: set[int]) -> set[int]:
        """Return which of these hashes are those of row keys of rows so far, whether rejected or not."""
        known = self._seen.find(hashes) | self._rejected.find(hashes)
        return known | (self._last.keys() & hashes) if self._last else known

    def filter(self, chunk: Chunk, row_at: RowAt) -> Chunk:
        """Return the chunk with a reject for each record that may not pass; `row_at` gives its rows.

        A reject whose key another row has says that, too.
        """
        if self._work.lacks_key:
            return chunk
        rejects = [(place, one) for place, one in chunk.placed_rejects() if one.key is not None]
        wrong = {hash(one.key) for _, one in rejects}
        before = self._seen.find(wrong) if rejects else set[int]()
        if rejects:
            self._rejected.add(wrong - self._rejected.find(wrong))
        filtered = self._without_duplicates(chunk, row_at)
        if not rejects:
            return filtered
        found, first = dict[int, Reject](), dict[int, int]()
        for place, key in zip(chunk.places(), chunk.keys, strict=True):
            first.setdefault(hash(key), place)
        for place, one in rejects:
            is_later = hash(one.key) in before or first.get(hash(one.key), place) < place
            other = self._other_of_reject(one, is_later=is_later)
            if other is not None:
                problems = (*one.problems, _duplicate(str(one.key), other))
                found[place] = replace(one, problems=problems)
        return filtered.replace_rejects(found) if found else filtered

    def _without_duplicates(self, chunk: Chunk, row_at: RowAt) -> Chunk:
        if self._all_new(chunk):
            return chunk
        found, places = dict[int, Reject](), chunk.places()
        for place, (number, key) in enumerate(zip(chunk.numbers, chunk.keys, strict=True)):
            if (other := self._other(number, key)) is not None:
                found[place] = reject_duplicate(number, key, row_at(places[place]).values, other)
        return chunk.reject(found) if found else chunk

    def _other_of_reject(self, reject: Reject, *, is_later: bool) -> str | None:
        """Return which other row a reject's key would lose to; `is_later` if an earlier one is a record."""
        hashed = hash(reject.key)
        if self._repeated.get(reject.row) == reject.key:
            return "an earlier row"
        if self._work.mapper.spec.duplicates == "last":
            last = self._last.get(hashed, 0)
            return self._work.source.place(last) if last > reject.row else None
        return self._earlier(hashed) if is_later else None

    def _earlier(self, hashed: int) -> str:
        """Return which row has a key first."""
        first = self._first.get(hashed)
        return "an earlier row" if first is None else self._work.source.place(first)

    def _other(self, number: int, key: str) -> str | None:
        """Return which other row has a row's key, so that this one is a reject; else remember it."""
        if self._repeated.get(number) == key:
            return "an earlier row"
        hashed = hash(key)
        if hashed in self._last:
            last = self._last[hashed]
            return None if last == number else self._work.source.place(last)
        # With `last` too: a source that is read twice may have grown meanwhile.
        if self._seen.add_new({hashed}):
            self._note_first({hashed: number})
            return None
        return self._earlier(hashed)

    def _note_first(self, rows: dict[int, int]) -> None:
        """Remember which row has each key first, as long as there is room."""
        if len(self._first) < ROWS_REMEMBERED:
            self._first.update(rows)

    def _all_new(self, chunk: Chunk) -> bool:
        """Return quickly whether a chunk's keys are new and different; if so, they are remembered."""
        if self._repeated:
            return False
        rows = dict(zip(map(hash, chunk.keys), chunk.numbers, strict=True))
        hashes = set(rows)
        if len(hashes) < len(chunk.keys) or not self._last.keys().isdisjoint(hashes):
            return False
        is_new = self._seen.add_new(hashes)
        if is_new:
            self._note_first(rows)
        return is_new


def _last_rows(work: Work) -> dict[int, int]:
    """Return the number of the last row that each repeated rowKey has, by the key's hash."""
    if not work.source.rereadable:
        help_text = "name a file, or use `duplicates: first`"
        message = "`duplicates: last` reads the source twice, and this one can be read only once"
        raise SourceError(work.source.name, "read-once", message, help=help_text)
    last = dict[int, int]()
    with KeySet() as seen:
        for one in work.mapper.map_rows(work.source.rows()):
            if isinstance(one, Record) and not seen.add_new({hashed := hash(one.key)}):
                last[hashed] = one.row
    return last


def reject_duplicate(number: int, key: str, values: Mapping[str, Any], other: str) -> Reject:
    """Return the reject of a row whose key `other`, such as `row 7`, has as well."""
    return Reject(number, key, (_duplicate(key, other),), values)


def _duplicate(key: str, other: str) -> Issue[str]:
    message = f"{other} has the row key {quote_value(key)}, too"
    return Issue("duplicate-key", message, "Row key", "make the keys unique in the source")
