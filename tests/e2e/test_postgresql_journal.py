"""Runs with a journal in a real PostgreSQL: every command reads it, and what is killed loses nothing."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections import Counter
from pathlib import Path

import pytest
from crashes import BATCH, CONCURRENCY, Counting, prepare, serve_counting, start
from opusmap_program import environment_of, run_opusmap
from postgres import PASSWORD, Server, let_leases_run_out

from opusmap import load_mapping
from opusmap.emulator import Client, Fault
from opusmap.emulator.server import served
from opusmap.run.rehearsal import make_emulator

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
pytestmark = pytest.mark.skipif(os.name == "nt", reason="the server of the tests is started as on POSIX")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    lines = (CONTRACTS / "contracts.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "contracts.csv").write_bytes(b"".join(lines[:100]))
    secret = tmp_path / "journal-password"
    secret.write_text(PASSWORD + "\n", "utf-8")
    secret.chmod(0o600)
    return tmp_path


def test_every_command_reads_the_journal_in_the_database(postgres: Server, folder: Path) -> None:
    address = postgres.by_port(postgres.make_database())
    emulator = make_emulator(load_mapping(folder / "mapping.yaml"), Client("c", "s"))
    body = {"statusCode": 418, "failedItems": [{"rowKey": "CT-000003", "message": "no"}]}
    refusal = Fault(418, after=True, body=json.dumps(body).encode())
    emulator.faults = lambda request: refusal if "CT-000003" in request.keys else None
    said = []

    def run(*command: str, code: int = 0, **settings: str) -> str:
        journal = {"OPUSMAP_JOURNAL": address, "OPUSMAP_JOURNAL_PASSWORD_FILE": "journal-password"}
        done = run_opusmap(*command, cwd=folder, env=environment_of(url, **{**journal, **settings}))
        said.append(done.stdout + done.stderr)
        assert done.returncode == code, said[-1]
        return done.stdout

    with served(emulator) as url:
        assert "no journal" in run("report", "mapping.yaml", code=2) + said[-1]
        first = json.loads(run("submit", "mapping.yaml", "--json", "-vv", code=1))
        assert first["submitted"] > 50
        assert first["failed"] == 1
        [listed] = json.loads(run("report", "mapping.yaml", "--json"))["runs"]
        assert listed["run"] == first["run"] == 1
        shown = json.loads(run("report", "mapping.yaml", "--run", "1", "--json"))
        assert [one["key"] for one in shown["records"]] == ["CT-000003"]
        run("report", "mapping.yaml", "--html", "run.html")
        assert "CT-000003" in (folder / "run.html").read_text("utf-8")
        emulator.faults = None
        again = json.loads(run("retry", "mapping.yaml", "--json"))
        assert (again["submitted"], again["failed"]) == (1, 0)
        third = json.loads(run("submit", "mapping.yaml", "--json", code=1))
        assert (third["requests"], third["unchanged"]) == (0, first["submitted"] + 1)
        assert "3 runs" in run("doctor", "mapping.yaml") + said[-1]
        run("check", "mapping.yaml", code=1)
        pruned = json.loads(run("prune", "mapping.yaml", "--older-than", "1", "--json"))
        assert pruned["pruned"]["runs"] == []
    assert not list(folder.glob("*.db*"))
    assert all(PASSWORD not in text for text in said)
    for path in folder.iterdir():
        assert path.name == "journal-password" or PASSWORD not in path.read_text("utf-8", "replace")


def test_a_password_in_the_address_is_refused_and_not_shown(folder: Path) -> None:
    env = environment_of("http://127.0.0.1:9", OPUSMAP_JOURNAL="postgresql://opus:pw-planted@h/db")
    for command in (["submit", "mapping.yaml"], ["report"], ["prune", "--older-than", "1"], ["doctor"]):
        done = run_opusmap(*command, cwd=folder, env=env)
        assert "an address with a password is refused" in done.stdout + done.stderr
        assert "pw-planted" not in done.stdout + done.stderr


def wait_for_requests(opus: Counting, count: int, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 60
    while opus.requests < count and process.poll() is None:
        assert time.monotonic() < until
        opus.busy.wait(0.01)
    assert process.poll() is None, process.communicate()


def finish(folder: Path, opus: Counting, address: str) -> dict[str, int]:
    process = start(folder, opus, OPUSMAP_JOURNAL=address)
    out, problems = process.communicate(timeout=120)
    assert process.returncode == 0, problems
    return dict(json.loads(out))


def check_nothing_is_lost(
    folder: Path, opus: Counting, address: str, names: dict[str, str], cuts: int
) -> None:
    last = finish(folder, opus, address)
    assert last["submitted"] + last["unchanged"] == len(names)
    assert opus.held == names
    resent = sum((opus.arrived - Counter(opus.arrived.keys())).values())
    assert resent <= cuts * CONCURRENCY * BATCH
    assert finish(folder, opus, address)["requests"] == 0


@pytest.mark.parametrize("kills", [1, pytest.param(3, marks=pytest.mark.slow)])
def test_a_killed_run_is_gone_on_with_and_sends_again_what_was_in_flight_at_most(
    kills: int, postgres: Server, tmp_path: Path
) -> None:
    names, address = prepare(tmp_path, 2_000 * kills), postgres.make_database()
    with serve_counting(random.Random(1), quickest=0.01, slowest=0.05) as opus:
        for kill in range(1, kills + 1):
            process = start(tmp_path, opus, OPUSMAP_JOURNAL=address)
            wait_for_requests(opus, 40 * kill, process)
            process.kill()
            process.communicate()
            let_leases_run_out(address)
        check_nothing_is_lost(tmp_path, opus, address, names, kills)


def test_a_server_that_is_restarted_in_the_middle_stops_the_run_and_loses_nothing(
    postgres: Server, tmp_path: Path
) -> None:
    names, address = prepare(tmp_path, 3_000), postgres.make_database()
    with serve_counting(random.Random(2), quickest=0.05, slowest=0.1) as opus:
        process = start(tmp_path, opus, OPUSMAP_JOURNAL=address)
        wait_for_requests(opus, 40, process)
        postgres.restart()
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2, said
        assert "run the same command again" in said
        assert "Traceback" not in said
        assert opus.held != names
        let_leases_run_out(address)
        check_nothing_is_lost(tmp_path, opus, address, names, 1)


@pytest.mark.slow
def test_the_lease_of_a_killed_run_runs_out_by_itself(postgres: Server, tmp_path: Path) -> None:
    names, address = prepare(tmp_path, 3_000), postgres.make_database()
    with serve_counting(random.Random(3), quickest=0.01, slowest=0.05) as opus:
        process = start(tmp_path, opus, OPUSMAP_JOURNAL=address)
        wait_for_requests(opus, 40, process)
        process.kill()
        process.communicate()
        check_nothing_is_lost(tmp_path, opus, address, names, 1)
