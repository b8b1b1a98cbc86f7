"""A plan: the records that may be destroyed, frozen under one hash in a file; and what was added since.

The plan itself never changes. Beside it the file has the approvals, the confirmations and the executions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any, Self

import msgspec

from opusmap.disposal.approvals import Approval
from opusmap.disposal.holds import read_hold
from opusmap.disposal.sealed import Sealed, join_sealed, read_sealed, write_sealed
from opusmap.errors import DestructionRefused
from opusmap.opus.due_pages import DueRecord
from opusmap.output_files import hold_lock

FORMAT = "opusmap destruction plan 1"


@dataclass(frozen=True, slots=True)
class PlannedRecord(DueRecord):
    """A record of a plan: what Opus says of it, and the hash of the content that it accepted."""

    content: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A record that was due and is not in the plan: its rowKey, its state, and why in words."""

    key: str
    state: str
    why: str


@dataclass(frozen=True, slots=True)
class Hold:
    """A file of rowKeys that must not be destroyed: its path from the plan's folder, its SHA-256, its keys.

    `held` are those of them that were due, and `reasons` why, by rowKey, as far as the file says so.
    """

    path: str
    sha256: str
    keys: int
    held: tuple[str, ...] = ()
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Review:
    """The signed review that a plan went by: its path from the plan's folder, its SHA-256, who signed, when.

    `until` is the last day that was reviewed, `agreed` the number of records that may be destroyed by it.
    """

    path: str
    sha256: str
    by: str
    signed: str
    until: str
    agreed: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What may be destroyed. Paths are from the plan's folder.

    Attributes:
        made: when (ISO, UTC); `opusmap` is the version that made it.
        origin: the service; `connection` is the connection's id.
        mapping: the mapping's path.
        until: the last day of the question for due records.
        authority: the disposal authority, as it was given.
        approvals_needed: how many different people must approve it.
        holds: the files of holds that were looked at.
        left_out: what was due and is not in the plan, other than what is held.
        records: what may be destroyed.
        review: the signed review that it went by; None if it went by none.
    """

    made: str
    opusmap: str
    origin: str
    connection: str
    mapping: str
    until: str
    authority: str
    approvals_needed: int
    holds: tuple[Hold, ...]
    left_out: tuple[LeftOut, ...]
    records: tuple[PlannedRecord, ...]
    review: Review | None = None

    @property
    def keys(self) -> frozenset[str]:
        """The rowKeys of the records."""
        return frozenset(record.key for record in self.records)

    @property
    def considered(self) -> frozenset[str]:
        """The rowKeys of all that was due when the plan was made."""
        held = (key for hold in self.holds for key in hold.held)
        return self.keys.union((each.key for each in self.left_out), held)


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What confirms that the objects of some records are gone.

    Attributes:
        plan: the plan's hash.
        method: `source` (they are not in the source any more) or `vendor` (who destroyed them certifies it).
        at: when that was seen (ISO, UTC).
        name, sha256: of the source's file (no hash where it is none), or of the certificate.
        rows: how many rows of the source were read.
        keys: the rowKeys of the records.
    """

    plan: str
    method: str
    at: str
    name: str
    sha256: str
    rows: int
    keys: tuple[str, ...]

    def replaces(self, other: Confirmation) -> bool:
        """Return whether another one says nothing beside this one."""
        is_newer_look = self.method == "source"
        return self.method == other.method and (is_newer_look or self.sha256 == other.sha256)


@dataclass(frozen=True, slots=True)
class Execution:
    """A run of the plan: who ran it, from when to when, what it counted. Without `ended` it was killed."""

    by: str
    started: str
    ended: str = ""
    counts: dict[str, int] = field(default_factory=dict)
    stopped: str = ""
    newly_due: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class PlanFile:
    """A plan as it is in its file, with its seal."""

    path: Path
    plan: Plan
    sealed: Sealed
    approvals: tuple[Approval, ...] = ()
    confirmations: tuple[Confirmation, ...] = ()
    executions: tuple[Execution, ...] = ()

    @property
    def sha256(self) -> str:
        """The plan's hash."""
        return self.sealed.sha256

    @property
    def confirmed(self) -> dict[str, Confirmation]:
        """What confirms each record, by rowKey."""
        found = (one for one in self.confirmations if one.plan == self.sha256)
        return {key: one for one in found for key in one.keys}

    @property
    def mapping(self) -> Path:
        """The mapping's file."""
        return self.path.parent / self.plan.mapping

    def write(self) -> None:
        """Write the file.

        Raises:
            SettingsError: it can't be written.
        """
        parts = {
            "approvals": [one.as_json() for one in self.approvals],
            "confirmations": [asdict(one) for one in self.confirmations],
            "executions": [asdict(one) for one in self.executions],
        }
        write_sealed(self.path, join_sealed(FORMAT, [self.sealed], parts))

    def executed(self, execution: Execution) -> Self:
        """Return it with an execution: in the place of what was noted when it began, if that is in it."""
        begun = (execution.by, execution.started)
        others = [one for one in self.executions if one.ended or (one.by, one.started) != begun]
        return replace(self, executions=(*others, execution))

    def confirm(self, confirmation: Confirmation) -> Self:
        """Return it with a confirmation; of looks at the source only the latest counts, by when it began."""
        looks = [one for one in self.confirmations if one.method == "source"]
        if confirmation.method == "source" and any(one.at > confirmation.at for one in looks):
            return self
        others = [one for one in self.confirmations if not confirmation.replaces(one)]
        if confirmation.method == "source":
            return replace(self, confirmations=(*others, confirmation))
        return replace(self, confirmations=(confirmation, *others))


