"""The problems of a text are those of `opusmap check`: the same issues, in the same order."""

from __future__ import annotations

import csv
import json
import os
import shutil
import sqlite3
from itertools import islice

import pytest
from documentation import ROOT
from small_mapping import CONNECTION

from opusmap.cli import main
from opusmap.language import LanguageService
from opusmap.records import Record

MAPPINGS = sorted(
    path for path in (ROOT / "mappings").rglob("*.yaml") if "opusmap: 1" in path.read_text("utf-8")
)

BROKEN = {
    "no YAML: a missing quote": ('"CT-{{ ContractNo }}"', '"CT-{{ ContractNo }}'),
    "no YAML: an open brace": ("{from: Title, convert: trim}", "{from: Title, convert: trim"),
    "no YAML: a tab": ("  Amount: Amount", "\tAmount: Amount"),
    "no YAML: an indentation": ("  Amount: Amount", "   Amount: Amount"),
    "a template without quotes": ('timeCreated: "{{ created }}"', "timeCreated: {{ created }}"),
    "an anchor that is not there": ("Amount: Amount", "Amount: *amount"),
    "a tag": ("Amount: Amount", "Amount: !!str Amount"),
    "a duplicate key": ("  Notes: Notes", "  Notes: Notes\n  Notes: Title"),
    "an unknown key": ("conflict: overwrite", "conflct: overwrite"),
    "an unknown value": ("conflict: overwrite", "conflict: overwritten"),
    "a wrong type": ("let:\n", "let: 3\n#"),
    "no value": ("timezone: Australia/Sydney", "timezone:"),
    "an unknown zone": ("timezone: Australia/Sydney", "timezone: Australia/Sidney"),
    "an unknown target": ("  Doc Type: DocType", "  Dok Type: DocType"),
    "an unknown column": ("  Doc Type: DocType", "  Doc Type: DokType"),
    "an unknown name in a template": ("Status != 'Draft'", "Statsu != 'Draft'"),
    "an unknown converter": ("convert: squeeze", "convert: squeezed"),
    "an unknown filter": ("CreatedUtc | datetime", "CreatedUtc | datetme"),
    "an unknown table": ("lookup: departments", "lookup: department"),
    "a file that is not there": ("path: staff.csv", "path: stuff.csv"),
    "a file outside": ("path: staff.csv", "path: ../staff.csv"),
    "a table without the column": ("value: email", "value: e-mail"),
    "a connection that is not there": ("connection: contracts.", "connection: contract."),
    "a fragment that is not there": ("conflict: overwrite", "include: [more.yaml]"),
    "a required column that is not bound": ("  createdBy: CreatedBy\n", ""),
    "a column that is bound twice": ("  Notes: Notes", "  Notes: Notes\n  _Notes: Title"),
    "a bad format": ('"%d/%m/%Y"', '"%d/%m/%Q"'),
    "an alias of no option": ("{Human Resources: HR}", "{Human Resources: HRM}"),
    "a duplicate option": ("[Contract, Deed,", "[Contract, Deed, Deed,"),
    "options that are not given": ("  Doc Type: [Contract, Deed, Lease, NDA, Variation]\n", ""),
    "to do": ("timezone: Australia/Sydney", "timezone: TODO"),
    "to do, and an error": ("timezone: Australia/Sydney", "timezone: TODO\nduplicates: lst"),
    "a binding to do": ("  Supplier: {from: Supplier, convert: squeeze}", "  Supplier: TODO"),
    "a warning: not used": ("let:\n", 'let:\n  other: "{{ Title }}"\n'),
    "a warning: may be empty": ('default: "{{ CreatedBy }}"', "convert: trim"),
    "several at once": ("  Doc Type: DocType\n  Tags:", "  Dok Type: DokType\n  Tagz:"),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """The bundled mapping of contracts with its files, and fewer rows."""
    folder = tmp_path_factory.mktemp("contracts")
    for path in (ROOT / "mappings" / "contracts").iterdir():
        shutil.copy(path, folder)
    with (folder / "contracts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(islice(csv.reader(file), 41))
    with (folder / "contracts.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return folder


@pytest.fixture(scope="module")
def service(folder):
    """One service for all texts, as in an editor: what it keeps of one must not show in the next."""
    return LanguageService(folder / "mapping.yaml")


def checked(path, capsys, *more):
    """Return what `opusmap check` says of a mapping."""
    main(["check", str(path), "--json", *more])
    found = json.loads(capsys.readouterr().out)
    return found.get("diagnostics", [])


def told(service):
    return json.loads(json.dumps([problem.as_json() for problem in service.problems]))


def in_order(problems):
    return sorted(problems, key=lambda one: (json.dumps(one["span"]), one["code"], one["message"]))


@pytest.mark.parametrize("path", MAPPINGS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_bundled_mappings_have_the_problems_of_check(path, capsys):
    service = LanguageService(path)
    service.update(path.read_text("utf-8"))
    has_source = (path.parent / "contracts.csv").exists()
    assert told(service) == checked(path, capsys, *([] if has_source else ["--no-source"]))
    assert service.error is None


@pytest.mark.parametrize("change", BROKEN.values(), ids=BROKEN)
def test_a_broken_mapping_has_the_problems_of_check(change, folder, service, capsys):
    text = (ROOT / "mappings" / "contracts" / "mapping.yaml").read_text("utf-8")
    assert change[0] in text
    broken = text.replace(*change)
    (folder / "mapping.yaml").write_text(broken, "utf-8")
    service.update(broken)
    found = told(service)
    assert found
    # A pattern that matches in no row is known when all rows have been looked at.
    rows = [one for one in checked(folder / "mapping.yaml", capsys) if one["code"] != "unmatched-pattern"]
    assert in_order(found) == in_order(rows)


@pytest.fixture
def small(tmp_path):
    data = {column.internal_name: column.type for column in CONNECTION.columns}
    (tmp_path / "c.json").write_text(json.dumps({"id": CONNECTION.id, "data": [data]}))
    (tmp_path / "rows.csv").write_text("Key,Title\nk1,One\n")
    return tmp_path


START = (
    "opusmap: 1\nconnection: c.json\nsource: {path: rows.csv}\n"
    "fields:\n  rowKey: Key\n  termFullPath: {const: A/B/C}\n"
)


def asked(folder, text):
    service = LanguageService(folder / "mapping.yaml")
    service.update(text)
    return service


def codes(service):
    return [problem.code for problem in service.problems]


def test_files_that_change_are_read_again(small):
    service = asked(small, START + "  Line: Subject\n")
    assert codes(service) == ["unknown-column"]
    (small / "rows.csv").write_text("Key,Subject\nk1,One\n")
    service.update(service.text)
    assert codes(service) == []
    (small / "c.json").write_text("{")
    service.update(service.text)
    assert codes(service) == ["connection-syntax"]


def test_a_table_and_a_fragment_that_change_are_read_again(small):
    more = "tables: {t: {path: t.csv, key: a, value: b}}\ninclude: [more.yaml]\n"
    (small / "more.yaml").write_text("let: {title: '{{ Title }}'}\n")
    (small / "t.csv").write_text("a,b\n1,2\n")
    service = asked(small, START + "  Line: {from: title, lookup: t}\n" + more)
    before = codes(service)
    (small / "t.csv").write_text("a,c\n1,2\n")
    service.update(service.text)
    assert codes(service) == [*before, "table-unreadable"]
    (small / "more.yaml").write_text("let: {titel: '{{ Title }}'}\n")
    service.update(service.text)
    assert "unknown-column" in codes(service)


def test_a_source_that_is_not_there_is_no_problem_of_the_mapping(small):
    (small / "rows.csv").unlink()
    service = asked(small, START)
    assert (codes(service), service.error) == ([], None)


def test_a_source_that_can_t_be_read_is_told_beside_the_problems(small):
    (small / "rows.xlsx").write_bytes(b"no workbook")
    service = asked(small, START.replace("rows.csv", "rows.xlsx"))
    assert "source-damaged" in str(service.error)
    assert codes(service) == []


def test_a_lock_that_can_t_be_read_is_told_beside_the_problems(small):
    (small / "mapping.lock.json").write_text("{}")
    service = asked(small, START)
    assert "lock" in str(service.error)


def test_a_text_beyond_the_limit_of_a_file_is_refused_as_the_file_is(small, capsys):
    text = START + "#" * (1 << 20)
    (small / "mapping.yaml").write_text(text)
    assert told(asked(small, text)) == checked(small / "mapping.yaml", capsys) != []


def test_no_database_is_asked(small, monkeypatch):
    sqlite3.connect(small / "data.db").executescript("CREATE TABLE t (Key, b); CREATE TABLE ran (x);")
    monkeypatch.setenv("OPUSMAP_DATABASE", f"sqlite:///{small}/data.db")
    query = '{database: OPUSMAP_DATABASE, sql: "INSERT INTO ran VALUES (1) RETURNING x AS Key, x AS b"'
    text = START.replace("{path: rows.csv}", query + "}") + "  Line: {from: Key, lookup: t}\n"
    service = asked(small, text + f"tables: {{t: {query}, key: Key, value: b}}}}\n")
    assert (codes(service), service.error) == ([], None)
    assert sqlite3.connect(small / "data.db").execute("SELECT count(*) FROM ran").fetchone() == (0,)


def test_no_file_outside_the_folder_is_read(small):
    outside = small / "inner"
    outside.mkdir()
    service = asked(outside, START.replace("rows.csv", "../rows.csv").replace("c.json", "../c.json"))
    assert codes(service) == ["outside-folder"]
    (outside / "c.json").write_text((small / "c.json").read_text())
    service = asked(outside, START.replace("rows.csv", "../rows.csv"))
    assert codes(service) == []
    assert "not a file in the mapping's folder" in str(service.error)


def test_a_fifo_is_not_waited_for(small):
    if not hasattr(os, "mkfifo"):
        pytest.skip("this system has no FIFOs")
    (small / "rows.csv").unlink()
    os.mkfifo(small / "rows.csv")
    assert "not a regular file" in str(asked(small, START).error)


def test_code_beside_a_mapping_is_not_run(small):
    (small / "converters.py").write_text("raise SystemExit\n")
    (small / "conftest.py").write_text("raise SystemExit\n")
    assert codes(asked(small, START + "  Line: {from: Title, convert: shout}\n")) == ["unknown-converter"]


def test_a_stale_lock_is_told_and_rows_are_mapped_all_the_same(tmp_path, capsys):
    shutil.copytree(ROOT / "mappings" / "contracts", tmp_path / "contracts")
    path = tmp_path / "contracts" / "mapping.yaml"
    assert main(["lock", str(path), "--quiet"]) == 0
    path.write_text(path.read_text("utf-8").replace("[Contract, Deed,", "[Deed, Contract,"), "utf-8")
    service = LanguageService(path)
    service.update(path.read_text("utf-8"))
    assert "drift-choices" in codes(service)
    assert told(service) == checked(path, capsys)
    assert any(isinstance(one, Record) for one in service.map_sample())
