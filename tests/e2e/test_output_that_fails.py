"""Standard output that is full, closed or read only in part: told in words, or no matter; no bug of ours."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
FULL = Path("/dev/full")
COMMANDS = [
    ("check", "mapping.yaml"),
    ("check", "mapping.yaml", "--json"),
    ("map", "mapping.yaml", "-o", "-"),
    ("map", "mapping.yaml", "-o", "-", "--workers", "2"),
    ("map", "mapping.yaml", "--payloads"),
    ("map", "mapping.yaml", "-o", "/dev/full"),
    ("test", "mapping.yaml", "--junit", "/dev/full"),
    ("preview", "mapping.yaml"),
    ("test", "mapping.yaml"),
    ("explain", "mapping.yaml", "Name"),
    ("submit", "mapping.yaml", "--to", "emulator"),
    ("submit", "mapping.yaml", "--to", "emulator", "--json"),
    ("init", "contracts.connection.json", "contracts.csv", "-o", "-"),
    ("lock", "mapping.yaml", "--json"),
    ("converters",),
    ("converters", "trim"),
    ("schema",),
    ("completion", "bash"),
    ("demo",),
    ("--help",),
    ("--version",),
]

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="no device here is always full")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("outputs") / "contracts"
    shutil.copytree(CONTRACTS, folder)
    return folder


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_a_full_disk_behind_the_output_is_told_in_words(command: tuple[str, ...], folder: Path) -> None:
    with FULL.open("wb") as full:
        ended = subprocess.run(
            [*OPUSMAP, *command], cwd=folder, stdout=full, stderr=subprocess.PIPE, timeout=120, check=False
        )
    told = ended.stderr.decode()
    assert ended.returncode == 2, told
    assert "can't be written: No space left on device" in told
    assert "Traceback" not in told
    assert "Exception ignored" not in told


@pytest.mark.parametrize(
    "command",
    [("check", "mapping.yaml"), ("submit", "mapping.yaml", "--to", "emulator"), ("check", "nosuch.yaml")],
    ids=" ".join,
)
def test_a_standard_error_that_is_full_changes_no_ending(command: tuple[str, ...], folder: Path) -> None:
    with FULL.open("wb") as full:
        ended = subprocess.run(
            [*OPUSMAP, *command], cwd=folder, stdout=subprocess.DEVNULL, stderr=full, timeout=120, check=False
        )
    assert ended.returncode == (2 if "nosuch.yaml" in command else 1)


def shell(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    program = "import sys; from opusmap.cli import main; sys.exit(main())"
    script = f'opusmap() {{ "{sys.executable}" -c "{program}" "$@"; }}\n{line}'
    return subprocess.run(
        ["bash", "-c", script], cwd=folder, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("check mapping.yaml", 1),
        ("check mapping.yaml --json", 1),
        ("test mapping.yaml", 0),
        ("submit mapping.yaml --to emulator", 1),
        ("map mapping.yaml -o -", 0),
        ("schema", 0),
        ("--help", 0),
    ],
)
def test_a_reader_that_has_had_enough_changes_no_ending(command: str, code: int, folder: Path) -> None:
    ended = shell(f"opusmap {command} | true; exit ${{PIPESTATUS[0]}}", folder)
    assert ended.returncode == code, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "Exception ignored" not in ended.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
@pytest.mark.parametrize(
    "closed",
    [">&- 2>&- <&-", *(pytest.param(one, marks=pytest.mark.slow) for one in (">&-", "2>&-", "<&-"))],
)
def test_closed_streams_are_no_bug(closed: str, folder: Path) -> None:
    for command, codes in (
        ("check mapping.yaml", {1}),
        ("check mapping.yaml -", {1, 2}),
        ("map mapping.yaml", {1}),
    ):
        ended = shell(f"opusmap {command} {closed}", folder)
        assert ended.returncode in codes, ended.stderr
        assert "Traceback" not in ended.stderr


def test_the_next_step_comes_last_where_both_outputs_go_to_one_pipe(folder: Path) -> None:
    ended = subprocess.run(
        [*OPUSMAP, "check", "mapping.yaml"],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        check=False,
    )
    lines = ended.stdout.decode().splitlines()
    (totals,) = [at for at, line in enumerate(lines) if line.startswith("read ")]
    (after,) = [at for at, line in enumerate(lines) if line.startswith("Next, ")]
    assert totals < after == len(lines) - 1
