"""Signing in by certificate, from the settings to the served emulator, and how it goes wrong."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from certificates import PASSWORD, make_certificate, make_key, public_pem, write_pem, write_pfx
from opusmap_program import environment_of, run_opusmap

from opusmap import load_mapping
from opusmap.emulator import Client, Fault
from opusmap.emulator.server import served
from opusmap.run.rehearsal import make_emulator

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
KEY = make_key()
CERTIFICATE = make_certificate(KEY)


@pytest.fixture
def register(tmp_path):
    for name in ("mapping.yaml", "contracts.connection.json", "staff.csv"):
        (tmp_path / name).write_bytes((CONTRACTS / name).read_bytes())
    lines = (CONTRACTS / "contracts.csv").read_bytes().splitlines(keepends=True)
    (tmp_path / "contracts.csv").write_bytes(b"".join(lines[:60]))
    return tmp_path


@pytest.fixture
def opus(register):
    client = Client("app", "s", public_pem(CERTIFICATE))
    emulator = make_emulator(load_mapping(register / "mapping.yaml"), client)
    with served(emulator) as url:
        yield emulator, url


def submit(folder, url, **settings):
    return run(folder, url, "submit", "mapping.yaml", "--json", "-vv", **settings)


def run(folder, url, *args, **settings):
    who = {"OPUSMAP_CLIENT_ID": "app", "OPUSMAP_CLIENT_SECRET": None} | settings
    ended = run_opusmap(*args, cwd=folder, env=environment_of(url, **who))
    assert PASSWORD not in ended.stdout + ended.stderr
    assert "Traceback" not in ended.stderr
    return ended


@pytest.mark.parametrize("kind", ["pfx", "pem", "pem with password"])
def test_a_certificate_signs_in_and_submits(kind, register, opus):
    emulator, url = opus
    (register / "password.txt").write_text(PASSWORD + "\n")
    path = register / "app.cert"
    if kind == "pfx":
        write_pfx(path, KEY, CERTIFICATE)
    else:
        write_pem(path, KEY, CERTIFICATE, password=PASSWORD if "password" in kind else None)
    by = {"OPUSMAP_CERTIFICATE": "app.cert", "OPUSMAP_CERTIFICATE_PASSWORD_FILE": "password.txt"}
    ended = submit(register, url, **by)
    report = json.loads(ended.stdout)
    assert (ended.returncode, report["stopped"]) == (1, None)
    assert report["submitted"] == len(emulator.records) > 0


def test_what_is_wrong_with_a_certificate_is_told_before_anything_is_sent(register, opus):
    emulator, url = opus
    days = timedelta(days=1)
    write_pfx(register / "expired.pfx", KEY, make_certificate(KEY, -9 * days, -8 * days))
    write_pfx(register / "early.pfx", KEY, make_certificate(KEY, days, 2 * days))
    write_pfx(register / "good.pfx", KEY, CERTIFICATE)
    write_pem(register / "key.pem", KEY)
    for file, password, code, words in (
        ("expired.pfx", PASSWORD, 3, "the certificate expired on "),
        ("early.pfx", PASSWORD, 3, "the certificate is not valid before "),
        ("good.pfx", "another", 2, "OPUSMAP_CERTIFICATE_PASSWORD: the certificate's file does not open"),
        ("key.pem", PASSWORD, 2, "OPUSMAP_CERTIFICATE: the file contains a private key, but no certificate"),
        ("missing.pfx", PASSWORD, 2, "OPUSMAP_CERTIFICATE: the file can't be read"),
    ):
        ended = submit(register, url, OPUSMAP_CERTIFICATE=file, OPUSMAP_CERTIFICATE_PASSWORD=password)
        assert (ended.returncode, words in ended.stderr) == (code, True), ended.stderr
    assert emulator.requests == ()
    assert not (register / "opusmap-journal.db").exists()


def test_a_certificate_that_the_service_does_not_know_is_named_by_its_thumbprint(register, opus):
    emulator, url = opus
    own = make_certificate(make_key("other"))
    write_pem(register / "other.pem", make_key("other"), own)
    ended = submit(register, url, OPUSMAP_CERTIFICATE="other.pem")
    assert ended.returncode == 3
    assert "invalid_client" in ended.stderr
    from cryptography.hazmat.primitives.hashes import SHA1

    assert own.fingerprint(SHA1()).hex().upper() in ended.stderr
    assert emulator.records == {}


def test_a_wrong_secret_and_a_missing_permission_are_told_apart(register, opus):
    emulator, url = opus
    wrong = submit(register, url, OPUSMAP_CLIENT_SECRET=PASSWORD)
    assert wrong.returncode == 3
    assert "the client is unknown, or its secret is wrong" in wrong.stderr
    assert "has it expired?" in wrong.stderr
    emulator.faults = lambda request: Fault(403) if request.keys else None
    refused = submit(register, url, OPUSMAP_CLIENT_SECRET="s")
    assert refused.returncode == 3
    assert "give the app the permission records.readwrite.all" in refused.stderr


def test_check_online_proves_the_settings_and_sends_no_record(register, opus):
    emulator, url = opus
    write_pfx(register / "app.pfx", KEY, CERTIFICATE)
    by = {"OPUSMAP_CERTIFICATE": "app.pfx", "OPUSMAP_CERTIFICATE_PASSWORD": PASSWORD}
    ended = run(register, url, "check", "mapping.yaml", "--online", **by)
    assert "Opus accepts its token" in ended.stderr
    assert "Not verified: that Opus accepts the records" in ended.stderr
    found = json.loads(run(register, url, "check", "mapping.yaml", "--online", "--json", **by).stdout)
    assert found["online"]["path"] == "/connector/records"
    assert found["read"] > 0
    assert {one.request.method for one in emulator.requests} == {"POST", "GET"}
    assert all(one.request.records == 0 for one in emulator.requests)
    assert not (register / "opusmap-journal.db").exists()
    wrong = run(register, url, "check", "mapping.yaml", "--online", OPUSMAP_CLIENT_SECRET=PASSWORD)
    assert (wrong.returncode, "secret is wrong" in wrong.stderr) == (3, True)
    nowhere = run(register, "http://127.0.0.1:9", "check", "mapping.yaml", "--online", **by)
    assert (nowhere.returncode, "opusmap emulator MAPPING --port 9" in nowhere.stderr) == (3, True)
