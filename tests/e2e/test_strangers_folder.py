"""A mapping's folder from a stranger, used as any other: it takes no secret, and each host is told first."""

from __future__ import annotations

import csv
import os
import select
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = ROOT / "mappings" / "contracts"
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
SECRET = "users-secret-5b1d"
CLEAN = {name: value for name, value in os.environ.items() if not name.startswith("OPUSMAP_")}
USER = CLEAN | {"PYTHONUTF8": "1", "OPUSMAP_CLIENT_ID": "app-1", "OPUSMAP_CLIENT_SECRET": SECRET}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    shutil.copytree(CONTRACTS, tmp_path / "folder")
    return tmp_path / "folder"


@pytest.fixture
def listener() -> Iterator[socket.socket]:
    """A host that waits for anybody to come, and answers nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def url_of(listener: socket.socket) -> str:
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.parametrize(
    "command",
    [("submit", "mapping.yaml", "--yes"), ("retry", "mapping.yaml"), ("check", "mapping.yaml", "--online")],
)
def test_a_secret_of_the_environment_goes_to_no_host_of_the_folder(
    command: tuple[str, ...], folder: Path, listener: socket.socket
) -> None:
    url = url_of(listener)
    (folder / ".env").write_text(f"OPUSMAP_BASE_URL={url}\nOPUSMAP_TOKEN_URL={url}/token\n")
    ended = subprocess.run(
        [*OPUSMAP, *command], cwd=folder, env=USER, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 2, ended.stderr
    assert url.removeprefix("http://") in ended.stderr
    assert SECRET not in ended.stdout + ended.stderr
    assert select.select([listener], [], [], 0) == ([], [], []), "somebody came"


@pytest.mark.parametrize(
    "command", [("submit", "--yes"), ("submit", "--yes", "--json"), ("check", "--online")]
)
def test_the_host_is_told_before_the_first_request_to_it(
    command: tuple[str, ...], folder: Path, listener: socket.socket
) -> None:
    url = url_of(listener)
    environ = USER | {"OPUSMAP_BASE_URL": url, "OPUSMAP_TOKEN_URL": url + "/token"}
    process = subprocess.Popen(
        [*OPUSMAP, command[0], "mapping.yaml", *command[1:]],
        cwd=folder,
        env=environ,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )
    assert process.stderr is not None
    with process, process.stderr:
        listener.settimeout(60)
        try:
            listener.accept()[0].close()
            os.set_blocking(process.stderr.fileno(), False)
            told = process.stderr.read().decode()
        finally:
            process.kill()
    assert f"Opus is {url}, as client app-1" in told


def test_quiet_tells_no_host(folder: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = url_of(closed)
    environ = USER | {
        "OPUSMAP_BASE_URL": url,
        "OPUSMAP_TOKEN_URL": url + "/token",
        "OPUSMAP_RETRY_TIMEOUT": "0",
    }
    ended = subprocess.run(
        [*OPUSMAP, "submit", "mapping.yaml", "--yes", "-q"],
        cwd=folder, env=environ, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 3, ended.stderr
    assert "as client" not in ended.stderr


def test_a_data_center_in_the_folder_goes_on_working(folder: Path) -> None:
    """The way out of the first error is right: nothing is missing, and nobody is asked without a terminal."""
    (folder / ".env").write_text("OPUSMAP_DATA_CENTER=au\n")
    ended = subprocess.run(
        [*OPUSMAP, "submit", "mapping.yaml"],
        cwd=folder, env=USER, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 2, ended.stderr
    assert "Opus is https://graph-au.avepointonlineservices.com" in ended.stderr
    assert "there is no terminal on which to confirm it" in ended.stderr


@pytest.mark.parametrize(
    "command",
    [
        ("map", "mapping.yaml", "-o", "o.jsonl", "--workers", "2"),
        ("check", "mapping.yaml", "--workers", "3"),
        ("map", "mapping.yaml", "rows.xlsx", "-o", "o.jsonl"),
        ("submit", "mapping.yaml", "--to", "emulator"),
    ],
)
def test_no_python_file_of_the_folder_runs(command: tuple[str, ...], folder: Path, tmp_path: Path) -> None:
    """Not even in place of a module that a process of its own (a worker, a workbook's reader) begins with."""
    ran = tmp_path / "ran"
    for name in {*sys.stdlib_module_names, "opusmap", "re2", "yaml", "usercustomize"}:
        (folder / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write({name!r})\n")
    begin = tmp_path / "begin.py"  # as the installed command: `python -c` itself looks into the folder
    begin.write_text(
        "import sys\nfrom opusmap.cli import main\nif __name__ == '__main__': sys.exit(main())\n"
    )
    book = openpyxl.Workbook()
    for row in csv.reader((folder / "contracts.csv").read_text("utf-8").splitlines()[:2]):
        book.active.append(row)
    book.save(folder / "rows.xlsx")
    ended = subprocess.run(
        [sys.executable, begin, *command],
        cwd=folder, env=USER, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode in (0, 1), ended.stderr
    assert "Traceback" not in ended.stderr
    assert not ran.exists(), ran.read_text()
