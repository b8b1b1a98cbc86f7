"""What runs leave beside a mapping: rejects that nobody loses, and what tells one journal from another."""

import csv
import json
import os
import re
import shutil
import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest
from opusmap_program import environment_of, run_opusmap

from opusmap import load_mapping
from opusmap.emulator import Client, Fault
from opusmap.emulator.server import served
from opusmap.run.rehearsal import make_emulator

MAPPING = """\
opusmap: 1
connection: c.json
source: {path: source.csv}
choices: {Choice: [Red, Green]}
fields:
  rowKey: Key
  Text: Text
  Choice: Choice
"""
COLUMNS = {"rowKey": "SingleText", "_Text": "MultipleText", "_Choice": "SingleChoice"}
WINDOWS = sys.platform == "win32"


def write_source(folder, *choices, text="t"):
    rows = [{"Key": f"K-{number}", "Text": text, "Choice": choice} for number, choice in enumerate(choices)]
    write(folder / "source.csv", rows or [{"Key": "K-0", "Text": text, "Choice": "Red"}])


def write(path, rows):
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def read(path):
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def folder(tmp_path):
    made = tmp_path / "register"
    made.mkdir()
    (made / "mapping.yaml").write_text(MAPPING, "utf-8")
    connection = {"id": "5b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c11", "data": [COLUMNS]}
    (made / "c.json").write_text(json.dumps(connection), "utf-8")
    write_source(made, "Red", "Blue", "Green", "Pink")
    return made


@pytest.fixture
def opus(folder):
    emulator = make_emulator(load_mapping(folder / "mapping.yaml"), Client("c", "s"))
    with served(emulator) as url:
        emulator.url = url
        yield emulator


def run(folder, *args, opus=None, **more):
    ended = run_opusmap(*args, cwd=folder, env=environment_of(opus and opus.url, **more))
    assert ended.returncode != 70, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended


def totals(ended):
    assert ended.stdout, ended.stderr
    return json.loads(ended.stdout)


def names(folder, pattern="*rejects*"):
    return sorted(path.name for path in folder.glob(pattern))


def fix(path, choice="Green"):
    write(path, [{**row, "Choice": choice} for row in read(path)])


# Rejects


def test_each_run_has_a_file_of_rejects_of_its_own(folder, opus):
    first = totals(run(folder, "submit", "mapping.yaml", "--json", opus=opus))
    assert first["rejects"] == "mapping.run-1.rejects.csv"
    before = (folder / "mapping.run-1.rejects.csv").read_bytes()
    second = totals(run(folder, "submit", "mapping.yaml", "--json", opus=opus))
    assert second["rejects"] == "mapping.run-2.rejects.csv"
    run(folder, "submit", "mapping.yaml", "--to", "emulator")
    run(folder, "map", "mapping.yaml", "-o", "out.jsonl")
    run(folder, "map", "mapping.yaml")
    assert names(folder) == [
        "mapping.rehearsal.rejects.csv",
        "mapping.rejects.csv",
        "mapping.run-1.rejects.csv",
        "mapping.run-2.rejects.csv",
        "out.rejects.csv",
    ]
    assert (folder / "mapping.run-1.rejects.csv").read_bytes() == before
    write_source(folder, "Red")
    third = totals(run(folder, "submit", "mapping.yaml", "--json", opus=opus))
    assert third["rejects"] is None
    assert (folder / "mapping.run-1.rejects.csv").read_bytes() == before


COMMANDS = [
    pytest.param(("map", "mapping.yaml"), "mapping.rejects.csv", id="map"),
    pytest.param(("map", "mapping.yaml", "-o", "out.jsonl"), "out.rejects.csv", id="map-o"),
    pytest.param(
        ("submit", "mapping.yaml", "--to", "emulator"), "mapping.rehearsal.rejects.csv", id="rehearsal"
    ),
    pytest.param(("map", "mapping.yaml", "--rejects", "bad.csv"), "bad.csv", id="map-rejects"),
    pytest.param(("submit", "mapping.yaml", "--rejects", "bad.csv"), "bad.csv", id="submit-rejects"),
]


