"""A mapping with its source: extras that are missing, keys that are numbers."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from opusmap.errors import SourceError
from opusmap.run.open import find_warnings, open_work
from opusmap.sources import open_source
from opusmap.sources.database import open_database

CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_Sum": "Number"}],
}


def mapping(folder: Path, source: str, key: str = "key") -> Path:
    (folder / "c.json").write_text(json.dumps(CONNECTION))
    path = folder / "m.yaml"
    path.write_text(
        f"opusmap: 1\nconnection: c.json\nsource: {{{source}}}\nfields: {{rowKey: {key}, Sum: sum}}\n"
    )
    return path


def workbook(folder: Path, *keys: object) -> Path:
    openpyxl = pytest.importorskip("openpyxl")
    pytest.importorskip("python_calamine", reason="the extra excel is not installed")
    book = openpyxl.Workbook()
    for row in (["key", "sum"], *([key, 1] for key in keys)):
        book.active.append(row)
    book.save(folder / "x.xlsx")
    return folder / "x.xlsx"


def warnings(path: Path) -> list[str]:
    work = open_work(path)
    with work.source:
        return [warning.code for warning in find_warnings(work)]


@pytest.mark.parametrize("key", ["key", "'K-{{ key }}'"])
def test_keys_that_are_numbers_in_a_workbook_are_warned_of(tmp_path: Path, key: str) -> None:
    workbook(tmp_path, "a", 7)
    assert warnings(mapping(tmp_path, "path: x.xlsx", key)) == ["numeric-key"]


def test_keys_that_are_texts_and_numbers_in_json_are_fine(tmp_path: Path) -> None:
    workbook(tmp_path, "a", "007")
    assert warnings(mapping(tmp_path, "path: x.xlsx")) == []
    (tmp_path / "x.jsonl").write_text('{"key": 7, "sum": 1}\n')
    assert warnings(mapping(tmp_path, "path: x.jsonl")) == []


@pytest.mark.parametrize(
    ("name", "module", "extra"),
    [
        ("x.xlsx", "python_calamine", "excel"),
        ("x.parquet", "pyarrow", "parquet"),
        ("https://example.invalid/x.csv", "fsspec", "remote"),
    ],
)
def test_a_missing_extra_is_named_with_the_command_that_installs_it(
    name: str, module: str, extra: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / Path(name).name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(SourceError) as caught:
        open_source(name)
    assert caught.value.code == "missing-extra"
    assert f"install the extra `{extra}`" in caught.value.help


def test_a_database_without_its_extra_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPUSMAP_DATABASE", "postgresql://x/y")
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(SourceError, match="extra `sql`"):
        open_database("OPUSMAP_DATABASE", "SELECT 1", "m.yaml")


def test_standard_input_is_of_the_format_that_the_mappings_path_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x").write_bytes(b'[{"key": "7", "sum": 1}]')
    with (tmp_path / "x").open() as stream:
        monkeypatch.setattr(sys, "stdin", stream)
        work = open_work(mapping(tmp_path, "path: none.json"), "-")
        with work.source:
            assert [row.values["key"] for row in work.source.rows()] == ["7"]


def test_a_source_of_the_command_line_takes_the_place_of_a_database(tmp_path: Path) -> None:
    import sqlite3
    from contextlib import closing

    with closing(sqlite3.connect(tmp_path / "copy.sqlite")) as database:
        database.executescript("CREATE TABLE t (key, sum); INSERT INTO t VALUES ('7', 1)")
    path = mapping(tmp_path, "database: OPUSMAP_DATABASE_TEST, sql: SELECT * FROM t")
    with open_work(path, tmp_path / "copy.sqlite").source as source:
        assert [row.values["key"] for row in source.rows()] == ["7"]
