"""From two files to a third: opening both sides, drafting, writing the mapping and the editors' schema.

Owns the names of the files in a draft, and never replaces a file without `force`.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from opusmap.compiler import compile_mapping, read_mapping
from opusmap.connection import Connection, load_connection
from opusmap.converters import Registry
from opusmap.converters.plugins import all_converters
from opusmap.drafting.draft import Draft, make_draft, write_draft
from opusmap.drafting.earlier import Earlier, carry_over, read_earlier
from opusmap.drafting.sample_tests import with_tests
from opusmap.drafting.sampling import Sample, sample_source
from opusmap.errors import InvalidMapping, SettingsError
from opusmap.issues import Issue, Span
from opusmap.mapping.schema import load_schema
from opusmap.output_files import is_same_file, write_whole
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.sources import is_remote

ROWS_LOOKED_AT = 50_000
"""Rows of a source that a draft looks at if nothing else is said."""

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
    source: str | Path | None,
    output: str | Path,
    *,
    options: Sequence[str] = (),
    rows: int | None = None,
    earlier: str | Path | None = None,
    converters: Registry | None = None,
    decide: Callable[[Draft], Draft] = lambda draft: draft,
) -> Draft:
    """Read both sides and draft the mapping that is written to `output`.

    Args:
        connection: the connection's file, in the output's folder or below.
        source: the source; `-` for standard input; None for a database that the options name.
        output: the mapping's file.
        options: keys of the mapping's `source`, each as `key=value`.
        rows: how many rows to look at, at most; None for all.
        earlier: the file of a mapping that the draft continues.
        converters: the converters that it may name; by default the built-in and the installed ones.
        decide: what a person says of the draft; it returns the draft with a zone and a date format.

    Raises:
        InvalidMapping: the connection or the earlier mapping can't be read, or an option is none.
        SourceError: the source can't be read, or none of its rows; its help names options, not a mapping.
        SettingsError: an option can't be read; the connection's file is not in the output's folder, or the
            output is one of the two.
    """
    loaded = load_connection(connection)
    name, named = _names(connection, source, output)
    if earlier is not None:
        before = read_earlier(earlier, output)
        sample = sample_source(source, options, rows, before.spec.source)
        registry = all_converters() if converters is None else converters
        return _continue(before, loaded, sample, registry, (name, named), decide)
    sample = sample_source(source, options, rows)
    draft = make_draft(loaded, sample.profile, names=(name, named), options=sample.options)
    draft = decide(replace(draft, total_row=sample.total_row))
    return with_tests(draft, loaded, sample.rows)


def _continue(
    earlier: Earlier,
    connection: Connection,
    sample: Sample,
    registry: Registry,
    names: tuple[str, str | None],
    decide: Callable[[Draft], Draft],
) -> Draft:
    """Return the draft that continues a mapping; what that says of times is not asked again."""
    profile, options, spec = sample.profile, sample.options, earlier.spec
    times: tuple[str | None, str | None] = (None, None)
    while True:
        carried = carry_over(
            earlier, connection, profile, registry, names=names, options=options, times=times
        )
        zone = None if spec.timezone is None else str(spec.timezone)
        draft = Draft(
            *names,
            profile,
            tuple(match for match, _ in carried.drafted),
            tuple(binding for _, binding in carried.drafted),
            (),
            options=options,
            timezone=zone,
            datetime_format=spec.target.datetime_format,
            carried=carried,
        )
        decided = decide(draft)
        given = decided.timezone, decided.datetime_format
        if times != (None, None) or given == (draft.timezone, draft.datetime_format):
            return draft
        times = given


def _names(connection: str | Path, source: str | Path | None, output: str | Path) -> tuple[str, str | None]:
    """Return how the mapping names its connection and its source; None for a source from elsewhere."""
    folder = Path(output).resolve().parent
    name = _inside(folder, connection)
    if name is None:
        problem = f"a mapping in {folder} can't name the connection's file {connection}"
        raise SettingsError(str(output), problem, "put the connection's file beside the mapping, or below")
    if any(one is not None and is_same_file(output, str(one)) for one in (connection, source)):
        raise SettingsError(str(output), "the draft would overwrite one of its inputs", "name another file")
    elsewhere = source is None or str(source) == "-" or is_remote(source)
    return name, None if source is None or elsewhere else _inside(folder, source)


def refuse_existing(output: str | Path) -> None:
    """Refuse to write a draft to a file that is there already.

    Raises:
        SettingsError: it is.
    """
    if os.path.lexists(output):
        raise SettingsError(str(output), "the file already exists", "name another with -o, or use --force")


def write_files(
    draft: Draft, output: str | Path, *, force: bool = False, converters: Registry | None = None
) -> Drafted:
    """Write a draft, and the schema beside it; say what `check` finds.

    Raises:
        SettingsError: the file already exists (and not `force`), or it can't be written.
    """
    path = Path(output)
    if not force:
        refuse_existing(path)
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
    return Drafted(draft, path, _examine(path, draft, converters), schema, written)


def _examine(path: Path, draft: Draft, converters: Registry | None) -> tuple[Issue[Span], ...]:
    try:
        spec, connection = read_mapping(path)
        return compile_mapping(spec, connection, converters, draft.profile.row_columns).warnings
    except InvalidMapping as error:
        return error.diagnostics


def _inside(folder: Path, file: str | Path) -> str | None:
    """Return how a mapping in a folder names a file, or None if it is not in the folder or below."""
    path = Path(file).resolve()
    return path.relative_to(folder).as_posix() if path.is_relative_to(folder) else None
