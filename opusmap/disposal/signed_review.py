"""The file of a review of due records, as the studio writes it and a plan is made by it.

Owns its shape, and when a plan may go by it: it is signed, its decisions are those that were signed, and the
files that were signed with it are as they were.
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import msgspec

from opusmap.errors import DestructionRefused, SettingsError
from opusmap.kept_files import read_kept
from opusmap.output_files import File, hash_file
from opusmap.wording import quote_value

HOLDS = "file of holds"
"""The role of the signed file of holds."""
_REPLACE = "move the file away, and review again"
_NAME_IT = "name the review that opusmap studio wrote"
_AGAIN = "look at what has changed in opusmap studio, and sign the review again"


class Signature(msgspec.Struct, frozen=True, kw_only=True):
    """Who signed which decisions, and when (UTC); `counts` are of all that was due, by decision.

    `agreed` and `kept` are as in `DueReview`. `files` are the file of holds and the page.
    """

    name: str
    role: str
    declaration: str
    signed: str
    counts: dict[str, int]
    agreed: dict[str, str]
    kept: dict[str, str]
    files: list[File]


class DueReview(msgspec.Struct, frozen=True, kw_only=True):
    """The review of what is due by a day. `opusmap_due_review` is the version of the file's shape.

    Attributes:
        opus, connection: of the records.
        until: the last day that counts, ISO.
        agreed: the records that may be destroyed: rowKey -> hash of the content that Opus accepted.
        kept: the records that must be kept: rowKey -> the reason.
        signed: the latest signature.
    """

    opusmap_due_review: Literal[1] = 1
    opus: str
    connection: str
    until: str
    agreed: dict[str, str] = {}
    kept: dict[str, str] = {}
    signed: Signature | None = None

    @property
    def decided_since(self) -> bool:
        """Whether decisions were changed after the latest signature."""
        return self.signed is not None and (self.agreed, self.kept) != (self.signed.agreed, self.signed.kept)

    def find_other_target(self, opus: str, connection: str) -> str:
        """Return the problem that it is not the review of this Opus and connection; nothing if it is."""
        if (self.opus, self.connection.lower()) == (opus, connection.lower()):
            return ""
        return f"this is the review of another Opus or connection: {self.opus}, {self.connection}"


def read_review_file(path: str | Path, hint: str = _REPLACE) -> DueReview | None:
    """Return the review of a file, None if it is not there. `hint` says what to do if it is none.

    Raises:
        SettingsError: it can't be read, or is not a review of this version.
    """
    return read_kept(path, DueReview, "review", hint)


class SignedDecisions(msgspec.Struct, frozen=True):
    """What a plan takes from a signed review, whose decisions are those of the signature.

    `path` and `sha256` are of the review's file, `holds` is the path of its file of holds.
    """

    path: str
    sha256: str
    review: DueReview
    signature: Signature
    holds: str

    def explain_absence(self, key: str, content: str) -> str:
        """Return why a record that is due is not one that was agreed to; nothing if it is."""
        agreed = self.review.agreed.get(key)
        if agreed is None:
            return "it is not among the records that the signed review agreed to"
        return "" if agreed == content else "it was submitted again since it was reviewed"


def read_signed_review(path: str) -> SignedDecisions:
    """Read a review for a plan.

    Raises:
        SettingsError: it can't be read, or is none.
        DestructionRefused: it is not signed, or something has changed since.
    """
    review, found = read_review_file(path, _NAME_IT), hash_file("review", path)
    if review is None or found is None:
        raise SettingsError(path, "there is no such file", _NAME_IT)
    signed = review.signed
    if signed is None:
        raise DestructionRefused(path, "the review is not signed", "sign it in opusmap studio")
    if review.decided_since:
        raise DestructionRefused(path, "decisions were changed after the review was signed", _AGAIN)
    beside = Path(path).parent
    for file in signed.files:
        now = hash_file(file.role, beside / file.path)
        if now is None or now.sha256 != file.sha256:
            what = "is not there" if now is None else "is not as it was signed"
            raise DestructionRefused(path, f"the {file.role} {quote_value(file.path)} {what}", _AGAIN)
    holds = next((file.path for file in signed.files if file.role == HOLDS), None)
    if holds is None:
        raise DestructionRefused(path, "the review was signed without a file of holds", _AGAIN)
    return SignedDecisions(path, found.sha256, review, signed, str(beside / holds))
