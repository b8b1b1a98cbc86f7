"""JSON: the items of one list anywhere in a document, read without holding the document in memory.

The scanner counts brackets outside strings and keeps only the current item, so neither the size of the
document nor its depth costs memory. `json_lines` decides whether an item is a row.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import islice
from typing import NoReturn

from opusmap.errors import SourceError
from opusmap.source_options import SourceOptions
from opusmap.sources.json_lines import begin_rows, utf8_blocks
from opusmap.sources.source import Format, Reading, Source, StreamSource
from opusmap.sources.text_io import LINE_LIMIT, Block, Input
from opusmap.wording import quote_value

_STEP = re.compile(r"""\.([^.\[\]"'*]+)|\[(?:'([^']*)'|"([^"]*)")\]""")


def parse_path(text: str | None, name: str) -> tuple[str, ...]:
    """Return the names in a path such as `$.result.records` or `$['my list']`.

    Raises:
        SourceError: `wrong-option`.
    """
    if text is None:
        return ()
    rest = text.strip().removeprefix("$")
    rest = rest if not rest or rest[0] in ".[" else "." + rest
    steps = list(_STEP.finditer(rest))
    if "".join(step[0] for step in steps) != rest:
        problem = f"`items` can't be {quote_value(text)}"
        hint = "give the path of a list: $.result.records, or $['my list'] for a name with spaces or signs"
        raise SourceError(name, "wrong-option", problem, help=hint)
    return tuple(step[step.lastindex or 0] for step in steps)


_TEXT_SHAPE = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_TEXT = re.compile(_TEXT_SHAPE, re.DOTALL)
# Everything up to the next bracket outside a string, whole strings included.
_BEFORE_BRACKET = re.compile(rb'[^"\[\]{}]*+(?:' + _TEXT_SHAPE + rb'[^"\[\]{}]*+)*+', re.DOTALL)
_TO_BRACKET = re.compile(_BEFORE_BRACKET.pattern + rb"([\[\]{}])", re.DOTALL)
_SCALAR = re.compile(rb"[^\s,\[\]{}\":]+")
_BLANKS = b" \t\r\n"
_BEGINS_VALUE = re.compile(rb'["\-0-9]|(?:true|false|null)\b')
_PLAIN_NAME = re.compile(r"[^.\[\]\"'*\s]+")
_SHOWN = 12
_LEVELS_SHOWN = 3
_CORRECT = "correct the file, or the program that writes it"
_LISTS_DEPTH = 4


class _Scanner:
    """A window that moves over the document; `_at` is the position in it."""

    def __init__(self, blocks: Iterator[bytes], name: str) -> None:
        self._blocks = blocks
        self._name = name
        self._window = b""
        self._at = 0
        self._lists: list[tuple[int, str]] = []  # the levels left below each, and its path

    def items(self, path: tuple[str, ...]) -> Iterator[tuple[int, bytes]]:
        """Yield the items of the list at `path` as they are written, numbered from 1; then check the rest."""
        self._enter(path)
        number = 0
        try:
            while self._peek() != b"]":
                if number:
                    self._expect(b",", "a comma between two items, or `]` after the last")
                item = self._value(keep=True)
                number += 1
                yield number, item
            self._at += 1
            self._leave(path)
        except SourceError as error:
            raise replace(error, row=number + 1) from None

    def lists(self, where: str = "$", depth: int = 0) -> Iterator[str]:
        """Yield the paths of the lists of this value, which is passed; those within a list are left out."""
        found = self._peek()
        if found == b"[":
            yield where
        if found != b"{" or depth == _LISTS_DEPTH:
            self._value(keep=False)
            return
        self._at += 1
        for member in self._members():
            plain = f".{member}"
            step = plain if _STEP.fullmatch(plain) else f"['{member}']"
            yield from self.lists(where + step, depth + 1)
        self._at += 1

    def _enter(self, path: tuple[str, ...]) -> None:
        """Go to the first item of the list."""
        where = "$"
        for step in path:
            if self._peek() != b"{":
                self._refuse_path(f"{where} is not an object, so it has no {quote_value(step)}")
            self._at += 1
            self._find_member(step, where)
            where += f".{step}"
        found = self._peek()
        if found == b"[":
            self._at += 1
            return
        if found == b"{":
            self._at += 1
            self._find_member(None, where)
        elif found and not _BEGINS_VALUE.match(self._window, self._at):
            is_page = found == b"<"
            what = "it seems to be a web page or XML" if is_page else "a value is missing"
            self._refuse(
                what,
                "is this the right file? It may contain an error message instead of the rows"
                if is_page
                else _CORRECT,
            )
        kind = "an object" if found == b"{" else "a single value" if found else "empty"
        self._refuse_path(f"{where} is {kind}, not a list")

    def _leave(self, path: tuple[str, ...]) -> None:
        """Read to the end of the document, so that a file that was cut off or repeats a name is refused."""
        for step in reversed(path):
            while self._peek() != b"}":
                self._expect(b",", "a comma between two members, or `}` after the last")
                if self._member() == step:
                    problem = f"the name {quote_value(step)} occurs twice in one object"
                    hint = "only one of them could be read; correct the file"
                    raise SourceError(self._name, "json-repeated-name", problem, help=hint)
                self._value(keep=False)
            self._at += 1
        if self._peek():
            hint = "if it is JSON Lines, write `format: jsonl`"
            self._refuse("unexpected data after the end of the document", hint)

    def _find_member(self, wanted: str | None, where: str, levels: int = _LEVELS_SHOWN) -> None:
        """Go to the value of a member; if there is none, note the lists here and below, and refuse."""
        for member in self._members():
            if member == wanted:
                self._lists.clear()
                return
            opening = self._peek()
            path = where + (f".{member}" if _PLAIN_NAME.fullmatch(member) else f"[{member!r}]")
            if opening == b"[" and len(self._lists) < _SHOWN:
                self._lists.append((levels, path))
            if opening == b"{" and levels > 1:
                self._at += 1
                self._find_member(None, path, levels - 1)
                self._at += 1
            else:
                self._value(keep=False)
        if wanted is not None:
            self._refuse_path(f"{where} has no {quote_value(wanted)}")

    def _members(self) -> Iterator[str]:
        """Yield the names of an object's members; who takes one passes its value before the next."""
        first = True
        while self._peek() != b"}":
            if not first:
                self._expect(b",", "a comma between two members, or `}` after the last")
            first = False
            yield self._member()

    def _member(self) -> str:
        if self._peek() != b'"':
            self._refuse("a name in double quotes is missing")
        text = self._token(_TEXT)
        self._expect(b":", "a colon after a name")
        try:
            return str(json.loads(text))
        except ValueError:
            self._refuse(f"{quote_value(text.decode('utf-8', 'replace'))} is not a name")

    def _value(self, *, keep: bool) -> bytes:
        """Skip a value; return it as it is written if `keep`."""
        opening = self._peek()
        if opening == b'"':
            return self._token(_TEXT)
        if opening not in (b"[", b"{"):
            if not _SCALAR.match(opening):
                self._refuse("a value is missing")
            return self._token(_SCALAR)
        depth, passed = 0, 0  # passed: bytes of the window from `_at` on
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
        """Return the token at this position, which has begun with a character of its shape."""
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
        """Return the next character that is not blank, without passing it; empty at the end."""
        while True:
            while self._at < len(self._window) and self._window[self._at] in _BLANKS:
                self._at += 1
            if self._at < len(self._window):
                return self._window[self._at : self._at + 1]
            if not self._grow():
                return b""

    def _grow(self) -> bool:
        """Read the next block into the window; return False at the end of the document."""
        if len(self._window) - self._at > LINE_LIMIT:
            problem = f"an item is longer than {LINE_LIMIT:,} bytes"
            hint = "is `items` the path of the list that contains the rows?"
            raise SourceError(self._name, "line-too-long", problem, help=hint)
        block = next(self._blocks, b"")
        self._window = self._window[self._at :] + block
        self._at = 0
        return bool(block)

    def _refuse_end(self) -> NoReturn:
        problem = "the file ends in the middle of its JSON"
        raise SourceError(self._name, "json-syntax", problem, help="part of it is missing: fetch it again")

    def _refuse(self, what: str, hint: str = _CORRECT) -> NoReturn:
        rest = self._window[self._at : self._at + 40]
        if not rest:
            self._refuse_end()
        near = quote_value(rest.decode("utf-8", "replace"))
        raise SourceError(self._name, "json-syntax", f"the file is not JSON: {what}, near {near}", help=hint)

    def _refuse_path(self, problem: str) -> NoReturn:
        lists = [path for _, path in sorted(self._lists, key=lambda one: -one[0])]  # the nearest first
        if lists:
            hint = f"lists are at {', '.join(lists)}: write `items: {lists[0]}` under `source:`"
        else:
            hint = "name the list of rows by its path: write `items: $.result.records` under `source:`"
        raise SourceError(self._name, "no-items", problem, help=hint)


def list_paths(blocks: Iterator[Block], options: SourceOptions, name: str) -> tuple[str, ...]:
    """Return the paths of the lists of a document, as `items` takes them, as far as its blocks show them."""
    scanner, found = _Scanner(utf8_blocks(blocks, options.encoding, name), name), list[str]()
    with suppress(SourceError):  # the document may go on after the blocks
        found.extend(islice(scanner.lists(), _SHOWN))
    return tuple(found)


def open_json(input: Input, options: SourceOptions) -> Source:
    """Open a JSON document: its rows are the items of the list at the path `items`, numbered from 1.

    Raises:
        SourceError: `no-items` (the path leads to no list), `wrong-option`, `json-syntax`, or what
            `open_json_lines` raises.
    """
    path = parse_path(options.items, input.name)

    def begin(blocks: Iterator[Block]) -> Reading:
        scanner = _Scanner(utf8_blocks(blocks, options.encoding, input.name), input.name)
        return begin_rows(scanner.items(path), input.name, "item")

    return StreamSource(input, begin)


FORMAT = Format(
    name="json",
    title="JSON",
    suffixes=(".json",),
    options=("encoding", "items", "each"),
    open=open_json,
    knows_columns=False,
)
