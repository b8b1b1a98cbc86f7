"""A run's evidence: which files it read, by their hashes, and by which rules each target column was made.

Owns what a run leaves in the journal for its report. No cell of a row is in it: rejects are named by
their row numbers, and the content of the rows is only in the file of rejects.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

from opusmap import __version__
from opusmap.compiler.lock import lock_path
from opusmap.output_files import File, hash_file, is_same_file
from opusmap.report.crosswalk import Crosswalk, Line, make_crosswalk
from opusmap.report.summary import Gone, Reason, Report
from opusmap.report.timeline import Timeline
from opusmap.sources import FileChange, FileState

if TYPE_CHECKING:
    from opusmap.compiler import Mapper
    from opusmap.journal import Journal, Run
    from opusmap.sources import Source

SOURCES = 200
"""Files of a source that are hashed at most; what is left out is counted."""
REASONS = 200
"""Reasons for rejects that are kept at most, the most frequent ones, and as many for replaced values; what is
left out is counted."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a run leaves for its report.

    `version` is opusmap's; `person` the account that ran it, as the operating system names it, or "".
    `source` names the rows where they come from no file; `conflict` is what became of records that Opus held
    (`overwrite` or `skip`). `journal_note` is what was odd about the journal, in
    sentences. `seconds` is None as long as the run is not finished.
    `timeline` is what `Timeline.as_json` gives. `reasons` (for rejects) and `replaced` (wrong values in whose
    place records have others) have no examples, for those quote cells; `more_reasons` and `more_replaced` are
    how many were left out. `trust_status`: HTTP statuses without a body were trusted.
    `retried` is how many records a retry asked for that earlier runs left open; None for other runs.
    `rows_of` is, for a retry of a file of rejects, the run that read the source whose row numbers it has (not
    the retry that may have written it); None for other runs.
    `source_changed` are files that changed while they were read; their hashes in `files` are from before.
    `gone` is kept without rowKeys, for pruning leaves evidence as it is: `of_run` adds those that are known.
    `rejected_in_opus` and `rejected_deleted` are as in `Report`.
    """

    version: str = ""
    person: str = ""
    source: str = ""
    conflict: str = ""
    files: tuple[File, ...] = ()
    crosswalk: Crosswalk = field(default_factory=Crosswalk)
    more_sources: int = 0
    reasons: tuple[Reason, ...] = ()
    more_reasons: int = 0
    replaced: tuple[Reason, ...] = ()
    more_replaced: int = 0
    timeline: Mapping[str, Any] | None = None
    seconds: float | None = None
    trust_status: bool = False
    source_changed: tuple[FileChange, ...] = ()
    journal_note: str = ""
    retried: int | None = None
    rows_of: int | None = None
    gone: Gone | None = None
    rejected_in_opus: int = 0
    rejected_deleted: int = 0

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data; `read` reads it."""
        return asdict(self)

    @classmethod
    def read(cls, plain: Mapping[str, Any]) -> Evidence:
        """Return evidence from plain data; what a later opusmap may have added is passed over."""
        crosswalk = _known(Crosswalk, plain.get("crosswalk", {}))
        crosswalk["lines"] = _all(Line, crosswalk.get("lines", ()))
        lists = {
            "files": _all(File, plain.get("files", ())),
            "reasons": _all(Reason, plain.get("reasons", ())),
            "replaced": _all(Reason, plain.get("replaced", ())),
        }
        lists["source_changed"] = tuple(map(_change, plain.get("source_changed", ())))
        gone = plain.get("gone")
        absent = None if gone is None else Gone(**_known(Gone, gone))
        return cls(**{**_known(cls, plain), **lists, "crosswalk": Crosswalk(**crosswalk), "gone": absent})

    @classmethod
    def of_run(cls, journal: Journal, run: Run) -> Evidence:
        """Return what a run left, and the rowKeys of records that were gone, unless they were pruned."""
        found = cls.read(journal.evidence(run))
        return (
            found if found.gone is None else replace(found, gone=replace(found.gone, keys=journal.gone(run)))
        )

    def completed(self, report: Report, timeline: Timeline, written: Iterable[File]) -> Evidence:
        """Return it with what is known at a run's end; `written` are the files that the run wrote."""
        reasons, more = keep_reasons(report.reasons)
        replaced, more_replaced = keep_reasons(report.replaced)
        return replace(
            self,
            files=(*self.files, *written),
            reasons=reasons,
            more_reasons=more,
            replaced=replaced,
            more_replaced=more_replaced,
            timeline=timeline.as_json(),
            seconds=report.seconds,
            source_changed=report.source_changed[:SOURCES],
            gone=None if report.gone is None else report.gone.without_keys(),
            rejected_in_opus=report.rejected_in_opus,
            rejected_deleted=report.rejected_deleted,
        )

    def find(self, role: str) -> File | None:
        """Return the first file with this role."""
        return next((file for file in self.files if file.role == role), None)


