"""The command that a command proposes next can be run as it is printed, and ends as it says."""

from __future__ import annotations

import csv
import re
import shlex
from pathlib import Path

import pytest

import opusmap
from opusmap.cli import main
from opusmap.emulator import Client
from opusmap.emulator.server import served
from opusmap.records import Record
from opusmap.run.rehearsal import make_emulator

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]):
    """Return a function that runs a command beside a register of clean rows: its exit code and its output."""
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    mapper = opusmap.load_mapping(CONTRACTS / "mapping.yaml")
    with (CONTRACTS / "contracts.csv").open(encoding="utf-8", newline="") as file:
        rows = csv.DictReader(file)
        clean = [
            row for row in rows if isinstance(found := mapper.map_row(row), Record) and not found.replaced
        ]
    with (tmp_path / "contracts.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, clean[0])
        writer.writeheader()
        writer.writerows(clean[:3])
    with (tmp_path / "wrong.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, clean[0])
        writer.writeheader()
        writer.writerow({**clean[0], "Amount": "TBA"})
    monkeypatch.chdir(tmp_path)

    def run(*words: str) -> tuple[int, str]:
        code = main(list(words))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_the_demo_proposes_commands_that_run_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["demo"]) == 0
    words = next_of(capsys.readouterr().err)
    assert words == ["demo", "--write", "contracts"]
    assert main(words) == 0
    told = capsys.readouterr().err
    assert told.count("opusmap ") == 1
    words = next_of(told)
    assert words == ["check", str(Path("contracts") / "mapping.yaml")]
    assert main(words) == 1  # the register is dirty on purpose
    assert next_of(capsys.readouterr().err)[0] == "explain"
    assert main(["demo", "--write", "contracts"]) == 2
    assert "is there already" in capsys.readouterr().err


def test_lock_after_a_rehearsal_proposes_what_comes_after_it(told) -> None:
    told("submit", "mapping.yaml", "wrong.csv", "--to", "emulator")
    shown = told("lock", "mapping.yaml")[1]
    assert next_of(shown) == ["check", "mapping.yaml", "--no-source", "--online"]
    assert "Next, write the settings into .env (`opusmap help settings`), and verify them: " in shown


def test_a_retry_without_settings_names_what_a_rehearsal_rejected(told) -> None:
    shown = told("retry", "mapping.yaml")[1]
    assert "to rehearse the rows of" not in shown
    assert "to rehearse all rows without it: `opusmap submit mapping.yaml --to emulator`" in shown
    told("submit", "mapping.yaml", "wrong.csv", "--to", "emulator")
    named = "opusmap retry mapping.yaml mapping.rehearsal.rejects.csv --to emulator"
    for words in (("retry", "mapping.yaml"), ("retry", "mapping.yaml", "mapping.rehearsal.rejects.csv")):
        code, shown = told(*words)
        assert code == 2
        shown = " ".join(shown.split())
        assert f"of mapping.rehearsal.rejects.csv, once you have corrected them: `{named}`" in shown
        assert "opusmap submit" not in shown


def test_a_diff_proposes_to_rehearse_to_send_or_to_look_why_rows_are_rejected(
    told, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, shown = told("diff", "mapping.yaml")
    assert code == 0
    assert "There is no journal yet" in shown
    words = next_of(shown)
    assert words == ["submit", "mapping.yaml", "--to", "emulator"]
    assert told(*words)[0] == 0

    mapper = opusmap.load_mapping(tmp_path / "mapping.yaml")
    with served(make_emulator(mapper, Client("c", "s"))) as url:
        for name, value in {"BASE_URL": url, "TOKEN_URL": f"{url}/connect/token", "CLIENT_ID": "c"}.items():
            monkeypatch.setenv(f"OPUSMAP_{name}", value)
        monkeypatch.setenv("OPUSMAP_CLIENT_SECRET", "s")
        assert told("submit", "mapping.yaml", "--limit", "1", "--yes")[0] == 0
        words = next_of(told("diff", "mapping.yaml")[1])
        assert words == ["submit", "mapping.yaml"]
        assert told(*words)[0] == 0
        words = next_of(told("diff", "mapping.yaml")[1])
        assert words == ["report", "mapping.yaml"]
        assert told(*words)[0] == 0
        assert told("lock", "mapping.yaml")[0] == 0
        reorder_options(tmp_path)
        words = next_of(told("lock", "mapping.yaml")[1])
        assert words == ["diff", "mapping.yaml"]
        add_wrong_row(tmp_path)
        code, shown = told(*words)
        assert code == 1
        assert "rejected" in shown
        words = next_of(shown)
        assert words == ["submit", "mapping.yaml"]
        assert told(*words)[0] == 1

    code, shown = told("diff", "mapping.yaml", "wrong.csv")
    assert code == 1
    words = next_of(shown)
    assert words == ["check", "mapping.yaml", "wrong.csv"]
    assert told(*words)[0] == 1


def reorder_options(folder: Path) -> None:
    """Write the mapping's options of a column in another order."""
    text = (folder / "mapping.yaml").read_text("utf-8")
    changed = text.replace(
        "[Contract, Deed, Lease, NDA, Variation]", "[Variation, NDA, Lease, Deed, Contract]"
    )
    assert changed != text
    (folder / "mapping.yaml").write_text(changed, "utf-8")


def add_wrong_row(folder: Path) -> None:
    """Add the row that is rejected to the register."""
    row = (folder / "wrong.csv").read_text("utf-8").partition("\n")[2]
    with (folder / "contracts.csv").open("a", encoding="utf-8") as file:
        file.write(row)


def next_of(shown: str) -> list[str]:
    """Return the words of the one command that is proposed, without the program's name."""
    (line,) = re.findall(r"^Next, [^:]+: (opusmap .*)$", shown, re.MULTILINE)
    program, *words = shlex.split(line)
    assert program == "opusmap"
    return words


@pytest.mark.parametrize(
    ("line", "proposed", "code"),
    [
        ("init contracts.connection.json contracts.csv -o draft.yaml", "check draft.yaml", 2),
        ("check mapping.yaml", "preview mapping.yaml", 0),
        ("check mapping.yaml --no-source", "check mapping.yaml", 0),
        ("preview mapping.yaml", "submit mapping.yaml --to emulator", 0),
        ("preview mapping.yaml contracts.csv", "submit mapping.yaml contracts.csv --to emulator", 0),
        ("test mapping.yaml", "submit mapping.yaml --to emulator", 0),
        ("lock mapping.yaml", "submit mapping.yaml --to emulator", 0),
    ],
)
def test_the_proposed_command_runs(line: str, proposed: str, code: int, told) -> None:
    ended, shown = told(*line.split())
    assert ended == 0
    words = next_of(shown)
    assert words == proposed.split()
    after, answer = told(*words)
    assert after == code, answer
    if code:
        assert "error[to-do]" in answer


def test_a_demo_and_a_rehearsal_say_that_nothing_left_the_machine(tmp_path: Path, told) -> None:
    _, shown = told("demo")
    assert "Nothing left this machine" in shown
    _, shown = told("submit", "mapping.yaml", "--to", "emulator")
    assert "nothing left this machine" in shown
    assert next_of(shown) == ["check", "mapping.yaml", "--no-source", "--online"]
    assert "No report is kept: to get one, first start `opusmap emulator mapping.yaml`." in shown
    assert "start `opusmap emulator mapping.yaml` and send to that" in told("report", "mapping.yaml")[1]
    (tmp_path / "mapping.yaml").unlink()  # a draft of this name replaces none
    assert told(*next_of(told("demo")[1]))[0] == 0  # the example's names are those of this folder


def test_a_preview_of_a_rejected_row_proposes_to_explain_it(told) -> None:
    code, shown = told("preview", "mapping.yaml", "wrong.csv")
    assert code == 0
    assert "bad-number" in shown
    assert re.search(r"^.*Doc Type +\d · ", shown, re.MULTILINE)  # a column that is right
    assert next_of(shown) == ["explain", "mapping.yaml", "Amount", "wrong.csv", "--row", "2"]
    assert told(*next_of(shown))[0] == 1


def test_rejects_that_were_corrected_are_rehearsed_by_the_proposed_command(tmp_path: Path, told) -> None:
    code, shown = told("check", "mapping.yaml", "wrong.csv")
    assert code == 1
    assert next_of(shown) == ["explain", "mapping.yaml", "Amount", "wrong.csv", "--row", "2"]
    assert told(*next_of(shown))[0] == 1  # the row is rejected, as said
    code, shown = told("submit", "mapping.yaml", "wrong.csv", "--to", "emulator")
    assert code == 1
    words = next_of(shown)
    assert words[0] == "retry"
    rejects = tmp_path / words[2]
    rejects.write_text(rejects.read_text("utf-8-sig").replace("TBA", "12.50", 1), "utf-8")
    code, shown = told(*words)
    assert code == 0, shown
    assert "nothing left this machine" in shown


def test_a_run_names_its_host_and_each_next_command_of_it_runs(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, told
) -> None:
    emulator = make_emulator(opusmap.load_mapping(tmp_path / "mapping.yaml"), Client("c", "s"))
    with served(emulator) as url:
        for name, value in {
            "BASE_URL": url,
            "TOKEN_URL": f"{url}/connect/token",
            "CLIENT_ID": "c",
            "CLIENT_SECRET": "s",
        }.items():
            monkeypatch.setenv(f"OPUSMAP_{name}", value)
        line = ["check", "mapping.yaml", "--online"]
        for proposed in ("submit mapping.yaml --limit 20", "report mapping.yaml --html"):
            code, shown = told(*line)
            assert code == 0, shown
            assert f"Opus is {url}" in shown
            line = next_of(shown)
            assert line == proposed.split()
        assert f"This was a rehearsal, run 1: the records went to the emulator at {url}" in shown
        assert told(*line)[0] == 0
        code, shown = told("retry", "mapping.yaml")
        assert code == 0
        assert "nothing to send again" in shown
        assert told(*next_of(shown))[0] == 0
    assert len(emulator.records) == 3
