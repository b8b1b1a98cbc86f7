"""A process that reads for us: its frames come, and it ends when it is told to, or when it is silent."""

from __future__ import annotations

import time
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest

from opusmap.sources.child import ChildFailed, read_frames


class Task(msgspec.Struct):
    text: str


FRAME = """
import sys, time
import msgspec
def say(content):
    data = msgspec.msgpack.encode(content)
    sys.stdout.buffer.write(len(data).to_bytes(4, "big") + data)
    sys.stdout.buffer.flush()
"""


def program(folder: Path, body: str) -> Path:
    (folder / "child.py").write_text(FRAME + body, "utf-8")
    return folder / "child.py"


READ = "task = msgspec.msgpack.decode(sys.stdin.buffer.read())['text']\n"


def test_frames_come_as_they_are_written_up_to_the_end_and_signs_of_life_are_left_out(tmp_path: Path) -> None:
    body = READ + "for n in range(9): say(task * n); say(None)\nsay(False)\nsay('after')"
    with ExitStack() as until:
        frames = read_frames(program(tmp_path, body), Task("abc"), 60, until)
        assert list(frames) == ["abc" * n for n in range(9)]


def test_an_error_that_a_process_tells_ends_the_frames(tmp_path: Path) -> None:
    with ExitStack() as until:
        frames = read_frames(
            program(tmp_path, "say([1])\nsay({'error': 'full', 'at': 3})"), Task(""), 60, until
        )
        assert next(frames) == [1]
        with pytest.raises(ChildFailed) as failed:
            next(frames)
    assert (failed.value.error, failed.value.details["at"]) == ("full", 3)


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
    with ExitStack() as until, pytest.raises(ChildFailed, match="ended"):
        list(read_frames(program(tmp_path, body), Task("x" * 1_000_000), 60, until))


def test_a_process_that_is_silent_is_told(tmp_path: Path) -> None:
    with ExitStack() as until:
        frames = read_frames(program(tmp_path, "say('first')\ntime.sleep(600)\n"), Task(""), 1.0, until)
        assert next(frames) == "first"
        with pytest.raises(ChildFailed, match="silent"):
            next(frames)


def test_closing_ends_a_process_that_would_go_on_for_ever(tmp_path: Path) -> None:
    started = time.monotonic()
    with ExitStack() as until:
        frames = read_frames(program(tmp_path, "while True: say('x' * 1000)\n"), Task(""), 60, until)
        next(frames)
    assert time.monotonic() - started < 30
