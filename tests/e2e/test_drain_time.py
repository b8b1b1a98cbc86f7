"""`opusmap check --drain-time`: how long sending everything takes, and by what that is known."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opusmap.cli import main
from opusmap.journal import open_journal

CONNECTION = "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11"
MAPPING = "opusmap: 1\nconnection: c.json\nsource: {path: rows.csv}\nfields: {rowKey: No, leafName: No}\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OPUSMAP_JOURNAL", str(tmp_path / "journal.db"))
    columns = {"rowKey": "SingleText", "leafName": "SingleText"}
    Path("c.json").write_text(json.dumps({"id": CONNECTION, "data": columns}))
    Path("m.yaml").write_text(MAPPING)
    Path("rows.csv").write_text("No\n" + "".join(f"k{row}\n" for row in range(300)))
    return tmp_path


def test_without_a_run_the_time_is_given_for_several_limits_with_what_is_assumed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["check", "m.yaml", "--drain-time"]) == 0
    shown = capsys.readouterr().out
    assert "To send all: 300 records, 20 requests" in shown
    for text in ("1 a second", "100 a second", "8 in flight", "assumed, because no run", "too few rows"):
        assert text in shown
    assert main(["check", "m.yaml", "--drain-time", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["drain_time"]
    assert (found["records"], found["requests"], found["pace"]) == (300, 20, None)
    assert len(found["limited"]) == 4


def test_an_earlier_run_says_how_long_it_takes(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with open_journal(folder / "journal.db") as journal:
        run = journal.start_run(origin="https://opus.example.com", connection=CONNECTION, mapping="m.yaml")

        journal.finish_run(run, ending="done", counts={"requests": 40, "retries": 10})
    assert main(["check", "m.yaml", "--drain-time"]) == 0
    shown = capsys.readouterr().out
    assert "as run 1: " in shown
    assert "of 100 requests 25 sent records again" in shown
    assert "assumed" not in shown
    assert main(["check", "m.yaml", "--drain-time", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)["drain_time"]
    assert found["pace"]["repeats"] == 0.25
    assert found["seconds"] == pytest.approx(20 / found["pace"]["requests"], abs=0.1)
    assert found["limited"] == []


def test_without_the_source_there_are_no_rows_to_count(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "m.yaml", "--drain-time", "--no-source"]) == 2
    assert "takes no --drain-time" in capsys.readouterr().err
