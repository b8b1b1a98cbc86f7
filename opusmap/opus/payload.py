"""Request bodies: a record is written as JSON once, and a body is joined of such bytes.

Pure. Owns the limit of records in a request; knows nothing of sending.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, Literal, TypeAlias

import msgspec

from opusmap.records import Record, Reject, Row

BATCH_SIZE = 15
"""Records that one request may hold (the seed of the API states it)."""

Conflict: TypeAlias = Literal["overwrite", "skip"]
ConflictKey: TypeAlias = Literal["both", "conflictOption", "confilictOption"]

_ENCODER = msgspec.json.Encoder(decimal_format="number")


class EncodedRecord(msgspec.Struct, gc=False, frozen=True):
    """A record on its way to Opus: the number of its row, its rowKey, and its values as JSON.

    `source` gives the row that it was made of, for a person who has to correct it if Opus refuses it.
    """

    row: int
    key: str
    json: bytes
    source: Callable[[], Row | Reject] | None = None


def encode_records(records: Iterable[Record]) -> Iterator[EncodedRecord]:
    """Yield records as they are sent."""
    for record in records:
        yield EncodedRecord(record.row, record.key, _ENCODER.encode(record.values))


def encode_body(
    records: Sequence[bytes], *, connection_id: str, conflict: Conflict, conflict_key: ConflictKey = "both"
) -> bytes:
    """Return the body of a request with these records, each written as JSON.

    The option's name is misspelled in a part of AvePoint's documentation, so both spellings are sent
    unless `conflict_key` names one.
    """
    names = ("conflictOption", "confilictOption") if conflict_key == "both" else (conflict_key,)
    head: dict[str, Any] = {"id": connection_id}
    head |= dict.fromkeys(names, "Overwrite" if conflict == "overwrite" else "Skip")
    return _ENCODER.encode(head)[:-1] + b',"data":[' + b",".join(records) + b"]}"
