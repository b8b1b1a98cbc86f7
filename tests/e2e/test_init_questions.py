"""`opusmap init` on a real terminal asks for the zone and for Opus's date format; no answer leaves a TODO."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

CONTRACTS = Path(__file__).resolve().parents[2] / "mappings" / "contracts"
OPUSMAP = (sys.executable, "-c", "import sys; from opusmap.cli import main; sys.exit(main())")
INIT = (*OPUSMAP, "init", "contracts.connection.json", "contracts.csv")

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")


@pytest.fixture
def folder(tmp_path):
    for name in ("contracts.connection.json", "contracts.csv"):
        shutil.copy(CONTRACTS / name, tmp_path)
    return tmp_path


def ask(folder: Path, typed: str, *options: str, code: int = 0) -> str:
    """Run `init` at a terminal on which this is typed; return what it shows."""
    import pty

    controller, terminal = pty.openpty()
    os.write(controller, typed.encode())
    ended = subprocess.run(
        [*INIT, *options],
        cwd=folder,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=terminal,
        check=False,
        env={**os.environ, "TERM": "dumb"},
    )
    os.close(terminal)
    shown = b""
    try:
        while part := os.read(controller, 65536):
            shown += part
    except OSError:  # the end of a pseudo-terminal, on Linux
        pass
    os.close(controller)
    assert ended.returncode == code, shown
    return shown.decode()


def answers(folder: Path) -> tuple[str, str]:
    """Return the zone and the format that stand in the draft."""
    mapping = yaml.safe_load((folder / "mapping.yaml").read_text("utf-8"))
    return mapping["timezone"], mapping["target"]["datetime_format"]


def test_what_is_answered_stands_in_the_draft_and_what_is_wrong_is_asked_again(folder):
    shown = ask(folder, "Sydney\nAustralia/Sydney\n12/31/24\n12/19/2024 6:15 PM\n")
    assert answers(folder) == ("Australia/Sydney", "%m/%d/%Y %I:%M %p")
    assert "In which time zone are the times of Modified?" in shown
    assert "no time zone" in shown
    assert 'did you mean "Australia/Sydney"?' in shown
    assert shown.count("Type it again, or press Enter to decide later.") == 2  # the zone, and the format
    assert "neither a format nor 19 December 2024" in shown


def test_a_date_without_its_time_is_asked_for_again_and_taken_from_who_insists(folder):
    shown = ask(folder, "UTC\n19/12/2024\n19/12/2024 18:15\n")
    assert '"19/12/2024" has no time of day, so 18:15 would be lost' in shown
    assert answers(folder) == ("UTC", "%d/%m/%Y %H:%M")
    ask(folder, "19/12/2024\n19/12/2024\n", "--force", "--timezone", "UTC")
    assert answers(folder) == ("UTC", "%d/%m/%Y")


def test_before_it_asks_it_says_what_it_will_write_and_refuses_a_file_that_is_there(folder):
    shown = " ".join(ask(folder, "\n\n").split())
    assert "writes it to mapping.yaml. Nothing is sent. First, two questions that these" in shown
    assert shown.index("writes it to") < shown.index("In which time zone")
    shown = " ".join(ask(folder, "\n", "--force", "--timezone", "UTC").split())
    assert "First, one question that" in shown
    shown = ask(folder, "\n\n", code=2)
    assert "already exists" in shown
    assert "In which time zone" not in shown


@pytest.mark.parametrize("typed", ["\n\n", "\x04\x04"], ids=["Enter", "Ctrl-D"])
def test_no_answer_leaves_a_todo(folder, typed):
    assert "datetime_format is still TODO" in ask(folder, typed)
    assert answers(folder) == ("TODO", "TODO")


def test_what_options_say_or_nobody_can_answer_is_not_asked(folder):
    known = ("--timezone", "UTC", "--datetime-format", "%Y-%m-%d")
    assert "In which" not in ask(folder, "", *known)
    assert answers(folder) == ("UTC", "%Y-%m-%d")
    assert ask(folder, "", "--force", "-q") == ""
    assert answers(folder) == ("TODO", "TODO")
