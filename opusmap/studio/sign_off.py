"""A sign-off: a person declares that a run is right, and of which files that holds.

It is written beside the mapping as JSON for people and programs. Owns what it holds, and which of its files
are no longer as they were. It binds nothing that it signs: a file may change, and then the sign-off says so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal, NamedTuple

import msgspec

from opusmap.compiler.lock import lock_path
from opusmap.errors import SettingsError
from opusmap.kept_files import read_kept, write_kept
from opusmap.output_files import File, hash_of
from opusmap.report.status import count_attention, is_rehearsal
from opusmap.safe_files import resolve_inside
from opusmap.wording import counted, was, write_time

if TYPE_CHECKING:
    from opusmap.journal import Run
    from opusmap.report import Evidence

_TEXT_LIMIT = 4_000
_OUTPUT = "rejects"
"""The role of a file that a run wrote: people edit it afterwards, and it is not what they sign."""
_HASHES = 1_000


class SignedFile(msgspec.Struct, frozen=True):
    """A file as the run read it. `path` is relative to the mapping's folder, if the file is below it."""

    role: str
    path: str
    size: int
    sha256: str


class SignedRun(msgspec.Struct, frozen=True, kw_only=True):
    """The run: its number in the journal, where its records went, when, and its totals. Times are UTC."""

    number: int
    opus: str
    connection: str
    started: str
    finished: str
    totals: dict[str, int]


