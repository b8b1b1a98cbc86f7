"""Several files as one source: which are read, how rows are numbered, and which columns they have."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from opusmap.errors import SourceError
from opusmap.mapping import SourceOptions
from opusmap.sources import open_source, open_with

LINKS = pytest.mark.skipif(not hasattr(os, "symlink") or os.name == "nt", reason="links need rights here")


@pytest.fixture
def export(tmp_path: Path) -> Path:
    files = {"a.csv": "k,v\n1,x\n2,y\n", "b.csv": "v;k\nz;3\n", "2023/c.csv": "k,v\n4,w\n", "d.txt": "no\n"}
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    return tmp_path


def rows(source: Any) -> list[tuple[int, dict[str, Any]]]:
    return [(row.number, dict(row.values)) for row in source.rows()]


def test_files_of_a_pattern_are_read_in_order_and_numbered_through(export: Path) -> None:
    with open_source(export / "*.csv", file_column="file") as source:
        assert source.columns == ("k", "v", "file")
        assert (
            rows(source)
            == rows(source)
            == [
                (2, {"k": "1", "v": "x", "file": "a.csv"}),
                (3, {"k": "2", "v": "y", "file": "a.csv"}),
                (5, {"k": "3", "v": "z", "file": "b.csv"}),
            ]
        )
        assert [source.place(number) for number in (2, 3, 5)] == [
            "a.csv, row 2",
            "a.csv, row 3",
            "b.csv, row 2",
        ]
        assert source.notes[0] == "2 files"


def test_two_stars_match_any_folders(export: Path) -> None:
    with open_source(export / "**" / "*.csv", file_column="file") as source:
        assert [row["file"] for _, row in rows(source)] == ["a.csv", "a.csv", "b.csv", "2023/c.csv"]


def test_one_file_may_have_its_name_as_a_column(export: Path) -> None:
    with open_source(export / "a.csv", file_column="file") as source:
        assert rows(source)[0] == (2, {"k": "1", "v": "x", "file": "a.csv"})


def test_a_file_with_other_columns_is_refused_before_any_row(export: Path) -> None:
    (export / "c.csv").write_text("k,w\n", "utf-8")
    with pytest.raises(SourceError) as caught:
        open_source(export / "*.csv")
    assert caught.value.code == "columns-differ"
    assert caught.value.path.endswith("c.csv")
    assert '"v"' in caught.value.problem


def test_a_problem_in_a_file_names_the_file_and_its_own_row(export: Path) -> None:
    (export / "b.csv").write_text('k,v\n1,"open\n', "utf-8")
    with open_source(export / "?.csv") as source, pytest.raises(SourceError) as caught:
        list(source.rows())
    assert (Path(caught.value.path).name, caught.value.row) == ("b.csv", 2)


def test_files_of_json_have_the_columns_of_all(tmp_path: Path) -> None:
    (tmp_path / "1.jsonl").write_text('{"a": 1}\n')
    (tmp_path / "2.jsonl").write_text('{"b": 1}\n')
    with open_source(tmp_path / "*.jsonl") as source:
        assert source.columns == ("a", "b")


def test_a_pattern_that_nothing_matches_is_an_error(export: Path) -> None:
    with pytest.raises(SourceError, match="no file matches"):
        open_source(export / "x*.csv")


def test_a_name_with_wildcards_in_it_is_a_file_if_it_is_there(tmp_path: Path) -> None:
    path = tmp_path / "a[1].csv"
    path.write_text("k\n1\n")
    with open_source(path) as source:
        assert rows(source) == [(2, {"k": "1"})]


def test_a_column_of_the_source_is_not_hidden_by_the_file_column(export: Path) -> None:
    with pytest.raises(SourceError, match="duplicate-header"):
        open_source(export / "a.csv", file_column="v")


@LINKS
def test_a_pattern_of_a_mapping_does_not_lead_out_of_its_folder(export: Path, tmp_path_factory: Any) -> None:
    secret = tmp_path_factory.mktemp("elsewhere") / "secret.csv"
    secret.write_text("k,v\n9,secret\n")
    (export / "z.csv").symlink_to(secret)
    with pytest.raises(SourceError) as caught:
        open_with(export / "*.csv", SourceOptions(), inside=export)
    assert caught.value.code == "outside-folder"
    with open_source(export / "*.csv") as source:  # a person named it
        assert rows(source)[-1][1]["v"] == "secret"


@LINKS
def test_folders_that_are_links_are_not_walked_through(export: Path) -> None:
    (export / "loop").symlink_to(export)
    with open_source(export / "**" / "*.csv") as source:
        assert len(rows(source)) == 4
