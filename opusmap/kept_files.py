"""Files that opusmap keeps beside a mapping, as JSON for people and programs: read, and written whole."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from opusmap.errors import SettingsError
from opusmap.output_files import write_whole
from opusmap.safe_files import UnreadableFile, read_text

_SIZE_LIMIT = 1 << 28
_T = TypeVar("_T")


def read_kept(path: str | Path, kind: type[_T], what: str, hint: str, *, unreadable: str = "") -> _T | None:
    """Return what a file holds, None if it is not there.

    Args:
        path: the file.
        kind: what its JSON is read as.
        what: what messages call it, such as `lock`.
        hint: what to do if it is none.
        unreadable: what to do if it can't be read.

    Raises:
        SettingsError: it can't be read, or is none of this version.
    """
    try:
        return msgspec.json.decode(read_text(path, _SIZE_LIMIT, what=f"the {what}"), type=kind)
    except UnreadableFile as error:
        if isinstance(error.__cause__, FileNotFoundError):
            return None
        raise SettingsError(str(path), error.message, error.hint or unreadable) from None
    except (msgspec.MsgspecError, UnicodeError, RecursionError):
        raise SettingsError(str(path), f"this is not a {what} of this version of opusmap", hint) from None


def write_kept(path: Path, content: msgspec.Struct, *, mode: int = 0o600) -> None:
    """Write a file in place of what it was, in one step; `mode` is its permissions.

    Raises:
        SettingsError: it can't be written.
    """
    with write_whole(path, mode=mode, kept=True) as file:
        file.write(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n")