@pytest.mark.parametrize(("command", "name"), COMMANDS)
def test_a_file_that_nobody_edited_is_replaced_and_an_edited_one_never(folder, opus, command, name):
    run(folder, *command, opus=opus)
    numbered = f"{Path(name).stem}.2.csv"
    os.utime(folder / name, (1, 1))  # touched, and not edited
    write_source(folder, "Blue", "Blue", "Blue")
    run(folder, *command, opus=opus)
    assert len(read(folder / name)) == 3
    assert not (folder / numbered).exists()

    fix(folder / name)
    edited = (folder / name).read_bytes()
    ended = run(folder, *command, opus=opus)
    assert (folder / name).read_bytes() == edited
    assert len(read(folder / numbered)) == 3
    assert f"{name} stays as it is" in ended.stderr
    assert numbered in ended.stderr

    write_source(folder, "Blue")
    run(folder, *command, opus=opus)
    assert len(read(folder / numbered)) == 1, "the numbered one is as it was written, so it is replaced"
    assert not (folder / f"{Path(name).stem}.3.csv").exists()

    write_source(folder, "Red")
    ended = run(folder, *command, opus=opus)
    assert (folder / name).read_bytes() == edited, "a run without rejects removes no edited file"
    assert "no row was rejected" in ended.stderr


@pytest.mark.parametrize(("command", "name"), COMMANDS[:4])
def test_a_run_without_rejects_removes_an_earlier_file_that_nobody_edited(folder, opus, command, name):
    run(folder, *command, opus=opus)
    assert (folder / name).exists()
    write_source(folder, "Red")
    run(folder, *command, opus=opus)
    assert not (folder / name).exists()


def test_a_file_that_opusmap_did_not_write_is_never_replaced(folder):
    (folder / "bad.csv").write_text("my own notes", "utf-8")
    (folder / "mapping.rejects.csv").write_text("of an older opusmap, perhaps", "utf-8")
    run(folder, "map", "mapping.yaml", "--rejects", "bad.csv")
    run(folder, "map", "mapping.yaml")
    assert (folder / "bad.csv").read_text("utf-8") == "my own notes"
    assert (folder / "mapping.rejects.csv").read_text("utf-8") == "of an older opusmap, perhaps"
    assert len(read(folder / "bad.2.csv")) == len(read(folder / "mapping.rejects.2.csv")) == 2


def test_a_run_s_name_that_is_taken_gets_a_number(folder, opus):
    taken = folder / "mapping.run-1.rejects.csv"
    taken.write_text("of another journal", "utf-8")
    (folder / "mapping.run-1.rejects.2.csv").mkdir()
    if not WINDOWS:
        (folder / "mapping.run-1.rejects.3.csv").symlink_to(folder / "elsewhere")
    found = totals(run(folder, "submit", "mapping.yaml", "--json", opus=opus))["rejects"]
    assert found == f"mapping.run-1.rejects.{3 if WINDOWS else 4}.csv"
    assert taken.read_text("utf-8") == "of another journal"
    assert not (folder / "elsewhere").exists()
    assert WINDOWS or stat.S_IMODE((folder / found).stat().st_mode) == 0o600


def test_two_mappings_of_one_folder_keep_their_rejects_apart(folder, opus):
    shutil.copy(folder / "mapping.yaml", folder / "other.yaml")
    run(folder, "submit", "mapping.yaml", opus=opus)
    run(folder, "submit", "other.yaml", opus=opus)
    run(folder, "map", "mapping.yaml")
    run(folder, "map", "other.yaml")
    assert names(folder) == [
        "mapping.rejects.csv",
        "mapping.run-1.rejects.csv",
        "other.rejects.csv",
        "other.run-2.rejects.csv",
    ]


