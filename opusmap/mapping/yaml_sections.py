"""The YAML events of a text that is read again after each change: only entries that changed are parsed.

PyYAML takes most of the time in which a mapping is read. A section is a key in the first column with what
follows it, and its entries are the keys below it that are indented alike. Where a text does not consist of
parts that can be read each for itself, it is read on as a whole from there, so the events, and any error, are
those of PyYAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import yaml

_KEY = re.compile(r"^[A-Za-z_]", re.MULTILINE)
_PREAMBLE = re.compile(r"(?:[ ]*(?:#[^\n]*)?\n)*")
_MARKERS = re.compile(r"^(?:---|\.\.\.|%)", re.MULTILINE)
_HEAD = re.compile(
    r"[A-Za-z_][\w-]*:(?:[ ]*|[ ]+#[^\n]*)\n(?:[ ]*(?:#[^\n]*)?\n)*(?P<indent>[ ]+)(?=[^ \n#])"
)
"""The line of a section's key, and the lines up to its first entry, which is indented."""
_LINE = re.compile(r"^([ ]*)([^ \n#])([^\n]?)", re.MULTILINE)
_NO_KEY = frozenset("?:,[]{}&*!|>%@`\t")
"""What begins a line that is not a plain `key: value`."""
_UNREADABLE = (yaml.YAMLError, ValueError, OverflowError, RecursionError)


@dataclass(slots=True)
class _Part:
    """The events of a part's entries, and the marks in them, which are moved when the part moves.

    `start` and `end` are those of the block that the entries are in.
    """

    start: yaml.Event
    events: list[yaml.Event]
    end: yaml.Event
    marks: list[Any]
    line: int = 0
    index: int = 0

    def move_to(self, line: int, index: int) -> None:
        lines, characters = line - self.line, index - self.index
        if lines or characters:
            for mark in self.marks:
                mark.line += lines
                mark.index += characters
            self.line, self.index = line, index


@dataclass(slots=True)
class _Cut:
    """A part's place in the text: it ends where the first token of the next begins.

    `indent` is how far its entries are indented; `is_head` is the key of a section whose entries follow.
    """

    start: int
    end: int
    line: int
    indent: int = 0
    is_head: bool = False


_TEXTS = 2
"""How many texts' worth of parts is kept: of the last one, and of what was tried to say what it means."""


@dataclass(slots=True)
class SectionEvents:
    """Yields the events of a text, and keeps those of its parts for the next text."""

    _known: dict[tuple[str, int], _Part] = field(default_factory=dict)
    """By what is written and how often that was there before; those that were used last come last."""
    _size: int = 0

    def __call__(self, text: str) -> Iterator[yaml.Event]:
        """Yield the events that PyYAML has for a text; as with PyYAML, an error may come at any of them."""
        cuts = _cut(text)
        parts = self._parse(text, cuts)
        if len(parts) < len(cuts):
            # PyYAML looks ahead: what is wrong may show before the part before it has ended.
            del parts[-1:]
        if not parts:
            yield from yaml.parse(text, Loader=yaml.SafeLoader)
            return
        yield yaml.StreamStartEvent()
        yield yaml.DocumentStartEvent()
        yield parts[0].start
        inside: _Part | None = None
        for number, (cut, part) in enumerate(zip(cuts, parts, strict=False)):
            if cut.indent and cuts[number - 1].is_head:
                yield part.start
            if not cut.indent and inside is not None:
                yield inside.end
            yield from part.events
            inside = part if cut.indent else None
        if len(parts) < len(cuts):
            yield from _read_on(text, cuts, len(parts), inside)
            return
        end: Any = parts[-1].end
        if inside is not None:
            yield end
            end = yaml.MappingEndEvent(end.start_mark, end.end_mark)
        yield end
        yield yaml.DocumentEndEvent()
        yield yaml.StreamEndEvent()

    def _parse(self, text: str, cuts: list[_Cut]) -> list[_Part]:
        """Return the parts, each at its place, up to the first that can't be read for itself."""
        used, parts, is_readable = set[tuple[str, int]](), list[_Part](), True
        for cut in cuts:
            written, number = text[cut.start : cut.end], 0
            while (written, number) in used:  # two parts with the same text are at two places
                number += 1
            used.add((written, number))
            part = self._known.pop((written, number), None)
            if part is None:
                if not is_readable:
                    continue
                part = _parse(written, is_head=cut.is_head)
                if part is None:
                    is_readable = False
                    continue
                self._size += len(written)
            self._known[written, number] = part
            if is_readable:
                part.move_to(cut.line, cut.start)
                parts.append(part)
        self._forget(_TEXTS * len(text))
        return parts

    def _forget(self, size: int) -> None:
        """Drop the parts that have not been used for longest, down to this many characters."""
        for written, number in list(self._known):
            if self._size <= size:
                return
            del self._known[written, number]
            self._size -= len(written)


