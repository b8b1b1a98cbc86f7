"""What may be written at a position: keys, columns, converters, options, formats, names, files."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import islice
from pathlib import Path as FilePath
from zoneinfo import available_timezones

from opusmap.connection import CHOICE_TYPES
from opusmap.expressions.hints import FUNCTIONS, TESTS
from opusmap.expressions.scope import Scope
from opusmap.language.cursor import Cursor, Path, find_cursor
from opusmap.language.descriptions import (
    as_code,
    describe_converter,
    describe_key,
    describe_table,
    describe_target,
    describe_variable,
    summarize_target,
)
from opusmap.language.facts import Facts
from opusmap.language.positions import Position, Range, TextEdit
from opusmap.language.schema_guide import keys_at, values_at
from opusmap.language.templates import Slot, find_slot
from opusmap.mapping.yaml_writer import in_double_quotes, in_line, quoted
from opusmap.safe_files import resolve_inside
from opusmap.source_options import FORMATS
from opusmap.wording import counted

ANSWERS = 1_000
"""Completions of one position, at most."""
_FILES = 2_000
"""Files of a folder that are looked at, at most."""


class Kind(StrEnum):
    """What a completion is, for the sign that an editor shows beside it."""

    KEY = "key"
    TARGET = "column in Opus"
    SOURCE = "source column"
    CONVERTER = "converter"
    VARIABLE = "variable"
    TABLE = "table"
    OPTION = "option"
    FORMAT = "format"
    FILE = "file"
    VALUE = "value"


@dataclass(frozen=True, slots=True)
class Completion:
    """Something that may be written: what is shown, and the change of the text that writes it.

    `detail` is a few words beside the label, `documentation` Markdown.
    """

    label: str
    kind: Kind
    detail: str
    documentation: str
    edit: TextEdit


@dataclass(frozen=True, slots=True)
class _Offer:
    label: str
    kind: Kind
    detail: str = ""
    documentation: str = ""
    raw: bool = False
    """It is YAML, or an expression, as it is; otherwise the label is written as a scalar."""
    is_key: bool = False


def complete(facts: Facts, position: Position) -> tuple[Completion, ...]:
    """Return what may be written at a position, what fits best first."""
    offset = facts.lines.offset(position)
    cursor = find_cursor(facts.text, offset, facts.tokens)
    if cursor is None or cursor.token.style == "*":
        return ()
    slot = find_slot(cursor.before, facts.text[offset : cursor.token.end])
    if slot is not None:
        return tuple(islice(_in_template(facts, cursor, slot, offset), ANSWERS))
    if cursor.token.style == "|":
        return ()
    place = Range(facts.lines.position(cursor.token.start), facts.lines.position(cursor.token.end))
    found: dict[str, Completion] = {}
    for offer in _offers(facts, cursor):
        if offer.label not in found and not (offer.is_key and offer.label in cursor.siblings):
            found[offer.label] = _completion(facts, cursor, offer, place)
            if len(found) == ANSWERS:
                break
    return tuple(found.values())


_BINDING = 2
"""Keys on the path of a whole binding: `fields`, and the column."""


def _completion(facts: Facts, cursor: Cursor, offer: _Offer, place: Range) -> Completion:
    token, text = cursor.token, offer.label
    new = text if offer.raw else as_scalar(text, token.style)
    if offer.kind is Kind.SOURCE and len(cursor.path) == _BINDING and ("{{" in text or "{%" in text):
        new = in_line({"from": text})  # as it is, it would be read as a template; the edits write the same
    if offer.is_key and not re.match(r"[ \t]*:", facts.text[token.end :]):
        new += ": "
    edit = TextEdit(place.start, place.end, new)
    return Completion(offer.label, offer.kind, offer.detail, offer.documentation, edit)


def as_scalar(text: str, style: str) -> str:
    """Return a text as a scalar in the style of the one that it replaces."""
    if style == "'" and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return in_double_quotes(text) if style == '"' else quoted(text)


def _offers(facts: Facts, cursor: Cursor) -> Iterator[_Offer]:
    """Yield what fits at a position outside of a template."""
    path = cursor.path
    if cursor.token.is_key or cursor.token.is_open:
        yield from (replace(offer, is_key=True) for offer in _names_of_author(facts, path))
        for key, schema in keys_at(path).items():
            title = str(schema.get("title", ""))
            yield _Offer(key, Kind.KEY, title, describe_key(key, schema), raw=True, is_key=True)
        if not cursor.token.is_open:
            return
    for value in values_at(path):
        yield _Offer(value, Kind.VALUE, raw=True)
    yield from _values(facts, path)


def _names_of_author(facts: Facts, path: Path) -> Iterator[_Offer]:
    """Yield the keys that are not the language's: columns, spellings, converters and their arguments."""
    match path:
        case ("fields",) | ("columns",) | ("tests", int(), "expect" | "expect_exact" | "reject"):
            yield from _targets(facts, left=path == ("fields",))
        case ("choices",):
            yield from _targets(facts, only_choices=True, left=True)
        case ("choices", str(column), "aliases"):
            yield from _unknown_values(facts, column)
        case ("tests", int(), "row"):
            yield from _sources(facts)
        case ("fields", str(), "convert") | ("fields", str(), "convert", int()):
            yield from _converters(facts)
        case ("fields", str(), "convert", str(name)) | ("fields", str(), "convert", int(), str(name)):
            converter = facts.registry.find(name)
            for parameter in () if converter is None else converter.parameters:
                yield _Offer(parameter.name, Kind.KEY, parameter.type_name, raw=True)


