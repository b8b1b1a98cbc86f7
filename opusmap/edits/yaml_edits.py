"""Edits of a YAML tree: which spans of its text become what, in the style of what is around them.

Block and flow style are edited each in its own way; new lines are indented as their siblings are.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, TypeAlias

from opusmap.edits.patches import TextEdit
from opusmap.edits.yaml_tree import Entry, Node, YamlTree
from opusmap.mapping.yaml_writer import Quotes, in_line, quoted

Value: TypeAlias = Any
"""A text, whole number, boolean, None, or a list or dict of these."""

_LINE = 100
"""Characters of a line in which a new list or object is written in one-line form, at most."""
_BLANK_LINE = re.compile(r"(?:\r\n|\r|\n)[ \t]*(?:\r\n|\r|\n)")


class NotWritable(Exception):
    """The text is written in a form that can't be edited here."""


@dataclass(slots=True)
class YamlEditor:
    """Makes edits of one tree; each method returns the edits for one change."""

    tree: YamlTree

    # -- new text ------------------------------------------------------------------------------------------

    @property
    def _quotes(self) -> Quotes | None:
        """The quotes of all texts in a file that is JSON; None in any other."""
        root = self.tree.root
        first = root.entries[0].key if root.flow and root.entries else None
        return '"' if first is not None and first.style == '"' else None

    @property
    def _step(self) -> str:
        """The blanks by which a block is indented further than the one around it."""
        for entry in self.tree.root.entries:
            value = entry.value
            if value.entries and not value.flow:
                column = self.tree.column(value.entries[0].start)
                if column:
                    return " " * column
        return "  "

    def _inline(self, value: Value, *, flow: bool) -> str:
        return in_line(value, flow=flow, quotes=self._quotes)

    def _pair(self, key: str, value: Value, indent: str, line_break: str, *, spread: bool) -> str:
        """Return a pair in a block, without the first line's indentation and the last one's break."""
        name = quoted(key, quotes=self._quotes)
        return f"{name}:{self._after_colon(value, indent, len(name) + 1, line_break, spread=spread)}"

    def _after_colon(self, value: Value, indent: str, used: int, line_break: str, *, spread: bool) -> str:
        """Return how a value is written behind a key's colon: in its line, or in lines below it.

        A section, which is to be `spread`, is written in lines; other lists and dicts if they are too long.
        """
        text = self._inline(value, flow=False)
        nested = isinstance(value, dict | list) and len(value) > 0
        whole = len(indent) + used + 1 + len(text) <= _LINE
        if not nested or (whole and not (spread and (isinstance(value, dict) or _has_collections(value)))):
            return f" {text}"
        below = indent + self._step
        return "".join(f"{line_break}{below}{line}" for line in self._lines(value, below, line_break))

    def _lines(self, value: Value, indent: str, line_break: str) -> Iterator[str]:
        """Yield a list's items or a dict's pairs as blocks, without the indentation of their first lines."""
        if isinstance(value, dict):
            yield from (self._pair(key, one, indent, line_break, spread=False) for key, one in value.items())
            return
        yield from (self._item(item, indent, line_break) for item in value)

    def _item(self, item: Value, indent: str, line_break: str) -> str:
        """Return an item of a list in block style."""
        if isinstance(item, dict) and _has_collections(item):
            below = indent + "  "
            return f"- {(line_break + below).join(self._lines(item, below, line_break))}"
        return f"- {self._inline(item, flow=False)}"

    # -- maps ----------------------------------------------------------------------------------------------

    def insert(self, node: Node, at: int, key: str, value: Value) -> list[TextEdit]:
        """Put a pair into a map, before its entry `at` or behind the last one."""
        if node.flow:
            text = f"{quoted(key, quotes=self._quotes)}: {self._inline(value, flow=True)}"
            return self._insert_in_flow(node, at, [_New(text)])
        if node.kind != "map" or not node.entries:
            raise NotWritable
        top = node is self.tree.root
        indent = " " * self.tree.column(node.entries[0].start)
        line_break = self.tree.break_at(node.entries[max(at - 1, 0)].end)
        text = self._pair(key, value, indent, line_break, spread=top)
        if at == 0:
            return [self._before_line(node.entries[0], [text])]
        return self._behind_line(node, at - 1, [text], top=top)

    def remove(self, node: Node, entry: Entry) -> list[TextEdit]:
        """Take an entry out of a map or a list that has others."""
        if node.flow:
            return list(self._remove_from_flow(node, [node.entries.index(entry)]))
        return [self._remove_lines(node, entry)]

    def rename(self, entry: Entry, key: str) -> list[TextEdit]:
        """Give a pair another key."""
        if entry.key is None or entry.key.kind != "scalar":
            raise NotWritable
        return [TextEdit(entry.key.body, entry.key.end, quoted(key, quotes=self._quotes))]

    def wrap(self, node: Node, entry: Entry, name: str) -> list[TextEdit]:
        """Make the value of a pair a map, in which `name` has what was the value."""
        tree, value = self.tree, entry.value
        if value.kind == "scalar" and value.start == value.end:
            raise NotWritable
        if not value.is_block:
            old = tree.text[value.body : value.end]
            edits = [TextEdit(value.start, value.start, f"{{{quoted(name, quotes=self._quotes)}: ")]
            if value.kind == "scalar" and value.style is None and not node.flow:
                plain = quoted(value.value)
                if plain[0] in "\"'" or "\n" in old or "\r" in old:
                    edits.append(TextEdit(value.body, value.end, plain))
            return [*edits, TextEdit(value.end, value.end, "}")]
        return self._wrap_block(entry, name)

    def _wrap_block(self, entry: Entry, name: str) -> list[TextEdit]:
        tree, value = self.tree, entry.value
        assert entry.key is not None
        colon = tree.colon_end(entry.key)
        own = tree.column(entry.start)
        scalar = value.style is not None
        column = own if scalar else tree.column(value.entries[0].start)
        moved = "" if column > own and value.kind == "list" else self._step
        line_break = tree.break_at(value.end)
        below = " " * (column if column > own else own + len(self._step))
        line = f"{line_break}{below}{name}:"
        if scalar:
            first, at = tree.after_break(tree.line_end(value.body)), colon
        else:
            first, at = tree.line_start(value.entries[0].start), tree.line_end(colon)
            if first <= at:
                raise NotWritable
        return [TextEdit(at, at, line), *self._indent_lines(first, value.end, moved)]

    def _indent_lines(self, start: int, end: int, blanks: str) -> Iterator[TextEdit]:
        at = start
        while blanks and at < end:
            stop = self.tree.line_end(at)
            if self.tree.text[at:stop].strip():
                yield TextEdit(at, at, blanks)
            if stop >= len(self.tree.text):
                return
            at = self.tree.after_break(stop)

    # -- values --------------------------------------------------------------------------------------------

    def replace(self, node: Node, entry: Entry, value: Value) -> list[TextEdit]:
        """Give a pair another value."""
        tree, old = self.tree, entry.value
        assert entry.key is not None
        if old.kind == "scalar" and old.style in ("'", '"') and isinstance(value, str):
            text = quoted(value, quotes="'" if old.style == "'" else '"')
            return [TextEdit(old.body, old.end, text)]
        if node.flow:
            return self._replace_inline(entry, self._inline(value, flow=True))
        indent, line_break = " " * tree.column(entry.start), tree.break_at(old.end)
        used = tree.column(entry.key.end) + 1 - len(indent)
        text = self._after_colon(value, indent, used, line_break, spread=node is tree.root)
        below = not text.startswith(" ")
        if not old.is_block:
            if not below:
                return self._replace_inline(entry, text[1:])
            colon = tree.colon_end(entry.key)
            at = tree.line_end(old.end)
            return [TextEdit(colon, old.end, ""), TextEdit(at, at, text)]
        # The rest of the line is a comment, which stays; the lines below it are the old value's.
        if old.style is not None:
            head, head_end = old.body, old.body + len(tree.header(old.body))
        else:
            head = tree.colon_end(entry.key)
            if old.start != old.body:  # an anchor, which stays
                head = old.start + len(tree.text[old.start : old.body].split()[0])
            head_end = head
        stop = max(tree.last_line_end(old.end), tree.line_end(head_end))
        rest = TextEdit(tree.line_end(head_end), stop, text if below else "")
        if below:
            return [TextEdit(tree.colon_end(entry.key), head_end, ""), rest]
        return [TextEdit(head, head_end, text[1:] if old.style is not None else text), rest]

    def _replace_inline(self, entry: Entry, text: str) -> list[TextEdit]:
        tree, old = self.tree, entry.value
        assert entry.key is not None
        if old.body < old.end:
            return [TextEdit(old.body, old.end, text)]
        at = tree.skip(entry.key.end)
        if not tree.text.startswith(":", at):
            return [TextEdit(entry.key.end, entry.key.end, f": {text}")]
        at = max(at + 1, old.end) if old.anchor is not None else at + 1
        behind = "" if tree.text[at : at + 1] in ("", " ", "\r", "\n", ",", "}", "]") else " "
        return [TextEdit(at, at, f" {text}{behind}")]

    # -- lists ---------------------------------------------------------------------------------------------

    def insert_items(self, node: Node, gaps: dict[int, list[Value | Entry]]) -> list[TextEdit]:
        """Put items into a list: before its entry of each number, new values or copies of its entries."""
        edits: list[TextEdit] = []
        if not node.flow:
            indent = " " * self.tree.column(node.entries[0].start)
            for at, items in gaps.items():
                line_break = self.tree.break_at(node.entries[max(at - 1, 0)].end)
                lines = [
                    self._copied_lines(node, one)
                    if isinstance(one, Entry)
                    else self._item(one, indent, line_break)
                    for one in items
                ]
                if at == 0:
                    edits.append(self._before_line(node.entries[0], lines, self._top(node, node.entries[0])))
                else:
                    edits += self._behind_line(node, at - 1, lines, top=False)
            return edits
        for at, items in gaps.items():
            new = [
                self._copied(one) if isinstance(one, Entry) else _New(self._inline(one, flow=True))
                for one in items
            ]
            edits += self._insert_in_flow(node, at, new)
        return edits

    def remove_items(self, node: Node, numbers: Sequence[int], moved: Iterable[int] = ()) -> list[TextEdit]:
        """Take items out of a list that has others; those that are `moved` with the comments above them."""
        if node.flow:
            return list(self._remove_from_flow(node, numbers))
        entries = node.entries
        return [
            self._remove_lines(node, entries[at], self._top(node, entries[at]) if at in moved else None)
            for at in numbers
        ]

    def _copied_lines(self, node: Node, entry: Entry) -> str:
        lines = self.tree.text[self._top(node, entry) : self.tree.last_line_end(entry.end)]
        return lines.lstrip(" \t") if self.tree.begins_line(entry.start) else lines

    def _top(self, node: Node, entry: Entry) -> int:
        """Return where an item begins: with the comments in the lines right above it."""
        tree, number = self.tree, node.entries.index(entry)
        if not tree.begins_line(entry.start):
            return entry.start
        top, before = tree.line_start(entry.start), node.entries[number - 1].end if number else 0
        while top > 0:
            end = tree.last_line_end(top)
            start = tree.line_start(end)
            if start < before or not tree.text[start:end].lstrip().startswith("#"):
                break
            top = start
        return top

    def _copied(self, entry: Entry) -> _New:
        text, end = self.tree.text, entry.end
        comma = self.tree.skip(end)
        behind = comma + 1 if text.startswith(",", comma) else end
        stop = self.tree.line_end(behind)
        own = self.tree.begins_line(entry.start) and self.tree.ends_line(behind)
        return _New(text[entry.start : end], text[behind:stop].rstrip() if own else "")

    # -- lines ---------------------------------------------------------------------------------------------

    def _before_line(self, entry: Entry, texts: Sequence[str], top: int | None = None) -> TextEdit:
        tree = self.tree
        if not tree.begins_line(entry.start):
            raise NotWritable
        at = tree.line_start(entry.start)
        indent, line_break = tree.text[at : entry.start], tree.break_at(entry.end)
        at = at if top is None else top
        return TextEdit(at, at, "".join(f"{indent}{text}{line_break}" for text in texts))

    def _behind_line(self, node: Node, number: int, texts: Sequence[str], *, top: bool) -> list[TextEdit]:
        """Put lines behind an entry, with the indentation of the first one."""
        tree, entry = self.tree, node.entries[number]
        first = node.entries[0]
        indent = " " * tree.column(first.start)
        at = tree.last_line_end(entry.end)
        blank = False
        if top:
            at, blank = self._end_of_section(node, number, at)
        line_break = tree.break_at(at)
        new = "".join(f"{line_break}{indent}{text}" for text in texts)
        return [TextEdit(at, at, line_break * blank + new), *self._seal(entry.value, at)]

    def _end_of_section(self, node: Node, number: int, end: int) -> tuple[int, bool]:
        """Return where a section ends, with its own comments, and whether blank lines part the sections."""
        tree, last = self.tree, number + 1 == len(node.entries)
        at, after = end, end
        while after < len(tree.text):
            start = tree.after_break(after)
            stop = tree.line_end(start)
            line = tree.text[start:stop]
            if start == after or (line.strip() and not line.lstrip().startswith("#")):
                break
            if line.strip() and (line[0] in " \t" or last):
                at = stop
            after = stop
        return at, any(
            _BLANK_LINE.search(tree.text, one.end, other.start) is not None
            for one, other in pairwise(node.entries if last else node.entries[number : number + 2])
        )

    def _blank_above(self, line_start: int) -> bool:
        """Return whether the line above one is blank."""
        if not self.tree.text[:line_start].strip("\ufeff"):
            return False
        end = self.tree.last_line_end(line_start)
        return not self.tree.text[self.tree.line_start(end) : end].strip()

    def _seal(self, value: Node, at: int) -> list[TextEdit]:
        """Keep the value of a block scalar that ends without a line break, when lines come behind it."""
        while value.entries and not value.flow:
            value = value.entries[-1].value
        if value.style not in ("|", ">") or at < len(self.tree.text):
            return []
        header = self.tree.header(value.body)
        if "-" in header:
            return []
        return [TextEdit(value.body, value.body + len(header), f"{header.replace('+', '')}-")]

    def _remove_lines(self, node: Node, entry: Entry, top: int | None = None) -> TextEdit:
        tree = self.tree
        if not tree.begins_line(entry.start):
            number = node.entries.index(entry) + 1
            if number >= len(node.entries):
                raise NotWritable
            return TextEdit(entry.start, node.entries[number].start, "")
        start, stop = tree.line_start(entry.start) if top is None else top, tree.last_line_end(entry.end)
        end = tree.after_break(stop)
        if end == stop and start > 0:  # the last line, without a line break
            start -= 2 if tree.text.endswith("\r\n", 0, start) else 1
        elif node is tree.root and self._blank_above(start) and self._blank_line(end):
            end = tree.after_break(tree.line_end(end))
        return TextEdit(start, end, "")

    def _blank_line(self, start: int) -> bool:
        return not self.tree.text[start : self.tree.line_end(start)].strip()

    # -- between brackets ----------------------------------------------------------------------------------

    def _insert_in_flow(self, node: Node, at: int, new: Sequence[_New]) -> list[TextEdit]:
        tree, text = self.tree, self.tree.text
        if text[node.body] not in "[{":
            raise NotWritable
        if not node.entries:
            joined = ", ".join(one.text for one in new)
            return [TextEdit(node.body + 1, node.body + 1, joined)]
        if at < len(node.entries):
            start = node.entries[at].start
            if not tree.begins_line(start):
                return [TextEdit(start, start, "".join(f"{one.text}, " for one in new))]
            line_break = tree.break_at(start) + text[tree.line_start(start) : start]
            return [TextEdit(start, start, "".join(f"{one.text},{one.comment}{line_break}" for one in new))]
        return self._append_in_flow(node.entries[-1], new)

    def _append_in_flow(self, last: Entry, new: Sequence[_New]) -> list[TextEdit]:
        tree, text, end = self.tree, self.tree.text, last.end
        comma = tree.skip(end)
        trailing = text.startswith(",", comma)
        behind = comma + 1 if trailing else end
        if not tree.begins_line(last.start):
            joined = ", ".join(one.text for one in new)
            return [TextEdit(behind, behind, f" {joined}" if trailing else f", {joined}")]
        prefix = text[tree.line_start(last.start) : last.start]
        line_break = tree.break_at(last.start) + prefix
        lines = [
            f"{line_break}{one.text}{'' if one is new[-1] and not trailing else ','}{one.comment}"
            for one in new
        ]
        if not tree.ends_line(behind):
            added = "".join(lines)
            return [TextEdit(behind, behind, added if trailing else f",{added}")]
        stop = tree.line_end(behind)
        edits = [] if trailing else [TextEdit(end, end, ",")]
        return [*edits, TextEdit(stop, stop, "".join(lines))]

    def _remove_from_flow(self, node: Node, numbers: Iterable[int]) -> Iterator[TextEdit]:
        for first, last in _runs(sorted(numbers)):
            yield from self._remove_run(node, first, last)

    def _remove_run(self, node: Node, first: int, last: int) -> Iterator[TextEdit]:
        tree, text = self.tree, self.tree.text
        start, end = node.entries[first].start, node.entries[last].end
        comma = tree.skip(end)
        behind = comma + 1 if text.startswith(",", comma) else end
        if behind == end and first > 0:  # the comma before it goes
            before = tree.skip(node.entries[first - 1].end)
            if not tree.begins_line(start):
                yield TextEdit(before, end, "")
                return
            yield TextEdit(before, before + 1, "")
        own, ends = tree.begins_line(start), tree.ends_line(behind)
        line = tree.line_start(start)
        if own and ends:
            yield TextEdit(line, tree.after_break(tree.line_end(behind)), "")
        elif ends:
            yield TextEdit(line + len(text[line:start].rstrip(" ")), behind, "")
        else:
            yield TextEdit(start, self._next_in_line(behind) if behind > end else behind, "")

    def _next_in_line(self, at: int) -> int:
        while self.tree.text.startswith(" ", at):
            at += 1
        return at


@dataclass(frozen=True, slots=True)
class _New:
    """A part to put between brackets, and the comment beside it."""

    text: str
    comment: str = ""


def _has_collections(value: Value) -> bool:
    """Return whether a dict or list has lists or dicts inside."""
    items = value.values() if isinstance(value, dict) else value
    return any(isinstance(one, dict | list) and one for one in items)


def _runs(numbers: Sequence[int]) -> Iterator[tuple[int, int]]:
    """Yield the first and last of each run of consecutive numbers."""
    first = 0
    for at in range(1, len(numbers) + 1):
        if at == len(numbers) or numbers[at] != numbers[at - 1] + 1:
            yield numbers[first], numbers[at - 1]
            first = at
