"""Converters of texts: words, HTML, file paths with Windows' or POSIX's separators, keys."""

from __future__ import annotations

import hashlib
import html
import re
import unicodedata
import uuid
from collections.abc import Callable
from pathlib import PureWindowsPath
from typing import Literal

from opusmap.converters.coerce import text_of
from opusmap.converters.limits import bounded_length, bounded_text
from opusmap.converters.registry import ArgumentError, converter


@converter(examples={"'  Lease of hall ' | trim": "Lease of hall", "'xxAxx' | trim('x')": "A"})
def trim(value: str, chars: str | None = None) -> str:
    """Remove spaces (or the given characters) from both ends."""
    return value.strip(chars)


@converter(examples={"'Lease   of\\n hall ' | squeeze": "Lease of hall"})
def squeeze(value: str) -> str:
    """Replace each run of white space, line breaks included, by one space, and trim."""
    if "  " not in value and value.isprintable() and value.strip() == value:
        return value  # the blank is the only printable white space
    return " ".join(value.split())


@converter(examples={"'NDA x' | upper": "NDA X"})
def upper(value: str) -> str:
    """Make all letters upper case."""
    return bounded_text(value.upper())


@converter(examples={"'NDA X' | lower": "nda x"})
def lower(value: str) -> str:
    """Make all letters lower case."""
    return bounded_text(value.lower())


_WORD_ENDS = re.compile(r"([-\s({\[<]+)")


@converter(examples={"'lease of the town-hall' | title": "Lease Of The Town-Hall"})
def title(value: str) -> str:
    """Make the first letter of each word upper case and the rest lower case."""
    parts = [value] if value.isalnum() else _WORD_ENDS.split(value)
    return bounded_text("".join(part[:1].upper() + part[1:].lower() for part in parts))


@converter(examples={"'lease OF hall' | capitalize": "Lease of hall"})
def capitalize(value: str) -> str:
    """Make the first letter upper case and the rest lower case."""
    return bounded_text(value.capitalize())


@converter(
    examples={"'Contract register' | truncate(8)": "Contract", "'Contract' | truncate(5, end='…')": "Cont…"}
)
def truncate(value: str, length: int, end: str = "") -> str:
    """Shorten to at most `length` characters, including `end`, which marks what was shortened."""
    return value if len(value) <= length else value[: max(0, length - len(end))] + end[: max(0, length)]


@converter(examples={"'R&D/IT' | replace('/', '-')": "R&D-IT", "'aaa' | replace('a', 'b', 2)": "bba"})
def replace(value: str, old: str, new: str, count: int | None = None) -> str:
    """Replace `old` by `new`, everywhere or at most `count` times from the left."""
    times = value.count(old) if count is None or count < 0 else min(value.count(old), count)
    bounded_length(len(value) + times * (len(new) - len(old)))
    return value.replace(old, new, times)


_FLAGS = re.IGNORECASE | re.ASCII
_OPENING = re.compile(
    r"<(?:(?P<hidden>!--|(?:script|style)\b)"
    r"|/?(?P<block>(?:br|hr|p|div|li|[uod]l|d[dt]|tr|t[dh]|table|h[1-6]|blockquote|pre|section|article)\b)"
    r"|[a-z/!?])",
    _FLAGS,
)
_CLOSING = {
    "!--": re.compile("-->"),
    "script": re.compile(r"</script\s*>", _FLAGS),
    "style": re.compile(r"</style\s*>", _FLAGS),
}
_ENDLESS_REFERENCE = re.compile(r"&#(?:[0-9]{100,}|x[0-9a-f]{100,});?", _FLAGS)
"""A character reference with so many digits that `html.unescape` would fail."""


@converter(
    examples={
        "'<p>Lease of <b>hall</b> &amp; yard</p>' | strip_html": "Lease of hall & yard",
        "'Hall<br>Yard' | strip_html": "Hall Yard",
    }
)
def strip_html(value: str) -> str:
    """Remove HTML tags, comments and scripts, decode entities and squeeze; blocks are kept apart."""
    pieces: list[str] = []
    end, unclosed = 0, set()  # an end that was once not found is not searched for again
    while (opening := _OPENING.search(value, end)) is not None:
        close = -1
        hidden = (opening["hidden"] or "").lower()
        if hidden and hidden not in unclosed:
            closing = _CLOSING[hidden].search(value, opening.end())
            if closing is None:
                unclosed.add(hidden)
            else:
                close = closing.end()
        if close < 0:
            close = value.find(">", opening.start()) + 1
        if close == 0:
            break
        pieces += (value[end : opening.start()], " " if opening["block"] else "")
        end = close
    plain = _ENDLESS_REFERENCE.sub("\ufffd", "".join(pieces) + value[end:])
    return bounded_text(squeeze(html.unescape(plain)))


