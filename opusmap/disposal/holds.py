"""Files of holds: the rowKeys of records that must not be destroyed, one on each line."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from opusmap.errors import DestructionRefused
from opusmap.safe_files import UnreadableFile, read_bytes
from opusmap.wording import quote_value

_HOLD_LIMIT = 1 << 28


def read_hold(path: str | Path) -> frozenset[str]:
    """Return the rowKeys of a file of holds: one on each line, in UTF-8; empty lines don't count.

    Raises:
        DestructionRefused: it can't be read.
    """
    try:
        text = read_bytes(path, _HOLD_LIMIT).decode("utf-8-sig")
    except UnreadableFile as error:
        raise DestructionRefused(str(path), error.message, "a hold that can't be read stops all") from None
    except UnicodeDecodeError:
        raise DestructionRefused(
            str(path), "this is not UTF-8", "save it as UTF-8, a key on each line"
        ) from None
    return frozenset(line.strip() for line in text.split("\n") if line.strip())


def encode_hold(path: str | Path, keys: Iterable[str]) -> bytes:
    """Return the content of a file of holds, which `read_hold` reads.

    Raises:
        DestructionRefused: a key can't be a line, so a plan would not know it again.
    """
    return b"".join([_write_line(key, str(path)) for key in keys])


def _write_line(key: str, path: str) -> bytes:
    try:
        line = key.encode()
    except UnicodeEncodeError:
        line = b""
    if not line or key.strip() != key or "\n" in key or key.startswith("\ufeff"):
        problem = f"the row key {quote_value(key)} can't be a line of a file of holds"
        raise DestructionRefused(path, problem, "make no plan before it is corrected")
    return line + b"\n"