@pytest.mark.parametrize("suffix", ["csv", "jsonl"])
def test_a_pattern_does_not_take_rejects_for_a_source(folder, opus, suffix):
    mapping = (folder / "mapping.yaml").read_text("utf-8").replace("source.csv", f"'*.{suffix}'")
    (folder / "mapping.yaml").write_text(mapping, "utf-8")
    if suffix == "jsonl":
        rows = read(folder / "source.csv")
        (folder / "source.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    first = totals(run(folder, "submit", "mapping.yaml", "--json", opus=opus))
    ended = run(folder, "submit", "mapping.yaml", opus=opus)
    assert f"mapping.run-1.rejects.{suffix}" in ended.stderr
    second = totals(run(folder, "submit", "mapping.yaml", "--json", opus=opus))
    assert (second["read"], second["rejected"]) == (first["read"], 2) == (4, 2)
    asked = run(folder, "map", "mapping.yaml", f"*.rejects.{suffix}", "--json", "-o", "o.out")
    assert totals(asked)["read"] == 6


def test_rejects_may_go_to_standard_output_and_to_a_device(folder):
    shown = run(folder, "map", "mapping.yaml", "-o", "out.jsonl", "--rejects", "-")
    assert "unknown-choice" in shown.stdout
    if not WINDOWS:
        assert run(folder, "map", "mapping.yaml", "--rejects", "/dev/null").returncode == 1
    refused = run(folder, "map", "mapping.yaml", "--rejects", ".")
    assert (refused.returncode, "this is a folder" in refused.stderr) == (2, True)


# Retry


@pytest.mark.parametrize("moved", [True, False])
def test_retry_says_that_the_rejects_are_not_where_they_were(folder, opus, moved):
    run(folder, "submit", "mapping.yaml", opus=opus)
    file = folder / "mapping.run-1.rejects.csv"
    file.rename(folder / "fixed.csv") if moved else file.unlink()
    for _ in range(2):  # the first one is a run, too
        ended = run(folder, "retry", "mapping.yaml", opus=opus)
        assert ended.returncode == 0
        assert "the rejects of run 1 are not at" in ended.stderr
        assert "opusmap retry mapping.yaml FILE" in ended.stderr
        assert "nothing to send again" in ended.stderr


def test_retry_of_rejects_that_were_not_edited_sends_nothing_and_asks_for_corrections(folder, opus):
    run(folder, "submit", "mapping.yaml", opus=opus)
    sent = len(opus.requests)
    ended = run(folder, "retry", "mapping.yaml", opus=opus)
    shown = " ".join(ended.stderr.split())
    assert ended.returncode == 2
    assert "mapping.run-1.rejects.csv: no cell in it was corrected since run 1 wrote it" in shown
    assert "correct the cells that its column _error_column names" in shown
    assert "Next, " not in shown
    assert len(opus.requests) == sent
    assert [one["run"] for one in totals(run(folder, "report", "--json"))["runs"]] == [1]


def test_retry_names_the_older_rejects_that_were_edited_where_the_newest_were_not(folder, opus):
    for _ in range(2):
        run(folder, "submit", "mapping.yaml", opus=opus)
    fix(folder / "mapping.run-1.rejects.csv")
    ended = run(folder, "retry", "mapping.yaml", opus=opus)
    shown = " ".join(ended.stderr.split())
    assert ended.returncode == 2
    assert "mapping.run-2.rejects.csv: no cell in it was corrected since run 2 wrote it" in shown
    found = re.search(r"help: \S*mapping\.run-1\.rejects\.csv was edited: `opusmap ([^`]+)` sends it", shown)
    assert found is not None
    assert run(folder, *found[1].split(), opus=opus).returncode == 0
    ended = run(folder, "retry", "mapping.yaml", opus=opus)
    assert "mapping.run-1.rejects.csv was edited" not in " ".join(ended.stderr.split())


def test_retry_of_an_older_run_asks_for_corrections_of_its_own_rejects(folder, opus):
    for _ in range(2):
        run(folder, "submit", "mapping.yaml", opus=opus)
    sent = len(opus.requests)
    ended = run(folder, "retry", "mapping.yaml", "--run", "1", opus=opus)
    shown = " ".join(ended.stderr.split())
    assert ended.returncode == 2
    assert "mapping.run-1.rejects.csv: no cell in it was corrected since run 1 wrote it" in shown
    assert re.search(r"run `opusmap retry mapping.yaml \S*mapping\.run-1\.rejects\.csv` again", shown)
    fix(folder / "mapping.run-1.rejects.csv")
    ended = run(folder, "retry", "mapping.yaml", "--run", "1", opus=opus)
    shown = " ".join(ended.stderr.split())
    assert (ended.returncode, "mapping.run-1.rejects.csv was edited" in shown) == (0, True)
    assert re.search(r"`opusmap retry mapping.yaml \S*mapping\.run-1\.rejects\.csv` sends", shown)
    assert len(opus.requests) == sent


def test_retry_takes_the_latest_run_s_rejects_once_they_were_edited(folder, opus):
    run(folder, "submit", "mapping.yaml", opus=opus)
    file = folder / "mapping.run-1.rejects.csv"
    write_source(folder, "Red", "Blue", "Green", "Pink")
    run(folder, "submit", "mapping.yaml", opus=opus)
    latest = folder / "mapping.run-2.rejects.csv"
    fix(file)
    older = run(folder, "retry", "mapping.yaml", "--json", opus=opus)
    assert (older.returncode, "mapping.run-2.rejects.csv: no cell in it" in older.stderr) == (2, True)

    rows = read(latest)
    write(latest, [{**rows[0], "Choice": "Red"}, {**rows[1], "Choice": "still wrong"}])
    again = totals(run(folder, "retry", "mapping.yaml", "--json", opus=opus))
    assert (again["submitted"], again["rejected"], again["rejects"]) == (1, 1, "mapping.run-3.rejects.csv")

    fix(folder / "mapping.run-3.rejects.csv")
    last = run(folder, "retry", "mapping.yaml", "--json", opus=opus)
    assert totals(last)["submitted"] == 1
    assert "mapping.run-3.rejects.csv, the rejects of run 3" in last.stderr
    assert set(opus.records) == {"K-0", "K-1", "K-2", "K-3"}
    sent = run(folder, "retry", "mapping.yaml", "--json", opus=opus)
    assert (totals(sent)["read"], "was already sent by run 4" in sent.stderr) == (0, True)


def test_retry_does_not_send_edited_rejects_over_what_a_later_run_sent(folder, opus):
    run(folder, "submit", "mapping.yaml", opus=opus)
    fix(folder / "mapping.run-1.rejects.csv")
    write_source(folder, "Red", "Red", "Red", "Red", text="newer")
    run(folder, "submit", "mapping.yaml", opus=opus)
    ended = run(folder, "retry", "mapping.yaml", "--json", opus=opus)
    assert totals(ended)["read"] == 0
    assert "run 2 came after run 1" in ended.stderr
    assert {record["_Text"] for record in opus.records.values()} == {"newer"}


def test_retry_of_one_run_sends_what_is_open_of_it_and_no_file(folder, opus):
    write_source(folder, "Red", "Blue")
    body = {"statusCode": 418, "failedItems": [{"rowKey": "K-0", "message": "no"}]}
    refusal = Fault(418, after=True, body=json.dumps(body).encode())
    opus.faults = lambda request: refusal if request.keys else None
    run(folder, "submit", "mapping.yaml", opus=opus)
    opus.faults = None
    fix(folder / "mapping.run-1.rejects.csv")
    ended = totals(run(folder, "retry", "mapping.yaml", "--run", "1", "--json", opus=opus))
    assert (ended["read"], ended["submitted"]) == (1, 1)
    assert set(opus.records) == {"K-0"}


# The journal of the last run


AGAIN = "each one is sent again"


def last_run(folder):
    return json.loads((folder / "mapping.last-run.json").read_text("utf-8"))


def journal(folder):
    return folder / "opusmap-journal.db"


def back_up(folder):
    shutil.copy(journal(folder), folder / "backup.db")


def restore(folder):
    for path in folder.glob("opusmap-journal.db*"):
        path.unlink()
    shutil.copy(folder / "backup.db", journal(folder))


def submit(folder, opus, *args, **more):
    ended = run(folder, "submit", "mapping.yaml", "--json", *args, opus=opus, **more)
    told = ended.stderr.splitlines(keepends=True)
    return totals(ended), "".join(line for line in told if not line.startswith("Opus is "))


def test_each_run_notes_its_journal_beside_the_mapping_without_a_cell(folder, opus):
    write_source(folder, "Red", "Blue", text="a cell of the source")
    submit(folder, opus)
    first = last_run(folder)
    assert "a cell" not in json.dumps(first)
    assert "K-0" not in json.dumps(first)
    (noted,) = first["runs"]
    assert (noted["run"], noted["origin"]) == (1, opus.url)
    assert len(noted["journal"]) == 32
    assert noted["started"] < noted["finished"]
    assert WINDOWS or stat.S_IMODE((folder / "mapping.last-run.json").stat().st_mode) == 0o600
    submit(folder, opus)
    (again,) = last_run(folder)["runs"]
    assert (again["run"], again["journal"]) == (2, noted["journal"])
    run(folder, "submit", "mapping.yaml", "--to", "emulator")
    assert last_run(folder)["runs"] == [again], "a rehearsal keeps no journal"


def test_after_a_restored_journal_nothing_old_counts_as_unchanged(folder, opus):
    write_source(folder, "Red", "Red", text="old")
    submit(folder, opus)
    back_up(folder)
    write_source(folder, "Red", "Red", text="new")
    submit(folder, opus)
    restore(folder)
    write_source(folder, "Red", "Red", text="old")
    report, told = submit(folder, opus)
    assert "is older than the last run of mapping.yaml (run 2, " in told
    assert AGAIN in told
    assert report["journal_note"] in told.replace("warning: ", "")
    assert (report["submitted"], report["unchanged"]) == (2, 0)
    assert {record["_Text"] for record in opus.records.values()} == {"old"}
    report, told = submit(folder, opus)
    assert (report["unchanged"], report["requests"], report["journal_note"], told) == (2, 0, None, "")
    shown = run(folder, "report", "2")
    assert "is older than the last run" in shown.stdout
    run(folder, "report", "2", "--html", "page.html")
    assert "is older than the last run" in (folder / "page.html").read_text("utf-8")


def test_what_a_stopped_run_did_not_send_again_stays_in_doubt(folder, opus):
    write_source(folder, *["Red"] * 4, text="old")
    submit(folder, opus)
    back_up(folder)
    write_source(folder, *["Red"] * 4, text="new")
    submit(folder, opus)
    restore(folder)
    write_source(folder, *["Red"] * 4, text="old")
    assert submit(folder, opus, "--limit", "1")[0]["submitted"] == 1
    report, _ = submit(folder, opus)
    assert (report["submitted"], report["unchanged"]) == (3, 1)
    assert {record["_Text"] for record in opus.records.values()} == {"old"}


def test_a_journal_of_the_version_before_sends_all_once_more_and_says_so_first(folder, opus):
    write_source(folder, "Red", "Red", text="same")
    submit(folder, opus)
    with closing(sqlite3.connect(journal(folder))) as database:
        database.executescript(
            "ALTER TABLE accepted RENAME TO taken; ALTER TABLE detailed RENAME TO noted;"
            "ALTER TABLE requests RENAME TO flights; ALTER TABLE flights RENAME COLUMN items TO entries;"
            "ALTER TABLE targets DROP COLUMN older_hash; ALTER TABLE taken DROP COLUMN columns;"
            "ALTER TABLE identity DROP COLUMN column_key; DROP TABLE column_layouts; DROP TABLE gone;"
            "PRAGMA user_version = 4;"
        )
    report, told = submit(folder, opus, "--limit", "1")
    assert (report["submitted"], report["journal_note"] in told) == (1, True)
    report, told = submit(folder, opus)
    assert told.startswith("warning: an older version of opusmap wrote the journal ")
    assert AGAIN.replace("each record", "each of them") in told
    assert report["journal_note"] in told
    assert (report["submitted"], report["unchanged"]) == (1, 1)
    report, told = submit(folder, opus)
    assert (report["unchanged"], report["requests"], report["journal_note"], told) == (2, 0, None, "")


def test_a_backup_that_was_made_while_the_last_run_went_on_is_older(folder, opus):
    submit(folder, opus)
    database = sqlite3.connect(journal(folder))
    database.execute("UPDATE runs SET finished = NULL, ending = ''")
    database.commit()
    database.close()
    assert "is older than" in submit(folder, opus)[1]


def test_a_copy_of_the_journal_that_went_another_way_is_told(folder, opus):
    submit(folder, opus)
    back_up(folder)
    submit(folder, opus)
    submit(folder, opus, OPUSMAP_JOURNAL=str(folder / "backup.db"))
    assert "is older than" in submit(folder, opus)[1], "both have a run 2, and only one is the last run"


def test_two_machines_with_a_journal_each_hear_of_one_another(folder, opus):
    write_source(folder, "Red", text="one")
    submit(folder, opus, OPUSMAP_JOURNAL="a.db")
    write_source(folder, "Red", text="two")
    report, told = submit(folder, opus, OPUSMAP_JOURNAL="b.db")
    assert "is new, and the last run of mapping.yaml (run 1, " in told
    write_source(folder, "Red", text="one")
    report, told = submit(folder, opus, OPUSMAP_JOURNAL="a.db")
    assert "does not contain the last run" in told
    assert (report["submitted"], report["unchanged"]) == (1, 0)
    assert opus.records["K-0"]["_Text"] == "one"


def test_one_journal_may_hold_several_connections_and_mappings(folder, opus):
    shutil.copy(folder / "mapping.yaml", folder / "other.yaml")
    other = json.loads((folder / "c.json").read_text("utf-8"))
    (folder / "d.json").write_text(
        json.dumps({**other, "id": "6b0c4a52-7f0e-4d0b-9a53-2f6d1f6a8c12"}), "utf-8"
    )
    (folder / "other.yaml").write_text(MAPPING.replace("c.json", "d.json"), "utf-8")
    for _ in range(2):
        assert submit(folder, opus)[1] == ""
        run(folder, "submit", "other.yaml", opus=opus)
    shown = json.loads(run(folder, "report", "other.yaml", "--json").stdout)["runs"]
    assert [one["run"] for one in shown] == [4, 2]
    assert [one["run"] for one in json.loads(run(folder, "report", "--json").stdout)["runs"]] == [4, 3, 2, 1]
    missing = run(folder, "report", "other.yaml", "--run", "3")
    assert (missing.returncode, "contains no run 3 of other.yaml" in missing.stderr) == (2, True)


def test_retry_of_a_file_trusts_a_restored_journal_no_more_than_submit(folder, opus):
    submit(folder, opus)
    back_up(folder)
    submit(folder, opus)
    restore(folder)
    fix(folder / "mapping.run-1.rejects.csv")
    ended = run(folder, "retry", "mapping.yaml", "mapping.run-1.rejects.csv", "--json", opus=opus)
    assert AGAIN in ended.stderr


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b'{"version": 99}',
        b'{"runs": [{"run": "x"}]}',
        b"[" * 100_000,
        b"\xff",
        b" " * 2_000_000,
    ],
)
def test_a_damaged_file_about_the_last_run_is_told_and_written_again(folder, opus, content):
    write_source(folder, "Red")
    submit(folder, opus)
    (folder / "mapping.last-run.json").write_bytes(content)
    report, told = submit(folder, opus)
    assert "mapping.last-run.json" in told
    assert (report["submitted"], report["unchanged"]) == (1, 0)
    assert submit(folder, opus)[1] == ""


