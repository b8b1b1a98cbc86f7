"""The connection: the columns that Opus expects, read from the file downloaded from Opus.

The file is a template of the request body: under `data` is one object whose keys are the
columns' internal names and whose values name the columns' types (AvePoint's public documentation of
the Opus connector). Published samples carry comments, trailing commas and byte-order marks, so it is
read leniently. It has no options of choice columns: those are in the mapping.
"""

from __future__ import annotations

import json
import re
import uuid
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from opusmap.errors import InvalidMapping
from opusmap.issues import Issue, Severity, Span
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.wording import quote_value

SIZE_LIMIT = 1 << 20
"""Bytes of a connection file that are read at most."""

BUILT_IN = {
    "rowKey": "Row key",
    "leafName": "Name",
    "termFullPath": "Classification",
    "timeCreated": "Created time",
    "timeModified": "Modified time",
    "createdBy": "Created by",
    "modifiedBy": "Modified by",
}
"""Opus's own columns and their display names."""

CLASSIFICATION = "termFullPath"
"""Opus's own column of the term that a record is classified by."""

AS_DOWNLOADED = "use the file as downloaded from Opus > Settings > Connector"

REQUIRED = frozenset(BUILT_IN) - {CLASSIFICATION}
"""Columns that a record can't do without (as the seed of the API states it)."""


class ColumnType(StrEnum):
    """The column types of the Opus connector; `UNKNOWN` is any other."""

    SINGLE_TEXT = "SingleText"
    MULTIPLE_TEXT = "MultipleText"
    DATE_TIME = "DateTime"
    SINGLE_CHOICE = "SingleChoice"
    MULTIPLE_CHOICE = "MultipleChoice"
    PEOPLE = "PeopleOrGroup"
    NUMBER = "Number"
    TAXONOMY = "Taxonomy"
    UNKNOWN = "unknown"


CHOICE_TYPES = (ColumnType.SINGLE_CHOICE, ColumnType.MULTIPLE_CHOICE)
LIST_TYPES = frozenset({ColumnType.MULTIPLE_CHOICE, ColumnType.PEOPLE})
"""Types whose values are lists."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a connection."""

    internal_name: str
    display_name: str
    type: ColumnType
    required: bool = False


@dataclass(frozen=True, slots=True)
class Connection:
    """A connection: its GUID (lower case) and its columns in the file's order.

    `warnings` has one for each column of unknown type, in their order.
    """

    id: str
    columns: tuple[Column, ...]
    path: str = ""
    warnings: tuple[Issue[Span], ...] = ()
    _by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False, hash=False)
    _by_display_name: Mapping[str, list[Column]] = field(init=False, repr=False, compare=False, hash=False)

    def __post_init__(self) -> None:
        by_name = {column.display_name: column for column in reversed(self.columns)}
        by_name.update((column.internal_name, column) for column in self.columns)
        object.__setattr__(self, "_by_name", by_name)
        by_display_name: dict[str, list[Column]] = {}
        for column in self.columns:
            by_display_name.setdefault(column.display_name, []).append(column)
        object.__setattr__(self, "_by_display_name", by_display_name)

    def find(self, name: str) -> Column | None:
        """Return the column with this internal or display name, or None. Internal names win."""
        return self._by_name.get(name)

    def namesakes(self, display_name: str) -> list[Column]:
        """Return all columns with this display name."""
        return self._by_display_name.get(display_name, [])

    def names(self) -> list[str]:
        """Return all display and internal names, for suggestions."""
        return list(self._by_name)

    def with_columns(self, changes: Mapping[str, Mapping[str, Any]]) -> Connection:
        """Return the connection with columns corrected: internal name -> `type` and/or `required`."""
        columns = tuple(
            replace(column, **changes[column.internal_name]) if column.internal_name in changes else column
            for column in self.columns
        )
        unknown = (column for column in self.columns if column.type is ColumnType.UNKNOWN)
        warnings = tuple(
            warning
            for column, warning in zip(unknown, self.warnings, strict=False)
            if "type" not in changes.get(column.internal_name, {})
        )
        return Connection(self.id, columns, self.path, warnings)


def decode_name(internal_name: str) -> str:
    """Return the display name of an internal name.

    A custom column is `_` and its display name, each special character percent-encoded (UTF-8) and
    wrapped in underscores: `_Doc_%20_Type` is "Doc Type".

    >>> decode_name("_Multiple_%20_Choice_%20_Column")
    'Multiple Choice Column'
    >>> decode_name("leafName")
    'Name'
    """
    if internal_name in BUILT_IN:
        return BUILT_IN[internal_name]
    if not internal_name.startswith("_"):
        return internal_name
    # Neighbouring encoded bytes are decoded together: one character may be several bytes.
    encoded = re.compile(r"(?:_(?:%[0-9A-Fa-f]{2})+_)+")
    return encoded.sub(lambda run: unquote(run.group().replace("_", "")), internal_name[1:])


