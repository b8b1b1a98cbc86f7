"""test, explain, lock, converters and schema, as a user runs them; and mappings collected by pytest."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from opusmap_program import run_opusmap

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "contracts.csv", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    return tmp_path


def run(folder, *args):
    return run_opusmap(*args, cwd=folder)


def change(folder, old, new):
    path = folder / "mapping.yaml"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), "utf-8")


def test_the_tests_of_a_mapping_pass_and_are_written_as_junit(register):
    ended = run(register, "test", "mapping.yaml", "--junit", "junit.xml")
    assert ended.returncode == 0
    assert ended.stdout.count("passed") == 16
    suite = ET.parse(register / "junit.xml").getroot()[0]
    assert (suite.get("tests"), suite.get("failures")) == ("16", "0")


def test_a_test_that_fails_shows_what_differs_and_exits_1(register):
    change(register, 'Doc Type: "1"', 'Doc Type: "2"')
    ended = run(register, "test", "mapping.yaml", "--json")
    assert ended.returncode == 1
    result = json.loads(ended.stdout)
    assert (result["passed"], result["failed"]) == (15, 1)
    failed = next(test for test in result["tests"] if not test["passed"])
    assert failed["differences"] == [{"column": "Doc Type", "expected": "2", "found": "1"}]
    shown = run(register, "test", "mapping.yaml", "-q").stdout
    assert "FAILED a full row" in shown
    assert "  the test expects   2\n" in shown
    assert "  the mapping gives  1\n" in shown


def test_pytest_collects_the_same_tests(register):
    change(register, 'Doc Type: "1"', 'Doc Type: "2"')
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", str(register)],
        capture_output=True,
        check=False,
        text=True,
        cwd=register,
    )
    assert "1 failed, 15 passed" in ended.stdout
    assert "Doc Type: expected 2, found 1" in ended.stdout


def test_explain_goes_from_the_cell_to_the_finished_value(register):
    ended = run(register, "explain", "mapping.yaml", "Owners", "--key", "CT-000002", "--json")
    assert ended.returncode == 0, ended.stderr
    stages = json.loads(ended.stdout)["stages"]
    assert [(stage["what"], stage["value"]) for stage in stages] == [
        ("column Owners", "epetrov;gtaylor"),
        ("split ';'", ["epetrov", "gtaylor"]),
        ("lookup staff", ["elena.petrova@Example.ORG", "grace.taylor@example.org"]),
        ("written as PeopleOrGroup", "[elena.petrova@example.org,grace.taylor@example.org]"),
    ]
    assert all(stage["place"].startswith("mapping.yaml:55:") for stage in stages[1:])


def test_explain_shows_a_step_and_the_expression_that_reads_it(register):
    stages = json.loads(
        run(register, "explain", "mapping.yaml", "Fiscal Year", "--row", "2", "--json").stdout
    )["stages"]
    assert [stage["value"] for stage in stages][-1] == 2021
    assert stages[1]["what"] == "let created = {{ CreatedUtc | datetime }}"


def test_explain_tells_where_a_row_fails(register):
    ended = run(register, "explain", "mapping.yaml", "Doc Type", "--key", "CT-000040", "--json")
    assert ended.returncode == 1
    assert json.loads(ended.stdout)["stages"][-1]["problem"]["code"] == "unknown-choice"


def test_explain_says_what_on_error_makes_of_a_problem(register):
    shown = run(register, "explain", "mapping.yaml", "Signed On", "--key", "CT-000001").stdout
    assert "bad-date" in shown
    assert "on_error: omit" in shown


def test_explain_agrees_with_the_mapper_on_every_column(register):
    record = json.loads(run(register, "preview", "mapping.yaml", "--limit", "1", "--json").stdout)["rows"][0][
        "becomes"
    ]["record"]
    for internal_name in ("leafName", "_Tags", "_Amount", "termFullPath", "_Department", "timeModified"):
        ended = run(register, "explain", "mapping.yaml", internal_name, "--json")
        assert json.loads(ended.stdout)["stages"][-1]["value"] == record[internal_name]


def test_explain_refuses_a_column_or_row_that_is_not_there(register):
    for args in (("Dok Type",), ("Name", "--key", "CT-9"), ("Name", "--row", "99999")):
        ended = run(register, "explain", "mapping.yaml", *args)
        assert ended.returncode == 2
        assert "Traceback" not in ended.stderr


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("Doc Type: [Contract, Deed,", "Doc Type: [Deed, Contract,"),  # reordered
        ("Doc Type: [Contract, Deed,", "Doc Type: [Contract, Will, Deed,"),  # inserted
        ("Doc Type: [Contract, Deed,", "Doc Type: [Contract, Deeds,"),  # renamed
        (", NDA, Variation]", ", NDA]"),  # removed
    ],
)
@pytest.mark.parametrize("command", ["check", "submit"])
def test_a_changed_meaning_of_an_order_is_refused_until_it_is_locked(register, old, new, command):
    target = ("--to", "emulator") if command == "submit" else ()
    assert run(register, "lock", "mapping.yaml").returncode == 0
    change(register, old, new)
    ended = run(register, command, "mapping.yaml", *target)
    assert ended.returncode == 2
    assert "drift-choices" in ended.stderr
    assert "opusmap lock" in ended.stderr
    said = run(register, "lock", "mapping.yaml").stderr
    assert "accepted: orders of " in said
    assert "error" not in said
    assert run(register, command, "mapping.yaml", *target).returncode == 1  # rejects, as before


def test_an_option_that_is_appended_is_no_drift(register):
    run(register, "lock", "mapping.yaml")
    change(register, ", NDA, Variation]", ", NDA, Variation, Memo]")
    assert run(register, "check", "mapping.yaml").returncode == 1


@pytest.mark.parametrize(
    ("old", "new"), [('"_Amount": "Number"', '"_Amount": "SingleText"'), ('"_Supplier": "SingleText",', "")]
)
def test_a_column_that_changed_or_went_is_refused(register, old, new):
    run(register, "lock", "mapping.yaml")
    path = register / "contracts.connection.json"
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    change(register, "  Supplier: {from: Supplier, convert: squeeze}\n", "")
    ended = run(register, "check", "mapping.yaml")
    assert ended.returncode == 2
    assert "drift-column" in ended.stderr


def test_a_lock_reminds_to_compare_with_opus_and_shows_the_orders(register):
    shown = run(register, "lock", "mapping.yaml").stderr
    assert "compare these now with Opus" in " ".join(shown.split())
    assert "Doc Type: 1 Contract, 2 Deed, 3 Lease, 4 NDA, 5 Variation" in shown


def test_a_lock_that_is_none_is_told(register):
    (register / "mapping.lock.json").write_text("[]", "utf-8")
    ended = run(register, "check", "mapping.yaml")
    assert ended.returncode == 2
    assert "mapping.lock.json" in ended.stderr


def test_the_converters_are_listed_and_one_is_explained(register):
    assert "fiscal_year" in run(register, "converters").stdout
    shown = run(register, "converters", "term_path").stdout
    assert "separator" in shown
    assert "HR/Leave" in shown
    assert 'did you mean "datetime"?' in run(register, "converters", "datetim").stderr


def test_the_schema_describes_every_key_with_an_example(register):
    schema = json.loads(run(register, "schema").stdout)

    def undescribed(node, path):
        for name, part in node.get("properties", {}).items():
            if not {"description", "title", "examples"} <= set(part):
                yield f"{path}.{name}"
            for inner in (part, part.get("additionalProperties"), part.get("items")):
                if isinstance(inner, dict):
                    yield from undescribed(inner, f"{path}.{name}")

    assert list(undescribed(schema, "")) == []
    assert [name for name, part in schema["$defs"].items() for _ in undescribed(part, name)] == []


def test_a_problem_is_annotated_in_github_actions(register):
    change(register, "Name: {from: Title,", "Name: {from: Titel,")
    ended = subprocess.run(
        [
            sys.executable,
            "-c",
            "import sys; from opusmap.cli import main; sys.exit(main())",
            "check",
            "mapping.yaml",
        ],
        cwd=register,
        capture_output=True,
        check=False,
        text=True,
        env={**os.environ, "GITHUB_ACTIONS": "true"},
    )
    assert (
        "::error file=mapping.yaml,line=47,col=16,endLine=47,endColumn=21,title=unknown-column::"
        in ended.stderr
    )


@pytest.mark.parametrize("workers", ["1", "2"])
def test_check_warns_of_a_pattern_that_matches_in_no_row_with_its_place(register, workers):
    patterns = "[{regex_replace: ['(?i)FIRST YEAR', '']}, {regex_replace: ['zzz', '']}]"
    change(register, "  Notes: Notes\n", f"  Notes: {{from: Notes, convert: {patterns}}}\n")
    ended = run(register, "check", "mapping.yaml", "--json", "--workers", workers)
    assert ended.returncode == 1, ended.stderr  # the register's rejects
    found = [one for one in json.loads(ended.stdout)["diagnostics"] if one["code"] == "unmatched-pattern"]
    text = (register / "mapping.yaml").read_text("utf-8").splitlines()
    assert [text[one["span"]["line"] - 1][one["span"]["column"] - 1 :][:5] for one in found] == ["'zzz'"]
    assert "unmatched-pattern" in run(register, "check", "mapping.yaml", "--workers", workers).stderr


SMALL = {
    "id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11",
    "data": [{"rowKey": "SingleText", "_Line": "SingleText"}],
}


@pytest.mark.parametrize(
    ("binding", "row", "end"),
    [
        ("{from: A, required: true}", {"A": "  "}, "empty-required"),
        ("{from: A, required: true, default: ''}", {"A": ""}, "empty-required"),
        ("{from: A, default: ''}", {"A": ""}, None),
        ("{from: A, convert: number, on_error: default, default: ''}", {"A": "x"}, None),
        ("'{{ A | truncate(B) }}'", {"A": "x", "B": "y"}, "wrong-argument"),
        ("'{{ s if B else A }}'", {"A": "x", "B": ""}, "x"),  # `s` fails, and is not read
        ("{from: A, convert: number, on_error: omit}", {"A": "x"}, None),
    ],
)
def test_explain_ends_as_the_mapper_does_with_the_same_exit_code(tmp_path, binding, row, end):
    (tmp_path / "c.json").write_text(json.dumps(SMALL), "utf-8")
    (tmp_path / "rows.jsonl").write_text(json.dumps({"Key": "k", **row}), "utf-8")
    let = "let: {s: '{{ A | number }}'}\n" if "s if" in binding else ""
    (tmp_path / "mapping.yaml").write_text(
        "opusmap: 1\nconnection: c.json\nsource: {path: rows.jsonl}\n"
        f"{let}fields:\n  rowKey: Key\n  Line: {binding}\n",
        "utf-8",
    )
    ended = run(tmp_path, "explain", "mapping.yaml", "Line", "--json")
    told = json.loads(ended.stdout)
    assert (
        ended.returncode == run(tmp_path, "map", "mapping.yaml").returncode == ("rejected" in told["becomes"])
    )
    last = told["stages"][-1]
    if "rejected" in told["becomes"]:
        assert last["problem"]["code"] == end == told["becomes"]["rejected"][0]["code"]
    else:
        assert last["problem"] is None
        assert last["value"] == end == told["becomes"]["record"].get("_Line")


def test_explain_says_of_another_column_that_rejects_the_row_and_of_a_row_that_is_filtered(register):
    ended = run(register, "explain", "mapping.yaml", "Name", "--key", "CT-000040")
    assert ended.returncode == 1
    assert "the row is rejected for Doc Type: unknown-choice" in ended.stdout.replace("\n", " ")
    rows = json.loads(run(register, "preview", "mapping.yaml", "--limit", "40", "--json").stdout)["rows"]
    number = next(at for at, row in enumerate(rows, 2) if "filtered" in row["becomes"])
    ended = run(register, "explain", "mapping.yaml", "Name", "--row", str(number))
    assert ended.returncode == 0
    assert "filtered" in ended.stdout
