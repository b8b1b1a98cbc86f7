"""What is typed after a rehearsal, or with a slip in a file's name, is answered with what to do."""

from __future__ import annotations

import os

import pytest

from opusmap.cli import main


def said(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(list(words)) == 2
    return " ".join(capsys.readouterr().err.split())


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPUSMAP_JOURNAL", raising=False)
    (tmp_path / "mapping.yaml").touch()
    return tmp_path


def test_a_report_without_a_journal_says_that_a_rehearsal_keeps_none(capsys):
    for words in ((), ("mapping.yaml",), ("mapping.yaml", "--html")):
        shown = said(capsys, "report", *words)
        assert "a rehearsal (`--to emulator`) keeps none" in shown
        assert "`opusmap emulator " in shown


def test_a_retry_of_a_rehearsal_names_the_commands_or_takes_the_latest_rejects(folder, capsys):
    shown = said(capsys, "retry", "mapping.yaml", "--to", "emulator")
    assert "`opusmap submit mapping.yaml --to emulator`" in shown
    assert "`opusmap retry mapping.yaml FILE --to emulator`" in shown
    for age, name in enumerate(
        ("mapping.rehearsal.rejects.csv", "mapping.run-1.rejects.csv", "x.rejects.csv")
    ):
        (folder / name).touch()
        os.utime(folder / name, (age and 1_000, age and 1_000))
    os.utime(folder / "mapping.rehearsal.rejects.csv", (2_000, 2_000))
    shown = said(capsys, "retry", "mapping.yaml", "--to", "emulator")
    assert "rehearsing the rows of mapping.rehearsal.rejects.csv" in shown


@pytest.mark.parametrize("command", ["check", "preview", "report"])
def test_a_slip_in_the_name_of_a_mapping_is_answered_with_the_name(command, capsys):
    assert 'did you mean "mapping.yaml"?' in said(capsys, command, "mapping.yml")


def test_the_mapping_that_is_missing_is_advised_where_the_command_has_it(folder, capsys):
    (folder / "mapping.yaml").write_text("opusmap: 1\n", "utf-8")
    assert "`opusmap diff mapping.yaml --limit 3`" in said(capsys, "diff", "--limit", "3")
    shown = said(capsys, "destroy", "confirm", "plan.json", "--certificate", "vendor.pdf")
    assert "`opusmap destroy confirm plan.json --certificate vendor.pdf mapping.yaml`" in shown
    shown = said(capsys, "destroy", "confirm", "mapping.yaml")
    assert "mapping.yaml is the mapping: name the plan first" in shown
