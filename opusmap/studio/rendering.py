"""Pages and fragments from the templates. Every value is text and stays text."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from opusmap import __version__
from opusmap.diagnostic_pages import summarise
from opusmap.wording import counted, visible

__all__ = ["render"]

_FOLDER = Path(__file__).parent / "templates"
_CUT = 300


def render(template: str, **values: Any) -> str:
    """Return a page or a fragment."""
    return _environment().get_template(template).render(version=__version__, **values)


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": shown,
        "coded": _coded,
        "counted": counted,
        "number": lambda value: f"{value:,}",
        "percent": _percent,
        "summary": summarise,
    }
    return environment


def shown(value: Any, limit: int = _CUT) -> str:
    """Return any value as a text to look at; what can't be seen is written as its number."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return visible(text if len(text) <= limit else text[: limit - 1] + "…")


def _coded(text: str) -> Markup:
    """Return one of our sentences, whose code is between backticks; all of it is still text."""
    parts = enumerate(escape(visible(text)).split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in parts)


def _percent(share: float) -> str:
    return "< 1 %" if 0 < share < 0.01 else f"{share:.0%}".replace("%", " %")  # noqa: PLR2004 - a hundredth