def find_run_of_rejects(
    journal: Journal, target: tuple[str, str, str], file: str, before: int | None = None
) -> tuple[Run, Evidence] | None:
    """Return the run that wrote a file of rejects, and what it left; None if that is not known.

    A file is known by its name, which has the run's number.

    Args:
        journal: which knows the runs.
        target: the origin of Opus, the connection's id, and the name of the mapping's file.
        file: its path.
        before: the number of a run; those from it on don't count.

    Raises:
        JournalError: the journal can't be read.
    """
    name = PurePath(file).name
    for run in journal.runs():
        is_later = before is not None and run.id >= before
        if is_later or (run.origin, run.connection, PurePath(run.mapping).name) != target:
            continue
        left = journal.evidence(run)
        files = _all(File, left.get("files", ()))  # not all that it left: there may be thousands of runs
        if any(each.role == "rejects" and PurePath(each.path).name == name for each in files):
            return run, Evidence.read(left)
    return None


def gather_evidence(mapper: Mapper, source: Source | None) -> Evidence:
    """Return what is known before a run's first row: what it reads, and by which rules it maps.

    Without a source (another program reads it), nothing is known of it.
    """
    spec = mapper.spec
    read = () if source is None else source.files or (source.name,)
    named = [
        ("mapping", spec.path),
        ("connection", _connection_path(mapper)),
        ("lock", str(lock_path(spec.path))),
        *(("table or shared part", path) for path in spec.files),
        *(("source", path) for path in read[:SOURCES]),
    ]
    files = (_known_file(source, role, path) or hash_file(role, path) for role, path in named)
    return Evidence(
        version=__version__,
        person=_find_person(),
        source="" if source is None else source.name,
        more_sources=len(read[SOURCES:]),
        conflict=spec.conflict,
        files=tuple(file for file in files if file is not None),
        crosswalk=make_crosswalk(mapper.plan),
    )


def staged_evidence(evidence: Evidence, place: str) -> Evidence:
    """Return what is known before a staged run's first record: what staging found, and who sends it now."""
    kept, more = keep_reasons(evidence.reasons)
    replaced, more_replaced = keep_reasons(evidence.replaced)
    return replace(
        evidence,
        version=__version__,
        person=_find_person(),
        source=place,
        reasons=kept,
        more_reasons=more,
        replaced=replaced,
        more_replaced=more_replaced,
    )


def _connection_path(mapper: Mapper) -> str:
    """Return the connection's path as that of the mapping is written, which names it, and not in full."""
    written = Path(mapper.spec.path).parent / mapper.spec.connection
    return str(written) if is_same_file(written, mapper.connection.path) else mapper.connection.path


def _find_person() -> str:
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # a container's account may have no name
        return ""


def _known_file(source: Source | None, role: str, path: str) -> File | None:
    """Return a file of the source whose hash its watch knows already."""
    watch = None if source is None or role != "source" else source.watch
    state = None if watch is None else watch.state(str(Path(path)))
    return None if state is None or state.sha256 is None else File(role, path, state.size, state.sha256)


def keep_reasons(reasons: Iterable[Reason]) -> tuple[tuple[Reason, ...], int]:
    """Return reasons as they may be kept (few enough, and without any cell), and how many were left out."""
    found = [Reason(each.column, each.code, each.count, each.rows, "") for each in reasons]
    return tuple(found[:REASONS]), len(found[REASONS:])


def _change(plain: Mapping[str, Any]) -> FileChange:
    before, after = (
        None if plain.get(name) is None else FileState(**_known(FileState, plain[name]))
        for name in ("before", "after")
    )
    return FileChange(str(plain.get("path", "")), before, after)


def _known(kind: type[Any], plain: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a kind of evidence has; JSON's lists are its tuples."""
    names = {each.name for each in fields(kind)}
    return {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in plain.items()
        if name in names
    }


def _all(kind: type[Any], plain: Iterable[Mapping[str, Any]]) -> tuple[Any, ...]:
    return tuple(kind(**_known(kind, each)) for each in plain)
