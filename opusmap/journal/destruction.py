"""Destructions: which records Opus was asked to mark as destroyed, by which plan, and what came of it.

A record that was marked, or may have been, is a tombstone: it is not submitted again until a person lifts it.
Pruning leaves destructions as they are, for they prove that a record's end was in order.
"""

from __future__ import annotations

from enum import StrEnum

import msgspec


class DestructionState(StrEnum):
    """What is known of a request to mark a record as destroyed. The values are what the journal keeps."""

    PENDING = "intended"
    DESTROYED = "destroyed"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


class Destruction(msgspec.Struct, frozen=True, gc=False):
    """What a plan came to for one record.

    Attributes:
        key: the rowKey.
        plan: the SHA-256 of the plan, in hexadecimal digits.
        content: the hash of the content that Opus had accepted.
        state: what is known.
        at: when that was known, in seconds since 1970.
        by: who ran the plan.
        answer: what Opus answered, or why it is not known, for a person.
        lifted: who let the record be submitted again, when and why; empty while it may not.
    """

    key: str
    plan: str
    content: bytes
    state: DestructionState
    at: float
    by: str
    answer: str = ""
    lifted: str = ""

    @property
    def is_tombstone(self) -> bool:
        """Whether the record must not be submitted: it was marked as destroyed, or may have been."""
        return self.state is not DestructionState.FAILED and not self.lifted
