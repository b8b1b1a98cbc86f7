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


@converter(examples={"'  Lease of hall ' | trim": "Lease of hall", "'xxAxx' | trim('x')": "A"})
def trim(value: str, chars: str | None = None) -> str:
    """Remove blanks (or the given characters) from both ends."""
    return value.strip(chars)


@converter(examples={"'Lease   of\\n hall ' | squeeze": "Lease of hall"})
def squeeze(value: str) -> str:
    """Replace each run of white space, line breaks included, by one blank, and trim."""
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


@converter(examples={"'lease of the town-hall' | title": "Lease Of The Town-Hall"})
def title(value: str) -> str:
    """Make the first letter of each word upper case and the rest lower case."""
    parts = re.split(r"([-\s({\[<]+)", value)
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


class Replacer:
    """The function of one text that `regex_replace` makes; `matched`: whether its `pattern` ever matched.

    RE2 finds one match in linear time, but for each match it may scan the whole rest of the text, and for
    each character all steps of a large pattern. What would take long is a problem instead of a wait.
    """

    __slots__ = ("_longest", "_new", "_pattern", "matched", "pattern")

    def __init__(self, pattern: str, compiled: re2._Regexp, new: tuple[str | int, ...]) -> None:
        """Take a pattern and the parts of its replacement: texts, and groups by their numbers."""
        self.pattern, self.matched = pattern, False
        self._pattern, self._new = compiled, new
        self._longest = _STEPS_LIMIT // compiled.programsize

    def __call__(self, value: str) -> str:
        """Return the text with each match replaced."""
        global _last_refused  # noqa: PLW0603 - one text for all patterns, so that it takes little memory
        if not isinstance(value, str):
            raise wrong_kind("regex_replace", (str,), value)
        if len(value) > self._longest:
            raise _too_long_for("a regular expression of this size")
        if _last_refused == (
            self.pattern,
            value,
        ):  # by generated code, just before the interpreter asks again
            raise _too_long_for("so many matches of a regular expression")
        pieces: list[str] = []
        end = size = scanned = 0
        until = None
        try:
            for match in self._pattern.finditer(value):
                self.matched = True
                put = "".join([one if one.__class__ is str else match.group(one) or "" for one in self._new])
                pieces += (value[end : match.start()], put)
                size += len(put)
                bounded_length(size)
                scanned += len(value) - end
                if scanned > _UNTIMED:
                    now = time.thread_time()
                    until = until or now + _SECONDS
                    if now > until or scanned > _SCANNED_LIMIT:
                        _last_refused = self.pattern, value
                        raise _too_long_for("so many matches of a regular expression")
                end = match.end()
        except UnicodeEncodeError:
            message = f"{quote_value(value)} contains an unpaired surrogate"
            raise ValueProblem("control-character", message) from None
        return bounded_text("".join(pieces) + value[end:])


_last_refused: tuple[str, str] | None = None
"""The pattern and the text of the last search that took too long."""


def _too_long_for(what: str) -> ValueProblem:
    message = f"the text is too long for {what}"
    return ValueProblem("text-too-long", message, "shorten it before: `| truncate(4000)`")


_SCANNED_LIMIT = 1 << 24
"""Characters that a regular expression may scan in one text, counted once for each match."""
_UNTIMED = 1 << 14
"""The same, without the time being measured."""
_SECONDS = 0.2
"""Seconds of processor time for scanning more; usual patterns need a tenth of it for all that they may."""
_STEPS_LIMIT = 1 << 27
"""Characters of a text, times the steps of a pattern's program, at most: half a second for the slowest."""
_PATTERN_LIMIT = 1_000
"""Characters of a regular expression, at most: compiling it takes time, too."""


@converter(
    factory=True,
    examples={
        "'C-0012/2024' | regex_replace('[^0-9]+', '')": "00122024",
        "'Smith, Ann' | regex_replace('(.+), (.+)', '$2 $1')": "Ann Smith",
    },
)
def regex_replace(pattern: str, new: str) -> Replacer:
    r"""Replace each match of a regular expression (RE2 syntax; `$1` is the first group) by `new`.

    In both a backslash is a backslash, not an escape as in other texts of expressions. `new` may have `$1`
    or `${1}`, `${name}`, `$0` (the whole match) and `$$` (a dollar sign), and no other `$` or backslash.
    """
    compiled = _compile_pattern(pattern)
    return Replacer(pattern, compiled, _read_replacement(new, compiled))


