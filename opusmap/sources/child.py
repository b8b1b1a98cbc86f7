"""Child processes that read for us, and are ended when they are silent for too long.

A child reads its task from standard input and writes frames to standard output, each as four bytes of length
and then MessagePack: null is a sign of life, false the end, an object with `error` a failure.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, Full, Queue
from typing import IO, Any

import msgspec

_POLL = 0.25
"""Seconds between two checks for Ctrl-C, which does not interrupt a wait on Windows."""
_AHEAD = 2
"""Frames that are read ahead."""


@dataclass
class ChildFailed(Exception):
    """The process did not do its work.

    `error` is `ended` (it ended too early), `silent` (it wrote no frame in time, and was ended), or what it
    wrote itself, in `details`.
    """

    error: str
    details: dict[str, Any] = field(default_factory=dict)


def read_frames(
    program: Path,
    task: msgspec.Struct,
    timeout: float,
    until: ExitStack,
    ext_hook: Callable[[int, memoryview], Any] | None = None,
) -> Iterator[Any]:
    """Start a Python program, write a task to its standard input, and yield the frames that it writes.

    A thread reads the frames, so that waiting for one can be interrupted on every system.

    Args:
        program: the program's file.
        task: what it reads from standard input, as MessagePack.
        timeout: seconds that a frame may take.
        until: ends the process when it is closed, at any time.
        ext_hook: decodes MessagePack's extension types.

    Raises:
        ChildFailed: the caller knows which frame was the last.
    """
    command = [sys.executable, "-P", str(program)]
    child = subprocess.Popen(  # noqa: S603 - a program of ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    stopped = threading.Event()
    frames: Queue[bytes | None] = Queue(_AHEAD)

    def end() -> None:
        stopped.set()
        child.kill()
        child.wait()

    until.callback(end)
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError, OSError), child.stdin:
        child.stdin.write(msgspec.msgpack.encode(task))
    threading.Thread(target=_collect, args=(child.stdout, frames, stopped), daemon=True).start()
    decode = msgspec.msgpack.Decoder(ext_hook=ext_hook).decode
    remaining = timeout
    while not stopped.is_set():
        try:
            frame = frames.get(timeout=_POLL)
        except Empty:
            remaining -= _POLL
            if remaining <= 0:
                raise ChildFailed("silent") from None
            continue
        if frame is None:
            break
        content = decode(frame)
        if content is False:
            return
        if isinstance(content, dict) and "error" in content:
            raise ChildFailed(content["error"], content)
        if content is not None:
            yield content
        remaining = timeout
    raise ChildFailed("ended")


def _collect(stream: IO[bytes], frames: Queue[bytes | None], stopped: threading.Event) -> None:
    """Read frames into the queue; None at the end of the stream, or where it breaks off."""
    with stream:
        while not stopped.is_set():
            length = stream.read(4)
            size = int.from_bytes(length, "big")
            frame: bytes | None = stream.read(size) if len(length) == 4 else None  # noqa: PLR2004
            if frame is not None and len(frame) < size:
                frame = None
            while not stopped.is_set():
                with suppress(Full):
                    frames.put(frame, timeout=_POLL)
                    break
            if frame is None:
                return
