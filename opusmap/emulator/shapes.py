"""The shapes of an answer that names failed records: those that a client must read, and those it can't.

Owns `failedItems`, whose elements AvePoint's documentation leaves open, and the contradictions between the
HTTP status and the body that were seen.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from opusmap.emulator.http import Answer, answer_json
from opusmap.records import JsonValue

PARTLY = 418
"""Processed, and some records failed: the contract's own use of this status."""

KEY_NAMES = ("rowKey", "RowKey", "row_key", "ROWKEY", "key", "Key", "id", "ID")
REASON_NAMES = ("message", "error", "errorMessage", "ErrorMessage", "reason", "description")
STATUSES = ((PARTLY, PARTLY), (PARTLY, PARTLY), (200, PARTLY), (201, 201), (PARTLY, 201), (201, PARTLY))
"""HTTP's status and the body's in an answer that names failed records."""


@dataclass(frozen=True, slots=True)
class FailureShape:
    """How failed records are named.

    Attributes:
        key: the name of an element's rowKey; empty makes the element the plain rowKey.
        reason: the name of an element's reason; empty gives none.
        items: the name of the list.
        status: of HTTP.
        said: the body's `statusCode`, or None.
    """

    key: str = "rowKey"
    reason: str = "message"
    items: str = "failedItems"
    status: int = PARTLY
    said: int | None = PARTLY

    def write(self, failed: Sequence[tuple[str | None, str]], message: str) -> Answer:
        """Return the answer that names these records: rowKey and reason each."""
        body: dict[str, JsonValue] = {} if self.said is None else {"statusCode": self.said}
        body["message"] = message
        body[self.items] = [self._write(key, reason) for key, reason in failed]
        return answer_json(self.status, body)

    def _write(self, key: str | None, reason: str) -> JsonValue:
        if not self.key:
            return key
        return {self.key: key, **({self.reason: reason} if self.reason else {})}


OWN_SHAPE = FailureShape()
"""How the emulator itself writes."""


def draw_shape(draw: Random) -> FailureShape:
    """Return one of the shapes that a client must be able to read."""
    status, said = draw.choice(STATUSES)
    return FailureShape(
        key=draw.choice((*KEY_NAMES, "", "")),
        reason=draw.choice((*REASON_NAMES, "")),
        items=draw.choice(("failedItems", "failedItems", "FailedItems")),
        status=status,
        said=said,
    )


def draw_unmatched(draw: Random) -> tuple[int, bytes]:
    """Return status and body of an answer that should name failed records of the request, and doesn't."""
    shapes: tuple[JsonValue, ...] = (
        None,
        [],
        "all of them",
        ["no such rowKey"],
        [{"rowKey": "no such rowKey", "message": "?"}],
        [None],
        [{}],
        [{"message": "one of the records failed"}],
        [f"entry {number}" for number in range(10_000)],
    )
    items = draw.choice(shapes)
    body: dict[str, JsonValue] = {"statusCode": PARTLY, "message": "processed with exceptions"}
    if items is not None or draw.random() < 0.5:  # noqa: PLR2004 - null, or no such list at all
        body["failedItems"] = items
    return PARTLY, json.dumps(body).encode("ascii")


def draw_garbled(draw: Random) -> bytes:
    """Return the body of a success that doesn't say what the contract says."""
    return draw.choice(
        (
            b"",
            b"OK",
            b"<!doctype html><title>Sign in</title>",
            b'{"statusCode": 201, "mess',
            b"[201, null]",
            b'"done"',
            b"null",
            b"\xff\xfe\x00",
            b'{"statusCode": "fine"}',
            b"{}",
            b'{"error": "boom"}',
            b'{"success": false}',
            b'{"errors": ["the database is away"]}',
            b'{"failedItems": {}}',
            b'{"statusCode": 201, "statusCode": 500}',
            b'{"statusCode": 201, "success": false}',
        )
    )
