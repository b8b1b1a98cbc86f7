"""Correcting rejects, sending again what failed, and asking the journal what happened."""

import csv
import hashlib
import json
import re
from pathlib import Path

import pytest
from opusmap_program import environment_of, run_opusmap

from opusmap import load_mapping
from opusmap.cli import main
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


def correct(path, **cells):
    """Correct the rows whose reason is one of the given codes, as a person would in a spreadsheet."""
    with path.open(encoding="utf-8-sig", newline="") as file:
        reader = csv.DictReader(file)
        rows, names = list(reader), reader.fieldnames
    for row in rows:
        for column, value in cells.items():
            if row["_error_column"] == {"DocType": "Doc Type", "Amount": "Amount"}[column]:
                row[column] = value
    with path.with_name("corrected.csv").open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def test_corrected_rejects_go_through_the_same_mapping_and_keep_their_row_numbers(register, opus):
    emulator, url = opus
    first = json.loads(run(register, "submit", "mapping.yaml", "--json", url=url).stdout)
    correct(register / "mapping.run-1.rejects.csv", DocType="Lease", Amount="12.50")
    second = json.loads(run(register, "retry", "mapping.yaml", "corrected.csv", "--json", url=url).stdout)
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
    with (register / "corrected.csv").open(encoding="utf-8-sig", newline="") as file:
        assert left < {row["_row"] for row in csv.DictReader(file)}


def test_a_neutralised_cell_comes_back_as_it_was(register, opus):
    emulator, url = opus
    run(register, "submit", "mapping.yaml", "--json", url=url)
    correct(register / "mapping.run-1.rejects.csv", DocType="Lease")
    run(register, "retry", "mapping.yaml", "corrected.csv", url=url)
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
    both = run(register, "retry", "mapping.yaml", "corrected.csv", "--run", "1", url=url)
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


@pytest.fixture
def told(register, opus, monkeypatch, capsys):
    """Return a function that runs a command in this process: its exit code, and what it printed."""
    monkeypatch.chdir(register)
    for name, value in environment_of(opus[1]).items():
        if name.startswith("OPUSMAP"):
            monkeypatch.setenv(name, value)

    def run(*words):
        code = main(list(words))
        printed = capsys.readouterr()
        return code, printed.out + printed.err

    return run


def test_a_retry_says_which_run_it_repairs_and_is_compared_with_it(register, told):
    told("submit", "mapping.yaml")
    rejects = register / "mapping.run-1.rejects.csv"
    rows = list(csv.reader(rejects.read_text("utf-8-sig").splitlines()))
    kept = [rows[0], *(row for row in rows[1:] if row[rows[0].index("_error_code")] == "unknown-choice")]
    assert len(kept) > 1
    with rejects.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(kept)
    assert "as they were edited" in told("retry", "mapping.yaml")[1]
    sentence = f"Retry of run 1: {len(kept) - 1} of its {len(rows) - 1} rejects."
    shown = told("report", "2")[1]
    assert sentence in shown
    section = shown.partition("Why rows were rejected in run 1, and in this retry")[2].partition("\n\n")[0]
    compared = {tuple(line.split()[:2]) for line in section.splitlines() if "Doc Type" in line}
    assert compared == {("1", "1")}
    reasons = shown.partition("Rejected rows, by column and reason (a row can have several)")[2]
    assert re.search(r"1 +Doc Type +unknown-choice +\d+\b", reasons)  # the row
    assert any(line.split()[:3] == ["2", "0", "Amount"] for line in shown.splitlines())
    assert told("report", "2", "--html", "two.html")[0] == 0
    page = (register / "two.html").read_text("utf-8")
    assert sentence in page
    assert "Compared with run 1" in page
    assert "Retry of" not in told("report", "1")[1]


