"""JSON: the items of one list, somewhere in a document of any size, cut out without reading it whole.

Owns the way to the list and the cutting; what an item must be to be a row is told by `json_rows`. The
scanner counts brackets outside texts and keeps nothing but the item at hand, so that neither the size of
the document nor its depth costs memory.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import NoReturn

from opusmap.errors import SourceError
from opusmap.issues import quote_value
from opusmap.sources.json_rows import begin_rows, utf8_blocks
from opusmap.sources.source import Reading
from opusmap.sources.text_io import LINE_LIMIT, Block

__all__ = ["parse_path", "read_json_items"]


def read_json_items(
    blocks: Iterator[Block], *, name: str, encoding: str | None, items: str | None
) -> Reading:
    """Begin to read the items of the list under the path `items`. Row numbers are places in the list.

    Raises:
        SourceError: `no-items` (the path leads to no list), `wrong-option`, `json-syntax`, or what
            `read_json_lines` raises.
    """
    path = parse_path(items, name)
    scanner = _Scanner(utf8_blocks(blocks, encoding, name), name)
    return begin_rows(_numbered(scanner, path), name, "item")


_STEP = re.compile(r"""\.([^.\[\]"'*]+)|\[(?:'([^']*)'|"([^"]*)")\]""")


def parse_path(text: str | None, name: str) -> tuple[str, ...]:
    """Return the names that a path such as `$.result.records` or `$['my list']` goes through.

    Raises:
        SourceError: `wrong-option`.
    """
    if text is None:
        return ()
    rest = text.strip().removeprefix("$")
    rest = rest if not rest or rest[0] in ".[" else "." + rest
    steps: list[str] = []
    while rest:
        found = _STEP.match(rest)
        if found is None:
            problem = f"`items` can't be {quote_value(text)}"
            hint = "it names the way to a list: $.result.records, or $['my list'] for odd names"
            raise SourceError(name, "wrong-option", problem, help=hint)
        steps.append(next(part for part in found.groups() if part is not None))
        rest = rest[found.end() :]
    return tuple(steps)


def _numbered(scanner: _Scanner, path: tuple[str, ...]) -> Iterator[tuple[int, bytes]]:
    number = 0
    scanner.enter(path)
    try:
        while (item := scanner.next_item()) is not None:
            number += 1
            yield number, item
        scanner.leave(path)
    except SourceError as error:
        raise replace(error, row=number + 1) from None


_TEXT_SHAPE = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TEXT = re.compile(_TEXT_SHAPE, re.DOTALL)
# What stands before the next bracket that is outside a text; whole texts are part of it.
_BEFORE_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:' + _TEXT_SHAPE + rb'[^"\[\]{}]*+)*+', re.DOTALL)
_TO_BRACKET = re.compile(_BEFORE_BRACKET.pattern + rb"([\[\]{}])", re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\[\]{}\":]+")
_BLANKS = b" \t\r\n"
_SHOWN = 12


class _Scanner:
    """A window over the document that moves on; `_at` is the place in it."""

    def __init__(self, blocks: Iterator[bytes], name: str) -> None:
        self._blocks = blocks
        self._name = name
        self._window = b""
        self._at = 0
        self._lists: list[str] = []
        self._first = True

    def enter(self, path: tuple[str, ...]) -> None:
        """Go to the first item of the list that the path leads to."""
        for depth, step in enumerate(path):
            where = "$" + "".join(f".{known}" for known in path[:depth])
            if self._peek() != b"{":
                self._refuse_path(f"{where} is no object, so it has no {quote_value(step)}")
            self._at += 1
            self._find_member(step, where)
        if self._peek() != b"[":
            where = "$" + "".join(f".{step}" for step in path)
            found = "an object" if self._peek() == b"{" else "a single value" if self._peek() else "nothing"
            if self._peek() == b"{":
                self._at += 1
                self._find_member(None, where)
            self._refuse_path(f"{where} is no list but {found}")
        self._at += 1

    def next_item(self) -> bytes | None:
        """Return the next item of the list as it is written, None behind the last."""
        found = self._peek()
        if found == b"]":
            self._at += 1
            return None
        if not self._first:
            self._expect(b",", "a comma between two items, or `]` behind the last")
            found = self._peek()
        self._first = False
        return self._value(keep=True)

    def leave(self, path: tuple[str, ...]) -> None:
        """Read on to the document's end: what is cut off is no whole list, and no name may come twice."""
        for step in reversed(path):
            while self._peek() != b"}":
                self._expect(b",", "a comma between two members, or `}` behind the last")
                if self._member() == step:
                    problem = f"the name {quote_value(step)} occurs twice in one object"
                    hint = "only one of the two could be read; mend the file"
                    raise SourceError(self._name, "json-repeated-name", problem, help=hint)
                self._value(keep=False)
            self._at += 1
        if self._peek():
            self._refuse("there is more behind the end of the document", "is it JSON Lines: `format: jsonl`?")

    def _find_member(self, wanted: str | None, where: str) -> None:
        """Go to the value of a member; where there is none, say which lists there are."""
        lists: list[str] = []
        first = True
        while self._peek() != b"}":
            if not first:
                self._expect(b",", "a comma between two members, or `}` behind the last")
            first = False
            member = self._member()
            if member == wanted:
                return
            if self._peek() == b"[" and len(lists) < _SHOWN:
                lists.append(f"{where}.{member}")
            self._value(keep=False)
        self._lists = lists
        if wanted is not None:
            self._refuse_path(f"{where} has no {quote_value(wanted)}")

    def _member(self) -> str:
        if self._peek() != b'"':
            self._refuse("a name in double quotes is missing")
        text = self._token(_TEXT)
        self._expect(b":", "a colon behind a name")
        try:
            return str(json.loads(text))
        except ValueError:
            self._refuse(f"{quote_value(text.decode('utf-8', 'replace'))} is no name")

    def _value(self, *, keep: bool) -> bytes:
        """Pass over a value; return it as it is written, if it is to be kept."""
        opening = self._peek()
        if opening == b'"':
            return self._token(_TEXT)
        if opening not in (b"[", b"{"):
            if not _SCALAR.match(opening):
                self._refuse("a value is missing")
            return self._token(_SCALAR)
        depth, passed = 0, 0  # passed: how much of the window from `_at` on
        while True:
            found = _TO_BRACKET.match(self._window, self._at + passed)
            if found is not None:
                passed = found.end() - self._at
                depth += 1 if found[1] in b"[{" else -1
                if depth == 0:
                    self._at += passed
                    return self._window[self._at - passed : self._at] if keep else b""
                continue
            if not keep:
                before = _BEFORE_BRACKET.match(self._window, self._at + passed)
                assert before is not None
                self._at, passed = before.end(), 0
            if not self._grow():
                self._refuse_end()

    def _token(self, shape: re.Pattern[bytes]) -> bytes:
        """Return what stands here in a shape that has begun already."""
        while True:
            found = shape.match(self._window, self._at)
            whole = found is not None and (shape is _TEXT or found.end() < len(self._window))
            if not whole and self._grow():
                continue
            if found is None:
                self._refuse_end()
            self._at = found.end()
            return found[0]

    def _expect(self, char: bytes, what: str) -> None:
        if self._peek() != char:
            self._refuse(f"{what} is missing")
        self._at += 1

    def _peek(self) -> bytes:
        """Return the next character that is no blank, none at the end; stand before it."""
        while True:
            while self._at < len(self._window) and self._window[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._window):
                return self._window[self._at : self._at + 1]
            if not self._grow():
                return b""

    def _grow(self) -> bool:
        """Get more of the document behind what is in the window; tell whether there was any."""
        if len(self._window) - self._at > LINE_LIMIT:
            problem = f"an item is longer than {LINE_LIMIT:,} bytes"
            hint = "is `items` the path of the list whose items are the rows?"
            raise SourceError(self._name, "line-too-long", problem, help=hint)
        block = next(self._blocks, b"")
        self._window = self._window[self._at :] + block
        self._at = 0
        return bool(block)

    def _rest(self) -> bytes:
        return self._window[self._at : self._at + 40]

    def _refuse_end(self) -> NoReturn:
        problem = "the file ends in the middle of its JSON"
        raise SourceError(self._name, "json-syntax", problem, help="a part of it is missing: fetch it anew")

    def _refuse(self, what: str, hint: str = "mend the file, or the program that writes it") -> NoReturn:
        if not self._rest():
            self._refuse_end()
        near = quote_value(self._rest().decode("utf-8", "replace"))
        raise SourceError(self._name, "json-syntax", f"the file is not JSON: {what}, near {near}", help=hint)

    def _refuse_path(self, problem: str) -> NoReturn:
        lists = ", ".join(self._lists)
        hint = (
            f"lists are at {lists}: name one as `items` under `source:`"
            if lists
            else "`items` names the way to the list of rows: $.result.records"
        )
        raise SourceError(self._name, "no-items", problem, help=hint)
