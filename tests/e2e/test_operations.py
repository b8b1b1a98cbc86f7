"""What operators get of real runs: metrics and a message to a webhook; and nothing from rehearsals."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from opusmap_program import environment_of, run_opusmap
from scripted_server import answer_bytes, scripted

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
    (tmp_path / "contracts.csv").write_bytes(b"".join(lines[:120]))
    return tmp_path


@pytest.fixture
def opus(register):
    emulator = make_emulator(load_mapping(register / "mapping.yaml"), Client("c", "s"))
    with served(emulator) as url:
        yield url


@pytest.fixture
def listener():
    with scripted(lambda *_: answer_bytes(200)) as server:
        yield server


def run(folder, url, *args, **settings):
    return run_opusmap(*args, cwd=folder, env=environment_of(url, **settings))


def told(listener):
    return [json.loads(each.rpartition(b"\r\n")[2]) for each in listener.got]


def outlets(listener):
    return {"OPUSMAP_METRICS": "run.prom", "OPUSMAP_WEBHOOK": listener.url + "/hook"}


def test_a_run_with_rejects_is_told_with_its_totals(register, opus, listener):
    ended = run(register, opus, "submit", "mapping.yaml", "--json", **outlets(listener))
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["rejected"] > 0) == (1, True), ended.stderr
    (body,) = told(listener)
    assert (body["outcome"], body["run"], body["command"]) == ("degraded", 1, "submit")
    assert body["counts"] == {name: report[name] for name in body["counts"]}
    metrics = (register / "run.prom").read_text("utf-8")
    own = 'mapping="mapping.yaml",connection="' + load_mapping(register / "mapping.yaml").connection.id
    assert f'opusmap_run_rows{{{own}",fate="submitted"}} {report["submitted"]}\n' in metrics
    assert f'opusmap_run_exit_code{{{own}"}} 1\n' in metrics


def test_a_run_that_all_went_well_for_is_in_the_metrics_alone(register, opus, listener):
    ended = run(register, opus, "submit", "mapping.yaml", "--limit", "1", **outlets(listener))
    assert ended.returncode == 0, ended.stderr
    assert told(listener) == []
    assert "opusmap_last_success_timestamp_seconds" in (register / "run.prom").read_text("utf-8")


@pytest.mark.parametrize(
    ("broken", "code", "error"),
    [
        ("secret", 3, "SignInError"),
        ("source", 2, "SourceError"),
        ("settings", 2, "SettingsError"),
    ],
)
def test_a_run_that_does_not_get_to_its_end_is_told(broken, code, error, register, opus, listener):
    settings = outlets(listener)
    if broken == "source":
        (register / "contracts.csv").unlink()
    elif broken == "secret":
        settings["OPUSMAP_CLIENT_SECRET"] = "wrong"
    else:
        settings["OPUSMAP_TIMEOUT"] = "soon"
    ended = run(register, opus, "submit", "mapping.yaml", **settings)
    assert ended.returncode == code, ended.stderr
    (body,) = told(listener)
    assert (body["outcome"], body["exit_code"], body["error"]) == ("failed", code, error)
    assert "opusmap_run_exit_code" in (register / "run.prom").read_text("utf-8")


def test_a_rehearsal_is_not_told(register, listener):
    ended = run(register, listener.url, "submit", "mapping.yaml", "--to", "emulator", **outlets(listener))
    assert ended.returncode == 1
    assert (told(listener), (register / "run.prom").exists()) == ([], False)


def test_a_listener_that_is_gone_changes_no_exit_code(register, opus):
    with scripted(lambda *_: answer_bytes(200)) as server:
        url = server.url
    ended = run(register, opus, "submit", "mapping.yaml", OPUSMAP_WEBHOOK=url + "/Planted")
    assert ended.returncode == 1
    assert (
        "WARNING opusmap.operations: OPUSMAP_WEBHOOK: the end of the run could not be reported to 127.0.0.1"
        in ended.stderr
    )
    assert "Planted" not in ended.stderr


@pytest.mark.parametrize("name", ["OPUSMAP_WEBHOOK", "OPUSMAP_METRICS"])
def test_a_file_beside_the_mapping_can_t_say_where_to_report(name, register, opus, listener):
    (register / ".env").write_text(f"{name}={listener.url}\n")
    ended = run(register, opus, "submit", "mapping.yaml")
    assert (ended.returncode, told(listener)) == (2, [])
    assert f"{name} in .env" in ended.stderr
