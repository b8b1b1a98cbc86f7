"""Asking before the first overwrite, and pruning what old runs know: as people use the command line."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from opusmap_program import COMMAND, run_opusmap

from opusmap import load_mapping
from opusmap.emulator import Client
from opusmap.emulator.server import served
from opusmap.run.rehearsal import make_emulator

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    lines = (CONTRACTS / "contracts.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "contracts.csv").write_bytes(b"".join(lines[:60]))
    return tmp_path


@pytest.fixture
def opus(register):
    emulator = make_emulator(load_mapping(register / "mapping.yaml"), Client("c", "s"))
    with served(emulator) as url:
        yield emulator, url


def environment(base_url, token_url, secret="s"):
    clean = {name: text for name, text in os.environ.items() if not name.startswith("OPUSMAP_")}
    return {
        **clean,
        "PYTHONUTF8": "1",
        "OPUSMAP_BASE_URL": base_url,
        "OPUSMAP_TOKEN_URL": f"{token_url}/connect/token",
        "OPUSMAP_CLIENT_ID": "c",
        "OPUSMAP_CLIENT_SECRET": secret,
    }


def run(folder, url, *args):
    return run_opusmap(*args, cwd=folder, env=environment(url, url))


REMOTE = "https://opus.example.invalid"


def remote(folder, token_url, *args):
    """Run against a remote Opus that is never reached: its identity service refuses the secret before."""
    return subprocess.run(
        [*COMMAND, *args],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        stdin=subprocess.DEVNULL,
        env=environment(REMOTE, token_url, "another"),
    )


@pytest.mark.parametrize("command", [["submit", "mapping.yaml"], ["retry", "mapping.yaml", "contracts.csv"]])
def test_without_a_terminal_the_first_overwrite_needs_a_yes(command, register, opus):
    emulator, url = opus
    refused = remote(register, url, *command)
    assert refused.returncode == 2
    assert "--yes: this is the first run that may overwrite records of connection" in refused.stderr
    assert emulator.requests == ()
    assert not (register / "opusmap-journal.db").exists()
    assert remote(register, url, *command, "--yes").returncode == 3
    assert emulator.counts.refused == 1
    assert remote(register, url, *command).returncode == 3, "the journal knows a run that overwrites"


def test_a_run_that_leaves_records_as_they_are_is_not_asked_about_and_does_not_count(register, opus):
    _, url = opus
    mapping = register / "mapping.yaml"
    text = mapping.read_text("utf-8")
    mapping.write_text(text.replace("conflict: overwrite", "conflict: skip"), "utf-8")
    assert remote(register, url, "submit", "mapping.yaml").returncode == 3
    mapping.write_text(text, "utf-8")
    assert remote(register, url, "submit", "mapping.yaml").returncode == 2


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
@pytest.mark.parametrize(("answer", "code", "asked"), [("n", 4, 0), ("y", 3, 1), ("", 4, 0)])
def test_on_a_terminal_a_person_is_asked(answer, code, asked, register, opus):
    import pty

    emulator, url = opus
    controller, terminal = pty.openpty()
    os.write(controller, f"{answer}\n".encode())
    ended = subprocess.run(
        [*COMMAND, "submit", "mapping.yaml"],
        cwd=register,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        check=False,
        env={**environment(REMOTE, url, "another"), "TERM": "dumb"},
    )
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(controller, 65536):
            shown += part
    except OSError:  # the end of a pseudo-terminal, on Linux
        pass
    os.close(controller)
    assert ended.returncode == code, shown
    assert b"Go on?" in shown
    assert b"a row key of contracts.csv are replaced" in shown
    assert len(emulator.requests) == asked


def test_an_emulator_on_this_machine_is_not_asked_about(register, opus):
    _, url = opus
    assert run(register, url, "submit", "mapping.yaml").returncode == 1


def test_pruning_forgets_old_runs_and_the_next_run_is_right(register, opus):
    emulator, url = opus
    first = json.loads(run(register, url, "submit", "mapping.yaml", "--json").stdout)
    held = emulator.records
    key = next(iter(held))
    rejects = register / "mapping.run-1.rejects.csv"
    (register / "corrected.csv").write_bytes(rejects.read_bytes())
    nothing = json.loads(run(register, url, "prune", "mapping.yaml", "--older-than", "90", "--json").stdout)
    assert nothing == {"pruned": {"runs": [], "records": 0, "removed": [], "kept": []}}

    journal = register / "opusmap-journal.db"
    with sqlite3.connect(journal) as database:
        database.execute("UPDATE runs SET started = started - 91*86400, finished = finished - 91*86400")
    database.close()
    assert key.encode() in journal.read_bytes()
    found = json.loads(run(register, url, "prune", "mapping.yaml", "--older-than", "90", "--json").stdout)[
        "pruned"
    ]
    assert (found["runs"], found["records"]) == ([1], first["submitted"])
    assert [Path(path).name for path in found["removed"]] == ["mapping.run-1.rejects.csv"]
    assert not rejects.exists()
    assert (register / "corrected.csv").exists()
    left = b"".join(path.read_bytes() for path in register.glob("opusmap-journal*"))
    assert not [each for each in held if each.encode() in left]

    told = run(register, url, "report", "1")
    assert "The records of the run were pruned, so only their counts are known." in told.stdout
    assert run(register, url, "report", "1", "--html", "page.html").returncode == 0
    again = json.loads(run(register, url, "submit", "mapping.yaml", "--json").stdout)
    assert (again["submitted"], again["unchanged"]) == (first["submitted"], 0)
    assert emulator.records == held
    third = json.loads(run(register, url, "submit", "mapping.yaml", "--json").stdout)
    assert (third["requests"], third["unchanged"]) == (0, first["submitted"])


def test_a_file_of_rejects_that_was_changed_since_stays(register, opus):
    _, url = opus
    run(register, url, "submit", "mapping.yaml", "--json")
    rejects = register / "mapping.run-1.rejects.csv"
    rejects.write_bytes(rejects.read_bytes() + b"\r\n")
    database = sqlite3.connect(register / "opusmap-journal.db")
    database.execute("UPDATE runs SET started = 0, finished = 0")
    database.commit()
    database.close()
    assert run(register, url, "report", "1", "--prune", "1").returncode == 2
    told = run(register, url, "report", "--prune", "1")
    assert "use prune --older-than DAYS" in told.stderr, "the old spelling is read for one release"
    assert rejects.exists()
    assert "kept, because it was changed after the run" in told.stderr
    assert "will be sent again" in told.stderr
