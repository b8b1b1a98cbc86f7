"""The pages about diagnostic codes: those of docs/diagnostics, which the wheel has as well.

Owns reading them, so that what a code means is written in one place.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from opusmap.guide_pages import remove_links

DOCUMENTATION = ""
"""The address of the documentation as a site, with a `/` at its end; empty as long as it has none."""

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


def find_code(word: str) -> str:
    """Return the code that a word is, in any letter case and with any punctuation; "" if it is none.

    >>> find_code("Bad date"), find_code("dates")
    ('bad-date', '')
    """
    typed = _squeeze(word)
    return next((code for code in _read_meanings() if _squeeze(code) == typed), "")


def _squeeze(text: str) -> str:
    return re.sub(r"[\W_]+", "", text.lower())


def list_codes() -> dict[str, list[str]]:
    """Return the codes in groups, by what they are about, as the index has them."""
    _, *sections = re.split("^## ", _read_index(), flags=re.MULTILINE)
    groups = {
        section.partition("\n")[0]: [code for code, _ in _LINE.findall(section)] for section in sections
    }
    return {group: codes for group, codes in groups.items() if codes}


def read_page(code: str, *, links: bool = False) -> str:
    """Return the page of a code as Markdown, "" without one; only with `links` as it is written."""
    if not summarise(code):  # so that no other file is read
        return ""
    text = (_FOLDER / f"{code}.md").read_text("utf-8")
    return text if links else remove_links(text)


def locate_page(code: str, documentation: str = "") -> str:
    """Return the address of a code's page on the site; "" for a code without a page, or without a site.

    >>> locate_page("unknown-choice", "https://docs.example/")
    'https://docs.example/docs/diagnostics/unknown-choice.html'
    """
    site = documentation or DOCUMENTATION
    return f"{site}docs/diagnostics/{code}.html" if site and summarise(code) else ""


@cache
def _read_meanings() -> dict[str, str]:
    return {code: re.sub("`([^`]*)`", "“\\1”", meaning) for code, meaning in _LINE.findall(_read_index())}


def _read_index() -> str:
    try:
        return (_FOLDER / "index.md").read_text("utf-8")
    except OSError:  # a copy of the package without them
        return ""
