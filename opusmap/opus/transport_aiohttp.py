"""The same as `transport_httpx` over aiohttp, which asks half as much of the processor a request.

It needs the extra `fast`. Owns aiohttp's settings and its errors in httpx's words, above all which of them
mean that nothing was sent.
"""

from __future__ import annotations

import io
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

import aiohttp
import httpx
import yarl

_KEPT = 5.0
"""Seconds that an idle connection is used again within, as in `transport_httpx`."""

_LARGE = 1 << 20
"""Bytes from which aiohttp wants a body to be read bit by bit."""

_LINE = 1 << 16
"""Bytes of a line of an answer's head at most."""

_SWITCHING = 101

_ERRORS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ServerTimeoutError, httpx.ReadTimeout),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientError, httpx.ReadError),
    (OSError, httpx.ReadError),
    (ValueError, httpx.LocalProtocolError),
)
"""Foreign error -> httpx's; the first that fits counts. Only the first two say that nothing was sent."""


class AiohttpTransport(httpx.AsyncBaseTransport):
    """One connection at a time, made when it is needed. It keeps no cookies and reads no environment."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; see `httpx.AsyncBaseTransport`. Of the timeouts, that for connecting counts."""
        if self._session is None:
            self._session = self._open()
        body = request.content
        with _translated():
            answer = await self._session.request(
                request.method,
                _parse(str(request.url)),
                headers=request.headers,
                data=body if len(body) < _LARGE else io.BytesIO(body),
                allow_redirects=False,
                timeout=_limit(request.extensions["timeout"]["connect"]),
            )
        if answer.status == _SWITCHING:
            answer.close()
            raise httpx.RemoteProtocolError("the connection is to be used for something else")
        return httpx.Response(answer.status, headers=answer.raw_headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close the connection."""
        if self._session is not None:
            await self._session.close()

    def _open(self) -> aiohttp.ClientSession:
        session = aiohttp.ClientSession(
            connector=_Connector(limit=1, ssl=self._tls, keepalive_timeout=_KEPT),
            max_line_size=_LINE,
            max_field_size=_LINE,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
        )
        # aiohttp sends a GET or DELETE again unseen when its connection ends without an answer; whether one
        # may have been processed before must be known to who reads the next answer.
        session._retry_connection = False  # noqa: SLF001 - there is no other way
        return session


class _Connector(aiohttp.TCPConnector):
    """Uses no connection again on which something came unasked: it would be taken for the next answer.

    aiohttp looks for that when a connection is laid aside, not when it is taken up. What came meanwhile has
    been read by then: between two requests of a worker the event loop goes round for the journal.
    """

    async def connect(self, req: Any, traces: Any, timeout: Any) -> Any:  # noqa: ASYNC109 - aiohttp's
        connection = await super().connect(req, traces, timeout)
        if connection.protocol is not None and connection.protocol.should_close:
            connection.close()
            connection = await super().connect(req, traces, timeout)
        return connection


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            async for chunk in self._answer.content.iter_any():
                yield chunk

    async def aclose(self) -> None:
        """Let the connection be used again, unless something of the answer is still to come."""
        self._answer.close()


@cache
def _parse(url: str) -> yarl.URL:
    """Take one of a run's few addresses as it is written."""
    return yarl.URL(url, encoded=True)


@cache
def _limit(connect: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect)  # looking up the name included


@contextmanager
def _translated() -> Iterator[None]:
    try:
        yield
    except (aiohttp.ClientError, OSError, ValueError) as error:
        kind = next(kind for foreign, kind in _ERRORS if isinstance(error, foreign))
        raise kind(_describe(error)) from error


def _describe(error: Exception) -> str:
    """Return what happened, for a person: aiohttp's messages mention its settings."""
    if isinstance(error, aiohttp.ClientConnectorError) and error.strerror:
        return f"can't connect to {error.host}:{error.port}: {error.strerror}"
    return str(error)
