"""Approvals: who approved which plan, by its hash, and whether they are enough to destroy what it lists.

An approval is of one hash. It is given by typing the number of records, or signed with a certificate. No one
approves twice, and who runs a plan does not approve it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from opusmap.disposal.signatures import Signature, find_flaw
from opusmap.errors import SettingsError

_PERSON = re.compile(r"([^<>]*[^<>\s])\s*<([^<>@\s]+@[^<>@\s]+)>")
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Person:
    """Who acts: a name and an e-mail address, by which one person is known from another."""

    name: str
    address: str

    def __str__(self) -> str:
        return f"{self.name} <{self.address}>"

    @property
    def identity(self) -> str:
        """What two names of one person have in common."""
        return self.address.casefold()


def read_person(text: str) -> Person:
    """Read `Name <address>`.

    Raises:
        SettingsError: it is something else.
    """
    found = _PERSON.fullmatch(text.strip())
    if found is None or len(text) > _LONGEST or not text.isprintable():
        raise SettingsError("--as", "this is not a name with an address", 'write it as "Ann Lee <ann@x.org>"')
    return Person(" ".join(found[1].split()), found[2])


@dataclass(frozen=True, slots=True)
class Approval:
    """An approval of the plan with this hash.

    `records` is how many records the plan lists, `at` when it was approved (ISO, UTC, by the approver's
    machine), `signature` None where the number of records was typed.
    """

    sha256: str
    by: str
    records: int
    at: str
    comment: str = ""
    signature: Signature | None = None

    @property
    def statement(self) -> bytes:
        """What is approved, as it is signed."""
        lines = (
            "I approve the destruction of the records of this plan.",
            f"SHA-256 of the plan: {self.sha256}",
            f"records: {self.records}",
            f"by: {self.by}",
            f"at: {self.at}",
            f"comment: {self.comment}",
        )
        return "\n".join(lines).encode()

    def as_json(self) -> dict[str, Any]:
        """Return it as plain data."""
        return asdict(self)

    @classmethod
    def read(cls, value: Any) -> Approval:
        """Read plain data.

        Raises:
            ValueError: they are not an approval.
        """
        if not isinstance(value, dict) or value.keys() != set(cls.__slots__):
            raise ValueError("an approval has other parts")
        texts = ("sha256", "by", "at", "comment")
        if not all(isinstance(value[name], str) for name in texts) or type(value["records"]) is not int:
            raise ValueError("an approval has a part of another type")
        signature = value["signature"]
        if signature is not None:
            signature = Signature(str(signature["certificate"]), str(signature["value"]))
        return cls(**{**value, "signature": signature})


def find_flaws(
    approvals: Sequence[Approval], *, sha256: str, records: int, needed: int, executors: Iterable[str] = ()
) -> list[str]:
    """Return, as sentences, why a plan is not approved; nothing if it is.

    Args:
        approvals: those that were given.
        sha256: the plan's hash.
        records: how many records it lists.
        needed: how many different people must approve it.
        executors: who runs it, none of whom may be one of them.

    Raises:
        SettingsError: an approval is signed, and the extra to check it is not installed.
    """
    flaws, people, certificates = [], set[str](), set[str]()
    for approval in approvals:
        flaw = _find_flaw(approval, sha256, records)
        person = "" if flaw else read_person(approval.by).identity
        signed = None if approval.signature is None else approval.signature.certificate
        if not flaw and (person in people or (signed is not None and signed in certificates)):
            flaw = "the same person approved before"
        if flaw:
            flaws.append(f"the approval by {approval.by} does not count: {flaw}")
            continue
        people.add(person)
        certificates |= {signed} if signed is not None else set()
    executing = {read_person(each).identity: each for each in executors}
    flaws += [
        f"{who} approved the plan, so another person must run it"
        for identity, who in executing.items()
        if identity in people
    ]
    if len(people) < needed:
        flaws.append(f"{len(people)} of {needed} people have approved it")
    return flaws


def _find_flaw(approval: Approval, sha256: str, records: int) -> str:
    if approval.sha256 != sha256:
        return "it is of another plan"
    if approval.records != records:
        return "it is of another number of records"
    try:
        person, moment = read_person(approval.by), datetime.fromisoformat(approval.at)
    except (SettingsError, ValueError):
        return "it does not say who approved, or when"
    if moment.tzinfo is None:
        return "it does not say when it was given"
    if approval.signature is None:
        return ""
    return find_flaw(approval.signature, approval.statement, moment.timestamp(), person.address)
