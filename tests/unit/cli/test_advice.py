"""What is typed after a rehearsal, or with a slip in a file's name, is answered with what to do."""

from __future__ import annotations

import json
import os

import pytest

from opusmap.cli import main
from opusmap.cli.entry import opusmap as program
from opusmap.cli.help import GUESSED


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
        assert "help: a rehearsal (`--to emulator`) keeps none" in shown
        assert "`opusmap emulator " in shown
        assert ("name the mapping: `opusmap report " in shown) == (not words)
        assert ("--journal" in shown) == bool(words)


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


@pytest.mark.parametrize(("word", "command"), [*GUESSED.items(), ("chek", "check"), ("Submitt", "submit")])
def test_a_word_that_people_guess_is_answered_with_the_command(word, command, capsys):
    assert word not in program.commands
    assert command in program.commands
    assert f"No such command '{word}'. Did you mean `opusmap {command}`?" in said(capsys, word, "x.yaml")


def test_a_word_like_no_command_is_answered_with_none(capsys):
    shown = said(capsys, "blah")
    assert "No such command 'blah'" in shown
    assert "Did you mean" not in shown


def test_help_on_a_word_that_people_guess_names_the_commands_help(capsys):
    assert "Did you mean `opusmap help check`?" in said(capsys, "help", "validate")
    assert main(["help", "bind"]) == 0
    assert capsys.readouterr().out.startswith("## Bindings")


def test_the_name_of_a_column_without_quotes_is_answered_with_them(folder, capsys):
    connection = {
        "id": "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90",
        "confilictOption": "Overwrite",
        "data": [
            {"rowKey": "SingleText", "_Date_%20_of_%20_Lease": "SingleText", "_Lease_%20_No": "SingleText"}
        ],
    }
    (folder / "c.json").write_text(json.dumps(connection), "utf-8")
    (folder / "s.csv").write_text("No\n1\n", "utf-8")
    text = "opusmap: 1\nconnection: c.json\nsource: {path: s.csv}\nfields: {Row key: No, Lease No: No}\n"
    (folder / "mapping.yaml").write_text(text, "utf-8")
    quoted = "Put a name with spaces in quotes: `opusmap explain mapping.yaml"
    shown = said(capsys, "explain", "mapping.yaml", "Lease", "No", "--row", "2")
    assert f"{quoted} 'Lease No' --row 2`" in shown
    shown = said(capsys, "explain", "mapping.yaml", "Date", "of", "Lease", "--row", "2")
    assert f"{quoted} 'Date of Lease' --row 2`" in shown
    assert quoted not in said(capsys, "explain", "mapping.yaml", "Lease", "absent.csv")
    for row in ("103", "Row 103", "row103"):
        shown = said(capsys, "explain", "mapping.yaml", row)
        assert "did you mean `opusmap explain mapping.yaml --row 103`?" in shown


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        (("submit", "x.yaml", "--to", "emulatr"), "'emulator'"),
        (("retry", "x.yaml", "--to", "Opsu"), "'opus'"),
        (("check", "x.yaml", "--log-format", "jsn"), "'json'"),
        (("completion", "powershel"), "'powershell'"),
        (("submit", "x.yaml", "--to", "prod"), None),
    ],
)
def test_a_misspelt_word_of_an_option_is_answered_with_the_nearest(
    words: tuple[str, ...], meant: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    shown = said(capsys, *words)
    assert f"'{words[-1]}' is not one of" in shown
    assert ("Did you mean" in shown) is (meant is not None)
    assert meant is None or f". Did you mean {meant}?" in shown
