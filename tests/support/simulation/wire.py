"""The wire of the simulated world: what becomes of one request on its way.

Owns the fate of a request (`Wire`), as a transport below the real client (`WireTransport`).
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import httpx

from opusmap.opus.exchange import TransportError
from simulation.loop import Timeline
from simulation.opus import FAILS, POISON, Opus, shape_failures, shape_garbled, shape_taken
from simulation.weather import Weather

BASE_URL = "https://opus.example.com"
PATHS = ("/connector/records", "/records/connector/records")
LATE_EFFECT_WINDOW = 30.0
"""Seconds after which no request takes effect any more, counted from when it was sent."""

DEADLINE = 60.0
"""Seconds after which the client gives a request up."""


@dataclass(frozen=True, slots=True)
class Came:
    """An answer. `cut`: its body breaks off on the way."""

    status: int
    body: bytes = b""
    retry_after: str | None = None
    cut: bool = False


class Broke(Exception):
    """No answer: why."""

    def __init__(self, trouble: TransportError) -> None:
        super().__init__(trouble)
        self.trouble = trouble


class Wire:
    """The way of one process's requests to the service. `log` is every request with its fate, in order."""

    def __init__(
        self, opus: Opus, timeline: Timeline, weather: Weather, draw: random.Random, log: list[str]
    ) -> None:
        self.log = log
        self.cut_off = False
        self.flying: Counter[str] = Counter()
        self.most_flying = self.most_of_a_key = 0
        self.requests = self.settled = 0
        self.troubles: Counter[str] = Counter()
        self.sent: list[dict[str, str]] = []
        self.confirmed: set[tuple[str, str]] = set()
        self._opus = opus
        self._timeline = timeline
        self._weather = weather
        self._draw = draw
        self._began = timeline.now
        self._tokens: dict[str, float] = {}

    async def sign_in(self) -> Came:
        """Carry a sign-in; the token promises an hour."""
        self._refuse_the_dead()
        await self._pass(self._draw.uniform(0, self._weather.sign_in))
        if self._draw.random() < self._weather.sign_in_trouble:
            self.troubles["sign-in trouble"] += 1
            if self._draw.random() < 0.5:
                raise Broke(TransportError.LOST)
            return Came(self._draw.choice((429, 503)), retry_after=self._draw.choice((None, "3")))
        token = f"t{len(self._tokens) + 1}"
        self._tokens[token] = self._timeline.now + self._weather.token_life
        body = {"token_type": "Bearer", "expires_in": 3600, "access_token": token}
        return Came(200, json.dumps(body).encode())

    async def carry(self, path: str, token: str, body: bytes) -> Came:
        """Carry a request of records to the service and its answer back.

        Raises:
            Broke: there is no answer.
        """
        self._refuse_the_dead()
        values = {record["rowKey"]: record["leafName"] for record in json.loads(body)["data"]}
        self.requests += 1
        self.sent.append(values)
        number, kind = self.requests, self._draw_kind(path, token)
        self.troubles.update([kind] if kind else [])
        self.log.append(f"{self._timeline.now:.6f} request {number} {path} {token} {kind} {body.decode()}")
        self.flying.update([*values, ""])
        self.most_flying = max(self.most_flying, self.flying[""])
        self.most_of_a_key = max(self.most_of_a_key, *(self.flying[key] for key in values))
        try:
            came = await self._fate(kind, body, list(values))
        except Broke as broke:
            self.log.append(f"{self._timeline.now:.6f} request {number} broke: {broke.trouble}")
            raise
        finally:
            self.flying.subtract([*values, ""])
        self.log.append(f"{self._timeline.now:.6f} request {number} answered: {came.status} {came.body!r}")
        self.settled += kind in ("", "some fail") and came.status in (200, 201, 418)
        if kind == "" and came.status in (200, 201, 418):
            self.confirmed.update(pair for pair in values.items() if not pair[1].startswith((FAILS, POISON)))
        return came

    def _draw_kind(self, path: str, token: str) -> str:
        kind = self._weather.draw_kind(self._draw, self._timeline.now - self._began)
        if kind in ("unreached", "lost before"):
            return kind
        if self._weather.moved and path == PATHS[0]:
            return "404"
        return "401" if self._tokens.get(token, 0.0) <= self._timeline.now else kind

    async def _fate(self, kind: str, body: bytes, keys: list[str]) -> Came:
        draw, sent = self._draw, self._timeline.now
        there, back = draw.uniform(0.01, 0.2), draw.uniform(0.01, 0.2)
        match kind:
            case "unreached" | "lost before":
                await self._pass(there)
                raise Broke(TransportError.UNREACHED if kind == "unreached" else TransportError.LOST)
            case "401" | "refused token":
                await self._pass(there + back)
                return Came(401, b'{"statusCode": 401}')
            case "403" | "404" | "500":
                await self._pass(there + back)
                return Came(int(kind), draw.choice((b"", b"<html>", b'{"statusCode": %s}' % kind.encode())))
            case "429":
                await self._pass(there + back)
                return Came(429, b"", draw.choice((None, "1", "4", "25")))
            case "late, lost" | "late, gateway":
                late = draw.uniform(0.3, LATE_EFFECT_WINDOW - 0.1)
                self._opus.arrive(body, sent + late, self._draw_skips(keys, 0.2))
                await self._pass(draw.uniform(0.01, late))
                if kind == "late, lost":
                    raise Broke(TransportError.LOST)
                return Came(draw.choice((408, 502, 503, 504)), b"")
        halfway = kind in ("500 halfway", "lying status", "some fail", "unmatched item", "bare 418")
        skips = self._draw_skips(keys, 1.0) if halfway else frozenset()
        effect = self._opus.arrive(body, sent + there, skips)
        await self._pass(there)
        if not effect.done:
            raise AssertionError("the service did not get to the request")
        if kind == "timeout":
            await self._pass(DEADLINE - there)
            raise Broke(TransportError.TIMEOUT)
        await self._pass(back)
        if kind == "lost after":
            raise Broke(TransportError.LOST)
        return self._answer(kind, keys, effect.failed + [keys[place] for place in sorted(skips)], body)

    def _answer(self, kind: str, keys: list[str], failed: list[str], body: bytes) -> Came:
        draw = self._draw
        if kind in ("500 halfway", "502 after"):
            return Came(500 if kind == "500 halfway" else 502, b'{"message": "oops"}')
        if kind == "lying status":
            return Came(201, b'{"statusCode": 500}')
        if b'"poison' in body:
            return Came(draw.choice((400, 400, 400, 422)), b'{"message": "the parameters are invalid"}')
        if kind == "bare 418":
            return Came(418, draw.choice((b"", b'{"statusCode": 418}', b'{"failedItems": "three"}')))
        if kind == "garbled answer":
            return Came(draw.choice((200, 201)), shape_garbled(draw))
        failed = list(dict.fromkeys(failed))
        if kind == "unmatched item":
            odd = draw.choice(("another", None, {"rowKey": None}, {"index": 0}, [keys[0]], {"id": 1.5}))
            items = [odd, *failed[1:]]
            return Came(418, json.dumps({"statusCode": 418, "failedItems": items}).encode())
        status, said = shape_failures(failed, draw) if failed else shape_taken(draw)
        return Came(status, said[: len(said) // 2], cut=True) if kind == "cut answer" else Came(status, said)

    def _draw_skips(self, keys: list[str], chance: float) -> frozenset[int]:
        """Return the places of some records that are not processed, at least one if any."""
        if self._draw.random() >= chance:
            return frozenset()
        return frozenset(self._draw.sample(range(len(keys)), self._draw.randint(1, len(keys))))

    async def _pass(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        self._opus.pass_time(self._timeline.now)

    def _refuse_the_dead(self) -> None:
        if self.cut_off:
            raise asyncio.CancelledError


class WireTransport(httpx.AsyncBaseTransport):
    """A wire below the real client."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        try:
            if request.url.path == "/connect/token":
                came = await self._wire.sign_in()
            else:
                token = request.headers["Authorization"].removeprefix("Bearer ")
                came = await self._wire.carry(request.url.path, token, request.content)
        except Broke as broke:
            raise _ERRORS[broke.trouble](f"it is {broke.trouble}") from None
        headers = {} if came.retry_after is None else {"Retry-After": came.retry_after}
        return httpx.Response(came.status, headers=headers, content=_read(came))


async def _read(came: Came) -> AsyncIterator[bytes]:
    yield came.body
    if came.cut:
        raise httpx.ReadError("the answer breaks off")


_ERRORS: dict[TransportError, type[httpx.TransportError]] = {
    TransportError.UNREACHED: httpx.ConnectError,
    TransportError.LOST: httpx.ReadError,
    TransportError.TIMEOUT: httpx.ReadTimeout,
}
