"""What PyYAML says is wrong, in words for people who do not know YAML."""

from __future__ import annotations

import yaml

__all__ = ["in_plain_words"]

_PLAIN_WORDS = (
    ("'\\t'", "a tab stands where only blanks may indent", "indent with blanks"),
    ("'%'", "a value can't begin with %", 'put the value in quotes: "…"'),
    ("'@'", "a value can't begin with @", 'put the value in quotes: "…"'),
    ("'`'", "a value can't begin with `", 'put the value in quotes: "…"'),
    (
        "mapping values are not allowed here",
        "a colon stands where none is expected",
        'put a value that contains ": " in quotes',
    ),
    (
        "expected <block end>",
        "this line does not fit the indentation around it",
        "align it with its neighbours",
    ),
    ("expected ',' or", "a comma or closing bracket is missing before this", "close the list or the braces"),
    ("unexpected end of stream", "the file ends within a quoted text or a bracket", "close it"),
    ("could not find expected ':'", "a colon is missing after this key", "write `key: value`"),
    (
        "found unknown escape character",
        "within double quotes a \\ begins an escape, and this is none",
        "use single quotes: 'S:\\Contracts'",
    ),
    (
        "expected escape sequence of",
        "within double quotes a \\ begins an escape, and this is none",
        "use single quotes: 'S:\\Contracts'",
    ),
    (
        "sequence entries are not allowed here",
        "a list can't begin on this line",
        "begin it on the next line, indented",
    ),
    (
        "expected the node content",
        "a value is missing here, or begins with a character that needs quotes",
        'put the value in quotes: "…"',
    ),
    ("found undefined tag handle", "tags are not part of the language", "put the value in quotes"),
)


def in_plain_words(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """Return what is wrong, and what to do about it."""
    problem = error.problem or error.context or "the file is not YAML"
    for mark, message, help_text in _PLAIN_WORDS:
        if mark in problem:
            return message, help_text
    return problem, 'a value that begins with { is a template only within quotes: "{{ … }}"' if "flow" in str(
        error.context
    ) else ""