@pytest.mark.parametrize("kind", ["folder", "link"])
def test_what_is_no_file_is_neither_followed_nor_replaced(folder, opus, kind):
    write_source(folder, "Red")
    place = folder / "mapping.last-run.json"
    if kind == "folder":
        place.mkdir()
    else:
        place.symlink_to(folder / "elsewhere")
    report, told = submit(folder, opus)
    assert report["submitted"] == 1
    words = {"folder": "this is a folder", "link": "this is a symbolic link"}
    assert told.count(f"mapping.last-run.json: {words[kind]}. So a later run can't detect") == 1
    assert not (folder / "elsewhere").exists()
    assert kind == "folder" or place.is_symlink()


def test_a_deleted_journal_is_told_by_report_and_by_submit(folder, opus):
    submit(folder, opus)
    for path in folder.glob("opusmap-journal.db*"):
        path.unlink()
    ended = run(folder, "report", "mapping.yaml")
    assert ended.returncode == 2
    assert "there is no journal here, though mapping.yaml had a run (run 1, " in ended.stderr
    assert "sends every record again" in ended.stderr
    ended = run(folder, "retry", "mapping.yaml", opus=opus)
    assert (ended.returncode, "there is no journal here" in ended.stderr) == (2, True)
    report, told = submit(folder, opus)
    assert "is new, and the last run of mapping.yaml (run 1, " in told
    assert report["submitted"] == 2


