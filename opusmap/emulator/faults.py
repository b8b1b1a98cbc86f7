"""Faults on request: what a test may make of the emulator's answers.

Owns the types of a request as a test sees it and of an injected answer. Neither holds secrets: no headers,
no query, no values of records.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from opusmap.emulator.wire import Answer, answer_json

__all__ = ["Fault", "FaultHook", "HandledRequest", "RequestInfo", "in_turn"]


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
    """An answer given instead of the right one.

    With `after` the request is processed first and its answer lost, so that the client can't know;
    without it nothing is processed. `body` None is the usual JSON of an error.
    """

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    after: bool = False
    body: bytes | None = None

    def as_answer(self) -> Answer:
        """Return the answer that goes out."""
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
