"""The studio's server: a port of this machine's own, a token in the address, an orderly end."""

from __future__ import annotations

import errno
import secrets
import socket
import webbrowser
from collections.abc import Callable
from types import FrameType

import uvicorn

from opusmap.errors import SettingsError
from opusmap.studio.app import make_app
from opusmap.studio.guard import Guard
from opusmap.studio.visit import Studio

__all__ = ["serve"]

PORT_LIMIT = 65_535
_STOP_SECONDS = 3


def serve(
    studio: Studio, port: int = 0, *, browser: bool = True, on_ready: Callable[[str], object] = print
) -> None:
    """Serve a studio to one person on this machine until the process is stopped (Ctrl-C or SIGTERM).

    Args:
        studio: what is served. Its jobs are stopped in order at the end.
        port: where to listen, on 127.0.0.1; 0 takes a free port.
        browser: open the address in the person's browser.
        on_ready: called with the address, its token in it, when requests are answered.

    Raises:
        SettingsError: the port can't be listened on.
    """
    if not 0 <= port <= PORT_LIMIT:
        raise SettingsError("--port", f"{port} is not a port", f"give a number from 0 to {PORT_LIMIT}")
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except OSError as error:
        reason = error.strerror
        if error.errno == errno.EADDRINUSE:
            reason = "another program, perhaps a studio, uses it already"
        problem = f"can't listen on port {port}: {reason}"
        raise SettingsError("--port", problem, "leave it out, and a free port is used") from None
    own, token = listener.getsockname()[1], secrets.token_urlsafe(24)
    address = f"http://127.0.0.1:{own}/?token={token}"

    class _Server(uvicorn.Server):
        """Says when it is ready, and ends streams that would wait for ever."""

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets=sockets)
            on_ready(address)
            if browser:
                webbrowser.open(address)

        def handle_exit(self, _signal: int, _frame: FrameType | None) -> None:
            """End in order at the first signal, at once at the second; uvicorn would raise it again later."""
            self.force_exit = self.should_exit
            self.should_exit = True

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            studio.closing = True
            await super().shutdown(sockets=sockets)

    config = uvicorn.Config(
        Guard(make_app(studio), own, token),
        log_config=None,
        log_level="error",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    try:
        with listener:
            _Server(config).run(sockets=[listener])
    finally:
        studio.jobs.close()