# The report


def test_report_finds_the_journal_of_a_mapping_in_another_folder(folder, opus, tmp_path):
    (folder / ".env").write_text("OPUSMAP_JOURNAL=kept.db\n", "utf-8")
    submit(folder, opus)
    nothing = run(tmp_path, "report")
    assert nothing.returncode == 2
    assert "opusmap report path/to/mapping.yaml" in nothing.stderr
    place = str(Path("register", "mapping.yaml"))
    assert [one["run"] for one in json.loads(run(tmp_path, "report", place, "--json").stdout)["runs"]] == [1]
    one = run(tmp_path, "report", place, "--run", "1")
    assert one.returncode == 0
    assert "2 rows were rejected, and not sent: see" in one.stdout
    assert str(Path("register", "mapping.run-1.rejects.csv")) in one.stdout
    page = run(tmp_path, "report", place, "--html", "page.html")
    assert (page.returncode, "Pink" in (tmp_path / "page.html").read_text("utf-8")) == (0, True)
    for args, words in (
        (("7",), "no journal here"),
        (("0",), "numbered from 1"),
        (("1", "--run", "1"), "both name a run"),
        (("nowhere.yaml",), 'there is no mapping "nowhere.yaml"'),
    ):
        ended = run(tmp_path, "report", *args)
        assert (ended.returncode, words in ended.stderr) == (2, True), ended.stderr


