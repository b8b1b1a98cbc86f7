"""`NAME.last-run.json` beside a mapping: which journal knows its last runs, and its rejects as written.

The file shows when a journal is another one than it names. No cell of a row is in the file. A run goes
on without it, because it may be lost at any time; then nothing can be compared.
"""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from opusmap.errors import SettingsError
from opusmap.kept_files import write_kept
from opusmap.output_files import hash_file
from opusmap.safe_files import UnreadableFile, read_bytes

if TYPE_CHECKING:
    from opusmap.journal import Journal, Run

_VERSION = 1
_SIZE_LIMIT = 1 << 20
_RUNS = 50
"""Connections whose last run is kept; an emulator on another port each time would add up."""
_FILES = 200
_NEIGHBOURS = 1_000
"""Notes of other mappings in the folder that are looked at."""
_SUFFIX = ".last-run.json"
_NOBODY = ""
"""The journal of runs that went on at the same time with several journals: no journal has this id."""


class NotedRun(msgspec.Struct, frozen=True):
    """The last run against a connection: its journal's id, number and times (ISO 8601, UTC)."""

    origin: str
    connection: str
    journal: str
    run: int
    started: str
    finished: str | None = None


class _Content(msgspec.Struct):
    """The file. `rejects` are SHA-256 sums by name, relative to the mapping's folder where it holds them.

    The sum of a file that opusmap removed, because a later run had no rejects, is empty.
    """

    version: int = _VERSION
    runs: list[NotedRun] = []
    rejects: dict[str, str] = {}

    def find(self, origin: str, connection: str) -> NotedRun | None:
        """Return the last run against a connection, if one is known."""
        return next((one for one in self.runs if _place(one) == (origin, connection)), None)


