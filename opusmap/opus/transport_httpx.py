"""One connection of httpcore's as a transport of httpx's, without a pool around it.

A worker sends one request at a time, so there is nothing to pool; a pool of one connection costs a third of
a request. Owns when a connection is used again, and httpcore's errors in httpx's words.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import httpcore
import httpx

_KEPT = 5.0
"""Seconds that an idle connection is used again within; httpx's own default."""

_ERRORS = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.ProxyError,
    httpcore.UnsupportedProtocol,
    httpcore.ConnectionNotAvailable,
)


class HttpxTransport(httpx.AsyncBaseTransport):
    """One connection at a time, made when it is needed."""

    def __init__(self, tls: ssl.SSLContext) -> None:
        self._tls = tls
        self._origin: httpcore.Origin | None = None
        self._connection: httpcore.AsyncHTTPConnection | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request; see `httpx.AsyncBaseTransport`."""
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        with _translated():
            connection = await self._connect(asked.url.origin)
            response = await connection.handle_async_request(asked)
        return httpx.Response(response.status, headers=response.headers, stream=_Body(response))

    async def aclose(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            await self._connection.aclose()

    async def _connect(self, origin: httpcore.Origin) -> httpcore.AsyncHTTPConnection:
        """Return a connection that waits for a request: the last one, unless its other end went away."""
        connection = self._connection
        if connection is not None:
            if self._origin == origin and connection.is_idle() and not connection.has_expired():
                return connection
            await connection.aclose()
        self._origin = origin
        self._connection = connection = httpcore.AsyncHTTPConnection(
            origin, ssl_context=self._tls, keepalive_expiry=_KEPT
        )
        return connection


class _Body(httpx.AsyncByteStream):
    """An answer's body as it comes."""

    def __init__(self, response: httpcore.Response) -> None:
        self._response = response

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _translated():
            async for chunk in self._response.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        with _translated():
            await self._response.aclose()


@contextmanager
def _translated() -> Iterator[None]:
    """Turn httpcore's errors into those of httpx, which have the same names."""
    try:
        yield
    except _ERRORS as error:
        kind = getattr(httpx, type(error).__name__, httpx.TransportError)
        raise kind(str(error)) from error
