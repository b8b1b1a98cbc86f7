"""A `.env` file from a stranger: what it may say, and what it must not (tests/data/env_files.json)."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest

from opusmap.errors import SettingsError
from opusmap.settings import Secret, load_settings, locate_journal

CASES = json.loads((Path(__file__).parents[1] / "data" / "env_files.json").read_text("utf-8"))
REFUSED = [case for case in CASES if "refused" in case]
GOOD = [case for case in CASES if "settings" in case]
FULL = {"OPUSMAP_DATA_CENTER": "us", "OPUSMAP_CLIENT_ID": "app-1", "OPUSMAP_CLIENT_SECRET": "users-secret"}

pytestmark = pytest.mark.skipif(os.name == "nt", reason="links and FIFOs are POSIX's")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A stranger's folder beside a user's file, which it reaches for in several ways."""
    (tmp_path / "users.txt").write_text("users-secret")
    folder = tmp_path / "strangers"
    (folder / "sub").mkdir(parents=True)
    (folder / "secret.txt").write_text("strangers\n")
    (folder / "link.txt").symlink_to(tmp_path / "users.txt")
    (folder / "linked").symlink_to(tmp_path)
    os.mkfifo(folder / "fifo")
    return folder


def test_there_are_enough_cases_on_both_sides() -> None:
    assert len(REFUSED) > 50
    assert len(GOOD) > 10


@pytest.mark.parametrize("case", REFUSED, ids=lambda case: case["name"])
def test_what_a_stranger_may_not_say_is_refused_by_its_name(case: dict[str, Any], folder: Path) -> None:
    (folder / ".env").write_bytes(case["env_file"].encode())
    with pytest.raises(SettingsError) as caught:
        load_settings({}, case["environ"], folder)
    told = str(caught.value)
    assert [word for word in case["refused"] if word not in told] == []
    assert ".env" in told
    assert "users-secret" not in told
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("case", GOOD, ids=lambda case: case["name"])
def test_what_stands_in_the_documentation_goes_on_working(case: dict[str, Any], folder: Path) -> None:
    (folder / ".env").write_bytes(case["env_file"].encode())
    settings = load_settings({}, case["environ"], folder)
    for name, value in case["settings"].items():
        wanted = Secret(value) if name == "client_secret" and value is not None else value
        assert getattr(settings, name) == wanted, name


def test_it_becomes_no_variable_of_the_environment(folder: Path) -> None:
    (folder / ".env").write_text("HTTPS_PROXY=http://evil.example\nOPUSMAP_CLIENT_ID=x\n")
    before = dict(os.environ)
    load_settings({}, FULL, folder)
    assert dict(os.environ) == before


@pytest.mark.parametrize(
    "name", ["OPUSMAP_PATIENC", "OPUSMAP_", "opusmap_proxy", "OPUSMAP_URL", "Opusmap_Base_Url"]
)
def test_a_name_that_nobody_knows_is_told_and_left_out(
    name: str, folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / ".env").write_text(f"{name}=http://evil.example\n")
    with caplog.at_level(logging.WARNING):
        settings = load_settings({}, FULL, folder)
    assert (settings.base_url, settings.proxy) == ("https://graph-us.avepointonlineservices.com", None)
    assert name in caplog.text


def test_a_line_that_is_no_setting_is_told_by_its_number(
    folder: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (folder / ".env").write_text("OPUSMAP_TIMEOUT=5\nOPUSMAP CLIENT SECRET = users-secret\n")
    assert load_settings({}, FULL, folder).timeout == 5
    assert "line 2" in caplog.text
    assert "users-secret" not in caplog.text


@pytest.mark.parametrize("content", [b"OPUSMAP_TIMEOUT=5\xff", b"#" * 70_000])
def test_what_is_no_text_or_too_large_is_refused(content: bytes, folder: Path) -> None:
    (folder / ".env").write_bytes(content)
    with pytest.raises(SettingsError, match=r"\.env"):
        load_settings({}, FULL, folder)


def test_a_fifo_or_a_link_to_nowhere_is_refused_and_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / ".env")
    with pytest.raises(SettingsError, match="not a regular file"):
        load_settings({}, FULL, folder)
    (folder / ".env").unlink()
    (folder / ".env").symlink_to(folder / "nowhere")
    with pytest.raises(SettingsError, match="can't be read"):
        load_settings({}, FULL, folder)


def test_a_link_to_a_file_of_settings_is_read(folder: Path) -> None:
    (folder / "settings").write_text("OPUSMAP_TIMEOUT=5\n")
    (folder / ".env").symlink_to(folder / "settings")
    assert load_settings({}, FULL, folder).timeout == 5


@pytest.mark.parametrize("text", ["../x.db", "/tmp/x.db", "linked/x.db", "sub/../../x.db"])
def test_the_journal_is_not_made_elsewhere_by_a_stranger(text: str, folder: Path) -> None:
    (folder / ".env").write_text(f"OPUSMAP_JOURNAL={text}\n")
    with pytest.raises(SettingsError, match="not in the folder"):
        locate_journal({}, {}, folder)
    assert locate_journal({}, {"OPUSMAP_JOURNAL": text}, folder) == Path(text)
    (folder / ".env").write_text("OPUSMAP_JOURNAL=sub/x.db\n")
    assert locate_journal({}, {}, folder) == folder / "sub" / "x.db"
