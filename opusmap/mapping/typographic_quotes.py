"""Typographic quotation marks, as word processors set them, where YAML reads only straight ones."""

from __future__ import annotations

import re

from opusmap.mapping.yaml_writer import in_double_quotes, quoted
from opusmap.wording import TYPOGRAPHIC_QUOTES as MARKS

NEEDS_STRAIGHT = "this line has typographic quotation marks ({}), and YAML needs straight ones"
"""What is wrong where a text can't be read; `{}` are the marks."""

_ANY = f"[{MARKS}\"']"
_FLOW_END = r"(?=[ \t]*(?:[,\]}]|:[ \t]))"
# A template is taken as a whole: the commas and quotation marks in it end no text.
_FLOW_TEXT = re.compile(
    rf"(?P<before>[:\[{{,][ \t]*)(?:\"(?:[^\"\\]|\\.)*\"{_FLOW_END}|'(?:[^']|'')*'{_FLOW_END}"
    rf"|(?P<open>{_ANY})(?P<text>(?:(?>\{{\{{[^}}]*\}}\}})|[^{{]|\{{(?!\{{))+?)(?P<close>{_ANY}){_FLOW_END})"
)
_BLOCK_TEXT = re.compile(rf"(?P<open>{_ANY})(?P<text>.+)(?P<close>{_ANY})")
_KEY = re.compile(rf"([ \t]*(?:-[ \t]+)*){_ANY}([^:\"']+){_ANY}([ \t]*:[ \t]*)")
# An opening within an expression begins it again, so that `{{{{{{…` is read once, not once a brace.
EXPRESSION = re.compile(r"\{\{(?:(?!\{\{).)*?\}\}|\{%(?:(?!\{%).)*?%\}", re.DOTALL)
_PLAIN_MARKS = str.maketrans(dict.fromkeys(MARKS, "'"))


def is_odd(text: str) -> bool:
    """Return whether a text without quotes has typographic ones around it, or at one end alone."""
    first, last, inner = text[:1], text[-1:], EXPRESSION.sub("", text[1:-1])
    if len(text) <= 1 or not {first, last} & set(MARKS) or set(MARKS) & set(inner):
        return False
    if first in MARKS:
        return first not in "‘’‚" or last in MARKS or last == "'"  # noqa: RUF001 - apostrophes
    return last in "“”»" and not text[-2].isdigit()  # 10” is a measure


def show_marks(text: str) -> str:
    """Return the typographic marks of a text, each once, with blanks between them."""
    return " ".join(dict.fromkeys(char for char in text if char in MARKS))


def straighten(head: str, body: str) -> str:
    """Return the key and the value of a line with straight marks where YAML reads them; the same if none are.

    >>> straighten("", "{from: “Lodged” , format: “%d/%m/%Y”}"), straighten("“Name”: ", "the “Deed”")
    ('{from: "Lodged" , format: "%d/%m/%Y"}', 'Name: the “Deed”')
    """
    if (key := _KEY.fullmatch(head)) is not None and set(MARKS) & set(head):
        head = f"{key[1]}{quoted(key[2])}{key[3]}"
    if body[:1] in ("[", "{"):
        return head + _FLOW_TEXT.sub(lambda found: found["before"] + _rewrite(found), body)
    whole = _BLOCK_TEXT.fullmatch(body)
    return head + (body if whole is None or not is_odd(body.replace('"', "”")) else _rewrite(whole))


def straighten_expressions(text: str) -> str:
    """Return a template with straight marks in its expressions."""
    return EXPRESSION.sub(lambda found: found[0].translate(_PLAIN_MARKS), text)


def _rewrite(found: re.Match[str]) -> str:
    """Return a text that was found with its marks as YAML writes it."""
    if not set(MARKS) & {found["open"], found["close"]}:
        return found[0].removeprefix(found.groupdict().get("before") or "")
    inner = straighten_expressions(found["text"])
    is_easier = ('"' in inner or "\\" in inner) and "'" not in inner
    return quoted(inner, quotes="'") if is_easier else in_double_quotes(inner)
