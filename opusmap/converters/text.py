"""Converters of texts."""

from __future__ import annotations

import html
import re
import time

import re2

from opusmap.converters.coerce import text_of
from opusmap.converters.limits import bounded_length, bounded_text
from opusmap.converters.registry import ArgumentError, converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.issues import quote_value

__all__ = [
    "Replacer",
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
    if "  " not in value and value.isprintable() and value.strip() == value:
        return value  # of all white space only the blank is printable
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
    """Put `new` for each `old` (at most `count` of them, from the left; all if it is negative)."""
    times = value.count(old) if count is None or count < 0 else min(value.count(old), count)
    bounded_length(len(value) + times * (len(new) - len(old)))
    return value.replace(old, new, times)


@converter(
    prepared=True,
    examples={
        "'C-0012/2024' | regex_replace('[^0-9]+', '')": "00122024",
        "'Smith, Ann' | regex_replace('(.+), (.+)', '$2 $1')": "Ann Smith",
    },
)
def regex_replace(pattern: str, new: str) -> Replacer:
    r"""Put `new` for each match of a regular expression (RE2 syntax; `$1` is the first group).

    In both a backslash is a backslash: none is an escape of expressions. `new` knows `$1` or `${1}`,
    `${name}`, `$0` (the whole match) and `$$` (a dollar sign), and nothing else with `$` or a backslash.
    """
    compiled = _compile_pattern(pattern)
    return Replacer(pattern, compiled, _read_replacement(new, compiled))


class Replacer:
    """The function of one text that `regex_replace` is; `matched` tells whether its `pattern` ever matched.

    RE2 finds one match in linear time, but may look at the whole rest of the text for each, and at all steps
    of a large pattern for each character: what would take long is a problem instead of a wait.
    """

    __slots__ = ("_longest", "_new", "_pattern", "matched", "pattern")

    def __init__(self, pattern: str, compiled: re2._Regexp, new: tuple[str | int, ...]) -> None:
        """Take a pattern, and what to put for a match: texts, and groups by their numbers."""
        self.pattern, self.matched = pattern, False
        self._pattern, self._new = compiled, new
        self._longest = _STEPS_LIMIT // compiled.programsize

    def __call__(self, value: str) -> str:
        """Return the text with each match replaced."""
        global _last_refused  # noqa: PLW0603 - one text for all patterns, so that it holds little
        if not isinstance(value, str):
            raise wrong_kind("regex_replace", (str,), value)
        if len(value) > self._longest:
            raise _too_long_for("a regular expression of this size")
        if _last_refused == (self.pattern, value):  # by generated code, just before it is evaluated again
            raise _too_long_for("so many matches of a regular expression")
        pieces: list[str] = []
        end = size = looked_at = 0
        until = None
        try:
            for match in self._pattern.finditer(value):
                self.matched = True
                put = "".join([one if one.__class__ is str else match.group(one) or "" for one in self._new])
                pieces += (value[end : match.start()], put)
                size += len(put)
                bounded_length(size)
                looked_at += len(value) - end
                if looked_at > _LOOKED_AT_FREELY:
                    now = time.thread_time()
                    until = until or now + _SECONDS
                    if now > until or looked_at > _LOOKED_AT_LIMIT:
                        _last_refused = self.pattern, value
                        raise _too_long_for("so many matches of a regular expression")
                end = match.end()
        except UnicodeEncodeError:
            raise ValueProblem("control-character", f"{quote_value(value)} holds half a character") from None
        return bounded_text("".join(pieces) + value[end:])


_last_refused: tuple[str, str] | None = None
"""The pattern and the text that took too long last."""


def _too_long_for(what: str) -> ValueProblem:
    message = f"the text is too long for {what}"
    return ValueProblem("text-too-long", message, "shorten it before: `| truncate(4000)`")


_LOOKED_AT_LIMIT = 1 << 24
"""Characters, counted once for each match, that a regular expression may look at."""
_LOOKED_AT_FREELY = 1 << 14
"""As many it may look at before somebody looks at the clock."""
_SECONDS = 0.2
"""Seconds of processor time that more than these may take; usual patterns need a tenth for all they may."""
_STEPS_LIMIT = 1 << 27
"""Characters of a text, times the steps of a pattern's program, at most: half a second for the slowest."""

_PATTERN_LIMIT = 1_000
"""Characters of a regular expression at most: making a machine of one takes its time, too."""

_REFERENCE = re.compile(r"\$(?:(\$)|([0-9]+)|\{(\w+)\})")
_REFERENCES = "groups are `$1` (or `${1}`) and `${name}`, the whole match is `$0`, a dollar sign is `$$`"
_LETTERS = {7: "a", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 8: "b"}
"""Control character -> the letter that regular expressions write it with, or that YAML made it of (`\b`)."""
_NOT_IN_RE2 = ("invalid perl operator", "invalid escape sequence", "bad repetition operator")


def _compile_pattern(pattern: str) -> re2._Regexp:
    if len(pattern) > _PATTERN_LIMIT:
        raise ArgumentError(f"regex_replace takes a pattern of at most {_PATTERN_LIMIT} characters")
    _check_raw("pattern", pattern)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        first = error.args[0]
        reason = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
        help_text = "a backslash before a sign means the sign itself: `\\(`"
        if reason.startswith(_NOT_IN_RE2):
            help_text = "RE2 has no look-around `(?=…)` `(?<!…)`, no backreferences `\\1`, no `a++`, no `\\Z`"
        raise ArgumentError(f"regex_replace can't use the pattern: {reason}", help_text) from None


def _read_replacement(new: str, pattern: re2._Regexp) -> tuple[str | int, ...]:
    """Return the parts of a replacement: texts, and groups by their numbers."""
    _check_raw("replacement", new)
    if "\\" in new:
        help_text = f"{_REFERENCES}; to put in a backslash or a line break, use `replace`"
        raise ArgumentError(f"the replacement {quote_value(new)} has a backslash", help_text)
    groups = {str(number): number for number in range(pattern.groups + 1)} | pattern.groupindex
    parts, end = list[str | int](), 0
    for found in _REFERENCE.finditer(new):
        parts.append(new[end : found.start()])
        end, name = found.end(), found[2] or found[3]
        if found[1] is None and name not in groups:
            message = f"the replacement {quote_value(new)} refers to the group {quote_value(name)}"
            help_text = f"its groups: {', '.join(groups)}; for group 1 and a zero after it write `${{1}}0`"
            raise ArgumentError(f"{message}, which the pattern does not have", help_text)
        parts.append("$" if found[1] else groups[name])
    parts.append(new[end:])
    if any("$" in part for part in parts[::2] if isinstance(part, str)):
        message = f"the replacement {quote_value(new)} has a `$` that names no group"
        raise ArgumentError(message, _REFERENCES)
    return tuple(part for part in parts if part != "")


def _check_raw(what: str, text: str) -> None:
    r"""Refuse what a text has of one escape too many or too few: `\\`, or the control character of `\b`."""
    control = next((char for char in text if char < " " or "\x7f" <= char <= "\x9f"), None)
    if control is not None:
        code = ord(control)
        message = f"the {what} of regex_replace holds the control character U+{code:04X}"
        meant = "\\" + _LETTERS.get(code, f"x{code:02X}")
    elif (found := re.search(r"\\\\(.?)", text)) is not None:
        message = f"the {what} of regex_replace holds two backslashes in a row"
        meant = f"\\{found[1]}" if found[1] not in ("", "\\") else "\\x5C"
    else:
        return
    written = meant.replace("\\", "\\\\")
    help_text = (
        f"a backslash is a backslash here: in a 'single-quoted', plain or block text of YAML write `{meant}`,"
        f' in a "double-quoted" one `{written}`; a literal backslash is `\\x5C`'
    )
    raise ArgumentError(message, help_text)


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
"""A character's number that is none; `html.unescape` would stumble over its length."""


@converter(
    examples={
        "'<p>Lease of <b>hall</b> &amp; yard</p>' | strip_html": "Lease of hall & yard",
        "'Hall<br>Yard' | strip_html": "Hall Yard",
    }
)
def strip_html(value: str) -> str:
    """Take out HTML tags, comments and scripts, decode entities, and squeeze; blocks stay apart."""
    plain = _ENDLESS_REFERENCE.sub("\ufffd", _without_markup(value))
    return bounded_text(squeeze(html.unescape(plain)))


def _without_markup(value: str) -> str:
    """Cut the markup out in one pass: what is known not to be closed is not looked for again."""
    pieces: list[str] = []
    end, open_for_ever = 0, set()
    while (opening := _OPENING.search(value, end)) is not None:
        close = -1
        hidden = (opening["hidden"] or "").lower()
        if hidden and hidden not in open_for_ever:
            closing = _CLOSING[hidden].search(value, opening.end())
            if closing is None:
                open_for_ever.add(hidden)
            else:
                close = closing.end()
        if close < 0:
            close = value.find(">", opening.start()) + 1
        if close == 0:
            break
        pieces += (value[end : opening.start()], " " if opening["block"] else "")
        end = close
    return "".join(pieces) + value[end:]


@converter(examples={"'one\\ntwo' | single_line": "one two"})
def single_line(value: str) -> str:
    """Make one blank of each line break, with the blanks around it."""
    lines = value.splitlines()
    return value if lines == [value] else " ".join(line.strip() for line in lines)


@converter(examples={"12 | string": "12", "1.50 | string": "1.5", "true | string": "true"})
def string(value: object) -> str:
    """Make a text of a number, a boolean or a date (ISO)."""
    return text_of(value)