def _compile_pattern(pattern: str) -> re2._Regexp:
    if len(pattern) > _PATTERN_LIMIT:
        raise ArgumentError(f"regex_replace takes a pattern of at most {_PATTERN_LIMIT} characters")
    _check_escapes("pattern", pattern)
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 1 << 20
    try:
        return re2.compile(pattern, options)
    except (re2.error, UnicodeEncodeError) as error:
        first = error.args[0]
        reason = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
        help_text = "a special character is escaped by a backslash: `\\(`"
        if reason.startswith(("invalid perl operator", "invalid escape sequence", "bad repetition operator")):
            help_text = "RE2 has no look-around `(?=…)` `(?<!…)`, no backreferences `\\1`, no `a++`, no `\\Z`"
        raise ArgumentError(f"regex_replace can't use the pattern: {reason}", help_text) from None


_REFERENCE = re.compile(r"\$(?:(\$)|([0-9]+)|\{(\w+)\})")
_REFERENCES = "groups are `$1` (or `${1}`) and `${name}`, the whole match is `$0`, a dollar sign is `$$`"


def _read_replacement(new: str, pattern: re2._Regexp) -> tuple[str | int, ...]:
    """Return the parts of a replacement: texts, and groups by their numbers."""
    _check_escapes("replacement", new)
    name = f"the replacement {quote_value(new)}"
    if "\\" in new:
        help_text = f"{_REFERENCES}; to insert a backslash or a line break, use `replace`"
        raise ArgumentError(f"{name} has a backslash", help_text)
    groups = {str(number): number for number in range(pattern.groups + 1)} | pattern.groupindex
    parts, end = list[str | int](), 0
    for found in _REFERENCE.finditer(new):
        parts.append(new[end : found.start()])
        end, group = found.end(), found[2] or found[3]
        if found[1] is None and group not in groups:
            message = f"{name} refers to the group {quote_value(group)}, which the pattern does not have"
            help_text = f"its groups: {', '.join(groups)}; for group 1 followed by a zero write `${{1}}0`"
            raise ArgumentError(message, help_text)
        parts.append("$" if found[1] else groups[group])
    parts.append(new[end:])
    if any("$" in part for part in parts[::2] if isinstance(part, str)):
        raise ArgumentError(f"{name} has a `$` that names no group", _REFERENCES)
    return tuple(part for part in parts if part != "")


_LETTERS = {7: "a", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 8: "b"}
"""Control character -> its letter in regular expressions, or in the escape that YAML made it from (`\b`)."""


def _check_escapes(what: str, text: str) -> None:
    r"""Check that a text has no `\\` and no control character, signs of one escape too many or too few."""
    if (control := re.search(r"[\x00-\x1f\x7f-\x9f]", text)) is not None:
        code = ord(control[0])
        message = f"the {what} of regex_replace contains the control character U+{code:04X}"
        meant = "\\" + _LETTERS.get(code, f"x{code:02X}")
    elif (found := re.search(r"\\\\(.?)", text)) is not None:
        message = f"the {what} of regex_replace contains two backslashes in a row"
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
"""A character reference with so many digits that `html.unescape` would fail."""


@converter(
    examples={
        "'<p>Lease of <b>hall</b> &amp; yard</p>' | strip_html": "Lease of hall & yard",
        "'Hall<br>Yard' | strip_html": "Hall Yard",
    }
)
def strip_html(value: str) -> str:
    """Remove HTML tags, comments and scripts, decode entities and squeeze; blocks are kept apart."""
    plain = _ENDLESS_REFERENCE.sub("\ufffd", _without_markup(value))
    return bounded_text(squeeze(html.unescape(plain)))


def _without_markup(value: str) -> str:
    """Remove markup in one pass: an end that was once not found is not searched for again."""
    pieces: list[str] = []
    end, unclosed = 0, set()
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
    return "".join(pieces) + value[end:]


@converter(examples={"'one\\ntwo' | single_line": "one two"})
def single_line(value: str) -> str:
    """Replace each line break, and the blanks around it, by one blank."""
    lines = value.splitlines()
    return value if lines == [value] else " ".join(line.strip() for line in lines)


@converter(examples={"12 | string": "12", "1.50 | string": "1.5", "true | string": "true"})
def string(value: object) -> str:
    """Return the text of a number, a boolean or a date (in ISO 8601)."""
    return text_of(value)
