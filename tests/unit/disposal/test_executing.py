"""From a plan to its execution: what stops it, what is marked, and what is never marked."""

from __future__ import annotations

import json
import sys
from datetime import date
from pathlib import Path

import pytest
from disposal_register import ANN, BOB, RUN, open_register

from opusmap.disposal.destruction_plan import read_plan_file
from opusmap.emulator import Fault, Readings
from opusmap.emulator.fault_injector import LOST
from opusmap.journal import DestructionState, open_journal

KEYS = ("a", "b", "c")
CONNECTION = "2c3f5d0e-6a51-4f0b-9c77-0d5d7c1e4a90"


def plan(register, *args):
    ended = register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json", "--json", *args)
    assert ended.code == 0, ended.err
    return ended.json


def approve(register, person=ANN, count=3):
    return register.run("destroy", "approve", "plan.json", "--as", person, "--count", str(count))


def execute(register, *args, person=RUN, count=3):
    words = ("destroy", "run", "plan.json", "--as", person, "--count", str(count), "--json")
    return register.run(*words, *args)


def ready(register, *args, keys=KEYS):
    """Make a plan of records that are due, approved by two people, and gone from the source."""
    register.write(*keys, "other")
    register.submit()
    register.make_due(*keys)
    plan(register, *args)
    for person in (ANN, BOB):
        assert approve(register, person, len(keys)).code == 0
    register.remove(*keys)
    assert register.run("destroy", "confirm", "plan.json", "mapping.yaml").code == 0


@pytest.fixture(autouse=True)
def _allowed(monkeypatch):
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")


def assert_refused(register, ended, *words):
    """Assert that a command stopped with these words, and that nothing was asked to be marked."""
    assert ended.code == 2, ended.err
    for word in words:
        assert word in ended.err
    assert not any(each.request.method == "DELETE" for each in register.emulator.requests)
    assert register.emulator.destroyed == set()


def test_an_approved_and_confirmed_plan_is_executed_and_its_records_never_come_back(register):
    ready(register)
    ended = execute(register)
    assert ended.code == 0, ended.err
    facts = ended.json
    states = {each["key"]: each["state"] for each in facts.pop("records")}
    assert states == dict.fromkeys(KEYS, "destroyed")
    counts = {"planned": 3, "destroyed": 3, "failed": 0, "uncertain": 0, "not_sent": 0, "requests": 1}
    assert facts == {
        "plan": read_plan_file("plan.json").sha256,
        **counts,
        "newly_due": [],
        "stopped": None,
    }
    assert register.emulator.destroyed == set(KEYS)
    again = execute(register)
    assert (again.code, again.json["requests"], again.json["destroyed"]) == (0, 0, 3)
    register.run("prune", "mapping.yaml", "--older-than", "1")
    register.write(*KEYS, Note="back")
    report = register.submit()
    assert (report["rejected"], report["submitted"], report["unchanged"]) == (3, 0, 1)
    assert {reason["code"] for reason in report["reasons"]} == {"destroyed-record"}
    assert register.emulator.disposal.returned == set()


def test_a_tombstone_outlives_pruning_and_a_person_lifts_it_by_the_key(register):
    ready(register)
    execute(register)
    with open_journal("opusmap-journal.db") as journal:
        assert journal.prune(9e10).records == 4
    register.write(*KEYS)
    assert register.submit()["rejected"] == 3
    words = ("destroy", "lift", "mapping.yaml", "b", "--as", ANN, "--reason", "wrong key")
    assert register.run(*words).code == 0
    report = register.submit()
    assert (report["rejected"], report["submitted"], report["unchanged"]) == (2, 1, 1)
    assert "keeps it from being submitted" in register.run(*words).err
    with open_journal("opusmap-journal.db", write=False) as journal:
        origin = journal.runs()[0].origin
        (row,) = journal.destructions(origin, CONNECTION, ["b"])
    assert row.lifted.startswith(f"{ANN}, 20")
    assert row.lifted.endswith(": wrong key")


def test_a_lifted_record_is_sent_although_it_is_unchanged(register):
    ready(register)
    execute(register)
    register.write("a")
    register.run("destroy", "lift", "mapping.yaml", "a", "--as", ANN, "--reason", "wrong key")
    assert register.submit()["submitted"] == 1


def test_without_the_permission_nothing_is_marked(register, monkeypatch):
    ready(register)
    monkeypatch.delenv("OPUSMAP_ALLOW_DESTROY")
    assert_refused(register, execute(register), "OPUSMAP_ALLOW_DESTROY", "set it to 1")


@pytest.mark.parametrize("count", [2, 4])
def test_another_number_of_records_is_refused(register, count):
    ready(register)
    assert_refused(register, execute(register, count=count), "the plan does not have")


