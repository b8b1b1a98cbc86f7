"""Where a position is in a mapping's YAML, whether or not the text is YAML: most are not while one types.

A text is scanned for its keys and scalars by indentation and brackets alone. What is not closed ends where a
line is indented as the line on which it began. For YAML that can be read, paths are those of the reader.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

Path: TypeAlias = tuple[str | int, ...]

_HERE = "\ue000"
"""A character of private use, put in where the cursor is: so there is always a scalar around it."""

_DEPTH = 60
_QUOTED = r"\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\n]|'')*'"
_KEY = re.compile(rf"(?P<key>{_QUOTED}|[^\s#\"'{{}}\[\],&*!|>%@`][^\n]*?)[ \t]*:(?=\s|$)")
_FLOW_KEY = re.compile(r"[^\s,\[\]{}#\"'](?:[^,\[\]{}\n:]|:(?![\s,\[\]{}]|$))*")
_FLOW_PLAIN = re.compile(r"[^\s,\[\]{}#](?:[^,\[\]{}\n#:]|(?<!\s)#|:(?![\s,\[\]{}]|$))*")
_PLAIN = re.compile(r"(?:[^\n#]|(?<![\s])#)*")
_PROPERTY = re.compile(r"(?:&\S+|!\S*)[ \t]*")
_BLANK = re.compile(r"[ \t]*(?:#[^\n]*)?(?:\n|$)")
_SPACES = re.compile(r"[ \t]*")


@dataclass(frozen=True, slots=True)
class Token:
    """A key or a scalar of a text.

    Attributes:
        start: its offset, with the quote if it has one.
        end: the offset behind it.
        path: the keys and positions that lead to a value; of a key, to what it is a key of.
        is_key: whether it is a key, or may become one (`is_open`).
        style: `'`, `"`, `|` (a block), `*` (an alias), or empty for a plain scalar.
        text: what it says, without quotes.
        is_open: nothing else is on its line: a value, or a key whose colon is not written yet. `path` leads
            to the value, or to the keys of which it is one.
    """

    start: int
    end: int
    path: Path
    is_key: bool
    style: Literal["", "'", '"', "|", "*"]
    text: str
    is_open: bool = False


@dataclass(frozen=True, slots=True)
class Cursor:
    """What is around a position: the token, its part before the position, and the other keys beside it."""

    token: Token
    before: str
    siblings: frozenset[str]

    @property
    def path(self) -> Path:
        """The path of the token."""
        return self.token.path


def find_cursor(text: str, offset: int, tokens: Sequence[Token] = ()) -> Cursor | None:
    """Return what is around an offset; None in a comment. Line breaks of the text are LF.

    `tokens` are those of the text, if it has been scanned: within one of them it need not be scanned again.
    """
    around = [one for one in tokens if one.start <= offset <= one.end]
    if len(around) == 1 and around[0].style == "" and text[:offset].rpartition("\n")[2].strip():
        return _cursor(text, offset, around[0], tokens)
    tokens = scan(text[:offset] + _HERE + text[offset:])
    found = next((one for one in tokens if one.start <= offset < one.end), None)
    if found is None:
        return None
    before, _, after = found.text.partition(_HERE)
    path = tuple(step.replace(_HERE, "") if isinstance(step, str) else step for step in found.path)
    token = Token(found.start, found.end - 1, path, found.is_key, found.style, before + after, found.is_open)
    return _cursor(text, offset, token, [one for one in tokens if one is not found])


def _cursor(text: str, offset: int, token: Token, tokens: Iterable[Token]) -> Cursor:
    siblings = (one.text for one in tokens if one.is_key and one.path == token.path and one is not token)
    return Cursor(token, text[token.start : offset], frozenset(siblings))


def scan(text: str) -> list[Token]:
    """Return the keys and scalars of a text in their order."""
    scanner = _Scanner(text)
    at = 0
    while at < len(text):
        at = scanner.line(at)
    return scanner.tokens


@dataclass(slots=True)
class _Frame:
    """A block: its indentation, the path of what it is, and the step of its entry that was read last."""

    indent: int
    path: Path
    step: str | int | None = None

    @property
    def inner(self) -> Path:
        return self.path if self.step is None else (*self.path, self.step)


@dataclass(slots=True)
class _Scanner:
    text: str
    tokens: list[Token] = field(default_factory=list)
    frames: list[_Frame] = field(default_factory=list)

    def line(self, start: int) -> int:
        """Read the line at an offset, and what goes on in later ones; return where the next begins."""
        text = self.text
        if (blank := _BLANK.match(text, start)) is not None and blank.end() > start:
            return blank.end()
        at = self._skip(start)
        while self._is_dash(at) and len(self.frames) < _DEPTH:
            column = at - start
            self._enter(column, is_list=True)
            frame = self.frames[-1]
            frame.step = frame.step + 1 if isinstance(frame.step, int) else 0
            at = self._skip(at + 1)
            if _BLANK.match(text, at) is not None:
                return self._next(at)
        found, column = _KEY.match(text, at), at - start
        if found is not None and " #" not in found["key"]:
            self._enter(column)
            frame = self.frames[-1]
            key = _plain(found["key"])
            end = found.end("key")
            style = found["key"][0] if found["key"][0] in "\"'" else ""
            self.tokens.append(Token(at, end, frame.path, True, style, key))  # type: ignore[arg-type]
            frame.step = key
            return self._value(found.end(), column, frame.inner)
        while self.frames and self.frames[-1].indent > column:
            self.frames.pop()
        frame = self.frames[-1] if self.frames else _Frame(0, ())
        if isinstance(frame.step, int) and frame.indent < column:
            before = len(self.tokens)
            end = self._value(at, frame.indent, frame.inner)
            if len(self.tokens) == before + 1 and self.tokens[-1].style == "":
                self.tokens[-1] = replace(self.tokens[-1], is_open=True)
            return end
        if text[at] in "[{\"'|>&*!":
            return self._value(at, frame.indent, frame.inner)
        end = self._plain_end(at)
        same = frame.indent == column and not isinstance(frame.step, int)
        path = frame.path if same else frame.inner
        is_key = same or self._is_empty(frame)
        self.tokens.append(Token(at, end, path, is_key, "", text[at:end], is_open=True))
        return self._next(end)

    def _is_empty(self, frame: _Frame) -> bool:
        """Return whether the last entry of a block has no value yet: what is below it may be its key."""
        last = self.tokens[-1] if self.tokens else None
        return last is None or (last.is_key and not last.is_open and (*last.path, last.text) == frame.inner)

    def _enter(self, column: int, *, is_list: bool = False) -> None:
        """Make the block that an entry at this column belongs to the last one."""
        while self.frames and self.frames[-1].indent > column:
            self.frames.pop()
        if self.frames and self.frames[-1].indent == column:
            if isinstance(self.frames[-1].step, int) and not is_list:  # a list as far left as its key
                self.frames.pop()
            elif is_list and not isinstance(self.frames[-1].step, int):
                self.frames.append(_Frame(column, self.frames[-1].inner))
            if self.frames and self.frames[-1].indent == column:
                return
        path = self.frames[-1].inner if len(self.frames) in range(1, _DEPTH) else ()
        self.frames.append(_Frame(column, path))

    def _value(self, at: int, indent: int, path: Path) -> int:
        """Read the value of a key or entry of a block; return where the next line begins."""
        text, at = self.text, self._skip(at)
        while (found := _PROPERTY.match(text, at)) is not None:
            at = found.end()
        if _BLANK.match(text, at) is not None:
            return self._next(at)
        first = text[at]
        if first in "[{":
            limit = self._end_of_lines(at, indent)
            end = self._flow(at, limit, path, 0)
            return end if end == limit else self._next(end)
        if first in "|>":
            return self._block(at, indent, path)
        if first in "\"'":
            return self._next(self._quoted(at, self._end_of_lines(at, indent), path, is_key=False))
        end = self._plain_end(at)
        style: Literal["", "*"] = "*" if first == "*" else ""
        self.tokens.append(Token(at, end, path, False, style, text[at:end].lstrip("*")))
        return self._next(end)

    def _block(self, at: int, indent: int, path: Path) -> int:
        start = end = self._next(at)
        while end < len(self.text):
            content = self._skip(end)
            is_blank = content == len(self.text) or self.text[content] == "\n"
            if not is_blank and content - end <= indent:
                break
            end = self._next(content)
        self.tokens.append(Token(start, max(start, end - 1), path, False, "|", self.text[start:end]))
        return end

    def _quoted(self, at: int, limit: int, path: Path, *, is_key: bool) -> int:
        """Read a quoted scalar; return the offset behind it."""
        text, quote, end = self.text, self.text[at], at + 1
        while end < limit and (text[end] != quote or text[end : end + 2] == "''"):
            end += 2 if (text[end] == "\\" and quote == '"') or text[end : end + 2] == "''" else 1
        if end >= limit:  # not closed: it is the rest of its line
            newline = text.find("\n", at)
            end = len(text) if newline < 0 else newline
            inner = text[at + 1 : end]
        else:
            inner, end = text[at + 1 : end], end + 1
        value = _unquote(inner, quote)
        self.tokens.append(Token(at, end, path, is_key, quote, value))  # type: ignore[arg-type]
        return end

    def _flow(self, at: int, limit: int, path: Path, depth: int) -> int:
        """Read what is in brackets or braces; return the offset behind, or where they must have ended."""
        text, opening, at = self.text, self.text[at], at + 1
        closing = "]" if opening == "[" else "}"
        step: str | int | None = 0 if opening == "[" else None
        while at < limit:
            char = text[at]
            if char in "]}":
                return at + 1 if char == closing else at
            if char in " \t\n:":
                at += 1
            elif char == "#" and text[at - 1] in " \t\n":
                at = min(self._next(at), limit)
            elif char == ",":
                step, at = (step + 1 if isinstance(step, int) else None), at + 1
            elif step is None:
                at, step = self._flow_key(at, limit, path)
            elif char in "[{" and depth < _DEPTH:
                at = self._flow(at, limit, (*path, step), depth + 1)
            elif char in "\"'":
                at = self._quoted(at, limit, (*path, step), is_key=False)
            else:
                found = _FLOW_PLAIN.match(text, at, limit)
                end = found.end() if found is not None else at + 1
                word = text[at:end].rstrip()
                style: Literal["", "*"] = "*" if char == "*" else ""
                end = at + len(word)
                self.tokens.append(Token(at, end, (*path, step), False, style, word.lstrip("*")))
                at = max(end, at + 1)
        return at

    def _flow_key(self, at: int, limit: int, path: Path) -> tuple[int, str | None]:
        text = self.text
        if text[at] in "\"'":
            end = self._quoted(at, limit, path, is_key=True)
            key = self.tokens[-1].text
        else:
            found = _FLOW_KEY.match(text, at)
            end = found.end() if found is not None else at + 1
            key = text[at:end].rstrip()
            end = at + len(key) if key else end
            self.tokens.append(Token(at, end, path, True, "", key))
        colon = self._skip(end)
        return (colon + 1, key) if text[colon : colon + 1] == ":" else (end, None)

    def _end_of_lines(self, at: int, indent: int) -> int:
        """Return where a line comes indented by at most `indent` and begins with a key."""
        text, start = self.text, self._next(at)
        while start < len(text):
            content = self._skip(start)
            if content - start <= indent and (
                self._is_dash(content) or _KEY.match(text, content) or text[content : content + 1] == _HERE
            ):
                return start
            start = self._next(content)
        return len(text)

    def _plain_end(self, at: int) -> int:
        found = _PLAIN.match(self.text, at)
        end = at if found is None else found.end()
        return at + max(1, len(self.text[at:end].rstrip()))

    def _is_dash(self, at: int) -> bool:
        return self.text[at : at + 1] == "-" and self.text[at + 1 : at + 2] in ("", " ", "\t", "\n")

    def _skip(self, at: int) -> int:
        found = _SPACES.match(self.text, at)
        return at if found is None else found.end()

    def _next(self, at: int) -> int:
        newline = self.text.find("\n", at)
        return len(self.text) if newline < 0 else newline + 1


def _plain(raw: str) -> str:
    """Return what a key says."""
    return _unquote(raw[1:-1], raw[0]) if raw[0] in "\"'" and len(raw) > 1 else raw.rstrip()


def _unquote(inner: str, quote: str) -> str:
    if quote == "'":
        return inner.replace("''", "'")
    return re.sub(r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), inner) if "\\" in inner else inner


_ESCAPES = {"n": "\n", "t": "\t", "r": "\r"}
