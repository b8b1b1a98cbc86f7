"""The certificate: facts that add up, hashes that plain programs confirm, and no edit that goes unseen."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from certificates import make_certificate, make_key, write_pem
from disposal_register import ANN, BOB, RUN
from jsonschema import Draft202012Validator

from opusmap.disposal.destruction_certificate import FORMAT, SCHEMA
from opusmap.disposal.destruction_plan import read_plan_file
from opusmap.disposal.sealed import join_sealed, read_sealed, seal
from opusmap.emulator import Fault
from opusmap.journal import Destruction, DestructionState, open_journal

KEYS = ("a", "b", "c")


def test_the_files_are_confirmed_by_their_schema_and_by_plain_hashes(certified):
    content = Path("c.json").read_bytes()
    whole, lines = json.loads(content), content.split(b"\n")
    Draft202012Validator.check_schema(json.loads(SCHEMA.read_text("utf-8")))
    validate("c.json")
    assert hashlib.sha256(lines[1] + b"\n").hexdigest() == whole["plan_sha256"]
    assert hashlib.sha256(lines[3] + b"\n").hexdigest() == whole["certificate_sha256"]
    page = Path("c.html").read_bytes()
    assert hashlib.sha256(page).hexdigest() == whole["page_sha256"]
    above, last = page.rstrip(b"\n").rsplit(b"\n", 1)
    assert hashlib.sha256(above + b"\n").hexdigest().encode() in last
    facts = whole["certificate"]
    assert facts["counts"] == {"planned": 2, "destroyed": 2, "failed": 0, "uncertain": 0, "not_sent": 0}
    assert [(one["key"], one["state"], one["proof"]) for one in facts["records"]] == [
        ("a", "destroyed", "source"),
        ("b", "destroyed", "source"),
    ]


@pytest.mark.skipif(os.name == "nt" or shutil.which("sha256sum") is None, reason="there is no sha256sum here")
def test_sha256sum_itself_confirms_the_hashes_by_the_commands_that_the_page_names(certified):
    whole, page = json.loads(Path("c.json").read_text("utf-8")), Path("c.html").read_text("utf-8")
    commands = re.findall(r"<code>(sed [^<]*sha256sum)</code>", page.replace("&#39;", "'"))
    found = []
    for command, file in zip(commands, ("c.html", "c.json", "c.json"), strict=True):
        done = subprocess.run(
            ["/bin/sh", "-c", command.replace("FILE", file)], capture_output=True, text=True, check=True
        )
        found.append(done.stdout.split()[0])
    assert found[0] in page.splitlines()[-1]
    assert found[1:] == [whole["plan_sha256"], whole["certificate_sha256"]]
    done = subprocess.run(["sha256sum", "c.html"], capture_output=True, text=True, check=True)
    assert done.stdout.split()[0] == whole["page_sha256"]


def test_the_schema_in_the_documentation_is_the_one_that_is_installed():
    published = Path(__file__).parents[3] / "docs" / "reference" / SCHEMA.name
    assert published.read_bytes() == SCHEMA.read_bytes()


def test_the_page_says_who_when_and_why_and_runs_nothing(certified):
    text = Path("c.html").read_text("utf-8")
    for said in ("GDA 12.3", "2 of 2 records", "Ann Lee", "Bob Ray", "Cy Orr", "é checked", "holds.txt"):
        assert said in text
    assert "<script" not in text
    assert "script-src" not in text.partition("default-src 'none'")[0]


@pytest.mark.parametrize("name", ["c.html", "c.json", "plan.json"])
def test_what_is_as_it_was_made_is_verified(certified, name):
    ended = certified.run("destroy", "verify", name, "--json")
    assert (ended.code, ended.json["verified"], ended.json["flaws"]) == (0, True, [])


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        ("c.html", "Ann Lee", "Eve Lee"),
        ("c.html", "</html>", "</html> "),
        ("c.json", '"state": "destroyed"', '"state": "failed"'),
        ("c.json", '"approvals_needed": 2', '"approvals_needed": 1'),
        ("c.json", '"page_sha256": "', '"page_sha256": "0'),
        ("c.json", '"format"', '"extra": 1, "format"'),
        ("plan.json", '"key": "b"', '"key": "other"'),
        ("plan.json", "bob@x.org", "ann@x.org"),
    ],
)
def test_an_edit_is_seen(certified, name, old, new):
    path = Path(name)
    text = path.read_text("utf-8")
    assert old in text
    path.write_text(text.replace(old, new), "utf-8")
    ended = certified.run("destroy", "verify", name)
    expected = 0 if new.startswith('"extra"') else 2
    assert ended.code == expected, ended.err
    assert ("not verified" in ended.err) is bool(expected)


def test_a_page_with_a_hash_of_its_own_is_not_that_of_the_json_beside_it(certified):
    path = Path("c.html")
    above, _, _ = path.read_bytes().replace(b"Ann Lee", b"Eve Lee").rpartition(b"<!-- SHA-256")
    seal = hashlib.sha256(above).hexdigest().encode()
    path.write_bytes(above + b"<!-- SHA-256 of all lines above: " + seal + b" -->\n")
    ended = certified.run("destroy", "verify", "c.html")
    assert (ended.code, "is not the page that was made with it" in ended.err) == (2, True)
    Path("c.json").unlink()
    ended = certified.run("destroy", "verify", "c.html")
    assert (ended.code, "is not beside it" in ended.err) == (2, True)


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (None, "'made' is missing"),
        ("yesterday", "yesterday"),
        (5, "argument must be str"),
        ("2026-07-01T00:00:00", "the time 2026-07-01T00:00:00 has no zone"),
    ],
)
def test_a_certificate_that_does_not_say_when_it_was_made_is_not_verified(certified, made, words):
    sealed, rest = read_sealed("c.json", FORMAT, ("plan", "certificate"))
    facts = sealed["certificate"].read()
    facts.pop("made")
    odd = seal("certificate", facts if made is None else {**facts, "made": made})
    page = {"page_sha256": rest["page_sha256"]}
    Path("odd.json").write_bytes(join_sealed(FORMAT, [sealed["plan"], odd], page))
    ended = certified.run("destroy", "verify", "odd.json")
    assert (ended.code, "a part of it can't be read: " in ended.err, words in ended.err) == (2, True, True)
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("name", ["plan.json", "permits.connection.json", "d.html", "d.json"])
def test_a_certificate_replaces_no_other_file(certified, name):
    path = Path(name)
    if name.startswith("d."):
        path.write_bytes(b"<p>mine" if name == "d.html" else b"[]")
    before = path.read_bytes()
    ended = certified.run("destroy", "certificate", "plan.json", "-o", str(path.with_suffix("")))
    assert (ended.code, f"{name}: this is not " in ended.err) == (2, True), ended.err
    assert path.read_bytes() == before
    assert len([*Path().glob(f"{path.stem}.html")]) == (name == "d.html")


def test_a_certificate_replaces_its_own_and_not_that_of_another_plan(certified):
    assert certified.run("destroy", "certificate", "plan.json", "-o", "c").code == 0
    certified.make_due("other")
    certified.run("destroy", "plan", "mapping.yaml", "-o", "next.json")
    before = Path("c.json").read_bytes()
    ended = certified.run("destroy", "certificate", "next.json", "-o", "c")
    assert ended.code == 2
    assert "c.json: this is the certificate of another plan" in ended.err
    assert Path("c.json").read_bytes() == before
    page, data = Path("c.html"), Path("c.json")
    whole = page.read_bytes()
    data.unlink()
    ended = certified.run("destroy", "certificate", "next.json", "-o", "c")
    assert (ended.code, data.exists()) == (2, False)
    assert "c.html: this is not the page of a certificate of this plan" in ended.err
    assert page.read_bytes() == whole


def test_a_certificate_of_a_part_says_that_it_is_not_complete(register, monkeypatch):
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json", "--approvals", "1")
    register.run("destroy", "approve", "plan.json", "--as", ANN, "--count", "3")
    register.remove(*KEYS)
    register.run("destroy", "confirm", "plan.json", "mapping.yaml")
    register.run("destroy", "run", "plan.json", "--as", RUN, "--count", "3", "--limit", "1")
    assert register.run("destroy", "certificate", "plan.json").code == 1
    page = Path("plan.certificate.html").read_text("utf-8")
    assert "1 of 3 records" in page
    assert "The destruction is not complete" in page
    assert register.run("destroy", "verify", "plan.certificate.html").code == 0


def test_a_certificate_of_a_plan_that_was_not_run_to_its_end_says_what_is_not_known(register, monkeypatch):
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    monkeypatch.setenv("OPUSMAP_RETRY_TIMEOUT", "0.1")
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json", "--approvals", "1")
    register.run("destroy", "certificate", "plan.json", "-o", "none")
    page = Path("none.html").read_text("utf-8")
    for said in ("and no one has", "Nothing confirms", "has no execution", "3 records were <code>not sent"):
        assert said in page
    ended = register.run("destroy", "verify", "none.html")
    assert (ended.code, "0 of 1 people have approved it" in ended.err) == (2, True)
    register.run("destroy", "approve", "plan.json", "--as", ANN, "--count", "3")
    register.remove(*KEYS)
    register.run("destroy", "confirm", "plan.json", "mapping.yaml")
    register.emulator.faults = lambda request: Fault(503) if request.method == "DELETE" else None
    register.run("destroy", "run", "plan.json", "--as", RUN, "--count", "3", "--limit", "1")
    assert register.run("destroy", "certificate", "plan.json", "-o", "c").code == 1
    page = Path("c.html").read_text("utf-8")
    assert "0 of 3 records are marked as destroyed in Opus: 0 failed, 1 uncertain, 2 not sent" in page
    assert "1 record is <code>uncertain</code>: Opus was asked, and it is not known" in page
    assert "2 records were <code>not sent</code>" in page
    assert "Opus marked it as destroyed" not in page
    validate("c.json")
    assert register.run("destroy", "verify", "c.html").code == 0


def validate(name):
    schema = json.loads(SCHEMA.read_text("utf-8"))
    whole = json.loads(Path(name).read_text("utf-8"))
    assert [each.message for each in Draft202012Validator(schema).iter_errors(whole)] == []


def test_records_that_an_approver_had_marked_on_another_machine_are_a_flaw(certified):
    file = read_plan_file("plan.json")
    with open_journal("opusmap-journal.db") as journal:
        row = Destruction("a", file.sha256, b"", DestructionState.DESTROYED, 2.0, ANN, "ok")
        journal.write_destructions(file.plan.origin, file.plan.connection, [row])
    assert certified.run("destroy", "certificate", "plan.json", "-o", "d").code == 0
    assert "Ann Lee &lt;ann@x.org&gt;</bdi> (1 record)" in Path("d.html").read_text("utf-8")
    ended = certified.run("destroy", "verify", "d.html")
    assert (ended.code, "so another person must run it" in ended.err) == (2, True)


@pytest.fixture
def signing(monkeypatch, tmp_path):
    """A certificate that signs what is approved or certified from now on."""
    pytest.importorskip("cryptography")
    key = make_key()
    write_pem(tmp_path / "records.pem", key, make_certificate(key))
    monkeypatch.setenv("OPUSMAP_APPROVAL_CERTIFICATE", str(tmp_path / "records.pem"))


def test_a_signed_certificate_is_verified_as_long_as_nothing_of_it_changes(certified, signing, monkeypatch):
    assert certified.run("destroy", "certificate", "plan.json", "-o", "s").code == 0
    validate("s.json")
    monkeypatch.delenv("OPUSMAP_APPROVAL_CERTIFICATE")
    ended = certified.run("destroy", "verify", "s.html")
    assert (ended.code, "it is signed by CN=" in ended.err) == (0, True), ended.err
    path, text = Path("s.json"), Path("s.json").read_text("utf-8")
    assert "That file is signed by CN=" in Path("s.html").read_text("utf-8")
    assert "Neither file is signed" in Path("c.html").read_text("utf-8")
    whole = json.loads(text)
    value = whole["signature"]["value"]
    for old, new, words in (
        (value, ("B" if value[0] == "A" else "A") + value[1:], "its signature is not of this statement"),
        (', "signature": {\n', ', "other": {\n', "is missing"),
        (whole["page_sha256"], "0" * 64, "its signature is not of this statement"),
    ):
        path.write_text(text.replace(old, new), "utf-8")
        ended = certified.run("destroy", "verify", "s.json")
        assert (ended.code, words in ended.err) == (2, True), ended.err


def test_a_certificate_that_someone_made_again_is_not_signed_by_whom_the_first_one_says(
    certified, signing, tmp_path
):
    certified.run("destroy", "certificate", "plan.json", "-o", "s")
    first = json.loads(Path("s.json").read_text("utf-8"))["certificate"]["signer"]
    key = make_key()
    write_pem(tmp_path / "records.pem", key, make_certificate(key))
    certified.run("destroy", "certificate", "plan.json", "-o", "t")
    other = json.loads(Path("t.json").read_text("utf-8"))
    assert other["certificate"]["signer"] != first
    text = Path("s.json").read_text("utf-8")
    signature = json.loads(text)["signature"]
    for part, value in signature.items():
        text = text.replace(value, other["signature"][part])
    Path("s.json").write_text(text, "utf-8")
    ended = certified.run("destroy", "verify", "s.json")
    assert (ended.code, "by another certificate than it says" in ended.err) == (2, True)


@pytest.mark.parametrize("name", ["mapping.yaml", "missing.html", "permits.connection.json"])
def test_another_file_is_not_verified(register, name):
    assert register.run("destroy", "verify", name).code == 2


def test_a_signed_approval_counts_as_long_as_nothing_of_it_changes(register, monkeypatch, tmp_path):
    pytest.importorskip("cryptography")
    register.write(*KEYS)
    register.submit()
    register.make_due(*KEYS)
    register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json", "--approvals", "1")
    key = make_key()
    write_pem(tmp_path / "ann.pem", key, make_certificate(key))
    monkeypatch.setenv("OPUSMAP_APPROVAL_CERTIFICATE", str(tmp_path / "ann.pem"))
    ended = register.run("destroy", "approve", "plan.json", "--as", ANN, "--json")
    assert (ended.code, ended.json["signed"]) == (0, True), ended.err
    again = register.run("destroy", "approve", "plan.json", "--as", BOB)
    assert "the same person approved before" in again.err
    assert register.run("destroy", "verify", "plan.json").code == 0
    text = Path("plan.json").read_text("utf-8")
    for old, new in (("Ann Lee", "Eve Lee"), ('"comment": ""', '"comment": "yes"')):
        Path("plan.json").write_text(text.replace(old, new), "utf-8")
        ended = register.run("destroy", "verify", "plan.json")
        assert (ended.code, "its signature is not of this statement" in ended.err) == (2, True)