def _values(facts: Facts, path: Path) -> Iterator[_Offer]:
    match path:
        case ("fields", str(column), *inner):
            yield from _values_of_binding(facts, column, inner)
        case ("source", "each" | "file_column") | ("source", "columns", int()):
            yield from _sources(facts)
        case ("choices", str(column), "aliases", str()):
            yield from _options(facts, column)
        case ("connection",):
            yield from _files(facts, (".json",), first=".connection.json")
        case ("source", "path") | ("tables", str(), "path"):
            yield from _files(facts, _SOURCE_SUFFIXES)
        case ("include", int()):
            yield from _files(facts, (".yaml", ".yml"))
        case ("source" | "tables", *_, "format"):
            yield from (_Offer(name, Kind.VALUE) for name in FORMATS)
        case ("timezone",) | ("target", "timezone"):
            zones = sorted(available_timezones(), key=lambda zone: ("/" not in zone, zone))
            yield from (_Offer(zone, Kind.VALUE) for zone in ("UTC", *zones))


def _values_of_binding(facts: Facts, column: str, inner: list[str | int]) -> Iterator[_Offer]:
    match inner:
        case [] | ["from"] | [int()] | ["from", int()] | [*_, "first_of", int()]:
            yield from _sources(facts)
            yield from _variables(facts)
        case ["convert"] | ["convert", int()]:
            yield from _converters(facts)
        case ["lookup"]:
            yield from _tables(facts)
        case ["format"] | ["format", int()]:
            yield from _formats(facts, facts.bound_columns(column))
        case ["default" | "const"] | ["const", int()]:
            yield from _options(facts, column)


def _variables(facts: Facts) -> Iterator[_Offer]:
    for name, expression in facts.variables.items():
        yield _Offer(name, Kind.VARIABLE, expression[:40], describe_variable(name, expression))


def _targets(facts: Facts, *, only_choices: bool = False, left: bool = False) -> Iterator[_Offer]:
    """Yield the connection's columns; `left`: without those that the section has, by whatever name."""
    if facts.connection is None:
        return
    section = "choices" if only_choices else "fields"
    written = [one.text for one in facts.tokens if one.is_key and one.path == (section,)]
    taken = {column.internal_name for name in written if left and (column := facts.target(name)) is not None}
    columns = [one for one in facts.connection.columns if not only_choices or one.type in CHOICE_TYPES]
    for column in sorted(columns, key=lambda one: not one.required):
        if column.internal_name not in taken:
            unique = facts.connection.find(column.display_name) == column
            name = column.display_name if unique else column.internal_name
            text = describe_target(column, facts.choices(column.internal_name))
            yield _Offer(name, Kind.TARGET, summarize_target(column), text)


def _sources(facts: Facts) -> Iterator[_Offer]:
    for name, described in facts.source_descriptions.items():
        yield _Offer(name, Kind.SOURCE, described.summary, described.text)


def _converters(facts: Facts) -> Iterator[_Offer]:
    for converter in sorted(facts.registry.converters.values(), key=lambda one: one.name):
        detail = converter.signature
        yield _Offer(converter.name, Kind.CONVERTER, detail, describe_converter(converter), raw=True)


def _tables(facts: Facts) -> Iterator[_Offer]:
    for name, entries in facts.tables.items():
        detail = "" if entries is None else counted(entries, "entry", "entries")
        yield _Offer(name, Kind.TABLE, detail, describe_table(name, entries))


def _options(facts: Facts, column: str) -> Iterator[_Offer]:
    choices = facts.choices(column)
    base = 1 if facts.known.spec is None else facts.known.spec.target.choice_base
    for order, option in enumerate(() if choices is None else choices.options, base):
        yield _Offer(str(option), Kind.OPTION, f"order {order}")


