"""Reads YAML into plain data in which each part knows its place.

YAML is read safely: size, depth and node limits, no tags, no merge keys, no duplicate keys, no cyclic
aliases. Scalars are never typed here (`NO` stays the text "NO", `0123` stays "0123"): code that
expects a number or a boolean calls `as_boolean` or `as_integer`.

PyYAML's events are read, not its nodes: nodes have no place for an alias, and nest without a limit. Its own
parser is used, not libyaml's: the two accept different texts, and an installation may have only the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Self, TypeAlias

import yaml

from opusmap.errors import InvalidMapping
from opusmap.issues import Issue, Span
from opusmap.mapping.typographic_quotes import is_odd
from opusmap.mapping.yaml_slips import Events, explain_template, find_slip, warn_of_quotes
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.wording import find_nearest, plain_breaks, quote_value

SIZE_LIMIT = 1 << 20
"""Bytes of a mapping file that are read at most."""
DEPTH_LIMIT = 50
NODE_LIMIT = 20_000
"""Nodes of a file at most, each alias counted with all that it repeats."""

_LONG_LISTS = "put long lists into a CSV file beside the mapping and name it under `tables`"
_INTEGER = re.compile(r"-?(?:0|[1-9][0-9]{0,14})")
_ESCAPE = re.compile(r"\\(?:x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|[^\n])")
_JOINED_LINE = re.compile(r"\\\n[ \t]*")

_BLANKS_BEFORE = 1_000
"""Blanks between a bracket or a comma and a text that are looked at, at most."""


class Text(str):
    """A scalar as it was written. `plain`: it has no quotes and is not a block."""

    __slots__ = ("_source", "plain", "span", "start", "style")
    span: Span
    plain: bool
    style: str | None
    start: int
    _source: str

    def __new__(cls, value: str, span: Span, style: str | None, source: str, start: int) -> Self:
        """Make a text that begins at offset `start` of `source`, in YAML's scalar `style`."""
        text = super().__new__(cls, value)
        text.span = span
        text.plain = style is None
        text.style = style
        text.start = start
        text._source = source
        return text

    def __reduce__(self) -> tuple[type[Self], tuple[Any, ...]]:
        """Return what a copy in another process is made of."""
        return type(self), (str(self), self.span, self.style, self._source, self.start)

    @property
    def first_line(self) -> str:
        """The line of the file in which it begins, from there on."""
        return self._source[self.start :].split("\n", 1)[0]

    @property
    def lines(self) -> list[str]:
        """What is written in the file, line by line: from where it begins until where it ends."""
        source, span = self._source, self.span
        end, column = self.start, span.column
        for _ in range(span.end_line - span.line):
            end, column = source.find("\n", end) + 1, 1
        return source[self.start : end + span.end_column - column].split("\n")

    @property
    def is_in_brackets(self) -> bool:
        """Whether it follows a bracket or a comma, and not a dash."""
        before = self._source[max(self.start - _BLANKS_BEFORE, 0) : self.start]
        return before.rstrip().endswith(("[", ","))

    def locate(self, start: int, end: int | None = None) -> Span:
        """Return the place in the file of the characters from `start` to `end` of this text."""
        first = self._offset_in_file(start)
        last = self._offset_in_file(end - 1) + 1 if end is not None and end > start else first + 1
        return Span.between(self.span.file, self._source, first, last)

    def _offset_in_file(self, index: int) -> int:
        """Walk the source beside the value: folding and escapes make the two differ in length."""
        source, here = self._source, self.start
        if self.style in ("'", '"'):
            here += 1
        elif self.style in ("|", ">"):
            here = source.find("\n", here) + 1
        for position, char in enumerate(self):
            blank = char.isspace()
            # Skip what is in the source but not in the value: indentation, folded line breaks.
            if self.style == '"' and (joined := _JOINED_LINE.match(source, here)):
                here = joined.end()
            skipped = " \t\n" if not blank else " \t" if char == "\n" and self.style in ("|", ">") else ""
            while here < len(source) and source[here] in skipped and source[here] != char:
                here += 1
            if position >= index or here >= len(source):
                break
            if self.style == '"' and (escape := _ESCAPE.match(source, here)):
                here = escape.end()
            elif self.style == "'" and source.startswith("''", here):
                here += 2
            elif not blank or source[here] == char:
                here += 1
        return min(here, len(source))