def test_report_of_a_mapping_that_has_errors_now_still_shows_its_runs(folder, opus):
    submit(folder, opus)
    (folder / "mapping.yaml").write_text("opusmap: 1\n", "utf-8")
    assert "done" in run(folder, "report", "mapping.yaml").stdout


def test_report_does_not_say_that_every_record_was_accepted_where_rows_were_rejected(folder, opus):
    submit(folder, opus)
    shown = run(folder, "report", "1").stdout
    assert "Every record that the run made was accepted" in shown
    assert "2 rows were rejected, and not sent: see mapping.run-1.rejects.csv\n" in shown
    fix(folder / "mapping.run-1.rejects.csv")
    assert "(edited since)" in run(folder, "report", "1").stdout
    found = json.loads(run(folder, "report", "1", "--json").stdout)
    assert found["rejects"] == "mapping.run-1.rejects.csv"
    write_source(folder, "Blue")
    submit(folder, opus)
    shown = run(folder, "report", "2").stdout
    assert "Every" not in shown
    assert "1 row was rejected, and not sent: see mapping.run-2.rejects.csv\n" in shown
    assert "1 of the rejected rows has a record that an earlier run sent" in shown
    assert "The run made no record.\n" in shown


def test_report_says_how_many_records_were_not_sent(folder, opus):
    opus.faults = lambda _request: Fault(503)
    report, _ = submit(folder, opus, OPUSMAP_RETRY_TIMEOUT="1")
    assert report["not_sent"]
    assert "records were not sent" in run(folder, "report", "1").stdout


