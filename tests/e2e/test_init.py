"""`opusmap init` as a records manager uses it: two files in, a draft out, and nothing replaced unasked."""

from __future__ import annotations

import json
import re
import shutil
import sqlite3
from contextlib import closing
from datetime import datetime
from pathlib import Path

import jsonschema
import pytest
import yaml

from opusmap.cli import main

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"


@pytest.fixture
def folder(tmp_path, monkeypatch):
    for name in ("contracts.connection.json", "contracts.csv"):
        shutil.copy(CONTRACTS / name, tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_draft_is_checked_up_to_its_todos(folder, capsys):
    assert main(["init", "contracts.connection.json", "contracts.csv"]) == 0
    told = capsys.readouterr().err
    assert "the 5 TODOs to decide" in told
    text = Path("mapping.yaml").read_text("utf-8")
    comments = len(re.findall(r"^ +# .*TODO", text.partition("fields:")[2], re.MULTILINE))
    more = f"{comments} more TODO{' is in a comment' if comments == 1 else 's are in comments'}: questions"
    assert comments > 0
    assert more in told
    assert main(["check", "mapping.yaml"]) == 2
    problems = capsys.readouterr().err
    assert problems.count("error[to-do]") == problems.count("error[") == 5


def test_a_draft_whose_todos_are_decided_maps_its_rows_and_passes_its_tests(folder, capsys):
    known = ["--timezone", "Australia/Sydney", "--datetime-format", "19/12/2024 18:15"]
    assert main(["init", "contracts.connection.json", "contracts.csv", *known]) == 0
    text = Path("mapping.yaml").read_text("utf-8")
    assert 'datetime_format: "%d/%m/%Y %H:%M"' in text
    text = re.sub(r"^( +)#- ", r"\1- ", text, flags=re.MULTILINE)  # as if Opus had what the source has
    text = re.sub(r'^ +- "TODO.*\n', "", text, flags=re.MULTILINE)
    Path("mapping.yaml").write_text(text, "utf-8")
    assert main(["test", "mapping.yaml"]) == 0
    capsys.readouterr()
    assert main(["check", "mapping.yaml", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert found["mapped"] > 800  # the register is dirty on purpose: rows without an author or a number


def test_a_drafted_test_that_fails_after_a_change_of_a_rule_says_that_it_was_drafted(folder, capsys):
    known = ["--timezone", "Australia/Sydney", "--datetime-format", "%Y-%m-%d %H:%M:%S"]
    assert main(["init", "contracts.connection.json", "contracts.csv", "-q", *known]) == 0
    text = re.sub(r"^( +)#- ", r"\1- ", Path("mapping.yaml").read_text("utf-8"), flags=re.MULTILINE)
    text = re.sub(r'^ +- "TODO.*\n', "", text, flags=re.MULTILINE)
    changed = re.sub("^  Row key: ContractNo ", '  Row key: "CT-{{ ContractNo }}" ', text, flags=re.MULTILINE)
    Path("mapping.yaml").write_text(changed, "utf-8")
    assert main(["test", "mapping.yaml"]) == 1
    shown = capsys.readouterr().out
    assert shown.count("as drafted\n") == shown.count("`opusmap init` took what this test expects") == 2
    Path("mapping.yaml").write_text(changed.replace('Row key: "0', 'Row key: "CT-0'), "utf-8")  # accepted
    assert main(["test", "mapping.yaml"]) == 0
    assert "took what this test expects" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "command", ["check", "preview", "test", "map", "lock", "explain Name", "submit --to emulator"]
)
def test_a_draft_without_its_todos_is_refused_by_each_command_until_a_person_lists_the_options(
    folder, capsys, command
):
    known = ["--timezone", "Australia/Sydney", "--datetime-format", "%Y-%m-%d %H:%M:%S"]
    assert main(["init", "contracts.connection.json", "contracts.csv", "-q", *known]) == 0
    text = Path("mapping.yaml").read_text("utf-8")
    Path("mapping.yaml").write_text(re.sub(r'^ +- "TODO.*\n', "", text, flags=re.MULTILINE), "utf-8")
    name, *options = command.split()
    assert main([name, "mapping.yaml", *options]) == 2
    assert capsys.readouterr().err.count("error[missing-choices]") == 3


def test_the_schema_beside_a_draft_knows_it(folder):
    assert main(["init", "contracts.connection.json", "contracts.csv", "-q"]) == 0
    text = Path("mapping.yaml").read_text("utf-8")
    schema = re.match(r"# yaml-language-server: \$schema=(\S+)\n", text)[1]
    jsonschema.validate(yaml.safe_load(text), json.loads(Path(schema).read_text("utf-8")))


def test_nothing_is_replaced_unasked(folder, capsys):
    Path("mapping.yaml").write_text("mine", "utf-8")
    assert main(["init", "contracts.connection.json", "contracts.csv"]) == 2
    assert "--force" in capsys.readouterr().err
    assert Path("mapping.yaml").read_text("utf-8") == "mine"
    assert main(["init", "contracts.connection.json", "contracts.csv", "--force"]) == 0
    assert Path("mapping.yaml").read_text("utf-8") != "mine"


def test_a_draft_is_printed_where_that_is_asked_for(folder, capsys):
    assert main(["init", "contracts.connection.json", "contracts.csv", "-o", "-"]) == 0
    assert "fields:" in capsys.readouterr().out
    assert not Path("mapping.yaml").exists()


def test_what_the_source_needs_to_be_read_stands_in_the_draft(folder, capsys):
    lines = "Exported on 3 May\n\nDocNo;Title\n1;Lease of hall\n2;Caf\xe9 lease\n"
    Path("export.txt").write_bytes(lines.encode("cp1252"))
    options = ["--set", "encoding=cp1252", "--set", "header_row=3", "--set", "delimiter=;"]
    assert main(["init", "contracts.connection.json", "export.txt", *options]) == 0
    source = yaml.safe_load(Path("mapping.yaml").read_text("utf-8"))["source"]
    assert source == {"path": "export.txt", "encoding": "cp1252", "header_row": 3, "delimiter": ";"}
    assert "a source for 2 of the connection's 18 columns" in capsys.readouterr().err


@pytest.mark.parametrize("suffix", [".csv", ".xlsx"])
@pytest.mark.parametrize("above", [[["Register of deeds"]], [["Register of deeds", "2024"], []], [[], []]])
def test_the_header_is_found_below_titles_and_written(folder, capsys, suffix, above):
    rows = [*above, ["DocNo", "Title", "Sum", ""], ["0001", "Lease", "5", ""], ["0002", "Barn", "6", ""]]
    if suffix == ".csv":
        Path("export.csv").write_text("".join(";".join(row) + "\n" for row in rows), "utf-8")
    else:
        book = pytest.importorskip("openpyxl").Workbook()
        for row in rows:
            book.active.append(row or [None])
        book.save("export.xlsx")
    assert main(["init", "contracts.connection.json", f"export{suffix}"]) == 0
    assert yaml.safe_load(Path("mapping.yaml").read_text("utf-8"))["source"]["header_row"] == len(above) + 1
    assert "columns, 2 rows" in capsys.readouterr().err
    assert main(["check", "mapping.yaml"]) == 2
    problems = capsys.readouterr().err
    assert problems.count("error[to-do]") == problems.count("error[") > 0


def test_a_header_in_the_first_row_needs_no_line(folder):
    assert main(["init", "contracts.connection.json", "contracts.csv", "-q"]) == 0
    assert "header_row" not in Path("mapping.yaml").read_text("utf-8")


def test_numbered_names_are_names_everywhere(folder, capsys):
    Path("export.csv").write_text("DocNo,Title,Title\n0001,=Lease,\n0001,Barn,second\n", "utf-8")
    mapping = (
        "opusmap: 1\nconnection: contracts.connection.json\nsource: {path: export.csv, headers: number}\n"
        "columns: {createdBy: {required: false}, timeCreated: {required: false},"
        " modifiedBy: {required: false}, timeModified: {required: false}}\n"
        "fields: {rowKey: DocNo, Name: \"{{ row['Title (2)'] | default('none') }}\"}\n"
        "tests: [{row: {DocNo: '1', Title (2): b}, expect: {rowKey: '1', Name: b}}]\n"
    )
    Path("mapping.yaml").write_text(mapping, "utf-8")
    assert main(["test", "mapping.yaml"]) == 0
    assert main(["explain", "mapping.yaml", "Name"]) == 0
    assert "none" in capsys.readouterr().out
    assert main(["map", "mapping.yaml", "-o", "out.jsonl"]) == 1  # the second row has the first one's key
    (rejects,) = Path().glob("*rejects*.csv")
    text = rejects.read_text("utf-8-sig")
    assert "Title (2)" in text
    rejects.write_text(text.replace("0001", "0002", 1), "utf-8-sig")
    capsys.readouterr()
    assert main(["retry", "mapping.yaml", str(rejects), "--to", "emulator"]) == 0
    assert "1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--set", "header"], "header_row=3"),
        (["--set", "hedder_row=3"], "hedder_row"),
        (["-o", "elsewhere/mapping.yaml"], "beside the mapping"),
    ],
)
def test_what_can_not_be_is_told(folder, capsys, options, told):
    assert main(["init", "contracts.connection.json", "contracts.csv", *options]) == 2
    assert told in capsys.readouterr().err


