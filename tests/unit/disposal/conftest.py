"""A register whose records become due."""

from __future__ import annotations

import pytest
from disposal_register import open_register

pytest.importorskip("uvicorn", reason="the extra `emulator` is not installed")


@pytest.fixture
def register(tmp_path, capsys, monkeypatch):
    with open_register(tmp_path, capsys, monkeypatch) as opened:
        yield opened
