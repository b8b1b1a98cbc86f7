"""Rehearsals: an emulator of Opus made for a mapping, in this process or to be served.

Owns the match of the two, and the way of a request to an emulator in this process. The emulator judges on
its own.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from opusmap.compiler import Mapper
from opusmap.connection import ColumnType, Connection
from opusmap.emulator import TOKEN_PATH, Client, ConnectionCut, Emulator, Readings, TargetFormat
from opusmap.mapping import TargetOptions
from opusmap.settings import Secret, Settings

if TYPE_CHECKING:
    from opusmap.staging import StagedRun


def embedded_opus(mapper: Mapper) -> tuple[Emulator, Settings]:
    """Return an emulator of the mapping's connection, and the settings that reach it in this process.

    It judges what it is sent by the connection file and the mapping's options; the journal is thrown away.
    Requests come to it through an `EmbeddedTransport`.
    """
    return _embed(lambda client: make_emulator(mapper, client))


def embedded_staged(staged: StagedRun) -> tuple[Emulator, Settings]:
    """Return the same for the connection of a staged run, as its mapping corrected it."""
    connection, spec = staged.connection, staged.spec
    changes: dict[str, dict[str, Any]] = {
        name: {"type": ColumnType(one.type)} for name, one in staged.lock.columns.items()
    }
    for change in spec.columns:
        column = connection.find(change.column)
        if column is not None and change.required is not None:
            changes.setdefault(column.internal_name, {})["required"] = change.required
    corrected = connection.with_columns(changes)
    options = {name: len(choices) for name, choices in staged.lock.choices.items()}
    return _embed(lambda client: _emulate(corrected, spec.target, options, client))


def _embed(make: Callable[[Client], Emulator]) -> tuple[Emulator, Settings]:
    secret = secrets.token_urlsafe(16)
    emulator = make(Client("rehearsal", secret))
    url = "http://127.0.0.1"
    settings = Settings(url, url + TOKEN_PATH, "rehearsal", Secret(secret), Path(":memory:"))
    return emulator, settings


def make_emulator(mapper: Mapper, client: Client, readings: Readings | None = None) -> Emulator:
    """Return an Opus with the mapping's connection, which lets this client sign in; see `Emulator`."""
    options = {name: len(choices.options) for name, choices in mapper.plan.context.choices.items()}
    return _emulate(mapper.connection, mapper.spec.target, options, client, readings)


def _emulate(
    connection: Connection,
    target: TargetOptions,
    options: Mapping[str, int],
    client: Client,
    readings: Readings | None = None,
) -> Emulator:
    return Emulator(
        connection,
        client,
        readings=readings,
        options=options,
        target=TargetFormat(
            datetime_format=target.datetime_format,
            choice_base=target.choice_base,
            choice_as=target.choice_as,
            list_as=target.list_as,
            empty=target.empty,
            conflict_key=target.conflict_key,
        ),
    )


class EmbeddedTransport(httpx.AsyncBaseTransport):
    """Carries requests to an emulator in this process. What it cuts breaks as a connection does."""

    def __init__(self, emulator: Emulator) -> None:
        """Carry requests to this emulator."""
        self._emulator = emulator

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Return the emulator's answer.

        Raises:
            httpx.RemoteProtocolError: the emulator closes the connection without one.
        """
        started = cut = False

        async def serve(scope: Any, receive: Any, send: Any) -> None:
            nonlocal started, cut

            async def pass_on(message: MutableMapping[str, Any]) -> None:
                nonlocal started
                started = True
                await send(message)

            try:
                await self._emulator(scope, receive, pass_on)
            except ConnectionCut:
                cut = True
                if not started:
                    await send({"type": "http.response.start", "status": 500})
                await send({"type": "http.response.body"})  # httpx wants every answer to have an end

        response = await httpx.ASGITransport(serve).handle_async_request(request)
        if cut and not started:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        if cut:
            assert isinstance(response.stream, httpx.AsyncByteStream)
            response.stream = _BrokenStream(response.stream)
        return response


class _BrokenStream(httpx.AsyncByteStream):
    """The body of an answer that breaks off."""

    def __init__(self, came: httpx.AsyncByteStream) -> None:
        self._came = came

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._came:
            yield part
        raise httpx.RemoteProtocolError("peer closed connection without sending complete message body")