def test_a_source_from_elsewhere_is_named_on_the_command_line(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("exports") / "contracts.csv"
    shutil.move("contracts.csv", other)
    assert main(["init", "contracts.connection.json", str(other), "-q"]) == 0
    assert "path:" not in Path("mapping.yaml").read_text("utf-8").partition("fields:")[0]
    assert main(["check", "mapping.yaml", str(other)]) == 2  # its TODOs, and nothing else


def test_a_database_and_a_file_without_a_header_are_read_as_the_mapping_will(folder, capsys):
    with closing(sqlite3.connect("register.db")) as database:
        database.execute("CREATE TABLE Deed (DocNo TEXT, Title TEXT)")
        database.executemany("INSERT INTO Deed VALUES (?, ?)", [("0001", "Lease of hall"), ("0002", "Lease")])
        database.commit()
    Path("plain.csv").write_text("0001,Lease of hall\n0002,Lease\n", "utf-8")
    for source, option in (("register.db", "sql=SELECT * FROM Deed"), ("plain.csv", "columns=DocNo,Title")):
        assert main(["init", "contracts.connection.json", source, "--set", option, "--force"]) == 0
        text = Path("mapping.yaml").read_text("utf-8")
        assert yaml.safe_load(text)["fields"]["Row key"] == "DocNo"
        assert main(["check", "mapping.yaml"]) == 2
        problems = capsys.readouterr().err
        assert problems.count("error[to-do]") == problems.count("error[") > 0


def test_a_workbook_is_drafted_like_any_other_source(folder, capsys):
    openpyxl = pytest.importorskip("openpyxl")
    book = openpyxl.Workbook()
    book.active.append(["DocNo", "Title", "Created", "Modified"])
    for day in range(1, 9):
        book.active.append([1_000 + day, f"Lease {day}", datetime(2024, 1, day, 10), datetime(2024, 2, day)])  # noqa: DTZ001 - a workbook's times have no zone
    book.save("register.xlsx")
    assert main(["init", "contracts.connection.json", "register.xlsx"]) == 0
    fields = yaml.safe_load(Path("mapping.yaml").read_text("utf-8"))["fields"]
    expected = {"Row key": "DocNo", "Name": "Title", "Created time": "Created", "Modified time": "Modified"}
    assert fields | expected == fields
    assert main(["check", "mapping.yaml"]) == 2
    assert "timezone is still TODO" in capsys.readouterr().err


def test_what_the_reader_decided_is_told_and_stands_in_the_draft(folder, capsys):
    assert main(["init", "contracts.connection.json", "contracts.csv"]) == 0
    assert "comma was used as the delimiter" in capsys.readouterr().err
    assert "# comma was used as the delimiter" in Path("mapping.yaml").read_text("utf-8")


JSON = b'[\n{"DocNo": "1", "Title": "a"},\n{"DocNo": "2", "Title" "b"}\n]\n'
UNREADABLE = {
    "broken.json": (b'{"rows": [{"a": 1}, {"a": 2', "json-syntax", ""),
    "broken.jsonl": (b'{"a": 1,}\n{"a": 2,}\n', "json-syntax", ""),
    "one-line.jsonl": (b'{"a": \n', "json-syntax", ""),
    "pretty.jsonl": (JSON, "not-an-object", '--set "format=json"'),
    "scalars.json": (b"[1, 2]", "not-an-object", ""),
    "twice.csv": (b"a,b,b\n1,2,3\n", "duplicate-header", '--set "headers=number"'),
    "bare.csv": (b"CT-0001,a\nCT-0002,b\n", "no-header", '--set "columns=[Column 1, Column 2]"'),
    "west.csv": (b"a,b\nCaf\xe9,1\n", "encoding", '--set "encoding=cp1252"'),
    "quote.csv": (b'a,b\n"x,1\n', "unclosed-quote", "--set \"quote=''\""),
    "lists.json": (b'{"x": 1, "y": [{"a": 1}], "z": []}', "no-items", '--set "items=$.y"'),
    "x.dat": (b"a,b\n", "unknown-format", '--set "format=\u2026"'),
    "x.sqlite": (b"", "no-query", '--set "sql=SELECT Id, Title FROM Contract"'),
    "empty.csv": (b"", "no-header", "is this the right file?"),
    "short.csv": (b"a,b\n1\n2,3,4\n", "ragged-row", ""),
}


@pytest.mark.parametrize("name", UNREADABLE)
def test_a_source_that_can_not_be_read_is_told_once_and_nothing_is_written(folder, capsys, name):
    content, code, option = UNREADABLE[name]
    Path(name).write_bytes(content)
    before = sorted(Path().iterdir())
    assert main(["init", "contracts.connection.json", name]) == 2
    told = capsys.readouterr().err
    assert told.count(f"error[{code}]") == told.count("error[") == 1
    assert option in told
    assert "source:" not in told.replace("`source:", "source:").partition("help:")[2]
    assert sorted(Path().iterdir()) == before


def test_the_option_that_a_help_names_makes_the_source_readable(folder, capsys):
    for name in ("twice.csv", "bare.csv", "west.csv", "quote.csv", "lists.json"):
        Path(name).write_bytes(UNREADABLE[name][0])
        assert main(["init", "contracts.connection.json", name]) == 2
        option = re.search(r'--set "(.+?)"`', capsys.readouterr().err)[1]
        assert main(["init", "contracts.connection.json", name, "--set", option, "--force", "-q"]) == 0
        key = option.partition("=")[0]
        assert key in yaml.safe_load(Path("mapping.yaml").read_text("utf-8"))["source"]


@pytest.mark.parametrize(
    ("option", "expected"),
    [
        ('columns=["Doc, No", "B"]', ["Doc, No", "B"]),
        ("columns=['Doc No', B]", ["Doc No", "B"]),
        ("columns=Doc No,B", ["Doc No", "B"]),
        ('columns=["a:\\tb", B]', ["a:\tb", "B"]),
    ],
)
def test_a_list_of_columns_is_yaml(folder, option, expected):
    Path("bare.csv").write_bytes(UNREADABLE["bare.csv"][0])
    assert main(["init", "contracts.connection.json", "bare.csv", "--set", option, "-q"]) == 0
    assert yaml.safe_load(Path("mapping.yaml").read_text("utf-8"))["source"]["columns"] == expected


def test_a_tab_can_be_written_and_what_is_not_closed_is_told(folder, capsys):
    Path("export.txt").write_text("DocNo\tTitle\n1\ta\n", "utf-8")
    assert main(["init", "contracts.connection.json", "export.txt", "--set", 'delimiter="\\t"', "-q"]) == 0
    assert yaml.safe_load(Path("mapping.yaml").read_text("utf-8"))["source"]["delimiter"] == "\t"
    assert main(["init", "contracts.connection.json", "export.txt", "--set", 'columns=["A",']) == 2
    assert "quotes for the shell" in capsys.readouterr().err


ADDRESS = "OPUSMAP_DATABASE_REGISTER"


def register_database(path: str) -> None:
    with closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE Deed (DocNo TEXT, Title TEXT)")
        database.execute("CREATE VIEW Current AS SELECT * FROM Deed")
        database.executemany("INSERT INTO Deed VALUES (?, ?)", [("0001", "Lease of hall"), ("0002", "Lease")])
        database.commit()


def test_a_database_is_drafted_from_its_variable_and_its_address_is_in_no_file(folder, capsys, monkeypatch):
    register_database("secret-place.db")
    monkeypatch.setenv(ADDRESS, "sqlite:///secret-place.db")
    options = ["--set", f"database={ADDRESS}", "--set", "sql=SELECT * FROM Deed"]
    assert main(["init", "contracts.connection.json", *options]) == 0
    text = Path("mapping.yaml").read_text("utf-8")
    assert yaml.safe_load(text)["source"] == {"database": ADDRESS, "sql": "SELECT * FROM Deed"}
    assert yaml.safe_load(text)["fields"]["Row key"] == "DocNo"
    assert "secret-place" not in text + capsys.readouterr().err
    assert main(["check", "mapping.yaml"]) == 2
    problems = capsys.readouterr().err
    assert problems.count("error[to-do]") == problems.count("error[") > 0


def test_a_database_without_a_query_names_its_tables(folder, capsys, monkeypatch):
    register_database("register.db")
    monkeypatch.setenv(ADDRESS, "sqlite:///register.db")
    for source in (["register.db"], ["--set", f"database={ADDRESS}"]):
        assert main(["init", "contracts.connection.json", *source]) == 2
        assert "its tables: Current, Deed" in capsys.readouterr().err
    assert not Path("mapping.yaml").exists()


def test_no_source_and_two_sources_are_refused(folder, capsys, monkeypatch):
    assert main(["init", "contracts.connection.json"]) == 2
    assert "--set database=" in capsys.readouterr().err
    monkeypatch.setenv(ADDRESS, "sqlite:///x.db")
    assert main(["init", "contracts.connection.json", "contracts.csv", "--set", f"database={ADDRESS}"]) == 2
    assert "two sources" in capsys.readouterr().err
