"""Files of holds: the rowKeys of records that must not be destroyed, one on each line, and why.

    BP-0104<tab>access request 12/3
    BP-0107

A rowKey may itself have a tab, so the whole line counts as a key, too: a record may be held that need not be,
but never the other way round.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from opusmap.errors import DestructionRefused
from opusmap.safe_files import UnreadableFile, read_bytes
from opusmap.wording import quote_value

_HOLD_LIMIT = 1 << 28
NAMED = 10
"""Records that a message names at most."""
_REASON = "\t"
"""What is between a rowKey and the reason why it is held."""


@dataclass(frozen=True, slots=True)
class HoldFile:
    """What a file of holds has: its lines, and by rowKey why it is held ("" where no reason is given)."""

    reasons: Mapping[str, str]
    lines: frozenset[str]

    def find(self, keys: Collection[str]) -> dict[str, str]:
        """Return which of these rowKeys are held, with the reasons, in their order."""
        return {key: self.reasons.get(key, "") for key in keys if key in self.reasons or key in self.lines}


def read_hold(path: str | Path) -> HoldFile:
    """Read a file of holds in UTF-8; empty lines don't count.

    Raises:
        DestructionRefused: it can't be read.
    """
    try:
        text = read_bytes(path, _HOLD_LIMIT).decode("utf-8-sig")
    except UnreadableFile as error:
        help_text = "nothing goes on without it: put it back, or name another file"
        raise DestructionRefused(str(path), error.message, help_text) from None
    except UnicodeDecodeError:
        raise DestructionRefused(
            str(path), "this is not UTF-8", "save it as UTF-8, a key on each line"
        ) from None
    lines = frozenset(line.strip() for line in text.split("\n") if line.strip())
    parts = (line.partition(_REASON) for line in sorted(lines))
    return HoldFile({key.strip(): reason.strip() for key, _, reason in parts}, lines)


class HoldWatch:
    """Watches files of holds for a change by which one of some rowKeys is held."""

    def __init__(self, paths: Iterable[str], keys: Collection[str]) -> None:
        """Begin with files and rowKeys, none of which they hold."""
        self._keys = keys
        self._seen = {path: _look_at(path) for path in paths}
        self.problem = ""

    def find_problem(self) -> str:
        """Return which rowKey is held now, and by which file, in words; nothing if none is.

        A file that can't be read any more is a problem, too. Once there is one, it stays.
        """
        for path, before in self._seen.items():
            if not self.problem and (now := _look_at(path)) != before:
                self._seen[path] = now
                self.problem = self._read(path)
        return self.problem

    def _read(self, path: str) -> str:
        try:
            held = read_hold(path).find(self._keys)
        except DestructionRefused as error:
            return f"{path}: {error.problem}"
        return "; ".join(f"{quote_value(key)} is held by {path}" for key in islice(held, NAMED))


def _look_at(path: str) -> tuple[int, ...]:
    try:
        state = Path(path).stat()
    except OSError:
        return ()
    return state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino


def encode_hold(path: str | Path, keys: Mapping[str, str]) -> bytes:
    """Return the content of a file of holds, which `read_hold` reads: rowKeys with their reasons, or "".

    Raises:
        DestructionRefused: a key can't be a line, so a plan would not know it again.
    """
    return b"".join([_write_line(key, reason, str(path)) for key, reason in keys.items()])


def _write_line(key: str, reason: str, path: str) -> bytes:
    try:
        line = key.encode()
    except UnicodeEncodeError:
        line = b""
    if not line or key.strip() != key or "\n" in key or _REASON in key or key.startswith("\ufeff"):
        problem = f"the row key {quote_value(key)} can't be a line of a file of holds"
        raise DestructionRefused(path, problem, "make no plan before it is corrected")
    words = " ".join(reason.split())
    return line + (f"{_REASON}{words}".encode("utf-8", "backslashreplace") if words else b"") + b"\n"
