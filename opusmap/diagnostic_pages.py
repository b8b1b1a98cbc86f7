"""The pages about diagnostic codes: those of docs/diagnostics, which the wheel has as well.

Owns reading them, so that what a code means is written in one place.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

_PACKAGED = Path(__file__).parent / "diagnostics"
_FOLDER = _PACKAGED if _PACKAGED.is_dir() else Path(__file__).parent.parent / "docs" / "diagnostics"
_LINE = re.compile(r"^\| \[`([\w-]+)`\]\([\w-]+\.md\) \| (.+) \|$", re.MULTILINE)
"""A line of the index: a code, and what it means."""


def summarise(code: str) -> str:
    """Return what a code means, in one sentence of plain text; "" for a code without a page.

    >>> summarise("unknown-choice")
    "The value is not among the column's options."
    """
    return _read_meanings().get(code, "")


@cache
def _read_meanings() -> dict[str, str]:
    try:
        text = (_FOLDER / "index.md").read_text("utf-8")
    except OSError:  # a copy of the package without them
        return {}
    return {code: re.sub("`([^`]*)`", "“\\1”", meaning) for code, meaning in _LINE.findall(text)}
