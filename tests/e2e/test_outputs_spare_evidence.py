"""No output replaces what opusmap knows of runs, what a person may have edited, or parts of a mapping."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest
from opusmap_program import run_opusmap

from opusmap.compiler.lock import lock_path
from opusmap.journal import open_journal
from opusmap.journal.last_run import LastRun
from opusmap.settings import locate_journal

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
INIT = ("init", "contracts.connection.json", "contracts.csv", "--force", "-o")
JUNIT = ("test", "mapping.yaml", "--junit")
WRITERS = (
    ("map", "mapping.yaml", "-o"),
    ("map", "mapping.yaml", "-o", "out.jsonl", "--rejects"),
    JUNIT,
    INIT,
)


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return run_opusmap(*args, cwd=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        shutil.copy(CONTRACTS / name, tmp_path)
    lines = (CONTRACTS / "contracts.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "contracts.csv").write_bytes(b"".join(lines[:20]))
    mapping = tmp_path / "mapping.yaml"
    for path in (locate_journal({}, {}, tmp_path), tmp_path / "named.db"):
        with open_journal(path) as journal:
            ended = journal.start_run(origin="https://opus.example.com", connection="c", mapping="m")
            LastRun(mapping).note_start(journal.identity(), ended)
    lock_path(mapping).write_text("{}")
    (tmp_path / "mapping.sign-off.json").write_text("{}")
    (tmp_path / "mapping.due-2026-06-30.review.json").write_text("{}")
    return tmp_path


@pytest.mark.parametrize("writer", WRITERS, ids=" ".join)
@pytest.mark.parametrize(
    "name",
    [
        "opusmap-journal.db",
        "named.db",
        "mapping.last-run.json",
        "mapping.lock.json",
        "mapping.sign-off.json",
        "mapping.due-2026-06-30.review.json",
    ],
)
def test_what_is_known_of_runs_is_not_replaced(folder: Path, writer: tuple[str, ...], name: str) -> None:
    if name != "mapping.lock.json":
        (folder / "mapping.lock.json").unlink()  # it would be refused before
    before = (folder / name).read_bytes()
    ended = run(folder, *writer, name)
    assert (ended.returncode, (folder / name).read_bytes() == before) == (2, True), ended.stderr
    assert "Traceback" not in ended.stderr


@pytest.mark.parametrize("writer", [WRITERS[0], JUNIT, INIT], ids=" ".join)
@pytest.mark.parametrize("name", ["mapping.run-3.rejects.csv", "a.rejects.2.xlsx", "b.rejects.jsonl"])
def test_rejects_are_replaced_by_nothing_else(folder: Path, writer: tuple[str, ...], name: str) -> None:
    (folder / "mapping.lock.json").unlink()
    (folder / name).write_text("edited")
    ended = run(folder, *writer, name)
    assert (ended.returncode, (folder / name).read_text()) == (2, "edited")
    assert "rejects" in ended.stderr


@pytest.mark.parametrize("name", ["mapping.yaml", "contracts.connection.json", "staff.csv"])
def test_results_of_tests_do_not_replace_the_mapping_and_its_files(folder: Path, name: str) -> None:
    (folder / "mapping.lock.json").unlink()
    before = (folder / name).read_bytes()
    ended = run(folder, *JUNIT, name)
    assert (ended.returncode, (folder / name).read_bytes() == before) == (2, True), ended.stderr


@pytest.mark.parametrize("name", ["contracts.connection.json", "contracts.csv"])
def test_a_draft_does_not_replace_what_it_is_drafted_from(folder: Path, name: str) -> None:
    before = (folder / name).read_bytes()
    ended = run(folder, *INIT, name)
    assert (ended.returncode, (folder / name).read_bytes() == before) == (2, True), ended.stderr
