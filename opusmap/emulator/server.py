"""The emulator on a port, served by uvicorn (the extra `emulator`).

Owns the socket and the server's life. Loopback by default: the emulator guards nothing.
"""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from opusmap.emulator.application import Emulator
from opusmap.emulator.wire import ConnectionCut, Receive, Scope, Send
from opusmap.errors import SettingsError

if TYPE_CHECKING:
    import uvicorn

__all__ = ["serve", "served"]

PORT_LIMIT = 65_535

STOP_SECONDS = 2
"""Seconds that requests in flight get to end when the server stops."""


def serve(
    emulator: Emulator,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[str], object] | None = None,
) -> None:
    """Serve until the process is told to stop (Ctrl-C or SIGTERM).

    Args:
        emulator: what to serve.
        host: address to listen on; any other than a loopback address lets the network in.
        port: port to listen on; 0 takes a free one.
        on_ready: called with the base URL when requests are answered.

    Raises:
        SettingsError: uvicorn is not installed, or host and port can't be listened on.
    """
    server, listener, url = _prepare(emulator, host, port)
    with listener, suppress(KeyboardInterrupt):  # uvicorn raises Ctrl-C again after its orderly stop
        _run(server, listener, lambda: on_ready(url) if on_ready else None)


@contextmanager
def served(emulator: Emulator, host: str = "127.0.0.1", port: int = 0) -> Iterator[str]:
    """Serve in a thread of this process as long as the block runs; gives the base URL.

    Raises:
        SettingsError: as for `serve`.
    """
    server, listener, url = _prepare(emulator, host, port)
    ready = threading.Event()

    def run() -> None:
        try:
            _run(server, listener, ready.set)
        finally:
            ready.set()  # a server that can't start must not keep the block waiting

    thread = threading.Thread(target=run, name="opusmap-emulator", daemon=True)
    with listener:
        thread.start()
        ready.wait()
        try:
            yield url
        finally:
            server.should_exit = True
            thread.join()


def _prepare(emulator: Emulator, host: str, port: int) -> tuple[uvicorn.Server, socket.socket, str]:
    try:
        import uvicorn  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            "emulator", "serving needs uvicorn, which is not installed", 'pip install "opusmap[emulator]"'
        ) from None
    if not 0 <= port <= PORT_LIMIT:
        raise SettingsError("port", f"{port} is not a port", f"take 0 to {PORT_LIMIT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        host.encode("idna")  # a name that has no such form would be a TypeError, and leave a socket open
        listener = socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        raise SettingsError("host, port", f"can't listen on {host} port {port}: {error}") from None
    config = uvicorn.Config(
        emulator,
        http=_make_protocol(),
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=STOP_SECONDS,
    )
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return uvicorn.Server(config), listener, f"http://{shown}:{listener.getsockname()[1]}"


def _make_protocol() -> type[asyncio.Protocol]:
    """Return uvicorn's protocol, taught to close a connection at once: ASGI has no message for that."""
    from uvicorn.protocols.http.h11_impl import H11Protocol  # noqa: PLC0415 - an extra

    class CuttingProtocol(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            serve = self.app

            async def serve_or_cut(scope: Scope, receive: Receive, send: Send) -> None:
                try:
                    await serve(scope, receive, send)
                except ConnectionCut:
                    transport.close()
                    while (await receive())["type"] != "http.disconnect":
                        pass  # until then uvicorn would take the answer for one that was forgotten

            self.app = serve_or_cut

    return CuttingProtocol


def _run(server: uvicorn.Server, listener: socket.socket, on_ready: Callable[[], object]) -> None:
    """Run the server; uvicorn has no call-back for being ready, so its own start-up is wrapped."""
    start = server.startup

    async def start_and_tell(sockets: list[socket.socket] | None = None) -> None:
        await start(sockets=sockets)
        on_ready()

    server.startup = start_and_tell  # type: ignore[method-assign]
    server.run(sockets=[listener])
