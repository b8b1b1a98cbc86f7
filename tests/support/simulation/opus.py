"""The service in the simulated world: what it holds, and what it has yet to do.

Owns the records under Overwrite and Skip, effects that come late, and the shapes of an answer. It takes each
record by what the record itself says (`MOOD`): taken, refused alone (418), or refused with its request (400).
"""

from __future__ import annotations

import heapq
import json
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

MOOD = "leafName"
FAILS, POISON = "fails", "poison"
KEY_NAMES = ("rowKey", "RowKey", "row_key", "ROWKEY", "key", "Key", "id", "ID")
REASON_NAMES = ("message", "error", "errorMessage", "ErrorMessage", "reason", "description")


def is_refused(record: dict[str, Any]) -> bool:
    """Tell whether the service never takes this record."""
    return str(record[MOOD]).startswith((FAILS, POISON))


@dataclass(order=True)
class Effect:
    """A request that reached the service, and when it is processed. `skips`: places it never gets to."""

    at: float
    number: int
    records: list[dict[str, Any]] = field(compare=False)
    overwrite: bool = field(compare=False)
    skips: frozenset[int] = field(default=frozenset(), compare=False)
    failed: list[str] = field(default_factory=list, compare=False)
    done: bool = field(default=False, compare=False)


class Opus:
    """What the service holds: rowKey -> record. `history` is each value that was ever processed."""

    def __init__(self) -> None:
        self.held: dict[str, dict[str, Any]] = {}
        self.history: dict[str, list[dict[str, Any]]] = {}
        self.processed: Counter[str] = Counter()
        self._coming: list[Effect] = []
        self._arrived = 0

    def arrive(self, body: bytes, at: float, skips: frozenset[int] = frozenset()) -> Effect:
        """Take a request in, to be processed at that time."""
        content = json.loads(body)
        self._arrived += 1
        overwrite = content["conflictOption"] == "Overwrite"
        effect = Effect(at, self._arrived, content["data"], overwrite, skips)
        heapq.heappush(self._coming, effect)
        return effect

    def pass_time(self, now: float) -> None:
        """Process what has come by then, in order."""
        while self._coming and self._coming[0].at <= now:
            self._process(heapq.heappop(self._coming))

    @property
    def rest(self) -> float:
        """When the last of what is coming will be processed."""
        return max((effect.at for effect in self._coming), default=0.0)

    def _process(self, effect: Effect) -> None:
        effect.done = True
        if any(str(record[MOOD]).startswith(POISON) for record in effect.records):
            return
        for place, record in enumerate(effect.records):
            key = record["rowKey"]
            if is_refused(record):
                effect.failed.append(key)
            elif place not in effect.skips:
                self.history.setdefault(key, []).append(record)
                if effect.overwrite or key not in self.held:
                    self.held[key] = record


def shape_taken(draw: random.Random) -> tuple[int, bytes]:
    """Return one of the answers that say that all was taken."""
    status = draw.choice((201, 201, 201, 200))
    body = draw.choice(
        (
            {"statusCode": 201, "message": None},
            {"StatusCode": 201, "Message": None, "failedItems": []},
            {"statusCode": "201"},
            {"statusCode": 201, "message": None, "failedItems": None},
        )
    )
    return status, json.dumps(body).encode()


def shape_garbled(draw: random.Random) -> bytes:
    """Return the body of one of the successes that are no evidence for anything."""
    return draw.choice(
        (
            b"",
            b"[]",
            b'"ok"',
            b"<html>",
            b"\xff\xfe",
            b'{"statusCode": null',
            b"{}",
            b'{"message": "done"}',
            b'{"error": "boom"}',
            b'{"success": false}',
            b'{"failedItems": {}}',
            b'{"statusCode": 201, "statusCode": 201}',
            b'{"statusCode": 201, "errors": ["boom"]}',
        )
    )


def shape_failures(keys: list[str], draw: random.Random) -> tuple[int, bytes]:
    """Return one of the answers that say that these records failed, in a shape of the contract."""
    http, said = draw.choice(((418, 418), (200, 418), (201, 201), (418, 201)))
    body: dict[str, Any] = {"statusCode": said, "message": draw.choice((None, "processed with exceptions"))}
    items = [_shape_failure(key, draw) for key in keys]
    draw.shuffle(items)
    body[draw.choice(("failedItems", "FailedItems"))] = items
    return http, json.dumps(body).encode()


def _shape_failure(key: str, draw: random.Random) -> Any:
    if draw.random() < 0.3:
        return int(key) if key.isdecimal() and draw.random() < 0.5 else key
    return {draw.choice(KEY_NAMES): key} | (
        {draw.choice(REASON_NAMES): "no such term"} if draw.random() < 0.7 else {"code": 7}
    )