# Pruning


def test_pruning_removes_the_rejects_of_old_runs_wherever_it_is_called_from(folder, opus, tmp_path):
    submit(folder, opus)
    submit(folder, opus)
    run(folder, "map", "mapping.yaml")
    run(folder, "submit", "mapping.yaml", "--to", "emulator")
    fix(folder / "mapping.run-2.rejects.csv")
    database = sqlite3.connect(journal(folder))
    database.execute("UPDATE runs SET started = started - 91*86400, finished = finished - 91*86400")
    database.commit()
    database.close()
    os.utime(folder / "mapping.rejects.csv", (1, 1))
    place = str(Path("register", "mapping.yaml"))
    found = json.loads(run(tmp_path, "prune", place, "--older-than", "90", "--json").stdout)["pruned"]
    assert found["runs"] == [1, 2]
    assert [Path(path).name for path in found["kept"]] == ["mapping.run-2.rejects.csv"]
    assert names(folder) == ["mapping.rehearsal.rejects.csv", "mapping.run-2.rejects.csv"]


def test_pruning_of_a_mapping_leaves_the_runs_of_others(folder, opus):
    shutil.copy(folder / "mapping.yaml", folder / "other.yaml")
    submit(folder, opus)
    run(folder, "submit", "other.yaml", opus=opus)
    database = sqlite3.connect(journal(folder))
    database.execute("UPDATE runs SET started = 0, finished = 0")
    database.commit()
    database.close()
    found = json.loads(run(folder, "prune", "mapping.yaml", "--older-than", "9", "--json").stdout)["pruned"]
    assert found["runs"] == [1]
    assert names(folder) == ["other.run-2.rejects.csv"]


