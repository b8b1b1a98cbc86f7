"""The simulator proves itself: each bug that is planted in the engine is caught by the laws of some story."""

from __future__ import annotations

from pathlib import Path

import pytest
from simulation import Broken, tell_story
from simulation.bugs import BUGS

SEEDS = 500


@pytest.mark.parametrize("name", BUGS)
def test_a_planted_bug_is_caught_by_a_story_that_holds_without_it(name: str, tmp_path: Path) -> None:
    bug = BUGS[name]
    for seed in sorted(range(SEEDS), key=lambda seed: seed != bug.seed):
        folder = tmp_path / str(seed)
        folder.mkdir()
        try:
            tell_story(seed, folder, bug.plant())
        except Broken as broken:
            if broken.__cause__ is not None:
                pytest.fail(f"no law caught it, it broke down: {broken}")
            break
    else:
        pytest.fail(f"{SEEDS} stories do not catch an engine that {name}")
    sound = tmp_path / "sound"
    sound.mkdir()
    tell_story(seed, sound, bug.plant().sound)
