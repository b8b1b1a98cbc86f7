"""A process that reads for us: its frames come, and it ends when it is told to, or when it is silent."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import pytest

from opusmap.sources.child import ChildEnded, ChildSilent, read_frames

FRAME = """
import sys, time
def say(data):
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()
"""


def program(folder: Path, body: str) -> Path:
    (folder / "child.py").write_text(FRAME + body, "utf-8")
    return folder / "child.py"


def test_frames_come_as_they_are_written(tmp_path: Path) -> None:
    body = "task = sys.stdin.buffer.read()\nfor n in range(9): say(task * n)\n"
    with ExitStack() as until:
        frames = read_frames(program(tmp_path, body), b"abc", 60, until)
        assert [next(frames) for _ in range(9)] == [b"abc" * n for n in range(9)]
        with pytest.raises(ChildEnded):
            next(frames)


@pytest.mark.parametrize(
    "body",
    [
        "",
        "sys.exit(3)",
        "sys.stdout.buffer.write(b'\\0\\0')",
        "sys.stdout.buffer.write(b'\\0\\0\\0\\x09half')",
        "1/0",
    ],
)
def test_a_process_that_ends_in_between_is_told(tmp_path: Path, body: str) -> None:
    with ExitStack() as until, pytest.raises(ChildEnded):
        list(read_frames(program(tmp_path, body), b"x" * 1_000_000, 60, until))


def test_a_process_that_is_silent_is_told(tmp_path: Path) -> None:
    with ExitStack() as until:
        frames = read_frames(program(tmp_path, "say(b'first')\ntime.sleep(600)\n"), b"", 1.0, until)
        assert next(frames) == b"first"
        with pytest.raises(ChildSilent):
            next(frames)


def test_closing_ends_a_process_that_would_go_on_for_ever(tmp_path: Path) -> None:
    started = time.monotonic()
    with ExitStack() as until:
        frames = read_frames(program(tmp_path, "while True: say(b'x' * 1000)\n"), b"", 60, until)
        next(frames)
    assert time.monotonic() - started < 30
