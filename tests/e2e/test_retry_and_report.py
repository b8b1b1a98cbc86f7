"""Mending rejects, sending again what failed, and asking the journal what happened."""

import csv
import json
from pathlib import Path

import pytest
from opusmap_program import environment_of, run_opusmap

from opusmap import load_mapping
from opusmap.emulator import Client, Fault
from opusmap.emulator.server import served
from opusmap.run.rehearsal import make_emulator

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    lines = (CONTRACTS / "contracts.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "contracts.csv").write_bytes(b"".join(lines[:300]))
    return tmp_path


def run(folder, *args, url=None):
    return run_opusmap(*args, cwd=folder, env=environment_of(url))


@pytest.fixture
def opus(register):
    emulator = make_emulator(load_mapping(register / "mapping.yaml"), Client("c", "s"))
    with served(emulator) as url:
        yield emulator, url


def mend(path, **cells):
    """Mend the rows whose reason is one of the given codes, as a person would in a spreadsheet."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames
    for row in rows:
        for column, value in cells.items():
            if row["_error_column"] == {"DocType": "Doc Type", "Amount": "Amount"}[column]:
                row[column] = value
    with path.with_name("mended.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def test_mended_rejects_go_through_the_same_mapping_and_keep_their_row_numbers(register, opus):
    emulator, url = opus
    first = json.loads(run(register, "submit", "mapping.yaml", "--json", url=url).stdout)
    mend(register / "mapping.run-1.rejects.csv", DocType="Lease", Amount="12.50")
    second = json.loads(run(register, "retry", "mapping.yaml", "mended.csv", "--json", url=url).stdout)
    assert second["read"] == first["rejected"]
    assert second["submitted"] > 0
    assert second["submitted"] + second["rejected"] == second["read"]
    assert len(emulator.records) == first["submitted"] + second["submitted"]
    assert emulator.records["CT-000040"]["_Doc_%20_Type"] == "3"
    assert emulator.records["CT-000002"]["leafName"].endswith(
        "part 3"
    )  # not what row 212 says of the same key
    with (register / "mapping.run-2.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        left = {row["_row"] for row in csv.DictReader(file)}
    with (register / "mended.csv").open(encoding="utf-8-sig", newline="") as file:
        assert left < {row["_row"] for row in csv.DictReader(file)}


def test_a_neutralised_cell_comes_back_as_it_was(register, opus):
    emulator, url = opus
    run(register, "submit", "mapping.yaml", "--json", url=url)
    mend(register / "mapping.run-1.rejects.csv", DocType="Lease")
    run(register, "retry", "mapping.yaml", "mended.csv", url=url)
    assert emulator.records["CT-000040"]["_Notes"] == "- first year free\n- then CPI"


def test_what_opus_refused_is_sent_again_and_nothing_else(register, opus):
    emulator, url = opus
    body = {"statusCode": 418, "failedItems": [{"rowKey": "CT-000002", "message": "the term is unknown"}]}
    refusal = Fault(418, after=True, body=json.dumps(body).encode())
    emulator.faults = lambda request: refusal if "CT-000002" in request.keys else None
    first = json.loads(run(register, "submit", "mapping.yaml", "--json", url=url).stdout)
    assert first["failed"] == 1
    told = json.loads(run(register, "report", "1", "--json").stdout)["records"]
    assert [(one["key"], one["state"], one["reason"]) for one in told] == [
        ("CT-000002", "failed", "the term is unknown")
    ]
    with (register / "mapping.run-1.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        refused = [row for row in csv.DictReader(file) if row["_error_code"] == "refused-by-opus"]
    assert [(row["_key"], row["ContractNo"]) for row in refused] == [("CT-000002", "000002")]
    emulator.faults = None
    other = run(register, "retry", "mapping.yaml", "--run", "2", url=url)
    assert (other.returncode, "no run 2 of this connection" in other.stderr) == (2, True)
    both = run(register, "retry", "mapping.yaml", "mended.csv", "--run", "1", url=url)
    assert both.returncode == 2
    again = json.loads(run(register, "retry", "mapping.yaml", "--run", "1", "--json", url=url).stdout)
    assert (again["read"], again["submitted"], again["requests"]) == (1, 1, 1)
    nothing = json.loads(run(register, "retry", "mapping.yaml", "--json", url=url).stdout)
    assert (nothing["read"], nothing["requests"]) == (0, 0)


def test_the_report_lists_runs_and_tells_one(register, opus):
    _, url = opus
    submitted = json.loads(run(register, "submit", "mapping.yaml", "--json", url=url).stdout)
    runs = json.loads(run(register, "report", "--json").stdout)["runs"]
    assert [one["run"] for one in runs] == [1]
    assert runs[0]["counts"]["submitted"] == submitted["submitted"]
    assert runs[0]["ending"] == "done"
    one = json.loads(run(register, "report", "1", "--json").stdout)
    assert one["records"] == []
    assert "done" in run(register, "report").stdout
    missing = run(register, "report", "7")
    assert missing.returncode == 2
    assert "the latest is 1" in missing.stderr


def test_a_report_without_a_journal_says_so(tmp_path):
    ended = run(tmp_path, "report")
    assert ended.returncode == 2
    assert "Traceback" not in ended.stderr


def test_a_rehearsal_of_a_retry_needs_the_file(register):
    ended = run(register, "retry", "mapping.yaml", "--to", "emulator")
    assert ended.returncode == 2
    assert "FILE" in ended.stderr