def test_the_report_of_a_run_says_what_its_retry_sent_and_links_to_its_page(register, told):
    told("submit", "mapping.yaml")
    rejected = json.loads(told("report", "1", "--json")[1])["counts"]["rejected"]
    assert json.loads(told("report", "1", "--json")[1])["later"] is None
    rejects = register / "mapping.run-1.rejects.csv"
    rows = list(csv.reader(rejects.read_text("utf-8-sig").splitlines()))
    tba = [row for row in rows[1:] if "TBA" in row]
    with rejects.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(
            [rows[0], *([cell.replace("TBA", "12.50") for cell in row] for row in tba)]
        )
    shown = told("retry", "mapping.yaml")[1]
    assert (
        "Next, read the report: opusmap report mapping.yaml --html" in shown
    )  # of an emulator, so a rehearsal
    later = json.loads(told("report", "1", "--json")[1])["later"]
    still_open = rejected - len(tba)
    assert later == {
        "rows": rejected,
        "retries": [2],
        "sent": len(tba),
        "filtered": 0,
        "still_open": still_open,
        "exact": True,
        "read_again_by": None,
    }
    found = f"{len(tba)} of the {rejected} rows that needed attention"
    shown = told("report", "1")[1]
    assert found in shown
    assert "that of run 2 is about those that were tried again" in shown
    told("report", "2", "--html")
    told("report", "1", "--html")
    page = (register / "opusmap-run-1.html").read_text("utf-8")
    deleted = f"{still_open} rows were deleted from the rejects file, so no retry sent them"
    assert f"Finished: {deleted}." in page
    assert f"; {deleted}.</strong>" in page
    numbers = [row[rows[0].index("_row")] for row in rows[1:] if "TBA" not in row]
    assert f"Deleted from the rejects file: row {numbers[0]}" in shown
    assert '<strong>Sent by <a href="opusmap-run-2.html">run 2</a>:</strong> row' in page
    assert '<a href="opusmap-run-2.html">Report of run 2</a>' in page
    told("report", "2", "--html")
    assert '<a href="opusmap-run-1.html">' in (register / "opusmap-run-2.html").read_text("utf-8")


def test_a_retry_of_open_records_says_how_many(opus, told):
    emulator, _ = opus
    body = {"statusCode": 418, "failedItems": [{"rowKey": "CT-000002", "message": "the term is unknown"}]}
    refusal = Fault(418, after=True, body=json.dumps(body).encode())
    emulator.faults = lambda request: refusal if "CT-000002" in request.keys else None
    told("submit", "mapping.yaml", "--limit", "3")
    emulator.faults = None
    assert "was not edited, so its rows are not sent" in told("retry", "mapping.yaml")[1]
    assert "Retry of 1 record that earlier runs left open." in told("report", "2")[1]


def test_rejects_that_were_not_corrected_are_refused_with_one_reason(told):
    told("submit", "mapping.yaml")
    code, shown = told("retry", "mapping.yaml")
    assert (code, "no cell in it was corrected since run 1 wrote it" in shown) == (2, True)
    assert "was not edited" not in shown


def test_a_retry_of_a_rehearsal_finds_its_rejects_once_they_are_corrected(register, told):
    told("submit", "mapping.yaml", "--to", "emulator")
    code, shown = told("retry", "mapping.yaml", "--to", "emulator")
    assert (code, "no cell in it was corrected since the rehearsal wrote it" in shown) == (2, True)
    rejects = register / "mapping.rehearsal.rejects.csv"
    shown = told("retry", "mapping.yaml", rejects.name, "--to", "emulator")[1]
    assert f"nothing in {rejects.name} was corrected since opusmap wrote it" in shown
    assert f"{rejects.name} stays as it is, because this run's rows come from it" in shown
    assert "it was edited" not in shown
    (register / "mapping.rehearsal.rejects.2.csv").unlink()
    rejects.write_text(rejects.read_text("utf-8-sig").replace("TBA", "12.50"), "utf-8")
    code, shown = told("retry", "mapping.yaml", "--to", "emulator")
    assert f"rehearsing the rows of {rejects.name}, the rejects of the latest rehearsal" in shown
    assert "nothing left this machine" in shown
    assert told("retry", "mapping.yaml", "--run", "1", "--to", "emulator")[0] == 2