def _unknown_values(facts: Facts, column: str) -> Iterator[_Offer]:
    """Yield the source's values that are neither an option nor an alias, the most frequent first."""
    choices = facts.choices(column)
    if choices is None:
        return
    fold = str.casefold if choices.ignore_case else str
    known = {fold(name.strip()) for name in (*choices.options, *choices.aliases)}
    for value, count in facts.values(column).most_common():
        if fold(value) not in known:
            yield _Offer(value, Kind.VALUE, f"not an option, {counted(count, 'time')} in the sample")


def _formats(facts: Facts, columns: Iterable[str]) -> Iterator[_Offer]:
    """Yield the formats that fit the values of source columns."""
    for name in columns:
        profile = facts.source_columns.get(name)
        for date in () if profile is None else profile.dates:
            for pattern in (date.pattern, date.swapped):
                if pattern is None or profile is None:
                    continue
                rival = date.swapped if pattern == date.pattern else date.pattern
                doubt = f", and so does {rival}" if date.swapped is not None else ""
                detail = f"fits {date.count:,} of {profile.filled:,} values{doubt}"
                text = "Samples: " + ", ".join(map(as_code, profile.examples[:3]))
                yield _Offer(pattern, Kind.FORMAT, detail, text)


_SOURCE_SUFFIXES = (
    *(".csv", ".tsv", ".txt", ".gz", ".jsonl", ".ndjson", ".json", ".parquet"),
    *(".xlsx", ".xlsm", ".xlsb", ".xls", ".ods", ".sqlite", ".sqlite3", ".db"),
)


def _files(facts: Facts, suffixes: tuple[str, ...], first: str = "") -> Iterator[_Offer]:
    """Yield files beside the mapping and one folder below, with one of some suffixes."""
    found: list[str] = []
    for path in islice(_walk(facts.folder), _FILES):
        name = path.relative_to(facts.folder).as_posix()
        fits = path.suffix.lower() in suffixes and path.name != FilePath(facts.path).name
        if fits and resolve_inside(facts.folder, name) is not None:
            found.append(name)
    for name in sorted(found, key=lambda one: (not (first and one.endswith(first)), "/" in one, one)):
        yield _Offer(name, Kind.FILE)


def _walk(folder: FilePath) -> Iterator[FilePath]:
    try:
        entries = sorted(islice(folder.iterdir(), _FILES))
        yield from (entry for entry in entries if entry.is_file())
        for inner in entries:
            if inner.is_dir() and not inner.is_symlink() and not inner.name.startswith("."):
                yield from (entry for entry in islice(inner.iterdir(), _FILES) if entry.is_file())
    except OSError:  # a folder that can't be read, or is gone: there is nothing to offer
        return


def _in_template(facts: Facts, cursor: Cursor, slot: Slot, offset: int) -> Iterator[Completion]:
    """Yield what fits in a template, each as a change of what is being written of it."""
    start = facts.lines.position(offset - len(slot.word))
    end = facts.lines.position(offset + slot.after)
    scope = Scope(None, later=facts.variables.keys() | facts.tables.keys())
    for offer in _template_offers(facts, slot):
        new = offer.label
        if offer.kind is Kind.SOURCE and slot.kind == "name":
            new = scope.write(new)
        if slot.kind == "text" and (slot.quote in new or "\\" in new):
            continue  # the quotes that are there already do not fit
        new = in_style(new, cursor.token.style)
        yield Completion(
            offer.label, offer.kind, offer.detail, offer.documentation, TextEdit(start, end, new)
        )


def _template_offers(facts: Facts, slot: Slot) -> Iterator[_Offer]:
    if slot.kind == "converter":
        yield from _converters(facts)
    elif slot.kind == "test":
        yield from (_Offer(name, Kind.VALUE) for name in TESTS if name.isalpha())
    elif slot.kind == "name":
        yield from _sources(facts)
        yield from _variables(facts)
        yield from _tables(facts)
        yield from (_Offer(name, Kind.CONVERTER, "function") for name in FUNCTIONS)
        yield _Offer("row.number", Kind.VALUE, "the row's number, as a spreadsheet shows it")
        yield _Offer("row.file", Kind.VALUE, "the name of the row's file")
    elif slot.function == "row":
        yield from _sources(facts)
    elif slot.function in ("datetime", "date"):
        yield from _formats(facts, [slot.value])
    elif slot.function == "map":
        yield from _converters(facts)
    elif slot.function in ("choice_order", "choice_orders"):
        yield from _targets(facts, only_choices=True)


def in_style(expression: str, style: str) -> str:
    """Return a part of a template as it is written in a scalar of this style."""
    if style == "'":
        return expression.replace("'", "''")
    return expression.replace("\\", "\\\\").replace('"', '\\"') if style == '"' else expression