class Items(list["Node"]):
    """A sequence with its place."""

    __slots__ = ("span",)
    span: Span


class Entries(dict[str, "Node"]):
    """A mapping with its place; each key is a `Text` and so has a place, too (see `pairs`)."""

    __slots__ = ("span",)
    span: Span

    def pairs(self) -> list[tuple[Text, Node]]:
        """Return keys, each with its place, and values."""
        return [(key, value) for key, value in self.items() if isinstance(key, Text)]

    def get_text(self, key: str) -> Text | None:
        """Return the text of a key, None without the key; the schema has checked that it is a text."""
        node = self.get(key)
        assert node is None or isinstance(node, Text)
        return node

    def get_items(self, key: str) -> Items:
        """Return the sequence of a key, an empty one without the key."""
        node = self.get(key, Items())
        assert isinstance(node, Items)
        return node

    def get_entries(self, key: str) -> Entries:
        """Return the mapping of a key, an empty one without the key."""
        node = self.get(key, Entries())
        assert isinstance(node, Entries)
        return node

    def key(self, name: str) -> Text:
        """Return the key of this name, with its place."""
        return next(key for key, _ in self.pairs() if key == name)


Node: TypeAlias = Text | Items | Entries


def is_null(node: object) -> bool:
    """Return whether a node is YAML's null: nothing, `~` or `null` without quotes."""
    return isinstance(node, Text) and node.plain and node in ("", "~", "null")


def as_boolean(node: object) -> bool | None:
    """Return the boolean of a plain `true` or `false`, else None."""
    return {"true": True, "false": False}.get(node) if isinstance(node, Text) and node.plain else None


def as_integer(node: object) -> int | None:
    """Return the integer of a plain scalar (decimal, at most 15 digits), else None."""
    return int(node) if isinstance(node, Text) and node.plain and _INTEGER.fullmatch(node) else None


@dataclass(frozen=True, slots=True)
class YamlFile:
    """The content of a YAML file: its data (None if it is empty), its text, and what is wrong with it.

    `problems` are those that did not prevent reading it: duplicate keys, typographic quotation marks.
    """

    data: Node | None
    text: str
    problems: tuple[Issue[Span], ...]


def _parse_events(text: str) -> Iterator[yaml.Event]:
    events: Iterator[yaml.Event] = yaml.parse(text, Loader=yaml.SafeLoader)
    return events


def read_yaml(path: Path, name: str | None = None) -> YamlFile:
    """Read a YAML file.

    Raises:
        InvalidMapping: it can't be read, is not YAML, or goes beyond the limits.
    """
    name = name or str(path)
    try:
        text = read_text(path, SIZE_LIMIT)
    except UnreadableFile as error:
        hint = suggest_file(path) if isinstance(error.__cause__, FileNotFoundError) else ""
        raise refuse_file(error, name, hint) from None
    return parse_yaml(text, name)


def suggest_file(path: Path, suffixes: tuple[str, ...] = (".yaml", ".yml")) -> str:
    """Return `did you mean "…"?` with the file in the same folder whose name is nearest, or ""."""
    try:
        names = [one.name for one in islice(path.parent.iterdir(), _FILES_LISTED)]
    except OSError:
        return ""
    # Without the suffix, which makes any two names look similar.
    stems = {Path(name).stem: name for name in sorted(names) if name.endswith(suffixes)}
    near = find_nearest(path.stem, stems)
    return "" if near is None else f'did you mean "{path.with_name(stems[near])}"?'


_FILES_LISTED = 2_000


def parse_yaml(text: str, name: str, events: Events = _parse_events) -> YamlFile:
    """Read a YAML text; see `read_yaml`. Of duplicate keys the first counts.

    `events` returns PyYAML's events of a text.
    """
    text = plain_breaks(text)
    for odd in ("\x85", "\u2028", "\u2029"):
        if (offset := text.find(odd)) >= 0:
            message = f"hidden line separator (U+{ord(odd):04X})"
            help_text = f'remove it, or write it as "\\u{ord(odd):04x}" in double quotes'
            raise _refuse(Span.between(name, text, offset, offset + 1), "line-separator", message, help_text)
    try:
        composer = _Composer(text, name, events(text))
        data = composer.compose()
        quotes = warn_of_quotes([(str(one), one.span) for one in composer.odd_texts], text, name)
        return YamlFile(data, text, (*composer.duplicates, *quotes))
    except yaml.reader.ReaderError as error:
        span = Span.between(name, text, error.position, error.position + 1)
        message = f"the character U+{error.character:04X} is not allowed in YAML"
        help_text = "remove it" if error.character else "save the file as UTF-8"  # UTF-16 without its mark
        raise _refuse(span, "yaml-syntax", message, help_text) from None
    except yaml.MarkedYAMLError as error:
        raise InvalidMapping((_explain(error, text, name, events),)) from None
    except (ValueError, OverflowError, RecursionError):  # escapes such as "\UFFFFFFFF", huge %YAML versions
        hint = "check the escapes (\\U…), and lines that begin with %"
        raise _refuse(Span(name, 1, 1, 1, 2), "yaml-syntax", "the file is not YAML", hint) from None