@pytest.mark.parametrize(
    ("people", "runs", "words"),
    [
        ((ANN,), RUN, "1 of 2 people have approved it"),
        ((), RUN, "0 of 2 people"),
        ((ANN, BOB), "Ann Lee <ANN@x.org>", "approved the plan, so another person must run it"),
    ],
)
def test_a_plan_without_enough_approvals_or_run_by_an_approver_is_refused(register, people, runs, words):
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    plan(register)
    for person in people:
        assert approve(register, person).code == 0
    register.remove(*KEYS)
    register.run("destroy", "confirm", "plan.json", "mapping.yaml")
    assert_refused(register, execute(register, person=runs), words, "opusmap destroy approve plan.json")


def test_no_one_approves_twice(register):
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    plan(register)
    assert approve(register, ANN).code == 0
    again = approve(register, "A. Lee <Ann@X.org>")
    assert (again.code, "the same person approved before" in again.err) == (2, True)
    assert len(read_plan_file("plan.json").approvals) == 1


def test_people_who_approve_at_the_same_time_both_count(register, monkeypatch):
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    plan(register)

    def type_late(*_, **__):
        assert approve(register, BOB).code == 0
        return 3

    monkeypatch.setattr("click.prompt", type_late)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    assert register.run("destroy", "approve", "plan.json", "--as", ANN).code == 0
    assert [one.by for one in read_plan_file("plan.json").approvals] == [BOB, ANN]


def test_a_plan_that_is_replaced_while_the_number_is_typed_is_not_approved(register, monkeypatch):
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    plan(register)

    def type_late(*_, **__):
        Path("plan.json").unlink()
        plan(register, "--authority", "another")
        return 3

    monkeypatch.setattr("click.prompt", type_late)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    ended = register.run("destroy", "approve", "plan.json", "--as", ANN)
    assert (ended.code, "the file has another plan now" in ended.err) == (2, True)
    assert read_plan_file("plan.json").approvals == ()


def test_an_approval_of_another_hash_does_not_count(register):
    ready(register)
    text = Path("plan.json").read_text("utf-8")
    approvals = json.loads(text)["approvals"]
    approvals[1]["sha256"] = "0" * 64
    head, _, rest = text.partition(', "approvals": ')
    end = rest.index(', "confirmations"')
    Path("plan.json").write_text(f'{head}, "approvals": {json.dumps(approvals)}\n{rest[end:]}', "utf-8")
    assert_refused(register, execute(register), "it is of another plan", "1 of 2 people")


def test_a_plan_that_was_edited_is_refused_everywhere(register):
    ready(register)
    path = Path("plan.json")
    original = path.read_text("utf-8")
    others = (
        original.replace('"key": "c"', '"key": "other"'),
        original.replace('"approvals_needed": 2', '"approvals_needed": 1'),
        json.dumps(json.loads(original), indent=2),
        original.replace('{"format"', '{"plan": {}, "format"', 1),
        original.replace("}\n", "", 1),
    )
    for text in others:
        assert text != original
        path.write_text(text, "utf-8")
        assert_refused(register, execute(register), "plan.json")
        assert approve(register, "Di Fox <di@x.org>").code == 2
        assert register.run("destroy", "verify", "plan.json").code == 2
    path.write_text(original, "utf-8")
    assert execute(register).code == 0


def test_a_hold_that_is_added_after_the_approval_stops_all(register):
    Path("holds.txt").write_text("other\n", "utf-8")
    ready(register, "--hold", "holds.txt")
    Path("holds.txt").write_text("other\nb\n", "utf-8")
    assert_refused(register, execute(register), '"b" is held by')
    Path("holds.txt").unlink()
    assert_refused(register, execute(register), "holds.txt")
    Path("holds.txt").write_text("", "utf-8")
    Path("more.txt").write_text("\ufeffc\r\n", "utf-8")
    assert_refused(register, execute(register, "--hold", "more.txt"), '"c" is held by more.txt')


@pytest.mark.parametrize("trouble", ["held", "unreadable"])
def test_a_hold_that_is_added_while_a_plan_runs_stops_what_has_not_left(register, trouble):
    Path("holds.txt").write_text("another\n")
    keys = tuple(f"k{number:03}" for number in range(200))
    ready(register, "--hold", "holds.txt", keys=keys)
    sent = []

    def add_hold(request):
        if request.method == "DELETE":
            sent.extend(request.keys)
            if trouble == "held":
                Path("holds.txt").write_text("another\nk199\tproceedings\n")
            else:
                Path("holds.txt").write_bytes(b"\xff")

    register.emulator.faults = add_hold
    ended = execute(register, count=len(keys))
    assert ended.code == 2
    said = '"k199" is held by holds.txt' if trouble == "held" else "this is not UTF-8"
    assert f"stopped midway: {said}" in ended.err.replace("holds.txt: this", "this")
    assert register.emulator.destroyed == set(sent)
    assert 0 < len(sent) < 199
    assert "k199" not in sent
    facts = ended.json
    assert (facts["destroyed"], facts["uncertain"]) == (len(sent), 0)
    assert facts["not_sent"] == len(keys) - len(sent)
    register.emulator.faults = None
    assert execute(register, count=len(keys)).code == 2
    assert register.emulator.destroyed == set(sent)


