"""Regular expressions (RE2): the converter `regex_replace` and the test `matching`, and their limits."""

from __future__ import annotations

import re
import time
from typing import Any

import re2

from opusmap.converters.limits import bounded_length, bounded_text
from opusmap.converters.registry import ArgumentError, converter, wrong_kind
from opusmap.errors import ValueProblem
from opusmap.wording import quote_value


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
    return Replacer(pattern, new)


@converter(factory=True, examples={"'CT-2024/7' is matching('^CT-[0-9]{4}')": True})
def matching(pattern: str) -> Matcher:
    """Return whether a regular expression (RE2 syntax) matches anywhere in a text."""
    return Matcher("matching", pattern)


class Pattern:
    """A regular expression as a function of one text; `matched`: whether it ever matched."""

    __slots__ = ("_longest", "_regexp", "matched", "pattern")

    def __init__(self, name: str, pattern: str) -> None:
        """Compile a pattern; `name` is what uses it, for messages.

        Raises:
            ArgumentError: RE2 can't read the pattern, or it is written with one escape too many or too few.
        """
        self.pattern, self.matched = pattern, False
        if len(pattern) > _PATTERN_LIMIT:
            raise ArgumentError(f"{name} takes a pattern of at most {_PATTERN_LIMIT} characters")
        _check_escapes(f"pattern of {name}", pattern)
        options = re2.Options()
        options.log_errors = False
        options.max_mem = 1 << 20
        try:
            self._regexp = re2.compile(pattern, options)
        except (re2.error, UnicodeEncodeError) as error:
            first = error.args[0]
            reason = first.decode("utf-8", "replace") if isinstance(first, bytes) else str(error)
            help_text = "escape a special character with a backslash: `\\(`"
            if reason.startswith(_NOT_IN_RE2):
                help_text = (
                    "RE2 has no look-around `(?=…)` `(?<!…)`, no backreferences `\\1`, no `a++`, no `\\Z`"
                )
            raise ArgumentError(f"{name} can't use the pattern: {reason}", help_text) from None
        self._longest = _STEPS_LIMIT // self._regexp.programsize

    def __call__(self, value: str) -> Any:
        """Return what the pattern makes of a text."""
        raise NotImplementedError

    def _check_size(self, value: str) -> None:
        if len(value) > self._longest:
            raise _too_long_for("a regular expression of this size")


class Matcher(Pattern):
    """The function of one text that `is matching` is."""

    __slots__ = ()

    def __call__(self, value: str) -> bool:
        """Return whether the pattern matches anywhere in the text."""
        if not isinstance(value, str):
            raise ValueProblem("wrong-kind", wrong_kind("is matching", (str,), value).problem, _AS_TEXT)
        self._check_size(value)
        try:
            found = self._regexp.search(_searched(value)) is not None
        except UnicodeEncodeError:
            raise _unpaired_surrogate(value) from None
        self.matched = self.matched or found
        return found


