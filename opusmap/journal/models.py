"""The journal's values: runs, items, results, states, and the hash that tells one content from another.

Those that a record needs are msgspec's structs: frozen as dataclasses are, and made in a tenth of the time.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from hashlib import blake2b
from typing import Any

import msgspec

from opusmap.errors import JournalError


class State(StrEnum):
    """What is known of a record: it may be in flight; or Opus's answer, or the lack of one.

    The values are what reports print and the file holds.
    """

    PENDING = "intended"
    ACCEPTED = "taken"
    FAILED = "failed"
    UNCERTAIN = "uncertain"


OPEN_STATES = (State.FAILED, State.UNCERTAIN, State.PENDING)
"""States of records that Opus did not accept, as far as is known."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run. Times are seconds since 1970; `finished` is None while it runs or when it was killed.

    `ending` is one word (`done`, `stopped`, `unavailable`, …), `counts` what the run's report counted.
    `trusted_from` is the first run whose records the journal may call unchanged; see `Journal.start_run`.
    `older_hash`: what was accepted before has hashes of an older version, which can't be compared.
    """

    id: int
    origin: str
    connection: str
    mapping: str
    started: float
    finished: float | None = None
    ending: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)
    trusted_from: int = 0
    older_hash: bool = False


class Item(msgspec.Struct, frozen=True, gc=False, array_like=True):
    """A record about to be sent: the row that it came from, its rowKey, and the hash of its content.

    `columns` are the hashes of its columns, by `Session.hash_columns`, to be kept once it is accepted.
    """

    row: int
    key: str
    content: bytes
    columns: bytes = b""


class Timestamp(msgspec.Struct, frozen=True, gc=False):
    """A time by two clocks, for either may mislead: the wall clock jumps, the other starts with the machine.

    `wall` is seconds since 1970, `ticks` seconds that never run backwards while the machine is up.
    """

    wall: float
    ticks: float


class Result(msgspec.Struct, frozen=True, gc=False):
    """What became of a record that was sent; `reason` is Opus's, or why it is not known.

    `unanswered` is when the last request ended that may have been processed without a clear answer,
    if there was one: it could still take effect.
    """

    key: str
    state: State
    reason: str = ""
    unanswered: Timestamp | None = None


class JournalRecord(msgspec.Struct, frozen=True, gc=False):
    """What the journal knows of one rowKey; see `Result` for `unanswered`."""

    run: int
    row: int
    key: str
    content: bytes
    state: State
    reason: str = ""
    unanswered: Timestamp | None = None


@dataclass(frozen=True, slots=True)
class Pruned:
    """What was forgotten: the runs by number, and how many records they still had."""

    runs: tuple[int, ...]
    records: int


PRUNED = "pruned"
"""What a run's counts hold once it was pruned: how many records were forgotten."""

PART_COUNTS = ("submitted", "unchanged", "failed", "uncertain", "trusted")
"""What is counted of a staged run's part; see `Report`."""


@dataclass(frozen=True, slots=True)
class StagedParts:
    """What a journal knows of a staged run: the hash of its content, and the number of its parts.

    `counts` are the rows that were read, mapped (so many records there are to send), filtered and rejected
    when it was staged.
    """

    content: str
    parts: int
    counts: Mapping[str, int]

    def total(self, sent: Mapping[str, int]) -> dict[str, int]:
        """Return a run's counts: of these rows, those of records sent (`PART_COUNTS`), and of requests."""
        ends = sum(sent.get(name, 0) for name in ("submitted", "unchanged", "failed", "uncertain"))
        return {**self.counts, **sent, "not_sent": self.counts["mapped"] - ends}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a shared run has come: its parts by what is with them, and how many processes send it now.

    `counts` has the `PART_COUNTS` of parts that are done or given back, and the `requests` and `retries` of
    all processes. `run.finished` is None as long as it is not at its end.
    """

    run: Run
    done: int
    taken: int
    free: int
    processes: int
    counts: Mapping[str, int]


_LATEST = 1e11
"""Seconds since 1970 that no run began after: later ones are beyond the calendar."""


def read_run(row: tuple[Any, ...]) -> Run:
    """Return the run of a row of `runs` with its target: the fields of `Run`, held to their types.

    Raises:
        ValueError: the row is none that was written.
    """
    facts = dict(zip(Run.__slots__, row, strict=True))
    facts |= {"counts": json.loads(facts["counts"]), "older_hash": bool(facts["older_hash"])}
    run = msgspec.convert(facts, Run)
    if not all(0 <= moment < _LATEST for moment in (run.started, run.finished or 0.0)):
        raise ValueError("the time of a run is not valid")
    return run


def pack_evidence(evidence: Mapping[str, Any]) -> bytes:
    """Return what a run leaves for its report as a journal keeps it: compressed JSON."""
    return zlib.compress(json.dumps(evidence, ensure_ascii=False, separators=(",", ":")).encode())


def unpack_evidence(row: tuple[Any, ...] | None, run: int) -> dict[str, Any]:
    """Return what `pack_evidence` packed, from the row of a run; nothing if it has none.

    Raises:
        ValueError: it is something else.
    """
    try:
        return {} if row is None else dict(json.loads(zlib.decompress(row[0])))
    except (zlib.error, ValueError, TypeError):
        raise ValueError(f"the report data of run {run} can't be read") from None


def read_accepted(row: tuple[Any, ...]) -> JournalRecord:
    """Return the record of a row of `accepted`: its `ACCEPTED_COLUMNS`."""
    number, place, key, content = row
    return JournalRecord(number, place, key, content, State.ACCEPTED)


def read_detailed(row: tuple[Any, ...]) -> JournalRecord:
    """Return the record of a row of `detailed`: its `DETAILED_COLUMNS`."""
    number, place, key, content, state, reason, sent, ticks = row
    moment = None if sent is None else Timestamp(sent, ticks)
    return JournalRecord(number, place, key, content, State(state), reason, moment)


def unknown_connection(place: str, connection: str) -> JournalError:
    """Return the error that a journal knows no run of a connection."""
    problem = f"the journal has no run that submitted to the connection {connection}"
    return JournalError(place, problem, "name the journal of the runs that submitted its records")


def hash_content(record: bytes, conflict: str) -> bytes:
    """Return 16 bytes that differ when a record's JSON, as it is sent, or the conflict option does."""
    hasher = _begin_hash(conflict).copy()
    hasher.update(record)
    return hasher.digest()


@cache
def _begin_hash(conflict: str) -> blake2b:
    # To copy it takes two thirds of the time that a new one does.
    return blake2b(digest_size=16, person=conflict.encode())
