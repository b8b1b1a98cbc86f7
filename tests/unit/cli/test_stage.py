"""`opusmap stage` and `opusmap report --staged`, as a person or a program uses them."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from staged_runs import everything, write_register

from opusmap.cli import main
from opusmap.staging import open_staged


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("register")
    write_register(folder)
    assert main(["stage", str(folder / "register.yaml"), "-o", str(folder / "run"), "-q"]) == 1
    return folder


@pytest.fixture(autouse=True)
def here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def test_staging_says_what_became_of_the_rows_and_what_to_do_next(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["stage", "register.yaml", "-o", f"{tmp_path}/run", "--parts", "2"]) == 1
    shown = capfd.readouterr().err
    assert "30 rows read: 22 staged, 4 filtered, 4 rejected, in " in shown
    assert "unknown-choice" in shown
    assert "bad-date" in shown
    assert f"Next, look at what will be sent: opusmap report --staged {tmp_path}/run\n" in shown


def test_staging_tells_a_program_the_totals_and_the_content_hash(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["stage", "register.yaml", "-o", f"{tmp_path}/run", "--json"]) == 1
    found = json.loads(capfd.readouterr().out)
    assert (found["read"], found["mapped"], found["filtered"], found["rejected"]) == (30, 22, 4, 4)
    assert found["content_hash"] == open_staged(tmp_path / "run").content_hash
    assert (found["address"], found["parts"]) == (f"{tmp_path}/run", 8)


@pytest.mark.slow  # that workers map as one process does is tried elsewhere
def test_workers_stage_the_same(folder: Path, tmp_path: Path) -> None:
    assert main(["stage", "register.yaml", "-o", f"{tmp_path}/run", "--workers", "2", "-q"]) == 1
    assert everything(open_staged(tmp_path / "run")) == everything(open_staged(folder / "run"))


def test_staging_without_rejects_is_all_done(tmp_path: Path) -> None:
    write_register(tmp_path, rows=3)
    assert main(["stage", f"{tmp_path}/register.yaml", "-o", f"{tmp_path}/run", "-q"]) == 0


def test_a_source_that_breaks_off_leaves_no_run(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_register(tmp_path)
    with (tmp_path / "register.csv").open("ab") as file:
        file.write(b"R-99,\xff,Deed,soon,\n")
    assert main(["stage", f"{tmp_path}/register.yaml", "-o", f"{tmp_path}/run"]) == 2
    assert not (tmp_path / "run").exists()
    assert "encoding" in capfd.readouterr().err


def test_a_staged_run_is_never_replaced(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = (folder / "run" / "manifest.json").read_bytes()
    assert main(["stage", "register.yaml", "-o", "run"]) == 2
    assert "error[staged-exists]" in capfd.readouterr().err
    assert (folder / "run" / "manifest.json").read_bytes() == before


def test_a_report_shows_what_will_be_sent(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--staged", "run"]) == 0
    shown = capfd.readouterr()
    assert re.search(r"staged +22 ", shown.out)
    assert "record R-0, from row 2" in shown.out
    assert re.search(r"Kind +2 · Deed", shown.out)
    assert '"Memo" is not an option' in shown.out
    assert re.search(r"4 +18 % +Note", shown.out)
    assert "records/part-00007.parquet" in shown.out
    assert shown.err == "Next, rehearse sending: opusmap submit --staged run --to emulator\n"


def test_a_report_for_a_program_has_all_of_it(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--staged", "run", "--json"]) == 0
    found = json.loads(capfd.readouterr().out)
    staged = open_staged(folder / "run")
    assert found["content_hash"] == staged.content_hash
    assert sum(part["records"] for part in found["parts"]) == found["staged"] == 22
    assert found["records"][0]["values"]["Name"] == "Tītle 0"
    assert {one["column"]: one["empty"] for one in found["columns"]}["Note"] == 4
    assert found["reasons"][0]["code"] == "unknown-choice"
    assert found["replaced"][0]["count"] == 7


@pytest.mark.parametrize("rows", [True, False])
def test_a_report_is_a_page_too(tmp_path: Path, *, rows: bool) -> None:
    page = tmp_path / "run.html"
    assert main(["report", "--staged", "run", "--html", str(page), *([] if rows else ["--no-rows"])]) == 0
    text = page.read_text("utf-8")
    assert "What <bdi>run</bdi> would send" in text
    assert "22 records staged, 4 rows rejected" in text
    assert "Tītle 0" in text
    assert "Columns in Opus that are not filled" in text
    assert ("Tītle 3" in text) == rows  # a rejected row
    assert "<script" not in text


@pytest.mark.parametrize(
    "words", [["register.yaml"], ["--run", "1"], ["--journal", "journal.db"], ["--prune", "3"]]
)
def test_a_report_of_a_staged_run_takes_no_journal(
    words: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    assert main(["report", "--staged", "run", *words]) == 2
    assert "--staged names a staged run; it takes no mapping, run or journal" in capfd.readouterr().err


def test_a_report_of_what_is_not_whole_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["report", "--staged", str(tmp_path)]) == 2
    assert "error[staged-unfinished]" in capfd.readouterr().err
