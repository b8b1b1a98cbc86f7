"""Files by a pattern such as `export/**/*.csv`, and the files of a folder, without following links.

Owns the walk through folders. What is read of a file is the business of `several` and `folder`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

__all__ = ["Pattern", "is_pattern", "split_pattern", "walk"]

_MAGIC = frozenset("*?[")


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern in two parts: the folder that has no wildcard in it, and the rest, a part for each level.

    An empty rest stands for every file below the folder.
    """

    folder: Path
    parts: tuple[str, ...] = ()

    def matches(self, names: Sequence[str]) -> bool:
        """Tell whether a file, given as the names from `folder` on, is meant."""
        return not self.parts or _matches(names, self.parts)


def is_pattern(path: str | Path) -> bool:
    """Tell whether a path names files by wildcards; a file that has one in its very name is no pattern."""
    return bool(_MAGIC & set(str(path))) and not _exists(Path(path))


def split_pattern(path: str | Path) -> Pattern:
    """Return the pattern that a path is; a folder alone stands for all its files."""
    parts = Path(path).parts
    plain = next((place for place, part in enumerate(parts) if _MAGIC & set(part)), len(parts))
    return Pattern(Path(*parts[:plain]), tuple(parts[plain:]))


def walk(folder: Path) -> Iterator[tuple[os.DirEntry[str], tuple[str, ...]] | OSError]:
    """Yield what is in a folder and below, by name, but for folders: each entry, and its names from there on.

    Links are yielded and never followed. A folder that can't be read gives its error.
    """
    waiting: list[tuple[str, ...]] = [()]
    while waiting:
        names = waiting.pop()
        try:
            with os.scandir(folder.joinpath(*names)) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            yield error
            continue
        below = []
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                below.append((*names, entry.name))
            else:
                yield entry, (*names, entry.name)
        waiting += reversed(below)


def _matches(names: Sequence[str], parts: Sequence[str]) -> bool:
    if not parts:
        return not names
    if parts[0] == "**":
        return any(_matches(names[skip:], parts[1:] or ("*",)) for skip in range(len(names)))
    return bool(names) and _is_meant(names[0], parts[0]) and _matches(names[1:], parts[1:])


def _is_meant(name: str, part: str) -> bool:
    """Match one level; as in a shell, a hidden name is met only by a pattern that begins with a dot."""
    return fnmatch(name, part) and (not name.startswith(".") or part.startswith("."))


def _exists(path: Path) -> bool:
    try:
        return path.exists()
    except (OSError, ValueError):
        return False
