"""Hypothesis profiles (HYPOTHESIS_PROFILE): `dev` is quick, `ci` tries more, and the same examples each time.

`seeds` takes an hour: four times as many as `ci`, others each time, or those of `--hypothesis-seed=N`.
The laws of the compiler try more: see `thorough`.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=75, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("seeds", settings.get_profile("ci"), max_examples=300, derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
