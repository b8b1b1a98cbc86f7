"""Where the command line writes pages: into files of their own, never over an export or through a link."""

from __future__ import annotations

import os

import pytest
from recorded_runs import HOSTILE, record_run

from opusmap.cli import main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    record_run(tmp_path, 30)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPUSMAP_JOURNAL", raising=False)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "name"),
    [
        ("report --html", "opusmap-run-1.html"),
        ("report 1 --html", "opusmap-run-1.html"),
        ("report 1 --html page.HTM", "page.HTM"),
        ("preview mapping.yaml --html", "mapping.preview.html"),
        ("preview mapping.yaml --limit 1 --html some.html", "some.html"),
    ],
)
def test_a_page_is_written_and_said_for_its_owner_alone(line, name, folder, capsys):
    assert main(line.split()) == 0
    assert f"page: {name}" in capsys.readouterr().err
    assert (folder / name).read_text("utf-8").startswith("<!doctype html>")
    if os.name == "posix":
        assert (folder / name).stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("line", ["report --html contracts.csv", "preview mapping.yaml --html contracts.csv"])
def test_an_export_named_by_mistake_is_not_overwritten(line, folder, capsys):
    before = (folder / "contracts.csv").read_bytes()
    assert main(line.split()) == 2
    assert "does not end in .html" in capsys.readouterr().err
    assert (folder / "contracts.csv").read_bytes() == before


def test_a_runs_number_behind_the_option_is_not_taken_for_a_name(folder, capsys):
    assert main(["report", "--html", "1"]) == 2
    assert "before --html" in capsys.readouterr().err


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_a_page_is_never_written_through_a_link(folder, capsys):
    (folder / "page.html").symlink_to(folder / "contracts.csv")
    before = (folder / "contracts.csv").read_bytes()
    assert main(["report", "--html", "page.html"]) == 2
    assert "symbolic link" in capsys.readouterr().err
    assert (folder / "contracts.csv").read_bytes() == before


def test_rows_can_be_left_out_of_a_page(folder):
    cell = HOSTILE[:20].replace("<", "&lt;").replace(">", "&gt;").replace("'", "&#39;")
    assert main(["report", "--html", "with.html"]) == 0
    assert main(["report", "--no-rows", "--html", "without.html"]) == 0
    with_rows, without = ((folder / name).read_text("utf-8") for name in ("with.html", "without.html"))
    assert with_rows.count(cell) > without.count(cell)
    assert "Rows were left out" in without


def test_a_journal_without_a_run_has_no_page(tmp_path, monkeypatch, capsys):
    from opusmap.journal import open_journal

    monkeypatch.chdir(tmp_path)
    open_journal(tmp_path / "opusmap-journal.db").close()
    assert main(["report", "--html"]) == 2
    assert "contains no runs yet" in capsys.readouterr().err
    assert not list(tmp_path.glob("*.html"))
