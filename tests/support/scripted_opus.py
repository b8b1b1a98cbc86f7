"""A service that answers as a script says, below the real client, on a virtual clock."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable
from pathlib import Path
from typing import Any, TypeAlias

import httpx
from sending import send_records

from opusmap.delivery import SubmitTotals
from opusmap.journal import Journal, State, open_journal
from opusmap.opus.client import OpusClient
from opusmap.records import Record
from opusmap.settings import Secret, Settings

SECRET, TOKEN = "Canary-secret", "Canary-token"
Keys: TypeAlias = tuple[str, ...]
Reply: TypeAlias = httpx.Response | Exception | None
Script = Callable[["Opus", Keys], Reply]


class Clock:
    """Time passes only in sleeps, and only after whoever need not wait has gone on for a while."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        for _ in range(40):
            await asyncio.sleep(0)
        self.now = max(self.now, until)


class Opus:
    """A service that takes records, unless its script answers otherwise (None: as usual)."""

    def __init__(self, script: Script = lambda _opus, _keys: None) -> None:
        self.script = script
        self.clock = Clock()
        self.held: dict[str, Any] = {}
        self.requests: list[Keys] = []
        self.times: list[float] = []
        self.bodies: list[dict[str, Any]] = []
        self.paths: list[str] = []
        self.tokens: list[str] = []
        self.sign_ins = 0
        self.in_flight: Counter[str] = Counter()
        self.most_requests = self.most_of_a_key = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/connect/token":
            self.sign_ins += 1
            token = f"{TOKEN}{self.sign_ins}"
            return respond(200, {"token_type": "Bearer", "expires_in": 3600, "access_token": token})
        body = json.loads(request.content)
        keys = tuple(record["rowKey"] for record in body["data"])
        self.requests.append(keys)
        self.times.append(self.clock.now)
        self.bodies.append(body)
        self.paths.append(request.url.path)
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        self.in_flight.update([*keys, "requests"])
        self.most_requests = max(self.most_requests, self.in_flight["requests"])
        self.most_of_a_key = max(self.most_of_a_key, *(self.in_flight[key] for key in keys))
        reply = self.script(self, keys) or self.take(keys)
        for _ in range(20):  # long enough for every worker to be under way
            await asyncio.sleep(0)
        self.in_flight.subtract([*keys, "requests"])
        if isinstance(reply, Exception):
            raise reply
        return reply

    def take(self, keys: Iterable[str], status: int = 201, **more: Any) -> httpx.Response:
        values = {record["rowKey"]: record for body in self.bodies for record in body["data"]}
        self.held.update({key: values[key] for key in keys})
        return respond(status, {"statusCode": status, "message": None, **more})


def respond(status: int, body: Any = None, **headers: str) -> httpx.Response:
    async def chunks() -> AsyncIterator[bytes]:
        yield body if isinstance(body, bytes) else json.dumps(body).encode()

    named = {name.replace("_", "-"): text for name, text in headers.items()}
    return httpx.Response(status, headers=named, content=chunks())


def make_records(count: int) -> list[Record]:
    return [Record(row, f"k{row}", {"rowKey": f"k{row}"}) for row in range(2, count + 2)]


class Submitted:
    """The end of a run: totals, and the journal's states by key."""

    def __init__(self, totals: SubmitTotals, states: dict[str, State], reasons: dict[str, str]) -> None:
        self.totals = totals
        self.states = states
        self.reasons = reasons


def submit(
    opus: Opus,
    records: Iterable[Record],
    *,
    api_path: str = "auto",
    journal: Journal | None = None,
    **options: Any,
) -> Submitted:
    """Send records in a run of their own, to a new journal unless one is given."""

    async def main(journal: Journal) -> Submitted:
        run = journal.start_run(origin="https://opus.example.com", connection="c-1", mapping="m.yaml")
        where = Settings(
            "https://opus.example.com",
            "https://opus.example.com/connect/token",
            "app-1",
            Secret(SECRET),
            Path("j.db"),
            api_path,
        )
        async with OpusClient(where, transport=httpx.MockTransport(opus), clock=opus.clock) as client:
            totals = await send_records(
                records,
                client,
                journal,
                run,
                **{
                    "conflict": "overwrite",
                    "clock": opus.clock,
                    "sleep": opus.clock.sleep,
                    "random": lambda: 0.5,
                    **options,
                },
            )
        found = list(journal.records(run))
        return Submitted(
            totals, {each.key: each.state for each in found}, {each.key: each.reason for each in found}
        )

    if journal is not None:
        return asyncio.run(main(journal))
    with open_journal(":memory:") as new:
        return asyncio.run(main(new))
