"""The list: the folder's mappings, the last runs, and a new mapping from two files."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from opusmap.studio.visit import Screen, Visit


def _view(visit: Visit) -> Mapping[str, Any]:
    folder = visit.studio.folder
    return {
        "folder": folder.path,
        "mappings": [(name, f"/columns?{urlencode({'mapping': name})}") for name in folder.mappings()],
    }


SCREEN = Screen("home", "Mappings", _view, needs_mapping=False)
