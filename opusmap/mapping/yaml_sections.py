"""The YAML events of a text that is read again after each change: only sections that changed are parsed.

PyYAML takes most of the time in which a mapping is read. A section is a key in the first column with what
follows it. Where a text does not consist of such sections that can be read each for itself, it is read as a
whole, so the events, and any error, are those of PyYAML.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import yaml

_KEY = re.compile(r"^[A-Za-z_]", re.MULTILINE)
_PREAMBLE = re.compile(r"(?:[ ]*(?:#[^\n]*)?\n)*")
_MARKERS = re.compile(r"^(?:---|\.\.\.|%)", re.MULTILINE)


@dataclass(slots=True)
class _Section:
    """The events of a section's entries, and the marks in them, which are moved when the section moves."""

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


class SectionEvents:
    """Yields the events of a text, and keeps those of its sections for the next text."""

    def __init__(self) -> None:
        self._known: dict[tuple[str, int], _Section] = {}

    def __call__(self, text: str) -> Iterator[yaml.Event]:
        """Yield the events that PyYAML has for a text; as with PyYAML, an error may come at any of them."""
        sections = self._sections(text)
        if sections is None:
            yield from yaml.parse(text, Loader=yaml.SafeLoader)
            return
        yield yaml.StreamStartEvent()
        yield yaml.DocumentStartEvent()
        yield sections[0].start
        for section in sections:
            yield from section.events
        yield sections[-1].end
        yield yaml.DocumentEndEvent()
        yield yaml.StreamEndEvent()

    def _sections(self, text: str) -> list[_Section] | None:
        """Return the sections, each at its place; None if the text must be read as a whole."""
        starts = [found.start() for found in _KEY.finditer(text)]
        if not starts or _MARKERS.search(text) or not _PREAMBLE.fullmatch(text, 0, starts[0]):
            return None
        known, sections = dict[tuple[str, int], _Section](), list[_Section]()
        line = text.count("\n", 0, starts[0])
        for start, end in pairwise([*starts, len(text)]):
            part, number = text[start:end], 0
            while (part, number) in known:  # two sections with the same text are at two places
                number += 1
            section = self._known.get((part, number)) or _parse(part)
            if section is None:
                return None
            section.move_to(line, start)
            known[part, number] = section
            sections.append(section)
            line += part.count("\n")
        self._known = known
        return sections


def readable_sections(text: str) -> dict[str, str]:
    """Return the sections of a text that can be read each for itself, by their keys; of two, the first."""
    starts = [found.start() for found in _KEY.finditer(text)]
    found: dict[str, str] = {}
    for start, end in pairwise([*starts, len(text)]):
        part = text[start:end]
        if _parse(part) is not None:
            found.setdefault(part.partition(":")[0], part if part.endswith("\n") else part + "\n")
    return found


def _parse(part: str) -> _Section | None:
    """Return a section, None if it can't be read for itself."""
    try:
        events = list(yaml.parse(part, Loader=yaml.SafeLoader))
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError):
        return None
    start, entries, end = events[2], events[3:-3], events[-3]
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
    return _Section(start, entries, end, list(marks.values()))