def _cut(text: str) -> list[_Cut]:
    """Return the parts of a text; none if it must be read as a whole."""
    starts = [found.start() for found in _KEY.finditer(text)]
    if not starts or _MARKERS.search(text) or not _PREAMBLE.fullmatch(text, 0, starts[0]):
        return []
    if "\ufeff" in text or yaml.reader.Reader.NON_PRINTABLE.search(text):
        return []  # the first has no width in PyYAML's columns, the others are refused at once
    cuts, line = list[_Cut](), text.count("\n", 0, starts[0])
    for start, end in pairwise([*starts, len(text)]):
        entries, indent = _find_entries(text, start, end)
        cuts.append(_Cut(start, entries[0] + indent if entries else end, line, is_head=bool(entries)))
        at = start
        for first, after in pairwise([*entries, end]):
            line += text.count("\n", at, first)
            at = first
            cuts.append(_Cut(first, after if after == end else after + indent, line, indent))
        line += text.count("\n", at, end)
    return cuts


def _find_entries(text: str, start: int, end: int) -> tuple[list[int], int]:
    """Return where the lines of a section's entries begin, and how far they are indented."""
    head = _HEAD.match(text, start, end)
    if head is None:
        return [], 0
    entries, indent = list[int](), len(head["indent"])
    for found in _LINE.finditer(text, head.start("indent"), end):
        spaces, first, second = found.groups()
        is_item = first == "-" and second in ("", " ")
        if len(spaces) < indent or (
            len(spaces) == indent and (first in _NO_KEY or (is_item and not entries))
        ):
            return [], 0
        if len(spaces) == indent and not is_item:  # of an item, the list is as far left as its key
            entries.append(found.start())
    return entries, indent


def readable_sections(text: str) -> dict[str, str]:
    """Return the sections of a text that can be read each for itself, by their keys; of two, the first."""
    starts = [found.start() for found in _KEY.finditer(text)]
    found: dict[str, str] = {}
    for start, end in pairwise([*starts, len(text)]):
        part = text[start:end]
        if _parse(part) is not None:
            found.setdefault(part.partition(":")[0], part if part.endswith("\n") else part + "\n")
    return found


def _parse(part: str, *, is_head: bool = False) -> _Part | None:
    """Return a part, None if it can't be read for itself. A head gets no value."""
    try:
        events = list(yaml.parse(part, Loader=yaml.SafeLoader))
    except _UNREADABLE:
        return None
    start, entries, end = events[2], events[3 : -4 if is_head else -3], events[-3]
    if not (isinstance(start, yaml.MappingStartEvent) and isinstance(end, yaml.MappingEndEvent)):
        return None
    if start.flow_style or start.anchor is not None or start.tag is not None:
        return None
    marks = {
        id(mark): mark
        for event in (start, *entries, end)
        for mark in (event.start_mark, event.end_mark)
        if mark is not None
    }
    return _Part(start, entries, end, list(marks.values()))


def _read_on(text: str, cuts: list[_Cut], number: int, inside: _Part | None) -> Iterator[yaml.Event]:
    """Yield the events from a part on, as PyYAML has them when it has read all parts before.

    In place of these it reads lines that are empty but for the first key of each block that goes on.
    """
    cut = cuts[number]
    keys, skipped = {cuts[0].line: "x:"}, 3  # the starts of the text, the document and the first block
    if cut.indent:
        head = max(at for at in range(number) if cuts[at].is_head)
        keys[cuts[head].line] = "x:"
        skipped += 2 * len(keys) - 1
        if head + 1 < number:
            keys[cuts[head + 1].line] = " " * cut.indent + "x:"
            skipped += 3
    else:
        skipped += 2
        if inside is not None:
            yield inside.end
    before = "".join(f"{keys.get(line, '')}\n" for line in range(cut.line))
    lines = [0, *(found.end() for found in re.finditer("\n", text))]

    def locate(*marks: Any) -> None:
        for mark in marks:
            if mark is not None:
                mark.index = lines[mark.line] + mark.column

    try:
        for at, event in enumerate(yaml.parse(before + text[cut.start :], Loader=yaml.SafeLoader)):
            if at >= skipped:
                locate(event.start_mark, event.end_mark)
                yield event
    except yaml.MarkedYAMLError as error:
        locate(error.problem_mark, error.context_mark)
        raise