def test_a_hold_that_is_added_to_a_file_of_the_run_alone_stops_what_has_not_left(register):
    Path("more.txt").write_text("another\n")
    keys = tuple(f"k{number:03}" for number in range(200))
    ready(register, keys=keys)

    def add_hold(request):
        if request.method == "DELETE":
            Path("more.txt").write_text("another\nk199\n")

    register.emulator.faults = add_hold
    ended = execute(register, "--hold", "more.txt", count=len(keys))
    assert (ended.code, 'stopped midway: "k199" is held by more.txt' in ended.err) == (2, True)
    assert "k199" not in register.emulator.destroyed


def test_what_is_held_or_not_known_is_left_out_of_a_plan_and_named(register):
    register.write("a", "b", "c", "d")
    register.submit()
    register.make_due("a", "b", "c", "d")
    register.write("c", Note="changed")
    Path("holds.txt").write_text("b\nx\n", "utf-8")
    made = plan(register, "--hold", "holds.txt", "--authority", "GDA 12.3")
    assert (made["records"], made["held"], made["left_out"]) == (
        2,
        1,
        [{"key": "c", "state": "changed", "why": "its row is not what was submitted"}],
    )
    file = read_plan_file("plan.json")
    assert (file.plan.keys, file.plan.holds[0].held, file.plan.authority) == ({"a", "d"}, ("b",), "GDA 12.3")
    assert register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json").code == 2  # it is there


def test_an_object_that_is_still_in_the_source_stops_all_although_where_excludes_its_row(register):
    ready(register)
    register.write("b", Status="draft")
    ended = register.run("destroy", "confirm", "plan.json", "mapping.yaml")
    assert (ended.code, 'still there: "b", row 3' in ended.err) == (1, True), ended.err
    assert_refused(
        register, execute(register), '"b" is not confirmed to be gone', "opusmap destroy confirm plan.json"
    )


def test_a_row_whose_key_cannot_be_read_confirms_nothing(register):
    ready(register)
    with Path("permits.csv").open("a", encoding="utf-8") as file:
        file.write("b,only,three\n")
    ended = register.run("destroy", "confirm", "plan.json", "mapping.yaml")
    assert (ended.code, "the key of 1 row can't be read" in ended.err) == (2, True), ended.err


def test_a_vendors_certificate_confirms_what_the_source_still_lists(register):
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    plan(register)
    approve(register, ANN)
    approve(register, BOB)
    Path("shredded.pdf").write_bytes(b"%PDF boxes 7 to 9")
    words = ("destroy", "confirm", "plan.json", "mapping.yaml", "--certificate")
    assert register.run(*words, "missing.pdf").code == 2
    assert register.run(*words, "shredded.pdf").code == 0
    assert execute(register).code == 0


def test_a_record_that_was_submitted_again_since_the_plan_stops_all(register):
    ready(register)
    register.write("a", Note="new")
    register.submit()
    assert_refused(register, execute(register), '"a" was submitted again since the plan was made')


def test_a_record_that_is_no_longer_due_or_another_one_in_opus_stops_all(register):
    ready(register)
    register.emulator.set_due("a", date(9000, 1, 1))
    record = register.emulator.records["b"]
    register.emulator.disposal._store.keep("b", {**record, "leafName": "x"}, overwrite=True)
    assert_refused(
        register, execute(register), '"a" is no longer due', '"b" was changed in Opus since the plan was made'
    )


def test_what_is_newly_due_is_named_and_not_touched(register):
    ready(register)
    register.make_due("other")
    ended = execute(register)
    assert (ended.json["newly_due"], register.emulator.destroyed) == (["other"], set(KEYS))


def test_a_limit_marks_so_many_and_the_next_run_marks_the_rest(register):
    ready(register)
    first = execute(register, "--limit", "1")
    assert (first.code, first.json["destroyed"], first.json["not_sent"]) == (0, 1, 2)
    assert register.emulator.destroyed == {"a"}
    second = execute(register, person="Di Fox <di@x.org>")
    assert (second.code, second.json["destroyed"]) == (0, 3)
    assert [one.by for one in read_plan_file("plan.json").executions] == [RUN, "Di Fox <di@x.org>"]


