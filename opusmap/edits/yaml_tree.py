"""A YAML text as a tree of its parts, each with its offsets in the text as it is in the file.

`parse_yaml` says what a mapping means: it resolves aliases and makes line breaks equal. An edit needs what is
written: where an alias is, whether a list has brackets, where the last line of an entry ends. Only a text
that `parse_yaml` takes is made into a tree: it has set the limits.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml

_SPACE = re.compile(r"(?:[ \t\r\n\ufeff]|#[^\r\n]*)*")
"""Blanks, line breaks and comments: what may be between two parts."""
_BREAK = re.compile(r"\r\n|\r|\n")
_LAST_BREAK = re.compile(r"(?:\r\n|\r|\n)(?=[^\r\n]*\Z)")
_PROPERTIES = re.compile(r"(?:[&!][^ \t\r\n,\[\]{}]*(?:[ \t\r\n]|(?<=[ \t\r\n])#[^\r\n]*)*)+")
_HEADER = re.compile(r"[|>][0-9+-]*")


@dataclass(frozen=True, slots=True)
class Node:
    """A value: a scalar, a list, a map, or an alias.

    Attributes:
        kind: what it is.
        start: where it begins, with its anchor.
        body: where it begins without.
        end: where it ends (exclusive); of a block, where its last line with content does.
        value: a scalar's text, an alias's name.
        style: a scalar's style, as PyYAML has it: None, `'`, `"`, `|` or `>`.
        anchor: the name of its anchor.
        flow: whether it has brackets or braces.
        entries: of a list or a map.
        target: what an alias refers to.
    """

    kind: Literal["scalar", "list", "map", "alias"]
    start: int
    body: int
    end: int
    value: str = ""
    style: str | None = None
    anchor: str | None = None
    flow: bool = False
    entries: tuple[Entry, ...] = ()
    target: Node | None = None

    @property
    def is_block(self) -> bool:
        """Whether it is a list or a map without brackets, or a block scalar: it ends with a line."""
        return self.style in ("|", ">") or (self.kind in ("list", "map") and not self.flow)

    @property
    def is_null(self) -> bool:
        """Whether it is nothing, `~` or `null`."""
        return self.kind == "scalar" and self.style is None and self.value in ("", "~", "null")

    def find(self, key: str) -> list[Entry]:
        """Return the entries of a map with this key: two for a duplicate key."""
        return [one for one in self.entries if one.name == key]


@dataclass(frozen=True, slots=True)
class Entry:
    """An item of a list, or a pair of a map: from its key, or its dash, to the end of its value."""

    key: Node | None
    value: Node
    start: int

    @property
    def end(self) -> int:
        """Where it ends."""
        return max(self.value.end, self.key.end if self.key else 0)

    @property
    def name(self) -> str:
        """The text of the key."""
        if self.key is None:
            return ""
        return (self.key.target or self.key).value


@dataclass(slots=True)
class YamlTree:
    """The tree of a text, its anchors and its aliases."""

    text: str
    root: Node = field(init=False)
    anchored: list[Node] = field(default_factory=list)
    aliases: list[Node] = field(default_factory=list)

    def __post_init__(self) -> None:
        known: dict[str, Node] = {}
        events: Iterator[Any] = yaml.parse(self.text, Loader=yaml.SafeLoader)
        for event in events:
            if isinstance(event, yaml.NodeEvent):
                self.root = self._node(event, events, known)

    def _node(self, event: Any, events: Iterator[Any], known: dict[str, Node]) -> Node:
        start, end = event.start_mark.index, event.end_mark.index
        if isinstance(event, yaml.AliasEvent):
            name = event.anchor or ""
            node = Node("alias", start, start, end, name, target=known[name])
            self.aliases.append(node)
            return node
        body = start
        if event.anchor is not None or event.tag is not None:
            found = _PROPERTIES.match(self.text, start)
            body = found.end() if found else start
        if isinstance(event, yaml.ScalarEvent):
            if event.style is None and not event.value:
                body = end
            elif event.style in ("|", ">"):
                end = self._block_scalar_end(body, end)
            node = Node("scalar", start, body, end, event.value, event.style, event.anchor)
        else:
            kind: Literal["list", "map"] = "list" if isinstance(event, yaml.SequenceStartEvent) else "map"
            flow = bool(event.flow_style)
            entries, end = self._entries(kind, body, events, known, flow=flow)
            node = Node(kind, start, body, end, "", None, event.anchor, flow, tuple(entries))
        if event.anchor is not None:
            known[event.anchor] = node
            self.anchored.append(node)
        return node

    def _entries(
        self, kind: str, body: int, events: Iterator[Any], known: dict[str, Node], *, flow: bool
    ) -> tuple[list[Entry], int]:
        entries: list[Entry] = []
        at = body + 1 if flow and self.text[body] in "[{" else body
        event: Any
        for event in events:
            if isinstance(event, yaml.CollectionEndEvent):
                mark: Any = event.end_mark
                return entries, mark.index if flow else at
            start = self.skip(at)
            if flow and self.text.startswith(",", start):
                start = self.skip(start + 1)
            key = None
            if kind == "map":
                key = self._node(event, events, known)
                event = next(events)  # noqa: PLW2901 - a pair is two events
            entries.append(Entry(key, self._node(event, events, known), start))
            at = entries[-1].end
        raise AssertionError  # the end event comes

    def _block_scalar_end(self, body: int, end: int) -> int:
        """Return where a block scalar ends: with its last line that is not blank, unless `+` keeps others."""
        if "+" in self.header(body):
            return end
        return min(end, self.line_end(body + len(self.text[body:end].rstrip(" \t\r\n"))))

    def header(self, body: int) -> str:
        """Return the marks with which a block scalar begins, such as `>-`."""
        found = _HEADER.match(self.text, body)
        return found[0] if found else ""

    def skip(self, at: int) -> int:
        """Return where the next part begins, behind blanks, line breaks and comments."""
        found = _SPACE.match(self.text, at)
        return found.end() if found else at

    def colon_end(self, key: Node) -> int:
        """Return the offset behind a key's colon; behind the key where it has none."""
        at = self.skip(key.end)
        return at + 1 if self.text.startswith(":", at) else key.end

    def line_start(self, at: int) -> int:
        """Return where the line of an offset begins; a byte-order mark is before the first line."""
        start = max(self.text.rfind("\n", 0, at), self.text.rfind("\r", 0, at)) + 1
        return start + 1 if start == 0 and self.text.startswith("\ufeff") else start

    def line_end(self, at: int) -> int:
        """Return where the line of an offset ends, before its line break."""
        found = _BREAK.search(self.text, at)
        return found.start() if found else len(self.text)

    def after_break(self, at: int) -> int:
        """Return the offset behind the line break at an offset; the offset itself where there is none."""
        found = _BREAK.match(self.text, at)
        return found.end() if found else at

    def last_line_end(self, at: int) -> int:
        """Return where the last line of a part that ends at an offset ends, with the comment beside it."""
        if at > 0 and at == self.line_start(at):  # it ends with its line break
            return at - 2 if self.text.endswith("\r\n", 0, at) else at - 1
        return self.line_end(at)

    def column(self, at: int) -> int:
        """Return the number of characters before an offset in its line."""
        return at - self.line_start(at)

    def begins_line(self, at: int) -> bool:
        """Return whether there is nothing but blanks before an offset in its line."""
        return not self.text[self.line_start(at) : at].strip(" ")

    def ends_line(self, at: int) -> bool:
        """Return whether there is nothing but blanks and a comment behind an offset in its line."""
        return self.skip(at) >= self.line_end(at)

    def break_at(self, at: int) -> str:
        """Return the line break of the line of an offset; of the line before where it is the last one."""
        found = _BREAK.search(self.text, at) or _LAST_BREAK.search(self.text)
        return found[0] if found else "\n"