def test_rejects_that_a_clean_rehearsal_removed_are_said_to_be_no_more(register, told):
    told("submit", "mapping.yaml", "--to", "emulator")
    name = "mapping.rehearsal.rejects.csv"
    source = register / "contracts.csv"
    kept = source.read_bytes()
    source.write_bytes(b"".join(kept.splitlines(keepends=True)[:12]))
    assert told("submit", "mapping.yaml", "--to", "emulator")[0] == 0
    assert not (register / name).exists()
    for words in ((name, "--to", "emulator"), (name,), ("--to", "emulator")):
        code, shown = told("retry", "mapping.yaml", *words)
        assert (code, shown.count("error")) == (2, 1)
        assert f"{name}: the latest rehearsal rejected no row, so there are no rejects any more" in shown
        assert "help: to send all rows: `opusmap submit mapping.yaml`" in shown
    source.write_bytes(kept)
    told("submit", "mapping.yaml", "--to", "emulator")
    assert "any more" not in told("retry", "mapping.yaml", name, "--to", "emulator")[1]


def test_a_file_of_rejects_that_is_not_there_is_answered_with_the_latest_one(told):
    told("submit", "mapping.yaml")
    code, shown = told("retry", "mapping.yaml", "mapping.run-7.rejects.csv")
    assert (code, shown.count("error")) == (2, 1)
    assert "mapping.run-7.rejects.csv: there is no such file" in shown
    assert "the latest is mapping.run-1.rejects.csv" in shown


def test_the_corrected_rejects_of_a_rehearsal_can_be_sent(register, opus, told):
    emulator, _ = opus
    told("submit", "mapping.yaml", "--to", "emulator")
    rejects = register / "mapping.rehearsal.rejects.csv"
    rejects.write_text(rejects.read_text("utf-8-sig").replace("TBA", "12.50"), "utf-8")
    assert not emulator.records
    told("submit", "mapping.yaml")
    before = len(emulator.records)
    told("retry", "mapping.yaml", rejects.name)
    assert len(emulator.records) > before


PAIR = """\
opusmap: 1
connection: c.json
source: {path: register.csv}
fields:
  rowKey: Id
  Day: {from: Day, format: "%Y-%m-%d"}
"""


