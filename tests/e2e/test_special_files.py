"""A FIFO, a socket, a folder or a loop of links where a folder should hold a file: told, and at once."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from opusmap_program import COMMAND, run_opusmap

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no FIFOs")

SECONDS = 60
CONNECTION = {
    "id": "d9da492f-cc67-4920-99f9-6fbaae1f1410",
    "data": [{"rowKey": "SingleText", "_Title": "MultipleText"}],
}
MAPPING = """opusmap: 1
connection: c.json
source: {path: x.csv}
include: [shared.yaml]
tables: {staff: {path: staff.csv, key: a, value: b}, more: {path: more.json}}
fields: {rowKey: key, Title: title}
"""
FILES = {
    "m.yaml": MAPPING,
    "c.json": json.dumps(CONNECTION),
    "x.csv": "key,title\n1,a\n",
    "shared.yaml": "let: {s: title}\n",
    "staff.csv": "a,b\n1,2\n",
    "more.json": "{}",
    "m.lock.json": None,
}
KINDS = ("fifo", "link to a fifo", "socket", "folder", "loop")


@pytest.fixture
def folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="opusmap-") as name:  # a socket's path must be short
        made = Path(name)
        for file, text in FILES.items():
            if text is not None:
                (made / file).write_text(text)
        yield made


def put(kind: str, path: Path) -> None:
    path.unlink(missing_ok=True)
    match kind:
        case "fifo":
            os.mkfifo(path)
        case "link to a fifo":
            os.mkfifo(path.parent / "fifo")
            path.symlink_to("fifo")
        case "socket":
            with socket.socket(socket.AF_UNIX) as listener:
                listener.bind(str(path))
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(path.name)


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return run_opusmap(*command, cwd=folder, timeout=SECONDS)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", FILES)
def test_what_is_no_regular_file_is_refused_and_not_waited_for(name: str, kind: str, folder: Path) -> None:
    put(kind, folder / name)
    ended = run(folder, "check", "m.yaml")
    assert ended.returncode == 2, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "error" in ended.stderr.lower()
    if kind in ("fifo", "link to a fifo", "socket"):
        assert "not a regular file" in ended.stderr, ended.stderr


@pytest.mark.parametrize("command", [("lock", "m.yaml"), ("test", "m.yaml"), ("preview", "m.yaml")])
def test_the_other_commands_do_not_wait_either(command: tuple[str, ...], folder: Path) -> None:
    put("fifo", folder / "c.json")
    assert "not a regular file" in run(folder, *command).stderr
    (folder / "c.json").unlink()
    (folder / "c.json").write_text(json.dumps(CONNECTION))
    put("fifo", folder / "m.lock.json")
    ended = run(folder, command[0], *command[1:])
    assert ended.returncode == (0 if command[0] == "test" else 2), ended.stderr


def test_init_does_not_wait_for_a_connection(folder: Path) -> None:
    put("fifo", folder / "c.json")
    ended = run(folder, "init", "c.json", "x.csv", "-o", "-")
    assert ended.returncode == 2
    assert "not a regular file" in ended.stderr


def test_a_person_may_name_a_fifo_as_the_source(folder: Path) -> None:
    """`opusmap check m.yaml <(unzip -p export.zip)`: who names it knows who writes it."""
    os.mkfifo(folder / "pipe.csv")
    with subprocess.Popen(
        [*COMMAND, "check", "m.yaml", "pipe.csv"], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        (folder / "pipe.csv").write_text("key,title\n1,a\n2,b\n")  # waits for the reader
        out, told = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, told
    assert re.search(rb"read +2", out)


@pytest.mark.parametrize("text", ["# coding: idna\n", "# -*- coding: punycode -*-\n", "# coding: nosuch\n"])
def test_a_remark_about_an_encoding_is_a_remark(text: str, folder: Path) -> None:
    """Where a problem's line is shown, it is read as the YAML was, not as Python's source."""
    (folder / "m.yaml").write_text(text + MAPPING.replace("opusmap: 1", "opusmap: 7"))
    ended = run(folder, "check", "m.yaml")
    assert ended.returncode == 2, ended.stderr
    assert "   2 | opusmap: 7" in ended.stderr
