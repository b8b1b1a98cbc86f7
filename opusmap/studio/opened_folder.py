"""The folder that the studio was opened in: its mappings, and files within it. Nothing outside is reached."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

from opusmap.errors import SettingsError
from opusmap.safe_files import names_device, refuse_irregular, resolve_inside
from opusmap.sources.formats import all_formats

FOUND_AT_MOST = 200
"""Mappings that are listed."""
_DEPTH = 4
_SEEN_AT_MOST = 20_000
_HEAD = 4096
_MAPPING = re.compile(rb"^\s*\{?\s*[\"']?opusmap[\"']?\s*:", re.MULTILINE)
_NAME_LIMIT = 200
_OTHERS = re.compile(
    r"\.(connection|lock|last-run|schema|sign-off|review)\.json$|(^|/)opusmap-journal\.db|\.rejects\."
)
"""Names of connections, and of what opusmap itself writes."""


class Folder:
    """A folder, and what may be read and written there."""

    def __init__(self, path: Path) -> None:
        """Open a folder.

        Raises:
            SettingsError: it is not there.
        """
        self.path = path.resolve()
        if not self.path.is_dir():
            raise SettingsError(
                str(path), "this is not a folder", "name a mapping, or a folder with mappings"
            )

    def resolve(self, name: str) -> Path:
        """Return the path of a file by its name within the folder.

        Raises:
            SettingsError: it leads out of the folder.
        """
        found = resolve_inside(self.path, name)
        if found is None or found == self.path:
            raise SettingsError(
                name, "this is not a file in the studio's folder", f"choose one in {self.path}"
            )
        return found

    def name_of(self, path: Path) -> str:
        """Return how a file within the folder is named, with `/`."""
        return path.resolve().relative_to(self.path).as_posix()

    def mappings(self) -> tuple[str, ...]:
        """Return the names of the mappings in the folder and a few levels below, in order."""
        found = []
        for path in self._walk():
            if path.suffix.lower() in (".yaml", ".yml") and _is_mapping(path):
                found.append(self.name_of(path))
                if len(found) == FOUND_AT_MOST:
                    break
        return tuple(sorted(found, key=lambda name: (name.count("/"), name)))

    def files(self, *suffixes: str) -> tuple[str, ...]:
        """Return the names of files with some suffixes (lower case), in order."""
        found = (self.name_of(path) for path in self._walk() if path.suffix.lower() in suffixes)
        return tuple(sorted(found, key=lambda name: (name.count("/"), name)))[:FOUND_AT_MOST]

    def sources(self) -> tuple[str, ...]:
        """Return the names of files that may be a source, in order, without connections and opusmap's own."""
        suffixes = (".gz", *(suffix for one in all_formats() for suffix in one.suffixes))
        return tuple(name for name in self.files(*suffixes) if not _OTHERS.search(name))

    def free_name(self, given: str) -> Path:
        """Return the path for a new file: its plain name, with a number if that is taken.

        Raises:
            SettingsError: it is not a file name.
        """
        name = re.split(r"[\\/]", given)[-1].strip()
        if not name or name.startswith(".") or names_device(name) or len(name) > _NAME_LIMIT or "\0" in name:
            raise SettingsError(given, "this is not a file name", "rename the file, and drop it again")
        path = self.path / name
        number = 2
        while os.path.lexists(path):
            path = self.path / f"{Path(name).stem}-{number}{Path(name).suffix}"
            number += 1
        return path

    def _walk(self) -> Iterator[Path]:
        """Yield the regular files of the folder, hidden ones and links out of it left out."""
        seen = 0
        for root, folders, names in os.walk(self.path):
            below = Path(root)
            deep = len(below.relative_to(self.path).parts) >= _DEPTH
            folders[:] = [] if deep else sorted(one for one in folders if not one.startswith((".", "_")))
            for name in sorted(names):
                seen += 1
                if seen > _SEEN_AT_MOST:
                    return
                if not name.startswith(".") and resolve_inside(
                    self.path, (below / name).relative_to(self.path).as_posix()
                ):
                    yield below / name


def _is_mapping(path: Path) -> bool:
    try:
        refuse_irregular(path)
        with path.open("rb") as file:
            return _MAPPING.search(file.read(_HEAD)) is not None
    except OSError:
        return False
