"""Several files by a pattern, the files of a folder, gzip, and files without a header."""

from __future__ import annotations

import gzip
import io
import os
import tracemalloc
import zlib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from opusmap.errors import SourceError
from opusmap.mapping import SourceOptions
from opusmap.records import Reject, Row
from opusmap.sources import open_source, open_with
from opusmap.sources.folder import FOLDER_COLUMNS, split_pattern
from opusmap.sources.text_io import BLOCK_SIZE

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


def test_two_stars_stand_for_any_folders(export: Path) -> None:
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


def test_what_is_wrong_in_a_file_is_told_with_its_name_and_its_own_row(export: Path) -> None:
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


def test_the_files_of_a_folder_are_rows_with_what_is_known_of_them(export: Path) -> None:
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
def test_a_folder_is_no_file_and_has_its_own_columns(export: Path, options: dict[str, Any]) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(export, **options)
    assert caught.value.help


def test_a_compressed_file_is_read_and_told(tmp_path: Path) -> None:
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress("\ufeffä,b\n1,2\n".encode()) + b"\0" * 9 + gzip.compress(b"3,4\n"))
    with open_source(path) as source:
        assert rows(source) == [(2, {"ä": "1", "b": "2"}), (3, {"ä": "3", "b": "4"})]
        assert [note.split()[-1] for note in source.notes[:2]] == ["gzip", "UTF-8"]


@given(st.binary(max_size=3_000), st.integers(1, 900), st.booleans())
def test_what_was_compressed_comes_back_wherever_blocks_end(content: bytes, size: int, twice: bool) -> None:  # noqa: FBT001
    from opusmap.sources.text_io import _unpack

    packed = gzip.compress(content) * (2 if twice else 1)
    blocks = [packed[start : start + size] for start in range(0, len(packed), size)]
    assert b"".join(_unpack(iter(blocks), "x")) == content * (2 if twice else 1)


@pytest.mark.parametrize("cut", [12, 40, -1, -9])
def test_a_compressed_file_cut_off_or_damaged_is_refused(cut: int) -> None:
    packed = gzip.compress(b"a,b\n" + os.urandom(2_000).hex().encode() + b",1\n")
    for data in (packed[:cut], packed[:30] + b"\xff\xff\xff" + packed[33:]):
        with pytest.raises(SourceError) as caught, open_source(io.BytesIO(data), format="csv") as source:
            list(source.rows())
        assert caught.value.code == "source-damaged"


def test_a_small_file_that_unpacks_to_far_more_stays_small_in_memory() -> None:
    packer = zlib.compressobj(9, wbits=31)
    bomb = packer.compress(b"a,b\n") + b"".join(
        packer.compress(b"1," + b"x" * 900_000 + b"\n") for _ in range(80)
    )
    bomb += packer.flush()
    assert len(bomb) < 200_000
    tracemalloc.start()
    try:
        with open_source(io.BytesIO(bomb), format="csv", delimiter=",") as source:
            assert sum(1 for _ in source.rows()) == 80
        assert tracemalloc.get_traced_memory()[1] < 80 * BLOCK_SIZE  # of 72 MB
    finally:
        tracemalloc.stop()


def test_a_file_without_a_header_has_the_columns_that_are_given() -> None:
    with open_source(io.StringIO("1,x\n2\n3,z\n"), format="csv", columns=("k", "v"), delimiter=",") as source:
        assert source.columns == ("k", "v")
        first, bad, last = source.rows()
    assert (first, last) == (Row(1, {"k": "1", "v": "x"}), Row(3, {"k": "3", "v": "z"}))
    assert isinstance(bad, Reject)
    assert (bad.row, bad.problems[0].code) == (2, "ragged-row")


@pytest.mark.parametrize("options", [{"columns": ("a", "a")}, {"columns": ("a",), "header_row": 2}])
def test_given_columns_must_be_told_apart_and_leave_no_header(options: dict[str, Any]) -> None:
    with pytest.raises(SourceError):
        open_source(io.StringIO("1,2\n"), format="csv", **options)


def test_a_bad_byte_shows_what_the_place_would_read_as_in_windows_encoding() -> None:
    with (
        pytest.raises(SourceError) as caught,
        open_source(io.BytesIO(b"a\nThe caf\xe9 in\n"), format="csv") as source,
    ):
        list(source.rows())
    assert '"a\\nThe café in\\n"' in caught.value.help
