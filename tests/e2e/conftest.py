"""What the tests of the whole program share."""

from __future__ import annotations

import pytest


@pytest.fixture(params=["httpx", pytest.param("aiohttp", marks=pytest.mark.slow)])
def transport(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Let a test be about both ways of sending requests, by the variable that chooses one."""
    monkeypatch.setenv("OPUSMAP_TRANSPORT", request.param)
    return str(request.param)
