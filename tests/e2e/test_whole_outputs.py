"""`map -o`: killed, broken off or refused, it leaves no half file under its name. Real processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import pytest
from opusmap_program import COMMAND, run_opusmap

COMMAND = [*COMMAND]
MAPPING = """opusmap: 1
connection: c.json
source: {path: rows.csv}
fields: {rowKey: key, Sum: sum}
"""
CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_Sum": "Number"}],
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "c.json").write_text(json.dumps(CONNECTION))
    (tmp_path / "m.yaml").write_text(MAPPING)
    (tmp_path / "rows.csv").write_text("key,sum\na,1\nb,2\n")
    return tmp_path


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return run_opusmap("map", "m.yaml", *arguments, cwd=folder)


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if path.name not in ("c.json", "m.yaml", "rows.csv"))


@pytest.mark.parametrize("more", [(), ("--payloads",), ("--workers", "2")])
@pytest.mark.parametrize("old", [None, "old"])
def test_a_source_that_breaks_off_leaves_what_was_there(
    folder: Path, old: str | None, more: tuple[str, ...]
) -> None:
    if old is not None:
        (folder / "out.jsonl").write_text(old)
    good = "".join(f"k{n},{n}\n" for n in range(20_000))
    (folder / "rows.csv").write_bytes(f"key,sum\n{good}".encode() + b"\xff,1\n")
    ended = run(folder, "-o", "out.jsonl", *more)
    assert ended.returncode == 2, ended.stderr
    assert "error[encoding]" in ended.stderr
    assert left(folder) == ([] if old is None else ["out.jsonl"])
    assert old is None or (folder / "out.jsonl").read_text() == old


def test_rejects_are_no_reason_to_withhold_the_records(folder: Path) -> None:
    (folder / "rows.csv").write_text("key,sum\na,1\nb,many\n")
    assert run(folder, "-o", "out.jsonl").returncode == 1
    assert json.loads((folder / "out.jsonl").read_text())["rowKey"] == "a"


def end(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    """Send a signal until the process ends: Python may miss one between two reads of a pipe.

    The next one comes late, for one that meets the end of the first is a second Ctrl-C.
    """
    for _ in range(6):
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            return process.wait(15)
    process.kill()
    return process.wait()


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_a_killed_run_leaves_nothing_under_the_name_and_the_next_one_clears_up(
    folder: Path, number: signal.Signals
) -> None:
    (folder / "out.jsonl").write_text("old")
    pipe = folder / "pipe.csv"
    os.mkfifo(pipe)
    process = subprocess.Popen([*COMMAND, "map", "m.yaml", "pipe.csv", "-o", "out.jsonl"], cwd=folder)
    with pipe.open("w") as rows:
        rows.write("key,sum\n" + "".join(f"k{n},{n}\n" for n in range(100_000)))
        rows.flush()
        deadline = time.monotonic() + 60
        while not any(path.stat().st_size for path in folder.glob(".out.jsonl.*.part")):
            assert time.monotonic() < deadline
        assert end(process, number) == (4 if number == signal.SIGINT else -number)
    pipe.unlink()
    assert (folder / "out.jsonl").read_text() == "old"
    assert run(folder, "-o", "out.jsonl").returncode == 0
    assert left(folder) == ["out.jsonl"]
    assert len((folder / "out.jsonl").read_text().splitlines()) == 2


@pytest.mark.skipif(os.name == "nt", reason="limits of POSIX")
def test_a_file_that_may_grow_no_further_is_an_error_and_is_taken_away(folder: Path) -> None:
    (folder / "rows.csv").write_text("key,sum\n" + "".join(f"k{n},{n}\n" for n in range(20_000)))

    resource = pytest.importorskip("resource")

    def limit() -> None:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))

    ended = subprocess.run(
        [*COMMAND, "map", "m.yaml", "-o", "out.jsonl"],
        cwd=folder, capture_output=True, text=True, check=False, timeout=120, preexec_fn=limit,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert "out.jsonl: the file can't be written: File too large" in ended.stderr
    assert left(folder) == []


@pytest.mark.parametrize("name", ["rows.csv", "m.yaml", "c.json", "./rows.csv"])
def test_what_is_read_is_never_replaced(folder: Path, name: str) -> None:
    before = (folder / name).read_text()
    ended = run(folder, "-o", name)
    assert ended.returncode == 2
    assert "which is an input" in ended.stderr
    assert (folder / name).read_text() == before
