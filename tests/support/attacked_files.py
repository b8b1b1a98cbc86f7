"""A file from a stranger, mapped by `opusmap map` in a process of its own, within so much memory."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
MEMORY = 300 << 20
CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_Title": "MultipleText", "_Sum": "Number"}],
}


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended: its exit code, its records, what it rejected (by row) and what it said."""

    code: int
    records: list[dict[str, Any]]
    rejects: dict[int, str]
    said: str


def mapped(folder: Path, name: str, content: bytes | str | None, source: str = "") -> Ending:
    """Map a file; what is looked at of any run is looked at here."""
    write(folder, name, content, source)
    code, said = run(folder)
    if code == 2:
        return Ending(code, [], {}, said)
    reasons = json.loads(said.splitlines()[0])["reasons"]
    records = [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]
    return Ending(code, records, {row: one["code"] for one in reasons for row in one["rows"]}, said)


def write(folder: Path, name: str, content: bytes | str | None, source: str = "") -> None:
    """Write a source (unless it is there), a connection and a mapping."""
    if content is not None:
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{path: {name}{source}}}\n"
        "fields: {rowKey: key, Title: title, Sum: sum}\n",
        "utf-8",
    )


MEASURED = (
    "import os, pathlib, subprocess, sys\n"
    "process = subprocess.Popen(sys.argv[1:])\n"
    "_, status, usage = os.wait4(process.pid, 0)  # of the process and those that it waited for\n"
    "pathlib.Path('peak').write_text(str(usage.ru_maxrss), 'utf-8')\n"
    "sys.exit(os.waitstatus_to_exitcode(status))\n"
)
"""Runs a command and notes its peak of memory. A process starts with the peak of what it is forked from,
so it must not be forked from the tests, which have become large."""


def run(folder: Path, output: str = "out.jsonl") -> tuple[int, str]:
    """Run `opusmap map`; return its exit code and all that it said."""
    measured = (sys.executable, "-S", "-c", MEASURED) if hasattr(os, "wait4") else ()
    command = [*measured, *OPUSMAP, "map", "m.yaml", "-o", output, "--json"]
    with tempfile.TemporaryFile("w+", encoding="utf-8") as said:
        code = subprocess.run(
            command, cwd=folder, stdout=said, stderr=said, timeout=120, check=False
        ).returncode
        said.seek(0)
        text = said.read()
    if measured:
        peak = int((folder / "peak").read_text("utf-8")) * (1 if sys.platform == "darwin" else 1024)
        assert peak < MEMORY, f"{peak >> 20} MB"
    assert code in (0, 1, 2), text  # no crash, no kill by the system, no bug of ours (70)
    assert "Traceback" not in text
    return code, text


def place(ending: Ending) -> tuple[str, int | None]:
    """Return code and row of the error that ended a run."""
    found = re.search(r"(?:, row (\d+))?: error\[([\w-]+)\]", ending.said)
    assert found, ending.said
    return found[2], int(found[1]) if found[1] else None