_BAD_ESCAPE = "unknown escape: in double quotes, a \\ begins an escape", "use single quotes: 'S:\\Contracts'"
_PLAIN_WORDS = {
    "'\\t'": ("a tab is used for indentation", "indent with spaces"),
    **{f"'{char}'": (f"a value can't begin with {char}", 'put the value in quotes: "…"') for char in "%@`"},
    "mapping values are not allowed here": ("unexpected colon", 'put a value that contains ": " in quotes'),
    "expected <block end>": ("this line is not indented like the lines around it", "align it with them"),
    "expected ',' or": ("a comma or closing bracket is missing before this", "close the list or the braces"),
    "expected '<document start>'": ("unexpected data after the end of the document", "remove or indent it"),
    "unexpected end of stream": ("a quoted text or a bracket is not closed", "close it"),
    "could not find expected ':'": ("a colon is missing after this key", "write `key: value`"),
    "found unknown escape character": _BAD_ESCAPE,
    "expected escape sequence of": _BAD_ESCAPE,
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


def _explain(error: yaml.MarkedYAMLError, text: str, name: str, events: Events) -> Issue[Span]:
    """Return what is wrong with a text that is not YAML; for a slip, with the line as it should be."""
    mark = error.problem_mark or error.context_mark
    offset = mark.index if mark else 0
    span, (message, hint) = Span.between(name, text, offset, offset + 1), _in_plain_words(error)
    slip = find_slip(text, name, error, events)
    if slip is None:
        return Issue("yaml-syntax", message, span, hint)
    place = slip.span if slip.message else span
    return Issue("yaml-syntax", slip.message or message, place, slip.hint, fix=slip.fix)


def _in_plain_words(error: yaml.MarkedYAMLError) -> tuple[str, str]:
    """Return PyYAML's error in plain words, for people who do not know YAML, and what to do about it."""
    problem = error.problem or error.context or "the file is not YAML"
    for part, words in _PLAIN_WORDS.items():
        if part in problem:
            return words
    hint = 'a value that begins with { is a template only in quotes: "{{ … }}"'
    return problem, hint if "flow" in str(error.context) else ""


class _Composer:
    """Builds the data from PyYAML's events, within the limits."""

    def __init__(self, text: str, name: str, events: Iterator[yaml.Event]) -> None:
        self._text = text
        self._name = name
        self._events = events
        self._anchors: dict[str, tuple[Node, int] | None] = {}
        self._count = 0
        self.duplicates: list[Issue[Span]] = []
        self.odd_texts: list[Text] = []

    def compose(self) -> Node | None:
        node: Node | None = None
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent) and node is not None:
                message = "a second YAML document begins here"
                raise self._refuse(event, "several-documents", message, "keep one mapping in each file")
            if isinstance(event, yaml.NodeEvent):
                node = self._node(event, 0)
        return node

    def _node(self, event: yaml.Event, depth: int) -> Node:
        if depth > DEPTH_LIMIT:
            message = f"nested deeper than {DEPTH_LIMIT} levels"
            raise self._refuse(event, "too-deep", message, "a mapping never needs more than ten")
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        before = self._count
        self._add(event, 1)
        assert isinstance(event, yaml.ScalarEvent | yaml.CollectionStartEvent)
        if event.tag not in (None, "!"):
            tag = quote_value(event.tag.replace("tag:yaml.org,2002:", "!!"))
            hint = "remove it, or put a text that begins with ! in quotes"
            raise self._refuse(event, "yaml-tag", f"YAML tags such as {tag} are not supported", hint)
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        node: Node
        if isinstance(event, yaml.ScalarEvent):
            node = self._scalar(event)
        elif isinstance(event, yaml.SequenceStartEvent):
            node = Items()
            for item in self._events:
                if isinstance(item, yaml.SequenceEndEvent):
                    node.span = self._span(event, item)
                    break
                node.append(self._node(item, depth + 1))
        else:
            node = self._entries(event, depth)
        if event.anchor is not None:
            self._anchors[event.anchor] = (node, self._count - before)
        return node

    def _scalar(self, event: yaml.ScalarEvent) -> Text:
        text = Text(event.value, self._span(event), event.style, self._text, _mark(event).index)
        if text.plain and is_odd(text):
            self.odd_texts.append(text)
        return text

    def _entries(self, start: yaml.Event, depth: int) -> Entries:
        entries = Entries()
        places: dict[str, Span] = {}
        for event in self._events:
            if isinstance(event, yaml.MappingEndEvent):
                entries.span = self._span(start, event)
                break
            key = self._key(event, depth)
            value = self._node(next(self._events), depth + 1)
            if key in entries:
                first = places[key]
                message = f'duplicate key "{key}"; the first is at line {first.line}, column {first.column}'
                hint = "remove or rename one of the two"
                self.duplicates.append(Issue("repeated-key", message, key.span, hint))
            else:
                entries[key] = value
                places[key] = key.span
        return entries

    def _key(self, event: yaml.Event, depth: int) -> Text:
        key = self._node(event, depth + 1)
        if not isinstance(key, Text):
            start = _mark(event).index
            message, hint = "a key must be text, not a list or braces", "write `key: value`"
            if self._text[max(start - 1, 0) : start + 1] == "{{":
                line = self._text.split("\n")[event.start_mark.line] if event.start_mark else ""
                message, hint = explain_template(line)
            raise self._refuse(event, "yaml-key", message, hint)
        if key.plain and key == "<<":
            hint = "write out the keys, or share tables, choices and variables with `include`"
            raise self._refuse(event, "yaml-merge", "merge keys (`<<`) are not supported", hint)
        return key

    def _alias(self, event: yaml.AliasEvent) -> Node:
        name = event.anchor
        if name not in self._anchors:
            message = f"undefined anchor `{quote_value(name)[1:-1]}`"
            help_text = "define it above, or put a text that begins with * in quotes"
            raise self._refuse(event, "unknown-anchor", message, help_text)
        anchored = self._anchors[name]
        if anchored is None:
            message = f"alias `*{quote_value(name)[1:-1]}` refers to itself"
            raise self._refuse(event, "cyclic-alias", message, "write out the value")
        node, size = anchored
        self._add(event, size)
        return node

    def _add(self, event: yaml.Event, count: int) -> None:
        self._count += count
        if self._count > NODE_LIMIT:
            message = f"the file has more than {NODE_LIMIT} texts, lists and keys"
            raise self._refuse(event, "too-many-nodes", message, _LONG_LISTS)

    def _span(self, event: yaml.Event, end: yaml.Event | None = None) -> Span:
        first, last = _mark(event), (end or event).end_mark or _mark(event)
        return Span(self._name, first.line + 1, first.column + 1, last.line + 1, last.column + 1)

    def _refuse(self, event: yaml.Event, code: str, message: str, help: str = "") -> InvalidMapping:
        return _refuse(self._span(event), code, message, help)


def refuse_file(error: UnreadableFile, name: str, hint: str = "") -> InvalidMapping:
    """Return the error for a YAML file that can't be used."""
    hint = _LONG_LISTS if error.code == "file-too-large" else hint or error.hint
    return _refuse(Span(name, error.line, 1, error.line, 2), error.code, error.message, hint)


def _mark(event: yaml.Event) -> Any:
    assert event.start_mark is not None
    return event.start_mark


def _refuse(span: Span, code: str, message: str, help: str = "") -> InvalidMapping:
    return InvalidMapping((Issue(code, message, span, help),))


def plain_data(node: Any) -> Any:
    """Return a node as JSON has it: plain scalars typed, quoted ones as texts, without places."""
    if isinstance(node, Text):
        boolean, integer = as_boolean(node), as_integer(node)
        if is_null(node):
            return None
        return boolean if boolean is not None else integer if integer is not None else str(node)
    if isinstance(node, list):
        return [plain_data(item) for item in node]
    return {str(key): plain_data(value) for key, value in node.items()}
