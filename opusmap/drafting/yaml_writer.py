"""Plain values as YAML that a person can read and our reader takes back exactly.

Owns quoting. Texts are plain where that is certain to be read as the same text, else in double quotes.
"""

from __future__ import annotations

import re
from typing import Any

__all__ = ["in_double_quotes", "in_line", "quoted"]

_PLAIN = re.compile(r"[^\W_](?:[\w ./+()@%&=-]|(?<! )[:#](?! ))*", re.ASCII)
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_NULLS = frozenset({"null", "~", "true", "false", "yes", "no", "on", "off", "y", "n"})


def quoted(text: str) -> str:
    """Return a text as a YAML scalar.

    >>> quoted("Doc Type"), quoted("007"), quoted("a: b"), quoted("")
    ('Doc Type', '"007"', '"a: b"', '""')
    """
    if (
        _PLAIN.fullmatch(text)
        and not text[0].isdigit()
        and not text.endswith((" ", ":"))
        and text.casefold() not in _NULLS
    ):
        return text
    return in_double_quotes(text)


def in_double_quotes(text: str) -> str:
    """Return a text as a YAML scalar in double quotes."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\x{code:02X}" if code < 0x100 else f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"  # noqa: PLR2004


def in_line(value: Any) -> str:
    """Return texts, lists and objects of them in YAML's one-line form."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{_inner(key)}: {_inner(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_inner, value)) + "]"
    if value is None:
        return "null"
    return _number(value) if isinstance(value, int | float) else quoted(str(value))


def _inner(value: Any) -> str:
    """Inside brackets, what could be taken for their signs is quoted; our plain form has none of them."""
    return in_line(value)


def _number(value: float) -> str:
    return str(value).lower() if isinstance(value, bool) else repr(value)
