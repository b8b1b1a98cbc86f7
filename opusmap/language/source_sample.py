"""The first rows of a mapping's source and their profile, read again only when the files have changed.

Only files in the mapping's folder, in the formats of opusmap itself, are read. No database is asked, and no
installed package, which might look into a mailbox: an editor opens a mapping without a person asking for it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path

from opusmap.compiler.lint import SAMPLE_ROWS
from opusmap.errors import SourceError
from opusmap.language.cached_files import Stamp, stamp
from opusmap.language.descriptions import describe_source, summarize_source
from opusmap.mapping import MappingSpec
from opusmap.profile import ColumnProfile, SourceProfile, profile_source
from opusmap.records import Reject, Row
from opusmap.run.open import open_own_source
from opusmap.source_options import FORMATS, SourceOptions
from opusmap.sources import Source

CHARACTERS_KEPT = 16 << 20
"""Characters of all values of a sample, about, at most: with longer rows, fewer are kept."""


CELLS_PROFILED = 40_000
"""Cells of a sample that are profiled, about, at most: it takes a second or two."""
_LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class SourceDescription:
    """What is said of a source column: in a few words, and in Markdown."""

    summary: str
    text: str

    @classmethod
    def of(cls, name: str, profile: ColumnProfile | None) -> SourceDescription:
        """Return the description of a column with this profile, if it has one."""
        return cls(summarize_source(profile), describe_source(name, profile))


class SourceSample(Source):
    """The first rows of a source, to be read again and again; `whole` if there are no more."""

    rereadable = True

    def __init__(self, source: Source) -> None:
        self.name, self.columns, self.notes = source.name, source.columns, source.notes
        self.typed_cells, self.header_row, self.files = source.typed_cells, source.header_row, source.files
        self._rows: list[Row | Reject] = []
        self.whole = True
        weight = 0
        for row in islice(source.rows(), SAMPLE_ROWS + 1):
            if len(self._rows) == SAMPLE_ROWS or weight > CHARACTERS_KEPT:
                self.whole = False
                break
            self._rows.append(row)
            weight += sum(
                len(value if isinstance(value, str) else repr(value)) for value in row.values.values()
            )

    @cached_property
    def profile(self) -> SourceProfile:
        """The profile of the rows; of a wide source only of the first ones, as an editor waits for it."""
        width = max((len(row.values) for row in self._rows[:10]), default=0)
        return profile_source(self, max(_LEAST_ROWS, CELLS_PROFILED // max(1, width)))

    @cached_property
    def descriptions(self) -> dict[str, SourceDescription]:
        """What is said of each column; an editor asks for all of them at each keystroke."""
        return {one.name: SourceDescription.of(one.name, one) for one in self.profile.columns}

    def rows(self) -> Iterator[Row | Reject]:
        """Yield the rows of the sample."""
        return iter(self._rows)

    def row(self, index: int) -> Row | None:
        """Return the row at a position that can be read; the last one beyond the end. None without rows."""
        readable = [row for row in self._rows if isinstance(row, Row)]
        return readable[min(index, len(readable) - 1)] if readable else None


@dataclass(frozen=True, slots=True)
class _Known:
    options: SourceOptions
    stamps: tuple[Stamp | None, ...]
    files: tuple[Path, ...]
    found: SourceSample | SourceError


class SampleCache:
    """The sample of the source that was read last."""

    def __init__(self) -> None:
        self._known: _Known | None = None

    def sample(self, spec: MappingSpec) -> SourceSample | None:
        """Return a sample of the source that a mapping names; None without one that an editor may read.

        Raises:
            SourceError: it can't be read.
        """
        options = spec.source
        if options.path is None or options.database is not None:
            return None
        if options.format is not None and options.format.lower() not in FORMATS:
            return None
        known = self._known
        if known is None or known.options != options or known.stamps != tuple(map(stamp, known.files)):
            known = self._known = _read(spec)
        if isinstance(known.found, SourceError):
            raise known.found
        return known.found


def _read(spec: MappingSpec) -> _Known:
    path = Path(spec.path).parent / str(spec.source.path)
    files = [path, path.parent]
    before = tuple(map(stamp, files))
    found: SourceSample | SourceError
    try:
        with open_own_source(spec) as source:
            before += tuple(map(stamp, map(Path, source.files)))  # before its rows are read
            files += map(Path, source.files)
            found = SourceSample(source)
    except SourceError as error:
        found = error
    return _Known(spec.source, before, tuple(files), found)