def test_records_that_opus_refuses_fail_by_their_keys_and_the_others_are_marked(
    tmp_path, capsys, monkeypatch
):
    with open_register(tmp_path, capsys, monkeypatch, Readings(approval=True)) as register:
        ready(register)
        register.emulator.disposal.approve(["a", "c"])
        ended = execute(register)
        assert (ended.code, register.emulator.destroyed) == (1, {"a", "c"})
        failed = {each["key"]: each["answer"] for each in ended.json["records"] if each["state"] == "failed"}
        assert failed == {"b": "it is not approved"}
        register.write("b")
        assert register.submit()["rejected"] == 0  # it is no tombstone


@pytest.mark.parametrize("marked_once", [False, True])
def test_a_lost_answer_is_uncertain_until_opus_no_longer_lists_the_record(
    tmp_path, capsys, monkeypatch, marked_once
):
    readings = Readings(marked_once=marked_once, no_content=True)
    with open_register(tmp_path, capsys, monkeypatch, readings) as register:
        ready(register)
        lost = Fault(delivery=LOST)
        register.emulator.faults = _on_first("DELETE", lost)
        ended = execute(register)
        assert (ended.code, ended.json["destroyed"]) == (0, 3), ended.out
        answers = {each["answer"] for each in ended.json["records"]}
        assert all("no longer lists" in answer for answer in answers) is marked_once


def _on_first(method, fault):
    """Return a hook that lets the first request of a method meet a fault."""
    left = [fault]
    return lambda request: left.pop() if left and request.method == method else None


def test_what_no_answer_came_for_stays_uncertain_as_long_as_opus_lists_it(register, monkeypatch):
    monkeypatch.setenv("OPUSMAP_RETRY_TIMEOUT", "0.1")
    ready(register)
    register.emulator.faults = lambda request: Fault(503) if request.method == "DELETE" else None
    ended = execute(register)
    assert ended.json["uncertain"] == 3
    assert ended.code != 0
    register.emulator.faults = None
    register.write("a")
    report = register.submit()
    assert report["reasons"][0]["code"] == "destroyed-record"
    assert "may have been marked" in report["reasons"][0]["example"]
    register.remove("a")
    again = execute(register)
    assert (again.code, again.json["destroyed"]) == (0, 3)


def test_a_run_that_was_killed_between_a_request_and_its_answer_goes_on(register):
    ready(register)
    file = read_plan_file("plan.json")
    with open_journal("opusmap-journal.db") as journal:
        from opusmap.journal import Destruction

        origin, sha256 = file.plan.origin, file.sha256
        rows = [Destruction(key, sha256, b"", DestructionState.PENDING, 1.0, RUN) for key in "ab"]
        journal.write_destructions(origin, CONNECTION, rows)
    register.emulator.disposal.mark("a")
    ended = execute(register)
    assert (ended.code, ended.json["destroyed"], ended.json["requests"]) == (0, 3, 1)
    sent = [each.request.keys for each in register.emulator.requests if each.request.method == "DELETE"]
    assert sent == [("b", "c")]


def test_two_runs_of_one_plan_at_once_are_not_possible(register):
    ready(register)
    with open_journal("opusmap-journal.db"):
        ended = execute(register)
    assert_refused(register, ended, "journal")


def test_a_plan_for_another_service_is_refused(register, monkeypatch):
    ready(register)
    monkeypatch.setenv("OPUSMAP_BASE_URL", "http://127.0.0.1:9")
    assert_refused(register, execute(register), "the plan is for")


def test_without_a_terminal_the_number_must_be_given(register):
    ready(register)
    ended = register.run("destroy", "run", "plan.json", "--as", RUN)
    assert_refused(register, ended, "no terminal", "--count")


@pytest.mark.parametrize("person", ["Ann", "ann@x.org", "<ann@x.org>", "Ann <x>", "A\nB <a@x.org>", ""])
def test_who_acts_has_a_name_and_an_address(register, person):
    register.write("a")
    ended = register.run("destroy", "run", "plan.json", "--as", person)
    assert (ended.code, "not a name with an address" in ended.err) == (2, True)


def test_delivery_is_as_of_a_run_that_submits(register):
    keys = [f"k{number:02}" for number in range(30)]
    ready(register, keys=keys)
    troubles = (Fault(429, (("Retry-After", "0"),)), Fault(401, forget_tokens=True), Fault(400))
    register.emulator.faults = _in_turn_for("DELETE", *troubles)
    ended = execute(register, count=30)
    assert (ended.code, register.emulator.destroyed) == (0, set(keys)), (ended.out, ended.err)
    sizes = [each.request.records for each in register.emulator.requests if each.request.method == "DELETE"]
    assert max(sizes) == 15


def _in_turn_for(method, *faults):
    left = list(faults)
    return lambda request: left.pop(0) if left and request.method == method else None
