"""Simulated stories of faults and crashes, 500 of them in CI: no record is lost in any."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from postgres import Server
from simulation import Variant, tell_story
from simulation.weather import KINDS

SEEDS = 500

OTHER_TROUBLES = (
    "401",
    "403",
    "404",
    "sign-in trouble",
    "clock set forth",
    "clock set back",
    "restarted machine",
    "stopped: SignInError",
    "stopped: OpusUnavailable",
    "stopped: StoppedEarly",
)


def tell(seed: int, tmp_path: Path, variant: Variant | None = None):
    folder = tmp_path / str(seed)
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        old.unlink()
    return tell_story(seed, folder, variant)


def share(seeds: int, *, size: int, quick: int) -> pytest.MarkDecorator:
    """Give a test the seeds in ranges of one size; those after the first `quick` seeds are slow."""
    ranges = [range(first, first + size) for first in range(0, seeds, size)]
    return pytest.mark.parametrize(
        "seeds",
        [pytest.param(each, marks=pytest.mark.slow if each.start >= quick else ()) for each in ranges],
        ids=[f"{each.start}-{each.stop - 1}" for each in ranges],
    )


@share(SEEDS, size=25, quick=100)
def test_no_story_loses_or_doubles_a_record(seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        tell(seed, tmp_path)


@share(60, size=10, quick=10)
def test_no_story_loses_a_record_if_the_journal_is_in_a_database(
    seeds: range, postgres: Server, tmp_path: Path
) -> None:
    variant = Variant(database=postgres.make_database(), slow=bool(seeds.start % 20))
    troubles = Counter[str]()
    for seed in seeds:
        troubles += tell(seed, tmp_path, variant).troubles
    assert troubles["lost the database"]


@share(100, size=20, quick=20)
def test_no_story_of_long_sign_ins_and_late_effects_loses_a_record(seeds: range, tmp_path: Path) -> None:
    for seed in seeds:
        tell(seed, tmp_path, Variant(slow=True))


@share(60, size=20, quick=20)
def test_no_story_without_pauses_has_more_retries_than_the_budget_affords(
    seeds: range, tmp_path: Path
) -> None:
    for seed in seeds:
        tell(seed, tmp_path, Variant(pauses=False))


def test_the_same_seed_tells_the_same_story_and_another_seed_another(tmp_path: Path) -> None:
    told = [tell(seed, tmp_path).digest for seed in range(20)]
    assert [tell(seed, tmp_path).digest for seed in range(20)] == told
    assert len(set(told)) == 20


@pytest.mark.parametrize("seed", [3, 19])
def test_another_process_with_other_hashes_tells_the_same_story(seed: int, tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path; from simulation import tell_story\n"
        "print(tell_story(int(sys.argv[1]), Path(sys.argv[2])).digest)\n"
    )
    (tmp_path / "other").mkdir()
    support = Path(__file__).resolve().parents[1] / "support"
    told = subprocess.run(
        [sys.executable, "-c", program, str(seed), str(tmp_path / "other")],
        capture_output=True,
        check=True,
        text=True,
        env={**os.environ, "PYTHONHASHSEED": "4711", "PYTHONPATH": str(support)},
    )
    assert told.stdout.strip() == tell(seed, tmp_path).digest


def test_stories_meet_every_kind_of_trouble(tmp_path: Path) -> None:
    met, kills, resent, wanted = Counter[str](), 0, 0, {*KINDS, *OTHER_TROUBLES}
    for seed in range(SEEDS):
        story = tell(seed, tmp_path)
        met, kills, resent = met + story.troubles, kills + story.kills, resent + story.resent
        if wanted <= set(met) and kills > 20 and resent:
            break
    assert wanted <= set(met), f"never met: {wanted - set(met)}"
    assert kills > 20
    assert resent, "no crash came between an answer and its journaling"
