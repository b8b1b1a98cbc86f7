"""Where a rejected row stands is told in its source's own words."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from opusmap.cli import main

CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_Sum": "Number"}],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "c.json").write_text(json.dumps(CONNECTION))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(folder: Path, source: str, capsys: pytest.CaptureFixture[str], total: str = "sum") -> str:
    (folder / "m.yaml").write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{{source}}}\nfields: {{rowKey: key, Sum: {total}}}\n"
    )
    assert main(["check", "m.yaml"]) == 1
    return capsys.readouterr().out


def test_a_cell_of_a_sheet_by_its_address(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("python_calamine", reason="the extra excel is not installed")
    book = openpyxl.Workbook()
    for row in (["", "a report"], ["", "key", "sum"], ["", "a", "none"], ["", "b", 1], ["", "c", "none"]):
        book.active.append(row)
    book.save(folder / "x.xlsx")
    assert "C3, C5" in checked(folder, "path: x.xlsx, header_row: 2", capsys)


def test_a_row_of_several_files_by_its_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "a.csv").write_text("key,sum\na,1\nb,none\n")
    (folder / "b.csv").write_text("key,sum\nc,none\n")
    assert "a.csv, row 3; b.csv, row 2" in checked(folder, "path: '*.csv'", capsys)


def test_an_element_of_a_list_by_its_line(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "x.jsonl").write_text('{"key": "a", "parts": [{"sum": 1}, {"sum": "none"}]}\n')
    assert "line 1, parts 2" in checked(folder, "path: x.jsonl, each: parts", capsys, "parts.sum")


def test_a_row_of_one_file_by_its_number(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "x.csv").write_text("key,sum\na,none\nb,none\n")
    assert "  2, 3  " in checked(folder, "path: x.csv", capsys)
