"""Pruning: forgetting single records of old runs, and removing the files of rejects that they wrote.

Owns which files those are: regular files that are byte for byte what opusmap wrote. What a person edited
stays, and is named.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from opusmap.journal import Run, open_journal
from opusmap.journal.last_run import LastRun
from opusmap.output_files import File, hash_file
from opusmap.report import Evidence
from opusmap.report.drain_time import count_requests
from opusmap.run.history import find_runs
from opusmap.settings import JournalPlace


@dataclass(frozen=True, slots=True)
class PruneSummary:
    """What pruning did: the runs by number, how many records were forgotten, files removed and kept."""

    runs: tuple[int, ...]
    records: int
    removed: tuple[Path, ...]
    kept: tuple[Path, ...]

    @property
    def requests(self) -> int:
        """How many requests it takes to send the forgotten records again."""
        return count_requests(self.records)

    def as_json(self) -> dict[str, object]:
        """Return all of it as plain data."""
        removed, kept = ([str(path) for path in paths] for paths in (self.removed, self.kept))
        return {"runs": list(self.runs), "records": self.records, "removed": removed, "kept": kept}


def prune_runs(journal: JournalPlace, mapping: Path | None, before: float) -> PruneSummary:
    """Forget the records of runs that ended before a moment, and remove their files of rejects.

    A file that is no longer what the run wrote stays: it is a person's own by now. So does one of a run
    that was killed, because it is not known what it wrote last.

    Args:
        journal: the journal's file or database.
        mapping: whose runs are pruned; those of all mappings if None.
        before: seconds since 1970.

    Raises:
        JournalError: the journal can't be opened or written.
    """
    with open_journal(journal) as opened:
        runs = find_runs(opened, mapping)
        pruned = opened.prune(before, None if mapping is None else {run.id for run in runs})
        old = [(run, Evidence.read(opened.evidence(run))) for run in runs if run.id in pruned.runs]
    folder = journal.parent if isinstance(journal, Path) else Path()
    folders = (folder, *({mapping.parent} if mapping else ()))
    files = dict(_remove_rejects(old, *folders))
    for each in _find_mappings({run.mapping for run in runs}, folders) if mapping is None else [mapping]:
        files |= _remove_other_rejects(each, before)
    removed = tuple(path for path, gone in files.items() if gone)
    kept = tuple(path for path, gone in files.items() if not gone)
    return PruneSummary(pruned.runs, pruned.records, removed, kept)


def _find_mappings(names: set[str], folders: tuple[Path, ...]) -> list[Path]:
    """Return the mappings of runs that are still there, whichever folder they were named from."""
    places = {
        place for name in names for place in (Path(name), *(each / Path(name).name for each in folders))
    }
    return sorted({place.resolve(): place for place in sorted(places) if place.is_file()}.values())


def _remove_rejects(runs: Iterable[tuple[Run, Evidence]], *folders: Path) -> Iterator[tuple[Path, bool]]:
    """Remove the rejects of runs; yield each file that is there, and whether it was removed.

    Files that are not where the run wrote them are searched in the folders.
    """
    seen = set[Path]()
    for run, evidence in runs:
        written = [file for file in evidence.files if file.role == "rejects"]
        for path, file in [*_places(written, folders), *_left_by_killed(run, written, folders)]:
            if path.resolve() not in seen and path.is_file() and not path.is_symlink():
                seen.add(path.resolve())
                yield path, _remove(path, file)


def _remove_other_rejects(mapping: Path, before: float) -> Iterator[tuple[Path, bool]]:
    """Remove the rejects of `map` and of rehearsals that were written before a moment, in the same way."""
    last_run = LastRun(mapping)
    for path in last_run.rejects():
        if not path.is_symlink() and path.is_file() and path.stat().st_mtime < before:
            as_written = last_run.is_as_written(path)
            if as_written:
                path.unlink()
            yield path, as_written


def _places(written: Iterable[File], folders: Iterable[Path]) -> Iterator[tuple[Path, File | None]]:
    for file in written:
        yield Path(file.path), file
        yield from ((folder / Path(file.path).name, file) for folder in folders)


def _left_by_killed(
    run: Run, written: Iterable[File], folders: Iterable[Path]
) -> Iterator[tuple[Path, File | None]]:
    if run.finished is None and not written:
        name = glob.escape(Path(run.mapping).stem) + f".run-{run.id}.rejects.*"
        for folder in (Path(run.mapping).parent, *folders):
            yield from ((path, None) for path in sorted(folder.glob(name)))


def _remove(path: Path, file: File | None) -> bool:
    found = hash_file("rejects", path)
    if found is None or file is None or (found.size, found.sha256) != (file.size, file.sha256):
        return False
    path.unlink()
    return True
