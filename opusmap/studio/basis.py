"""What a look at the source rests on: a mapping's text, the source's files, and the runs before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from opusmap.journal.last_run import LastRun, NotedRun
from opusmap.language.cached_files import Stamp, stamp
from opusmap.run.open import Work
from opusmap.studio.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Basis:
    """What was looked at; `version` names the mapping's text. Take it before the look."""

    version: str
    stamps: Mapping[Path, Stamp | None] = field(default_factory=dict)
    last_run: NotedRun | None = None
    """Not the note's stamp: a rehearsal, which changes nothing in Opus, notes its rejects there."""

    @classmethod
    def of(cls, version: str, work: Work) -> Basis:
        """Return the basis of a look at a source; its last run is known by the note beside the mapping."""
        files = work.source.files or (work.source.name,)
        stamps = {Path(name): stamp(Path(name)) for name in files}
        return cls(version, stamps, LastRun(work.mapper.spec.path).latest())

    def is_old(self, bench: Workbench) -> bool:
        """Return whether the mapping, its source or its runs have changed since."""
        return (
            self.version != bench.version
            or any(stamp(path) != then for path, then in self.stamps.items())
            or LastRun(bench.path).latest() != self.last_run
        )
