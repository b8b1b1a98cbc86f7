"""The emulator on a port, served by uvicorn (the extra `emulator`).

Owns the server's life, and what is turned away before the emulator sees it: requests under
another's host name, by which a page in a browser would reach this machine (DNS rebinding), and requests that
do not come in whole. Loopback by default: the emulator guards nothing else.
"""

from __future__ import annotations

import asyncio
import ipaddress
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from typing import TYPE_CHECKING, TypeAlias

from opusmap.emulator.application import Emulator
from opusmap.emulator.http import Receive, Scope, Send, answer_json, send_answer
from opusmap.errors import SettingsError
from opusmap.local_server import configure, listen, tell_when_ready
from opusmap.wording import show_extra

if TYPE_CHECKING:
    import uvicorn

Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

REQUEST_SECONDS = 10.0
"""Seconds in which a request must have come in whole, from its first byte (or the connection) on."""

MISDIRECTED = 421
"""HTTP's status for a request under a host name that is not the server's (RFC 9110, 15.5.20)."""

STOP_SECONDS = 2
"""Seconds that requests in flight get to end when the server stops."""


def serve(
    emulator: Emulator,
    host: str = "127.0.0.1",
    port: int = 0,
    on_ready: Callable[[str], object] | None = None,
    *,
    request_seconds: float = REQUEST_SECONDS,
) -> None:
    """Serve until the process is stopped (Ctrl-C or SIGTERM).

    Args:
        emulator: what to serve.
        host: address to listen on; any other than a loopback address lets the network in.
        port: port to listen on; 0 takes a free one.
        on_ready: called with the base URL when requests are answered.
        request_seconds: a connection whose request has not come in whole by then is closed.

    Raises:
        SettingsError: uvicorn is not installed, or host and port can't be listened on.
    """
    server, listener, url = _prepare(emulator, host, port, request_seconds)
    with listener, suppress(KeyboardInterrupt):  # uvicorn raises Ctrl-C again after its orderly stop
        if on_ready is not None:
            tell_when_ready(server, partial(on_ready, url))
        server.run(sockets=[listener])


@contextmanager
def served(
    emulator: Emulator, host: str = "127.0.0.1", port: int = 0, *, request_seconds: float = REQUEST_SECONDS
) -> Iterator[str]:
    """Serve in a thread of this process as long as the block runs; gives the base URL. See `serve`.

    Raises:
        SettingsError: as for `serve`.
    """
    server, listener, url = _prepare(emulator, host, port, request_seconds)
    ready = threading.Event()
    tell_when_ready(server, ready.set)

    def run() -> None:
        try:
            server.run(sockets=[listener])
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


def _prepare(
    emulator: Emulator, host: str, port: int, request_seconds: float
) -> tuple[uvicorn.Server, socket.socket, str]:
    try:
        import uvicorn  # noqa: PLC0415 - an extra
    except ImportError:
        raise SettingsError(
            "emulator", "serving needs uvicorn, which is not installed", show_extra("emulator")
        ) from None
    from opusmap.emulator.protocol import protocol_with  # noqa: PLC0415 - built on uvicorn

    listener = listen(host, port, "an emulator")
    config = configure(_only_for(emulator, host), STOP_SECONDS, http=protocol_with(request_seconds))
    shown = f"[{host}]" if listener.family == socket.AF_INET6 else host
    return uvicorn.Server(config), listener, f"http://{shown}:{listener.getsockname()[1]}"


def _only_for(emulator: Application, bound: str) -> Application:
    """Return the emulator behind a look at each request's host: one that is not this machine's gets 421.

    A page in a browser can give its own host name the address of this machine, and would be let in.
    """

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            hosts = [value for name, value in scope["headers"] if name == b"host"]
            if len(hosts) != 1 or not _is_own(hosts[0].decode("latin-1"), bound):
                message = (
                    "this host name is not the emulator's; use the address that it showed when it started"
                )
                answer = answer_json(MISDIRECTED, {"statusCode": MISDIRECTED, "message": message})
                await send_answer(answer, send, asyncio.sleep)
                return
        await emulator(scope, receive, send)

    return serve


def _is_own(header: str, bound: str) -> bool:
    """Return whether a `Host` names this machine, on any port: another may be forwarded here.

    Where the network is let in, that is by any number, which no name can be led to, or by the machine's name.
    """
    match = _HOST.fullmatch(header)
    if match is None:
        return False
    name = match["name"].strip("[]").lower().removesuffix(".")
    address = _address(name)
    if name == "localhost" or name == bound.lower() or (address is not None and address.is_loopback):
        return True
    listens = _address(bound)
    if listens is None or not listens.is_unspecified:
        return address is not None and address == listens
    return address is not None or name in (socket.gethostname().lower(), socket.getfqdn().lower())


_HOST = re.compile(r"(?P<name>\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9.-]+)(?::[0-9]{1,5})?", re.ASCII)


def _address(name: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None