class LastRun:
    """What the last runs of a mapping left beside it, at `path`. It is read and written by each call."""

    def __init__(self, mapping: str | Path) -> None:
        """Look beside this mapping."""
        self._mapping = Path(mapping)
        self.path = self._mapping.with_suffix(_SUFFIX)

    def find(self, origin: str, connection: str) -> NotedRun | None:
        """Return the last run against a connection, if one is known."""
        return self._read()[0].find(origin, connection)

    def latest(self) -> NotedRun | None:
        """Return the last run against any connection."""
        return max(self._read()[0].runs, key=lambda one: one.started, default=None)

    def explain_distrust(self, journal: Journal, place: str, origin: str, connection: str) -> str:
        """Return why a journal may not know what Opus holds, in sentences; "" if nothing speaks against it.

        Args:
            journal: opened, before its next run begins.
            place: where it is, in words.
            origin: of Opus.
            connection: its id.
        """
        if problem := self._read()[1]:
            return (
                f"{problem}, so it is not known whether the journal {place} contains the last run. {_AGAIN}"
            )
        noted, mapping = self._latest_beside(origin, connection)
        if noted is None:
            return ""
        runs = journal.runs()
        if noted.journal == journal.identity() and any(_is_same(noted, run) for run in runs):
            return ""
        before = f"the last run of {mapping} ({describe_run(noted)})"
        if noted.journal == _NOBODY:
            return f"{mapping} was submitted with several journals at the same time. {_AGAIN}"
        if not runs:
            return f"the journal {place} is new, and {before} is in another one. {_AGAIN}"
        if noted.journal != journal.identity():
            return f"the journal {place} does not contain {before}. {_AGAIN}"
        return f"the journal {place} is older than {before}; was it restored from a backup? {_AGAIN}"

    def _latest_beside(self, origin: str, connection: str) -> tuple[NotedRun | None, Path]:
        """Return the last run against a connection of this mapping or of one beside it, and that mapping.

        The mapping may have been renamed since, or two mappings may fill one connection. A damaged note
        of another mapping is not asked: that mapping's own run tells it.
        """
        latest, mapping = self.find(origin, connection), self._mapping
        for path in sorted(self._mapping.parent.glob(f"*{_SUFFIX}"))[:_NEIGHBOURS]:
            if path.name == self.path.name:
                continue
            beside = self._mapping.with_name(path.name.removesuffix(_SUFFIX) + self._mapping.suffix)
            other = LastRun(beside).find(origin, connection)
            if other is not None and (latest is None or other.started > latest.started):
                latest, mapping = other, beside
        return latest, mapping

    def note_start(self, identity: str, run: Run) -> str:
        """Note that a run begins, before its first request; return why that is not possible, if so."""
        content, _ = self._read()
        return self._write(_with_run(content, _noted(identity, run)))

    def note_end(self, identity: str, run: Run) -> str:
        """Note that a run has ended; return what is unusual, such as another run that went on meanwhile."""
        content, problem = self._read()
        noted = _noted(identity, run)
        begun = msgspec.structs.replace(noted, finished=None)
        now = content.find(*_place(noted))
        if now is None or now == begun:
            return "" if now is None and problem else self._write(_with_run(content, noted))
        self._write(_with_run(content, msgspec.structs.replace(now, journal=_NOBODY)))
        return (
            f"another run of {self._mapping} used another journal at the same time "
            f"({describe_run(now)}), so the current records in Opus are not known. "
            "Use one journal for each connection"
        )

    def note_rejects(self, path: Path, sha256: str) -> str:
        """Note a file of rejects as it was written; return why that is not possible, if so."""
        content, _ = self._read()
        files = {name: sum_ for name, sum_ in content.rejects.items() if self._locate(name).exists()}
        files.pop(self._name(path), None)
        files = dict([*files.items(), (self._name(path), sha256)][-_FILES:])
        return self._write(_Content(runs=content.runs, rejects=files))

    def note_removed(self, path: Path) -> str:
        """Note that opusmap removed a file of rejects; return why that is not possible, if so."""
        return self.note_rejects(path, "")

    def was_removed(self, path: Path) -> bool:
        """Return whether opusmap removed a file of rejects, because a later run had none."""
        return self._read()[0].rejects.get(self._name(path)) == "" and not path.exists()

    def rejects(self) -> list[Path]:
        """Return the files of rejects that `note_rejects` noted, whether they are there or not."""
        return [self._locate(name) for name in self._read()[0].rejects]

    def is_as_written(self, path: Path) -> bool:
        """Return whether a file of rejects is, byte for byte, what opusmap wrote last under this name."""
        written = self._read()[0].rejects.get(self._name(path))
        if written is None or path.is_symlink():
            return False
        found = hash_file("rejects", path)
        return found is not None and found.sha256 == written

    def _name(self, path: Path) -> str:
        full, folder = Path(os.path.abspath(path)), Path(os.path.abspath(self._mapping.parent))  # noqa: PTH100 - keeps links
        return full.relative_to(folder).as_posix() if full.is_relative_to(folder) else full.as_posix()

    def _locate(self, name: str) -> Path:
        return self._mapping.parent / name

    def _read(self) -> tuple[_Content, str]:
        """Return the content, empty where there is none; and why it can't be read, in words."""
        try:
            data = read_bytes(self.path, _SIZE_LIMIT, what=str(self.path), links=False)
            content = msgspec.json.decode(data, type=_Content)
            if content.version != _VERSION:
                return (
                    _Content(),
                    f"{self.path} has version {content.version}, but this opusmap reads {_VERSION}",
                )
        except UnreadableFile as error:
            return _Content(), "" if isinstance(error.__cause__, FileNotFoundError) else error.message
        except (ValueError, RecursionError):
            return _Content(), f"{self.path} is damaged"
        return content, ""

    def _write(self, content: _Content) -> str:
        try:
            write_kept(self.path, content)
        except SettingsError as error:
            consequence = "So a later run can't detect an older or another journal, or edits of these rejects"
            return f"{self.path}: {error.problem}. {consequence}"
        return ""


_AGAIN = (
    "The records in Opus may differ from this journal, so no record counts as unchanged: each one is sent "
    "again, once. Use one journal for each connection"
)


def describe_run(noted: NotedRun) -> str:
    """Return a run in words: its number and when it began."""
    return f"run {noted.run}, {noted.started[:16].replace('T', ' ')} UTC"


def _noted(identity: str, run: Run) -> NotedRun:
    finished = None if run.finished is None else _iso(run.finished)
    return NotedRun(run.origin, run.connection, identity, run.id, _iso(run.started), finished)


def _is_same(noted: NotedRun, run: Run) -> bool:
    """Return whether a journal's run is the noted one in the noted state; a killed run has no end."""
    known = _noted(noted.journal, run)
    return noted in (known, msgspec.structs.replace(known, finished=None))


def _place(noted: NotedRun) -> tuple[str, str]:
    return noted.origin, noted.connection


def _with_run(content: _Content, noted: NotedRun) -> _Content:
    others = [one for one in content.runs if _place(one) != _place(noted)]
    return _Content(runs=[*others, noted][-_RUNS:], rejects=content.rejects)


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="microseconds")