def read_plan_file(path: str | Path) -> PlanFile:
    """Read a plan's file.

    Raises:
        DestructionRefused: it can't be read, or the plan was changed after it was made.
    """
    sealed, rest = read_sealed(path, FORMAT, ("plan",))
    return PlanFile(Path(path), read_plan(sealed["plan"], str(path)), sealed["plan"], *_read_rest(rest, path))


def update_plan_file(file: PlanFile, add: Callable[[PlanFile], PlanFile]) -> PlanFile:
    """Add to a plan's file, and write it: to what it is now, since others may have added to it meanwhile.

    Args:
        file: the plan as it was read earlier.
        add: returns the file with what is new; what it raises leaves the file as it is.

    Raises:
        DestructionRefused: it can't be read, or has another plan now.
        SettingsError: it can't be written.
    """
    with hold_lock(file.path):
        latest = read_plan_file(file.path)
        if latest.sha256 != file.sha256:
            raise DestructionRefused(str(file.path), "the file has another plan now", "look at it again")
        latest = add(latest)
        latest.write()
    return latest


def read_plan(sealed: Sealed, path: str) -> Plan:
    """Return the plan of a sealed line.

    Raises:
        DestructionRefused: it is none, or has two records with one rowKey.
    """
    try:
        plan = msgspec.convert(sealed.read(), Plan)
        date.fromisoformat(plan.until)
    except (msgspec.ValidationError, ValueError) as error:
        raise DestructionRefused(path, f"this is not a plan that can be read: {error}") from None
    if len(plan.keys) < len(plan.records) or plan.approvals_needed < 1:
        raise DestructionRefused(path, "the plan has a record twice, or needs no approval")
    return plan


def read_approvals(values: Any) -> tuple[Approval, ...]:
    """Read the approvals of a file.

    Raises:
        ValueError: they are none.
    """
    try:
        return tuple(Approval.read(one) for one in values)
    except (TypeError, KeyError) as error:
        raise ValueError(str(error)) from None


def read_executions(values: Any) -> tuple[Execution, ...]:
    """Read the executions of a file.

    Raises:
        ValueError: they are none.
    """
    return msgspec.convert(values, tuple[Execution, ...])


def read_confirmations(values: Any) -> tuple[Confirmation, ...]:
    """Read the confirmations of a file.

    Raises:
        ValueError: they are none.
    """
    return msgspec.convert(values, tuple[Confirmation, ...])


def _read_rest(
    rest: dict[str, Any], path: str | Path
) -> tuple[tuple[Approval, ...], tuple[Confirmation, ...], tuple[Execution, ...]]:
    try:
        return (
            read_approvals(rest.get("approvals", [])),
            read_confirmations(rest.get("confirmations", [])),
            read_executions(rest.get("executions", [])),
        )
    except ValueError as error:
        raise DestructionRefused(str(path), f"what was added to the plan can't be read: {error}") from None


def list_holds(file: PlanFile, more: Iterable[str] = ()) -> list[str]:
    """Return the paths of a plan's files of holds, and of others."""
    return [*(str(file.path.parent / hold.path) for hold in file.plan.holds), *more]


def find_held(file: PlanFile, more: Iterable[str] = ()) -> dict[str, str]:
    """Return which of a plan's records are held now, by the plan's files of holds and others: key -> file.

    Raises:
        DestructionRefused: one of the files can't be read.
    """
    return {key: path for path in list_holds(file, more) for key in read_hold(path).find(file.plan.keys)}
