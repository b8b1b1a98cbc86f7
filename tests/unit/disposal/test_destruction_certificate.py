"""The certificate: facts that add up, hashes that plain programs confirm, and no edit that goes unseen."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from certificates import make_certificate, make_key, write_pem
from disposal_register import ANN, BOB, RUN
from jsonschema import Draft202012Validator

from opusmap.disposal.destruction_certificate import SCHEMA

KEYS = ("a", "b", "c")


@pytest.fixture
def certified(register, monkeypatch):
    """A register whose plan was executed and certified as c.html and c.json."""
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    register.write(*KEYS, "other", Address="<script>alert(1)</script>")
    register.submit()
    register.make_due(*KEYS)
    Path("holds.txt").write_text("c\n", "utf-8")
    words = ("--hold", "holds.txt", "--authority", "GDA 12.3")
    register.run("destroy", "plan", "mapping.yaml", "-o", "plan.json", *words)
    for person in (ANN, BOB):
        words = ("--as", person, "--count", "2", "--comment", "é checked")
        assert register.run("destroy", "approve", "plan.json", *words).code == 0
    register.remove("a", "b")
    register.run("destroy", "confirm", "plan.json", "mapping.yaml")
    assert register.run("destroy", "run", "plan.json", "--as", RUN, "--count", "2").code == 0
    assert register.run("destroy", "certificate", "plan.json", "-o", "c").code == 0
    return register


def test_the_files_are_confirmed_by_their_schema_and_by_plain_hashes(certified):
    content = Path("c.json").read_bytes()
    whole, lines = json.loads(content), content.split(b"\n")
    schema = json.loads(SCHEMA.read_text("utf-8"))
    Draft202012Validator.check_schema(schema)
    assert [each.message for each in Draft202012Validator(schema).iter_errors(whole)] == []
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
