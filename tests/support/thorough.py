"""How many examples the laws of the compiler take: few while one works, more in CI, most for `seeds`."""

from __future__ import annotations

import os

from hypothesis import settings

_EXAMPLES = {"ci": 200, "seeds": 2_000}

THOROUGH = settings(max_examples=_EXAMPLES.get(os.environ.get("HYPOTHESIS_PROFILE", ""), 50))
