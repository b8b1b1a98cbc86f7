"""Hypothesis profiles (HYPOTHESIS_PROFILE): `dev` is quick, `ci` tries more, and the same examples each time.

`seeds` takes an hour: four times as many as `ci`, others each time, or those of `--hypothesis-seed=N`.
The laws of the compiler try more: see `thorough`.
"""

from __future__ import annotations

import os
import sys
import tempfile
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

_MEMORY = "/dev/shm"
_ROOM = 4 << 30
"""Bytes free there, at least: some tests make large files."""


def pytest_configure() -> None:
    """Put the tests' files in memory if there is room, for a journal waits for the disk at each commit.

    No test needs a disk: those of power cuts simulate one. Set TMPDIR to have them elsewhere.
    """
    if sys.platform == "linux" and "TMPDIR" not in os.environ and os.access(_MEMORY, os.W_OK):
        there = os.statvfs(_MEMORY)
        if there.f_bavail * there.f_frsize >= _ROOM and not there.f_flag & os.ST_NOEXEC:
            os.environ["TMPDIR"] = tempfile.tempdir = _MEMORY


@pytest.fixture(scope="session")
def postgres() -> Iterator[Server]:
    """A real PostgreSQL, started once for all tests of this process; each takes a database of its own."""
    with run_server() as server:
        yield server
