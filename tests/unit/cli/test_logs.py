"""Standard error as text and as JSON: every line is one of the form asked for."""

from __future__ import annotations

import json
import logging

import pytest

from opusmap.cli import main
from opusmap.cli.logs import begin_logs, log, log_bug, logs_as_json


@pytest.fixture(autouse=True)
def restored():
    root, own = logging.getLogger(), logging.getLogger("opusmap")
    before = (root.handlers, root.level, own.level)
    yield
    root.handlers = before[0]
    root.setLevel(before[1])
    own.setLevel(before[2])


def test_json_lines_hold_what_a_line_is_about(capsys):
    begin_logs("json")
    logging.getLogger("opusmap.x").warning("odd %s", "é\n", extra={"facts": {"request": "1-2", "attempt": 3}})
    log("hello", logging.ERROR, row=7)
    first, second = map(json.loads, capsys.readouterr().err.splitlines())
    assert first.pop("time").endswith("+00:00")
    assert first == {
        "level": "warning",
        "logger": "opusmap.x",
        "message": "odd é\n",
        "request": "1-2",
        "attempt": 3,
    }
    assert (second["level"], second["message"], second["row"]) == ("error", "hello", 7)


def test_a_traceback_is_one_line_of_json_and_shows_no_values(capsys):
    begin_logs("json")
    secret = f"Canary-{id(begin_logs)}"
    try:
        1 // 0  # noqa: B018 - the error is the point
    except ZeroDivisionError:
        logging.getLogger("opusmap").exception("broken")
        log_bug("report it")
    logged, told = map(json.loads, capsys.readouterr().err.splitlines())
    assert "ZeroDivisionError" in logged["traceback"]
    assert "ZeroDivisionError" in told["message"]
    assert secret not in logged["traceback"] + told["message"]


def test_text_is_the_default_and_beginning_again_adds_no_second_line(capsys):
    for _ in range(3):
        begin_logs("text")
    assert not logs_as_json()
    logging.getLogger("opusmap.x").warning("odd")
    log("hello", row=7)
    assert capsys.readouterr().err == "WARNING opusmap.x: odd\nhello\n"


@pytest.mark.parametrize(
    "args",
    [
        ["check", "mapping.yaml"],
        ["check", "mapping.yaml", "-vv"],
        ["map", "mapping.yaml", "-o", "records.jsonl"],
        ["submit", "mapping.yaml", "--to", "emulator", "-vv"],
        ["check", "broken.yaml"],
        ["check", "missing.yaml"],
        ["submit", "mapping.yaml"],
    ],
    ids=" ".join,
)
def test_each_line_of_a_command_is_json(args, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("OPUSMAP_CLIENT_ID", "OPUSMAP_CLIENT_SECRET", "GITHUB_ACTIONS"):
        monkeypatch.delenv(name, raising=False)
    (tmp_path / "c.json").write_text(
        '{"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [{"rowKey": "SingleText"}]}'
    )
    mapping = "opusmap: 1\nconnection: c.json\nsource: {path: s.csv}\nfields:\n  rowKey: Key\n"
    (tmp_path / "mapping.yaml").write_text(mapping)
    (tmp_path / "broken.yaml").write_text(mapping.replace("Key", "Keyy"))
    (tmp_path / "s.csv").write_text("Key\nk1\n\nk1\n")
    assert main([*args, "--log-format", "json"]) in (0, 1, 2)
    lines = [json.loads(line) for line in capsys.readouterr().err.splitlines()]
    assert all({"time", "level", "logger", "message"} <= line.keys() for line in lines)
    if args[0] == "submit" and "-vv" in args:
        (request,) = (line for line in lines if "request" in line)
        assert request["request"] == "1-1"
        assert (request["batch"], request["records"], request["attempt"]) == (1, 1, 1)
        assert request["outcome"] == "Opus answers 201"