# A journal that can't be used


def damage(path, kind):
    if kind == "pages":
        data = bytearray(path.read_bytes())
        data[4096:] = os.urandom(len(data) - 4096)
        path.write_bytes(data)
    elif kind == "cut":
        path.write_bytes(path.read_bytes()[:-4096])
    elif kind == "text":
        path.write_text("Key,Text\n" * 2000, "utf-8")
    elif kind == "empty":
        path.write_bytes(b"")
    elif kind == "newer":
        database = sqlite3.connect(path)
        database.execute("PRAGMA user_version = 99")
        database.close()
    elif kind == "folder":
        path.unlink()
        path.mkdir()


@pytest.mark.parametrize("kind", ["pages", "cut", "text", "empty", "newer", "folder"])
def test_a_journal_that_can_not_be_used_is_told_with_the_way_out(folder, opus, kind):
    submit(folder, opus)
    damage(journal(folder), kind)
    for args in (
        ("report",),
        ("report", "1"),
        ("report", "--html", "p.html"),
        ("retry", "mapping.yaml"),
        ("prune", "--older-than", "1"),
        ("submit", "mapping.yaml"),
    ):
        ended = run(folder, *args, opus=opus)
        if ended.returncode in (
            0,
            1,
        ):  # what was damaged was not asked for, or an empty file is a new journal
            assert kind in ("empty", "cut")
            continue
        assert ended.returncode == 2
        assert "help: " in ended.stderr
        assert "opusmap-journal.db" in ended.stderr
        assert kind not in ("pages", "cut") or "--resend" in ended.stderr
