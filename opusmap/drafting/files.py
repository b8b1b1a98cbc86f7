"""From two files to a third: opening both sides, drafting, writing the mapping and the editors' schema.

Owns the names by which a draft calls the files, and never replacing a file unasked.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from opusmap.compiler import compile_mapping, read_mapping
from opusmap.connection import load_connection
from opusmap.drafting.draft import Draft, make_draft, write_draft
from opusmap.drafting.sample_tests import ROWS_TRIED, with_tests
from opusmap.drafting.yaml_writer import in_line
from opusmap.errors import InvalidMapping, SettingsError, SourceError
from opusmap.issues import Issue, Span
from opusmap.mapping import SourceOptions, parse_spec
from opusmap.mapping.schema import load_schema
from opusmap.mapping.yaml_reader import parse_yaml, plain_data
from opusmap.output_files import is_same_file, write_whole
from opusmap.profile import profile_source
from opusmap.records import Reject, Row
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.sources import Source, is_remote, open_with, unreadable_row
from opusmap.sources.database import open_database
from opusmap.sources.header import FIND

__all__ = ["Drafted", "default_output", "draft_files", "write_files"]

_SCHEMA_FILE = "opusmap.schema.json"
"""The file beside a draft by which an editor completes and checks it, without the network."""


@dataclass(frozen=True, slots=True)
class Drafted:
    """A draft in its file; what `check` says of it; the schema's file, and whether it was replaced."""

    draft: Draft
    path: Path
    diagnostics: tuple[Issue[Span], ...]
    schema: Path
    schema_written: bool


def default_output(connection: str | Path) -> Path:
    """Return where a draft goes if nothing else is said: beside the connection's file."""
    return Path(connection).parent / "mapping.yaml"


def draft_files(
    connection: str | Path,
    source: str | Path,
    output: str | Path,
    *,
    options: Sequence[str] = (),
    rows: int | None = None,
) -> Draft:
    """Read both sides and draft the mapping that is to stand in `output`.

    Args:
        connection: the connection's file, in the output's folder or below.
        source: the source; `-` for standard input.
        output: the mapping's file.
        options: keys of the mapping's `source`, each as `key=value`.
        rows: how many rows to look at, at most; None for all.

    Raises:
        InvalidMapping: the connection can't be read, or an option is none.
        SourceError: the source can't be read, or none of its rows; its help names options, not a mapping.
        SettingsError: an option can't be read; the connection's file is not in the output's folder, or the
            output is one of the two.
    """
    loaded = load_connection(connection)
    folder = Path(output).resolve().parent
    name = _inside(folder, connection)
    if name is None:
        problem = f"a mapping in {folder} can't name the connection's file {connection}"
        raise SettingsError(str(output), problem, "put the connection's file beside the mapping, or below")
    if any(is_same_file(output, str(file)) for file in (connection, source)):
        raise SettingsError(str(output), "the draft would replace what it is made from", "name another file")
    given = dict(_option(one) for one in options)
    try:
        with _open(source, given) as opened:
            watched = _SamplingSource(opened)
            profile = profile_source(watched, rows)
            if watched.rejected is not None and not profile.rows:
                raise unreadable_row(opened, watched.rejected)
    except SourceError as error:
        raise replace(error, help=_as_options(error.help)) from None
    if (opened.header_row or 1) > 1:
        given["header_row"] = opened.header_row
    elsewhere = str(source) == "-" or is_remote(source)
    named = None if elsewhere else _inside(folder, source)
    draft = make_draft(loaded, profile, names=(name, named), options=given)
    return with_tests(draft, loaded, watched.first)


