"""From two files to a third: opening both sides, drafting, writing the mapping and the editors' schema.

Owns the names by which a draft calls the files, and never replacing a file unasked.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from opusmap.compiler import compile_mapping, read_mapping
from opusmap.connection import load_connection
from opusmap.drafting.draft import Draft, make_draft, write_draft
from opusmap.drafting.sample_tests import with_tests
from opusmap.drafting.sampling import sample_source
from opusmap.errors import InvalidMapping, SettingsError
from opusmap.issues import Issue, Span
from opusmap.mapping.schema import load_schema
from opusmap.output_files import is_same_file, write_whole
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.sources import is_remote

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
    source: str | Path | None,
    output: str | Path,
    *,
    options: Sequence[str] = (),
    rows: int | None = None,
    decide: Callable[[Draft], Draft] = lambda draft: draft,
) -> Draft:
    """Read both sides and draft the mapping that is to stand in `output`.

    Args:
        connection: the connection's file, in the output's folder or below.
        source: the source; `-` for standard input; None for a database that the options name.
        output: the mapping's file.
        options: keys of the mapping's `source`, each as `key=value`.
        rows: how many rows to look at, at most; None for all.
        decide: what a person says of the draft; it returns the draft with a zone and a date format.

    Raises:
        InvalidMapping: the connection can't be read, or an option is none.
        SourceError: the source can't be read, or none of its rows; its help names options, not a mapping.
        SettingsError: an option can't be read; the connection's file is not in the output's folder, or the
            output is one of the two.
    """
    loaded = load_connection(connection)
    name, named = _names(connection, source, output)
    sample = sample_source(source, options, rows)
    draft = decide(make_draft(loaded, sample.profile, names=(name, named), options=sample.options))
    return with_tests(draft, loaded, sample.rows)


def _names(connection: str | Path, source: str | Path | None, output: str | Path) -> tuple[str, str | None]:
    """Return how the mapping names its connection and its source; None for a source from elsewhere."""
    folder = Path(output).resolve().parent
    name = _inside(folder, connection)
    if name is None:
        problem = f"a mapping in {folder} can't name the connection's file {connection}"
        raise SettingsError(str(output), problem, "put the connection's file beside the mapping, or below")
    if any(one is not None and is_same_file(output, str(one)) for one in (connection, source)):
        raise SettingsError(str(output), "the draft would replace what it is made from", "name another file")
    elsewhere = source is None or str(source) == "-" or is_remote(source)
    return name, None if source is None or elsewhere else _inside(folder, source)


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
