"""Files that are there when they are whole, and not before; what was there stays until then."""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

import pytest

from opusmap.errors import SettingsError
from opusmap.output_files import write_whole

FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device here is always full")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("size", [0, 3, 1_000_000])
def test_a_file_is_there_when_it_is_whole(tmp_path: Path, size: int) -> None:
    path = tmp_path / "out.jsonl"
    path.write_text("old")
    with write_whole(path) as file:
        file.write(b"x" * size)
        assert path.read_text() == "old"
        assert len(names(tmp_path)) == 2
    assert path.read_bytes() == b"x" * size
    assert names(tmp_path) == ["out.jsonl"]
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt, SystemExit, OSError])
@pytest.mark.parametrize("old", [None, "old"])
def test_what_fails_leaves_all_as_it_was(tmp_path: Path, error: type[BaseException], old: str | None) -> None:
    path = tmp_path / "out.jsonl"
    if old is not None:
        path.write_text(old)
    with pytest.raises(error), write_whole(path) as file:  # noqa: PT012 - the block is the subject
        file.write(b"x" * 1_000_000)
        raise error
    assert names(tmp_path) == ([] if old is None else ["out.jsonl"])
    assert old is None or path.read_text() == old


def test_what_killed_runs_left_is_removed_and_what_others_write_is_not(tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    (tmp_path / ".out.jsonl.1-0a0b0c0d.part").write_text("half")
    (tmp_path / ".other.jsonl.1-0a0b0c0d.part").write_text("half of another")
    (tmp_path / ".out.jsonl.mine").write_text("no leftover")
    with write_whole(path) as one:
        one.write(b"one")
        with write_whole(path) as two:
            two.write(b"two")
        assert path.read_bytes() == b"two"
    assert path.read_bytes() == b"one"
    assert names(tmp_path) == [".other.jsonl.1-0a0b0c0d.part", ".out.jsonl.mine", "out.jsonl"]


def test_a_long_name_and_one_that_looks_like_a_pattern_are_names(tmp_path: Path) -> None:
    for name in ("é" * 120, "[a]*.jsonl" if sys.platform != "win32" else "[a].jsonl"):
        with write_whole(tmp_path / name) as file:
            file.write(b"x")
        assert (tmp_path / name).read_bytes() == b"x"


def test_a_place_that_takes_no_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for path, words in (
        (tmp_path / "link", "symbolic link"),
        (tmp_path / "no" / "out", "no such folder"),
        (tmp_path, "this is a folder"),
    ):
        with pytest.raises(SettingsError, match=words), write_whole(path) as file:
            file.write(b"x")
    assert names(tmp_path) == ["link"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_devices_and_pipes_are_written_as_they_are(tmp_path: Path) -> None:
    with write_whole("/dev/null") as file:
        file.write(b"gone")
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with write_whole(pipe) as file:
        file.write(b"through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert names(tmp_path) == ["pipe"]


@FULL
@pytest.mark.parametrize("size", [3, 1_000_000])
def test_a_full_disk_is_told_with_the_name(size: int) -> None:
    with (
        pytest.raises(SettingsError, match=r"/dev/full: the file can't be written: No space left"),
        write_whole("/dev/full") as file,
    ):
        file.write(b"x" * size)
