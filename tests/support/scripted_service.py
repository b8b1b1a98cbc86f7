"""Opus and its identity service behind the client, answering as a test tells them, without a network."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import httpx

from opusmap.opus.client import OpusClient
from opusmap.settings import Secret, Settings

SECRET, TOKEN = "Canary secret/+", "Canary-token"
SETTINGS = Settings(
    base_url="https://opus.example.com",
    token_url="https://identity.example.com/connect/token",
    client_id="app-1",
    client_secret=Secret(SECRET),
    journal=Path("j.db"),
)
Handler = Callable[[httpx.Request], httpx.Response]


class Service:
    """Answers as told, and keeps what it was asked."""

    def __init__(self, records: Handler | None = None, identity: Handler | None = None) -> None:
        self.records = records or (lambda _: httpx.Response(201, json={"statusCode": 201}))
        self.identity = identity
        self.asked: list[httpx.Request] = []
        self.sign_ins = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0)
        self.asked.append(request)
        if request.url.host != "identity.example.com":
            return unread(self.records(request))
        self.sign_ins += 1
        return unread(self.identity(request) if self.identity else grant(f"{TOKEN}{self.sign_ins}"))

    def client(self, clock: Callable[[], float] = lambda: 0.0, **settings: object) -> OpusClient:
        values = {name: getattr(SETTINGS, name) for name in Settings.__dataclass_fields__}
        return OpusClient(
            Settings(**{**values, **settings}),
            transport=httpx.MockTransport(self),
            clock=clock,
            wall_clock=lambda: 1_800_000_000.0,
            deadline=0.2,
        )


def unread(response: httpx.Response) -> httpx.Response:
    """Return the response as it comes from a network: its body is yet to be read."""
    if not response.is_stream_consumed:
        return response

    async def chunks() -> AsyncIterator[bytes]:
        yield response.content

    return httpx.Response(response.status_code, headers=response.headers, content=chunks())


def grant(text: str, life: object = 3600) -> httpx.Response:
    return httpx.Response(200, json={"token_type": "Bearer", "expires_in": life, "access_token": text})


def streaming(status: int, chunks: Callable[[], AsyncIterator[bytes]], **headers: str) -> Handler:
    class Stream(httpx.AsyncByteStream):
        def __aiter__(self) -> AsyncIterator[bytes]:
            return chunks()

    return lambda _: httpx.Response(status, headers=headers, stream=Stream())


async def endless() -> AsyncIterator[bytes]:
    while True:
        yield b" " * 65_536


async def broken() -> AsyncIterator[bytes]:
    yield b'{"statusCode": 201'
    raise httpx.RemoteProtocolError("peer closed the connection")


async def dripping() -> AsyncIterator[bytes]:
    while True:
        await asyncio.sleep(0.01)
        yield b" "


async def zipped() -> AsyncIterator[bytes]:
    yield b"\x1f\x8b\x08\x00"
