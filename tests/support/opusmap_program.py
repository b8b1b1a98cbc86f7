"""The program `opusmap` as tests run it: a process with its own folder, environment and exit code.

Importing it takes most of a second, and the tests run it a thousand times. So where the system can fork, one
process imports it once and forks for each run. Elsewhere, or if `fresh`, each run starts Python. What runs
until it is stopped, such as a studio, is started by `start_opusmap`; `show_on_terminal` runs it in a window.
"""

from __future__ import annotations

import atexit
import gc
import importlib
import io
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

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
        streams = [given.fileno(), out.fileno(), (out if together else err).fileno()]
        followed = _server().start({"args": command, "cwd": folder, "env": environment}, streams)
        try:
            code = followed.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
            followed.end()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode().replace("\r\n", "\n"))
    if code is None:
        raise subprocess.TimeoutExpired(command, timeout, *texts)
    return subprocess.CompletedProcess(command, code, *texts)


def show_on_terminal(
    *args: object, cwd: Path, env: Mapping[str, str], columns: int = 80, lines: int = 24
) -> str:
    """Run `opusmap` in a terminal of this size; return what it shows, without colours and what it erased.

    Only where the system has pseudo-terminals and can fork.
    """
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
    sized = {name: value for name, value in env.items() if name not in ("COLUMNS", "LINES")}
    request = {"args": list(map(str, args)), "cwd": str(cwd), "env": {**sized, "TERM": "xterm"}}
    with Path(os.devnull).open("rb") as nothing:
        followed = _server().start(request, [nothing.fileno(), theirs, theirs])
    os.close(theirs)
    shown = b""
    with suppress(OSError):  # Linux's way to say that the program has closed its end
        while part := os.read(ours, 1 << 16):
            shown += part
    os.close(ours)
    followed.wait(TIMEOUT)
    text = _CONTROL.sub("", shown.decode().replace("\r\n", "\n"))
    return "".join(line.rpartition("\r")[2] for line in text.splitlines(keepends=True))


_CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Program:
    """A program that runs, as `subprocess.Popen` has it, forked from a process that has imported it."""

    def __init__(self, args: list[str], folder: Path, env: Mapping[str, str], modules: Iterable[str]) -> None:
        reader, writer = os.pipe()
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - `communicate` closes both
        self.stdout = os.fdopen(reader, encoding="utf-8")
        request = {"args": args, "cwd": str(folder), "env": dict(env), "modules": list(modules)}
        with Path(os.devnull).open("rb") as nothing:
            self._followed = _server().start(request, [nothing.fileno(), writer, self._errors.fileno()])
        os.close(writer)
        self.pid = self._followed.pid

    def poll(self) -> int | None:
        """Return the exit code, None while it runs."""
        with suppress(subprocess.TimeoutExpired):
            return self._followed.wait(0)
        return None

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit code once it has ended."""
        return self._followed.wait(timeout)

    def send_signal(self, number: int) -> None:
        """Send a signal, unless it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        """End it at once."""
        self.send_signal(signal.SIGKILL)

    def terminate(self) -> None:
        """Ask it to end."""
        self.send_signal(signal.SIGTERM)

    def communicate(self, timeout: float | None = None) -> tuple[str, str]:
        """Wait for its end; return what it wrote since, and all that it wrote as errors."""
        self.wait(timeout)
        if self.stdout.closed:
            return "", ""
        with self.stdout, self._errors:
            self._errors.seek(0)
            return self.stdout.read(), self._errors.read().decode()


def start_opusmap(
    *args: object, cwd: Path, env: Mapping[str, str], modules: Iterable[str] = ()
) -> Program | subprocess.Popen[str]:
    """Start `opusmap` with these arguments; its outputs are pipes of text.

    `modules` are those that it needs in addition to those that each run needs: they are imported once, too.
    """
    command = list(map(str, args))
    if hasattr(os, "fork"):
        return Program(command, cwd, env, modules)
    return subprocess.Popen(
        [*COMMAND, *command],
        cwd=cwd, env=dict(env), text=True, encoding="utf-8", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


class _Followed:
    """A forked process whose end the server tells through a socket of its own."""

    def __init__(self, stream: socket.socket) -> None:
        self._stream = stream
        self.pid = _number(stream)
        self._code: int | None = None

    def wait(self, timeout: float | None) -> int:
        """Return the exit code, negative for a signal as `subprocess` has it.

        Raises:
            subprocess.TimeoutExpired: it still runs.
        """
        if self._code is None:
            if not select.select([self._stream], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
            self._code = _number(self._stream)
            self._stream.close()
        return self._code

    def end(self) -> None:
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        self.wait(None)


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

    def start(self, request: dict[str, Any], files: list[int]) -> _Followed:
        """Fork a process with these files as its standard streams."""
        body = json.dumps(request).encode()
        ours, theirs = socket.socketpair()
        with theirs:
            head = len(body).to_bytes(4, "big")
            socket.send_fds(self._socket, [head], [theirs.fileno(), *files])
        self._socket.sendall(body)
        return _Followed(ours)

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
    alarm, ring = socket.socketpair()
    ring.setblocking(False)
    signal.set_wakeup_fd(ring.fileno())
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
    running: dict[int, socket.socket] = {}
    while True:
        ready = select.select([stream, alarm], [], [])[0]
        if alarm in ready:
            alarm.recv(1 << 12)
            _tell_ends(running)
        if stream not in ready:
            continue
        head, given, _, _ = socket.recv_fds(stream, 4, 4)
        if not head:
            os._exit(0)
        teller, files = socket.socket(fileno=given[0]), given[1:]
        request = json.loads(_exactly(stream, int.from_bytes(head, "big")))
        for name in request.get("modules", ()):
            importlib.import_module(name)
        child = os.fork()
        if child == 0:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for one in (stream, alarm, ring, teller, *running.values()):
                one.close()
            _become(request, files)
            return list(request["args"])
        for file in files:
            os.close(file)
        _tell(teller, child)
        running[child] = teller


def _tell_ends(running: dict[int, socket.socket]) -> None:
    """Tell of each process that has ended how it ended."""
    for child in list(running):
        ended, status = os.waitpid(child, os.WNOHANG)
        if ended:
            with running.pop(child) as teller:
                _tell(teller, os.waitstatus_to_exitcode(status))


def _tell(teller: socket.socket, number: int) -> None:
    with suppress(OSError):  # the test no longer listens
        teller.sendall(number.to_bytes(4, "big", signed=True))


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


class _Ending:
    """The exit code of a child whose program has come to its end."""

    code: int | None = None


def _leave() -> None:
    """End a child once its threads have ended and all other exit functions have run.

    To take apart all modules would take 40 ms more, half of what a short command needs; `fresh` runs do that.
    """
    if _Ending.code is not None:
        with suppress(OSError, ValueError):  # if not, Python says what it can't write
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(_Ending.code)


if __name__ == "__main__":
    atexit.register(_leave)  # the first that is registered is the last that runs
    arguments = _serve(socket.socket(fileno=int(sys.argv[1])))
    from opusmap.cli import main

    sys.argv = ["-c", *arguments]
    _Ending.code = main()
    sys.exit(_Ending.code)
