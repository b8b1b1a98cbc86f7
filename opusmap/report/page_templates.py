"""How templates of pages are read, and how they show values: in reports, and in the studio.

Every value is text and stays text.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup, escape

from opusmap.diagnostic_pages import summarise
from opusmap.wording import counted, cut_text, split_spaces

__all__ = ["read_templates", "shown"]

_CUT = 500
"""Characters of a value that are shown at most."""
_CUT_SENTENCE = 4000
_JOINERS = "\u200c\u200d"
"""Invisible characters that words and emojis are written with; others are shown by their numbers."""
_BREAKS = "\n\t"


def read_templates(
    folder: Path, filters: Mapping[str, Callable[..., Any]], *, lines: bool = False
) -> jinja2.Environment:
    """Return the templates of a folder.

    Args:
        folder: where they are.
        filters: what they can call in addition to `shown`, `spaced`, `coded`, `counted`, `number`, `summary`.
        lines: whether `shown` keeps line breaks and tabs; by default it writes them by their names.
    """
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "shown": partial(shown, lines=lines),
        "spaced": _spaced,
        "coded": _coded,
        "counted": counted,
        "number": _number,
        "summary": summarise,
        **filters,
    }
    return environment


def shown(value: Any, limit: int = _CUT, *, lines: bool = False) -> str:
    r"""Return any value as a text to look at, cut to `limit` characters.

    What can't be seen is written as its number; line breaks and tabs, too, without `lines`.

    >>> shown("a\u00a0b\n"), shown({"at": None}), shown(None)
    ('a\\xa0b\\n', '{"at": null}', '')
    """
    cut = _cut(value, limit)
    if cut.isprintable():  # nearly all, and a page may have a million
        return cut
    kept = _JOINERS + (_BREAKS if lines else "")
    return "".join(
        char if char.isprintable() or char in kept else char.encode("unicode_escape").decode() for char in cut
    )


def _cut(value: Any, limit: int) -> str:
    if value is None:
        return ""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, default=str)
    return cut_text(text, limit)


def _spaced(value: Any) -> Markup:
    """Return a value as `shown` does with line breaks, its unseen spaces marked by their names.

    The marks are of the page's style, so what is copied from the page is the spaces themselves.
    """
    return Markup("").join(
        _SPACE.format(kind, "␣" if kind == "space" else kind, part) if kind else shown(part, lines=True)
        for part, kind in split_spaces(_cut(value, _CUT))
    )


_SPACE = Markup('<span class="space" title="{}" data-mark="{}">{}</span>')


def _coded(text: str) -> Markup:
    """Return one of our sentences, whose code is between backticks; all of it is still text."""
    parts = enumerate(escape(shown(text, _CUT_SENTENCE, lines=True)).split("`"))
    return Markup("").join(Markup("<code>{}</code>").format(part) if at % 2 else part for at, part in parts)


def _number(value: float) -> str:
    return f"{value:,}"
