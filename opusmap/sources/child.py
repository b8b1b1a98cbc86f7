"""Frames from a process that reads for us, and that is ended when it gives no sign of life.

Owns starting, watching and ending it. A frame is four bytes of length and so many bytes.
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

__all__ = ["ChildEnded", "ChildSilent", "read_frames"]

_LOOK = 0.25
"""Seconds between two looks for Ctrl-C, which Windows does not let interrupt a wait."""
_AHEAD = 2
"""Frames that are read ahead."""


class ChildEnded(Exception):
    """The process ended in the middle of its work."""


class ChildSilent(Exception):
    """The process gave no sign of life for too long, and was ended."""


def read_frames(program: Path, task: bytes, patience: float, until: ExitStack) -> Iterator[bytes]:
    """Start a Python program, give it a task on standard input, and yield its frames.

    The process ends with `until`, at any time. A thread reads its frames, so that the wait for one can be
    interrupted everywhere.

    Args:
        program: the program's file.
        task: what it reads from standard input.
        patience: seconds that a frame may take.
        until: ends the process when it is closed.

    Raises:
        ChildEnded: the process ended within a frame, or between two; the last one is for the caller to know.
        ChildSilent: no frame came in time.
    """
    command = [sys.executable, "-P", str(program)]
    child = subprocess.Popen(  # noqa: S603 - a program of ours
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    stopped = threading.Event()
    frames: Queue[bytes | None] = Queue(_AHEAD)
    until.callback(_end, child, stopped)
    assert child.stdin is not None
    assert child.stdout is not None
    with suppress(BrokenPipeError, OSError), child.stdin:
        child.stdin.write(task)
    threading.Thread(target=_collect, args=(child.stdout, frames, stopped), daemon=True).start()
    while (frame := _next(frames, patience, stopped)) is not None:
        yield frame
    raise ChildEnded


def _next(frames: Queue[bytes | None], patience: float, stopped: threading.Event) -> bytes | None:
    left = patience
    while not stopped.is_set():
        try:
            return frames.get(timeout=_LOOK)
        except Empty:
            left -= _LOOK
        if left <= 0:
            raise ChildSilent
    return None


def _collect(stream: IO[bytes], frames: Queue[bytes | None], stopped: threading.Event) -> None:
    with stream:
        while not stopped.is_set():
            frame = _read(stream)
            while not stopped.is_set():
                with suppress(Full):
                    frames.put(frame, timeout=_LOOK)
                    break
            if frame is None:
                return


def _read(stream: IO[bytes]) -> bytes | None:
    """Return the next frame, None where the stream ends."""
    length = stream.read(4)
    if len(length) < 4:  # noqa: PLR2004 - the bytes of a length
        return None
    size = int.from_bytes(length, "big")
    data = stream.read(size)
    return data if len(data) == size else None


def _end(child: subprocess.Popen[bytes], stopped: threading.Event) -> None:
    stopped.set()
    child.kill()
    child.wait()
