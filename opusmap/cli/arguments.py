"""Arguments in the wrong order, or of the wrong kind: what is said before a command reads any of them.

A file is taken for a mapping, a connection or a source by what it holds, and else by its suffix. What is not
clear is left to the command.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from opusmap.errors import SettingsError
from opusmap.safe_files import refuse_irregular
from opusmap.wording import show_command

Kind = Literal["mapping", "connection file", "source", ""]

_HEAD = 1 << 16
"""Bytes of a file that are looked at."""
_MAPPING = re.compile(r"""^(?:\ufeff|\{\s*)?["']?opusmap["']?[ \t]*:""", re.MULTILINE)
_CONNECTION = re.compile(r'"rowKey"\s*:\s*"\w+Text"')
_FIRST = {"init": ("connection", "connection file")}
"""Command -> its first argument and what that is; of all others it is a mapping."""
_SECOND = {"retry": ("file", "file of rejects")}
"""Command -> its other argument and what that is; of all others it is a source."""


def check_arguments(command: str, values: Mapping[str, Any], words: Sequence[str]) -> None:
    """Refuse arguments that are clearly not what their place asks for.

    Args:
        command: its name.
        values: the values of its arguments, by name.
        words: what was typed after the command.

    Raises:
        SettingsError: with the command as it may be meant.
    """
    first_name, first_kind = _FIRST.get(command, ("mapping", "mapping"))
    second_name, second_kind = _SECOND.get(command, ("source", "source"))
    for mapping in values.get("mappings", ()):
        check_arguments(command, {"mapping": mapping}, words)
    first, second, column = values.get(first_name), values.get(second_name), values.get("column")
    if first is None:
        return
    kinds = _find_kind(first), _find_kind(second)
    if column is not None and second is not None and _find_kind(column) == "source" and not kinds[1]:
        problem = f"{column} is a source: the column comes before it"
        raise SettingsError("COLUMN", problem, _show_swapped(command, words, column, second))
    if column is not None and kinds[0] == "" and _find_kind(column) == "mapping":
        problem = f"{column} is a mapping: it comes before the column"
        raise SettingsError("MAPPING", problem, _show_swapped(command, words, first, column))
    if kinds[0] not in (first_kind, ""):
        if kinds[1] == first_kind:
            problem = f"{first} is a {kinds[0]}, and {second} a {kinds[1]}: the {first_kind} comes first"
            raise SettingsError(
                first_name.upper(), problem, _show_swapped(command, words, first, str(second))
            )
        problem = f"{first} is a {kinds[0]}, not a {first_kind}"
        raise SettingsError(first_name.upper(), problem, _HINTS[first_kind, kinds[0]])
    if kinds[1] in ("mapping", "connection file"):
        problem = f"{second} is a {kinds[1]}, not a {second_kind}"
        hint = _FROM if (command, kinds[1]) == ("init", "mapping") else _HINTS[second_kind, ""]
        raise SettingsError(second_name.upper(), problem, hint)


_FROM = "name the file with the rows; an earlier mapping is continued by --from"
_HINTS = {
    ("mapping", "source"): "name the mapping first, then the source: mapping.yaml export.csv",
    ("mapping", "connection file"): "name the mapping; `opusmap init` drafts one from a connection file",
    ("connection file", "source"): "name the connection file first, as downloaded from Opus, then the source",
    (
        "connection file",
        "mapping",
    ): "name the connection file, as downloaded from Opus > Settings > Connector",
    ("source", ""): "name the file with the rows, or leave it out: the mapping names its own",
    (
        "file of rejects",
        "",
    ): "name the file of rejects that a run wrote, or leave it out: the latest is looked for",
}


def find_mappings() -> list[str]:
    """Return the names of the mappings in the working folder, `mapping.yaml` first."""
    names = sorted(path.name for suffix in ("yaml", "yml") for path in Path().glob(f"*.{suffix}"))
    found = [name for name in names if _find_kind(name) == "mapping"]
    return sorted(found, key=lambda name: name != "mapping.yaml")


def _show_swapped(command: str, words: Sequence[str], one: str, other: str) -> str:
    swapped = {one: other, other: one}
    return f"write: {show_command(command, *(swapped.get(word, word) for word in words))}"


def _find_kind(path: str | None) -> Kind:
    """Return what a file is, as far as its beginning shows."""
    from opusmap.sources import all_formats

    if path in (None, "-"):
        return ""
    try:
        refuse_irregular(str(path))
        with Path(str(path)).open("rb") as file:
            head = file.read(_HEAD).decode("utf-8", "replace")
    except (OSError, ValueError):
        return ""
    suffix = Path(str(path).lower().removesuffix(".gz")).suffix
    is_table = any(suffix in one.suffixes for one in all_formats())
    if is_table and suffix not in (".json", ".txt"):
        return "source"
    if _MAPPING.search(head):
        return "mapping"
    if suffix == ".json":  # or it may be a source
        return "connection file" if _CONNECTION.search(head) else ""
    return "source" if is_table else ""
