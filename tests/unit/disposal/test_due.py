"""What is due: all pages of Opus's list, joined with the journal and the source."""

from __future__ import annotations

import csv
import io
import json
from datetime import date

import pytest
from disposal_register import open_register
from openpyxl import load_workbook

from opusmap.disposal.due import day_after, read_day
from opusmap.emulator import Fault, Readings, in_turn
from opusmap.errors import SettingsError
from opusmap.journal import open_journal

CONNECTION = "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90"


def states(entries):
    return {key: entry["state"] for key, entry in entries.items()}


@pytest.mark.parametrize(
    "readings", [Readings(), Readings(no_content=True, page_index=True)], ids=["tokens", "numbers"]
)
def test_all_pages_are_asked_for_and_joined_with_the_rows(tmp_path, capsys, monkeypatch, readings):
    with open_register(tmp_path, capsys, monkeypatch, readings) as register:
        keys = [f"P{number:03}" for number in range(205)]
        register.write(*keys)
        register.submit()
        assert register.due() == {}
        register.make_due(*keys[1:])
        due = register.due()
    assert list(due) == keys[1:]
    assert due["P001"] == {
        "key": "P001",
        "name": "P001 Mill Lane",
        "term": "Records/Planning/Permits",
        "created": "2020-01-02 00:00:00",
        "modified": "2020-01-02 00:00:00",
        "created_by": "Ann",
        "modified_by": "Ann",
        "state": "known",
        "why": "",
        "place": "row 3",
        "run": 1,
        "content": due["P001"]["content"],
    }


def test_the_last_day_counts(register):
    register.write("a")
    register.submit()
    register.emulator.set_due("a", date(2030, 6, 30))
    assert list(register.due("--until", "2030-06-29")) == []
    assert list(register.due("--until", "2030-06-30")) == ["a"]
    assert day_after(date(2030, 12, 31)) == "2031-01-01T00:00:00"


def test_what_must_be_looked_at_has_a_state_of_its_own(register):
    register.write("same", "gone", "changed", "reject", "failed", "draft", "elsewhere", "renamed")
    register.submit()
    with open_journal("opusmap-journal.db") as journal:
        origin = journal.runs()[0].origin
        stolen = journal.find_records(origin, CONNECTION, ["elsewhere"])["elsewhere"]
    register.write("changed", Note="new")
    register.write("reject", Day="31/31/2020")
    register.write("draft", Status="draft")
    register.write("failed", Note="other")
    register.emulator.faults = in_turn(Fault(refuses=frozenset({"failed"})))
    register.write("pruned")
    register.submit("--limit", "9")
    register.emulator.faults = None
    register.write("changed", Note="newer")
    register.remove("gone")
    record = register.emulator.records["renamed"]
    register.emulator.disposal._store.keep("renamed", {**record, "leafName": "x"}, overwrite=True)
    register.emulator.disposal._store.keep("stranger", {**record, "rowKey": "stranger"}, overwrite=True)
    _know_elsewhere(origin, stolen)
    keys = ("same", "gone", "changed", "reject", "failed", "draft", "elsewhere", "renamed", "stranger")
    register.make_due(*keys)
    assert states(register.due()) == {
        "same": "known",
        "gone": "known",
        "changed": "changed",
        "reject": "changed",
        "failed": "uncertain",
        "draft": "known",
        "elsewhere": "two-connections",
        "renamed": "changed",
        "stranger": "unknown",
    }


def _know_elsewhere(origin, record):
    """Let the journal know a key under another connection of the same Opus, too."""
    from journal_steps import begin, finish

    from opusmap.journal import Item, Result, State, Timestamp

    with open_journal("opusmap-journal.db") as journal:
        run = journal.start_run(origin=origin, connection="another", mapping="other.yaml")
        begin(journal, run, [Item(2, record.key, b"c" * 16)], Timestamp(0.0, 0.0))
        finish(journal, run, [Result(record.key, State.ACCEPTED)])
        journal.finish_run(run, ending="done", counts={})


