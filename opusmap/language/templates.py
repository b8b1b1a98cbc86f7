"""Where a position is in a template: what kind of name is being written there, and which part of it.

A template that is being written is rarely one that can be read, so only what is before the position counts.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["name", "converter", "test", "member", "text"]

_WORD = re.compile(r"[\w.]*$")
_REST = re.compile(r"\w*")
_CALL = re.compile(r"(?:(\w+)\s*\|\s*)?(\w+)\s*(\(|\[)\s*(?:\w+\s*=\s*)?\[?\s*$")


@dataclass(frozen=True, slots=True)
class Slot:
    """What is being written in a template.

    Attributes:
        kind: a name; a converter (behind `|`); a test (behind `is`); a text within quotes.
        word: what is written of it before the position.
        after: how many characters behind the position belong to it.
        function: of a text: what it is an argument of, or, in brackets, an element of.
        value: of a text: the name that the function is applied to, as far as it is just a name.
        quote: of a text: the quote that it begins with.
    """

    kind: Kind
    word: str
    after: int
    function: str = ""
    value: str = ""
    quote: str = ""


def find_slot(before: str, after: str) -> Slot | None:
    """Return what is being written, between the texts of a scalar before and after a position.

    None where that is outside of a template.
    """
    start = max(before.rfind("{{"), before.rfind("{%"))
    if start < 0 or max(before.rfind("}}"), before.rfind("%}")) > start:
        return None
    inside = before[start + 2 :]
    quote, at = _open_quote(inside)
    if quote:
        end = after.find(quote)
        line = after.find("\n")
        rest = end if end >= 0 and (line < 0 or end < line) else 0
        call = _CALL.search(inside[:at])
        value, function = ("", "") if call is None else (call[1] or "", call[2])
        return Slot("text", inside[at + 1 :], rest, function, value, quote)
    found, rest_of_word = _WORD.search(inside), _REST.match(after)
    word = "" if found is None else found.group()
    ahead = inside[: len(inside) - len(word)].rstrip()
    kind: Kind = "name"
    if ahead.endswith("|"):
        kind = "converter"
    elif re.search(r"\bis(?:\s+not)?$", ahead) and inside[len(ahead) :][:1].isspace():
        kind = "test"
    return Slot(kind, word, 0 if rest_of_word is None else rest_of_word.end())


def _open_quote(text: str) -> tuple[str, int]:
    """Return the quote that is open at the end of an expression, and where; an empty text for none."""
    quote, at = "", 0
    index = 0
    while index < len(text):
        char = text[index]
        if quote and char == "\\" and text[index + 1 : index + 2] not in ("", quote):
            index += 1
        elif quote and char == quote:
            quote = ""
        elif not quote and char in "\"'":
            quote, at = char, index
        index += 1
    return quote, at


def find_name(text: str, offset: int) -> str | None:
    """Return the name, or the text in quotes, around an offset of an expression."""
    for found in re.finditer(r"\"[^\"\n]*\"|'[^'\n]*'|[^\W\d]\w*(?:\.[^\W\d]\w*)*", text):
        if found.start() <= offset <= found.end():
            word = found.group()
            return word[1:-1] if word[0] in "\"'" else word
    return None


def in_template(text: str, offset: int) -> bool:
    """Return whether an offset of a scalar is within `{{ }}` or `{% %}`."""
    return find_slot(text[:offset], text[offset:]) is not None
