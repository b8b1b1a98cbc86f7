"""Edits of an earlier mapping that intents don't have: new names within scalars, remarks, and drafted lines.

Owns the places of located nodes in the file's own text, and YAML's ways to write a part of a scalar.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from opusmap.edits import TextEdit
from opusmap.edits.patches import replace_spans
from opusmap.edits.yaml_tree import YamlTree
from opusmap.errors import InvalidMapping
from opusmap.mapping import Text
from opusmap.mapping.yaml_reader import Entries, Items, Node, parse_yaml
from opusmap.mapping.yaml_writer import in_double_quotes, quoted


@dataclass(slots=True)
class YamlText:
    """A YAML text as it is in its file, and where located nodes are in it."""

    text: str
    _tree: YamlTree = field(init=False)
    _lines: list[int] = field(init=False)

    def __post_init__(self) -> None:
        self._tree = YamlTree(self.text)
        at = self._tree.line_start(0)
        self._lines = [at]
        while (end := self._tree.line_end(at)) < len(self.text):
            at = self._tree.after_break(end)
            self._lines.append(at)

    def offset(self, line: int, column: int) -> int:
        """Return the offset of a place; both count from 1."""
        if line > len(self._lines):
            return len(self.text)
        return min(self._lines[line - 1] + column - 1, len(self.text))

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
        return self._tree.line_start(offset)

    def indent(self, offset: int) -> str:
        """Return the blanks in front of the line of an offset."""
        line = self.text[self.line_start(offset) :]
        return line[: len(line) - len(line.lstrip(" "))]

    def lines_above(self, offset: int, lines: Iterable[str]) -> TextEdit:
        """Return the edit that puts lines above that of an offset, as far to the right."""
        at = self.line_start(offset)
        indent, line_break = self.indent(offset), self._tree.break_at(offset)
        return TextEdit(at, at, "".join(f"{indent}{line}".rstrip(" ") + line_break for line in lines))

    def lines_behind(self, node: Node, lines: Iterable[str]) -> TextEdit:
        """Return the edit that puts lines behind the last one of a node."""
        end = self.end(node)
        at, line_break = self._tree.last_line_end(end), self._tree.break_at(end)
        return TextEdit(at, at, "".join(f"{line_break}{line}" for line in lines))

    def scalar(self, text: Text, changes: Sequence[TextEdit]) -> TextEdit:
        """Return the edit that changes a scalar's value, in the scalar's own style if that can be.

        The offsets of the changes count in the value.
        """
        start, end = self.start(text), self.end(text)
        value = replace_spans(text, changes)
        inside = []
        for change in changes:
            places = [text.locate(at) for at in (change.start, change.end)]
            first, last = (self.offset(one.line, one.column) - start for one in places)
            inside.append(TextEdit(first, last, _escaped(change.new, text.style)))
        written = replace_spans(self.text[start:end], inside)
        if text.style in ("|", ">") or written == quoted(value) or _reads_as(written, value):
            return TextEdit(start, end, written)
        return TextEdit(start, end, quoted(value) if text.plain else in_double_quotes(value))


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
