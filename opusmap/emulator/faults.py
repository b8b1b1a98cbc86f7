"""Faults: what may become of a request in place of the right thing.

Owns the types of a request as a hook sees it and of a fault. Neither holds secrets: no headers, no query, no
values of records. Which request meets which fault is a hook's business: a test's own, `in_turn`, or
`opusmap.emulator.fault_injector` with its seeded draw. The application carries faults out.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from opusmap.emulator.http import AT_ONCE, Answer, Delivery, answer_json
from opusmap.emulator.shapes import OWN_SHAPE, FailureShape


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
        refuses: the rowKeys that fail for no reason of their own.
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
