"""The studio's server: a port of this machine's own, a token in the address, an orderly end."""

from __future__ import annotations

import secrets
import socket
import webbrowser
from collections.abc import Callable
from types import FrameType

import uvicorn

from opusmap.local_server import configure, listen, tell_when_ready
from opusmap.studio.app import make_app
from opusmap.studio.guard import Guard
from opusmap.studio.visit import Studio

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
    listener = listen("127.0.0.1", port, "a studio")
    own, token = listener.getsockname()[1], secrets.token_urlsafe(24)
    address = f"http://127.0.0.1:{own}/?token={token}"

    class _Server(uvicorn.Server):
        """Ends streams that would wait for ever."""

        def handle_exit(self, _signal: int, _frame: FrameType | None) -> None:
            """End in order at the first signal, at once at the second; uvicorn would raise it again later."""
            self.force_exit = self.should_exit
            self.should_exit = True

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            studio.closing = True
            await super().shutdown(sockets=sockets)

    config = configure(Guard(make_app(studio), own, token), _STOP_SECONDS)
    server = _Server(config)

    def announce() -> None:
        on_ready(address)
        if browser:
            webbrowser.open(address)

    tell_when_ready(server, announce)
    try:
        with listener:
            server.run(sockets=[listener])
    finally:
        studio.jobs.close()
