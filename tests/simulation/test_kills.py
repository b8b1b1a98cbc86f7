"""Real processes, killed for good at random moments: run again, they lose nothing and repeat little."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from crashes import live_through_crashes


@pytest.mark.skipif(os.name == "nt", reason="a service's port and a killed process as on POSIX")
@pytest.mark.parametrize("seed", [1, pytest.param(2, marks=pytest.mark.slow)])
def test_ten_kills_lose_nothing_and_repeat_at_most_what_was_in_flight(seed: int, tmp_path: Path) -> None:
    crashes = live_through_crashes(10, seed, tmp_path)
    assert crashes.problems == []
    assert crashes.kills == 10
