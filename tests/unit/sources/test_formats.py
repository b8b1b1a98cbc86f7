"""From path, stream or iterable to a source: formats, reading again, closing, errors."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import threading
import tracemalloc
from pathlib import Path

import pytest

from opusmap.errors import SourceError
from opusmap.mapping import SourceOptions
from opusmap.mapping.schema import load_schema
from opusmap.records import Reject, Row
from opusmap.source_options import FORMATS
from opusmap.sources import all_formats, from_rows, open_source, open_with
from opusmap.sources.formats import COMMON_OPTIONS


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".CSV"])
def test_the_suffix_decides_the_format(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text("a,b\n1,2\n")
    with open_source(str(path)) as source:
        assert source.name == str(path)
        assert source.columns == ("a", "b")


@pytest.mark.parametrize("suffix", [".jsonl", ".ndjson"])
def test_json_lines_go_by_two_suffixes(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"x{suffix}"
    path.write_text('{"a":1}\n')
    with open_source(path) as source:
        assert list(source.rows()) == [Row(1, {"a": 1})]


@pytest.mark.parametrize("name", ["x.docx", "x", "-"])
def test_an_unknown_format_is_an_error_that_names_the_known_ones(name: str) -> None:
    with pytest.raises(SourceError) as caught:
        open_source(name)
    assert caught.value.code == "unknown-format"
    suffixes = [suffix for one in all_formats() for suffix in one.suffixes]
    assert len(suffixes) > 10
    assert all(suffix in caught.value.help for suffix in suffixes)


@pytest.mark.parametrize(
    ("start", "kind", "advice"),
    [
        (b"\x89PNG\r\n\x1a\n", "a picture", "name the export"),
        (b"%PDF-1.7\n1 0 obj\n", "a PDF document", "name the export"),
        (b"PK\x03\x04\x14\0", "a workbook, an Office document or a ZIP file", "for a ZIP file, unpack it"),
    ],
)
@pytest.mark.parametrize("suffix", ["csv", "bin"])
def test_a_file_that_is_no_export_is_named_by_what_it_is(
    tmp_path: Path, start: bytes, kind: str, advice: str, suffix: str
) -> None:
    path = tmp_path / f"x.{suffix}"
    path.write_bytes(start)
    with pytest.raises(SourceError) as caught:
        open_source(path)
    assert f"this is {kind}" in caught.value.problem
    assert advice in caught.value.help


def test_a_stated_format_may_be_written_in_capitals(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("a,b\n1,2\n")
    with open_source(tmp_path / "a.txt", format="CSV") as source:
        assert source.columns == ("a", "b")
    with open_source(tmp_path / "*.txt", format="FILES") as source:
        assert [row.values["name"] for row in source.rows()] == ["a.txt"]


def test_a_misspelled_format_gets_a_suggestion() -> None:
    with pytest.raises(SourceError, match="did you mean"):
        open_source("x.csv", format="jsonll")


def test_the_schema_offers_each_format_and_each_key_that_some_format_takes() -> None:
    keys = load_schema()["properties"]["source"]["properties"]
    formats = list(all_formats())
    assert keys["format"]["examples"] == list(FORMATS) == [one.name for one in formats]
    assert set(keys) == {*COMMON_OPTIONS, *(option for one in formats for option in one.options)}


def test_no_two_formats_share_a_name_or_a_suffix() -> None:
    formats = list(all_formats())
    suffixes = [suffix for one in formats for suffix in one.suffixes]
    assert len(set(suffixes)) == len(suffixes)
    assert len({one.name for one in formats}) == len(formats)


def test_a_format_is_found_before_those_that_come_later_are_loaded() -> None:
    code = (
        "import sys, opusmap.sources as sources\n"
        "sources.open_source(sys.stdin.buffer, format='csv').close()\n"
        "names = ('workbook', 'parquet', 'sqlite')\n"
        "print([name for name in names if f'opusmap.sources.{name}' in sys.modules])\n"
    )
    ended = subprocess.run([sys.executable, "-c", code], input=b"a\n1\n", capture_output=True, check=True)
    assert ended.stdout.split() == [b"[]"]


def test_what_can_not_be_opened_is_a_source_error(tmp_path: Path) -> None:
    for path in (tmp_path / "missing.csv", tmp_path, Path("nul\0.csv")):
        with pytest.raises(SourceError) as caught:
            open_source(path, format="csv")
        assert caught.value.code == "source-unreadable"


def test_a_file_can_be_read_again_and_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n2\n")
    with open_source(path) as source:
        assert source.rereadable
        assert next(source.rows()) == Row(2, {"a": "1"})
        assert list(source.rows()) == list(source.rows()) == [Row(2, {"a": "1"}), Row(3, {"a": "2"})]


def test_a_file_whose_header_changed_meanwhile_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    with open_source(path) as source:
        list(source.rows())
        path.write_text("b\n1\n")
        with pytest.raises(SourceError) as caught:
            source.rows()
    assert caught.value.code == "source-changed"


def test_a_stream_is_read_once_and_stays_open() -> None:
    stream = io.StringIO("a\n1\n")
    with open_source(stream, format="csv") as source:
        assert not source.rereadable
        assert list(source.rows()) == [Row(2, {"a": "1"})]
        with pytest.raises(SourceError) as caught:
            source.rows()
    assert caught.value.code == "read-once"
    assert not stream.closed


def test_standard_input_is_a_dash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a;b\n1;2\n")))
    with open_source("-", format="csv") as source:
        assert source.name == "<stdin>"
        assert list(source.rows()) == [Row(2, {"a": "1", "b": "2"})]


def test_standard_input_has_the_format_of_the_mappings_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b'{"a": 1}\n')))
    with open_with("-", SourceOptions(path="export.jsonl")) as source:
        assert source.name == "<stdin>"
        assert list(source.rows()) == [Row(1, {"a": 1})]


@pytest.mark.parametrize("column", [None, "file"])
def test_what_opens_a_source_watches_its_file(tmp_path: Path, column: str | None) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a\n1\n")
    with open_source(path, file_column=column) as source:
        assert source.watch is not None
        source.watch.begin()
        assert source.watch.changes() == ()
        path.write_text("a\n22\n")
        assert [change.path for change in source.watch.changes()] == [str(path)]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="the system has no named pipes")
def test_a_named_pipe_is_a_stream(tmp_path: Path) -> None:
    path = tmp_path / "pipe.csv"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("a\n1\n",))
    writer.start()
    with open_source(path) as source:
        assert not source.rereadable
        assert list(source.rows()) == [Row(2, {"a": "1"})]
    writer.join()


def test_a_closed_stream_or_a_text_stream_with_bad_bytes_is_a_source_error() -> None:
    closed = io.BytesIO(b"a")
    closed.close()
    bad = io.TextIOWrapper(io.BytesIO(b"a\n\xe9\n"), encoding="utf-8")
    for stream, code in ((closed, "source-unreadable"), (bad, "encoding")):
        with pytest.raises(SourceError) as caught:
            open_source(stream, format="csv")
        assert caught.value.code == code


def test_an_unusable_file_is_not_left_open(tmp_path: Path) -> None:
    path = tmp_path / "x.csv"
    path.write_text("a,a\n")
    with pytest.raises(SourceError):  # a file left open would warn, and warnings are errors
        open_source(path)


@pytest.mark.parametrize(
    ("name", "first", "line", "last"),
    [
        ("x.csv", "a,b\n", "1,{}\n", ""),
        ("x.jsonl", "", '{{"a":"1","b":"{}"}}\n', ""),
        ("x.json", "[1", ',{{"a":"1","b":"{}"}}\n', "]"),
    ],
)
def test_memory_does_not_grow_with_the_rows(
    tmp_path: Path, name: str, first: str, line: str, last: str
) -> None:
    path = tmp_path / name
    path.write_text(first + line.format("x" * 1_000) * 20_000 + last)
    tracemalloc.start()
    try:
        with open_source(path) as source:
            assert sum(1 for part in source.parts() for _ in part.rows()) >= 20_000
        assert tracemalloc.get_traced_memory()[1] < path.stat().st_size / 2
    finally:
        tracemalloc.stop()


def test_rows_of_a_program_are_numbered_from_1_and_kept_as_they_are() -> None:
    values = {"a": 1}
    source = from_rows([values, {"b": 2}])
    assert source.rereadable
    assert source.columns is None
    first, second = source.rows()
    assert (first, second) == (Row(1, {"a": 1}), Row(2, {"b": 2}))
    assert first.values is values


def test_what_is_no_mapping_is_rejected_with_its_number() -> None:
    source = from_rows(iter([{"a": 1}, "x"]), "feed")  # type: ignore[arg-type]
    assert source.name == "feed"
    assert not source.rereadable
    good, bad = source.rows()
    assert good == Row(1, {"a": 1})
    assert isinstance(bad, Reject)
    assert (bad.row, bad.problems[0].code) == (2, "not-an-object")
