"""Opens the source of a draft as the mapping will, with options of the command line; keeps its first rows.

Owns reading `--set`, and errors that name options instead of lines of a mapping.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from opusmap.drafting.sample_tests import ROWS_TRIED
from opusmap.errors import InvalidMapping, SettingsError, SourceError
from opusmap.mapping import SourceOptions, parse_spec
from opusmap.mapping.yaml_reader import parse_yaml, plain_data
from opusmap.mapping.yaml_writer import in_line
from opusmap.profile import SourceProfile, profile_source
from opusmap.profile.totals import find_total
from opusmap.records import Reject, Row
from opusmap.sources import Source, open_with, unreadable_row
from opusmap.sources.database import list_tables, open_database
from opusmap.sources.header import FIND
from opusmap.sources.sqlite import list_sqlite_tables

_TABLES_TOLD = 30
_DEFAULTS = SourceOptions()


@dataclass(frozen=True, slots=True)
class Sample:
    """What was seen of a source: its profile, its first rows, and the keys of `source` that it needs.

    `total_row` are the column and the text that say that the last row is a total, if it seems to be.
    """

    profile: SourceProfile
    rows: tuple[Row, ...]
    options: Mapping[str, Any]
    total_row: tuple[str, str] | None = None


def sample_source(
    source: str | Path | None, options: Sequence[str], rows: int | None, earlier: SourceOptions = _DEFAULTS
) -> Sample:
    """Look at a source.

    Args:
        source: the source; `-` for standard input; None for a database that the options name.
        options: keys of the mapping's `source`, each as `key=value`.
        rows: how many rows to look at, at most; None for all.
        earlier: the options that an earlier mapping gives, where these do not.

    Raises:
        InvalidMapping: an option is none.
        SettingsError: an option can't be read, or there is no source, or there are two.
        SourceError: the source can't be read, or none of its rows; its help names options, not a mapping.
    """
    given = dict(map(_option, options))
    merged = _merged(given, earlier)
    if source is None and merged.database is None:
        hint = "name a file, or a database by --set database=OPUSMAP_DATABASE --set sql=SELECT…"
        raise SettingsError("SOURCE", "no source is given", hint)
    if source is not None and merged.database is not None:
        problem = f"there are two sources, {source} and the database in {merged.database}"
        raise SettingsError("SOURCE", problem, "name one of them")
    try:
        with _open(source, merged) as opened:
            watched = _SamplingSource(opened)
            profile = profile_source(watched, rows)
            if watched.rejected is not None and not profile.rows:
                raise unreadable_row(opened, watched.rejected)
    except SourceError as error:
        tables = _tables_of(source, merged) if error.code == "no-query" else ""
        raise replace(error, help=_as_options(error.help) + tables) from None
    if (opened.header_row or 1) > 1:
        given["header_row"] = opened.header_row
    last = watched.last if profile.whole and profile.rows > 1 else None
    total_row = find_total(last.values) if isinstance(last, Row) else None
    return Sample(profile, tuple(watched.first), given, total_row)


def _merged(given: Mapping[str, Any], earlier: SourceOptions) -> SourceOptions:
    text = f"opusmap: 1\nconnection: c\nsource: {in_line(dict(given))}\nfields: {{rowKey: Key}}\n"
    spec = parse_spec(text, "--set")
    if spec.problems:
        raise InvalidMapping(spec.problems)
    return replace(earlier, **{key: getattr(spec.source, key) for key in given})


def _open(source: str | Path | None, options: SourceOptions) -> Source:
    """Open a source as the mapping will, with the options that it will contain."""
    if source is None:
        return open_database(str(options.database), options.sql, "--set")
    looked_for = FIND if options.header_row is None and not options.columns else None
    return open_with(source, replace(options, header_row=options.header_row or looked_for))


def _tables_of(source: str | Path | None, options: SourceOptions) -> str:
    """Return what a query may select from, as the end of a help; nothing where that can't be read."""
    found: tuple[str, ...] = ()
    with suppress(SourceError):
        if source is None:
            found = list_tables(str(options.database), "--set")
        else:
            found = list_sqlite_tables(Path(source), str(source))
    more = ", …" if len(found) > _TABLES_TOLD else ""
    return f"; its tables: {', '.join(found[:_TABLES_TOLD])}{more}" if found else ""


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
            hint = f"""put all of it in quotes for the shell, such as --set "{key}=['A', 'B']\""""
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


class _SamplingSource(Source):
    """A source that keeps its first rows while they are read, as some sources can be read only once."""

    def __init__(self, source: Source) -> None:
        self.name, self.columns, self.notes = source.name, source.columns, source.notes
        self.first: list[Row] = []
        self.rejected: Reject | None = None
        """The first row that can't be read."""
        self.last: Row | Reject | None = None
        """The last row that was read."""
        self._source = source

    def rows(self) -> Iterator[Row | Reject]:
        for row in self._source.rows():
            if isinstance(row, Reject):
                self.rejected = self.rejected or row
            elif len(self.first) < ROWS_TRIED:
                self.first.append(row)
            self.last = row
            yield row
