"""What PyYAML says is wrong, in words for people who do not know YAML."""

from __future__ import annotations

import yaml

__all__ = ["in_plain_words"]

_ESCAPE = "unknown escape: in double quotes, a \\ begins an escape", "use single quotes: 'S:\\Contracts'"
_PLAIN_WORDS = {
    "'\\t'": ("a tab is used for indentation", "indent with spaces"),
    **{f"'{char}'": (f"a value can't begin with {char}", 'put the value in quotes: "…"') for char in "%@`"},
    "mapping values are not allowed here": ("unexpected colon", 'put a value that contains ": " in quotes'),
    "expected <block end>": ("this line is not indented like the lines around it", "align it with them"),
    "expected ',' or": ("a comma or closing bracket is missing before this", "close the list or the braces"),
    "expected '<document start>'": ("unexpected data after the end of the document", "remove or indent it"),
    "unexpected end of stream": ("a quoted text or a bracket is not closed", "close it"),
    "could not find expected ':'": ("a colon is missing after this key", "write `key: value`"),
    "found unknown escape character": _ESCAPE,
    "expected escape sequence of": _ESCAPE,
    "sequence entries are not allowed here": (
        "a list can't begin on this line",
        "begin it on the next line, indented",
    ),
    "expected the node content": (
        "a value is missing here, or begins with a character that needs quotes",
        'put the value in quotes: "…"',
    ),
    "found undefined tag handle": ("YAML tags are not supported", "put the value in quotes"),
}
"""A part of PyYAML's message -> what is wrong, what to do."""


def in_plain_words(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """Return what is wrong, and what to do about it."""
    problem = error.problem or error.context or "the file is not YAML"
    for part, words in _PLAIN_WORDS.items():
        if part in problem:
            return words
    hint = 'a value that begins with { is a template only in quotes: "{{ … }}"'
    return problem, hint if "flow" in str(error.context) else ""
