"""A plan by a signed review has what was agreed to, as it was seen, and names all else."""

from __future__ import annotations

import json
import os
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
from disposal_register import ANN, BOB, RUN, Ended, Register
from jsonschema import Draft202012Validator

from opusmap.disposal.destruction_certificate import SCHEMA
from opusmap.disposal.destruction_plan import read_plan_file
from opusmap.disposal.due import find_due
from opusmap.disposal.signed_review import DueReview
from opusmap.run.open import open_work
from opusmap.settings import load_settings
from opusmap.studio.due_review import Choice, choose, sign_review
from opusmap.studio.sign_off import read_signer

DAY = date(2026, 6, 30)
WHO = {"name": "Ana Pérez", "role": "Records manager", "declaration": "I have looked at each."}
SIGNER = read_signer(**WHO)
NOW = datetime(2026, 7, 1, 12, 0, tzinfo=UTC)
REVIEW = f"mapping.due-{DAY}.review.json"


def review(register: Register, *kept: str) -> None:
    """Review what is due as the studio does: what is not kept may be destroyed; sign it."""
    settings = load_settings({}, os.environ, register.folder)
    work = open_work("mapping.yaml")
    with work.source:
        due = find_due(work, settings, DAY)
    begun = DueReview(opus=settings.base_url, connection=work.mapper.connection.id, until=str(DAY))
    found = choose(begun, [one for one in due.entries if one.key in kept], Choice.KEEP, "an access request")
    found = choose(found, due.entries, Choice.DESTROY)
    sign_review(found, due, Path("mapping.yaml"), SIGNER, now=NOW)


def plan(register: Register, *args: str) -> Ended:
    return register.run("destroy", "plan", "mapping.yaml", "--review", REVIEW, "-o", "plan.json", *args)


@pytest.fixture
def reviewed(register: Register) -> Register:
    """A register with five records of which a, b, c and d were due and reviewed; b must be kept."""
    register.write("a", "b", "c", "d", "e")
    register.submit()
    register.make_due("a", "b", "c", "d")
    review(register, "b")
    return register


def test_what_became_due_or_was_submitted_again_since_the_review_is_named_and_left_out(
    reviewed: Register,
) -> None:
    reviewed.make_due("e")
    reviewed.write("c", Note="new")
    reviewed.submit()
    reviewed.make_due("c")
    ended = plan(reviewed)
    assert ended.code == 0, ended.err
    frozen = read_plan_file("plan.json").plan
    assert sorted(frozen.keys) == ["a", "d"]
    left_out = {one.key: (one.state, one.why) for one in frozen.left_out}
    assert left_out == {
        "c": ("not-reviewed", "it was submitted again since it was reviewed"),
        "e": ("not-reviewed", "it is not among the records that the signed review agreed to"),
    }
    holds = [(hold.path, hold.held, hold.reasons) for hold in frozen.holds]
    assert holds == [(f"mapping.due-{DAY}.holds.txt", ("b",), {"b": "an access request"})]
    assert frozen.until == str(DAY)
    assert frozen.review is not None
    assert (frozen.review.by, frozen.review.agreed) == ("Ana Pérez, Records manager", 3)
    for words in ('"e" (not-reviewed)', "reviewed by Ana Pérez", 'holds.txt: "b" (an access request)'):
        assert words in ended.err


def test_the_certificate_says_who_reviewed_and_is_as_its_schema_says(
    reviewed: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    plan(reviewed)
    for person in (ANN, BOB):
        reviewed.run("destroy", "approve", "plan.json", "--as", person, "--count", "3")
    reviewed.remove("a", "c", "d")
    reviewed.run("destroy", "confirm", "plan.json", "mapping.yaml")
    assert reviewed.run("destroy", "run", "plan.json", "--as", RUN, "--count", "3").code == 0
    assert reviewed.emulator.destroyed == {"a", "c", "d"}
    assert reviewed.run("destroy", "certificate", "plan.json", "-o", "c").code == 0
    assert reviewed.run("destroy", "verify", "c.html").code == 0
    Draft202012Validator(json.loads(SCHEMA.read_text("utf-8"))).validate(
        json.loads(Path("c.json").read_text())
    )
    page = Path("c.html").read_text("utf-8")
    for words in ("Ana Pérez, Records manager", "<bdi>b</bdi> (<bdi>an access request</bdi>)"):
        assert words in page


@pytest.mark.parametrize("name", [f"mapping.due-{DAY}.holds.txt", f"mapping.due-{DAY}.html"])
@pytest.mark.parametrize("trouble", ["changed", "removed"])
def test_a_review_with_a_file_that_is_not_as_it_was_signed_makes_no_plan(
    reviewed: Register, name: str, trouble: str
) -> None:
    path = Path(name)
    if trouble == "removed":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes() + b"\n")
    assert_no_plan(plan(reviewed), "is not there" if trouble == "removed" else "is not as it was signed")


