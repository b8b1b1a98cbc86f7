"""Reading Opus's answers: which records were taken, which failed, and what stays unclear.

Pure. An answer that does not say for certain what became of each record is uncertain, never done.
What to do about a refusal is decided in `retry`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

__all__ = ["Outcome", "read_answer"]

_TAKEN = frozenset({200, 201})
_EXCEPTIONS = 418
"""Processed with exceptions: `failedItems` names the records that failed (AvePoint's documentation)."""

_STATUS = re.compile(r"[2-5][0-9][0-9]")
_UNREADABLE = 299
"""Stands for a body's status that can't be read: worse than the documented successes, and no refusal."""

_KEY_NAMES = ("rowkey", "row_key", "key", "id")
_REASON_NAMES = ("message", "error", "errormessage", "reason", "description")
_REASON_LIMIT = 300
"""Characters of Opus's own words that are kept."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an answer says. `settled`: every record is either in `taken` or in `failed` (rowKey -> reason).

    `status` is the worse of the HTTP status and the body's; `message` is what Opus said. An answer that
    is `uncertain` should have told what became of the records, and does not; one that is neither
    settled nor uncertain refused the request as a whole.
    """

    status: int
    taken: tuple[str, ...] = ()
    failed: Mapping[str, str] = field(default_factory=dict)
    uncertain: bool = False
    message: str = ""

    @property
    def settled(self) -> bool:
        """Whether the answer tells what became of each record."""
        return bool(self.taken or self.failed)


def read_answer(status: int, body: bytes, keys: Sequence[str]) -> Outcome:
    """Return what an answer says about the records with these rowKeys.

    Args:
        status: the HTTP status.
        body: the answer's body, whatever came.
        keys: the request's rowKeys, at least one, each once.
    """
    content = _read_json(body)
    said = _lower_keys(content) if isinstance(content, dict) else None
    worse = _worse(status, said.get("statuscode")) if said is not None else status
    message = _plain(said.get("message")) if said is not None else ""
    if worse not in _TAKEN and worse != _EXCEPTIONS:
        processed = 200 <= worse < 300  # noqa: PLR2004 - another success than the documented ones
        return Outcome(worse, uncertain=processed, message=message)
    if said is None:
        return Outcome(worse, uncertain=True, message="the answer is not the documented JSON")
    items = said.get("faileditems") or []
    if items or worse == _EXCEPTIONS:
        return _read_exceptions(items, keys, message)
    return Outcome(worse, taken=tuple(keys), message=message)


def _read_exceptions(items: Any, keys: Sequence[str], message: str) -> Outcome:
    """Match `failedItems` with the records; what can't be matched makes the whole answer uncertain."""
    if not isinstance(items, list) or not 0 < len(items) <= len(keys):
        return Outcome(_EXCEPTIONS, uncertain=True, message="`failedItems` does not name the records")
    known, failed = set(keys), dict[str, str]()
    for item in items:
        key, reason = _read_item(item)
        if key not in known:
            return Outcome(_EXCEPTIONS, uncertain=True, message="`failedItems` names what was not sent")
        failed.setdefault(key, reason or message or "Opus gave no reason")
    taken = tuple(key for key in keys if key not in failed)
    return Outcome(_EXCEPTIONS, taken, failed, message=message)


def _read_item(item: Any) -> tuple[str | None, str]:
    """Return the rowKey and the reason of one element, whose shape is undocumented."""
    if not isinstance(item, dict):
        return _as_key(item), ""
    said = _lower_keys(item)
    key = next((_as_key(said[name]) for name in _KEY_NAMES if name in said), None)
    return key, next((text for name in _REASON_NAMES if (text := _plain(said.get(name)))), "")


def _as_key(value: Any) -> str | None:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return value if isinstance(value, str) else None


def _worse(status: int, said: Any) -> int:
    """Return the worse of two statuses. One that can't be read leaves the other, or spoils a success."""
    if said is None:
        return status
    text = str(said) if isinstance(said, int | str) and not isinstance(said, bool) else ""
    return max(status, int(text) if _STATUS.fullmatch(text) else _UNREADABLE, key=_badness)


def _badness(status: int) -> tuple[int, int]:
    """Order statuses: taken, another success, processed with exceptions, refused, server trouble."""
    ranks = {200: 0, 201: 0, _EXCEPTIONS: 2}
    return ranks.get(status, max(1, 2 * (status // 100) - 3)), status


def _read_json(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body.removeprefix(b"\xef\xbb\xbf"))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _lower_keys(content: dict[str, Any]) -> dict[str, Any]:
    return {name.casefold(): value for name, value in content.items()}


def _plain(value: Any) -> str:
    """Return Opus's words as one printable line of bounded length; whatever is not text, as JSON."""
    if value is None:
        return ""
    text = value if isinstance(value, str) else msgspec.json.encode(value).decode()
    text = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * _REASON_LIMIT]).split())
    return text if len(text) <= _REASON_LIMIT else text[: _REASON_LIMIT - 1] + "…"
