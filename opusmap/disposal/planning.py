"""Making a plan: what is due, known, agreed to by a signed review if there is one, and not held."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import NoReturn

from opusmap import __version__
from opusmap.disposal.destruction_plan import (
    Hold,
    LeftOut,
    Plan,
    PlanFile,
    PlannedRecord,
    Review,
    list_holds,
)
from opusmap.disposal.due import DueList, DueState
from opusmap.disposal.holds import read_hold
from opusmap.disposal.sealed import seal
from opusmap.disposal.signed_review import SignedDecisions
from opusmap.errors import DestructionRefused, SettingsError
from opusmap.journal import Journal
from opusmap.output_files import check_output, hash_of
from opusmap.wording import counted, write_time

_BLOCK = 5_000
"""RowKeys that the journal is asked about at a time."""
NOT_REVIEWED = "not-reviewed"
"""The state of a record that is left out because a signed review did not agree to it as it is."""


@dataclass(frozen=True, slots=True)
class PlanTerms:
    """Whose records a plan destroys, and on what terms.

    Attributes:
        origin: the service's base URL.
        connection: the connection's id.
        mapping: the mapping file's path.
        authority: the disposal authority that the plan names; may be empty.
        approvals: how many people must approve it.
    """

    origin: str
    connection: str
    mapping: str
    authority: str = ""
    approvals: int = 2


def make_plan(
    due: DueList,
    path: Path,
    terms: PlanTerms,
    *,
    holds: Sequence[str] = (),
    signed: SignedDecisions | None = None,
    now: float,
) -> PlanFile:
    """Freeze what is due, `known`, and not held into a plan for a file that is not written yet.

    With a signed review, it has only records that were agreed to, and the review's file of holds counts, too.

    Raises:
        DestructionRefused: a file of holds can't be read, the review is of another Opus or connection, or
            nothing is left to be destroyed.
    """
    if signed is not None:
        if problem := signed.review.find_other_target(terms.origin, terms.connection):
            raise DestructionRefused(signed.path, problem, "name the review of what is to be destroyed")
        holds = list(dict.fromkeys([*holds, signed.holds]))
    listed = [(hold, read_hold(hold)) for hold in holds]
    keys = sorted(entry.key for entry in due.entries)
    found = [(hold, file, file.find(keys)) for hold, file in listed]
    held = frozenset(key for _, _, kept in found for key in kept)
    names, records, left_out = [each.name for each in fields(PlannedRecord)], [], []
    for entry in due.entries:
        if entry.key in held:
            continue
        if entry.state is not DueState.KNOWN:
            left_out.append(LeftOut(entry.key, entry.state.value, entry.why))
        elif signed is not None and (why := signed.explain_absence(entry.key, entry.content)):
            left_out.append(LeftOut(entry.key, NOT_REVIEWED, why))
        else:
            records.append(PlannedRecord(**{name: getattr(entry, name) for name in names}))
    if not records:
        _refuse_empty_plan(due, path, len(held), left_out)
    plan = Plan(
        made=write_time(now),
        opusmap=__version__,
        origin=terms.origin,
        connection=terms.connection,
        mapping=_from_folder(terms.mapping, path.parent),
        until=str(due.until),
        authority=terms.authority,
        approvals_needed=terms.approvals,
        holds=tuple(
            Hold(
                _from_folder(hold, path.parent),
                hash_of(hold) or "",
                len(file.lines),
                tuple(kept),
                {key: reason for key, reason in kept.items() if reason},
            )
            for hold, file, kept in found
        ),
        left_out=tuple(left_out),
        records=tuple(records),
        review=None if signed is None else _describe_review(signed, path.parent),
    )
    return PlanFile(path, plan, seal("plan", asdict(plan)))


def _refuse_empty_plan(due: DueList, path: Path, held: int, left_out: Iterable[LeftOut]) -> NoReturn:
    if not due.entries:
        problem = f"Opus lists no record that is due by {due.until}, so there is nothing to plan"
        raise DestructionRefused(str(path), problem, "name another day with --until")
    why = {"held": held, **Counter(one.state for one in left_out)}
    named = ", ".join(f"{count} {state}" for state, count in why.items() if count)
    problem = f"of {counted(len(due.entries), 'due record')} none may be destroyed: {named}"
    raise DestructionRefused(str(path), problem, "`opusmap due` shows what is known of each")


def find_unknown_holds(
    file: PlanFile, journal: Journal, more: Iterable[str] = ()
) -> dict[str, tuple[str, ...]]:
    """Return by file of holds the lines that are not the rowKey of a submitted record, such as mistyped ones.

    The files are the plan's, and `more`.

    Raises:
        DestructionRefused: one of the files can't be read.
        JournalError: the journal can't be read.
    """
    plan, found = file.plan, dict[str, tuple[str, ...]]()
    for path in list_holds(file, more):
        hold = read_hold(path)
        keys, unknown = sorted(hold.reasons), list[str]()
        for start in range(0, len(keys), _BLOCK):
            block = keys[start : start + _BLOCK]
            known = journal.find_records(plan.origin, plan.connection, block)
            unknown += [key for key in block if key not in known]
        if unknown:
            found[path] = tuple(unknown)
    return found


def refuse_existing(path: Path) -> None:
    """Refuse to write a plan over a file that is there: it may have approvals.

    Raises:
        SettingsError: it is there, or its folder is not.
    """
    if os.path.lexists(path):
        raise SettingsError(str(path), "this file is there already", "name another one with -o")
    check_output(path)


def _describe_review(signed: SignedDecisions, folder: Path) -> Review:
    signature, review = signed.signature, signed.review
    return Review(
        path=_from_folder(signed.path, folder),
        sha256=signed.sha256,
        by=f"{signature.name}, {signature.role}",
        signed=signature.signed,
        until=review.until,
        agreed=len(review.agreed),
    )


def _from_folder(path: str, folder: Path) -> str:
    """Return a path as it is named from the plan's folder, so that both can be moved together."""
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except ValueError:  # another drive of Windows
        return str(Path(path).resolve())
