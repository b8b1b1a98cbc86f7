"""A block for one process at a time: what one reads and writes in it, no other one changes meanwhile."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from opusmap.errors import SettingsError
from opusmap.output_files import hold_lock, write_whole

COUNT = """
import sys
from pathlib import Path
from opusmap.output_files import hold_lock, write_whole
path = Path(sys.argv[1])
for _ in range(int(sys.argv[2])):
    with hold_lock(path):
        number = int(path.read_text() if path.exists() else 0) + 1
        with write_whole(path) as file:
            file.write(str(number).encode())
"""
KEEP = """
import sys
from opusmap.output_files import hold_lock
with hold_lock(sys.argv[1]):
    print("kept", flush=True)
    sys.stdin.read()
"""


def count(path: Path, times: int) -> None:
    subprocess.run([sys.executable, "-c", COUNT, str(path), str(times)], check=True)


def test_processes_and_threads_that_count_in_one_file_lose_nothing(tmp_path: Path) -> None:
    path = tmp_path / "count"

    def count_here(_: int) -> None:
        for _ in range(40):
            with hold_lock(path):
                number = int(path.read_text() if path.exists() else 0) + 1
                with write_whole(path) as file:
                    file.write(str(number).encode())

    with ThreadPoolExecutor(4) as threads:
        others = [threads.submit(count, path, 40) for _ in range(2)]
        list(threads.map(count_here, range(2)))
        for other in others:
            other.result()
    assert path.read_text() == "160"
    assert [one.name for one in tmp_path.iterdir()] == ["count"]


def test_a_process_that_keeps_the_lock_is_waited_for_and_a_killed_one_is_not(tmp_path: Path) -> None:
    path = tmp_path / "plan.json"
    words = [sys.executable, "-c", KEEP, str(path)]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        assert other.stdout.readline().split() == [b"kept"]
        with pytest.raises(SettingsError, match="another process") as refused, hold_lock(path, 0.05):
            pass
        assert refused.value.setting == str(path)
        other.kill()
    with hold_lock(path, 0.05):
        assert len(list(tmp_path.iterdir())) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_lock_whose_folder_is_not_there_or_that_is_a_link_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SettingsError), hold_lock(tmp_path / "no" / "plan.json"):
        pass
    target = tmp_path / "other"
    target.write_text("kept")
    (tmp_path / ".plan.json.lock").symlink_to(target)
    with pytest.raises(SettingsError), hold_lock(tmp_path / "plan.json"):
        pass
    assert target.read_text() == "kept"


def test_an_error_in_the_block_lets_the_lock_go(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold_lock(tmp_path / "plan.json"):
        raise ZeroDivisionError
    with hold_lock(tmp_path / "plan.json", 0.0):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("denied", "said"),
    [("", "can't be written: Permission denied"), (".plan.json.lock", "another process has been writing")],
)
def test_on_windows_a_folder_that_can_not_be_written_is_not_taken_for_a_lock_that_is_being_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, denied: str, said: str
) -> None:
    really = os.open

    def refuse(path: Path, *args: int, **named: int) -> int:
        if Path(path).parent == tmp_path and Path(path).name.endswith(denied):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return really(path, *args, **named)

    with monkeypatch.context() as windows:
        windows.setattr(sys, "platform", "win32")
        windows.setattr(os, "open", refuse)
        with pytest.raises(SettingsError, match=said), hold_lock(tmp_path / "plan.json", 0.05):
            pass
    assert not list(tmp_path.iterdir())