def test_a_page_whose_answer_was_lost_or_refused_for_now_is_asked_for_again(register):
    register.write("a", "b")
    register.submit()
    register.make_due("a", "b")
    troubles = (Fault(429, (("Retry-After", "0"),)), Fault(500), Fault(401, forget_tokens=True), Fault(503))
    register.emulator.faults = in_turn(*troubles)
    assert list(register.due()) == ["a", "b"]


def test_a_list_without_an_end_or_with_a_record_without_a_key_ends_the_command(register):
    register.write("a")
    register.submit()
    for item, problem in (
        ({"rowKey": "a"}, "has no end"),
        ({"leafName": "a"}, "without a readable `rowKey`"),
    ):
        page = {"statusCode": 200, "queriedItems": [item], "startIndex": "7"}
        answer = Fault(200, body=json.dumps(page).encode())
        register.emulator.faults = lambda request, answer=answer: answer if request.method == "GET" else None
        ended = register.run("due", "mapping.yaml")
        assert (ended.code, problem in ended.err) == (3, True), ended.err


def test_the_list_is_printed_with_what_each_state_means(register):
    register.write("a", "b")
    register.submit()
    register.make_due("a", "b")
    register.write("b", Note="new")
    ended = register.run("due", "mapping.yaml", "--until", "2024-01-01")
    assert ended.code == 0
    assert [line.split()[0] for line in ended.out.splitlines()] == ["key", "a", "b"]
    assert "2 records due by 2024-01-01: 1 known, 1 changed" in ended.err
    assert "changed: changed since it was submitted" in ended.err
    assert "opusmap destroy plan mapping.yaml --until 2024-01-01 -o plan.json" in ended.err
    other = register.run("due", "mapping.yaml", "permits.csv", "--until", "2024-01-02")
    assert "opusmap destroy plan mapping.yaml permits.csv --until 2024-01-02 -o" in other.err


@pytest.mark.parametrize("name", ["due.csv", "due.xlsx", "due.html"])
def test_the_list_is_written_for_those_who_review_it(register, name):
    register.write("a", "b", Address="=cmd()")
    register.submit()
    register.make_due("a", "b")
    assert register.run("due", "mapping.yaml", "-o", name).code == 0
    content = (register.folder / name).read_bytes()
    if name == "due.csv":
        rows = list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))
        assert [(row["key"], row["name"], row["decision"]) for row in rows] == [
            ("a", "'=cmd()", ""),
            ("b", "'=cmd()", ""),
        ]
    elif name == "due.xlsx":
        sheet = load_workbook(io.BytesIO(content)).active
        cells = [[cell.value for cell in row[:2]] for row in sheet.iter_rows()]
        assert cells == [["key", "name"], ["a", "'=cmd()"], ["b", "'=cmd()"]]
    else:
        text = content.decode()
        assert text.count("<code>known</code>") == 3
        assert "<script" not in text
        assert "Signature" in text


@pytest.mark.parametrize("name", ["due.txt", "due"])
def test_a_list_whose_ending_says_nothing_is_refused_before_opus_is_asked(register, name):
    register.write("a")
    asked = len(register.emulator.requests)
    ended = register.run("due", "mapping.yaml", "-o", name)
    assert (ended.code, "does not end in" in ended.err) == (2, True)
    assert len(register.emulator.requests) == asked


def test_a_day_that_is_none_is_refused():
    assert read_day("2026-02-28", "--until") == date(2026, 2, 28)
    with pytest.raises(SettingsError, match="not a day"):
        read_day("28.2.2026", "--until")


def test_without_a_journal_the_command_says_where_to_look(register):
    register.write("a")
    ended = register.run("due", "mapping.yaml")
    assert (ended.code, "journal" in ended.err) == (2, True)
