"""Several processes map as one does: the same records in the same order, the same rejects and totals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from opusmap_program import run_opusmap
from workloads import WORKS, write_source

from opusmap.sources.batches import PART_ROWS

ROOT = Path(__file__).parents[2]
CONTRACTS = ROOT / "mappings" / "contracts" / "mapping.yaml"
REGISTER = WORKS["register"]
ROWS = 2 * PART_ROWS
CONVERTER = """
from __future__ import annotations

import multiprocessing
import os
import signal
import time
from pathlib import Path

from opusmap import converter


@converter
def shout(value: str) -> str:
    return value.upper() + "!"


@converter
def fatal(value: str) -> str:
    # Kills a worker at its first row: once, or always. The process that asked takes its time until then.
    mark = Path(os.environ["FATAL_MARK"])
    if multiprocessing.parent_process() is None:
        if not mark.exists():
            time.sleep(0.02)
    elif os.environ["FATAL_ALWAYS"] or not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return value
"""

SLOW_START = """
import os
import pathlib
import sys
import time

if "--multiprocessing-fork" in sys.orig_argv:
    pathlib.Path(os.environ["FATAL_MARK"]).touch()
    time.sleep(1)
"""


def opusmap(*args: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return run_opusmap(*args, env={**os.environ, **environment})


def totals(done: subprocess.CompletedProcess[str]) -> dict[str, object]:
    found = json.loads(done.stdout)
    return {name: value for name, value in found.items() if name not in ("seconds", "rejects", "profile")}


@pytest.fixture(scope="module")
def register(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundled register, a bit longer than its keys are different, with drafts and flaws.

    It is long enough for a worker to be ready before all of it is mapped.
    """
    path = tmp_path_factory.mktemp("register") / "register.csv"
    generate = ROOT / "mappings" / "contracts" / "generate.py"
    subprocess.run([sys.executable, str(generate), "10000", "-o", str(path)], check=True)
    with path.open(encoding="utf-8", newline="") as file:
        lines = file.readlines()
    path.write_text("".join([*lines, *lines[40:60]]), encoding="utf-8", newline="")
    return path


@pytest.mark.parametrize("options", [(), ("--payloads",)], ids=["records", "bodies"])
def test_two_workers_write_what_one_process_writes(
    register: Path, tmp_path: Path, options: tuple[str, ...]
) -> None:
    one, two = (
        opusmap("map", CONTRACTS, register, "-o", tmp_path / name / "out.jsonl", "--json", *options, *workers)
        for name, workers in (("one", ()), ("two", ("--workers", "2")))
        if (tmp_path / name).mkdir() is None
    )
    assert two.stderr == ""
    assert totals(one) == totals(two)
    assert totals(one)["rejected"]
    for name in ("out.jsonl", "out.rejects.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_two_workers_check_what_one_process_checks(register: Path) -> None:
    one = opusmap("check", CONTRACTS, register, "--json")
    two = opusmap("check", CONTRACTS, register, "--json", "--workers", "2")
    assert totals(one) == totals(two)


def test_json_lines_are_read_by_the_workers(tmp_path: Path) -> None:
    source = tmp_path / "register.jsonl"
    write_source(REGISTER, source, 1200, rejects=0.1)
    lines = source.read_bytes().splitlines(keepends=True)
    source.write_bytes(b"".join([*lines[:700], b"\n", b"{broken\n", *lines[700:], lines[3]]))
    outputs = []
    for workers in ("1", "3"):
        out = tmp_path / f"{workers}.jsonl"
        done = opusmap("map", REGISTER.mapping, source, "-o", out, "--json", "--workers", workers)
        outputs.append((totals(done), out.read_bytes(), out.with_suffix(".rejects.jsonl").read_bytes()))
    assert outputs[0] == outputs[1]
    assert outputs[0][0]["rejected"] == 1202 - outputs[0][0]["mapped"]


@pytest.fixture
def fatal(tmp_path: Path) -> tuple[Path, Path, Path]:
    """A mapping with custom converters, one of which kills its process; its source; the converters' file."""
    connection = {
        "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
        "data": [{"rowKey": "SingleText", "leafName": "SingleText"}],
    }
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    mapping = tmp_path / "mapping.yaml"
    mapping.write_text(
        "opusmap: 1\nconnection: c.json\nfields:\n  rowKey: {from: Id, convert: fatal}\n"
        "  leafName: {from: Id, convert: shout}\n",
        "utf-8",
    )
    source = tmp_path / "rows.csv"
    source.write_text("Id\n" + "".join(f"row {number}\n" for number in range(ROWS)), "utf-8")
    converters = tmp_path / "custom.py"
    converters.write_text(CONVERTER, "utf-8")
    return mapping, source, converters


def map_fatal(
    fatal: tuple[Path, Path, Path], folder: Path, *, always: str
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Map with a worker that dies, once or always; return how that ended, and the file of records."""
    mapping, source, converters = fatal
    out = folder / "out.jsonl"
    done = opusmap(
        *("map", mapping, source, "-o", out, "--json", "--workers", "2", "--converters", converters),
        FATAL_MARK=str(folder / "mark"),
        FATAL_ALWAYS=always,
    )
    return done, out


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the worker kills itself")
def test_a_worker_that_dies_is_reported_and_nothing_is_lost(
    fatal: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    done, out = map_fatal(fatal, tmp_path, always="")
    assert "a worker process died" in done.stderr
    assert done.returncode == 0
    names = [json.loads(line)["leafName"] for line in out.read_text("utf-8").splitlines()]
    assert names == [f"ROW {number}!" for number in range(ROWS)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="the worker kills itself")
def test_a_worker_that_dies_again_over_the_same_rows_stops_the_run(
    fatal: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    done, _ = map_fatal(fatal, tmp_path, always="1")
    assert done.returncode == 4
    assert "died twice" in done.stderr


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="a group of processes gets the signal")
def test_ctrl_c_amid_the_start_of_a_worker_is_told_once_and_leaves_nobody(
    fatal: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    mapping, source, _ = fatal
    mark = tmp_path / "mark"
    (tmp_path / "sitecustomize.py").write_text(SLOW_START, "utf-8")
    code = "import sys; from opusmap.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", code, "map", mapping, source, "-o", tmp_path / "out", "--workers", "3"]
    run = subprocess.Popen(
        [*map(str, command), "--converters", str(tmp_path / "custom.py")],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "FATAL_MARK": str(mark), "FATAL_ALWAYS": "", "PYTHONPATH": str(tmp_path)},
        start_new_session=True,
    )
    while not mark.exists():
        assert run.poll() is None
        time.sleep(0.01)
    os.killpg(run.pid, signal.SIGINT)
    _, said = run.communicate(timeout=60)  # ends when nobody holds the end of the pipe any more
    assert run.returncode == 4
    (line,) = (line for line in said.strip().splitlines() if line and "delimiter" not in line)
    assert line.startswith("stopped at once")
