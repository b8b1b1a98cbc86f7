"""The files of a folder as rows, and the patterns that select files."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.records import Reject, Row
from opusmap.sources import open_source
from opusmap.sources.folder import FOLDER_COLUMNS, split_pattern

LINKS = pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights here")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    files = {"a.csv": "k,v\n1,x\n2,y\n", "b.csv": "v;k\nz;3\n", "2023/c.csv": "k,v\n4,w\n", "d.txt": "no\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


@pytest.mark.parametrize(
    ("pattern", "name", "meant"),
    [
        ("*.csv", "a.csv", True),
        ("*.csv", "x/a.csv", False),
        ("x/*", "x/a.csv", True),
        ("**/*.csv", "a.csv", True),
        ("**/*.csv", "x/y/a.csv", True),
        ("x/**", "x/y/a.csv", True),
        ("x/**/b/*.csv", "x/b/a.csv", True),
        ("x/**/b/*.csv", "x/1/2/b/a.csv", True),
        ("x/**/b/*.csv", "x/1/2/a.csv", False),
        ("[ab].csv", "b.csv", True),
        ("*", ".hidden", False),
        (".*", ".hidden", True),
    ],
)
def test_patterns_match_level_by_level(pattern: str, name: str, meant: bool) -> None:  # noqa: FBT001
    found = split_pattern(Path("base") / pattern)
    names = name.split("/")[len(found.folder.parts) - 1 :]
    assert found.matches(names) is meant


def test_the_files_of_a_folder_are_rows_with_their_properties(export: Path) -> None:
    os.utime(export / "a.csv", (0, 1_700_000_000))
    with open_source(export) as source:
        assert source.columns == FOLDER_COLUMNS
        found = {row.values["path"]: row.values for row in source.rows() if isinstance(row, Row)}
    assert list(found) == ["a.csv", "b.csv", "d.txt", "2023/c.csv"]
    first, last = found["a.csv"], found["2023/c.csv"]
    assert (first["size"], first["extension"], first["stem"]) == (12, "csv", "a")
    assert first["modified"] == datetime.fromtimestamp(1_700_000_000, UTC)
    assert (last["folder"], last["name"]) == ("2023", "c.csv")
    if hasattr(os, "getuid"):
        assert first["owner"]


def test_a_pattern_takes_some_of_a_folders_files(export: Path) -> None:
    with open_source(export / "**" / "*.txt", format="files") as source:
        assert [row.values["name"] for row in source.rows()] == ["d.txt"]
        assert source.place(1) == "file 1"


@LINKS
def test_a_link_in_a_folder_is_rejected_not_followed(export: Path) -> None:
    (export / "e.csv").symlink_to("/etc/hostname")
    with open_source(export) as source:
        bad = [row for row in source.rows() if isinstance(row, Reject)]
    assert [(row.problems[0].code, row.values["path"]) for row in bad] == [("source-unreadable", "e.csv")]


@pytest.mark.parametrize("options", [{"format": "csv"}, {"format": "files", "file_column": "x"}])
def test_a_folder_takes_no_other_format_and_no_file_column(export: Path, options: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(export, **options)
    assert caught.value.help