def load_connection(path: str | Path) -> Connection:
    """Read a connection file.

    Raises:
        InvalidMapping: the file can't be read or is not a connection.
    """
    name = str(path)
    try:
        text = read_text(path, SIZE_LIMIT, what="the connection file")
    except UnreadableFile as error:
        code = "connection-unreadable" if error.code == "file-unreadable" else error.code
        hint = error.hint or AS_DOWNLOADED
        if code == "connection-unreadable":
            hint = "download it from Opus > Settings > Connector, and check the name given"
        raise _refuse(name, code, error.message, error.line, hint=hint) from None
    return parse_connection(text, name)


def parse_connection(text: str, path: str = "<connection>") -> Connection:
    """Build a connection from the text of its file; see `load_connection`."""
    try:
        body = json.loads(
            _strict_json(text), object_pairs_hook=lambda pairs: _unique(pairs, text, path), parse_int=str
        )
    except json.JSONDecodeError as error:
        message = f"this is not JSON: {error.msg}"
        raise _refuse(path, "connection-syntax", message, error.lineno, error.colno) from None
    except RecursionError:
        raise _refuse(path, "connection-syntax", "the JSON is nested too deep") from None
    template = body.get("data") if isinstance(body, dict) else None
    if isinstance(template, list):
        template = template[0] if template else None
    if not isinstance(template, dict) or not template:
        raise _refuse(path, "connection-shape", "there is no `data` with the columns and their types")
    try:
        guid = str(uuid.UUID(str(body.get("id"))))
    except ValueError:
        message = f"`id` is not a GUID: {quote_value(body.get('id'))}"
        raise _refuse(path, "connection-shape", message, *_place(text, "id")) from None
    columns: list[Column] = []
    warnings: list[Issue[Span]] = []
    known = {kind.value.casefold(): kind for kind in ColumnType}
    for internal_name, type_name in template.items():
        kind = known.get(str(type_name).casefold(), ColumnType.UNKNOWN)
        if kind is ColumnType.UNKNOWN:
            line, column = _place(text, internal_name)
            message = f"column {quote_value(internal_name)} has the unknown type {quote_value(type_name)}"
            span = Span(path, line, column, line, column + len(internal_name) + 2)
            help_text = (
                "its values are sent as text; `columns:` in the mapping may give it a type: "
                + ", ".join(one for one in ColumnType if one is not ColumnType.UNKNOWN)
            )
            warnings.append(Issue("unknown-type", message, span, help_text, Severity.WARNING))
        columns.append(Column(internal_name, decode_name(internal_name), kind, internal_name in REQUIRED))
    return Connection(guid, tuple(columns), path, tuple(warnings))


_STRING_OR_COMMENT = re.compile(r'"(?:\\.|[^"\\])*"|//[^\n]*|/\*.*?\*/', re.DOTALL)
_STRING_OR_COMMA = re.compile(r'"(?:\\.|[^"\\])*"|,(?=\s*[}\]])', re.DOTALL)


def _strict_json(text: str) -> str:
    """Replace comments, and commas before a closing bracket, by spaces: each position stays the same."""

    def blank(match: re.Match[str]) -> str:
        found = match.group()
        return found if found.startswith('"') else re.sub(r"[^\n]", " ", found)

    return _STRING_OR_COMMA.sub(blank, _STRING_OR_COMMENT.sub(blank, text))


def _unique(pairs: list[tuple[str, Any]], text: str, path: str) -> dict[str, Any]:
    """Return an object of JSON, and refuse a key that occurs twice: which of the two types would count?"""
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = Counter(key for key, _ in pairs).most_common(1)[0][0]
        raise _refuse(path, "repeated-key", f"duplicate key {quote_value(twice)}", *_place(text, twice))
    return found


def _place(text: str, key: str) -> tuple[int, int]:
    """Return line and column of a key in the file's text, (1, 1) where it is spelled with escapes."""
    offset = max(text.find(json.dumps(key, ensure_ascii=False)), 0)
    span = Span.between("", text, offset, offset)
    return span.line, span.column


def _refuse(
    path: str, code: str, message: str, line: int = 1, column: int = 1, hint: str = AS_DOWNLOADED
) -> InvalidMapping:
    span = Span(path, line, column, line, column + 1)
    return InvalidMapping((Issue(code, message, span, hint),))