def write_files(draft: Draft, output: str | Path, *, force: bool = False) -> Drafted:
    """Write a draft, and the schema beside it; say what `check` finds.

    Raises:
        SettingsError: there is a file already (and not `force`), or it can't be written.
    """
    path = Path(output)
    if not force and os.path.lexists(path):
        raise SettingsError(str(path), "there is a file already", "name another with -o, or use --force")
    with write_whole(path) as file:
        file.write(write_draft(draft).encode("utf-8"))
    schema = path.parent / _SCHEMA_FILE
    text = json.dumps(load_schema(), indent=2, ensure_ascii=False) + "\n"
    try:
        written = read_text(schema, 2 * len(text)) != text
    except UnreadableFile:
        written = True
    if written:
        with write_whole(schema) as file:
            file.write(text.encode("utf-8"))
    return Drafted(draft, path, _examine(path, draft), schema, written)


def _examine(path: Path, draft: Draft) -> tuple[Issue[Span], ...]:
    spec, connection = read_mapping(path)
    try:
        return compile_mapping(spec, connection, columns=draft.profile.row_columns).warnings
    except InvalidMapping as error:
        return error.diagnostics


def _inside(folder: Path, file: str | Path) -> str | None:
    """Return how a mapping in a folder names a file, or None if it is not in the folder or below."""
    path = Path(file).resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else None


_OPTION = re.compile(r"([a-z_]+)=(.*)", re.DOTALL)


def _option(text: str) -> tuple[str, Any]:
    found = _OPTION.fullmatch(text)
    if found is None:
        raise SettingsError(
            "--set", f"{text!r} is not of the form key=value", "for example --set header_row=3"
        )
    key, value = found.groups()
    if len(value) > 1 and value[0] in "[\"'":
        try:
            data = parse_yaml(value, "--set").data
        except InvalidMapping as error:
            problem = f"{text!r} is not YAML: {error.diagnostics[0].message}"
            hint = f"""put the whole into quotes for the shell, such as --set "{key}=['A', 'B']\""""
            raise SettingsError("--set", problem, hint) from None
        return key, data if data is None else plain_data(data)
    if key in _LISTS:
        return key, [item.strip() for item in value.split(",")]
    return key, int(value) if value.isascii() and value.isdigit() and key == "header_row" else value


_LISTS = ("columns", "empty")
_KEYS = "|".join(field.name for field in fields(SourceOptions))
_LINE = re.compile(rf"(?:(write|remove) )?`({_KEYS})(?:: ([^`]+))?`(?: (?:under|from) `source:`)?")


def _as_options(help: str) -> str:
    """Return the help of a source's error for `init`, which has no mapping to write the lines into yet."""

    def as_option(line: re.Match[str]) -> str:
        verb = "" if line[1] is None else "remove " if line[1] == "remove" else "add "
        return f"""{verb}`--set "{line[2]}={line[3] or "…"}"`"""

    text = help.replace(", or in `source.path` of the mapping", "").replace("see `source:`", "")
    return _LINE.sub(as_option, text)


def _open(source: str | Path, options: Mapping[str, Any]) -> Source:
    """Open a source as the mapping will, with the options that will stand in it."""
    text = f"opusmap: 1\nconnection: c\nsource: {in_line(dict(options))}\nfields: {{rowKey: Key}}\n"
    spec = parse_spec(text, "--set")
    if spec.problems:
        raise InvalidMapping(spec.problems)
    if spec.source.database is not None:
        return open_database(spec.source.database, spec.source.sql, "--set")
    looked_for = FIND if spec.source.header_row is None and not spec.source.columns else None
    return open_with(source, replace(spec.source, header_row=spec.source.header_row or looked_for))


class _SamplingSource(Source):
    """A source that keeps its first rows while they are read, as some sources can be read only once."""

    def __init__(self, source: Source) -> None:
        self.name, self.columns, self.notes = source.name, source.columns, source.notes
        self.first: list[Row] = []
        self.rejected: Reject | None = None
        """The first row that can't be read."""
        self._source = source

    def rows(self) -> Iterator[Row | Reject]:
        for row in self._source.rows():
            if isinstance(row, Reject):
                self.rejected = self.rejected or row
            elif len(self.first) < ROWS_TRIED:
                self.first.append(row)
            yield row
