"""Faults: what may become of a request in place of the right thing, and how an answer names failed records.

Owns the types of a request as a hook sees it and of a fault. Neither holds secrets: no headers, no query, no
values of records. Which request meets which fault is a hook's business: a test's own, `in_turn`, or
`opusmap.emulator.fault_injector` with its seeded draw. The application carries faults out.

Owns the shapes of `failedItems`, too, whose elements AvePoint's documentation leaves open: those that a
client must read, and those that it can't.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random
from typing import TypeAlias

from opusmap.emulator.http import AT_ONCE, Answer, Delivery, answer_json
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


@dataclass(frozen=True, slots=True)
class RequestInfo:
    """A request that arrived: its number from 1, and what it was about.

    `records` counts what the body lists, whatever it is; `keys` are the rowKeys that could be read in it.
    """

    number: int
    method: str
    path: str
    records: int = 0
    keys: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class HandledRequest:
    """A request and the status that it was answered with."""

    request: RequestInfo
    status: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What happens to a request: what is processed, what is answered, and how the answer comes.

    Attributes:
        status: of the answer; 0 leaves the right answer, and then the request is processed.
        headers: of the answer, with a status.
        after: with a status: the request is processed first, so that the client can't know. Without it
            nothing is processed.
        body: of the answer; None is the usual JSON of an error.
        first: how many of the records are processed, the first ones of the request; None is all.
        late: seconds that pass before the request is processed; its answer doesn't wait for that.
        refuses: the rowKeys of valid records that fail.
        shape: how failed records are named.
        delivery: how the answer comes.
        forget_tokens: no token that was given until now is good any more.
    """

    status: int = 0
    headers: tuple[tuple[str, str], ...] = ()
    after: bool = False
    body: bytes | None = None
    first: int | None = None
    late: float = 0.0
    refuses: frozenset[str] = frozenset()
    shape: FailureShape = OWN_SHAPE
    delivery: Delivery = AT_ONCE
    forget_tokens: bool = False

    @property
    def processed(self) -> bool:
        """Whether the request is processed at all, now or late."""
        return (self.after or self.status == 0) and self.first != 0

    def as_answer(self) -> Answer:
        """Return the answer that goes out in place of the right one."""
        if self.body is not None:
            return Answer(self.status, self.body, self.headers)
        body = {"statusCode": self.status, "message": "injected by the emulator's faults"}
        return answer_json(self.status, body, *self.headers)


FaultHook: TypeAlias = Callable[[RequestInfo], "Fault | None"]


def in_turn(*faults: Fault | None) -> FaultHook:
    """Return a hook that gives requests with records these faults one after the other, then none.

    A None among them lets one request pass; requests that name no record, such as sign-ins, always pass.
    """
    left = iter(faults)
    return lambda request: next(left, None) if request.keys else None
