"""HTTP as the emulator sees it: reading an ASGI request, writing an answer, strict JSON.

Owns the ASGI messages, the size limit of a body, and how an answer comes: at once, slowly, in part or never.
Knows nothing of records or tokens.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

from opusmap.records import JsonValue

BODY_LIMIT = 8 << 20
"""Bytes of a request's body that are read at most; a larger one is answered with 413."""

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request. Header names are lower case; `body` is None when it was over the limit."""

    method: str
    path: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes | None

    @property
    def media_type(self) -> str:
        """The body's media type in lower case, without parameters; empty when none is given."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


class ConnectionCut(Exception):
    """The connection is to be closed at once, whatever was sent of the answer.

    ASGI has no message for that: what serves the emulator catches it.
    """


@dataclass(frozen=True, slots=True)
class Delivery:
    """How an answer comes.

    Attributes:
        wait: seconds before it begins.
        spread: seconds over which its body comes, byte by byte.
        cut: how much of its body comes before the connection closes; None is all of it.
        lost: nothing of it comes; the connection closes.
    """

    wait: float = 0.0
    spread: float = 0.0
    cut: int | None = None
    lost: bool = False


AT_ONCE = Delivery()

NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer, its body ready to be sent."""

    status: int
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    delivery: Delivery = AT_ONCE


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request as a whole is not processed, and the HTTP status that says so."""

    status: int
    message: str


def answer_json(status: int, body: object, *headers: tuple[str, str]) -> Answer:
    """Return an answer with a JSON body; text outside ASCII is escaped, so any text can be sent."""
    return Answer(status, json.dumps(body).encode("ascii"), (("content-type", "application/json"), *headers))


async def read_request(scope: Scope, receive: Receive) -> Request | None:
    """Read one request, or None when the client went away before its end."""
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    parts: list[bytes] = []
    size = 0
    more = True
    while more and size <= BODY_LIMIT:
        message = await receive()
        if message["type"] == "http.disconnect":
            return None
        part = message.get("body", b"")
        size += len(part)
        parts.append(part)
        more = message.get("more_body", False)
    body = b"".join(parts) if size <= BODY_LIMIT else None
    return Request(scope["method"], scope["path"], scope.get("query_string", b""), headers, body)


async def send_answer(answer: Answer, send: Send, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Send an answer through ASGI, in the way that its delivery says.

    Raises:
        ConnectionCut: the delivery says so.
    """
    way = answer.delivery
    if way.wait:
        await sleep(way.wait)
    if way.lost:
        raise ConnectionCut
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.headers]
    if answer.status != NO_CONTENT:  # RFC 9110, 8.6: such an answer says no length
        headers.append((b"content-length", str(len(answer.body)).encode("ascii")))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    if way.spread:
        for byte in answer.body:
            await send({"type": "http.response.body", "body": bytes((byte,)), "more_body": True})
            await sleep(way.spread / len(answer.body))
        await send({"type": "http.response.body", "body": b""})
    elif way.cut is None:
        await send({"type": "http.response.body", "body": answer.body})
    else:
        part = answer.body[: min(way.cut, len(answer.body) - 1)]
        await send({"type": "http.response.body", "body": part, "more_body": True})
        raise ConnectionCut


async def answer_lifespan(receive: Receive, send: Send) -> None:
    """Say yes to a server's start and stop; the emulator has nothing to open or to close."""
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return


def read_json(body: bytes | None) -> JsonValue | Refusal:
    """Read a body as strict JSON: UTF-8, no NaN or Infinity, no key twice; or say why it is none."""
    if body is None:
        return Refusal(413, f"the body is larger than {BODY_LIMIT} bytes")
    try:
        value: JsonValue = json.loads(
            body.decode("utf-8"), object_pairs_hook=_refuse_twice, parse_constant=_refuse_constant
        )
    except RecursionError:
        return Refusal(400, "the body is nested too deep")
    except ValueError as error:
        # Every way of being no JSON, no UTF-8 or an endless integer is a ValueError.
        return Refusal(400, f"the body is not JSON: {error}")
    return value


def _refuse_twice(pairs: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("an object contains the same key twice")
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")
