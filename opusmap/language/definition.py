"""Where what is at a position is defined: a variable, a table, an anchor, options, a column; or a file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from opusmap.connection import SIZE_LIMIT
from opusmap.issues import Span
from opusmap.language.cursor import Token
from opusmap.language.facts import Facts
from opusmap.language.positions import Position, Range
from opusmap.language.templates import find_name, in_template
from opusmap.safe_files import UnreadableFile, read_text, resolve_inside

_TOP = Range(Position(0, 0), Position(0, 0))


@dataclass(frozen=True, slots=True)
class Location:
    """A range of a file."""

    file: str
    range: Range


def find_definition(facts: Facts, position: Position) -> tuple[Location, ...]:
    """Return where what is at a position is defined; nothing where that is not known."""
    offset = facts.lines.offset(position)
    token = facts.token_at(offset)
    if token is None:
        return ()
    return tuple(_defined(facts, token, offset))


def _defined(facts: Facts, token: Token, offset: int) -> Iterator[Location]:
    if token.style == "*":
        yield from _anchor(facts, token.text)
        return
    if token.is_key:
        if token.path in (("fields",), ("columns",), ("choices",)) or token.path[2:] in _RECORDS:
            yield from _column(facts, token.text)
        return
    raw = facts.text[token.start : token.end]
    if in_template(raw, offset - token.start):
        name = find_name(raw[1:] if token.style else raw, offset - token.start - bool(token.style))
        for one in () if name is None else dict.fromkeys((name, name.partition(".")[0])):
            yield from _named(facts, "let", one)
            yield from _named(facts, "tables", one)
        return
    match token.path:
        case ("connection",) | ("source" | "tables", *_, "path") | ("include", int()):
            yield from _file(facts, token.text)
        case ("fields", str(), "lookup"):
            yield from _named(facts, "tables", token.text)
        case ("fields", str()) | ("fields", str(), "from" | int()) | ("fields", str(), "from", *_):
            yield from _named(facts, "let", token.text)
        case ("choices", str(column), "aliases", str()):
            yield from _option(facts, column, token.text)


_RECORDS = (("expect",), ("expect_exact",), ("reject",))


def _named(facts: Facts, section: str, name: str) -> Iterator[Location]:
    """Yield where a variable or a table is defined: in the text, or in a file that it includes."""
    for token in facts.tokens:
        if token.is_key and token.path == (section,) and token.text == name:
            lines = facts.lines
            yield Location(facts.path, Range(lines.position(token.start), lines.position(token.end)))
            return
    spec = facts.known.spec
    if spec is not None:
        for one in spec.let if section == "let" else spec.tables:
            if one.name == name and one.name.span.file != facts.path:
                yield _at(one.name.span)


def _option(facts: Facts, column: str, option: str) -> Iterator[Location]:
    choices = facts.choices(column)
    for one in () if choices is None else choices.options:
        if one.strip() == option:
            yield _at(one.span)


def _anchor(facts: Facts, name: str) -> Iterator[Location]:
    for found in re.finditer(rf"(?:^|[\s\[{{,:])&({re.escape(name)})(?=[\s,\]}}]|$)", facts.text):
        yield Location(
            facts.path, Range(facts.lines.position(found.start(1)), facts.lines.position(found.end(1)))
        )
        return


def _column(facts: Facts, name: str) -> Iterator[Location]:
    """Yield the line of the connection file that has a column."""
    column = facts.target(name)
    path = None if facts.connection is None else Path(facts.connection.path)
    if column is None or path is None:
        return
    try:
        text = read_text(path, SIZE_LIMIT)
    except UnreadableFile:
        return
    key = json.dumps(column.internal_name, ensure_ascii=False)
    at = text.find(key)
    if at >= 0:
        yield _at(Span.between(str(path), text, at, at + len(key)))


def _file(facts: Facts, name: str) -> Iterator[Location]:
    path = resolve_inside(facts.folder, name)
    if path is not None and path.is_file():
        yield Location(str(facts.folder / name), _TOP)


def _at(span: Span) -> Location:
    return Location(span.file, Range.of(span))