@converter(examples={"'one\\ntwo' | single_line": "one two"})
def single_line(value: str) -> str:
    """Replace each line break, and the spaces around it, by one space."""
    lines = value.splitlines()
    return value if lines == [value] else " ".join(line.strip() for line in lines)


@converter(examples={"12 | string": "12", "1.50 | string": "1.5", "true | string": "true"})
def string(value: object) -> str:
    """Return the text of a number, a boolean or a date (in ISO 8601)."""
    return text_of(value)


@converter(
    examples={
        "'C:\\\\deeds\\\\7.final.pdf' | file_name": "7.final.pdf",
        "'/deeds/7.pdf' | file_name": "7.pdf",
    }
)
def file_name(value: str) -> str:
    """Return the file's name with its extension."""
    parts = value.replace("/", "\\").split("\\")
    if parts[-1] not in ("", ".") and ":" not in parts[-1] and (parts[0] or len(parts) == 1):
        return parts[-1]  # the usual case, ten times as fast; a leading separator may be a server's name
    return PureWindowsPath(value).name


@converter(examples={"'/deeds/7.final.pdf' | file_stem": "7.final"})
def file_stem(value: str) -> str:
    """Return the file's name without its extension."""
    return PureWindowsPath(value).stem


@converter(examples={"'/deeds/7.final.PDF' | extension": "pdf"})
def extension(value: str) -> str:
    """Return the file's extension in lower case, without the dot; an empty text if there is none."""
    return PureWindowsPath(value).suffix[1:].lower()


@converter(examples={"'C:\\\\deeds\\\\2024\\\\7.pdf' | parent_folder": "2024", "'7.pdf' | parent_folder": ""})
def parent_folder(value: str) -> str:
    """Return the name of the folder that contains the file."""
    return PureWindowsPath(value).parent.name


_NAMESPACES = {"url": uuid.NAMESPACE_URL, "dns": uuid.NAMESPACE_DNS, "oid": uuid.NAMESPACE_OID}


@converter(
    name="hash",
    examples={
        "'7' | hash(length=12)": "7902699be42c",
        "'7' | hash('md5')": "8f14e45fceea167a5a36dedd4bea2543",
    },
)
def hash_(
    value: str, algorithm: Literal["sha256", "sha1", "md5", "blake2b"] = "sha256", length: int | None = None
) -> str:
    """Return the hexadecimal hash of the text in UTF-8, cut to `length` characters."""
    # "replace": JSON can contain unpaired surrogates, which UTF-8 can't.
    digest = hashlib.new(algorithm, value.encode("utf-8", "replace"), usedforsecurity=False).hexdigest()
    return digest if length is None else digest[: max(0, length)]


@converter(
    factory=True, examples={"'https://example.org/7' | uuid5('url')": "8392c7cd-2235-53c8-b982-295ae9798d27"}
)
def uuid5(namespace: str = "url") -> Callable[[str], str]:
    """Return the name-based UUID (version 5) of the text; `namespace` is url, dns, oid or a UUID."""
    try:
        space = _NAMESPACES.get(namespace) or uuid.UUID(namespace)
    except ValueError:
        raise ArgumentError(f"the namespace of uuid5 is url, dns, oid or a UUID, not {namespace!r}") from None
    return lambda value: str(uuid.uuid5(space, value.encode("utf-8", "replace").decode("utf-8")))


@converter(examples={"'Café: Lease & Hall' | slug": "cafe-lease-hall"})
def slug(value: str) -> str:
    """Make a key of lower-case ASCII letters, digits and hyphens."""
    plain = unicodedata.normalize("NFKD", value).encode("ascii", "ignore").decode("ascii")
    return bounded_text(re.sub(r"[^a-z0-9]+", "-", plain.lower()).strip("-"))
