"""Converters of texts."""

from __future__ import annotations

import html
import re
from collections.abc import Callable

import re2

from opusmap.converters.bounds import bounded_length, bounded_text
from opusmap.converters.registry import ArgumentError, converter, wrong_kind
from opusmap.converters.values import text_of

__all__ = [
    "capitalize",
    "lower",
    "regex_replace",
    "replace",
    "single_line",
    "squeeze",
    "string",
    "strip_html",
    "title",
    "trim",
    "truncate",
    "upper",
]


@converter(examples={"'  Lease of hall ' | trim": "Lease of hall", "'xxAxx' | trim('x')": "A"})
def trim(value: str, chars: str | None = None) -> str:
    """Take blanks (or the given characters) off both ends."""
    return value.strip(chars)


@converter(examples={"'Lease   of\\n hall ' | squeeze": "Lease of hall"})
def squeeze(value: str) -> str:
    """Make one blank of each run of white space, line breaks included, and trim."""
    return " ".join(value.split())


@converter(examples={"'NDA x' | upper": "NDA X"})
def upper(value: str) -> str:
    """Put all letters in upper case."""
    return bounded_text(value.upper())


@converter(examples={"'NDA X' | lower": "nda x"})
def lower(value: str) -> str:
    """Put all letters in lower case."""
    return bounded_text(value.lower())


_WORD_START = re.compile(r"([-\s({\[<]+)")


@converter(examples={"'lease of the town-hall' | title": "Lease Of The Town-Hall"})
def title(value: str) -> str:
    """Put each word's first letter in upper case and the rest in lower case."""
    return bounded_text("".join(part[:1].upper() + part[1:].lower() for part in _WORD_START.split(value)))


@converter(examples={"'lease OF hall' | capitalize": "Lease of hall"})
def capitalize(value: str) -> str:
    """Put the first letter in upper case and the rest in lower case."""
    return bounded_text(value.capitalize())


@converter(
    examples={"'Contract register' | truncate(8)": "Contract", "'Contract' | truncate(5, end='…')": "Cont…"}
)
def truncate(value: str, length: int, end: str = "") -> str:
    """Cut to at most `length` characters, the last of them `end` where something was cut."""
    return value if len(value) <= length else value[: max(0, length - len(end))] + end[: max(0, length)]


@converter(examples={"'R&D/IT' | replace('/', '-')": "R&D-IT", "'aaa' | replace('a', 'b', 2)": "bba"})
def replace(value: str, old: str, new: str, count: int | None = None) -> str:
    """Put `new` for each `old` (at most `count` of them, from the left)."""
    times = value.count(old) if count is None else min(value.count(old), max(count, 0))
    bounded_length(len(value) + times * (len(new) - len(old)))
    return value.replace(old, new, -1 if count is None else max(count, 0))


@converter(
    prepared=True,
    examples={
        "'C-0012/2024' | regex_replace('[^0-9]+', '')": "00122024",
        "'Smith, Ann' | regex_replace('(.+), (.+)', '\\\\2 \\\\1')": "Ann Smith",
    },
)
def regex_replace(pattern: str, new: str) -> Callable[[str], str]:
    r"""Put `new` for each match of a regular expression (RE2 syntax; `\1` is the first group)."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        compiled = re2.compile(pattern, options)
        compiled.sub(new, "")
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise ArgumentError(f"regex_replace can't use the pattern: {reason}") from None

    def convert(value: str) -> str:
        if not isinstance(value, str):
            raise wrong_kind("regex_replace", (str,), value)
        pieces: list[str] = []
        end = size = 0
        for match in compiled.finditer(value):
            pieces += (value[end : match.start()], match.expand(new))
            size += len(pieces[-1])
            bounded_length(size)
            end = match.end()
        return bounded_text("".join(pieces) + value[end:])

    return convert


_MARKUP = re2.compile(r"(?is)<!--.*?-->|<(?:script|style)\b.*?</(?:script|style)\s*>|<[a-z/!?][^>]*>")


@converter(examples={"'<p>Lease of <b>hall</b> &amp; yard</p>' | strip_html": "Lease of hall & yard"})
def strip_html(value: str) -> str:
    """Take out HTML tags, comments and scripts, decode entities, and squeeze."""
    return bounded_text(squeeze(html.unescape(_MARKUP.sub("", value))))


@converter(examples={"'one\\ntwo' | single_line": "one two"})
def single_line(value: str) -> str:
    """Make one blank of each line break, with the blanks around it."""
    return " ".join(line.strip() for line in value.splitlines()) if len(value.splitlines()) > 1 else value


@converter(examples={"12 | string": "12", "1.50 | string": "1.5", "true | string": "true"})
def string(value: object) -> str:
    """Make a text of a number, a boolean or a date (ISO)."""
    return text_of(value)
