"""Rehearsals as a user does them: faults in this process, and on a port while the emulator runs."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import httpx
import pytest
from opusmap_program import COMMAND, run_opusmap

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
ENDS = ("filtered", "rejected", "unchanged", "submitted", "failed", "uncertain", "not_sent")
FAULTS = "throttle=10%,error-after=10%,error-halfway=10%,cut=5%,refuse=10%,seconds=0,retry-after=0,seed=3"


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    rows = (CONTRACTS / "contracts.csv").read_text("utf-8").splitlines(keepends=True)[:301]
    (tmp_path / "contracts.csv").write_text("".join(rows), "utf-8")
    return tmp_path


def clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("OPUSMAP_")}


def run(folder: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return run_opusmap(*args, cwd=folder)


def test_a_rehearsal_with_faults_ends_right_and_tells_what_it_met(register):
    ended = run(register, "submit", "mapping.yaml", "--to", "emulator", "--faults", FAULTS)
    assert ended.returncode == 1, ended.stderr
    (line,) = [line for line in ended.stderr.splitlines() if line.startswith("faults: ")]
    assert {"throttle", "error-after", "refuse"} <= {word.split()[0] for word in line[8:].split(", ")}


def test_a_rehearsal_with_faults_adds_up(register):
    ended = run(register, "submit", "mapping.yaml", "--to", "emulator", "--faults", FAULTS, "--json")
    result = json.loads(ended.stdout)
    assert result["read"] == sum(result[name] for name in ENDS)
    assert result["retries"] > 0
    assert sum(result[name] for name in ("submitted", "failed", "uncertain")) == result["mapped"]
    assert 0 < result["failed"] < result["submitted"]


def test_faults_that_can_not_be_are_told_before_anything_is_read(register):
    ended = run(register, "submit", "mapping.yaml", "nowhere.csv", "--to", "emulator", "--faults", "harhs")
    assert (ended.returncode, ended.stdout) == (2, "")
    assert 'did you mean "harsh"' in ended.stderr


def test_faults_are_never_asked_of_the_real_opus(register):
    ended = run(register, "submit", "mapping.yaml", "--faults", "harsh")
    assert ended.returncode == 2
    assert "--to emulator" in ended.stderr


def test_a_served_emulator_starts_with_faults_and_goes_on_without(register):
    options = ("--port", "0", "--json", "--faults", "mild", "--seed", "5", "--latency", "20", "--rate", "90")
    with subprocess.Popen(
        [*COMMAND, "emulator", "mapping.yaml", *options],
        stdout=subprocess.PIPE,
        cwd=register,
        env=clean(),
        text=True,
    ) as served:
        try:
            url = json.loads(served.stdout.readline())["base_url"] + "/emulator/faults"
            with httpx.Client(trust_env=False) as client:
                plan = client.get(url).json()["plan"]
                assert (plan["throttle"], plan["seed"], plan["latency"], plan["rate"]) == (0.01, 5, 20, 90)
                client.post(url, json={"level": "none"}).raise_for_status()
                assert "throttle" not in client.get(url).json()["plan"]
        finally:
            served.terminate()
