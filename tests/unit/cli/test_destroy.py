"""`opusmap destroy` by people who name a wrong file, or say too much or too little."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from disposal_register import ANN, BOB, RUN, Register, open_register

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")
WHICH = "name the file that `opusmap destroy` wrote"


@pytest.fixture
def planned(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Register]:
    """A register with a plan of twelve records."""
    keys = [f"k{number:02}" for number in range(12)]
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    with open_register(tmp_path, capsys, monkeypatch) as register:
        register.write(*keys)
        register.submit()
        register.make_due(*keys)
        assert register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json").code == 0
        yield register


def approve(register: Register, person: str, *words: str, plan: str = "plan.json") -> str:
    ended = register.run("destroy", "approve", plan, "--as", person, *words)
    assert ended.code == 2
    return ended.err


def test_a_wrong_file_is_answered_with_which_one_to_name(planned: Register) -> None:
    Path("half.json").write_bytes(Path("plan.json").read_bytes()[:300])
    Path("list.json").write_text("[]", "utf-8")
    for name in ("absent.json", "half.json", "list.json", "mapping.yaml", "permits.connection.json"):
        said = approve(planned, ANN, "--count", "12", plan=name)
        assert (name in said, WHICH in said) == (True, True), said


def test_an_absent_file_of_holds_or_missing_settings_are_answered_with_what_to_do(
    planned: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = planned.run("destroy", "plan", "mapping.yaml", "--hold", "absent.txt", "-o", "other.json")
    assert "absent.txt" in ended.err
    assert "help: nothing goes on without it: put it back, or name another file" in ended.err
    monkeypatch.delenv("OPUSMAP_CLIENT_ID")
    ended = planned.run("due", "mapping.yaml")  # which has no option --to
    assert "to rehearse without it, use `opusmap submit MAPPING --to emulator`" in ended.err


def test_a_plan_that_a_program_wrote_again_is_still_called_a_plan(planned: Register) -> None:
    plan = json.loads(Path("plan.json").read_text("utf-8"))
    Path("plan.json").write_text(json.dumps(plan, indent=2), "utf-8")
    ended = planned.run("destroy", "verify", "plan.json")
    assert (ended.code, "it was changed after it was made" in ended.err) == (2, True), ended.err


def test_a_comment_that_is_too_long_is_refused_and_not_cut(planned: Register) -> None:
    assert "has 1001 characters" in approve(planned, ANN, "--count", "12", "--comment", "x" * 1001)
    words = ("--as", ANN, "--count", "12", "--comment", "x" * 1000)
    assert planned.run("destroy", "approve", "plan.json", *words).code == 0
    assert json.loads(Path("plan.json").read_text("utf-8"))["approvals"][0]["comment"] == "x" * 1000


def test_an_approval_of_another_plan_in_the_file_is_not_answered_with_another_person(
    planned: Register,
) -> None:
    assert planned.run("destroy", "approve", "plan.json", "--as", ANN, "--count", "12").code == 0
    same = approve(planned, ANN, "--count", "12")
    text = Path("plan.json").read_text("utf-8")
    head, approvals = text.split(', "approvals":')
    sha256 = json.loads(text)["approvals"][0]["sha256"]
    Path("plan.json").write_text(head + ', "approvals":' + approvals.replace(sha256, "0" * 64), "utf-8")
    other = approve(planned, BOB, "--count", "12")
    assert "another person must approve it" in same
    assert "it is of another plan\n  help: the file was changed: take it from a backup" in other


def test_before_the_number_is_typed_it_says_what_will_be_done_and_how_many_are_not_named(
    planned: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    for person in (ANN, BOB):
        assert planned.run("destroy", "approve", "plan.json", "--as", person, "--count", "12").code == 0
    planned.remove(*list(planned.rows))
    planned.run("destroy", "confirm", "plan.json", "mapping.yaml")
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: "11")
    ended = planned.run("destroy", "run", "plan.json", "--as", RUN, "--limit", "1")
    assert "  and 2 more records; plan.json lists each\n" in ended.err
    assert "will be asked to mark 12 records as destroyed, which can't be undone (at most 1 now)" in ended.err
    assert (ended.code, planned.emulator.destroyed) == (2, set())


def test_a_certificate_that_is_named_with_its_ending_does_not_get_two(planned: Register) -> None:
    for name in ("one.html", "two.json", "three.v2"):
        planned.run("destroy", "certificate", "plan.json", "-o", name)
    made = {path.name for stem in ("one", "two", "three") for path in Path().glob(f"{stem}.*")}
    stems = ("one", "two", "three.v2")
    assert made == {f"{stem}.{ending}" for stem in stems for ending in ("html", "json")}
    assert planned.run("destroy", "certificate", "plan.json", "-o", "plan.json").code == 2


def test_a_record_is_not_lifted_without_a_reason(planned: Register) -> None:
    ended = planned.run("destroy", "lift", "mapping.yaml", "k00", "--as", ANN, "--reason", " ")
    assert (ended.code, "--reason: this is empty" in ended.err) == (2, True), ended.err


def test_a_source_without_rows_confirms_nothing_as_a_failed_export_has_none_either(planned: Register) -> None:
    planned.rows.clear()
    planned.save()
    ended = planned.run("destroy", "confirm", "plan.json", "mapping.yaml")
    assert (ended.code, "0 of 12 records are confirmed" in ended.err) == (1, True), ended.err
    assert "--certificate FILE" in ended.err
    Path("minutes.txt").write_text("Register 7 was closed, all destroyed", "utf-8")
    ended = planned.run("destroy", "confirm", "plan.json", "mapping.yaml", "--certificate", "minutes.txt")
    assert (ended.code, "12 of 12 records are confirmed" in ended.err) == (0, True), ended.err
