"""How many examples the compiler's laws take: many in CI, few while one works."""

from __future__ import annotations

import os

from hypothesis import settings

THOROUGH = settings(max_examples=2_000 if os.environ.get("HYPOTHESIS_PROFILE") in ("ci", "seeds") else 50)
