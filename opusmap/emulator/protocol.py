"""The served emulator's side of one connection: uvicorn's protocol, and what it lacks.

Owns closing a connection at once, for which ASGI has no message, and closing one whose request does not come
in whole in time, for which uvicorn has no setting.
"""

from __future__ import annotations

import asyncio
from typing import ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from opusmap.emulator.http import ConnectionCut, Receive, Scope, Send


def protocol_with(request_seconds: float) -> type[asyncio.Protocol]:
    """Return the protocol with the seconds in which a request must have come in whole."""
    return type("EmulatorProtocol", (_Protocol,), {"request_seconds": request_seconds})


class _Protocol(H11Protocol):
    request_seconds: ClassVar[float]
    _deadline: asyncio.TimerHandle | None = None
    _began = False

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
        self._watch()

    def data_received(self, data: bytes) -> None:
        super().data_received(data)
        self._watch()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        if self._deadline is not None:
            self._deadline.cancel()

    def _watch(self) -> None:
        """Begin to count when a request is begun, and stop when it is whole; more bytes win no time."""
        if not self._is_half():
            if self._deadline is not None:
                self._deadline.cancel()
            self._deadline = None
        elif self._deadline is None:
            self._deadline = self.loop.call_later(self.request_seconds, self.transport.abort)

    def _is_half(self) -> bool:
        state = self.conn.their_state
        if state is h11.IDLE:  # the first request has not come, or the beginning of the next one is there
            return not self._began or bool(self.conn.trailing_data[0])
        self._began = True
        return state is h11.SEND_BODY
