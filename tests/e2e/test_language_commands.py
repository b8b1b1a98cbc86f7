"""test, explain, lock, converters and schema, as a user runs them; and mappings collected by pytest."""

import json
import os
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "contracts.csv", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    return tmp_path


def run(folder, *args):
    return subprocess.run(
        [sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())", *args],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONUTF8": "1"},
    )


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
    assert "+ expected 2" in shown
    assert "- found    1" in shown


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
        ("finish as PeopleOrGroup", "[elena.petrova@example.org,grace.taylor@example.org]"),
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
    record = json.loads(run(register, "preview", "mapping.yaml", "-n", "1", "--json").stdout)["rows"][0][
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
    assert "accepted" in run(register, "lock", "mapping.yaml").stderr
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
    assert "compare these with Opus" in shown
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
