"""Opus: the client, sign-in, request bodies and what an answer says.

Owns HTTP: `client` and the transports are the only modules that know a library for it. They are not imported
here, for such libraries are slow to load.
"""

from opusmap.opus.exchange import (
    BATCH_SIZE,
    Answer,
    EncodedRecord,
    NoAnswer,
    Sender,
    TransportError,
    encode_body,
    encode_records,
)
from opusmap.opus.responses import read_exchange

__all__ = [
    "BATCH_SIZE",
    "Answer",
    "EncodedRecord",
    "NoAnswer",
    "Sender",
    "TransportError",
    "encode_body",
    "encode_records",
    "read_exchange",
]