@pytest.fixture
def pair(tmp_path, monkeypatch):
    """Return an Opus for a register whose row 2 has a bad date, and row 3 the same row key."""
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11"}
    connection["data"] = [{"rowKey": "SingleText", "_Day": "DateTime"}]
    (tmp_path / "c.json").write_text(json.dumps(connection), "utf-8")
    (tmp_path / "mapping.yaml").write_text(PAIR, "utf-8")
    (tmp_path / "register.csv").write_text("Id,Day\na,2024-13-01\na,2024-05-02\nb,2024-05-03\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    emulator = make_emulator(load_mapping("mapping.yaml"), Client("c", "s"))
    with served(emulator) as url:
        for name, value in environment_of(url).items():
            if name.startswith("OPUSMAP"):
                monkeypatch.setenv(name, value)
        yield emulator


def test_a_check_shows_two_rows_with_one_key_of_which_the_first_is_rejected(pair, capsys):
    assert main(["check", "mapping.yaml", "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert (found["read"], found["rejected"], found["mapped"]) == (3, 2, 1)
    assert [(one["code"], one["rows"]) for one in found["reasons"]] == [
        ("bad-date", [2]),
        ("duplicate-key", [3]),
    ]
    main(["check", "mapping.yaml"])
    shown = " ".join(capsys.readouterr().out.split())
    assert 'row 2 has the same row key, "a", and is itself rejected' in shown
    assert "to send this row instead, delete row 2 from the rejects, and empty _error_code here" in shown


@pytest.mark.parametrize(
    ("day", "code", "expected", "rejected"),
    [
        ("2024-04-30", "duplicate-key", "2024-04-30", 1),  # row 2 is corrected
        ("2024-04-30", "", "2024-04-30", 1),  # it counts, whatever row 3 says
        ("2024-13-01", "", None, 2),  # row 2 is still there, and wrong
        (None, "duplicate-key", None, 1),  # row 2 is deleted
        (None, "", "2024-05-02", 0),  # it is, and row 3 is to be sent instead
    ],
)
def test_of_two_rejects_with_one_key_the_first_is_sent_unless_a_person_decides_for_the_other(
    pair, tmp_path, capsys, day, code, expected, rejected
):
    main(["submit", "mapping.yaml", "--json"])
    assert set(pair.records) == {"b"}
    path = tmp_path / "mapping.run-1.rejects.csv"
    with path.open(encoding="utf-8-sig", newline="") as file:
        first, second = csv.DictReader(file)
    assert (first["_error_code"], second["_error_code"]) == ("bad-date", "duplicate-key")
    lines = [{**second, "_error_code": code}]
    if day is not None:
        lines.insert(0, {**first, "Day": day})
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, list(first))
        writer.writeheader()
        writer.writerows(lines)
    capsys.readouterr()
    main(["retry", "mapping.yaml", "--json"])
    found = json.loads(capsys.readouterr().out)
    assert (found["read"], found["rejected"]) == (len(lines), rejected)
    sent = pair.records["a"]["_Day"] if "a" in pair.records else None
    assert (sent is None) is (expected is None)
    assert sent is None or expected in sent
    # The source has both rows still, and a run of it replaces nothing.
    before = dict(pair.records)
    capsys.readouterr()
    main(["submit", "mapping.yaml", "--json"])
    assert pair.records == before
    again = json.loads(capsys.readouterr().out)
    assert (again["rejected"], again["rejected_in_opus"]) == (2, int(sent is not None))


def test_a_correction_that_the_source_lacks_is_rejected_again_or_replaced_by_its_old_cell(
    register, opus, told
):
    emulator, _ = opus
    told("submit", "mapping.yaml")
    rejects = register / "mapping.run-1.rejects.csv"
    rejects.write_text(rejects.read_text("utf-8-sig").replace("Memo", "Lease"), "utf-8")
    shown = told("retry", "mapping.yaml")[1]
    assert f"Only {rejects.name} has these corrections. Correct the source as well" in shown
    assert emulator.records["CT-000040"]["_Doc_%20_Type"] == "3"

    shown = told("submit", "mapping.yaml")[1]  # the source still has its old cell
    assert '"Memo" is not an option' in shown
    said = (
        "1 of the rejected rows has a record that an earlier run sent, which stays as it is. If you corrected"
    )
    assert said in shown
    assert said in told("report", "3")[1]
    told("report", "3", "--html")
    page = (register / "opusmap-run-3.html").read_text("utf-8")
    assert f"{said} this row in a rejects file, correct the source as well." in page
    assert "alone. Correct the source" not in shown
    count = int(re.search(r"^rejected +(\d+)", shown, re.MULTILINE)[1])
    rest = f"in mapping.run-3.rejects.csv, fix the other {count - 1} rows, and send them"
    why = f"Next, in contracts.csv, correct the row that has a record; {rest}: opusmap retry mapping.yaml"
    assert why in shown
    assert emulator.records["CT-000040"]["_Doc_%20_Type"] == "3"

    mapping = register / "mapping.yaml"
    options = "[Contract, Deed, Lease, NDA, Variation]"
    both = f"{{options: {options}, aliases: {{Memo: NDA}}}}"
    mapping.write_text(mapping.read_text("utf-8").replace(options, both, 1), "utf-8")
    told("submit", "mapping.yaml")  # it is valid now, and is sent
    assert emulator.records["CT-000040"]["_Doc_%20_Type"] == "4"


def test_the_next_step_names_the_source_where_all_its_rejected_rows_have_records(pair, tmp_path, capsys):
    register, rejects = tmp_path / "register.csv", tmp_path / "mapping.run-1.rejects.csv"
    register.write_text("Id,Day\na,2024-13-01\nb,2024-05-03\n", "utf-8")
    main(["submit", "mapping.yaml"])
    page = "write the page that shows its wrong cells: opusmap report mapping.yaml --run 1 --html"
    shown = capsys.readouterr().err
    assert f"Before you edit {rejects.name}, {page}" in shown
    assert f"Next, fix the rows in {rejects.name} and send them: opusmap retry mapping.yaml" in shown
    assert main(["report", "mapping.yaml", "--run", "1", "--html"]) == 0
    assert "2024-13-01" in (tmp_path / "opusmap-run-1.html").read_text("utf-8")
    rejects.write_text(rejects.read_text("utf-8-sig").replace("a,2024-13-01", "a,2024-12-01"), "utf-8")
    main(["retry", "mapping.yaml"])
    assert "Before you edit" not in capsys.readouterr().err
    assert main(["report", "mapping.yaml", "--run", "1", "--html"]) == 0
    assert "opusmap-run-1.html stays as it is" in capsys.readouterr().err
    assert "2024-13-01" in (tmp_path / "opusmap-run-1.html").read_text("utf-8")
    later = (tmp_path / "opusmap-run-1-later.html").read_text("utf-8")
    assert "sent by run 2" in later
    assert '<a href="opusmap-run-1.html">The page that was written before shows them</a>' in later
    assert "make the page before you correct the file" not in later
    assert "its hash is another one now. The report of run 2 has the hash of the corrected file." in later
    corrected = hashlib.sha256(rejects.read_bytes()).hexdigest()
    assert main(["report", "2", "--html", "two.html"]) == 0
    two = (tmp_path / "two.html").read_text("utf-8")
    assert (corrected in two, corrected in later, "another one now" in two) == (True, False, False)
    capsys.readouterr()
    assert main(["report", "1"]) == 0
    before = "opusmap-run-1.html shows the cells as they were before that file was changed."
    assert before in capsys.readouterr().out
    assert main(["report", "mapping.yaml", "--run", "1", "--html", "opusmap-run-1.html"]) == 0
    over = (tmp_path / "opusmap-run-1.html").read_text("utf-8")
    assert "written before shows them" not in over  # this page took its place
    assert main(["report", "mapping.yaml"]) == 0
    shown = capsys.readouterr().out
    assert "Runs of mapping.yaml" in shown
    assert [line.split()[-2:] for line in shown.splitlines() if line.startswith("2 ")] == [["run", "1"]]
    main(["submit", "mapping.yaml"])
    shown = capsys.readouterr().err
    why = f"in {register.name}, correct the row that has a record, and send it again"
    assert f"Next, {why}: opusmap submit mapping.yaml" in shown
    assert "Before you edit" not in shown
    register.write_text("Id,Day\na,2024-12-01\nb,2024-05-03\n", "utf-8")
    assert main(["submit", "mapping.yaml", "--quiet"]) == 0


def test_rows_whose_key_was_corrected_or_that_were_deleted_are_not_to_be_fixed_again(pair, tmp_path, capsys):
    register, rejects = tmp_path / "register.csv", tmp_path / "mapping.run-1.rejects.csv"
    register.write_text("Id,Day\na,2024-03-01\na,2024-05-03\nc,soon\nd,late\n", "utf-8")
    main(["submit", "mapping.yaml", "--quiet"])
    kept = [line for line in rejects.read_text("utf-8-sig").splitlines() if not line.startswith("d,")]
    corrected = "\n".join(kept).replace("a,2024-05-03", "b,2024-05-03").replace("c,soon", "c,2024-12-01")
    rejects.write_text(f"{corrected}\n", "utf-8")
    main(["retry", "mapping.yaml", "--quiet"])
    assert sorted(pair.records) == ["a", "b", "c"]
    capsys.readouterr()

    main(["submit", "mapping.yaml"])
    shown = capsys.readouterr().err
    assert "2 of the rejected rows have records that earlier runs sent" in shown
    assert "1 of the rejected rows was deleted from an earlier rejects file, so no retry sent it" in shown
    right = "It is right: the record of a rejected row whose row key was corrected in a rejects file."
    assert f"absent from the source: b; nothing was deleted. {right}\n" in shown
    assert "removed in Opus" not in shown
    assert f"Next, in {register.name}, correct the 2 rows that have records, and send it again" in shown
    assert main(["report", "3"]) == 0
    shown = capsys.readouterr().out
    assert "1 of the rejected rows was deleted from an earlier rejects file" in shown
    assert f"absent from the source: b. {right}\n" in shown
    places = "1 unchanged, 1 rejected now but sent earlier, 1 sent earlier with another row key"
    assert f"3 of 4 rows ({places}). Not accepted: 1 deleted from an earlier rejects file." in shown
    assert "Deleted from an earlier rejects file: row 5 (d: Day)." in shown

    main(["submit", "mapping.yaml", "--json"])  # and again, after a run without a retry
    again = json.loads(capsys.readouterr().out)
    assert (again["rejected_in_opus"], again["rejected_deleted"], again["gone"]["corrected"]) == (2, 1, 1)
    register.write_text("Id,Day\nnew,2024-03-01\n" + register.read_text().partition("\n")[2], "utf-8")
    main(["submit", "mapping.yaml", "--json"])  # rows have other numbers now: only keys tell
    again = json.loads(capsys.readouterr().out)
    assert (again["rejected_in_opus"], again["rejected_deleted"], again["gone"]["corrected"]) == (1, 0, 1)
    assert again["gone"]["rekeyed"] == 0
    assert main(["report", "5"]) == 0
    perhaps = (
        "It was sent from a rejects file. If its row key was corrected there, the record is right: correct"
    )
    assert f"absent from the source: b. {perhaps} the source as well." in capsys.readouterr().out


def test_which_absent_records_have_a_corrected_key_is_said_where_there_are_others(pair, tmp_path, capsys):
    register, rejects = tmp_path / "register.csv", tmp_path / "mapping.run-1.rejects.csv"
    register.write_text("Id,Day\na,2024-03-01\na,2024-05-03\nold,2024-03-01\n", "utf-8")
    main(["submit", "mapping.yaml", "--quiet"])
    corrected = rejects.read_text("utf-8-sig").replace("a,2024-05-03", "b,2024-05-03")
    rejects.write_text(corrected, "utf-8")
    main(["retry", "mapping.yaml", "--quiet"])
    register.write_text("Id,Day\na,2024-03-01\na,2024-05-03\nnew,2024-03-01\n", "utf-8")
    capsys.readouterr()
    main(["submit", "mapping.yaml"])
    shown = capsys.readouterr().err
    sent = (
        "1 of them (b) was sent from a rejects file. If its row key was corrected there, the record is right"
    )
    assert f"absent from the source: b, old; nothing was deleted. {sent}" in shown
    has = "the emulator has a record under each of its keys, as Opus would: keep the right key in the source"
    assert f"If the row key of one of the others changed, {has}" in shown


def test_a_rehearsal_that_keeps_no_journal_has_no_page_to_write_first(told):
    shown = told("submit", "mapping.yaml", "--to", "emulator")[1]
    assert "Next, fix the rows in mapping.rehearsal.rejects.csv" in shown
    assert "Before you edit" not in shown


def test_a_rehearsal_of_corrections_asks_for_none_in_the_source(register, told):
    told("submit", "mapping.yaml", "--to", "emulator")
    rejects = register / "mapping.rehearsal.rejects.csv"
    rejects.write_text(rejects.read_text("utf-8-sig").replace("Memo", "Lease"), "utf-8")
    shown = told("retry", "mapping.yaml", "--to", "emulator")[1]
    assert "This was a rehearsal" in shown
    assert "Correct the source as well" not in shown
