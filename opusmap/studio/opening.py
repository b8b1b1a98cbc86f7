"""What `opusmap studio` opens: a mapping, a folder, or a mapping drafted from two files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from opusmap.connection import load_connection
from opusmap.converters import Registry
from opusmap.drafting import ROWS_LOOKED_AT, default_output, draft_files, write_files
from opusmap.errors import InvalidMapping, SettingsError
from opusmap.studio.opened_folder import Folder
from opusmap.studio.visit import Studio


def open_studio(
    files: Sequence[Path], converters: Registry | None = None, *, allow_send: bool = False
) -> Studio:
    """Return a studio of some files.

    Args:
        files: none (this folder), a folder, a mapping, or a connection and a source in any order.
        converters: those that mappings may name.
        allow_send: whether records may be sent to an Opus that is not on this machine.

    Raises:
        SettingsError, InvalidMapping, SourceError: they can't be opened, or nothing can be drafted of them.
    """
    if len(files) > 2:  # noqa: PLR2004 - a connection and a source
        raise SettingsError(
            "studio", f"{len(files)} files were named", "name a mapping, or a connection and a source"
        )
    if not files or files[0].is_dir():
        return Studio(Folder(files[0] if files else Path()), converters, allow_send)
    if len(files) == 1:
        if not files[0].is_file():
            raise SettingsError(
                str(files[0]), "this file is not there", "name a mapping, or a folder with mappings"
            )
        folder = Folder(files[0].parent)
        return Studio(folder, converters, allow_send, folder.name_of(files[0]))
    connection, source = tell_apart(*files)
    folder = Folder(connection.parent)
    path = draft_mapping(connection, source, default_output(connection), converters)
    return Studio(folder, converters, allow_send, folder.name_of(path))


def tell_apart(one: Path, other: Path) -> tuple[Path, Path]:
    """Return two files as connection and source, in whichever order they were given.

    Raises:
        SettingsError: neither is a connection, or both are.
        InvalidMapping: the one that may be a connection, by its name, can't be read as one.
    """
    errors: dict[Path, InvalidMapping] = {}
    for path in (one, other):
        try:
            load_connection(path)
        except InvalidMapping as error:
            errors[path] = error
    if not errors:
        problem = f"both {one.name} and {other.name} are connections"
        raise SettingsError("studio", problem, "give a connection, and the file with the records")
    if len(errors) == 1:
        return (other, one) if one in errors else (one, other)
    named = [path for path in errors if path.suffix.lower() == ".json"]
    if len(named) == 1:
        raise errors[named[0]]
    problem = f"neither {one.name} nor {other.name} is a connection"
    raise SettingsError(
        "studio", problem, "one of the two must be the file that Opus gives under Settings > Connector"
    )


def draft_mapping(connection: Path, source: Path, output: Path, converters: Registry | None = None) -> Path:
    """Draft a mapping of two files, by the first rows of the source, and write it; return its file.

    Raises:
        SettingsError: the file is already there. InvalidMapping, SourceError: a file can't be read.
    """
    draft = draft_files(connection, source, output, rows=ROWS_LOOKED_AT, converters=converters)
    return write_files(draft, output, converters=converters).path
