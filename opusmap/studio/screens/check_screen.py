"""To do."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from opusmap.studio.visit import Screen, Visit


def _view(_visit: Visit) -> Mapping[str, Any]:
    return {}


SCREEN = Screen("check", "Check", _view)