class SignOff(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed what. `opusmap_sign_off` is the version of the file's shape; `signed` is a time in UTC.

    `files_left_out` are files of a source that the run did not hash, for it has too many.
    """

    opusmap_sign_off: Literal[1] = 1
    name: str
    role: str
    declaration: str
    signed: str
    run: SignedRun
    files: list[SignedFile]
    files_left_out: int = 0


class Signer(NamedTuple):
    """Who signs, and what that person declares."""

    name: str
    role: str
    declaration: str


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is no longer as it was: what it is to the mapping, its name, and what happened to it."""

    role: str
    path: str
    what: Literal["changed", "gone", "added", "elsewhere"]

    @property
    def words(self) -> str:
        """The change as a sentence without a full stop."""
        return f"the {self.role} `{self.path}` {_WHAT[self.what]}"


_WHAT = {
    "changed": "has changed",
    "gone": "is no longer there",
    "added": "was added",
    "elsewhere": "is not in the mapping's folder, so it can't be compared",
}


def sign_off_path(mapping: Path) -> Path:
    """Return the path of a mapping's sign-off: `mapping.sign-off.json` beside `mapping.yaml`."""
    return mapping.with_suffix(".sign-off.json")


def read_sign_off(mapping: Path) -> SignOff | None:
    """Return the sign-off of a mapping, None if there is none.

    Raises:
        SettingsError: the file can't be read, or is not a sign-off of this version.
    """
    hint = "move the file away, and sign again"
    return read_kept(sign_off_path(mapping), SignOff, "sign-off", hint)


def write_sign_off(signed: SignOff, mapping: Path) -> Path:
    """Write a sign-off beside its mapping, in place of an earlier one; return its path.

    Raises:
        SettingsError: the file can't be written.
    """
    path = sign_off_path(mapping)
    write_kept(path, signed, mode=0o644)
    return path


def make_sign_off(
    run: Run,
    evidence: Evidence,
    mapping: Path,
    *,
    name: str,
    role: str,
    declaration: str,
    now: datetime | None = None,
) -> SignOff:
    """Return the sign-off of a run, with the hashes of what it read.

    Args:
        run: a run that is done.
        evidence: what it left.
        mapping: the mapping's file, as it is now.
        name: of the person.
        role: of the person.
        declaration: what the person declares.
        now: when; the present by default.

    Raises:
        SettingsError: the run is not done, or name, role or declaration are missing or too long.
    """
    if not may_sign(run):
        hint = "finish it first: send again, and sign the run that is done"
        raise SettingsError(f"run {run.id}", "it did not come to its end, so it can't be signed", hint)
    signer = read_signer(name, role, declaration)
    assert run.finished is not None
    return SignOff(
        name=signer.name,
        role=signer.role,
        declaration=signer.declaration,
        signed=write_time((now or datetime.now(UTC)).timestamp()),
        run=SignedRun(
            number=run.id,
            opus=run.origin,
            connection=run.connection,
            started=write_time(run.started),
            finished=write_time(run.finished),
            totals=dict(run.counts),
        ),
        files=list(files_of(evidence, mapping)),
        files_left_out=evidence.more_sources,
    )


def read_signer(name: str, role: str, declaration: str) -> Signer:
    """Return who signs, and what is declared, from what a person has filled in.

    Raises:
        SettingsError: a field is empty or too long.
    """
    signer = Signer(name.strip(), role.strip(), declaration.strip())
    for field, text in zip(Signer._fields, signer, strict=True):
        if not text or len(text) > _TEXT_LIMIT:
            problem = "this field is empty" if not text else f"this is longer than {_TEXT_LIMIT} characters"
            raise SettingsError(field, problem, "fill in all three fields, and sign again")
    return signer


def may_sign(run: Run) -> bool:
    """Return whether a run came to its end, so that it can be signed."""
    return run.finished is not None and run.ending == "done"


def draft_declaration(run: Run) -> str:
    """Return what a person may declare of a run, to be edited."""
    counts = run.counts
    rules = "The rules of the mapping describe correctly how each column is filled."
    if is_rehearsal(run):
        return f"The records of run {run.id} went to an emulator, and none to Opus. {rules}"
    held = counts.get("submitted", 0) + counts.get("unchanged", 0)
    attention, left = count_attention(counts), counts.get("not_sent", 0)
    read, needs = counted(counts.get("read", 0), "row"), "needs" if attention == 1 else "need"
    text = (
        f"{rules} The totals of run {run.id} account for all {read}: Opus holds {held:,}, the mapping leaves "
        f"out {counts.get('filtered', 0):,}, {attention:,} {needs} attention, and {left:,} "
        f"{was(left)} not sent."
    )
    known = " I know which rows are not records in Opus yet, and that they must be handled."
    return text + (known if attention or left else "")


def find_changes(files: Iterable[SignedFile], mapping: Path) -> tuple[Change, ...]:
    """Return which files of a run are no longer as they were; a lock that was written since is one of them.

    Only files below the mapping's folder are looked at.
    """
    files = list(files)
    found = list(compare_files(files, mapping))
    lock = lock_path(mapping)
    if lock.is_file() and not any(file.role == "lock" for file in files):
        found.append(Change("lock", lock.name, "added"))
    return tuple(found)


def compare_files(files: Iterable[SignedFile | File], mapping: Path) -> Iterator[Change]:
    """Yield which of a mapping's signed files are no longer as they were.

    Only files below the mapping's folder are looked at.
    """
    for file in files:
        # The mapping may have been renamed, together with its sign-off.
        name = mapping.name if file.role == "mapping" else file.path
        path = resolve_inside(mapping.parent, name)
        if path is None:
            yield Change(file.role, file.path, "elsewhere")
        elif (now := _hash_now(path)) != file.sha256:
            yield Change(file.role, file.path, "gone" if now is None else "changed")


def files_of(evidence: Evidence, mapping: Path) -> tuple[SignedFile, ...]:
    """Return the files that a run read, by their names below the mapping's folder.

    A run names its files from the folder that it was started in, some of them by their whole paths.
    """
    at_run = evidence.find("mapping")
    folders = [mapping.parent, *([] if at_run is None else [Path(at_run.path).parent])]
    return tuple(
        SignedFile(file.role, _name_below(Path(file.path), folders), file.size, file.sha256)
        for file in evidence.files
        if file.role != _OUTPUT
    )


def _name_below(path: Path, folders: Iterable[Path]) -> str:
    """Return a file's name below the first of the folders that it is in; else its whole path."""
    found = (path.relative_to(one).as_posix() for one in folders if path.is_relative_to(one))
    return next(found, str(path))


def _hash_now(path: Path) -> str | None:
    """Return a file's hash; it is not read again as long as its size and time stay."""
    try:
        state = path.stat()
    except OSError:
        return None
    return _hash_state(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


@lru_cache(_HASHES)
def _hash_state(path: Path, *_state: int) -> str | None:
    return hash_of(path)


@dataclass(frozen=True, slots=True)
class Standing:
    """A sign-off and what became of its files. `problem` and `help` are why it can't be read."""

    file: str
    signed: SignOff | None = None
    changes: tuple[Change, ...] = ()
    elsewhere: tuple[Change, ...] = ()
    problem: str = ""
    help: str = ""

    @property
    def matches(self) -> bool:
        """Whether all files that could be compared are as they were signed."""
        return self.signed is not None and not self.changes


def look_up_sign_off(mapping: Path) -> Standing | None:
    """Return whether a mapping's sign-off still matches its files; None if there is none."""
    file = sign_off_path(mapping).name
    try:
        signed = read_sign_off(mapping)
    except SettingsError as error:
        return Standing(file, problem=error.problem, help=error.help)
    if signed is None:
        return None
    changes = find_changes(signed.files, mapping)
    return Standing(
        file,
        signed,
        tuple(one for one in changes if one.what != "elsewhere"),
        tuple(one for one in changes if one.what == "elsewhere"),
    )
