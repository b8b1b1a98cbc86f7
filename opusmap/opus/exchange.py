"""What passes between the engine and the client: records as JSON, request bodies, answers or their lack.

Pure. Owns the limit of records in a request, and the promise of a sender, so that the engine knows no HTTP
library. A record is written as JSON once, and a body is joined of such bytes.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol, TypeAlias

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


def encode_destruction(keys: Sequence[bytes]) -> bytes:
    """Return the body of a request that marks records as destroyed, each rowKey written as JSON.

    It names no connection: a rowKey that two connections have may be marked in both.
    """
    return b'{"disposalIds":[' + b",".join(keys) + b"]}"


class TransportError(StrEnum):
    """Why there is no answer."""

    UNREACHED = "unreached"  # no connection was made: nothing was processed
    LOST = "lost"  # the connection broke meanwhile: it may have been processed
    TIMEOUT = "timeout"  # the same
    SIGN_IN = "sign-in"  # the identity service is in trouble: nothing was sent
    UNTRUSTED = "untrusted"  # the certificate is not trusted: nothing was sent


@dataclass(frozen=True, slots=True)
class Answer:
    """Opus answered. `body` is empty where it was cut off or too large; `cut` tells that from no body at all.

    `path` is the one that the request used; `retry_after` is how many seconds Opus asks to wait, None where
    it asks nothing that can be read; `content_type` is what the answer calls its body, for messages.
    """

    status: int
    body: bytes
    path: str
    retry_after: float | None = None
    cut: bool = False
    content_type: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """No answer came. `detail` says why in words for a person, without any secret."""

    error: TransportError
    detail: str
    retry_after: float | None = None


Exchange: TypeAlias = "Answer | NoAnswer"
BeforeResend: TypeAlias = Callable[[Answer], Awaitable[None]]


class Sender(Protocol):
    """What the engine asks of a client."""

    @property
    def url(self) -> str:
        """The service's base URL, for messages."""

    async def send(self, body: bytes, before_resend: BeforeResend | None = None) -> Exchange:
        """Send one request; again with a new token or to the other path where Opus did not process it.

        `before_resend` is awaited with the answer that says so, before each request after the first; what it
        raises ends the sending.

        Raises:
            SignInError: the sign-in is refused, or a freshly renewed token.
        """
