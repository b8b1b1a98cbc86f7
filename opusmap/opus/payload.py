"""Batches: how records are grouped for requests, and the bytes of a request's body.

Pure. Owns the limit of records in a request; knows nothing of sending.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import msgspec

from opusmap.records import Record

__all__ = [
    "BATCH_SIZE",
    "Batch",
    "Conflict",
    "ConflictKey",
    "encode_body",
    "encode_values",
    "split_batch",
]

BATCH_SIZE = 15
"""Records that one request may hold (the seed of the API states it)."""

Conflict: TypeAlias = Literal["overwrite", "skip"]
ConflictKey: TypeAlias = Literal["both", "conflictOption", "confilictOption"]

_ENCODER = msgspec.json.Encoder(decimal_format="number")


@dataclass(frozen=True, slots=True)
class Batch:
    """Records for one request. `number` counts the run's batches from 1; a batch's parts keep it."""

    number: int
    records: tuple[Record, ...]

    @property
    def keys(self) -> tuple[str, ...]:
        """The rowKeys in the records' order, each once."""
        return tuple(record.key for record in self.records)


def split_batch(batch: Batch, parts: int = 2) -> tuple[Batch, ...]:
    """Return the batch in `parts` of nearly one size, in order, the larger ones first."""
    size, larger = divmod(len(batch.records), parts)
    ends = [size * (part + 1) + min(part + 1, larger) for part in range(parts)]
    return tuple(
        Batch(batch.number, batch.records[start:end]) for start, end in zip([0, *ends], ends, strict=False)
    )


def encode_body(
    batch: Batch, *, connection_id: str, conflict: Conflict, conflict_key: ConflictKey = "both"
) -> bytes:
    """Return a request's body as JSON bytes."""
    values = [record.values for record in batch.records]
    return encode_values(values, connection_id=connection_id, conflict=conflict, conflict_key=conflict_key)


def encode_values(
    values: Sequence[Any], *, connection_id: str, conflict: Conflict, conflict_key: ConflictKey = "both"
) -> bytes:
    """Return the body of a request with the values of these records, which may be raw JSON.

    The option's name is misspelled in a part of AvePoint's documentation, so both spellings are sent
    unless `conflict_key` names one.
    """
    names = ("conflictOption", "confilictOption") if conflict_key == "both" else (conflict_key,)
    body: dict[str, Any] = {"id": connection_id}
    body |= dict.fromkeys(names, "Overwrite" if conflict == "overwrite" else "Skip")
    body["data"] = values
    return _ENCODER.encode(body)
