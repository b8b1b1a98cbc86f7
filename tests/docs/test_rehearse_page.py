"""The page on rehearsals is true: its faults and levels are the emulator's, its commands and files work."""

from __future__ import annotations

import re
import shlex

import pytest
from documentation import ROOT, blocks, table

from opusmap.cli.entry import opusmap as program
from opusmap.emulator import KINDS, LEVELS, FaultPlan, read_plan

PAGE = ROOT / "docs" / "howto" / "rehearse-a-bad-day.md"
FAULTS, SETTINGS = PAGE.read_text("utf-8").split("| Setting |")
COMMANDS = [
    line.removeprefix("$ ")
    for block in blocks(PAGE, "console")
    for line in block.text.splitlines()
    if line.startswith("$ opusmap ")
]


def share(cell: str) -> float:
    return float(cell.removesuffix(" %")) / 100 if cell else 0.0


def test_each_fault_and_its_share_in_each_level_is_told():
    rows = table(FAULTS)
    assert {row[0]: row[1] for row in rows} == KINDS
    for level, column in (("mild", 2), ("harsh", 3)):
        shown = {row[0]: share(row[column]) for row in rows}
        assert shown == pytest.approx({kind: LEVELS[level].get(kind, 0.0) for kind in KINDS})


def test_each_setting_and_its_default_is_told():
    rows = {row[0]: row[1] for row in table("| Setting |" + SETTINGS)}
    numbers = [name for name in FaultPlan().as_json() if name not in KINDS]
    assert list(rows) == numbers
    for name in ("seed", "seconds", "retry-after"):
        default = getattr(FaultPlan(), name.replace("-", "_"))
        assert f"{default:g} if not given" in rows[name]


@pytest.mark.parametrize("line", COMMANDS)
def test_each_command_shown_is_one_that_the_program_understands(line, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (file,) = [block.text for block in blocks(PAGE, "text")]
    (tmp_path / "monday.txt").write_text(file, "utf-8")
    _, name, *words = shlex.split(line)
    context = program.commands[name].make_context("opusmap", words)
    assert isinstance(read_plan(context.params.get("faults") or "none"), FaultPlan)


def test_the_addresses_shown_are_the_emulators():
    paths = set(re.findall(r"(?:8015|`)(/emulator/\w+)", PAGE.read_text("utf-8")))
    assert paths == {"/emulator/faults", "/emulator/records"}
