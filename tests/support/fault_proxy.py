"""A TCP proxy that mistreats what passes through it, for tests between a real client and a real server.

It knows nothing of HTTP: a mishap befalls a connection when so many bytes have passed one way. Runs in a
thread of its own as long as its block does.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

Kind = Literal["reset", "truncate", "half-close", "delay", "drip", "slice"]
Way = Literal["request", "answer"]
KINDS: tuple[Kind, ...] = ("reset", "truncate", "half-close", "delay", "drip", "slice")


@dataclass(frozen=True, slots=True)
class Mishap:
    """What befalls a connection.

    `reset` tears it down at once, `truncate` closes it in good order, `half-close` closes it one way and
    keeps the other open, `delay` holds everything back once, `drip` passes byte by byte with pauses, `slice`
    passes three bytes at a time without. `after` bytes `on` this way pass untouched.
    """

    kind: Kind
    on: Way = "answer"
    after: int = 0
    seconds: float = 0.0


@dataclass
class FaultProxy:
    """What the proxy listens on, and how many connections it has mistreated."""

    port: int = 0
    connections: int = 0
    struck: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class _Over(Exception):
    """The connection is to end; `reset`: without good order."""

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


@contextmanager
def faulty(url: str, choose: Callable[[int], Mishap | None]) -> Iterator[FaultProxy]:
    """Run a proxy to a server on this machine; `choose` is asked for each connection, counted from 1."""
    target = int(url.rpartition(":")[2])
    proxy, ready = FaultProxy(), threading.Event()
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()

    async def main() -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            proxy.connections += 1
            await _carry(proxy, choose(proxy.connections), target, reader, writer)

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        proxy.port = server.sockets[0].getsockname()[1]
        ready.set()
        await stop.wait()
        server.close()
        left = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)

    def run() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(main())

    thread = threading.Thread(target=run, name="fault-proxy", daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield proxy
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)


async def _carry(
    proxy: FaultProxy,
    mishap: Mishap | None,
    target: int,
    reader: asyncio.StreamReader,
    writer: asyncio.StreamWriter,
) -> None:
    """Carry one connection to its end."""
    upward, server = await asyncio.open_connection("127.0.0.1", target)
    on_request = mishap if mishap and mishap.on == "request" else None
    on_answer = mishap if mishap and mishap.on == "answer" else None
    pumps = [
        asyncio.create_task(_pump(proxy, reader, server, on_request)),
        asyncio.create_task(_pump(proxy, upward, writer, on_answer)),
    ]
    reset = False
    try:
        done, _ = await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        reset = any(isinstance(task.exception(), _Over) and task.exception().reset for task in done)
    finally:
        for task in pumps:
            task.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for end in (writer, server):
            if reset:
                _make_abrupt(end.get_extra_info("socket"))
                end.transport.abort()
            end.close()


async def _pump(
    proxy: FaultProxy, source: asyncio.StreamReader, sink: asyncio.StreamWriter, mishap: Mishap | None
) -> None:
    """Pass on what comes, until there is no more or the mishap ends the connection."""
    left = mishap.after if mishap else 0
    while data := await source.read(65_536):
        if mishap is None or len(data) <= left:
            left -= len(data)
            await _send(sink, data)
            continue
        await _send(sink, data[:left])
        proxy.struck += 1
        await _strike(mishap, source, sink, data[left:])
        mishap = None


async def _strike(
    mishap: Mishap, source: asyncio.StreamReader, sink: asyncio.StreamWriter, rest: bytes
) -> None:
    match mishap.kind:
        case "reset" | "truncate":
            raise _Over(reset=mishap.kind == "reset")
        case "half-close":
            sink.write_eof()
            while await source.read(65_536):
                pass  # the other way stays open until its end closes it
            raise _Over(reset=False)
        case "delay":
            await asyncio.sleep(mishap.seconds)
            await _send(sink, rest)
        case "drip" | "slice":
            size = 1 if mishap.kind == "drip" else 3
            for start in range(0, len(rest), size):
                await _send(sink, rest[start : start + size])
                await asyncio.sleep(mishap.seconds)


async def _send(sink: asyncio.StreamWriter, data: bytes) -> None:
    with suppress(ConnectionError):  # who hung up is noticed by the other pump
        sink.write(data)
        await sink.drain()


def _make_abrupt(sock: socket.socket) -> None:
    """Let a socket be closed by a reset rather than in good order."""
    with suppress(OSError):
        sock.setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("hh" if os.name == "nt" else "ii", 1, 0)
        )