def test_a_review_that_is_not_signed_or_was_changed_since_makes_no_plan(reviewed: Register) -> None:
    signed = json.loads(Path(REVIEW).read_text("utf-8"))
    kept = {**signed["kept"], "a": "a proceeding"}
    fewer = {key: content for key, content in signed["agreed"].items() if key != "a"}
    others = (
        ({**signed, "signed": None}, "the review is not signed"),
        ({**signed, "agreed": fewer}, "decisions were changed after the review was signed"),
        ({**signed, "kept": kept}, "decisions were changed after the review was signed"),
        ({**signed, "connection": "other"}, "the review of another Opus or connection"),
        ({**signed, "opus": "https://opus.example.com"}, "the review of another Opus or connection"),
        ({**signed, "opusmap_due_review": 2}, "not a review of this version"),
    )
    for content, words in others:
        Path(REVIEW).write_text(json.dumps(content), "utf-8")
        assert_no_plan(plan(reviewed), words)
    Path(REVIEW).unlink()
    assert_no_plan(plan(reviewed), "there is no such file")


def test_a_hold_that_is_added_to_the_file_of_the_review_after_the_plan_stops_the_run(
    reviewed: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    plan(reviewed)
    holds = Path(f"mapping.due-{DAY}.holds.txt")
    holds.write_text(holds.read_text() + "d\n")
    ended = reviewed.run("destroy", "run", "plan.json", "--as", RUN, "--count", "3")
    assert (ended.code, '"d" is held by' in ended.err) == (2, True)


def test_a_line_of_a_file_of_holds_that_is_no_key_of_a_submitted_record_is_warned_of(
    register: Register,
) -> None:
    register.write("a", "b", "c")
    register.submit()
    register.make_due("a", "b")
    Path("holds.txt").write_text("b\nc\tnot due\nB\n")
    Path("due.csv").write_text("key,name\nb,Name\n")
    words = ("destroy", "plan", "mapping.yaml", "--hold", "holds.txt", "--hold", "due.csv", "-o")
    ended = register.run(*words, "plan.json")
    assert ended.code == 0
    assert 'warning: in holds.txt, 1 line is not the key of a submitted record: "B"' in ended.err
    assert "warning: in due.csv, 2 lines are not keys of a submitted record" in ended.err
    assert "Such a line holds nothing: correct it before a record is destroyed." in ended.err
    unknown = register.run(*words, "other.json", "--json").json["unknown_holds"]
    assert unknown == {"holds.txt": ["B"], "due.csv": ["b,Name", "key,name"]}


def test_a_plan_without_a_record_says_why(reviewed: Register) -> None:
    reviewed.make_due("e")
    Path("more.txt").write_text("a\nc\nd\n")
    full = plan(reviewed, "--hold", "more.txt")
    assert_no_plan(full, "of 5 due records none may be destroyed: 4 held, 1 not-reviewed")
    early = plan(reviewed, "--until", "2001-01-01")
    assert_no_plan(early, "Opus lists no record that is due by 2001-01-01")
    wrong = reviewed.run("destroy", "plan", "mapping.yaml", "--review", "permits.csv", "-o", "plan.json")
    assert_no_plan(wrong, "help: name the review that opusmap studio wrote")


def test_a_run_warns_of_lines_of_holds_that_hold_nothing_before_it_asks_for_the_number(
    reviewed: Register, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    assert plan(reviewed).code == 0
    for person in (ANN, BOB):
        reviewed.run("destroy", "approve", "plan.json", "--as", person, "--count", "3")
    reviewed.remove("a", "c", "d")
    reviewed.run("destroy", "confirm", "plan.json", "mapping.yaml")
    Path("more.txt").write_text("a,access request\n", "utf-8")
    ended = reviewed.run("destroy", "run", "plan.json", "--as", RUN, "--hold", "more.txt", "--count", "9")
    assert ended.code == 2  # another number than the plan's: nothing was sent
    words = 'warning: in more.txt, 1 line is not the key of a submitted record: "a,access request"'
    assert words in ended.err
    assert reviewed.emulator.destroyed == set()


def assert_no_plan(ended: Ended, words: str) -> None:
    assert (ended.code, words in ended.err) == (2, True), ended.err
    assert not Path("plan.json").exists()
