"""Verifying a plan or a certificate without Opus, journal or source: hashes, approvals, counts."""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from opusmap.disposal.approvals import Approval, find_flaws
from opusmap.disposal.destruction_certificate import FORMAT, SEAL, read_signature, state_certificate
from opusmap.disposal.destruction_plan import FORMAT as PLAN_FORMAT
from opusmap.disposal.destruction_plan import Plan, read_executions, read_plan, read_plan_file
from opusmap.disposal.sealed import read_content, read_sealed
from opusmap.disposal.signatures import describe_certificate, find_flaw
from opusmap.disposal.time_stamp_tokens import BadTimeStamp, TimeStamp
from opusmap.disposal.time_stamps import describe_time_stamp, find_time_stamp, locate_time_stamp
from opusmap.errors import DestructionRefused

_HEAD = 100
"""Bytes in which a file says its format, also if a program has written it again with line breaks."""
_STATES = ("destroyed", "failed", "uncertain", "not_sent")


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified: the kind of file, in sentences what holds and what does not, and its time stamp."""

    kind: str
    holds: tuple[str, ...]
    flaws: tuple[str, ...]
    time_stamp: TimeStamp | None = None


def verify(path: Path) -> Verified:
    """Verify a plan's file, or a certificate's page or JSON file; of a page the JSON beside it, too.

    Raises:
        DestructionRefused: it is none of these, or can't be read.
        SettingsError: something is signed or stamped, and the extra to check it is not installed; or
            `OPUSMAP_TIMESTAMP_CA` can't be read.
    """
    content = read_content(path)
    if content.lstrip()[:1] == b"<":
        return _verify_page(path, content)
    if f'"{PLAN_FORMAT}"'.encode() in content[:_HEAD]:
        return _verify_plan(path)
    return _verify_certificate(path)


def _verify_plan(path: Path) -> Verified:
    try:
        file = read_plan_file(path)
    except DestructionRefused as error:
        return Verified("plan", (), (error.problem,))
    plan = file.plan
    holds = [f"the plan is as it was made: SHA-256 {file.sha256}"]
    flaws = find_flaws(
        file.approvals,
        sha256=file.sha256,
        records=len(plan.records),
        needed=plan.approvals_needed,
        executors=[one.by for one in file.executions],
    )
    if not flaws:
        holds.append(f"{len(file.approvals)} people have approved it, none of whom has run it")
    return Verified("plan", tuple(holds), tuple(flaws))


def _verify_page(path: Path, content: bytes) -> Verified:
    above, found, rest = content.rpartition(SEAL)
    said = rest.removesuffix(b"\n").removesuffix(b" -->").decode("ascii", "replace")
    if not found:
        flaw = "the page has no hash in its last line: it is not a certificate, or was changed"
        return Verified("page", (), (flaw,))
    if hashlib.sha256(above).hexdigest() != said:
        return Verified("page", (), ("the page was changed after it was made",))
    holds = (f"the page is as its last line says: SHA-256 {said}",)
    beside = path.with_suffix(".json")
    if not beside.is_file():
        flaw = f"{beside.name}, which says what the page's hash was, is not beside it"
        return Verified("page", holds, (flaw,))
    other = _verify_certificate(beside)
    return Verified("page", holds + other.holds, other.flaws, other.time_stamp)


def _verify_certificate(path: Path) -> Verified:
    try:
        sealed, rest = read_sealed(path, FORMAT, ("plan", "certificate"))
        plan, facts = read_plan(sealed["plan"], str(path)), sealed["certificate"].read()
    except DestructionRefused as error:
        return Verified("certificate", (), (error.problem,))
    plan_sha256 = sealed["plan"].sha256
    holds = [
        f"the plan is the one that was approved: SHA-256 {plan_sha256}",
        f"the certificate is as it was made: SHA-256 {sealed['certificate'].sha256}",
    ]
    try:
        made = _read_made(facts)
        flaws = list(_find_flaws(plan, plan_sha256, facts))
        signed, flaw = _check_signature(sealed["certificate"].sha256, facts, rest, made)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        return Verified("certificate", tuple(holds), (f"a part of it can't be read: {_say(error)}",))
    holds += [signed] if signed else []
    flaws += [flaw] if flaw else []
    page = path.with_suffix(".html")
    if page.is_file():
        if hashlib.sha256(read_content(page)).hexdigest() == rest.get("page_sha256"):
            holds.append(f"{page.name} is the page that was made with it")
        else:
            flaws.append(f"{page.name} is not the page that was made with it")
    stamp, name = None, locate_time_stamp(path).name
    try:
        stamp = find_time_stamp(path, made, os.environ)
    except BadTimeStamp as error:
        flaws.append(f"the time stamp {name}: {error}")
    else:
        said = f"there is no time stamp {name}" if stamp is None else f"{name}: {describe_time_stamp(stamp)}"
        holds.append(said)
    if not flaws:
        holds.append("the approvals are enough, the counts add up, and each record was in the plan")
    return Verified("certificate", tuple(holds), tuple(flaws), stamp)


def _say(error: Exception) -> str:
    return f"{error} is missing" if isinstance(error, KeyError) else str(error)


def _read_made(facts: dict[str, Any]) -> datetime:
    made = datetime.fromisoformat(facts["made"])
    if made.tzinfo is None:
        raise ValueError(f"the time {made.isoformat()} has no zone")
    return made


def _check_signature(
    sha256: str, facts: dict[str, Any], rest: dict[str, Any], made: datetime
) -> tuple[str, str]:
    """Return what holds of a certificate's signature and what does not; nothing of one that has none."""
    signer = facts["signer"]
    if not signer and "signature" not in rest:
        return "", ""
    if "signature" not in rest:
        return "", f"the signature of {signer} is missing"
    signature = read_signature(rest["signature"])
    if describe_certificate(signature.certificate) != signer:
        return "", "it is signed by another certificate than it says"
    flaw = find_flaw(signature, state_certificate(sha256, str(rest.get("page_sha256"))), made.timestamp())
    return ("", flaw) if flaw else (f"it is signed by {signer}", "")


def _find_flaws(plan: Plan, plan_sha256: str, facts: dict[str, Any]) -> Iterator[str]:
    if facts["plan_sha256"] != plan_sha256:
        yield "the certificate is of another plan"
    approvals = []
    for value in facts["approvals"]:
        parts = {name: part for name, part in value.items() if name != "certificate"}
        approvals.append(Approval.read(parts))
    yield from find_flaws(
        approvals,
        sha256=plan_sha256,
        records=len(plan.records),
        needed=plan.approvals_needed,
        executors=dict.fromkeys(
            [
                *(one.by for one in read_executions(facts["executions"])),
                *(record["by"] for record in facts["records"] if record["by"]),  # on other machines, too
            ]
        ),
    )
    records, counts = facts["records"], facts["counts"]
    found = Counter(record["state"] for record in records)
    if [record["key"] for record in records] != [record.key for record in plan.records]:
        yield "its records are not those of the plan"
    if counts != {"planned": len(records), **{state: found[state] for state in _STATES}}:
        yield "its counts are not those of its records"
    if unproved := [
        record["key"] for record in records if record["state"] == "destroyed" and not record["proof"]
    ]:
        yield f"{len(unproved)} destroyed records were not confirmed to be gone from the source"
