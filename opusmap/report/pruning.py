"""Removing the files of rejects that old runs wrote.

Owns which files those are: regular files that are byte for byte what a run wrote.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from opusmap.report.evidence import Evidence, File, hash_file

__all__ = ["remove_rejects"]


def remove_rejects(evidence: Iterable[Evidence], folder: Path) -> Iterator[tuple[Path, bool]]:
    """Remove the rejects of runs; yield each file that is there, and whether it was removed.

    A file that is not any more what the run wrote stays: it is a later run's, or a person's own.

    Args:
        evidence: of the runs.
        folder: where files are looked for that are not where the run wrote them; the journal's.
    """
    seen = set[Path]()
    for each in evidence:
        for file in (one for one in each.files if one.role == "rejects"):
            for path in dict.fromkeys((Path(file.path), folder / Path(file.path).name)):
                if path.resolve() not in seen and path.is_file() and not path.is_symlink():
                    seen.add(path.resolve())
                    yield path, _remove(path, file)


def _remove(path: Path, file: File) -> bool:
    found = hash_file("rejects", path)
    if found is None or (found.size, found.sha256) != (file.size, file.sha256):
        return False
    path.unlink()
    return True
