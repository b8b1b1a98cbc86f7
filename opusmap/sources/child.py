"""Child processes that read for us, and are ended when they are silent for too long.

A child writes frames: four bytes of length, then so many bytes.
"""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import Empty, Full, Queue
from typing import IO

_POLL = 0.25
"""Seconds between two checks for Ctrl-C, which does not interrupt a wait on Windows."""
_AHEAD = 2
"""Frames that are read ahead."""


class ChildEnded(Exception):
    """The process ended before its work was done."""


class ChildSilent(Exception):
    """The process wrote no frame in time, and was ended."""


def read_frames(program: Path, task: bytes, timeout: float, until: ExitStack) -> Iterator[bytes]:
    """Start a Python program, write a task to its standard input, and yield the frames that it writes.

    A thread reads the frames, so that waiting for one can be interrupted on every system.

    Args:
        program: the program's file.
        task: what it reads from standard input.
        timeout: seconds that a frame may take.
        until: ends the process when it is closed, at any time.

    Raises:
        ChildEnded: the process ended, within a frame or between two; the caller knows which frame is the
        last. ChildSilent: no frame came in time.
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
        child.stdin.write(task)
    threading.Thread(target=_collect, args=(child.stdout, frames, stopped), daemon=True).start()
    remaining = timeout
    while not stopped.is_set():
        try:
            frame = frames.get(timeout=_POLL)
        except Empty:
            remaining -= _POLL
            if remaining <= 0:
                raise ChildSilent from None
            continue
        if frame is None:
            break
        yield frame
        remaining = timeout
    raise ChildEnded


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
