"""Which row keys a run has met: a million in memory, all others in a temporary file.

Owns that bound, so that a run takes as much memory for any number of rows. Of a key only its 64-bit hash is
kept: of ten million different keys, two have the same one once in 370,000 runs.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Self

from opusmap.errors import StoppedEarly

IN_MEMORY = 1_000_000
"""Keys that are kept in memory, about; they take some 75 MB."""
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
        """Add hashes if none of them is there yet; tell whether that was so.

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
            "make room in the folder for temporary files, or name another one in TMPDIR (Windows: TMP)",
        ) from None
