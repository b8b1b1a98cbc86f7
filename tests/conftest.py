"""Hypothesis profiles (HYPOTHESIS_PROFILE): `dev` is quick, `ci` tries more, and the same examples each time.

`seeds` takes an hour: four times as many as `ci`, others each time, or those of `--hypothesis-seed=N`.
The laws of the compiler try more: see `thorough`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings
from postgres import Server, run_server

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=75, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("seeds", settings.get_profile("ci"), max_examples=300, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL, started once for all tests of this process; each takes a database of its own."""
    with run_server() as server:
        yield server
