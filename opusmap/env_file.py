"""Reads a `.env` file, and the small files that settings name; errors quote nothing of them.

Which settings a `.env` file may contain is checked here; what their values mean, in `settings`.
"""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Collection, Mapping
from pathlib import Path

from dotenv.parser import parse_stream

from opusmap.errors import SettingsError
from opusmap.safe_files import UnreadableFile, read_text
from opusmap.wording import quote_value, suggest

_ENVIRONMENT_ALONE = re.compile(r"OPUSMAP_(?:DATABASE|WEBHOOK|METRICS|TRUST|PROXY|CA)(?:_.*)?")
"""Variables that are read outside the settings, now or later, and that no `.env` file may set."""
_FILE_LIMIT = 1 << 16
"""Bytes of a `.env` or a secret's file that are read at most."""

_log = logging.getLogger("opusmap.settings")


def read_env_file(
    path: Path, allowed: Collection[str], settings: Collection[str]
) -> Mapping[str, str | None]:
    """Return opusmap's settings in a `.env` file as they are written: `${NAME}` is not replaced.

    Other programs' names are left alone; none becomes a variable of the environment. Of the `settings`, by
    their names in lower case, only those `allowed` may be in it.

    Raises:
        SettingsError: it can't be read, sets a name twice, or sets one that is not allowed.
    """
    if path.is_dir() or not os.path.lexists(path):
        return {}
    found: dict[str, str | None] = {}
    for binding in parse_stream(io.StringIO(read_small_text(path, ".env"))):
        if binding.error:
            _log.warning(".env, line %d: not NAME=value, so the line is ignored", binding.original.line)
        if binding.key is None or not binding.key.upper().startswith("OPUSMAP_"):
            continue
        if binding.key in found:
            raise SettingsError(f"{binding.key} in .env", "it is set twice", "remove one of the two")
        found[binding.key] = binding.value
    for name in found:
        _check_name(name, allowed, settings)
    return found


def _check_name(variable: str, allowed: Collection[str], settings: Collection[str]) -> None:
    """Refuse a setting that a `.env` file may not set; warn about an unknown one."""
    name = next((each for each in settings if f"OPUSMAP_{each.upper()}" == variable), None)
    if name in allowed:
        return
    if name is not None or _ENVIRONMENT_ALONE.fullmatch(variable):
        raise SettingsError(
            f"{variable} in .env",
            "a .env file can come with a mapping from a stranger, so it can't set this",
            f"set {variable} as an environment variable",
        )
    hint = suggest(variable, [f"OPUSMAP_{each.upper()}" for each in allowed])
    shown = quote_value(variable)
    _log.warning(".env: unknown setting %s is ignored%s", shown, f"; {hint}" if hint else "")


def read_small_text(path: Path, blame: str, *, devices: bool = False) -> str:
    """Return the text of a file of at most 64 KB; `blame` is the setting that errors name.

    Unless `devices` are allowed, a FIFO or a device is refused.

    Raises:
        SettingsError: it can't be read, is too large, or is not UTF-8 text.
    """
    try:
        return read_text(path, _FILE_LIMIT, devices=devices)
    except UnreadableFile as error:
        raise SettingsError(blame, error.message, error.hint) from None
