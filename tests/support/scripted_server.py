"""A server on this machine that answers with the very bytes it is told to, and keeps what it got."""

from __future__ import annotations

import json
import re
import socketserver
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress

Script = Callable[[str, str], "bytes | Iterable[bytes]"]


class ScriptedServer(socketserver.ThreadingTCPServer):
    """Answers requests by method and path. `got` holds the requests, `sent` counts the answers' bytes."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, script: Script) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.script = script
        self.got: list[bytes] = []
        self.sent = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(socketserver.StreamRequestHandler):
    server: ScriptedServer

    def handle(self) -> None:
        first = self.rfile.readline()
        head = first
        while (line := self.rfile.readline()) not in (b"\r\n", b"\n", b""):
            head += line
        found = re.search(rb"(?i)\r\ncontent-length: (\d+)", head)
        self.server.got.append(head + self.rfile.read(int(found[1]) if found else 0))
        method, path = first.decode("latin-1").split(" ")[:2]
        answer = self.server.script(method, path)
        with suppress(ConnectionError):
            for part in (answer,) if isinstance(answer, bytes) else answer:
                self.wfile.write(part)
                self.server.sent += len(part)


@contextmanager
def scripted(script: Script) -> Iterator[ScriptedServer]:
    """Serve in a thread as long as the block runs."""
    with ScriptedServer(script) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join(10)


def answer_bytes(status: int, body: object = b"", **headers: str) -> bytes:
    """Return an answer's bytes; a body that is not bytes is written as JSON."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    shown = {"Content-Length": str(len(content)), "Connection": "close", **headers}
    lines = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in shown.items())
    return f"HTTP/1.1 {status} Some Reason\r\n{lines}\r\n".encode() + content
