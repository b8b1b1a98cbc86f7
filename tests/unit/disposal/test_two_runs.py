"""Two processes with one plan at once: of two runs one stops with words, and what each adds is kept."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest
from disposal_register import ANN, BOB, RUN, open_register
from opusmap_program import run_opusmap
from postgres import Server, execute

from opusmap.disposal.destruction_plan import read_plan_file

KEYS = ("a", "b", "c")
OTHER = "Di Fox <di@x.org>"


@pytest.fixture(params=["one machine and a file", "two machines and PostgreSQL"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The journal's address; empty for a file."""
    if request.param == "one machine and a file":
        return ""
    if os.name == "nt":
        pytest.skip("the server of the tests is started as on POSIX")
    server: Server = request.getfixturevalue("postgres")
    address = server.make_database()
    monkeypatch.setenv("OPUSMAP_JOURNAL", address)
    return address


def test_of_two_runs_of_one_plan_at_once_one_is_refused_and_nothing_is_marked_twice(
    place, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    folder, other = tmp_path / "here", tmp_path / "there"
    folder.mkdir()
    with open_register(folder, capsys, monkeypatch) as register:
        register.write(*KEYS)
        register.submit()
        register.make_due(*KEYS)
        register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json")
        for person in (ANN, BOB):
            register.run("destroy", "approve", "plan.json", "--as", person, "--count", "3")
        register.remove(*KEYS)
        register.run("destroy", "confirm", "plan.json", "mapping.yaml")
        if place:
            execute(place, "UPDATE opusmap.journal SET lease = 1")
            shutil.copytree(folder, other)
        else:
            other = folder
        words = ("destroy", "run", "plan.json", "--count", "3", "--json", "--as")
        refused = []

        def run_another(request):
            if request.method == "DELETE" and not refused:
                refused.append(run_opusmap(*words, OTHER, cwd=other, env=dict(os.environ)))

        register.emulator.faults = run_another
        first = register.run(*words, RUN)
        register.emulator.faults = None
        assert (first.code, first.json["destroyed"]) == (0, 3), first.err
        (second,) = refused
        assert second.returncode == 2, second.stderr
        assert "another run" in second.stderr
        assert "is using the journal" in second.stderr
        monkeypatch.chdir(other)
        again = register.run(*words, OTHER)
        assert (again.code, again.json["destroyed"], again.json["requests"]) == (0, 3, 0), again.err
        assert {each["by"] for each in again.json["records"]} == {RUN}
        sent = [each.request.keys for each in register.emulator.requests if each.request.method == "DELETE"]
        assert sent == [KEYS]
        assert register.run("destroy", "certificate", "plan.json", "-o", "c").code == 0
        assert register.run("destroy", "verify", "c.html").code == 0
        page = Path("c.html").read_text("utf-8")
        assert RUN.partition(" <")[0] in page  # who marked them, whichever machine certifies it


def test_what_others_add_to_a_plan_while_it_runs_is_kept(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    with open_register(tmp_path, capsys, monkeypatch) as register:
        register.write(*KEYS)
        register.submit()
        register.make_due(*KEYS)
        register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json")
        for person in (ANN, BOB):
            register.run("destroy", "approve", "plan.json", "--as", person, "--count", "3")
        register.remove(*KEYS)
        register.run("destroy", "confirm", "plan.json", "mapping.yaml")
        Path("vendor.pdf").write_text("All were shredded.")
        confirm = ("confirm", "plan.json", "mapping.yaml", "--certificate", "vendor.pdf")
        others = [("approve", "plan.json", "--as", OTHER, "--count", "3"), confirm]
        ended = []

        def add(request):
            if request.method == "DELETE":
                while others:
                    ended.append(run_opusmap("destroy", *others.pop(), cwd=tmp_path, env=dict(os.environ)))

        register.emulator.faults = add
        run = register.run("destroy", "run", "plan.json", "--count", "3", "--json", "--as", RUN)
        assert (run.code, run.json["destroyed"]) == (0, 3), run.err
        assert [each.returncode for each in ended] == [0, 0], ended
        file = read_plan_file("plan.json")
        assert [one.by for one in file.approvals] == [ANN, BOB, OTHER]
        assert [one.method for one in file.confirmations] == ["vendor", "source"]
        assert [(one.by, one.counts["destroyed"]) for one in file.executions] == [(RUN, 3)]
        assert sorted(path.name for path in tmp_path.glob(".plan*")) == []


def ready(register):
    """Make a plan that is approved by two people and confirmed."""
    register.write(*KEYS, "other")
    register.submit()
    register.make_due(*KEYS)
    register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json")
    for person in (ANN, BOB):
        assert register.run("destroy", "approve", "plan.json", "--as", person, "--count", "3").code == 0
    register.remove(*KEYS)
    assert register.run("destroy", "confirm", "plan.json", "mapping.yaml").code == 0


def test_a_plan_that_another_process_makes_while_opus_is_asked_is_not_replaced(register):
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    words = ("destroy", "plan", "mapping.yaml", "-o")
    assert register.run(*words, "other.json", "--authority", "B").code == 0
    assert register.run("destroy", "approve", "other.json", "--as", ANN, "--count", "3").code == 0

    def save(_request):
        if Path("other.json").exists():
            Path("other.json").rename("plan.json")

    register.emulator.faults = save
    ended = register.run(*words, "plan.json")
    assert (ended.code, "plan.json: this file is there already" in ended.err) == (2, True), ended.err
    file = read_plan_file("plan.json")
    assert (file.plan.authority, [one.by for one in file.approvals]) == ("B", [ANN])


def test_an_object_that_is_found_again_while_the_number_is_typed_is_not_marked(register, monkeypatch):
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    ready(register)

    def type_late(*_, **__):
        register.write("a")
        assert register.run("destroy", "confirm", "plan.json", "mapping.yaml").code == 1
        return 3

    monkeypatch.setattr("click.prompt", type_late)
    for stream in (sys.stdin, sys.stderr):
        monkeypatch.setattr(stream, "isatty", lambda: True)
    ended = register.run("destroy", "run", "plan.json", "--as", RUN)
    assert (ended.code, '"a" is not confirmed to be gone' in ended.err) == (2, True), ended.err
    assert register.emulator.destroyed == set()
    assert read_plan_file("plan.json").executions == ()


def test_who_has_run_a_plan_cannot_approve_it_afterwards(register, monkeypatch):
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    ready(register)
    run = ("destroy", "run", "plan.json", "--count", "3", "--as")
    assert register.run(*run, RUN, "--limit", "1").code == 0
    same = "C. Orr <Cy@X.org>"
    ended = register.run("destroy", "approve", "plan.json", "--as", same, "--count", "3")
    assert (ended.code, f"{same} has run this plan" in ended.err) == (2, True), ended.err
    assert [one.by for one in read_plan_file("plan.json").approvals] == [ANN, BOB]
    assert register.run(*run, RUN).code == 0


@pytest.mark.parametrize("trouble", ["removed", "replaced"])
def test_a_run_whose_plan_goes_meanwhile_says_what_it_did_and_what_is_wrong(
    trouble, tmp_path, capsys, monkeypatch
):
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    with open_register(tmp_path, capsys, monkeypatch) as register:
        register.write(*KEYS)
        register.submit()
        register.make_due(*KEYS)
        register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json")
        register.run("destroy", "plan", "mapping.yaml", "-o", "other.json", "--authority", "another")
        for person in (ANN, BOB):
            register.run("destroy", "approve", "plan.json", "--as", person, "--count", "3")
        register.remove(*KEYS)
        register.run("destroy", "confirm", "plan.json", "mapping.yaml")
        other = Path("other.json").read_bytes()

        def remove(request):
            if request.method == "DELETE":
                Path("plan.json").unlink()
                if trouble == "replaced":
                    Path("plan.json").write_bytes(other)

        register.emulator.faults = remove
        run = register.run("destroy", "run", "plan.json", "--count", "3", "--json", "--as", RUN)
        assert (run.code, run.json["destroyed"]) == (2, 3)
        said = "the file has another plan now" if trouble == "replaced" else "plan.json"
        assert said in run.err
        assert said in run.json["stopped"]
        assert Path("plan.json").exists() == (trouble == "replaced")
        assert trouble == "removed" or Path("plan.json").read_bytes() == other
