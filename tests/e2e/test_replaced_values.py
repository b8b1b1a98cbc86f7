"""Wrong values that `on_error` and `default` replace are told by every command, as a user runs it."""

import json

import pytest
from opusmap_program import environment_of, run_opusmap

from opusmap import load_mapping
from opusmap.emulator import Client
from opusmap.emulator.server import served
from opusmap.run.rehearsal import make_emulator

CONNECTION = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_When": "DateTime", "_Department": "SingleText", "_Amount": "Number"}],
}
MAPPING = """\
opusmap: 1
connection: c.json
source: {path: rows.jsonl}
tables: {departments: {F: Finance}}
fields:
  rowKey: Key
  When: {from: Date, format: "%d/%m/%Y", on_error: default, default: "01/01/1900"}
  Department: {from: Dept, lookup: departments, default: Unknown}
  Amount: Amount
"""
ROWS = [
    {"Key": "a", "Date": "31/01/2024", "Dept": "F", "Amount": "1"},
    {"Key": "b", "Date": 17850610, "Dept": "F", "Amount": "1"},
    {"Key": "c", "Date": "", "Dept": "", "Amount": "1"},
    {"Key": "d", "Date": "circa 1850", "Dept": "X", "Amount": "1"},
    {"Key": "e", "Date": "1850", "Dept": "X", "Amount": "wrong"},
]
COUNTED = [
    ("Department", "not-in-table", 1, [4]),
    ("When", "bad-date", 1, [4]),
    ("When", "wrong-kind", 1, [2]),
]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "c.json").write_text(json.dumps(CONNECTION), "utf-8")
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    write(tmp_path, ROWS)
    return tmp_path


def write(folder, rows):
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")


def run(folder, *args, url=None):
    return run_opusmap(*args, cwd=folder, env=environment_of(url))


def counted(reasons):
    return [(one["column"], one["code"], one["count"], one["rows"]) for one in reasons]


@pytest.mark.parametrize(
    "command",
    [
        ["check", "mapping.yaml"],
        ["check", "mapping.yaml", "--workers", "2"],
        ["map", "mapping.yaml", "-o", "records.jsonl"],
        ["map", "mapping.yaml", "-o", "bodies.jsonl", "--payloads", "--workers", "2"],
        ["submit", "mapping.yaml", "--to", "emulator"],
    ],
    ids=" ".join,
)
def test_every_command_tells_what_was_replaced(folder, command):
    told = json.loads(run(folder, *command, "--json").stdout)
    assert counted(told["replaced"]) == COUNTED
    assert all(set(one) == set(told["reasons"][0]) and one["example"] for one in told["replaced"])
    shown = run(folder, *command)
    text = shown.stdout + shown.stderr
    assert "Wrong values replaced in records" in text
    assert "circa 1850" in text
    assert [line.split()[:4] for line in text.splitlines() if "not-in-table" in line] == [
        ["1", "row", "Department", "not-in-table"]
    ]


def test_replaced_values_alone_are_no_failure(folder):
    write(folder, ROWS[:4])
    for command in (["check"], ["map"], ["submit", "--to", "emulator"]):
        assert run(folder, command[0], "mapping.yaml", *command[1:]).returncode == 0


def test_what_map_writes_to_standard_output_stays_records_alone(folder):
    ended = run(folder, "map", "mapping.yaml")
    assert [json.loads(line)["rowKey"] for line in ended.stdout.splitlines()] == ["a", "b", "c", "d"]
    assert "bad-date" in ended.stderr


def test_a_run_without_such_values_says_nothing_of_them(folder):
    write(folder, ROWS[:1])
    ended = run(folder, "check", "mapping.yaml")
    assert "replaced" not in ended.stdout + ended.stderr
    assert json.loads(run(folder, "check", "mapping.yaml", "--json").stdout)["replaced"] == []


def test_preview_tells_it_of_each_row(folder):
    rows = json.loads(run(folder, "preview", "mapping.yaml", "--json").stdout)["rows"]
    assert [[one["code"] for one in row["becomes"].get("replaced", ())] for row in rows] == [
        [], ["wrong-kind"], [], ["bad-date", "not-in-table"], [],
    ]  # fmt: skip
    assert "wrong-kind" in run(folder, "preview", "mapping.yaml").stdout
    run(folder, "preview", "mapping.yaml", "--html", "page.html")
    assert "wrong-kind" in (folder / "page.html").read_text("utf-8")


def test_the_report_of_a_run_tells_it_later_without_any_cell(folder):
    with served(make_emulator(load_mapping(folder / "mapping.yaml"), Client("c", "s"))) as url:
        told = json.loads(run(folder, "submit", "mapping.yaml", "--yes", "--json", url=url).stdout)
    assert counted(told["replaced"]) == COUNTED
    kept = json.loads(run(folder, "report", "1", "--json").stdout)["replaced"]
    assert counted(kept) == COUNTED
    assert {one["example"] for one in kept} == {""}
    assert "not-in-table" in run(folder, "report", "1").stdout
    run(folder, "report", "1", "--html", "page.html", "--no-rows")
    page = (folder / "page.html").read_text("utf-8")
    assert "Wrong values replaced in records" in page
    assert "circa" not in page


def test_a_retry_tells_it_of_the_corrected_rows(folder):
    run(folder, "submit", "mapping.yaml", "--to", "emulator", "--rejects", "rejects.jsonl")
    rejects = folder / "rejects.jsonl"
    rejects.write_text(rejects.read_text("utf-8").replace('"wrong"', '"2"'), "utf-8")
    told = json.loads(
        run(folder, "retry", "mapping.yaml", "rejects.jsonl", "--to", "emulator", "--json").stdout
    )
    assert counted(told["replaced"]) == [
        ("Department", "not-in-table", 1, [5]),
        ("When", "bad-date", 1, [5]),
    ]
