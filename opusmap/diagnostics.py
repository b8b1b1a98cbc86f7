"""What is wrong in a file, and where: spans, severities, diagnostics, and how they are shown.

Owns nothing about mappings or rows: any part of opusmap that reads a file a person wrote reports
through these types.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from itertools import islice
from typing import Any

__all__ = ["Diagnostic", "Severity", "Span", "quote_value", "render", "suggest", "visible"]


class Severity(StrEnum):
    """How bad it is: an error stops `submit`, a warning is shown and counted."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A piece of a text file. Lines and columns count from 1; the end is exclusive."""

    file: str
    line: int
    column: int
    end_line: int
    end_column: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One problem of a mapping or connection file: a stable code, a place and a way out."""

    code: str
    severity: Severity
    message: str
    span: Span
    help: str = ""

    def one_line(self) -> str:
        """Return `file:line:column: severity[code]: message`, as editors read it."""
        return f"{self.span}: {self.severity}[{self.code}]: {self.message}"

    def as_json(self) -> dict[str, Any]:
        """Return the diagnostic as plain data for `--json`."""
        return asdict(self)


def suggest(name: str, known: Iterable[str]) -> str:
    """Return `did you mean "…"?` for the nearest of the known names, or an empty text."""
    names, seen = sorted(known), _seen(name)
    for candidate in names:
        if candidate != name and _seen_known(candidate) == seen:
            differ = "the two differ only in blanks, or in characters that look the same"
            return f'did you mean "{candidate}"? {differ}'
    from rapidfuzz.fuzz import ratio  # noqa: PLC0415 - only where something is wrong
    from rapidfuzz.process import extractOne  # noqa: PLC0415

    nearest = extractOne(name, names, scorer=ratio, processor=str.casefold, score_cutoff=60)
    return f'did you mean "{nearest[0]}"?' if nearest else ""


def _seen(name: str) -> str:
    """Return what a reader sees of a name: accents put together, kinds of blanks alike, edges gone."""
    if not name.isascii():
        normal = unicodedata.normalize("NFKC", name)
        name = "".join(char for char in normal if unicodedata.category(char) != "Cf")
    return " ".join(name.split())


_seen_known = lru_cache(maxsize=4096)(_seen)
"""Only of names that are known: what stands in a source may be long, and never come again."""


def quote_value(value: object, limit: int = 60) -> str:
    """Return a value as it may stand in a message: one line, printable, cut to `limit` characters."""
    text = _plain_text(value)
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return f'"{cut}"'
    return (
        '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut) + '"'
    )


def _plain_text(value: object) -> str:
    """Return any value as a person would write it, without a trace of Python."""
    if isinstance(value, str):
        return value
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return (
            format(value, "f") if value.is_finite() and abs(value.adjusted()) < _PLAIN_DIGITS else str(value)
        )
    if isinstance(value, list):
        return "[" + ", ".join(map(_plain_text, value[:_PLAIN_DIGITS])) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key}: {_plain_text(item)}" for key, item in islice(value.items(), 9)) + "}"
    return str(value) if isinstance(value, int | date) else repr(value)


_PLAIN_DIGITS = 50

# Control characters (C0, DEL, C1), what reorders a line (bidi), what does not show, line separators, half
# surrogate pairs. Joiners (U+200C, U+200D) stay: some languages, and emoji, are written with them.
_ACTS = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e007f]"
)
_ACTS_IN_LINES = re.compile(_ACTS.pattern.replace("[\x00-\x1f", "[\x00-\x08\x0b-\x1f"))


def visible(text: str, *, lines: bool = False) -> str:
    r"""Return a text in which what would act on a terminal, or hide there, is written as its escape.

    `lines` keeps line breaks and tabs, for a text whose lines are our own; without it the result is one line.

    >>> visible("a\x1b[31m\u202eb\n")
    'a\\x1b[31m\\u202eb\\n'
    """
    pattern = _ACTS_IN_LINES if lines else _ACTS
    return pattern.sub(lambda found: found.group().encode("unicode_escape").decode("ascii"), text)


def render(
    diagnostics: Iterable[Diagnostic],
    read_line: Callable[[str, int], str | None],
    paint: Callable[[str, str], str] = lambda text, _style: text,
) -> str:
    """Return diagnostics as a compiler shows them: place, source line, caret, help.

    `read_line(file, line)` gives the source line, or None when the file can't be read; `paint(text,
    style)` colours (styles: `error`, `warning`, `place`, `help`) or returns the text as it is.
    """
    return "\n".join(_render_one(diagnostic, read_line, paint) for diagnostic in diagnostics)


def _render_one(
    diagnostic: Diagnostic,
    read_line: Callable[[str, int], str | None],
    paint: Callable[[str, str], str],
) -> str:
    span = diagnostic.span
    head = paint(f"{diagnostic.severity}[{diagnostic.code}]", diagnostic.severity.value)
    lines = [f"{paint(str(span), 'place')}: {head}: {diagnostic.message}"]
    source = read_line(span.file, span.line)
    if source is not None:
        shown, offset = _window(source, span.column - 1)
        width = span.end_column - span.column if span.end_line == span.line else len(source) - span.column + 1
        marks = "^" * max(1, min(width, len(shown) - offset))
        gutter = f"{span.line:>4} | "
        lines += [gutter + shown, " " * (len(gutter) + offset) + paint(marks, diagnostic.severity.value)]
    if diagnostic.help:
        lines.append(f"     {paint('help:', 'help')} {diagnostic.help}")
    return "\n".join(lines)


def _window(source: str, offset: int, width: int = 100) -> tuple[str, int]:
    """Cut a long source line to the part around `offset`; tabs and oddities become one blank each."""
    plain = "".join(c if c.isprintable() else " " for c in source)
    start = 0 if offset < width - 20 else offset - width // 2
    return plain[start : start + width], offset - start
