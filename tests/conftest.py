"""Hypothesis profiles (HYPOTHESIS_PROFILE): `dev` is quick, `ci` thorough and the same each time.

`seeds` is `ci` with other examples each time, or those of `--hypothesis-seed=N`. The laws of the
compiler take `thorough`: 2,000 examples in both.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

settings.register_profile("dev", max_examples=50, deadline=None)
settings.register_profile(
    "ci", max_examples=300, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow]
)
settings.register_profile("seeds", settings.get_profile("ci"), derandomize=False)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