class Replacer(Pattern):
    """The function of one text that `regex_replace` is.

    RE2 finds one match in linear time, but for each match it may scan the whole rest of the text, and for
    each character all steps of a large pattern. What would take long is a problem instead of a wait.
    """

    __slots__ = ("_new", "_text")

    def __init__(self, pattern: str, new: str) -> None:
        """Compile a pattern, and read its replacement.

        Raises:
            ArgumentError: one of them can't be read.
        """
        super().__init__("regex_replace", pattern)
        self._new = _read_replacement(new, self._regexp)
        texts = [part for part in self._new if isinstance(part, str)]
        self._text = "".join(texts) if len(texts) == len(self._new) else None

    def __call__(self, value: str) -> str:
        """Return the text with each match replaced."""
        global _last_refused  # noqa: PLW0603 - one text for all patterns, so that it takes little memory
        if not isinstance(value, str):
            raise wrong_kind("regex_replace", (str,), value)
        self._check_size(value)
        if _last_refused == (self.pattern, value):  # by generated code, before the interpreter asks again
            raise _too_long_for("a regular expression with this many matches")
        pieces: list[str] = []
        end = size = scanned = 0
        last = (-1, -1)
        until = None
        try:
            for match in self._regexp.finditer(_searched(value)):
                self.matched = True
                if match.span() == last:  # google-re2 gives an empty match twice if it is not at the start
                    continue
                start, stop = last = match.span()
                put = self._text
                if put is None:
                    put = "".join([_part(match, one, value) for one in self._new])
                pieces += (value[end:start], put)
                size += len(put)
                bounded_length(size)
                scanned += len(value) - end
                if scanned > _UNTIMED:
                    now = time.thread_time()
                    until = until or now + _SECONDS
                    if now > until or scanned > _SCANNED_LIMIT:
                        _last_refused = self.pattern, value
                        raise _too_long_for("a regular expression with this many matches")
                end = stop
        except UnicodeEncodeError:
            raise _unpaired_surrogate(value) from None
        return bounded_text("".join(pieces) + value[end:])


def _searched(value: str) -> str | bytes:
    """Return a text as it is searched: one of ASCII has the same places as bytes, which is faster."""
    return value.encode() if value.isascii() else value


def _part(match: Any, part: str | int, value: str) -> str:
    """Return a part of a replacement: the text it is, or what a group matched."""
    if isinstance(part, str):
        return part
    start, end = match.span(part)
    return value[start:end] if start >= 0 else ""


_last_refused: tuple[str, str] | None = None
"""The pattern and the text of the last search that took too long."""


def _too_long_for(what: str) -> ValueProblem:
    message = f"the text is too long for {what}"
    return ValueProblem("text-too-long", message, "shorten it first: `| truncate(4000)`")


def _unpaired_surrogate(value: str) -> ValueProblem:
    return ValueProblem("control-character", f"{quote_value(value)} contains an unpaired surrogate")


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


_AS_TEXT = "use `| string` before it, or `| first` for a list"
_NOT_IN_RE2 = ("invalid perl operator", "invalid escape sequence", "bad repetition operator")
"""The beginnings of RE2's messages about what other engines know."""


_REFERENCE = re.compile(r"\$(?:(\$)|([0-9]+)|\{(\w+)\})")
_REFERENCES = "groups are `$1` (or `${1}`) and `${name}`, the whole match is `$0`, a dollar sign is `$$`"


def _read_replacement(new: str, pattern: re2._Regexp) -> tuple[str | int, ...]:
    """Return the parts of a replacement: texts, and groups by their numbers."""
    _check_escapes("replacement of regex_replace", new)
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
        raise ArgumentError(f"{name} has a `$` without a group after it", _REFERENCES)
    return tuple(part for part in parts if part != "")


_LETTERS = {7: "a", 9: "t", 10: "n", 11: "v", 12: "f", 13: "r", 8: "b"}
"""Control character -> its letter in regular expressions, or in the escape that YAML made it from (`\b`)."""


def _check_escapes(what: str, text: str) -> None:
    r"""Check that a text has no `\\` and no control character, signs of one escape too many or too few."""
    if (control := re.search(r"[\x00-\x1f\x7f-\x9f]", text)) is not None:
        code = ord(control[0])
        message = f"the {what} contains the control character U+{code:04X}"
        meant = "\\" + _LETTERS.get(code, f"x{code:02X}")
    elif (found := re.search(r"\\\\(.?)", text)) is not None:
        message = f"the {what} contains two backslashes in a row"
        meant = f"\\{found[1]}" if found[1] not in ("", "\\") else "\\x5C"
    else:
        return
    written = meant.replace("\\", "\\\\")
    help_text = (
        f"a backslash is a backslash here: in a 'single-quoted', plain or block text of YAML write `{meant}`,"
        f' in a "double-quoted" one `{written}`; a literal backslash is `\\x5C`'
    )
    raise ArgumentError(message, help_text)
