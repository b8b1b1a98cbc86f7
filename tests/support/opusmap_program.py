"""The program `opusmap` as tests run it: a process with its own folder, environment and exit code.

Importing it takes most of a second, and the tests run it a thousand times. So where the system can fork, one
process imports it once and forks for each run. Elsewhere, or if `fresh`, each run starts Python.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

__all__ = ["COMMAND", "MAIN", "environment_of", "run_opusmap"]

MAIN = "import sys; from opusmap.cli import main; sys.exit(main())"
"""What the installed command does, for `python -c`."""
COMMAND = (sys.executable, "-c", MAIN)
TIMEOUT = 120.0
_PRELOADED = (
    "_strptime",
    "aiohttp",
    "anyio",
    "httpcore",
    "rich.markdown",
    "rich.progress",
    "rich.table",
    "opusmap.cli.arguments",
    "opusmap.cli.entry",
    "opusmap.diagnostic_pages",
    "opusmap.drafting",
    "opusmap.emulator",
    "opusmap.guide_pages",
    "opusmap.journal.postgres_journal",
    "opusmap.operations.telemetry",
    "opusmap.opus.client",
    "opusmap.opus.transport_httpx",
    "opusmap.report",
    "opusmap.run.check",
    "opusmap.run.history",
    "opusmap.run.map",
    "opusmap.run.open",
    "opusmap.run.rehearsal",
    "opusmap.run.submit",
    "opusmap.run.target",
    "opusmap.sources.csv_rows",
    "opusmap.sources.dataport",
    "opusmap.sources.json_items",
    "opusmap.sources.parquet",
    "opusmap.sources.singer",
    "opusmap.sources.workbook",
    "opusmap.testing",
)
_OWN = ("OPUSMAP_", "GITHUB_")


def environment_of(url: str | None = None, **settings: str | None) -> dict[str, str]:
    """Return this process's environment without opusmap's settings, and with those for the Opus at `url`.

    A setting of None is left out.
    """
    clean = {name: value for name, value in os.environ.items() if not name.startswith(_OWN)}
    service = {} if url is None else {
        "OPUSMAP_BASE_URL": url,
        "OPUSMAP_TOKEN_URL": f"{url}/connect/token",
        "OPUSMAP_CLIENT_ID": "c",
        "OPUSMAP_CLIENT_SECRET": "s",
    }  # fmt: skip
    wanted = {**clean, "PYTHONUTF8": "1", **service, **settings}
    return {name: value for name, value in wanted.items() if value is not None}


def run_opusmap(
    *args: object,
    cwd: Path | None = None,
    env: Mapping[str, str] | None = None,
    input: str = "",
    timeout: float = TIMEOUT,
    together: bool = False,
    fresh: bool = False,
) -> subprocess.CompletedProcess[str]:
    """Run `opusmap` with these arguments to its end.

    `env` is its whole environment (default: `environment_of()`). If `together`, both outputs are in `stdout`.

    Raises:
        subprocess.TimeoutExpired: it ran longer than `timeout` seconds; it was killed.
    """
    command = list(map(str, args))
    environment = dict(environment_of() if env is None else env)
    folder = str(cwd or Path.cwd())
    if fresh or not hasattr(os, "fork"):
        return subprocess.run(
            [*COMMAND, *command],
            cwd=folder, env=environment, input=input, timeout=timeout, check=False, encoding="utf-8",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT if together else subprocess.PIPE,
        )  # fmt: skip
    with tempfile.TemporaryFile() as given, tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        given.write(input.encode())
        given.seek(0)
        request = {"args": command, "cwd": folder, "env": environment}
        code = _server().run(
            request, [given.fileno(), out.fileno(), (out if together else err).fileno()], timeout
        )
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    if code is None:
        raise subprocess.TimeoutExpired(command, timeout, *texts)
    return subprocess.CompletedProcess(command, code, *texts)


class _Server:
    """The process that has imported opusmap. It ends with this one, whose end of the socket closes."""

    def __init__(self) -> None:
        self._socket, theirs = socket.socketpair()
        number = str(theirs.fileno())
        self._process = subprocess.Popen(
            [sys.executable, __file__, number], pass_fds=[theirs.fileno()], env=environment_of(),
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        theirs.close()

    def run(self, request: dict[str, Any], files: list[int], timeout: float) -> int | None:
        """Return the exit code, negative for a signal as `subprocess` has it; None if time was up."""
        socket.send_fds(self._socket, [len(body := json.dumps(request).encode()).to_bytes(4, "big")], files)
        self._socket.sendall(body)
        process = _number(self._socket)
        self._socket.settimeout(timeout)
        try:
            return _number(self._socket)
        except TimeoutError:
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
            self._socket.settimeout(None)
            _number(self._socket)
            return None
        finally:
            self._socket.settimeout(None)

    def close(self) -> None:
        self._socket.close()
        self._process.wait()


@cache
def _server() -> _Server:
    server = _Server()
    atexit.register(server.close)
    return server


def _number(stream: socket.socket) -> int:
    return int.from_bytes(_exactly(stream, 4), "big", signed=True)


def _exactly(stream: socket.socket, size: int) -> bytes:
    parts = b""
    while len(parts) < size:
        part = stream.recv(size - len(parts))
        if not part:
            raise EOFError
        parts += part
    return parts


def _serve(stream: socket.socket) -> list[str]:
    """Fork for each request; return its arguments in the child, whose process is then the program's."""
    for name in _PRELOADED:
        with suppress(ImportError):
            importlib.import_module(name)
    from opusmap.cli import main  # noqa: F401 - so that each child has it

    gc.collect()
    gc.freeze()  # what is imported is no garbage: a child that looks through it when it ends takes 0.3 s
    while True:
        head, files, _, _ = socket.recv_fds(stream, 4, 3)
        if not head:
            os._exit(0)
        request = json.loads(_exactly(stream, int.from_bytes(head, "big")))
        child = os.fork()
        if child == 0:
            stream.close()
            _become(request, files)
            return list(request["args"])
        for file in files:
            os.close(file)
        stream.sendall(child.to_bytes(4, "big", signed=True))
        _, status = os.waitpid(child, 0)
        stream.sendall(os.waitstatus_to_exitcode(status).to_bytes(4, "big", signed=True))


def _become(request: dict[str, Any], files: list[int]) -> None:
    """Take the folder, environment and standard streams of a request, as a new process would have them."""
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    encoding = os.environ.get("PYTHONIOENCODING") or "utf-8"
    encoding, _, errors = encoding.partition(":")
    sys.stdin = open(0, encoding=encoding, errors=errors or "surrogateescape", closefd=False)  # noqa: SIM115
    unbuffered = "PYTHONUNBUFFERED" in os.environ
    out = open(1, "wb", buffering=0 if unbuffered else -1, closefd=False)  # noqa: SIM115
    sys.stdout = io.TextIOWrapper(out, encoding=encoding, errors=errors or "strict", write_through=unbuffered)
    sys.stderr = open(2, "w", encoding=encoding, errors="backslashreplace", closefd=False, buffering=1)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]


if __name__ == "__main__":
    arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    from opusmap.cli import main

    sys.argv = ["-c", *arguments]
    sys.exit(main())
