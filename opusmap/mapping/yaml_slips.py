"""Slips in YAML: which one keeps a text from being read, and how the line should be.

A blank too many, a missing blank after a colon or a dash, quotes within quotes, a missing quote,
typographic quotes, a tab. What might be meant is tried: of the corrected lines, the one with which YAML gets
furthest is taken, if it gets beyond the line where it stopped.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, islice
from typing import TypeAlias

import yaml

from opusmap.issues import Fix, Issue, Severity, Span
from opusmap.mapping.typographic_quotes import NEEDS_STRAIGHT, show_marks, straighten
from opusmap.mapping.yaml_writer import in_double_quotes
from opusmap.wording import counted

_CHARACTERS_TRIED = 60_000
"""Characters that are read again, at most: a hint must not take longer than the reading."""
_LINES_AFTER = 40
"""Lines behind the place where YAML stopped that a correction is tried on."""
_LINES_BEFORE = 3
_LINES_SEARCHED = 200
"""Lines before the place in which a quotation mark is searched that is not closed."""
_MOST_BLANKS = 3
"""Blanks by which a line is moved, at most: more is not a slip."""
_LINE_SHOWN = 100
_LONGEST = 2_000
"""Characters of a line that is looked at, at most."""

_PREFIX = re.compile(r"[ \t]*(?:-[ \t]+)*")
_KEY = re.compile(r"(?:\"(?:[^\"\\]|\\.)*\"|'[^']*'|[^\s:\"'{\[#][^:]*?)[ \t]*:(?=[ \t]|$)[ \t]*")
_NO_BLANK = re.compile(r"[ \t]*(?:-[ \t]+)*([^\s:#\"'{}\[\],&*!|>%@`-][^:#\"'{}\[\],]*):(?=[^\s:/\\])")
_DASH_NO_BLANK = re.compile(r"-(?=[^\s-])")
_COMMENT = re.compile(r"[ \t]+#(?:[ \t].*)?$")
_BARE_SIGN = re.compile(r"(?<=[\[{,:] )([%@`&*!|>][^,{}\[\]\"']*)")
"""A value within brackets that begins with a sign, and has no quotes."""
_OPENING = re.compile(r"(?:^|[:\[{,][ \t]*)([\"'])")
_ENDS = re.compile(r"[ \t]*(?:[,\]}:]|$)")
_NEXT_VALUE = re.compile(r"[ \t]*,[ \t]*(?:[^,:\"'{}\[\]]+:[ \t]+)?$")
"""What is before the quotation mark that begins the next value within brackets or braces."""


@dataclass(frozen=True, slots=True)
class Slip:
    """A slip: its place, what is wrong ("" if YAML's own words say it), and the line as it should be."""

    span: Span
    message: str
    hint: str
    fix: Fix


@dataclass(frozen=True, slots=True)
class _Correction:
    """A line as it may be meant: its index, its text, and where and what was wrong."""

    index: int
    line: str
    at: int
    message: str
    advice: str


Events: TypeAlias = Callable[[str], Iterator[yaml.Event]]
"""PyYAML's events of a text."""


def find_slip(text: str, name: str, error: yaml.MarkedYAMLError, events: Events) -> Slip | None:
    """Return the slip that keeps a text of the file `name` from being read, None if none is known.

    `events` reads the text as it may be meant.
    """
    mark = error.problem_mark or error.context_mark
    if mark is None:
        return None
    lines = text.split("\n")
    budget, best, furthest = _CHARACTERS_TRIED, None, mark.line
    for fix in _find_fixes(lines, error, mark):
        tried = "\n".join([*lines[: fix.index], fix.line, *lines[fix.index + 1 : mark.line + _LINES_AFTER]])
        budget -= len(tried)
        if budget < 0:
            break
        reached = _read_until(tried, events)
        if reached is None or reached > furthest:
            best, furthest = fix, len(lines) if reached is None else reached
        if reached is None:
            break
    if best is None:
        return None
    span = Span(name, best.index + 1, best.at + 1, best.index + 1, best.at + 2)
    shown = _shorten(best.line, best.at)
    if best.line.lstrip() == lines[best.index].lstrip():  # its indentation is what was wrong
        shown = best.line[: len(best.line) - len(best.line.lstrip())] + shown
    line = Span(name, best.index + 1, 1, best.index + 1, len(lines[best.index]) + 1)
    return Slip(span, best.message, f"{best.advice}: `{shown}`", Fix(line, best.line, "lines"))


def explain_template(line: str) -> tuple[str, str]:
    """Return what is wrong with a line whose template is read as nested keys, and what to do."""
    fixes = chain(_straighten_quotes(0, line), _quote_value(0, line)) if _is_written(line) else ()
    fix = next((one for one in fixes if one.message), None)
    if fix is None:
        return _NESTED, 'put the template in quotes: "{{ … }}"'
    return fix.message if fix.message != _NO_QUOTES else _NESTED, f"write: `{_shorten(fix.line, fix.at)}`"


def warn_of_quotes(odd: Iterable[tuple[str, Span]], text: str, name: str) -> Iterator[Issue[Span]]:
    """Yield a warning for each line of a file in which typographic marks become part of the texts.

    Args:
        odd: those texts that have them around them, or at an end, and their places.
        text: the text of the file.
        name: the file's name.
    """
    lines = text.split("\n")
    for number, group in groupby(odd, key=lambda one: one[1].line):
        texts = list(group)
        line, (first, span) = lines[number - 1], texts[0]
        marks = show_marks("".join(value[0] + value[-1] for value, _ in texts))
        message = f"typographic quotation marks ({marks}) become part of the text: YAML needs straight ones"
        fix = next(_straighten_quotes(0, line), None) if len(line) <= _LONGEST else None
        kept = f"; if they belong to the text: `{in_double_quotes(first)}`" if len(texts) == 1 else ""
        if fix is None or any(where.end_line != number for _, where in texts):
            hint = f"write straight ones, one at each end{kept}"
            yield Issue("quote-in-text", message, span, hint, Severity.WARNING)
            continue
        place = Span(name, number, fix.at + 1, number, fix.at + 2)
        whole = Fix(Span(name, number, 1, number, len(line) + 1), fix.line, "lines")
        hint = f"write: `{_shorten(fix.line, fix.at)}`{kept}"
        yield Issue("quote-in-text", message, place, hint, Severity.WARNING, whole)


def show_missing_blank(line: str) -> str:
    """Return a hint for a line such as `Name:Title` or `-Title`, which YAML reads as one text; "" for others.

    >>> show_missing_blank("Doc Type:[Contract, Deed]")
    'a space is missing after the colon of "Doc Type", write: `Doc Type: [Contract, Deed]`'
    """
    fixes = chain(_put_blank_after_colon(0, line), _put_blank_after_dash(0, line))
    fix = next(fixes, None) if _is_written(line) else None
    return "" if fix is None else f"{fix.message}, write: `{_shorten(fix.line, fix.at)}`"


def _read_until(text: str, events: Events) -> int | None:
    """Return the line at which YAML stops, None if it reads all of a text."""
    try:
        for _ in events(text):
            pass
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return mark.line if mark is not None else 0
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return 0
    return None


def _shorten(line: str, at: int) -> str:
    """Return a line without its indentation and comment; of a long one, what is around an offset."""
    whole = _COMMENT.sub("", line).rstrip()
    indent = len(whole) - len(whole.lstrip())
    start = max(indent, min(at - _LINE_SHOWN // 2, len(whole) - _LINE_SHOWN))
    cut = start + _LINE_SHOWN < len(whole)
    return f"{'…' * (start > indent)}{whole[start : start + _LINE_SHOWN]}{'…' * cut}"


def _find_fixes(lines: list[str], error: yaml.MarkedYAMLError, mark: yaml.Mark) -> Iterator[_Correction]:
    """Yield how lines may be meant, the likeliest first."""
    last = min(mark.line, len(lines) - 1)
    filled = [at for at in range(last, -1, -1) if _is_written(lines[at])]
    near = filled[: _LINES_BEFORE + 1]
    if error.context_mark is not None and error.context_mark.line in filled:
        near = list(dict.fromkeys([*near[:1], error.context_mark.line, *near]))
    if "'\\t'" in str(error.problem) and mark.line in filled:
        yield from _replace_tab(lines, mark.line, mark.column)
    for correct in (_straighten_quotes, _put_blank_after_colon, _put_blank_after_dash, _correct_quotes):
        for at in near:
            yield from correct(at, lines[at])
    for at in islice(filled, len(near), _LINES_SEARCHED):
        yield from (fix for fix in _correct_quotes(at, lines[at]) if fix.message == _NOT_CLOSED)
    yield from _put_comma(lines, mark)
    yield from _quote_colon(lines, error, mark)
    yield from _close_within(lines, error, mark)
    for at in near:
        yield from chain(_open_braces(at, lines[at]), _quote_value(at, lines[at], str(error.problem)))
    yield from _close_bracket(lines, filled, error)
    at = error.context_mark.line if error.context_mark is not None else mark.line
    if "expected ':'" in str(error.problem) and at in filled:
        yield from _put_colon(lines, at, min(at + 1, len(lines) - 1))
    elif len(filled) > 1 and filled[0] == mark.line:
        yield from _put_colon(lines, filled[1], filled[0])
    for at in filled[1::-1] if _is_below_its_key(lines, filled) else filled[:2]:
        yield from _move(lines, at)


def _is_below_its_key(lines: list[str], filled: list[int]) -> bool:
    """Tell whether the line above the last one lost its indentation, below a key without a value."""
    if len(filled) < 3:  # noqa: PLR2004 - the key, its first line and the next one
        return False
    below, line, key = (lines[at] for at in filled[:3])
    indent = len(key) - len(key.lstrip(" "))
    ends = _COMMENT.sub("", key).rstrip().endswith(":")
    return ends and len(line) - len(line.lstrip(" ")) == indent < len(below) - len(below.lstrip(" "))


def _is_written(line: str) -> bool:
    """Tell whether a line is looked at: it is not blank, no comment, and not very long."""
    start = line[:_LONGEST].lstrip()
    return len(line) <= _LONGEST and bool(start) and not start.startswith("#")


def _replace_tab(lines: list[str], index: int, column: int) -> Iterator[_Correction]:
    line = lines[index]
    before, after = line[:column], line[column:].lstrip("\t ")
    if before.strip():
        gap = "" if not after or after.startswith(":") else " "
        where = "is between words" if gap else "is before the colon" if after else "is at the end of the line"
        where = "follows the colon" if before.endswith(":") else where
        advice = f"write {'a space' if gap else 'nothing'} in its place"
        yield _Correction(index, (before + gap + after).rstrip(), column, f"a tab {where}", advice)
        return
    above = next((one for one in reversed(lines[:index]) if _is_written(one)), "")
    indent = len(above) - len(above.lstrip())
    opens = _COMMENT.sub("", above).rstrip().endswith(":")
    for blanks in dict.fromkeys((indent + 2 * opens, indent, len(line[:column].expandtabs(2)) + 2)):
        advice = f"indent with spaces, {blanks} here"
        yield _Correction(index, " " * blanks + after, column, "a tab is used for indentation", advice)


def _straighten_quotes(index: int, line: str) -> Iterator[_Correction]:
    """Yield a line with straight quotation marks in the place of typographic ones."""
    start, body, tail = _split(line)
    meant = straighten(line[:start], body) + tail
    marks = show_marks(line[: len(line) - len(tail)])
    if marks and meant != line:
        at = min(map(line.index, marks.split()))
        yield _Correction(index, meant, at, NEEDS_STRAIGHT.format(marks), "write")


def _put_blank_after_colon(index: int, line: str) -> Iterator[_Correction]:
    if found := _NO_BLANK.match(line):
        at = found.end() - 1
        message = f'a space is missing after the colon of "{found[1].strip()}"'
        yield _Correction(index, f"{line[: at + 1]} {line[at + 1 :]}", at, message, "write")


def _put_blank_after_dash(index: int, line: str) -> Iterator[_Correction]:
    text = line.lstrip(" ")
    if _DASH_NO_BLANK.match(text):
        at = len(line) - len(text)
        message = "a space is missing after the dash"
        yield _Correction(index, f"{line[: at + 1]} {line[at + 1 :]}", at, message, "write")


_NAME_AND_VALUE = 2
_WORDS = re.compile(r"[ \t]*[\w.]+(?:[ \t]+[\w./-]+)*[ \t]*")


def _put_colon(lines: list[str], index: int, below: int) -> Iterator[_Correction]:
    """Yield a line of words with a colon: without one, YAML reads it and the line below as one text."""
    line = _COMMENT.sub("", lines[index]).rstrip()
    words = list(re.finditer(r"\S+", line))
    is_deeper = len(lines[below]) - len(lines[below].lstrip()) > len(line) - len(line.lstrip())
    if _WORDS.fullmatch(line) is None or is_deeper is not (len(words) == 1):
        return
    at = words[max(len(words) // 2, 1) - 1].end()
    message = "a colon is missing in this line"
    advice = "write" if len(words) <= _NAME_AND_VALUE else "write it after the name, such as"
    yield _Correction(index, f"{line[:at]}:{line[at:]}", at, message, advice)


_NO_QUOTES = "a template must be in quotes"
_NESTED = f"{_NO_QUOTES}: YAML reads `{{{{` as nested keys"
_NOT_CLOSED = "the quotation mark that opens here is not closed"
_NOT_OPENED = "the quotation mark that ends this value is not opened"


def _correct_quotes(index: int, line: str) -> Iterator[_Correction]:
    """Yield a line with a quotation mark added where one is missing, or with others around a text."""
    start, body, tail = _split(line)
    at = 0
    while (opened := _OPENING.search(body, at)) is not None:
        mark, first = opened[1], opened.end() - 1
        closed = _find_end(body, first)
        head, offset = line[:start] + body[:first], start + first
        if closed is None:
            other = "'" if mark == '"' else '"'
            if len(body) - first > 1 and body.endswith(other) and body.count(other, first) == 1:
                message = f"the text that begins with {mark} ends with {other}"
                yield _Correction(index, f"{head}{body[first:-1]}{mark}{tail}", offset, message, "write")
            for end in _find_places_to_close(body, first):
                text = f"{head}{body[first:end]}{mark}{body[end:]}{tail}"
                yield _Correction(index, text, offset, _NOT_CLOSED, "close it")
            return
        if _ENDS.match(body, closed + 1) is None:
            if body[0] in "[{" and (before := _NEXT_VALUE.search(body, first + 1, closed)) is not None:
                text = f"{head}{body[first : before.start()]}{mark}{body[before.start() :]}{tail}"
                yield _Correction(index, text, offset, _NOT_CLOSED, "close it")
            for end in range(len(body) - 1, closed, -1):
                if body[end] == mark and _ENDS.match(body, end + 1):
                    text = f"{head}{_requote(body[first + 1 : end], mark)}{body[end + 1 :]}{tail}"
                    message = "this quotation mark ends the text: there are quotation marks within it"
                    yield _Correction(index, text, start + closed, message, "write")
        at = closed + 1


def _split(line: str) -> tuple[int, str, str]:
    """Return where the value of a line begins, the value, and what follows it: blanks and a comment."""
    start = _match_end(_PREFIX, line, 0)
    start = _match_end(_KEY, line, start)
    found = _COMMENT.search(line, start)
    end = len(line.rstrip()) if found is None else found.start()
    return start, line[start:end], line[end:]


def _match_end(pattern: re.Pattern[str], line: str, at: int) -> int:
    found = pattern.match(line, at)
    return at if found is None else found.end()


def _find_end(body: str, first: int) -> int | None:
    """Return the offset of the quotation mark that ends the text which begins at `first`."""
    mark = body[first]
    pattern = r"(?:[^\"\\]|\\.)*(\")" if mark == '"' else r"(?:[^']|'')*('(?!'))"
    found = re.compile(pattern).match(body, first + 1)
    return None if found is None else found.start(1)


def _find_places_to_close(body: str, first: int) -> Iterator[int]:
    """Yield the offsets at which a text may end: before a comma or a bracket within brackets, and at last."""
    if body[0] in "[{":
        for found in re.finditer(r"[ \t]*[,\]}]", body[first + 1 :]):
            yield first + 1 + found.start()
    yield len(body)


def _requote(inner: str, mark: str) -> str:
    """Return a text that has quotation marks within it as YAML reads it whole."""
    is_template = "{{" in inner or "{%" in inner
    if "\\" not in inner:
        if is_template and mark == '"' and "'" not in inner:
            return '"' + inner.replace('"', "'") + '"'
        if mark == "'" and '"' not in inner:
            return f'"{inner}"'
        if mark == '"' and "'" not in inner:
            return f"'{inner}'"
    if mark == '"':
        return '"' + re.sub(r'(?<!\\)"', r"\"", inner) + '"'
    return "'" + inner.replace("''", "'").replace("'", "''") + "'"


_BARE_TEMPLATE = re.compile(r"[:,\[][ \t]+(\{\{.*?\}\})(?P<mark>[\"']?)(?=[ \t]*[,\]}])")
"""A template without quotes, or with that at its end alone, among the values of braces or brackets."""


def _quote_value(index: int, line: str, problem: str = "") -> Iterator[_Correction]:
    """Yield a line with its value in quotes: a template, a text with a colon, one that begins with a sign."""
    start, body, tail = _split(line)
    head = line[:start]
    if body[:1] == '"' and body[1:].endswith('"') and "escape" in problem:
        text = head + "'" + body[1:-1].replace("'", "''") + "'" + tail
        yield _Correction(index, text, start + max(body.find("\\"), 0), "", "use single quotes")
    if not body or body[0] in "\"'":
        return
    for found in _BARE_SIGN.finditer(body) if body[0] in "{[" else ():
        value = found[1].rstrip()
        if (mark := body[found.end(1) : found.end(1) + 1]) in ('"', "'"):
            text = f"{head}{body[: found.start(1)]}{mark}{body[found.start(1) :]}{tail}"
            yield _Correction(index, text, start + found.start(1), _NOT_OPENED, "open it")
        text = f'{head}{body[: found.start(1)]}"{value}"{body[found.start(1) + len(value) :]}{tail}'
        yield _Correction(index, text, start + found.start(1), "", "put the value in quotes")
    for found in _BARE_TEMPLATE.finditer(body) if body[0] in "{[" and body[:2] != "{{" else ():
        template, at = _requote(found[1], '"'), found.start(1)
        text = f"{head}{body[:at]}{template}{body[found.end() :]}{tail}"
        yield _Correction(index, text, start + at, _NOT_OPENED if found["mark"] else _NO_QUOTES, "write")
    if body[-1] in "\"'" and body.count(body[-1]) % 2 and (body[0] not in "{[" or body[:2] == "{{"):
        inner, mark = body[:-1], body[-1]
        text = f"{mark}{inner}{mark}" if mark not in inner else _requote(inner, mark)
        yield _Correction(index, f"{head}{text}{tail}", start, _NOT_OPENED, "open it")
    mark = '"' if '"' not in body and "\\" not in body else "'"
    quoted = mark + (body.replace("'", "''") if mark == "'" else body) + mark
    if "{{" in body or "{%" in body:
        yield _Correction(index, head + quoted + tail, start, _NO_QUOTES, "write")
    elif body[0] not in "{[" and (body[0] in "%@`&*!|>?" or ": " in body or body.endswith(":")):
        yield _Correction(index, head + quoted + tail, start, "", "put the value in quotes")


def _move(lines: list[str], index: int) -> Iterator[_Correction]:
    """Yield a line indented as lines around it are; none for one that only lacks a space after its dash."""
    line = lines[index]
    if _DASH_NO_BLANK.match(line.lstrip(" ")):
        return
    own = len(line) - len(line.lstrip(" "))
    around = [*reversed(lines[max(0, index - 20) : index]), *lines[index + 1 : index + 3]]
    indents = dict.fromkeys(len(one) - len(one.lstrip(" ")) for one in around if one.strip())
    for blanks in sorted(indents, key=lambda one: abs(one - own)):
        if 0 < abs(blanks - own) <= _MOST_BLANKS:
            count, word = abs(blanks - own), "many" if own > blanks else "few"
            number = ("one space", "two spaces", "three spaces")[count - 1]
            message = f"{number} too {word} before this: it is not indented like the lines around it"
            advice = f"indent it by {counted(blanks, 'space')}" if blanks else "write it without indentation"
            yield _Correction(index, " " * blanks + line.lstrip(" "), own, message, advice)


def _put_comma(lines: list[str], mark: yaml.Mark) -> Iterator[_Correction]:
    """Yield the line with a comma before the key within braces at whose colon YAML stopped."""
    index, column = mark.line, mark.column
    line = lines[index] if index < len(lines) and _is_written(lines[index]) else ""
    found = _LAST_WORD.search(line[:column]) if line[column : column + 1] == ":" else None
    if found is not None:
        at = found.start()
        yield _Correction(
            index, f"{line[:at]},{line[at:]}", at + 2, "a comma is missing before this", "write"
        )


def _quote_colon(lines: list[str], error: yaml.MarkedYAMLError, mark: yaml.Mark) -> Iterator[_Correction]:
    """Yield the line with quotes around the value within braces or brackets at whose colon YAML stopped."""
    index, column = mark.line, mark.column
    line = lines[index] if index < len(lines) and _is_written(lines[index]) else ""
    start = max((found.end() for found in _BEFORE_VALUE.finditer(line[:column])), default=0)
    is_value = "flow" in str(error.context) and line[column : column + 1] == ":" and start > 0
    if not is_value or set(line[start:column]) & set("\"'{["):
        return
    end = start + len(_END_OF_VALUE.split(_COMMENT.sub("", line[start:]), maxsplit=1)[0].rstrip())
    text = f"{line[:start]}{in_double_quotes(line[start:end])}{line[end:]}"
    yield _Correction(index, text, start, 'a value that contains ": " needs quotes', "write")


_BEFORE_VALUE = re.compile(r"(?:[\[,]|(?<=\S):(?=[ \t]))[ \t]*")
_END_OF_VALUE = re.compile(r"[,\]}]")
_LAST_WORD = re.compile(r"(?<=[^\s,:{}\[\]])[ \t]+[a-z_]+$")
"""A blank and a key of a mapping, after something that it does not belong to."""


def _open_braces(index: int, line: str) -> Iterator[_Correction]:
    """Yield a line with the brace that is missing before the keys of its value: `Name: from: Title}`."""
    start, body, tail = _split(line)
    is_open = _KEY_OF_MAPPING.match(body) is not None and body.endswith("}")
    if is_open and body.count("}") - body.count("{") == 1:
        yield _Correction(
            index, f"{line[:start]}{{{body}{tail}", start, "a `{` is missing before this", "write"
        )


_KEY_OF_MAPPING = re.compile(r"[a-z_]+:[ \t]")
_CLOSING = {"[": "]", "{": "}"}


def _close_within(lines: list[str], error: yaml.MarkedYAMLError, mark: yaml.Mark) -> Iterator[_Correction]:
    """Yield the line with the bracket that is missing before another one, or in the place of another one."""
    opened, index, column = error.context_mark, mark.line, mark.column
    line = lines[index] if index < len(lines) and _is_written(lines[index]) else ""
    met = line[column : column + 1]
    if opened is None or "flow" not in str(error.context) or met not in ("]", "}"):
        return
    first = lines[opened.line][opened.column : opened.column + 1]
    meant = _CLOSING.get(first, met)
    if meant == met:
        return
    before, after = line[:column], line[column:]
    yield _Correction(
        index, f"{before}{meant}{after}", column, f"a `{meant}` is missing before this", "write"
    )
    text = f"{before}{meant}{after[1:]}"
    yield _Correction(index, text, column, f"`{met}` does not close the `{first}` before it", "write")


def _close_bracket(lines: list[str], filled: list[int], error: yaml.MarkedYAMLError) -> Iterator[_Correction]:
    """Yield the last lines with the bracket that is not closed."""
    opened = error.context_mark
    if opened is None or "flow" not in str(error.context) or opened.line >= len(lines):
        return
    closing = _CLOSING.get(lines[opened.line][opened.column : opened.column + 1])
    for index in filled[:2] if closing is not None else ():
        start, body, tail = _split(lines[index])
        text = f"{lines[index][:start]}{body}{closing}{tail}"
        message = f"a `{closing}` is missing at the end of this line"
        yield _Correction(index, text, max(start + len(body) - 1, 0), message, "write")
