"""Changes of a YAML text that leave every other byte as it is.

Owns offsets, YAML's ways to write a scalar, and where a line can be put in.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from opusmap.errors import InvalidMapping
from opusmap.mapping import Text
from opusmap.mapping.yaml_reader import Entries, Items, Node, parse_yaml
from opusmap.mapping.yaml_writer import in_double_quotes, quoted

__all__ = ["Change", "Edit", "YamlText", "in_raw", "replaced"]


class Edit(NamedTuple):
    """Replaces the text between two offsets; with equal offsets, it inserts."""

    start: int
    end: int
    text: str


class Change(NamedTuple):
    """The same between two offsets of a scalar's value."""

    start: int
    end: int
    text: str


def replaced(value: str, changes: Iterable[Edit | Change]) -> str:
    """Return a text with changes that do not overlap; what is put in at one place keeps its order."""
    parts, at = [], 0
    for start, end, text in sorted(changes, key=lambda one: (one.start, one.end)):
        parts += [value[at:start], text]
        at = end
    return "".join([*parts, value[at:]])


@dataclass(frozen=True, slots=True)
class YamlText:
    """A YAML text as the reader takes it, its line breaks made equal, and its lines' offsets."""

    text: str
    lines: tuple[int, ...]

    @classmethod
    def of(cls, text: str) -> YamlText:
        """Return a text with its lines."""
        return cls(text, (0, *(at + 1 for at, char in enumerate(text) if char == "\n")))

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a place; both count from 1."""
        return (
            min(self.lines[line - 1] + column - 1, len(self.text))
            if line <= len(self.lines)
            else len(self.text)
        )

    def start(self, node: Node) -> int:
        """Return where a node begins."""
        return self.offset(node.span.line, node.span.column)

    def end(self, node: Node) -> int:
        """Return where a node ends: of one without brackets, where its last part does."""
        if isinstance(node, Text) or self.text[self.start(node)] in "[{":
            return self.offset(node.span.end_line, node.span.end_column)
        parts: Sequence[Node] = list(node.values()) if isinstance(node, Entries) else node
        return max([self.end(one) for one in parts], default=self.start(node))

    def line_start(self, offset: int) -> int:
        """Return where the line of an offset begins."""
        return self.text.rfind("\n", 0, offset) + 1

    def indent(self, offset: int) -> str:
        """Return the blanks in front of the line of an offset."""
        line = self.text[self.line_start(offset) :]
        return line[: len(line) - len(line.lstrip(" "))]

    def line_above(self, offset: int, line: str) -> Edit:
        """Return the edit that puts a line above that of an offset, as far to the right."""
        at = self.line_start(offset)
        return Edit(at, at, f"{self.indent(offset)}{line}\n")

    def lines_behind(self, node: Node, lines: Iterable[str]) -> Edit:
        """Return the edit that puts lines behind the last one of a node."""
        end, text = self.end(node), "".join(f"{line}\n" for line in lines)
        if end == self.line_start(end) and end > 0:  # behind a block of text
            return Edit(end, end, text)
        at = self.text.find("\n", end) + 1
        return Edit(at, at, text) if at else Edit(len(self.text), len(self.text), f"\n{text}")

    def scalar(self, text: Text, changes: Sequence[Change]) -> Edit:
        """Return the edit that changes a scalar's value, in the scalar's own style if that can be."""
        start, end = self.start(text), self.end(text)
        value = replaced(text, changes)
        inside = []
        for change in changes:
            places = [text.locate(at) for at in (change.start, change.end)]
            first, last = (self.offset(one.line, one.column) - start for one in places)
            inside.append(Edit(first, last, _escaped(change.text, text.style)))
        written = replaced(self.text[start:end], inside)
        if text.style in ("|", ">") or written == quoted(value) or _reads_as(written, value):
            return Edit(start, end, written)
        return Edit(start, end, quoted(value) if text.plain else in_double_quotes(value))

    def value(self, node: Node, written: str) -> Edit:
        """Return the edit that replaces a value as a whole."""
        return Edit(self.start(node), self.end(node), written)


def _escaped(text: str, style: str | None) -> str:
    if style == "'":
        return text.replace("'", "''")
    return in_double_quotes(text)[1:-1] if style == '"' else text


def _reads_as(written: str, value: str) -> bool:
    """Return whether a scalar's text is read as a value, within brackets and without."""
    for text in (f"x: {written}\n", f"x: [{written}]\n", f"x: {{{written}: y}}\n"):
        try:
            data = parse_yaml(text, "").data
        except InvalidMapping:
            return False
        found: object = data["x"] if isinstance(data, Entries) and "x" in data else None
        if isinstance(found, Items | Entries):
            found = next(iter(found), None) if len(found) == 1 else None
        if found != value:
            return False
    return True


def _raw_offsets(raw: str) -> list[int]:
    """Return where the reader's text has lost a carriage return, in its own offsets."""
    places: list[int] = []
    at = raw.find("\r\n")
    while at >= 0:
        places.append(at - len(places))
        at = raw.find("\r\n", at + 2)
    return places


def in_raw(raw: str, edits: Iterable[Edit]) -> str:
    """Return a file's text with edits of what the reader made of it: its line breaks stay as they are."""
    shift = 1 if raw.startswith("\ufeff") else 0
    lost = _raw_offsets(raw[shift:])
    crlf = bool(lost)

    def place(at: int) -> int:
        return at + bisect_left(lost, at) + shift

    return replaced(
        raw,
        (
            Edit(place(one.start), place(one.end), one.text.replace("\n", "\r\n") if crlf else one.text)
            for one in edits
        ),
    )
