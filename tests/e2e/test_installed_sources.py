"""Formats of installed packages: found by their entry point, run because installed, told when they fail."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).resolve().parents[2] / "docs" / "examples" / "opusmap-mailbox"
CONNECTION = """{"id": "d9da492f-cc67-4920-99f9-6fbaae1f1410", "data": [{"rowKey": "SingleText",
"leafName": "SingleText", "timeCreated": "DateTime", "_Case": "SingleText"}]}"""
MAPPING = """\
opusmap: 1
connection: c.json
source: {path: inbox.mbox, format: mbox, options: {headers: [X-Case]}}
fields:
  rowKey: Message-ID
  Name: Subject
  timeCreated: Date
  Case: X-Case
"""
MESSAGE = """\
From ann@example.org Mon Jul  1 09:30:00 2024
Message-ID: <{number}@example.org>
Subject: =?utf-8?q?Lease_of_hall_{number}_=C2=A7?=
From: Ann <ann@example.org>
To: ben@example.org
Date: Mon, 01 Jul 2024 09:30:00 +1000
X-Case: C-{number}

Signed.

"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("site")
    subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation"),
            *("--target", str(target), str(EXAMPLE)),
        ],
        check=True,
    )
    return target


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "mapping.yaml").write_text(MAPPING, "utf-8")
    (tmp_path / "c.json").write_text(CONNECTION, "utf-8")
    messages = "".join(MESSAGE.format(number=number) for number in (1, 2))
    (tmp_path / "inbox.mbox").write_text(messages, "utf-8")
    return tmp_path


def run(folder: Path, site: Path, *args: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())", *args],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
        encoding="utf-8",
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])},
    )


def records(text: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in text.splitlines()]


def test_the_rows_of_a_package_are_mapped(folder: Path, site: Path) -> None:
    ended = run(folder, site, "map", "mapping.yaml")
    assert ended.returncode == 0, ended.stderr
    assert records(ended.stdout) == [
        {
            "rowKey": f"<{number}@example.org>",
            "leafName": f"Lease of hall {number} §",
            "timeCreated": "2024-06-30 23:30:00",
            "_Case": f"C-{number}",
        }
        for number in (1, 2)
    ]


def test_it_is_submitted_with_workers_checked_and_previewed(folder: Path, site: Path) -> None:
    for command in (
        ["submit", "mapping.yaml", "--to", "emulator", "--workers", "2"],
        ["check", "mapping.yaml"],
        ["preview", "mapping.yaml"],
    ):
        ended = run(folder, site, *command)
        assert ended.returncode == 0, (command, ended.stdout, ended.stderr)


def test_another_file_can_be_named_on_the_command_line(folder: Path, site: Path) -> None:
    (folder / "other.mbox").write_text(MESSAGE.format(number=9), "utf-8")
    ended = run(folder, site, "map", "mapping.yaml", "other.mbox")
    assert [one["_Case"] for one in records(ended.stdout)] == ["C-9"]


def test_what_the_package_says_is_wrong_is_shown(folder: Path, site: Path) -> None:
    (folder / "inbox.mbox").unlink()
    ended = run(folder, site, "check", "mapping.yaml")
    assert ended.returncode == 2
    assert "the mailbox is not there" in ended.stderr


def test_what_breaks_in_the_package_is_told_with_its_name_and_no_traceback(folder: Path, site: Path) -> None:
    text = (folder / "mapping.yaml").read_text("utf-8").replace("[X-Case]", "7")
    (folder / "mapping.yaml").write_text(text, "utf-8")
    ended = run(folder, site, "check", "mapping.yaml")
    assert ended.returncode == 2
    assert "the package opusmap-mailbox failed: TypeError" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_a_column_that_it_does_not_give_is_an_error_of_the_mapping(folder: Path, site: Path) -> None:
    text = (folder / "mapping.yaml").read_text("utf-8").replace("Case: X-Case", "Case: X-Cases")
    (folder / "mapping.yaml").write_text(text, "utf-8")
    ended = run(folder, site, "check", "mapping.yaml")
    assert ended.returncode == 2
    assert 'did you mean "X-Case"?' in ended.stderr


def test_without_the_package_the_format_is_unknown(folder: Path, tmp_path: Path) -> None:
    ended = run(folder, tmp_path / "nothing", "check", "mapping.yaml")
    assert ended.returncode == 2
    assert "mapping.yaml:3:" in ended.stderr
    assert "unknown-format" in ended.stderr


def test_a_module_beside_the_mapping_is_no_package(folder: Path, tmp_path: Path) -> None:
    (folder / "opusmap_mailbox.py").write_text("raise SystemExit('loaded')", "utf-8")
    (folder / "opusmap_mailbox-1.dist-info").mkdir()
    entry = "[opusmap.sources]\nmbox = opusmap_mailbox:open_rows\n"
    (folder / "opusmap_mailbox-1.dist-info" / "entry_points.txt").write_text(entry, "utf-8")
    ended = subprocess.run(
        [Path(sys.executable).with_name("opusmap"), "check", "mapping.yaml"],
        cwd=folder,
        capture_output=True,
        check=False,
        text=True,
    )
    assert ended.returncode == 2
    assert "loaded" not in ended.stdout + ended.stderr
    assert "unknown-format" in ended.stderr
