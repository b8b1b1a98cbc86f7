"""Removing the files of rejects that old runs wrote.

Owns which files those are: regular files that are byte for byte what opusmap wrote. What a person edited
stays, and is named.
"""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator
from pathlib import Path

from opusmap.journal import Run
from opusmap.journal.last_run import LastRun
from opusmap.output_files import File, hash_file
from opusmap.report.provenance import Evidence

__all__ = ["remove_other_rejects", "remove_rejects"]


def remove_rejects(runs: Iterable[tuple[Run, Evidence]], *folders: Path) -> Iterator[tuple[Path, bool]]:
    """Remove the rejects of runs; yield each file that is there, and whether it was removed.

    A file that is not any more what the run wrote stays: it is a person's own by now. So does one of a run
    that was killed, for nobody knows what it wrote last.

    Args:
        runs: with what they left.
        folders: where files are looked for that are not where the run wrote them.
    """
    seen = set[Path]()
    for run, evidence in runs:
        written = [file for file in evidence.files if file.role == "rejects"]
        for path, file in [*_places(written, folders), *_left_by_killed(run, written, folders)]:
            if path.resolve() not in seen and path.is_file() and not path.is_symlink():
                seen.add(path.resolve())
                yield path, _remove(path, file)


def remove_other_rejects(mapping: Path, before: float) -> Iterator[tuple[Path, bool]]:
    """Remove the rejects of `map` and of rehearsals that were written before a moment (seconds since 1970).

    Yields and keeps as `remove_rejects` does.
    """
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
