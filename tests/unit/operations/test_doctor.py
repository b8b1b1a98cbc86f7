"""What `doctor` finds, and that it shows no secret: real files, a real journal, a real listener."""

from __future__ import annotations

import json
import os
import sqlite3
import sys
from email.utils import formatdate
from pathlib import Path

import pytest
from scripted_server import answer_bytes, scripted

from opusmap.cli import main
from opusmap.journal import open_journal
from opusmap.operations.doctor import Finding, examine

SECRET = "Planted-secret-7f3a"
POSIX = pytest.mark.skipif(sys.platform == "win32", reason="Windows has other permissions")


def environment(url: str = "http://127.0.0.1:9", **more: str) -> dict[str, str]:
    given = {
        "OPUSMAP_BASE_URL": url,
        "OPUSMAP_TOKEN_URL": url + "/connect/token",
        "OPUSMAP_CLIENT_ID": SECRET + "-id",
        "OPUSMAP_CLIENT_SECRET": SECRET,
    }
    return given | more


def problems(folder: Path, environ: dict[str, str], *, network: bool = False) -> dict[str, Finding]:
    findings = list(examine(environ, folder, network=network))
    return {f"{each.area}: {each.what}": each for each in findings if each.verdict == "problem"}


def test_where_all_is_well_there_is_no_problem(tmp_path: Path) -> None:
    with scripted(lambda *_: answer_bytes(404, Date=formatdate(usegmt=True))) as server:
        assert problems(tmp_path, environment(server.url), network=True) == {}
        assert [each.split(b"\r\n")[0] for each in server.got] == [b"HEAD / HTTP/1.1"]
    assert list(tmp_path.iterdir()) == []


def test_no_secret_is_shown_or_sent(tmp_path: Path) -> None:
    given = environment(
        OPUSMAP_PROXY=f"http://user:{SECRET}@127.0.0.1:9",
        OPUSMAP_WEBHOOK=f"https://hooks.example.com/{SECRET}",
        OPUSMAP_CERTIFICATE_PASSWORD=SECRET,
        OPUSMAP_DATABASE_HR=f"postgresql://user:{SECRET}@db/hr",
    )
    with scripted(lambda *_: answer_bytes(200)) as server:
        findings = list(
            examine(
                given | {"OPUSMAP_BASE_URL": server.url, "OPUSMAP_TOKEN_URL": server.url + "/t"}, tmp_path
            )
        )
        assert not any(SECRET.encode() in each for each in server.got)
    assert SECRET not in json.dumps([each.as_json() for each in findings])
    hidden = {each.what for each in findings if "hidden" in each.found}
    assert {name for name in given if SECRET in given[name]} == hidden


def test_what_is_missing_misspelled_or_wrong_is_a_problem(tmp_path: Path) -> None:
    address = "http://example.com"
    given = {"OPUSMAP_WEBHOOK": address, "OPUSMAP_TIMESTAMP_URL": address, "OPUSMAP_CLIENTID": "x"}
    found = problems(tmp_path, given)
    assert "OPUSMAP_CLIENT_ID" in found["settings: OPUSMAP_CLIENTID"].help
    assert {"settings: OPUSMAP_WEBHOOK", "settings: OPUSMAP_TIMESTAMP_URL"} <= found.keys()
    assert any("OPUSMAP_DATA_CENTER" in name for name in found)


@POSIX
def test_a_file_with_a_secret_that_others_may_read_is_a_problem(tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    given = environment(OPUSMAP_CLIENT_SECRET_FILE=str(secret))
    del given["OPUSMAP_CLIENT_SECRET"]
    secret.chmod(0o640)
    assert problems(tmp_path, given)["permissions: OPUSMAP_CLIENT_SECRET_FILE"].help.startswith("chmod 600")
    secret.chmod(0o600)
    assert problems(tmp_path, given) == {}


@POSIX
def test_a_file_that_decides_what_is_trusted_may_be_read_but_not_written_by_others(tmp_path: Path) -> None:
    roots = tmp_path / "roots.pem"
    roots.write_text("")
    given = environment(OPUSMAP_TIMESTAMP_CA=str(roots))
    roots.chmod(0o664)
    assert problems(tmp_path, given)["permissions: OPUSMAP_TIMESTAMP_CA"].help.startswith("chmod go-w")
    roots.chmod(0o644)
    assert problems(tmp_path, given) == {}


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="this account may write anywhere")
def test_a_folder_that_can_t_be_written_is_a_problem(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    assert f"permissions: {tmp_path}" in problems(tmp_path, environment())


def test_a_folder_that_is_gone_is_a_problem(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    assert f"permissions: {gone}" in problems(gone, environment())


def test_the_journal_is_counted_or_what_is_wrong_with_it_is_told(tmp_path: Path) -> None:
    path = tmp_path / "opusmap-journal.db"
    with open_journal(path):
        pass
    (found,) = [
        each for each in examine(environment(), tmp_path, network=False) if each.found.startswith("0 runs")
    ]
    assert found.verdict == "ok"
    path.unlink()
    sqlite3.connect(path).execute("CREATE TABLE other (x)").connection.close()
    assert f"journal: {path}" in problems(tmp_path, environment())


def test_a_host_that_does_not_answer_is_a_problem(tmp_path: Path) -> None:
    with scripted(lambda *_: answer_bytes(200)) as server:
        url = server.url
    assert "can't connect" in problems(tmp_path, environment(url), network=True)[f"network: {url}"].found


def test_a_clock_that_differs_from_the_host_s_is_a_problem(tmp_path: Path) -> None:
    with scripted(lambda *_: answer_bytes(200, Date="Wed, 01 Jan 2020 00:00:00 GMT")) as server:
        found = problems(tmp_path, environment(server.url), network=True)["clock: difference"]
    assert "ahead of" in found.found


def test_the_command_ends_with_1_where_there_is_a_problem(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    for name in [each for each in os.environ if each.startswith("OPUSMAP_")]:
        monkeypatch.delenv(name)
    assert main(["doctor", "--no-network"]) == 1
    assert "OPUSMAP_CLIENT_ID" in capsys.readouterr().out
    for name, text in environment().items():
        monkeypatch.setenv(name, text)
    assert main(["doctor", "--no-network"]) == 0
    assert capsys.readouterr().out.endswith("0 problems found\n")
