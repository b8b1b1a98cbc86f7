"""Reading a page of due records: which they are, and what the next page is asked with.

Pure. A page counts only if all of it can be read: a record that is left out would be neither destroyed nor
named. Names are read in any letter case, and times without the blank that they end in.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from msgspec.structs import replace

from opusmap.opus.exchange import Answer, Exchange, NoAnswer
from opusmap.opus.responses import AttemptResult, Verdict, read_due_answer, read_silence

PAGE_SIZE = 100
"""Records that a page gives at most (AvePoint's documentation)."""

_NO_CONTENT = 204


@dataclass(frozen=True, slots=True)
class DueRecord:
    """A record that Opus says is due: its seven built-in columns, an empty text where Opus gives none."""

    key: str
    name: str
    term: str
    created: str
    modified: str
    created_by: str
    modified_by: str


_FIELDS = (
    "rowkey",
    "leafname",
    "termfullpath",
    "timecreated",
    "timemodified",
    "createdby",
    "modifiedby",
)
"""The columns of `DueRecord`, in its order, in lower case."""


@dataclass(frozen=True, slots=True)
class DuePage:
    """A page of due records; `next` is its `startIndex`, None where it is the last one."""

    records: tuple[DueRecord, ...] = field(default=())
    next: str | None = None


def read_due_page(exchange: Exchange) -> tuple[AttemptResult, DuePage]:
    """Return what became of a question for due records, and the page if it was accepted."""
    if isinstance(exchange, NoAnswer):
        return read_silence(exchange, 0.0), DuePage()
    result = read_due_answer(exchange)
    if result.verdict is not Verdict.ACCEPTED or (exchange.status == _NO_CONTENT and not exchange.body):
        return result, DuePage()
    page = _read_page(exchange)
    if isinstance(page, str):
        return replace(result, verdict=Verdict.UNKNOWN, message=page, unreadable=True), DuePage()
    return result, page


def _read_page(answer: Answer) -> DuePage | str:
    """Return the page of an answer, or what about it can't be read."""
    content = {name.lower(): value for name, value in json.loads(answer.body).items()}
    items = content.get("querieditems")
    if not isinstance(items, list):
        return "the answer has no list `queriedItems`"
    records = [_read_record(item) for item in items]
    found = tuple(record for record in records if record is not None)
    if len(found) < len(items):
        return "the answer lists a record without a readable `rowKey`"
    start = content.get("startindex")
    if start is None or start == "":
        return DuePage(found)
    if isinstance(start, bool) or not isinstance(start, str | int):
        return "the answer's `startIndex` is neither a text nor a number"
    return DuePage(found, str(start))


def _read_record(item: Any) -> DueRecord | None:
    if not isinstance(item, dict):
        return None
    values = {name.lower(): value for name, value in item.items()}
    key = values.get("rowkey")
    if isinstance(key, int) and not isinstance(key, bool):
        values["rowkey"] = key = str(key)
    if not isinstance(key, str) or not key:
        return None
    texts = ["" if values.get(name) is None else str(values[name]) for name in _FIELDS]
    return DueRecord(texts[0], *texts[1:3], *(text.strip() for text in texts[3:5]), *texts[5:])
