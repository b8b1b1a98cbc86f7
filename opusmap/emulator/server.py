"""The emulator on a port, served by uvicorn (the extra `emulator`).

Owns the socket, the server's life, and what is turned away before the emulator sees it: requests under
another's host name, by which a page in a browser would reach this machine (DNS rebinding), and requests that
do not come in whole. Loopback by default: the emulator guards nothing else.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import re
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeAlias

from opusmap.emulator.application import Emulator
from opusmap.emulator.http import Receive, Scope, Send, answer_json, send_answer
from opusmap.errors import SettingsError
from opusmap.wording import show_extra

if TYPE_CHECKING:
    import uvicorn

Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

PORT_LIMIT = 65_535

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
        _run(server, listener, lambda: on_ready(url) if on_ready else None)


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

    if not 0 <= port <= PORT_LIMIT:
        raise SettingsError("port", f"{port} is not a port", f"take 0 to {PORT_LIMIT}")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        host.encode("idna")  # a name that has no such form would be a TypeError, and leave a socket open
        listener = socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        if isinstance(error, OSError) and error.errno == errno.EADDRINUSE:
            reason = "another program, perhaps an emulator, uses it already"
        problem = f"can't listen on {host} port {port}: {reason}"
        help_text = "stop that program, or choose another port: `--port 0` takes a free one"
        raise SettingsError("host, port", problem, help_text) from None
    config = uvicorn.Config(
        _only_for(emulator, host),
        http=protocol_with(request_seconds),
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


def _run(server: uvicorn.Server, listener: socket.socket, on_ready: Callable[[], object]) -> None:
    """Run the server; uvicorn has no call-back for being ready, so its own start-up is wrapped."""
    start = server.startup

    async def start_and_tell(sockets: list[socket.socket] | None = None) -> None:
        await start(sockets=sockets)
        on_ready()

    server.startup = start_and_tell  # type: ignore[method-assign]
    server.run(sockets=[listener])
