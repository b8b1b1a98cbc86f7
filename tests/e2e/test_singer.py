"""A Singer tap before the whole program: its state comes out when its records are safe, not before."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest
from crashes import Counting, environment, prepare, serve_counting
from opusmap_program import run_opusmap

MAPPING = """\
opusmap: 1
connection: c.json
source: {format: singer}
fields:
  rowKey: Key
  Name: {from: Name, required: true}
"""
SCHEMA = {"type": "SCHEMA", "stream": "a", "schema": {"properties": {"Key": {}, "Name": {}}}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    prepare(tmp_path, 0)
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    return tmp_path


def messages(names: list[str], every: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = [SCHEMA]
    for number, name in enumerate(names, 1):
        found.append({"type": "RECORD", "stream": "a", "record": {"Key": f"k{number}", "Name": name}})
        if number % every == 0:
            found.append({"type": "STATE", "value": {"bookmarks": {"a": number}}})
    return found


def run(folder: Path, opus: Counting, said: list[dict[str, Any]], *more: str) -> tuple[int, list[int], str]:
    """Let the tap say this; return the exit code, the states that came out, and standard error."""
    messages = "".join(f"{json.dumps(one)}\n" for one in said)
    ended = run_opusmap(
        "submit", "mapping.yaml", "-", "--yes", *more, cwd=folder, env=environment(opus), input=messages
    )
    states = [json.loads(line)["bookmarks"]["a"] for line in ended.stdout.splitlines()]
    return ended.returncode, states, ended.stderr


def test_states_come_out_in_order_up_to_the_last_and_totals_go_elsewhere(folder: Path) -> None:
    with serve_counting(random.Random(1)) as opus:
        code, states, err = run(folder, opus, messages(["x"] * 200, 10))
        assert code == 0, err
        assert states == sorted(states)
        assert states[-1] == 200
        assert "submitted" in err
        assert len(opus.held) == 200


def test_a_rejected_row_holds_the_state_back_until_the_rejects_are_written(folder: Path) -> None:
    with serve_counting(random.Random(1), quickest=0.05, slowest=0.1) as opus:
        code, states, err = run(folder, opus, messages(["x"] * 30 + [""] + ["x"] * 300, 15))
        assert code == 1, err
        assert [state for state in states if 30 < state < 330] == []
        assert states[-1] == 330
        (rejects,) = folder.glob("*rejects*")
        assert "k31" in rejects.read_text("utf-8")


def test_no_state_comes_out_for_records_that_were_not_sent(folder: Path) -> None:
    with serve_counting(random.Random(1)) as opus:
        said = [*messages(["x"] * 60, 20), {"type": "BATCH", "stream": "a", "manifest": []}]
        code, states, err = run(folder, opus, [*said, *messages(["y"] * 60, 20)[1:]])
        assert code == 2, err
        assert "line 65" in err or "row 65" in err
        assert states[-1:] == [60]


def test_a_rehearsal_lets_no_state_out(folder: Path) -> None:
    with serve_counting(random.Random(1)) as opus:
        assert run(folder, opus, messages(["x"] * 20, 10), "--to", "emulator")[:2] == (0, [])


def test_totals_as_json_are_refused_for_standard_output_is_the_states(folder: Path) -> None:
    with serve_counting(random.Random(1)) as opus:
        code, states, err = run(folder, opus, messages(["x"], 1), "--json")
        assert (code, states) == (2, [])
        assert "--json" in err
