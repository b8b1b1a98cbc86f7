"""Sources that are not there, and sources without rows: what each command says, and how it ends."""

from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from opusmap.cli import main

COMMANDS = ("check", "map", "preview", "submit")
COLUMNS = ("No", "Title", "By", "Created")
CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": {
        "rowKey": "SingleText",
        "leafName": "SingleText",
        "termFullPath": "Taxonomy",
        "timeCreated": "DateTime",
        "timeModified": "DateTime",
        "createdBy": "SingleText",
        "modifiedBy": "SingleText",
    },
}
MAPPING = """opusmap: 1
connection: c.json
source: {%s}
timezone: UTC
fields:
  rowKey: No
  Name: Title
  timeCreated: Created
  timeModified: Created
  createdBy: By
  modifiedBy: By
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("OPUSMAP_DATABASE_GONE", raising=False)
    Path("c.json").write_text(json.dumps(CONNECTION))
    return tmp_path


def run(command: str, *arguments: str) -> int:
    more = {"submit": ["--to", "emulator"], "map": ["-o", "out.jsonl"]}.get(command, [])
    return main([command, "m.yaml", *arguments, *more])


def write_mapping(source: str) -> None:
    Path("m.yaml").write_text(MAPPING % source)


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("source", "code"),
    [
        ("path: gone.csv", "no-source"),
        ("path: gone.xlsx", "no-source"),
        ("path: gone.parquet", "no-source"),
        ("path: gone.db, sql: SELECT 1 AS No", "no-source"),
        ("path: gone/contracts.csv", "no-source"),
        ("path: c.json/contracts.csv", "no-source"),
        ("path: gone, format: files", "no-source"),
        ("path: 'gone*.csv'", "no-source"),
        ("path: 'gone/**/*.csv'", "no-source"),
        ("path: gone.csv, file_column: File", "no-source"),
        ("empty: ['']", "no-source"),
        ("database: OPUSMAP_DATABASE_GONE, sql: SELECT 1 AS No", "no-database"),
    ],
)
def test_a_source_that_is_not_there_is_an_error_with_a_way_out(
    command: str, source: str, code: str, capsys: pytest.CaptureFixture[str]
) -> None:
    write_mapping(source)
    assert run(command) == 2
    said = capsys.readouterr()
    assert f"error[{code}]" in said.err
    assert "help:" in said.err
    assert "Traceback" not in said.err
    assert not said.out
    assert not [path for path in Path().iterdir() if path.name not in ("c.json", "m.yaml")]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_source_that_is_named_and_not_there_is_the_same_error(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("contracts.csv").write_text("No,Title,By,Created\n")
    write_mapping("path: contracts.csv")
    assert run(command, "gone.csv") == 2
    assert "gone.csv: error[no-source]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "arguments", "place"),
    [
        ("path: contract.csv", (), "; it is named in m.yaml:3\n"),
        ("path: x.csv", ("contract.csv",), "not there\n"),
    ],
)
def test_of_a_source_that_is_not_there_the_near_file_and_the_line_are_named(
    source: str, arguments: tuple[str, ...], place: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("contracts.csv").write_text("No,Title,By,Created\n")
    Path("contract.txt").touch()  # of another kind
    write_mapping(source)
    assert run("check", *arguments) == 2
    said = capsys.readouterr().err
    assert place in said
    assert 'help: did you mean "contracts.csv"?' in said


def test_errors_of_the_mapping_come_before_a_source_that_is_not_there(
    capsys: pytest.CaptureFixture[str],
) -> None:
    write_mapping("path: gone.csv")
    Path("m.yaml").write_text(Path("m.yaml").read_text() + "  Colour: Hue\n")
    assert run("check") == 2
    said = capsys.readouterr().err
    assert "unknown-target" in said
    assert "no-source" not in said


@pytest.mark.parametrize("command", ["check", "preview", "submit"])
def test_a_where_that_excludes_every_row_is_shown_and_is_what_to_look_at_next(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("c.csv").write_text("No,Title,By,Created\n1,a,x,2024-01-02\n2,b,x,2024-01-02\n")
    write_mapping("path: c.csv")
    Path("m.yaml").write_text(Path("m.yaml").read_text() + 'where: "{{ No == 1 }}"\n')
    assert run(command) == 0
    shown = " ".join(capsys.readouterr().err.split())
    which = "each of the first 2 rows" if command == "preview" else "every row (2 of 2)"
    assert f"m.yaml:12:8: `where` excludes {which}: {{{{ No == 1 }}}}" in shown
    assert "Next, look at `where` in m.yaml, and at what it reads of a row: opusmap explain m.yaml" in shown
    assert "warning[text-equals-number]" in shown or command != "check"
    assert main(["explain", "m.yaml", "rowKey"]) == 0
    assert "`where` reads column No" in capsys.readouterr().out
    assert run(command, "--quiet") == 0
    assert "Next" not in capsys.readouterr().err


BROKEN = {
    "cut.json": ('[{"No": "1", "Title": "a"}, {"No": ', "json-syntax"),
    "cut.jsonl": ('{"No": "1"\n{"Nr": "2"}\n', "json-syntax"),
    "pretty.jsonl": ('[\n  {"No": "1"},\n  {"Nr": "2"}\n]\n', "not-an-object"),
    "words.json": ('[{"No": 1, "Sum": NaN}, {"Nr": 2}]', "json-syntax"),
    "quote.csv": ('No,"Title\n', "unclosed-quote"),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("command", COMMANDS)
def test_what_is_wrong_in_the_source_is_told_once_and_before_columns_that_it_seems_to_lack(
    name: str, command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, code = BROKEN[name]
    Path(name).write_text(content)
    write_mapping(f"path: {name}")
    assert run(command) == 2
    said = capsys.readouterr().err
    assert said.count("error[") == said.count(f"error[{code}]") == 1
    assert "help:" in said


def test_errors_of_the_mapping_follow_that_of_a_source_that_can_not_be_read(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("cut.json").write_text(BROKEN["cut.json"][0])
    write_mapping("path: cut.json")
    Path("m.yaml").write_text(Path("m.yaml").read_text() + "  Colour: Hue\n")
    assert run("check") == 2
    said = capsys.readouterr().err
    assert said.startswith("cut.json")
    assert said.count("error[") == 2
    assert said.index("error[json-syntax]") < said.index("error[unknown-target]")
    assert run("check", "--json") == 2
    found = json.loads(capsys.readouterr().out)
    assert found["error"] == "SourceError"
    assert [one["code"] for one in found["diagnostics"]] == ["unknown-target"]


def test_a_row_that_can_not_be_read_hides_no_column_that_is_lacking_without_it(
    capsys: pytest.CaptureFixture[str],
) -> None:
    Path("x.jsonl").write_text('{"Nr": "1"}\n')
    write_mapping("path: x.jsonl")
    assert run("check") == 2
    assert capsys.readouterr().err.count("error[unknown-column]") == 6


def test_a_mapping_is_checked_alone_where_that_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    write_mapping("path: gone.csv")
    assert run("check", "--no-source") == 0
    unseen = "No row was looked at, nor the names of the source's columns (--no-source)."
    assert f"no errors. {unseen}" in capsys.readouterr().err
    assert run("check", "--no-source", "--json") == 0
    assert list(json.loads(capsys.readouterr().out)) == ["diagnostics"]
    Path("gone.csv").write_text("Other\n1\n")  # even where it is there, it is not looked at
    assert run("check", "--no-source") == 0
    Path("m.yaml").write_text(Path("m.yaml").read_text() + "  Colour: Hue\n")
    assert run("check", "--no-source") == 2


def test_a_mapping_is_not_checked_alone_and_with_a_source(capsys: pytest.CaptureFixture[str]) -> None:
    write_mapping("path: gone.csv")
    assert run("check", "x.csv", "--no-source") == 2
    assert "it takes no SOURCE" in capsys.readouterr().err


def make_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE contract (No, Title, By, Created)")


def make_parquet(path: Path) -> None:
    arrow = pytest.importorskip("pyarrow", reason="the extra parquet is not installed")
    parquet = pytest.importorskip("pyarrow.parquet", reason="the extra parquet is not installed")
    parquet.write_table(arrow.table({name: arrow.array([], arrow.string()) for name in COLUMNS}), path)


def make_workbook(path: Path) -> None:
    pytest.importorskip("python_calamine", reason="the extra excel is not installed")
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(COLUMNS)
    book.save(path)


EMPTY = {
    "x.csv": ("No,Title,By,Created\n", "path: x.csv"),
    "unended.csv": ("No,Title,By,Created", "path: unended.csv"),
    "blank.csv": ("No,Title,By,Created\n\n\n", "path: blank.csv"),
    "x.json": ("[]", "path: x.json"),
    "inner.json": ('{"rows": []}', "path: inner.json, items: $.rows"),
    "x.jsonl": ("", "path: x.jsonl"),
    "blank.jsonl": ("\n\n", "path: blank.jsonl"),
    "each.jsonl": ('{"No": 1, "Title": "", "By": "", "Created": "", "l": []}\n', "path: each.jsonl, each: l"),
    "one.csv": ("No,Title,By,Created\n", "path: 'on*.csv'"),
    "x.db": (make_database, "path: x.db, sql: SELECT * FROM contract"),
    "x.parquet": (make_parquet, "path: x.parquet"),
    "x.xlsx": (make_workbook, "path: x.xlsx"),
}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("name", EMPTY)
def test_a_source_without_rows_is_no_error_and_told(
    command: str, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    content, source = EMPTY[name]
    if callable(content):
        content(Path(name))
    else:
        Path(name).write_text(content)
    write_mapping(source)
    assert run(command) == 0
    assert "no rows, so there was nothing to do" in capsys.readouterr().err
    assert run(command, "-q") == 0
    assert "nothing to do" not in capsys.readouterr().err


def test_a_folder_without_files_has_no_rows(capsys: pytest.CaptureFixture[str]) -> None:
    Path("share").mkdir()
    Path("m.yaml").write_text(
        "opusmap: 1\nconnection: c.json\nsource: {path: share}\nfields:\n  rowKey: path\n  Name: name\n"
        "  timeCreated: modified\n  timeModified: modified\n"
        "  createdBy: {const: R}\n  modifiedBy: {const: R}\n"
    )
    assert run("check") == 0
    assert "no rows, so there was nothing to do" in capsys.readouterr().err


def test_a_file_of_no_bytes_has_no_header_and_is_an_error(capsys: pytest.CaptureFixture[str]) -> None:
    Path("x.csv").write_bytes(b"")
    write_mapping("path: x.csv")
    assert run("check") == 2
    assert "error[no-header]" in capsys.readouterr().err
