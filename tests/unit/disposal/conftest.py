"""A register whose records become due."""

from __future__ import annotations

from pathlib import Path

import pytest
from disposal_register import ANN, BOB, RUN, open_register

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")


@pytest.fixture
def register(tmp_path, capsys, monkeypatch):
    with open_register(tmp_path, capsys, monkeypatch) as opened:
        yield opened


@pytest.fixture
def certified(register, monkeypatch):
    """A register whose plan was executed and certified as c.html and c.json."""
    monkeypatch.setenv("OPUSMAP_ALLOW_DESTROY", "1")
    register.write("a", "b", "c", "other", Address="<script>alert(1)</script>")
    register.submit()
    register.make_due("a", "b", "c")
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
