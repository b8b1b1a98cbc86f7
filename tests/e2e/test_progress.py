"""Progress as it is seen: on a terminal of 40 columns one calm line, on a pipe nothing."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
SUBMIT = [
    sys.executable,
    "-c",
    "import sys; from opusmap.cli import main; sys.exit(main())",
    "submit",
    "mapping.yaml",
    "--to",
    "emulator",
]
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def folder(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "contracts.csv", "staff.csv"):
        shutil.copy(CONTRACTS / name, tmp_path)
    return tmp_path


def environment():
    told = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
    return {**told, "PYTHONUTF8": "1", "TERM": "xterm", "NO_COLOR": "1"}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pseudo-terminals of this kind")
def test_on_a_terminal_of_40_columns_it_is_one_line_that_fits(folder):
    import fcntl
    import pty
    import struct
    import termios

    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 40, 0, 0))
    process = subprocess.Popen(
        SUBMIT, cwd=folder, stdout=subprocess.DEVNULL, stderr=theirs, env=environment()
    )
    os.close(theirs)
    written = bytearray()
    while True:
        try:
            block = os.read(ours, 65_536)
        except OSError:  # Linux tells the end of a pseudo-terminal so
            break
        if not block:
            break
        written += block
    os.close(ours)
    assert process.wait() == 1  # the register is dirty on purpose
    text = written.decode()
    drawn = [line for line in re.split(r"[\r\n]+", CONTROL.sub("", text)) if "submitting" in line]
    assert len(drawn) > 1
    assert any("rows" in line for line in drawn)
    assert all(len(line) <= 40 for line in drawn), drawn
    # Drawn over and over in its place: the cursor goes down only for what stays.
    assert "\n" not in text[text.index("submitting") : text.rindex("submitting")]


def test_on_a_pipe_there_is_nothing_of_it(folder):
    ended = subprocess.run(SUBMIT, cwd=folder, capture_output=True, check=False, env=environment())
    assert ended.returncode == 1
    assert b"submitting" not in ended.stdout + ended.stderr
    assert b"\x1b" not in ended.stderr


@pytest.mark.slow
def test_with_nobody_listening_a_pipe_gets_one_line_that_says_why_it_waits(folder):
    nobody = {
        "OPUSMAP_BASE_URL": "http://127.0.0.1:9",
        "OPUSMAP_TOKEN_URL": "http://127.0.0.1:9/connect/token",
    }
    who = {"OPUSMAP_CLIENT_ID": "app", "OPUSMAP_CLIENT_SECRET": "Canary-secret"}
    ended = subprocess.run(
        [*SUBMIT[:-2], "--yes"],
        capture_output=True,
        check=False,
        env=environment() | nobody | who,
        cwd=folder,
    )
    assert ended.returncode == 3
    lines = [line for line in ended.stderr.decode().splitlines() if "waiting" in line]
    assert len(lines) == 1
    assert re.search(r"waiting \d+ s: .*can't connect: connection refused \(attempt \d\)", lines[0])
