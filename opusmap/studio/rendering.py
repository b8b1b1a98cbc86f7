"""Pages and fragments from the templates."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import jinja2

from opusmap import __version__
from opusmap.report.page_templates import read_templates
from opusmap.wording import show_share

_FOLDER = Path(__file__).parent / "templates"


def render(template: str, **values: Any) -> str:
    """Return a page or a fragment."""
    return _templates().get_template(template).render(version=__version__, **values)


@cache
def _templates() -> jinja2.Environment:
    return read_templates(_FOLDER, {"percent": show_share})
