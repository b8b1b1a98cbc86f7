"""A server on a port of this machine: the socket, and how uvicorn (an extra) is set up, in one place.

The emulator and the studio are served by it.
"""

from __future__ import annotations

import errno
import socket
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from opusmap.errors import SettingsError

if TYPE_CHECKING:
    import uvicorn

PORT_LIMIT = 65_535
_OF_HOST = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""Errors of an address that this machine does not have."""


def listen(host: str, port: int, program: str) -> socket.socket:
    """Return a socket that listens.

    Args:
        host: the address.
        port: the port; 0 takes a free one.
        program: what is served, with its article, such as `an emulator`.

    Raises:
        SettingsError: host and port can't be listened on.
    """
    if not 0 <= port <= PORT_LIMIT:
        raise SettingsError("--port", f"{port} is not a port", f"give a number from 0 to {PORT_LIMIT}")
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # `create_server` hides that a name has no address, and leaves a socket open if it can't have one.
        socket.getaddrinfo(host or None, port, family)
        return socket.create_server((host, port), family=family)
    except (OSError, UnicodeError) as error:
        raise _refusal(host, port, program, error) from None


def _refusal(host: str, port: int, program: str, error: OSError | UnicodeError) -> SettingsError:
    reason = getattr(error, "strerror", None) or str(error)
    number = error.errno if isinstance(error, OSError) else None
    setting, help_text = "--port", "choose another port: `--port 0` takes a free one"
    if number == errno.EADDRINUSE:
        reason = f"another program, perhaps {program}, uses it already"
        help_text = f"stop that program, or {help_text}"
    elif isinstance(error, UnicodeError | socket.gaierror) or number in _OF_HOST:
        setting, help_text = "--host", "name an address of this machine, such as 127.0.0.1"
    return SettingsError(setting, f"can't listen on {host} port {port}: {reason}", help_text)


def configure(application: Any, stop_seconds: int, **more: Any) -> uvicorn.Config:
    """Return how uvicorn serves an ASGI application: HTTP alone, without a log or a name of the server.

    Args:
        application: what is served.
        stop_seconds: what requests in flight get to end when the server stops.
        more: further settings of uvicorn.

    Raises:
        ImportError: uvicorn is not installed.
    """
    import uvicorn  # noqa: PLC0415 - an extra

    return uvicorn.Config(
        application,
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=stop_seconds,
        **more,
    )


def tell_when_ready(server: uvicorn.Server, on_ready: Callable[[], object]) -> None:
    """Have a server call `on_ready` once it answers: its start is wrapped, as uvicorn has no call-back."""
    start = server.startup

    async def start_and_tell(sockets: list[socket.socket] | None = None) -> None:
        await start(sockets=sockets)
        on_ready()

    server.startup = start_and_tell  # type: ignore[method-assign]
