"""Plain values as YAML that a person can read and our reader takes back exactly.

Owns quoting: a text has quotes only where a reader of YAML, or a person, would take it for something else.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, Literal, TypeAlias

import yaml

Quotes: TypeAlias = Literal["'", '"']

_SAFE = re.compile(r"[^\W\d_](?:[\w./()@%&=+-]|(?<! ) (?! )(?=[\w./()]))*", re.ASCII)
"""Texts that are surely read as they are, but for words such as `yes`."""
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
_WORDS = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})
"""What YAML 1.1 or 1.2 reads as no text."""
_RESOLVER = yaml.resolver.Resolver()
_TEXT_TAG = "tag:yaml.org,2002:str"


def quoted(text: str, *, flow: bool = True, quotes: Quotes | None = None) -> str:
    r"""Return a text as a YAML scalar in one line.

    Args:
        text: the text.
        flow: whether it may get between brackets or braces, where a comma ends it.
        quotes: the quotes that it has in any case; double ones if it can't be written in these.

    >>> quoted("Doc Type"), quoted("007"), quoted("a: b"), quoted(""), quoted('{{ a ~ "b" }}')
    ('Doc Type', '"007"', '"a: b"', '""', '\'{{ a ~ "b" }}\'')
    """
    if quotes is None and _is_plain(text, flow):
        return text
    single = text.isprintable() and (quotes == "'" or (quotes is None and _easier_in_single_quotes(text)))
    return "'" + text.replace("'", "''") + "'" if single else in_double_quotes(text)


def _easier_in_single_quotes(text: str) -> bool:
    return ('"' in text or "\\" in text) and "'" not in text


def _is_plain(text: str, flow: bool) -> bool:  # noqa: FBT001 - it is cached below, by position
    if text.casefold() in _WORDS or not text.isprintable():
        return False
    if not any(map(str.isalnum, text)) or "{{" in text or "{%" in text:
        return False  # signs alone, such as ; would look like YAML's own, and templates are always in quotes
    return _SAFE.fullmatch(text) is not None or _is_read_plain(text, flow)


@lru_cache(maxsize=4096)
def _is_read_plain(text: str, flow: bool) -> bool:  # noqa: FBT001 - as above
    """Ask the reader itself, in each place that a text may have, and the rules of other readers."""
    tag = _RESOLVER.resolve(yaml.ScalarNode, text, (True, False))  # type: ignore[no-untyped-call]
    if tag != _TEXT_TAG or _is_number(text):
        return False
    probes = [f"{text}: x\n", f"x: {text}  # y\n", f"- {text}\n"]
    if flow:
        probes += [f"[{text}]\n", f"[{text}, x]\n", f"{{{text}: x}}\n", f"{{x: {text}}}\n"]
    return all(_reads(probe, text) for probe in probes)


def _is_number(text: str) -> bool:
    """Return whether some reader takes a text for a number: YAML 1.2 writes `1e5` and `0o17`."""
    return re.fullmatch(r"[-+]?(\d[\d_,]*)?\.?\d+([eE][-+]?\d+)?|0[ox][0-9a-fA-F]+", text) is not None


def _reads(probe: str, text: str) -> bool:
    """Return whether a text is one of the plain scalars of a YAML text whose others are `x`."""
    scalars = []
    try:
        for event in yaml.parse(probe, Loader=yaml.SafeLoader):
            if isinstance(event, yaml.NodeEvent) and event.anchor is not None:
                return False
            if isinstance(event, yaml.ScalarEvent):
                scalars.append((event.value, event.style, event.tag))
    except (yaml.YAMLError, ValueError):
        return False
    expected = [text] + ["x"] * (len(scalars) - 1)
    return 0 < len(scalars) <= 2 and sorted(scalars, key=str) == sorted(  # noqa: PLR2004 - a key and a value
        [(value, None, None) for value in expected], key=str
    )


def in_double_quotes(text: str) -> str:
    """Return a text as a YAML scalar in double quotes."""
    return '"' + "".join(map(_escaped, text)) + '"'


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    return f"\\u{code:04X}" if code < 0x10000 else f"\\U{code:08X}"  # noqa: PLR2004


def in_line(value: Any, *, flow: bool = True, quotes: Quotes | None = None) -> str:
    """Return a text, list or object in YAML's one-line form; see `quoted`.

    A list or an object has brackets or braces, so `flow` says where the value itself is.
    """
    match value:
        case dict():
            pairs = (
                f"{quoted(str(key), quotes=quotes)}: {in_line(item, flow=True, quotes=quotes)}"
                for key, item in value.items()
            )
            return "{" + ", ".join(pairs) + "}"
        case list() | tuple():
            return "[" + ", ".join(in_line(item, flow=True, quotes=quotes) for item in value) + "]"
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
    return quoted(str(value), flow=flow, quotes=quotes)
